//! Posts as several profiles, and acts that wait: for a token, for somebody's approval, for a clear answer.

use lifecycle::status::Status;
use lifecycle::waiting::State;

use super::acting::MEDIA;
use super::{MANY, MAYBE_MOMENT, MAYBE_TEXT, MAYBE_URL, MAYBE_USER, MOMENT, Operation, PROBLEM, TEXT, WHOLE, answers};
use crate::api::shape::{Field, Shape, may, must};

pub(super) const OPERATIONS: &[Operation] = &[
    answers("publishPosts", ALL_EACH).takes(
        &[PROFILES, WORDS, may("link", MAYBE_URL), TITLE, PICTURES, WHEN_DISCONNECTED, HOLD_UNTIL],
        r#"{"profiles":["prf_0198c0ffee000000000000000000cafe"],"text":"The new hut is open"}"#,
    ),
    // A link that leads nowhere is one of the things that a check tells of.
    answers("checkPosts", ALL_CHECKED).takes(
        &[PROFILES, WORDS, may("link", Shape::Maybe(&Shape::Text { min: 0, max: 4000 })), TITLE, PICTURES],
        r#"{"profiles":["prf_0198c0ffee000000000000000000cafe"],"text":"The new hut is open"}"#,
    ),
    answers("listWaitingActs", ALL_ACTS).asked(&[may("state", Shape::Word(states))]),
    answers("getWaitingAct", ACT),
    answers("approveWaitingAct", SAID),
    answers("declineWaitingAct", ACT),
    answers("withdrawWaitingAct", ACT),
    answers("repeatWaitingAct", SAID),
];

/// The words of a post; a network may want none where there is a picture.
pub(super) const WORDS: Field = must("text", Shape::Text { min: 0, max: 100_000 });
pub(super) const TITLE: Field = may("title", Shape::Maybe(&Shape::Text { min: 0, max: 1000 }));
pub(super) const PICTURES: Field = may("media", Shape::List { of: &MEDIA, max: 35 });
pub(super) const WHEN_DISCONNECTED: Field = may("when_disconnected", Shape::Word(|| vec!["fail", "hold"]));
pub(super) const HOLD_UNTIL: Field = may("hold_until", MAYBE_MOMENT);

/// An answer of 202: it is noted, and nothing was sent.
pub(super) const WAITS: Shape = Shape::Named("Waits", &WAITS_FIELDS);
const WAITS_FIELDS: Shape = Shape::Object(&[
    must("result", Shape::Word(|| vec!["held", "waiting"])),
    must("act", ACT_ID),
    must("until", MOMENT),
    may("approval_by", MAYBE_USER),
]);

pub(super) const ACT_ID: Shape = Shape::Id("act_");
const PROFILES: Field = must("profiles", Shape::List { of: &TEXT, max: 100 });

const ALL_EACH: Shape = Shape::Object(&[must("items", Shape::List { of: &EACH, max: MANY })]);
const ALL_CHECKED: Shape = Shape::Object(&[must("items", Shape::List { of: &CHECKED, max: MANY })]);
const ALL_ACTS: Shape = Shape::Object(&[must("items", Shape::List { of: &ACT, max: MANY })]);

/// What became of one.
const SAID: Shape = Shape::Named("Said", &SAID_FIELDS);
const SAID_FIELDS: Shape = Shape::Object(&[
    must("result", Shape::Word(|| vec!["posted", "held", "waiting"])),
    must("act", ACT_ID),
    may("id", TEXT),
    may("url", MAYBE_TEXT),
    may("note", MAYBE_TEXT),
    may("until", MOMENT),
    may("approval_by", MAYBE_USER),
]);

/// The same for each profile of several.
const EACH: Shape = Shape::Named("PostedAs", &EACH_FIELDS);
const EACH_FIELDS: Shape = Shape::Object(&[
    must("profile", TEXT),
    must("result", Shape::Word(|| vec!["posted", "held", "waiting", "refused", "unclear"])),
    may("act", ACT_ID),
    may("id", TEXT),
    may("url", MAYBE_TEXT),
    may("note", MAYBE_TEXT),
    may("until", MOMENT),
    may("approval_by", MAYBE_USER),
    may("problem", Shape::Named("Problem", &PROBLEM)),
]);

const CHECKED: Shape = Shape::Named("CheckedPost", &CHECKED_FIELDS);
const CHECKED_FIELDS: Shape = Shape::Object(&[
    must("profile", TEXT),
    must("fits", Shape::Flag),
    must("would", Shape::Word(|| vec!["post", "wait_for_approval", "hold_or_fail", "refuse"])),
    may("counted", WHOLE),
    may("max", WHOLE),
    may("note", MAYBE_TEXT),
    may("problem", Shape::Named("Problem", &PROBLEM)),
]);

const ACT: Shape = Shape::Named("WaitingAct", &ACT_FIELDS);
const ACT_FIELDS: Shape = Shape::Object(&[
    must("id", ACT_ID),
    must("kind", Shape::Word(|| vec!["post", "comment"])),
    must("state", Shape::Word(states)),
    must("text", TEXT),
    must("under", MAYBE_TEXT),
    must("in_reply_to", MAYBE_TEXT),
    must(
        "profile",
        Shape::Object(&[must("id", Shape::Id("prf_")), must("name", TEXT), must("network", TEXT), must("status", Shape::Word(statuses))]),
    ),
    must("wanted_by", Shape::Open),
    must("approval_by", MAYBE_USER),
    must("decided_by", Shape::Maybe(&Shape::Open)),
    must("network_id", MAYBE_TEXT),
    must("url", MAYBE_TEXT),
    must("problem", Shape::Maybe(&Shape::Open)),
    must("note", MAYBE_TEXT),
    must("created_at", MOMENT),
    must("changed_at", MOMENT),
    must("until", MOMENT),
]);

fn states() -> Vec<&'static str> {
    State::ALL.iter().map(|state| state.as_str()).collect()
}

fn statuses() -> Vec<&'static str> {
    Status::ALL.iter().map(|status| status.as_str()).collect()
}
