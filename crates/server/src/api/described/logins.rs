//! Logins at networks and what they hold, renewal links through several profiles, and why a profile is as it is.

use lifecycle::ledger::Ending;
use lifecycle::repair::{Fate, Help, Way};

use super::profiles::{PERSON, STATUS, confidences};
use super::{EMAIL, EVIDENCE, MANY, MAYBE_CAUSE, MAYBE_MOMENT, MAYBE_TEXT, MOMENT, Operation, TEXT, URL, WHOLE, answers, silent};
use crate::actions::invite::LINK_MAX;
use crate::api::shape::{Shape, may, must};

const PROFILE: Shape = Shape::Id("prf_");
const SOME_PROFILES: Shape = Shape::List { of: &PROFILE, max: LINK_MAX };
const SOME_PEOPLE: Shape = Shape::List { of: &Shape::Id("per_"), max: 1000 };

pub(super) const OPERATIONS: &[Operation] = &[
    answers("explainProfile", STORY),
    answers("listRenewalLinks", Shape::Object(&[must("items", Shape::List { of: &OPEN_LINK, max: MANY })])),
    answers("createRenewalLink", LINK).takes(
        &[
            may("profile_ids", SOME_PROFILES),
            may("person_ids", SOME_PEOPLE),
            may("until", MOMENT),
            may("email", EMAIL),
            may("any_admin", Shape::Flag),
        ],
        r#"{"person_ids":["per_00000000000000000000000000000001"],"until":"2027-03-31","email":"admin@example.com"}"#,
    ),
    silent("withdrawRenewalLink"),
    answers("listPeople", Shape::Object(&[must("items", Shape::List { of: &BRIEF, max: MANY }), must("next_cursor", MAYBE_TEXT)]))
        .asked(&[may("q", Shape::Text { min: 0, max: 200 }), may("cursor", CURSOR), may("limit", Shape::Int { min: 1, max: 200 })]),
    answers("getPerson", WHOLE_PERSON),
    answers("askReplacement", LINK).takes(&[may("email", EMAIL), may("profile_ids", SOME_PROFILES)], r#"{"email":"admin@example.com"}"#),
    answers("giveUpPerson", Shape::Object(&[must("profiles", WHOLE), must("lost_profile_ids", Shape::List { of: &PROFILE, max: MANY })]))
        .takes(&[must("confirm", Shape::Flag)], r#"{"confirm":true}"#),
];

const CURSOR: Shape = Shape::Pattern {
    pattern: r"^per_[0-9a-f]{32}~[^\u0000]*$",
    max: 400,
    fits: |text| text.split_once('~').is_some_and(|(id, _)| Shape::Id("per_").check_text(id).is_ok()),
    what: "is not one of ours; take next_cursor as it came",
};

const STORY: Shape = Shape::Named("Story", &STORY_FIELDS);
const STORY_FIELDS: Shape = Shape::Object(&[
    must("id", PROFILE),
    must("status", STATUS),
    must("since", MOMENT),
    must("cause", MAYBE_CAUSE),
    must(
        "explanation",
        Shape::Object(&[must("title", TEXT), must("happened", TEXT), must("who_must_act", MAYBE_TEXT), must("what_to_do", MAYBE_TEXT)]),
    ),
    must("confidence", Shape::Maybe(&Shape::Word(confidences))),
    must("confidence_explained", MAYBE_TEXT),
    must("way", Shape::Word(ways)),
    must("repair_url", URL),
    must("evidence", Shape::List { of: &SEEN, max: MANY }),
    must("tried", Shape::List { of: &SEEN, max: MANY }),
    must("renewals", Shape::List { of: &RENEWAL, max: MANY }),
    must("holders", Shape::List { of: &HELPER, max: MANY }),
    must("others", Shape::List { of: &CANDIDATE, max: MANY }),
    must("used_by", Shape::Maybe(&Shape::List { of: &USE, max: MANY })),
]);
const SEEN: Shape = Shape::Named("Seen", &SEEN_FIELDS);
const SEEN_FIELDS: Shape =
    Shape::Object(&[must("at", MOMENT), must("event", TEXT), must("actor", Shape::Any), must("evidence", Shape::Maybe(&EVIDENCE))]);
const RENEWAL: Shape = Shape::Named("Renewal", &RENEWAL_FIELDS);
const RENEWAL_FIELDS: Shape = Shape::Object(&[
    must("at", MOMENT),
    must("person", PERSON),
    must("sent", Shape::Flag),
    must("ending", Shape::Maybe(&Shape::Word(endings))),
]);
const HELPER: Shape = Shape::Named("Helper", &HELPER_FIELDS);
const HELPER_FIELDS: Shape = Shape::Object(&[
    must("person", PERSON),
    must("role", MAYBE_TEXT),
    must("help", Shape::Word(helps)),
    must("verified_at", MAYBE_MOMENT),
    must("role_seen_at", MAYBE_MOMENT),
    must("next_check_at", MAYBE_MOMENT),
    must("human_deadline", MAYBE_MOMENT),
    must("doubted_since", MAYBE_MOMENT),
]);
const CANDIDATE: Shape = Shape::Object(&[must("person", PERSON), must("role", MAYBE_TEXT), must("login_works", Shape::Flag)]);
const USE: Shape = Shape::Object(&[must("actor", Shape::Any), must("act", TEXT), must("count", WHOLE), must("last_at", MOMENT)]);

const LINK: Shape = Shape::Object(&[must("link", URL), must("expires_at", MOMENT), must("profile_ids", SOME_PROFILES)]);
const OPEN_LINK: Shape = Shape::Named("RenewalLink", &OPEN_LINK_FIELDS);
const OPEN_LINK_FIELDS: Shape = Shape::Object(&[
    must("id", TEXT),
    must("created_by", Shape::Any),
    must("email", MAYBE_TEXT),
    must("not_arrived", MAYBE_TEXT),
    must("created_at", MOMENT),
    must("expires_at", MOMENT),
    must("profiles", WHOLE),
    must("done", WHOLE),
]);

const BRIEF: Shape = Shape::Named("Login", &BRIEF_FIELDS);
const BRIEF_FIELDS: Shape = Shape::Plus(
    &PERSON,
    &[
        must("network", TEXT),
        must("instance", TEXT),
        must("login_works", Shape::Maybe(&Shape::Flag)),
        must("profiles", WHOLE),
        must("held_alone", WHOLE),
        must("deadline", MAYBE_MOMENT),
    ],
);
const WHOLE_PERSON: Shape = Shape::Named("WholeLogin", &WHOLE_PERSON_FIELDS);
const WHOLE_PERSON_FIELDS: Shape = Shape::Plus(
    &BRIEF_FIELDS,
    &[
        must("deadlines", Shape::Object(&[must("access", MAYBE_MOMENT), must("refresh", MAYBE_MOMENT), must("human", MAYBE_MOMENT)])),
        must("frozen", Shape::Flag),
        must("holds", Shape::List { of: &HOLDING, max: MANY }),
    ],
);
const HOLDING: Shape = Shape::Named("Holding", &HOLDING_FIELDS);
const HOLDING_FIELDS: Shape = Shape::Object(&[
    must("id", PROFILE),
    must("name", TEXT),
    must("status", STATUS),
    must("role", MAYBE_TEXT),
    must("without_them", Shape::Word(fates)),
    must("others", Shape::List { of: &PERSON, max: MANY }),
    must("could_take_over", Shape::List { of: &PERSON, max: MANY }),
]);

fn ways() -> Vec<&'static str> {
    Way::ALL.iter().map(|way| way.as_str()).collect()
}

fn helps() -> Vec<&'static str> {
    Help::ALL.iter().map(|help| help.as_str()).collect()
}

fn fates() -> Vec<&'static str> {
    Fate::ALL.iter().map(|fate| fate.as_str()).collect()
}

fn endings() -> Vec<&'static str> {
    Ending::ALL.iter().map(|ending| ending.as_str()).collect()
}
