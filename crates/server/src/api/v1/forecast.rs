//! GET /api/v1/forecast

use std::sync::Arc;

use axum::extract::{Query, State};
use lifecycle::ids::UserId;
use lifecycle::time::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, json};
use crate::actions::forecast::{self, Appointment, FURTHEST};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// What `GET /forecast` takes.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    until: Option<String>,
}

/// A moment (RFC 3339) or a day.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let stamp = text.parse::<jiff::Timestamp>().ok();
    let day = || text.parse::<jiff::civil::Date>().ok()?.in_tz("UTC").ok().map(|zoned| zoned.timestamp());
    stamp.or_else(day).map(|stamp| Timestamp::from_micros(stamp.as_microsecond()))
}

fn item(appointment: &Appointment) -> Value {
    let profile = |depends: &forecast::Depends| json!({ "id": depends.id.as_str(), "name": depends.name, "owner_id": depends.owner.as_ref().map(UserId::as_str) });
    json!({
        "person": { "id": appointment.person.as_str(), "name": appointment.person_name },
        "network": appointment.network,
        "at": rfc3339(appointment.at),
        "confidence": appointment.basis,
        "cause": appointment.cause,
        "profiles": appointment.profiles.iter().map(profile).collect::<Vec<_>>(),
    })
}

/// What will need a person, when, who: one item per login, soonest first.
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let until = match asked.until.as_deref() {
        None => now + Span::days(90),
        Some(text) => {
            moment(text).ok_or_else(|| Problem::field("until", "is a day or a moment, like 2027-03-31 or 2027-03-31T12:00:00Z"))?
        }
    };
    if until.since(now) > FURTHEST {
        return Err(Problem::field("until", "is two years ahead at most"));
    }
    let outlook = forecast::look(&app, caller.narrowed_to(lifecycle::permission::Act::SeeProfile).as_ref(), until).await?;
    let items: Vec<Value> = outlook.appointments.iter().map(item).collect();
    json(200, &json!({ "until": rfc3339(until), "items": items, "unpredictable": outlook.unpredictable, "truncated": outlook.cut }))
}
