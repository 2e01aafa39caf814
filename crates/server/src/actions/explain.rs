//! What happened, who must act, what to do: the same words in API, pages and mails.

use lifecycle::status::{Standing, Status};
use lifecycle::words::Cause;

use crate::i18n::Lang;

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

/// Explains a standing. `person` is who must act, where known.
pub fn explain(lang: Lang, standing: &Standing, person: Option<&str>, network: &str) -> Explanation {
    let person = person.unwrap_or(lang.t("person.somebody"));
    let fill = |key: &str| lang.fill(key, &[("person", person), ("network", network)]);
    match (standing.status, standing.cause) {
        (Status::Disconnected, _) if standing.lost_in_rotation => {
            Explanation { title: fill("lost.title"), happened: fill("lost.happened"), todo: fill("cause.unknown.todo") }
        }
        (Status::Disconnected | Status::RenewSoon, cause) => {
            let cause = cause.unwrap_or(Cause::Unknown);
            let soon = standing.status == Status::RenewSoon && cause == Cause::RenewalDue;
            let part = |part: &str| if soon { fill(&format!("soon.{part}")) } else { fill(&format!("cause.{cause}.{part}")) };
            Explanation { title: part("title"), happened: part("happened"), todo: part("todo") }
        }
        (Status::Unverified, _) => {
            Explanation { title: fill("unverified.title"), happened: fill("unverified.happened"), todo: fill("unverified.todo") }
        }
        (Status::Connected, _) => Explanation { title: fill("connected.title"), happened: fill("connected.happened"), todo: String::new() },
    }
}
