//! Networks, connections, profiles.

use lifecycle::status::Status;
use lifecycle::tag::TAGS_MAX;
use lifecycle::words::Confidence;
use networks::network::Kind;

use super::{
    EMAIL, EVIDENCE, MANY, MAYBE_CAUSE, MAYBE_MOMENT, MAYBE_TEXT, MAYBE_USER, MOMENT, NOTIFICATIONS, Operation, TAG, TEAMS, TEXT, URL,
    USER, WHOLE, answers, silent,
};
use crate::api::shape::{Shape, may, must};

const HANDLE: Shape = Shape::Text { min: 1, max: 253 };

pub(super) const OPERATIONS: &[Operation] = &[
    answers("listNetworks", Shape::Object(&[must("items", Shape::List { of: &NETWORK, max: MANY })])),
    answers("beginConnection", BEGUN).takes(
        &[must("network", Shape::Network), may("instance", HANDLE), may("handle", HANDLE), may("return_to", URL)],
        r#"{"network":"mastodon","instance":"mastodon.example"}"#,
    ),
    answers("getConnection", CONNECTION),
    answers("addProfiles", CONNECTION).takes(
        &[must("ids", Shape::List { of: &Shape::Text { min: 1, max: 500 }, max: 1000 }), may("team_id", Shape::Maybe(&Shape::Id("tem_")))],
        r#"{"ids":["urn:li:organization:1001"]}"#,
    ),
    answers("listProfiles", Shape::Object(&[must("items", Shape::List { of: &PROFILE, max: MANY }), must("next_cursor", MAYBE_TEXT)]))
        .asked(&[
            may("network", Shape::Text { min: 1, max: 40 }),
            may("status", STATUS),
            may("cause", Shape::Word(super::causes)),
            may("owner", USER),
            may("team", Shape::Id("tem_")),
            may("tag", TAG),
            may("q", Shape::Text { min: 0, max: 200 }),
            may("cursor", CURSOR),
            may("limit", Shape::Int { min: 1, max: 200 }),
        ]),
    answers("listTags", Shape::Object(&[must("items", Shape::List { of: &TAGGED, max: MANY })])),
    answers("getProfile", WHOLE_PROFILE).versioned(),
    answers("changeProfile", WHOLE_PROFILE).versioned().takes(
        &[
            may("owner_id", MAYBE_USER),
            may("team_ids", TEAMS),
            may("tags", Shape::List { of: &TAG, max: TAGS_MAX }),
            may("notifications", NOTIFICATIONS),
        ],
        r#"{"owner_id":null,"team_ids":[],"tags":["launch"],"notifications":{"no_access_tokens":true,"renew_soon":true}}"#,
    ),
    silent("deleteProfile"),
    answers(
        "refreshConnection",
        Shape::Object(&[may("connection_id", Shape::Id("con_")), may("authorize_url", URL), may("link", URL), must("expires_at", MOMENT)]),
    )
    .takes(
        &[must("via", Shape::Word(ways)), may("email", EMAIL), may("any_admin", Shape::Flag)],
        r#"{"via":"link","email":"admin@example.com"}"#,
    ),
    answers("checkProfile", CHECKED),
];

pub(super) const STATUS: Shape = Shape::Word(statuses);
const CURSOR: Shape = Shape::Pattern {
    pattern: r"^prf_[0-9a-f]{32}~[^\u0000]*$",
    max: 400,
    fits: |text| text.split_once('~').is_some_and(|(id, _)| Shape::Id("prf_").check_text(id).is_ok()),
    what: "is not one of ours; take next_cursor as it came",
};

const NETWORK: Shape = Shape::Named("Network", &NETWORK_FIELDS);
const NETWORK_FIELDS: Shape = Shape::Object(&[
    must("name", TEXT),
    must("title", TEXT),
    must(
        "can",
        Shape::Object(&[
            must("connect", ABILITY),
            must("publish", ABILITY),
            must("comment", ABILITY),
            must("read_comments", ABILITY),
            must("reply", ABILITY),
        ]),
    ),
    must("media", Shape::Maybe(&TAKES)),
    must("rules", Shape::List { of: &TEXT, max: MANY }),
    must(
        "lifetimes",
        Shape::Object(&[
            must("access_seconds", Shape::Maybe(&WHOLE)),
            must("refresh_seconds", Shape::Maybe(&WHOLE)),
            must("manual_renewal_seconds", Shape::Maybe(&WHOLE)),
        ]),
    ),
    must("idle_checks", Shape::Maybe(&IDLE_CHECKS)),
    must("network_app_configured", Shape::Flag),
]);
/// The most pictures and films of a post, whether it needs one, and whether both go together.
const TAKES: Shape = Shape::Object(&[
    must("needed", Shape::Flag),
    must("pictures", WHOLE),
    must("films", WHOLE),
    must("together", Shape::Flag),
    must("words", TEXT),
]);
/// How often a rotating token that nobody uses is proven, what was measured, and what that costs.
const IDLE_CHECKS: Shape = Shape::Object(&[
    must("every_seconds", WHOLE),
    must("rotations", WHOLE),
    must("lost", WHOLE),
    must("lost_of_a_million", Shape::Any),
    must("lost_of_a_thousand_in_a_year", Shape::Any),
    must("lost_of_a_thousand_in_a_year_if_daily", Shape::Any),
]);
const ABILITY: Shape = Shape::Named("Ability", &ABILITY_FIELDS);
const ABILITY_FIELDS: Shape = Shape::Object(&[must("allowed", Shape::Flag), may("reason", TEXT)]);

const BEGUN: Shape = Shape::Object(&[must("id", Shape::Id("con_")), must("authorize_url", URL), must("expires_at", MOMENT)]);

const CONNECTION: Shape = Shape::Named("Connection", &CONNECTION_FIELDS);
const CONNECTION_FIELDS: Shape = Shape::Object(&[
    must("id", Shape::Id("con_")),
    must("network", TEXT),
    must("status", Shape::Word(|| vec!["pending", "choose", "complete", "failed"])),
    must("person", Shape::Maybe(&PERSON)),
    must("discovered", Shape::List { of: &DISCOVERED, max: MANY }),
    must("profiles", Shape::List { of: &Shape::Id("prf_"), max: MANY }),
    must("left_out", Shape::List { of: &TEXT, max: MANY }),
    must("error", Shape::Maybe(&FAILED)),
    must("expires_at", MOMENT),
]);
const DISCOVERED: Shape = Shape::Named("Discovered", &DISCOVERED_FIELDS);
const DISCOVERED_FIELDS: Shape = Shape::Object(&[
    must("id", TEXT),
    must("kind", Shape::Word(kinds)),
    must("name", TEXT),
    must("handle", MAYBE_TEXT),
    must("role", MAYBE_TEXT),
    must("parent", MAYBE_TEXT),
    must("usable", Shape::Flag),
    must("reason", MAYBE_TEXT),
]);
const FAILED: Shape = Shape::Named("ConnectionError", &FAILED_FIELDS);
const FAILED_FIELDS: Shape = Shape::Object(&[
    must("code", TEXT),
    must("evidence", Shape::Maybe(&EVIDENCE)),
    must("expected", Shape::List { of: &TEXT, max: MANY }),
    must("came", MAYBE_TEXT),
    must("words", MAYBE_TEXT),
]);

pub(super) const PERSON: Shape = Shape::Named("Person", &PERSON_FIELDS);
const PERSON_FIELDS: Shape = Shape::Object(&[must("id", Shape::Id("per_")), must("name", TEXT), must("handle", MAYBE_TEXT)]);

const PROFILE: Shape = Shape::Named("Profile", &PROFILE_FIELDS);
const PROFILE_FIELDS: Shape = Shape::Object(&[
    must("id", Shape::Id("prf_")),
    must("network", TEXT),
    must("instance", TEXT),
    must("kind", Shape::Word(kinds)),
    must("network_id", TEXT),
    must("name", TEXT),
    must("handle", MAYBE_TEXT),
    must("parent_id", Shape::Maybe(&Shape::Id("prf_"))),
    must("enabled", Shape::Flag),
    must("status", STATUS),
    must("cause", MAYBE_CAUSE),
    must("since", MOMENT),
    must("deadline", MAYBE_MOMENT),
    must("verified_at", MAYBE_MOMENT),
    must("owner_id", MAYBE_USER),
    must("team_ids", TEAMS),
    must("tags", Shape::List { of: &TEXT, max: TAGS_MAX }),
]);

const TAGGED: Shape = Shape::Named("Tag", &TAGGED_FIELDS);
const TAGGED_FIELDS: Shape = Shape::Object(&[must("name", TEXT), must("profiles", WHOLE)]);

const WHOLE_PROFILE: Shape = Shape::Named("WholeProfile", &WHOLE_FIELDS);
const WHOLE_FIELDS: Shape = Shape::Plus(
    &PROFILE_FIELDS,
    &[
        must("confidence", Shape::Maybe(&Shape::Word(confidences))),
        must("evidence", Shape::Maybe(&EVIDENCE)),
        must(
            "explanation",
            Shape::Object(&[must("title", TEXT), must("happened", TEXT), must("who_must_act", MAYBE_TEXT), must("what_to_do", MAYBE_TEXT)]),
        ),
        must("notifications", NOTIFICATIONS),
        must(
            "can",
            Shape::Object(&[
                must("publish", Shape::Flag),
                must("comment", Shape::Flag),
                must("read_comments", Shape::Flag),
                must("reply", Shape::Flag),
            ]),
        ),
        must("accesses", Shape::List { of: &ACCESS, max: MANY }),
    ],
);
const CHECKED: Shape = Shape::Named("CheckedProfile", &CHECKED_FIELDS);
const CHECKED_FIELDS: Shape = Shape::Plus(&WHOLE_FIELDS, &[must("being_checked", Shape::Flag)]);

const ACCESS: Shape = Shape::Named("Access", &ACCESS_FIELDS);
const ACCESS_FIELDS: Shape = Shape::Object(&[
    must("person", PERSON),
    must("role", MAYBE_TEXT),
    must("state", TEXT),
    must("cause", MAYBE_CAUSE),
    must("deadlines", Shape::Object(&[must("access", MAYBE_MOMENT), must("refresh", MAYBE_MOMENT), must("human", MAYBE_MOMENT)])),
    must("missing_scopes", Shape::List { of: &TEXT, max: MANY }),
    must("last_verified", MAYBE_MOMENT),
]);

fn statuses() -> Vec<&'static str> {
    Status::ALL.iter().map(|status| status.as_str()).collect()
}

pub(super) fn confidences() -> Vec<&'static str> {
    Confidence::ALL.iter().map(|confidence| confidence.as_str()).collect()
}

fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn ways() -> Vec<&'static str> {
    vec!["redirect", "link"]
}
