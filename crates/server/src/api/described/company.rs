//! Users, teams, presets, API keys, webhook endpoints: what company admins set.

use lifecycle::departure::Digest;
use lifecycle::permission::{Act, METHODS, Role};
use store::webhooks::{EndpointKind, SUBSCRIBABLE, Signature};

use super::{
    EMAIL, MANY, MAYBE_MOMENT, MAYBE_TEXT, MAYBE_USER, MOMENT, NAME, NOTIFICATIONS, Operation, TAG, TEAMS, TEXT, URL, USER, WHOLE, answers,
    silent,
};
use crate::actions::wishes;
use crate::api::shape::{Field, Fields, Shape, may, must};
use crate::auth::AT_ONCE;
use crate::start_page::START_PAGES;

const MEMBERS: Shape = Shape::List { of: &USER, max: 1000 };
const PERMISSIONS: Shape = Shape::List { of: &Shape::Text { min: 1, max: 2000 }, max: 100 };
const EVENTS: Shape = Shape::List { of: &Shape::Word(|| SUBSCRIBABLE.to_vec()), max: 20 };
const PROFILE: Shape = Shape::Id("prf_");

pub(super) const OPERATIONS: &[Operation] = &[
    answers("listWebhookEndpoints", Shape::Object(&[must("items", Shape::List { of: &ENDPOINT, max: MANY })])),
    answers("createWebhookEndpoint", ENDPOINT_WITH_SECRET).versioned().takes(
        &[
            must("url", URL),
            may("name", NAME),
            may("kind", Shape::Word(endpoint_kinds)),
            may("events", EVENTS),
            may("language", Shape::Word(languages)),
            may("signature", Shape::Word(signatures)),
            may("token", Shape::Maybe(&Shape::Text { min: 0, max: 2000 })),
        ],
        r#"{"url":"https://example.com/hooks/staygreen","name":"Our tool","events":["profile.disconnected","profile.recovered"]}"#,
    ),
    answers("getWebhookEndpoint", ENDPOINT).versioned(),
    answers("changeWebhookEndpoint", ENDPOINT).versioned().takes(
        &[may("name", NAME), may("url", URL), may("events", EVENTS), may("enabled", Shape::Flag)],
        r#"{"events":["profile.disconnected"],"enabled":true}"#,
    ),
    silent("deleteWebhookEndpoint").versioned(),
    answers("testWebhookEndpoint", DELIVERY),
    answers("rotateWebhookSecret", ENDPOINT_WITH_SECRET).versioned(),
    answers("listDeliveries", Shape::Object(&[must("items", Shape::List { of: &DELIVERY, max: MANY }), must("next_cursor", MAYBE_TEXT)]))
        .asked(&[may("cursor", Shape::Id("msg_")), may("limit", Shape::Int { min: 1, max: 200 })]),
    answers("replayDelivery", Shape::Object(&[must("id", TEXT)])),
    answers("listApiKeys", Shape::Object(&[must("items", Shape::List { of: &KEY, max: MANY })])),
    answers("createApiKey", Shape::Plus(&KEY_FIELDS, &[must("api_key", TEXT)])).takes(
        &[must("name", NAME), must("permissions", PERMISSIONS), may("expires_at", MAYBE_MOMENT)],
        r#"{"name":"Planner","permissions":["profiles:read","posts:write network=linkedin rate=10/1h"]}"#,
    ),
    answers("getApiKey", KEY),
    silent("revokeApiKey"),
    answers(
        "checkPermission",
        Shape::Object(&[
            must("allowed", Shape::Flag),
            must("reason", MAYBE_TEXT),
            must("words", TEXT),
            must("given_by", MAYBE_TEXT),
            must("under", MAYBE_TEXT),
            must("rate", Shape::Maybe(&Shape::Object(&[must("count", WHOLE), must("seconds", WHOLE)]))),
            must("needs_approval_by", MAYBE_TEXT),
        ]),
    )
    .takes(
        &[
            must("permission", Shape::Word(acts)),
            may("api_key", Shape::Maybe(&Shape::Id("key_"))),
            may("profile", Shape::Maybe(&PROFILE)),
            may("method", Shape::Maybe(&Shape::Word(|| METHODS.to_vec()))),
            may("path", Shape::Maybe(&Shape::Text { min: 1, max: 2000 })),
        ],
        r#"{"permission":"posts:write"}"#,
    ),
    answers("listUsers", Shape::Object(&[must("items", Shape::List { of: &PERSON, max: MANY })])),
    answers("inviteUser", Shape::Plus(&PERSON_FIELDS, &[must("invitation", URL)])).versioned().takes(
        &[
            must("email", EMAIL),
            may("name", Shape::Text { min: 0, max: 80 }),
            may("role", Shape::Word(roles)),
            may("permission_sets", GIVEN),
            may("language", Shape::Word(languages)),
            may("time_zone", ZONE),
        ],
        r#"{"email":"mira@example.com","name":"Mira","role":"standard_user"}"#,
    ),
    answers("getUser", PERSON).versioned(),
    answers("changeUser", PERSON).versioned().takes(
        &[may("role", Shape::Word(roles)), may("disabled", Shape::Flag), may("permission_sets", GIVEN)],
        r#"{"role":"viewer","disabled":false}"#,
    ),
    silent("deleteUser").versioned(),
    silent("resetSecondFactor"),
    answers("inviteUserAgain", Shape::Object(&[must("invitation", URL), must("expires_at", MOMENT)])),
    answers("listPermissionSets", Shape::Object(&[must("items", Shape::List { of: &SET, max: MANY })])),
    answers("createPermissionSet", SET).versioned().takes(
        &[must("name", NAME), must("permissions", GIVABLE)],
        r#"{"name":"Publishers","permissions":["profiles:read","posts:write"]}"#,
    ),
    answers("getPermissionSet", SET).versioned(),
    answers("changePermissionSet", SET)
        .versioned()
        .takes(&[may("name", NAME), may("permissions", GIVABLE)], r#"{"permissions":["profiles:read","comments:write"]}"#),
    silent("deletePermissionSet").versioned(),
    answers("listTeams", Shape::Object(&[must("items", Shape::List { of: &TEAM, max: MANY })])),
    answers("createTeam", TEAM)
        .versioned()
        .takes(&[must("name", NAME), may("member_ids", MEMBERS)], r#"{"name":"Trail guides","member_ids":[]}"#),
    answers("getTeam", TEAM).versioned(),
    answers("changeTeam", TEAM).versioned().takes(&[may("name", NAME), may("member_ids", MEMBERS)], r#"{"name":"Mountain guides"}"#),
    silent("deleteTeam").versioned(),
    answers("listPagePresets", Shape::Object(&[must("items", Shape::List { of: &PRESET, max: MANY })])),
    answers("getPagePreset", PRESET).versioned().asked(WHOSE),
    answers("setPagePreset", PRESET).versioned().asked(WHOSE).takes(
        &[may("owner_id", MAYBE_USER), may("team_ids", TEAMS), may("notifications", NOTIFICATIONS)],
        r#"{"owner_id":null,"team_ids":[],"notifications":{"no_access_tokens":true,"renew_soon":false}}"#,
    ),
    silent("removePagePreset").versioned().asked(WHOSE),
    answers("previewPagePresets", Shape::Object(&[must("items", Shape::List { of: &BECOMES, max: MANY }), must("mark", TEXT)]))
        .takes(&[EXISTING], r#"{"profile_ids":["prf_0198c0ffee000000000000000000cafe"]}"#),
    answers("applyPagePresets", Shape::Object(&[must("changed", WHOLE)])).takes(
        &[EXISTING, must("mark", Shape::Text { min: 1, max: 200 })],
        r#"{"profile_ids":["prf_0198c0ffee000000000000000000cafe"],"mark":"as the preview said"}"#,
    ),
    answers("getMyNotifications", MINE).versioned(),
    answers("changeMyNotifications", MINE).versioned().takes(
        &[
            may("no_access_tokens", Shape::Flag),
            may("renew_soon", Shape::Flag),
            may("new_profiles", Shape::Flag),
            may("approvals", Shape::Flag),
            may("digest", Shape::Word(digests)),
            may("digest_at", CLOCK),
            may("digest_weekday", Shape::Word(weekdays)),
            may("quiet_hours", Shape::Maybe(&HOURS)),
            may("deaths_in_quiet_hours", Shape::Word(deaths)),
        ],
        r#"{"renew_soon":false}"#,
    ),
];

const ENDPOINT: Shape = Shape::Named("WebhookEndpoint", &ENDPOINT_FIELDS);
const ENDPOINT_FIELDS: Shape = Shape::Object(&[
    must("id", Shape::Id("whe_")),
    must("kind", Shape::Word(endpoint_kinds)),
    must("name", TEXT),
    must("host", TEXT),
    must("events", Shape::List { of: &TEXT, max: MANY }),
    must("language", TEXT),
    must("signature", Shape::Maybe(&Shape::Word(signatures))),
    must("public_key", MAYBE_TEXT),
    must("previous_secret_until", MAYBE_MOMENT),
    must("created_at", MOMENT),
    must("enabled", Shape::Flag),
    must("disabled_at", MAYBE_MOMENT),
    must("disabled_why", MAYBE_TEXT),
]);
const ENDPOINT_WITH_SECRET: Shape = Shape::Plus(&ENDPOINT_FIELDS, &[must("secret", MAYBE_TEXT)]);

const DELIVERY: Shape = Shape::Named("Delivery", &DELIVERY_FIELDS);
const DELIVERY_FIELDS: Shape = Shape::Object(&[
    must("id", Shape::Id("msg_")),
    must("type", TEXT),
    must("state", Shape::Word(|| vec!["delivered", "gave_up", "waiting"])),
    must("created_at", MOMENT),
    must("tries", WHOLE),
    must("waits_for", MAYBE_TEXT),
    must("next_try_at", MAYBE_MOMENT),
    must("delivered_at", MAYBE_MOMENT),
    must("last_error", MAYBE_TEXT),
]);

const KEY: Shape = Shape::Named("ApiKey", &KEY_FIELDS);
const KEY_FIELDS: Shape = Shape::Object(&[
    must("id", Shape::Id("key_")),
    must("name", TEXT),
    must("permissions", Shape::List { of: &TEXT, max: MANY }),
    must("created_by", MAYBE_TEXT),
    must("created_at", MOMENT),
    must("expires_at", MAYBE_MOMENT),
    must("used_at", MAYBE_MOMENT),
    must("revoked_at", MAYBE_MOMENT),
]);

const PERSON: Shape = Shape::Named("User", &PERSON_FIELDS);
const PERSON_FIELDS: Shape = Shape::Object(&[
    must("id", USER),
    must("email", TEXT),
    must("name", TEXT),
    must("role", Shape::Word(roles)),
    must("permission_sets", GIVEN),
    must("state", Shape::Word(|| vec!["disabled", "invited", "active"])),
    must("language", TEXT),
    must("time_zone", TEXT),
    must("start_page", Shape::Word(start_pages)),
    must("second_factor", Shape::Flag),
    must("disabled_at", MAYBE_MOMENT),
    must("notifications", NOTIFICATIONS),
]);

const SET: Shape = Shape::Named("PermissionSet", &SET_FIELDS);
const SET_FIELDS: Shape = Shape::Object(&[must("id", Shape::Id("pms_")), must("name", TEXT), must("permissions", GIVABLE)]);
const GIVABLE: Shape = Shape::List { of: &Shape::Word(givable), max: 100 };
const GIVEN: Shape = Shape::List {
    of: &Shape::Object(&[must("id", Shape::Id("pms_")), may("team_id", Shape::Maybe(&Shape::Id("tem_"))), may("tag", Shape::Maybe(&TAG))]),
    max: 100,
};

const TEAM: Shape = Shape::Named("Team", &TEAM_FIELDS);
const TEAM_FIELDS: Shape = Shape::Object(&[must("id", Shape::Id("tem_")), must("name", TEXT), must("member_ids", MEMBERS)]);

const PRESET: Shape = Shape::Named("PagePreset", &PRESET_FIELDS);
const PRESET_FIELDS: Shape = Shape::Object(&[
    must("team_id", MAYBE_TEXT),
    must("network", TEXT),
    must("owner_id", MAYBE_USER),
    must("team_ids", TEAMS),
    must("notifications", NOTIFICATIONS),
]);
/// Profiles that are here already.
const EXISTING: Field = must("profile_ids", Shape::List { of: &PROFILE, max: AT_ONCE });
/// What presets change of one of them; `null`: that stays.
const BECOMES: Shape = Shape::Named("PagePresetsChange", &BECOMES_FIELDS);
const BECOMES_FIELDS: Shape = Shape::Object(&[
    must("profile_id", PROFILE),
    must("changes", Shape::Flag),
    must("owner_id", Shape::Maybe(&Shape::Object(&[must("from", MAYBE_USER), must("to", USER)]))),
    must("added_team_ids", TEAMS),
    must(
        "notifications",
        Shape::Object(&[must("no_access_tokens", Shape::Maybe(&Shape::Flag)), must("renew_soon", Shape::Maybe(&Shape::Flag))]),
    ),
]);
/// A team's presets; without it the company's.
const WHOSE: Fields = &[may("team_id", Shape::Id("tem_"))];

const MINE: Shape = Shape::Named("MyNotifications", &MINE_FIELDS);
const MINE_FIELDS: Shape = Shape::Object(&[
    must("user_id", USER),
    must("email", TEXT),
    must("no_access_tokens", Shape::Flag),
    must("renew_soon", Shape::Flag),
    must("new_profiles", Shape::Flag),
    must("approvals", Shape::Flag),
    must("digest", Shape::Word(digests)),
    must("digest_at", CLOCK),
    must("digest_weekday", Shape::Word(weekdays)),
    must("quiet_hours", Shape::Maybe(&HOURS)),
    must("deaths_in_quiet_hours", Shape::Word(deaths)),
    must("time_zone", TEXT),
]);

/// A time of the day.
const CLOCK: Shape = Shape::Pattern {
    pattern: "^([01]?[0-9]|2[0-3]):[0-5]?[0-9]$",
    max: 5,
    fits: |text| wishes::minute_of(text).is_some(),
    what: "is a time of the day, like 08:00",
};
const HOURS: Shape = Shape::Object(&[must("from", CLOCK), must("to", CLOCK)]);

fn digests() -> Vec<&'static str> {
    Digest::ALL.iter().map(|digest| digest.as_str()).collect()
}

fn weekdays() -> Vec<&'static str> {
    wishes::WEEKDAYS.into()
}

fn deaths() -> Vec<&'static str> {
    vec!["wait", "at_once"]
}

fn endpoint_kinds() -> Vec<&'static str> {
    EndpointKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn signatures() -> Vec<&'static str> {
    Signature::ALL.iter().map(|signature| signature.as_str()).collect()
}

/// A name of the IANA database.
const ZONE: Shape = Shape::Text { min: 1, max: 100 };

fn start_pages() -> Vec<&'static str> {
    START_PAGES.iter().map(|page| page.word).collect()
}

fn languages() -> Vec<&'static str> {
    vec!["en", "de"]
}

fn roles() -> Vec<&'static str> {
    Role::ALL.iter().map(|role| role.as_str()).collect()
}

fn givable() -> Vec<&'static str> {
    Act::ALL.iter().filter(|act| act.can_be_given()).map(|act| act.as_str()).collect()
}

fn acts() -> Vec<&'static str> {
    Act::ALL.iter().map(|act| act.as_str()).collect()
}
