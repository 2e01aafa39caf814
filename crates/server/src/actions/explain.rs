//! What happened, who must act, what to do: the same words in API, pages and mails.

use lifecycle::status::{Standing, Status};
use lifecycle::words::Cause;

use crate::i18n::{self, Lang};
use crate::pages::view::title_of;

/// An explanation in a person's language.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// One line.
    pub title: String,
    /// What happened.
    pub happened: String,
    /// The one thing to do.
    pub todo: String,
}

/// The sentence of a cause at a network: its own, where the usual one would not be true there.
pub fn sentence(lang: Lang, network: &str, cause: Cause, part: &str) -> String {
    let own = networks::find(network).and_then(|network| network.words_on(cause));
    let own = own.and_then(|own| match part {
        "happened" => Some(own.happened),
        "todo" => own.todo,
        _ => None,
    });
    own.map_or_else(|| lang.t(&format!("cause.{cause}.{part}")), |own| lang.pick(own.en, own.de)).to_owned()
}

/// Explains a standing. `person` is who must act, where known; `name` the network's in code.
pub fn explain(lang: Lang, standing: &Standing, person: Option<&str>, name: &str) -> Explanation {
    let network = title_of(name);
    let person = person.unwrap_or(lang.t("person.somebody"));
    let holes = [("person", person), ("network", network.as_str())];
    let fill = |key: &str| lang.fill(key, &holes);
    match (standing.status, standing.cause) {
        (Status::Disconnected, _) if standing.lost_in_rotation => {
            Explanation { title: fill("lost.title"), happened: fill("lost.happened"), todo: fill("cause.unknown.todo") }
        }
        (Status::Unverified, cause @ Some(Cause::AppBlocked)) | (Status::Disconnected | Status::RenewSoon, cause) => {
            let cause = cause.unwrap_or(Cause::Unknown);
            let soon = standing.status == Status::RenewSoon && cause == Cause::RenewalDue;
            let told = |part: &str| i18n::filled(&sentence(lang, name, cause, part), &holes);
            let part = |part: &str| if soon { fill(&format!("soon.{part}")) } else { told(part) };
            Explanation { title: part("title"), happened: part("happened"), todo: part("todo") }
        }
        (Status::Unverified, _) => {
            Explanation { title: fill("unverified.title"), happened: fill("unverified.happened"), todo: fill("unverified.todo") }
        }
        (Status::Connected, _) => Explanation { title: fill("connected.title"), happened: fill("connected.happened"), todo: String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_own_words_where_the_usual_ones_would_be_wrong() {
        let said = |lang, network| sentence(lang, network, Cause::RevokedByPerson, "happened");
        for (network, en, de) in
            [("discord", "webhook", "Webhook"), ("youtube", "Google account", "Google-Konto"), ("mastodon", "reset by mail", "per Mail")]
        {
            assert!(said(Lang::En, network).contains(en) && said(Lang::De, network).contains(de), "{network}");
        }
        assert!(!said(Lang::En, "discord").contains("password") && !said(Lang::En, "google_business").contains("password"));
        assert_eq!(said(Lang::En, "pinterest"), Lang::En.t("cause.revoked_by_person.happened"));
        // Whatever is to be filled in can be.
        for network in networks::ALL {
            for cause in Cause::ALL {
                for part in ["happened", "todo"] {
                    for lang in [Lang::En, Lang::De] {
                        let text = i18n::filled(&sentence(lang, network.about().name, *cause, part), &[("person", "P"), ("network", "N")]);
                        assert!(!text.is_empty() && !text.contains('{'), "{} {cause} {part}: {text}", network.about().name);
                    }
                }
            }
        }
    }
}
