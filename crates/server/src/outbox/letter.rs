//! What a mail says: the same words as the pages, a text part and an HTML part, in the recipient's language.

use lifecycle::time::Timestamp;
use lifecycle::words::Cause;
use serde_json::Value;
use store::outbox::Letter;

use super::frame;
use crate::actions::explain;
use crate::i18n::{self, Lang};
use crate::pages::view;
use crate::show;

/// A mail, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// One line, without control characters.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The link that switches such mails off; digests only.
    pub unsubscribe: Option<String>,
}

/// What is said, before it takes the shape of a mail or of a chat's message.
pub(super) struct Draft {
    /// One line.
    pub(super) subject: String,
    /// The rest.
    pub(super) paragraphs: Vec<String>,
    /// In the network's own words.
    pub(super) quote: Option<String>,
    /// The one thing to do: words and address.
    pub(super) button: Option<(String, String)>,
    footer: String,
}

/// Writes a mail.
pub fn compose(letter: &Letter, public_url: &str) -> Composed {
    let lang = Lang::from_code(&letter.language);
    if letter.kind == "digest" {
        return super::digest::compose(letter, lang, public_url);
    }
    render(lang, &draft(letter, lang, public_url))
}

/// The words of an event are those of the mail about it.
fn words_of(kind: &str) -> &str {
    match kind {
        "profile.disconnected" => "no_access_tokens",
        other => other.strip_prefix("profile.").or(other.strip_prefix("endpoint.")).unwrap_or(other),
    }
}

/// Finds the words for a message.
pub(super) fn draft(letter: &Letter, lang: Lang, public_url: &str) -> Draft {
    let profiles: Vec<&Value> = letter.payload["profiles"].as_array().into_iter().flatten().collect();
    let names: Vec<String> =
        profiles.iter().map(|profile| format!("{} ({})", text(&profile["name"]), title_of(&text(&profile["network"])))).collect();
    let first = names.first().cloned().unwrap_or_default();
    let more = names.len().saturating_sub(1);
    let shown = if more == 0 { first } else { lang.fill("mail.and_more", &[("name", &first), ("count", &more.to_string())]) };
    let network = profiles.first().map(|profile| title_of(&text(&profile["network"]))).unwrap_or_default();
    let person = match &letter.payload["person"] {
        Value::Null => lang.t("person.somebody").to_owned(),
        person => text(&person["name"]),
    };
    let happened = || match Cause::parse(letter.payload["cause"].as_str().unwrap_or_default()) {
        _ if letter.payload["lost_in_rotation"] == Value::Bool(true) => lang.t("lost.happened").to_owned(),
        cause => {
            let name = profiles.first().map(|profile| text(&profile["network"])).unwrap_or_default();
            explain::sentence(lang, &name, cause.unwrap_or(Cause::Unknown), "happened")
        }
    };
    let date = letter.payload["deadline"].as_i64().map(|at| show::date(Timestamp::from_micros(at), "UTC", lang)).unwrap_or_default();
    let days = letter.payload["days"].as_i64().unwrap_or_default().to_string();
    let count = letter.payload["count"].as_i64().unwrap_or_default().to_string();
    let values = [
        ("name", shown.as_str()),
        ("person", &person),
        ("network", &network),
        ("date", &date),
        ("days", &days),
        ("organisation", letter.payload["organisation"].as_str().unwrap_or("Staygreen")),
        ("reader", letter.payload["reader"].as_str().unwrap_or_default()),
        ("count", &count),
        ("asks", letter.payload["asks"].as_str().unwrap_or_default()),
    ];
    let fill = |key: &str| lang.fill(key, &values);
    let id = profiles.first().map(|profile| text(&profile["id"])).unwrap_or_default();
    let renew = format!("{public_url}/settings/profiles/{id}/refresh");
    let link = letter.link.as_ref().map(|link| link.to_string());
    let kind = words_of(&letter.kind);
    let mut paragraphs = vec![fill(&format!("mail.{kind}.body"))];
    let mut button = None;
    let mut quote = None;
    match kind {
        "no_access_tokens" => {
            paragraphs.push(i18n::filled(&happened(), &values));
            paragraphs.push(fill("mail.must_act"));
            let words = letter.payload["evidence"]["words"].as_str().filter(|words| !words.is_empty());
            quote = words.map(|words| lang.fill("mail.evidence", &[("network", &network), ("words", words)]));
            button = Some((fill("mail.renew_button"), renew));
        }
        "deleted" => {
            let named = profiles.first().map(|profile| text(&profile["network"])).unwrap_or_default();
            paragraphs.extend(view::end_of_access(lang, &named));
        }
        "storm" => button = Some((fill("mail.storm.button"), format!("{public_url}/settings/profiles?status=disconnected"))),
        "reminder" => {
            paragraphs.push(i18n::filled(&happened(), &values));
            paragraphs.push(fill("mail.must_act"));
            paragraphs.push(lang.fill("mail.reminder.quiet", &[("link", &format!("{public_url}/settings/profiles/{id}/notifications"))]));
            button = Some((fill("mail.renew_button"), renew));
        }
        "renew_soon" => {
            paragraphs.push(fill("mail.must_act"));
            button = Some((fill("mail.renew_button"), renew));
        }
        "out_of_reach" => {
            paragraphs.push(fill("mail.out_of_reach.todo"));
            button = Some((fill("mail.out_of_reach.button"), format!("{public_url}/settings/profiles/{id}")));
        }
        "recovered" | "connected" => button = Some((fill("mail.recovered.button"), format!("{public_url}/settings/profiles/{id}"))),
        "new_profiles" if letter.payload["added"] == Value::Bool(true) => {
            paragraphs.push(fill("mail.new_profiles.added"));
            button = Some((fill("mail.recovered.button"), format!("{public_url}/settings/profiles/{id}")));
        }
        "new_profiles" => {
            let network = profiles.first().map(|profile| text(&profile["network"])).unwrap_or_default();
            button = Some((fill("mail.new_profiles.button"), format!("{public_url}/settings/profiles/add/{network}")));
        }
        "unreached" => button = Some((fill("mail.unreached.button"), format!("{public_url}/settings/profiles/{id}/notifications"))),
        "approval_wanted" | "approvals_wanted" => button = Some((fill("mail.approval_wanted.button"), format!("{public_url}/compose"))),
        "test_mail" => button = Some((fill("mail.test_mail.button"), format!("{public_url}/account"))),
        "test" => button = Some((fill("mail.test.button"), format!("{public_url}/settings/webhooks"))),
        _ => button = button.or(link.map(|link| (fill(&format!("mail.{kind}.button")), link))),
    }
    if names.len() > 1 {
        paragraphs.push(format!("{} {}", lang.t("mail.all_profiles"), names.join(", ")));
    }
    let settings = format!("{public_url}/settings/profiles/{id}");
    let footer = match (letter.payload["undelivered"]["to"].as_str(), letter.payload["rerouted"]["reason"].as_str()) {
        (Some(to), _) => lang.fill("mail.footer.undelivered", &[("to", to)]),
        (None, Some(reason)) => lang.fill(&format!("mail.footer.{reason}"), &[("link", &settings)]),
        (None, None) if letter.link.is_some() => fill("mail.footer_link"),
        (None, None) if kind.ends_with("_wanted") => {
            lang.fill("mail.footer.approval_wanted", &[("link", &format!("{public_url}/account"))])
        }
        (None, None) if kind == "new_profiles" => lang.fill("mail.footer.new_profiles", &[("link", &format!("{public_url}/account"))]),
        (None, None) => lang.fill("mail.footer", &[("link", &format!("{public_url}/account"))]),
    };
    Draft { subject: one_line(&fill(&format!("mail.{kind}.subject"))), paragraphs, quote, button, footer }
}

/// Names come from networks: no line break leaves a subject (NT-28).
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(180).collect()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn title_of(network: &str) -> String {
    networks::find(network).map_or(network, |network| network.about().title).to_owned()
}

fn render(lang: Lang, draft: &Draft) -> Composed {
    let subject = draft.subject.clone();
    let quote = draft.quote.iter().map(|quote| format!("> {quote}"));
    let button = draft.button.iter().map(|(label, url)| format!("{label}:\n{url}"));
    let text: Vec<String> = draft.paragraphs.iter().cloned().chain(quote).chain(button).chain([format!("-- \n{}", draft.footer)]).collect();
    let mut body: String = draft.paragraphs.iter().map(|text| frame::paragraph(text)).collect();
    body.extend(draft.quote.iter().map(|words| frame::quote(words)));
    body.extend(draft.button.iter().map(|(label, url)| frame::button(label, url)));
    let html = frame::page(lang, &subject, &body, &frame::esc(&draft.footer));
    Composed { subject, text: text.join("\n\n"), html, unsubscribe: None }
}

#[cfg(test)]
impl Draft {
    /// A draft of one paragraph.
    pub(super) fn for_tests(subject: &str, paragraph: &str, button: (&str, &str)) -> Self {
        let button = Some((button.0.to_owned(), button.1.to_owned()));
        Self { subject: subject.into(), paragraphs: vec![paragraph.into()], quote: None, button, footer: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::ids::fresh;

    use super::*;

    fn letter(kind: &str, language: &str, name: &str) -> Letter {
        Letter {
            id: fresh(),
            organisation: fresh(),
            kind: kind.into(),
            channel: "mail".into(),
            recipient: "tom@example.com".into(),
            user: None,
            language: language.into(),
            payload: json!({
                "profiles": [{ "id": "prf_00000000000000000000000000000001", "name": name, "network": "linkedin", "kind": "page" }],
                "cause": "password_changed", "evidence": { "at": 0, "source": "probe", "words": "revoked by the user" },
                "person": { "name": "Jana Lindner", "handle": null }, "deadline": 1_800_000_000_000_000_i64, "days": 14,
                "organisation": "Fernweh", "asks": "Tom", "count": 4, "reader": "Mira Sato"
            }),
            link: matches!(kind, "invitation" | "renewal_link").then(|| zeroize::Zeroizing::new("https://sg.example/renew/x".to_owned())),
            tries: 1,
            created_at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn every_mail_in_both_languages_is_complete() {
        let kinds = [
            "no_access_tokens",
            "reminder",
            "storm",
            "renew_soon",
            "out_of_reach",
            "recovered",
            "unreached",
            "approval_wanted",
            "approvals_wanted",
            "test_mail",
            "invitation",
            "renewal_link",
        ];
        for kind in kinds {
            for language in ["en", "de"] {
                let mail = compose(&letter(kind, language, "Fernweh Outdoor"), "https://sg.example");
                // Braces in the styles are no holes.
                let (_, html) = mail.html.split_once("</style>").expect("styles");
                for part in [mail.subject.as_str(), &mail.text, html] {
                    assert!(!part.contains(crate::i18n::MISSING) && !part.contains('{'), "{kind} {language}: {part}");
                }
                assert!(mail.text.contains("https://sg.example/") && mail.html.contains("https://sg.example/"), "{kind}: one link");
            }
        }
        let mail = compose(&letter("no_access_tokens", "en", "Fernweh Outdoor"), "https://sg.example");
        assert!(mail.text.contains("Jana Lindner") && mail.text.contains("revoked by the user") && mail.text.contains("password"));
    }

    #[test]
    fn nt_28_names_break_neither_header_nor_markup() {
        let mail = compose(&letter("no_access_tokens", "en", "Evil\r\nBcc: x@y.z <script>"), "https://sg.example");
        assert!(!mail.subject.contains('\n') && !mail.subject.contains('\r'));
        assert!(!mail.html.contains("<script>"));
    }
}
