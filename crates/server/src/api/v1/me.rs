//! What the user who asks wants to be told: /api/v1/me/notifications. An API key asks for the user who made it.

use std::sync::Arc;

use axum::extract::State;
use lifecycle::departure::Digest;
use lifecycle::permission::Actor;
use serde::Deserialize;
use serde_json::json;
use store::api_keys;
use store::users::User;

use super::{Answer, Body};
use crate::actions::company;
use crate::actions::wishes::{self, Chosen, WEEKDAYS, clock, minute_of, quiet};
use crate::api::version::{IfMatch, versioned};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

async fn me(app: &App, caller: &Caller) -> Result<User, Problem> {
    if let Some(user) = &caller.user {
        return company::user(app, user.id.as_str()).await;
    }
    let nobody = || Problem::forbidden("This API key was not made by a user: it has no notifications of its own.");
    let Actor::ApiKey { id, .. } = &caller.actor else { return Err(nobody()) };
    let mut tx = app.store.read().await?;
    let maker = api_keys::by_id(&mut tx, &app.organisation, id).await?.and_then(|key| key.created_by);
    drop(tx);
    company::user(app, &maker.unwrap_or_default()).await.map_err(|_| nobody())
}

fn shown(user: &User) -> serde_json::Value {
    let wishes = &user.wishes;
    let weekday = usize::try_from(wishes.digest_weekday - 1).ok().and_then(|day| WEEKDAYS.get(day));
    json!({
        "user_id": user.id.as_str(),
        "email": user.email,
        "no_access_tokens": user.notify_no_access,
        "renew_soon": user.notify_renew_soon,
        "new_profiles": user.notify_new_profiles,
        "approvals": user.notify_approvals,
        "digest": wishes.digest,
        "digest_at": clock(wishes.digest_at),
        "digest_weekday": weekday,
        "quiet_hours": wishes.quiet.map(|quiet| json!({ "from": clock(quiet.from), "to": clock(quiet.to) })),
        "deaths_in_quiet_hours": if wishes.deaths_wait { "wait" } else { "at_once" },
        "time_zone": user.time_zone,
    })
}

/// GET /api/v1/me/notifications
pub async fn notifications(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let mine = shown(&me(&app, &caller).await?);
    versioned(200, &mine, &mine)
}

/// What `PATCH /me/notifications` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    no_access_tokens: Option<bool>,
    renew_soon: Option<bool>,
    new_profiles: Option<bool>,
    approvals: Option<bool>,
    digest: Option<Digest>,
    digest_at: Option<String>,
    digest_weekday: Option<String>,
    #[serde(default, deserialize_with = "present")]
    quiet_hours: Option<Option<Hours>>,
    deaths_in_quiet_hours: Option<InQuietHours>,
}

/// Two times of the day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    from: String,
    to: String,
}

/// What a death does in quiet hours.
#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum InQuietHours {
    Wait,
    AtOnce,
}

/// `null` is a value here: no quiet hours.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<Hours>>, D::Error> {
    Option::<Hours>::deserialize(from).map(Some)
}

fn changed(user: &User, change: &Change) -> Result<Chosen, Problem> {
    let mut chosen = Chosen::of(user);
    chosen.no_access = change.no_access_tokens.unwrap_or(chosen.no_access);
    chosen.renew_soon = change.renew_soon.unwrap_or(chosen.renew_soon);
    chosen.new_profiles = change.new_profiles.unwrap_or(chosen.new_profiles);
    chosen.approvals = change.approvals.unwrap_or(chosen.approvals);
    let wishes = &mut chosen.wishes;
    wishes.digest = change.digest.unwrap_or(wishes.digest);
    if let Some(at) = &change.digest_at {
        wishes.digest_at = minute_of(at).ok_or_else(|| Problem::field("digest_at", "is a time of the day, like 08:00"))?;
    }
    if let Some(day) = &change.digest_weekday {
        let found = WEEKDAYS.iter().zip(1..).find(|(name, _)| *name == day);
        wishes.digest_weekday = found.ok_or_else(|| Problem::field("digest_weekday", "is one of monday to sunday"))?.1;
    }
    if let Some(hours) = &change.quiet_hours {
        wishes.quiet = hours.as_ref().map(|hours| quiet(&hours.from, &hours.to)).transpose()?;
    }
    if let Some(deaths) = &change.deaths_in_quiet_hours {
        wishes.deaths_wait = *deaths == InQuietHours::Wait;
    }
    Ok(chosen)
}

/// PATCH /api/v1/me/notifications
pub async fn change(State(app): State<Arc<App>>, caller: Caller, seen: IfMatch, Body(change): Body<Change>) -> Answer {
    let user = me(&app, &caller).await?;
    let choice = |now: &User| {
        seen.holds(&shown(now))?;
        changed(now, &change)
    };
    wishes::choose(&app, &user.id, choice).await?;
    let mine = shown(&me(&app, &caller).await?);
    versioned(200, &mine, &mine)
}
