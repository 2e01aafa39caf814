//! Forecast, events, audit, freezes, the hold, incidents of networks: what there is to see, and the brake.

use lifecycle::forecast::Basis;
use lifecycle::incident::IncidentKind;
use lifecycle::permission::Frozen;

use super::{EMAIL, MANY, MAYBE_CAUSE, MAYBE_MOMENT, MAYBE_TEXT, MAYBE_USER, MOMENT, Operation, TEXT, WHOLE, answers, silent};
use crate::actions::bounces::Outcome;
use crate::api::shape::{Shape, may, must};
use crate::api::v1::bounces;
use crate::api::v1::export::LISTS;

const PROFILE: Shape = Shape::Id("prf_");

/// `api_keys`: the names of `keys`. `still_working`: made by the user who is frozen.
const CUT: Shape = Shape::Object(&[
    must("profiles", WHOLE),
    must("api_keys", Shape::List { of: &TEXT, max: MANY }),
    must("keys", KEYS),
    must("still_working", KEYS),
]);
const KEYS: Shape = Shape::List { of: &Shape::Object(&[must("id", Shape::Id("key_")), must("name", TEXT)]), max: MANY };

pub(super) const OPERATIONS: &[Operation] = &[
    answers(
        "getForecast",
        Shape::Object(&[
            must("until", MOMENT),
            must("items", Shape::List { of: &APPOINTMENT, max: MANY }),
            must("unpredictable", WHOLE),
            must("truncated", Shape::Flag),
        ]),
    )
    .asked(&[may("until", MOMENT)]),
    answers("listEvents", Shape::Object(&[must("items", Shape::List { of: &EVENT, max: MANY }), must("next_after", Shape::Maybe(&WHOLE))]))
        .asked(&[may("after", WHOLE), may("profile", PROFILE), may("limit", Shape::Int { min: 1, max: 500 })]),
    silent("streamEvents").asked(&[may("after", WHOLE), may("profile", PROFILE)]),
    answers("listFreezes", Shape::Object(&[must("items", Shape::List { of: &FREEZE, max: MANY })])),
    answers("freeze", Shape::Object(&[must("id", Shape::Id("frz_")), must("target", TEXT), must("at", MOMENT), must("cut", CUT)])).takes(
        &[must("target", TARGET), may("reason", Shape::Text { min: 0, max: 500 })],
        r#"{"target":"network xing","reason":"somebody posts there"}"#,
    ),
    silent("thaw"),
    answers("getHold", HOLD),
    answers("releaseHold", HOLD),
    answers("listIncidents", INCIDENTS),
    answers("releaseIncident", INCIDENTS)
        .takes(&[must("network", Shape::Network), may("instance", Shape::Text { min: 0, max: 253 })], r#"{"network":"linkedin"}"#),
    answers("reportBounce", Shape::Object(&[must("items", Shape::List { of: &BOUNCE, max: MANY })]))
        .takes(
            &[
                must("address", EMAIL),
                must("kind", Shape::Word(bounce_kinds)),
                may("reason", Shape::Text { min: 0, max: 2000 }),
                may("message_id", MESSAGE_ID),
            ],
            r#"{"address":"lena@example.com","kind":"permanent","reason":"550 5.1.1 User unknown"}"#,
        )
        .or_raw(bounces::RAW),
    answers(
        "listAudit",
        Shape::Object(&[must("items", Shape::List { of: &AUDITED, max: MANY }), must("next_before", Shape::Maybe(&WHOLE))]),
    )
    .asked(&[
        may("before", WHOLE),
        may("profile", Shape::Text { min: 0, max: 200 }),
        may("act", Shape::Text { min: 0, max: 200 }),
        may("q", Shape::Text { min: 0, max: 200 }),
        may("limit", Shape::Int { min: 1, max: 500 }),
    ]),
    answers(
        "verifyAudit",
        Shape::Object(&[
            must("whole", Shape::Flag),
            must("rows", WHOLE),
            must("findings", Shape::List { of: &Shape::Object(&[must("position", WHOLE), must("what", TEXT)]), max: MANY }),
            must("clock_went_back_at", Shape::List { of: &WHOLE, max: MANY }),
            must("anchor", Shape::Object(&[must("position", WHOLE), must("hash", TEXT)])),
        ]),
    )
    .asked(&[may("anchor", ANCHOR)]),
    answers("getAuditAnchor", Shape::Object(&[must("position", WHOLE), must("hash", TEXT), must("at", MOMENT)])),
    silent("exportAudit"),
    silent("streamAudit").asked(&[may("after", WHOLE)]),
    silent("export").asked(&[may("list", Shape::Word(|| LISTS.to_vec()))]),
];

const TARGET: Shape = Shape::Pattern {
    pattern: r"^(everything|user usr_[0-9a-f]{32}|api_key key_[0-9a-f]{32}|person per_[0-9a-f]{32}|profile prf_[0-9a-f]{32}|network [a-z0-9_]+)$",
    max: 100,
    fits: |text| text.parse::<Frozen>().is_ok(),
    what: "is everything, user ID, api_key ID, person ID, profile ID or network NAME",
};
const ANCHOR: Shape =
    Shape::Pattern { pattern: "^[0-9]{1,18}:[A-Za-z0-9_-]{0,64}$", max: 100, fits: is_anchor, what: "is of the form POSITION:HASH" };

fn is_anchor(text: &str) -> bool {
    text.split_once(':').is_some_and(|(position, hash)| {
        (1..=18).contains(&position.len())
            && position.bytes().all(|b| b.is_ascii_digit())
            && hash.len() <= 64
            && hash.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    })
}

const APPOINTMENT: Shape = Shape::Named("Appointment", &APPOINTMENT_FIELDS);
const APPOINTMENT_FIELDS: Shape = Shape::Object(&[
    must("person", Shape::Object(&[must("id", Shape::Id("per_")), must("name", TEXT)])),
    must("network", TEXT),
    must("at", MOMENT),
    must("confidence", Shape::Word(bases)),
    must("cause", MAYBE_CAUSE),
    must(
        "profiles",
        Shape::List { of: &Shape::Object(&[must("id", PROFILE), must("name", TEXT), must("owner_id", MAYBE_USER)]), max: MANY },
    ),
]);

const EVENT: Shape = Shape::Named("Event", &EVENT_FIELDS);
const EVENT_FIELDS: Shape = Shape::Object(&[
    must("id", TEXT),
    must("position", WHOLE),
    must("at", MOMENT),
    must("kind", TEXT),
    must("actor", Shape::Any),
    must("profile", MAYBE_TEXT),
    must("detail", Shape::Any),
]);

const FREEZE: Shape = Shape::Named("Freeze", &FREEZE_FIELDS);
const FREEZE_FIELDS: Shape = Shape::Object(&[
    must("id", Shape::Id("frz_")),
    must("target", TEXT),
    must("reason", TEXT),
    must("by", Shape::Any),
    must("at", MOMENT),
    must("thawed_at", MAYBE_MOMENT),
]);

/// Whether the address is refused for good, or only this mail did not arrive.
fn bounce_kinds() -> Vec<&'static str> {
    vec!["permanent", "temporary"]
}

fn bounce_outcomes() -> Vec<&'static str> {
    Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
}

const BOUNCE: Shape = Shape::Named("Bounce", &BOUNCE_FIELDS);
const BOUNCE_FIELDS: Shape = Shape::Object(&[
    must("address", TEXT),
    must("outcome", Shape::Word(bounce_outcomes)),
    must("user_id", MAYBE_USER),
    must("message_id", Shape::Maybe(&Shape::Id("msg_"))),
]);
const MESSAGE_ID: Shape = Shape::Pattern {
    pattern: "^<?msg_[0-9a-f]{32}(@[!-~]*)?$",
    max: 320,
    fits: |text| bounces::message_of(text).is_some(),
    what: "is the Message-ID of a mail that left here",
};

fn incident_kinds() -> Vec<&'static str> {
    IncidentKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

const INCIDENTS: Shape = Shape::Object(&[must("items", Shape::List { of: &INCIDENT, max: MANY })]);
const INCIDENT: Shape = Shape::Named("Incident", &INCIDENT_FIELDS);
const INCIDENT_FIELDS: Shape = Shape::Object(&[
    must("network", TEXT),
    must("instance", TEXT),
    must("server", TEXT),
    must("kind", Shape::Word(incident_kinds)),
    must("since", MOMENT),
    must("owners_told_at", MAYBE_MOMENT),
    must("profiles", WHOLE),
]);

const HOLD: Shape = Shape::Named("Hold", &HOLD_FIELDS);
const HOLD_FIELDS: Shape = Shape::Object(&[
    must("held", Shape::Flag),
    must("since", MAYBE_MOMENT),
    must("why", MAYBE_TEXT),
    must("released_at", MAYBE_MOMENT),
    must(
        "networks",
        Shape::List {
            of: &Shape::Object(&[
                must("network", TEXT),
                must("instance", TEXT),
                must("grants", WHOLE),
                must("renewed", WHOLE),
                must("refused", WHOLE),
            ]),
            max: MANY,
        },
    ),
]);

const AUDITED: Shape = Shape::Named("AuditRow", &AUDITED_FIELDS);
const AUDITED_FIELDS: Shape = Shape::Object(&[
    must("position", WHOLE),
    must("at", MOMENT),
    must("actor", Shape::Any),
    must("act", TEXT),
    must("profile", MAYBE_TEXT),
    must("grant", MAYBE_TEXT),
    must("under", MAYBE_TEXT),
    must("detail", Shape::Any),
    must("hash", TEXT),
]);

fn bases() -> Vec<&'static str> {
    Basis::ALL.iter().map(|basis| basis.as_str()).collect()
}
