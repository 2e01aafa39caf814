//! What every operation of the API takes and answers: the description and the check before every handler read it from here.

mod acting;
mod company;
mod logins;
mod profiles;
mod waiting;
mod watching;

use lifecycle::tag::{TAG_MAX, Tag};
use lifecycle::words::Cause;

use super::shape::{Fields, Shape, may, must};

/// What one operation takes and answers.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name in the table of routes.
    pub id: &'static str,
    /// Parameters in the query.
    pub query: Fields,
    /// The body; no fields: it takes none.
    pub body: Fields,
    /// A body that is taken, as JSON.
    pub example: &'static str,
    /// Media types beside JSON that are taken as they are.
    pub raw: &'static [&'static str],
    /// What it answers when it is done, where that is JSON.
    pub answer: Option<Shape>,
    /// What it answers with 202 when it is noted and has to wait, where that can be.
    pub waits: Option<Shape>,
    /// It is about settings with a version: what answers them says which (`ETag`), what changes them takes one (`If-Match`).
    pub versioned: bool,
}

const fn answers(id: &'static str, answer: Shape) -> Operation {
    Operation { id, query: &[], body: &[], example: "", raw: &[], answer: Some(answer), waits: None, versioned: false }
}

const fn silent(id: &'static str) -> Operation {
    Operation { id, query: &[], body: &[], example: "", raw: &[], answer: None, waits: None, versioned: false }
}

impl Operation {
    const fn takes(mut self, body: Fields, example: &'static str) -> Self {
        self.body = body;
        self.example = example;
        self
    }

    const fn or_raw(mut self, raw: &'static [&'static str]) -> Self {
        self.raw = raw;
        self
    }

    const fn or_waits(mut self, waits: Shape) -> Self {
        self.waits = Some(waits);
        self
    }

    const fn versioned(mut self) -> Self {
        self.versioned = true;
        self
    }

    const fn asked(mut self, query: Fields) -> Self {
        self.query = query;
        self
    }
}

/// What an operation takes and answers.
pub fn of(id: &str) -> Option<&'static Operation> {
    all().find(|operation| operation.id == id)
}

/// Every operation.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [profiles::OPERATIONS, logins::OPERATIONS, acting::OPERATIONS, waiting::OPERATIONS, company::OPERATIONS, watching::OPERATIONS]
        .into_iter()
        .flatten()
}

/// What a parameter in a path looks like.
pub fn in_path(path: &str, name: &str) -> Shape {
    let id = |prefix| Shape::Id(prefix);
    match (name, path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default()) {
        ("id", "profiles") => id("prf_"),
        ("id", "connections") => id("con_"),
        ("id", "webhook-endpoints") => id("whe_"),
        ("id", "api-keys") => id("key_"),
        ("id", "users") => id("usr_"),
        ("id", "teams") => id("tem_"),
        ("id", "freezes") => id("frz_"),
        ("id", "people") => id("per_"),
        ("id", "waiting-acts") => id("act_"),
        ("message", _) => id("msg_"),
        ("network", _) => PRESET,
        _ => Shape::Text { min: 1, max: 500 },
    }
}

const PRESET: Shape = Shape::Pattern { pattern: "^[a-z][a-z0-9_]*$", max: 40, fits: is_plain, what: "is default or the name of a network" };

fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A problem document (RFC 9457).
pub const PROBLEM: Shape = Shape::Object(&[
    must("type", TEXT),
    must("title", TEXT),
    must("status", Shape::Int { min: 400, max: 599 }),
    must("code", TEXT),
    must("detail", TEXT),
    may("field", TEXT),
    may("reason", TEXT),
    may("retry_after", WHOLE),
    may("act", TEXT),
]);

/// Text of ours, of any length.
const TEXT: Shape = Shape::Text { min: 0, max: MANY };
/// As many as there are.
const MANY: usize = usize::MAX;
const MAYBE_TEXT: Shape = Shape::Maybe(&TEXT);
const WHOLE: Shape = Shape::Int { min: 0, max: i64::MAX };
const MOMENT: Shape = Shape::Format { name: "date-time", max: 40 };
const MAYBE_MOMENT: Shape = Shape::Maybe(&MOMENT);
const EMAIL: Shape = Shape::Format { name: "email", max: 254 };
const URL: Shape = Shape::Format { name: "uri", max: 2000 };
const MAYBE_URL: Shape = Shape::Maybe(&URL);
const USER: Shape = Shape::Id("usr_");
const MAYBE_USER: Shape = Shape::Maybe(&USER);
const TAG: Shape = Shape::Pattern {
    pattern: r"^[\p{L}\p{M}\p{N}._-]+$",
    max: TAG_MAX,
    fits: |text| text.parse::<Tag>().is_ok(),
    what: "is a tag: 1 to 40 letters and digits, \"-\", \"_\" and \".\"",
};
const TEAMS: Shape = Shape::List { of: &Shape::Id("tem_"), max: 100 };
const MAYBE_CAUSE: Shape = Shape::Maybe(&Shape::Word(causes));
/// A name that people gave: something to read, on one line.
const NAME: Shape = Shape::Pattern {
    pattern: r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
    max: 80,
    fits: is_name,
    what: "has 1 to 80 characters, on one line",
};
const NOTIFICATIONS: Shape = Shape::Named("Notifications", &NOTIFICATIONS_FIELDS);
const NOTIFICATIONS_FIELDS: Shape = Shape::Object(&[must("no_access_tokens", Shape::Flag), must("renew_soon", Shape::Flag)]);
/// What a network said, in its own words.
const EVIDENCE: Shape = Shape::Named("Evidence", &EVIDENCE_FIELDS);
const EVIDENCE_FIELDS: Shape = Shape::Object(&[
    must("at", MOMENT),
    must("source", TEXT),
    may("http_status", Shape::Int { min: 100, max: 999 }),
    may("code", TEXT),
    must("words", TEXT),
]);

fn causes() -> Vec<&'static str> {
    Cause::ALL.iter().map(|cause| cause.as_str()).collect()
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Shape, all, of};
    use crate::routes::API;

    #[test]
    fn every_operation_is_described_and_nothing_else() {
        let known: BTreeSet<&str> = API.iter().map(|route| route.id).collect();
        let described: Vec<&str> = all().map(|operation| operation.id).collect();
        assert_eq!(described.iter().copied().collect::<BTreeSet<_>>(), known, "describe what is new in api/described");
        assert_eq!(described.len(), known.len(), "each once");
        for route in API {
            let has_answer = of(route.id).is_some_and(|operation| operation.answer.is_some());
            assert_eq!(
                has_answer,
                route.status != 204 && route.answers == "application/json" && !route.is_proxy(),
                "{}: what does it answer?",
                route.id
            );
        }
    }

    #[test]
    fn every_example_is_taken() {
        for operation in all().filter(|operation| !operation.body.is_empty()) {
            let example = serde_json::from_str(operation.example).unwrap_or_else(|error| panic!("{}: {error}", operation.id));
            assert_eq!(Shape::Object(operation.body).check(&example, ""), Ok(()), "{}", operation.id);
        }
    }
}
