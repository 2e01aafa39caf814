//! Profiles: list, one, settings, refresh, check, delete.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::access::AccessState;
use lifecycle::ids::{TeamId, UserId};
use lifecycle::permission::Act;
use lifecycle::status::Status;
use lifecycle::time::Timestamp;
use lifecycle::words::Cause;
use networks::network::{Ability, Kind};
use serde::Deserialize;
use serde_json::{Value, json};
use store::events::{self, About};
use store::grants::{Holder, holders_of};
use store::profiles::{self, Filter, Profile, sort_key};
use store::reminders;
use store::renewal_links::Accepts;
use store::sorting::Place;

use super::{Answer, Body, Notifications, json};
use crate::actions::connect::{self, By};
use crate::actions::explain::explain;
use crate::actions::finish::shown;
use crate::actions::settings::{self, Wanted};
use crate::actions::{check, disconnect, invite, tagging};
use crate::api::version::{IfMatch, versioned};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::{evidence, rfc3339};
use crate::state::App;

/// What `GET /profiles` takes.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    network: Option<String>,
    status: Option<String>,
    cause: Option<String>,
    owner: Option<String>,
    team: Option<String>,
    tag: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

fn optional<T: std::str::FromStr>(field: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::field(field, "is not an id of that kind"))).transpose()
}

/// One of the words of a filter.
fn word<'a, T>(
    field: &str,
    text: Option<&str>,
    parse: fn(&str) -> Option<T>,
    all: impl Iterator<Item = &'a str>,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let unknown = || Problem::field(field, &format!("is one of {}", all.collect::<Vec<_>>().join(", ")));
    parse(text).map(Some).ok_or_else(unknown)
}

/// GET /api/v1/profiles
pub async fn list(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let status = word("status", asked.status.as_deref(), Status::parse, Status::ALL.iter().map(|status| status.as_str()))?;
    let cause = word("cause", asked.cause.as_deref(), Cause::parse, Cause::ALL.iter().map(|cause| cause.as_str()))?;
    let known = |name: &str| networks::find(name).map(|network| network.about().name.to_owned());
    let names = networks::all();
    let network = word("network", asked.network.as_deref(), known, names.iter().map(|network| network.about().name))?;
    let limit = asked.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "is 1 to 200"));
    }
    let after = asked
        .cursor
        .as_deref()
        .map(|cursor| {
            cursor
                .split_once('~')
                .map(|(id, key)| Place::by_name(key.to_owned(), id.to_owned()))
                .ok_or_else(|| Problem::field("cursor", "is not one of ours"))
        })
        .transpose()?;
    let filter = Filter {
        network,
        status,
        cause,
        owner: optional::<UserId>("owner", asked.owner.as_deref())?,
        team: optional::<TeamId>("team", asked.team.as_deref())?,
        tag: asked.tag.as_deref().map(|tag| tag.parse().map_err(|error| tagging::wrong("tag", &error))).transpose()?,
        q: asked.q,
        visible_to: caller.narrowed_to(Act::SeeProfile),
        after,
        ..Filter::default()
    };
    let mut tx = app.store.read().await?;
    let mut found = profiles::list(&mut tx, &app.organisation, &filter, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| format!("{}~{}", last.id, sort_key(&last.name)));
    let items: Vec<Value> = found.iter().map(brief).collect();
    json(200, &json!({ "items": items, "next_cursor": next }))
}

fn at(moment: Option<Timestamp>) -> Value {
    moment.map(rfc3339).into()
}

pub(super) fn brief(profile: &Profile) -> Value {
    let standing = &profile.standing;
    json!({
        "id": profile.id.as_str(),
        "network": profile.network,
        "instance": profile.instance,
        "kind": profile.kind,
        "network_id": profile.network_id,
        "name": profile.name,
        "handle": profile.handle,
        "parent_id": profile.parent.as_ref().map(lifecycle::ids::ProfileId::as_str),
        "enabled": profile.enabled,
        "status": standing.status,
        "cause": standing.cause,
        "since": rfc3339(standing.since),
        "deadline": at(standing.deadline),
        "verified_at": at(standing.verified_at),
        "owner_id": profile.owner.as_ref().map(UserId::as_str),
        "team_ids": profile.teams.iter().map(TeamId::as_str).collect::<Vec<_>>(),
        "tags": tagging::written(&profile.tags),
    })
}

async fn whole(app: &App, caller: &Caller, profile: &Profile) -> Result<Value, Problem> {
    let mut tx = app.store.read().await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    let standing = &profile.standing;
    let person = standing.person.as_ref().and_then(|id| holders.iter().find(|holder| holder.person.id == *id));
    let person = person.map(|holder| shown(&holder.person.name, holder.person.handle.as_deref()));
    let words = explain(caller.lang, standing, person.as_deref(), &profile.network);
    let can = networks::find(&profile.network).zip(Kind::parse(&profile.kind)).map(|(network, kind)| network.can_as(kind));
    let allowed = |pick: fn(networks::network::Can) -> Ability| can.is_some_and(|can| pick(can).is_yes());
    let mut body = brief(profile);
    body["confidence"] = json!(standing.confidence);
    body["evidence"] = standing.evidence.as_ref().map(evidence).into();
    body["explanation"] = json!({ "title": words.title, "happened": words.happened, "who_must_act": person, "what_to_do": words.todo });
    body["notifications"] = json!({ "no_access_tokens": profile.notify_no_access, "renew_soon": profile.notify_renew_soon });
    body["can"] = json!({ "publish": allowed(|can| can.publish), "comment": allowed(|can| can.comment), "read_comments": allowed(|can| can.read_comments), "reply": allowed(|can| can.reply) });
    body["accesses"] = holders.iter().map(|holder| access(app, holder)).collect();
    Ok(body)
}

pub(super) fn access(app: &App, holder: &Holder) -> Value {
    let clocks = holder.grant.clocks;
    let state = match (&holder.access.state, holder.grant.verdict()) {
        (AccessState::Lost { .. }, _) => "role_lost".to_owned(),
        (_, Some(_)) => "needs_person".to_owned(),
        _ => format!("{:?}", holder.grant.phase(app.now())).to_lowercase(),
    };
    json!({
        "missing_scopes": holder.missing_scopes,
        "person": { "id": holder.person.id.as_str(), "name": holder.person.name, "handle": holder.person.handle },
        "role": holder.access.role,
        "state": state,
        "cause": holder.grant.verdict().map(|verdict| verdict.cause),
        "deadlines": { "access": at(clocks.access_until), "refresh": at(clocks.refresh_until), "human": at(clocks.human_until) },
        "last_verified": at(holder.grant.verified_at),
    })
}

/// GET /api/v1/profiles/{id}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::SeeProfile).await?;
    versioned(200, &whole(&app, &caller, &profile).await?, &set_by_people(&profile))
}

/// What people set: its version stays while the network, the clock and the keeper change the rest.
fn set_by_people(profile: &Profile) -> Value {
    let told = json!({ "no_access_tokens": profile.notify_no_access, "renew_soon": profile.notify_renew_soon });
    let tags = tagging::written(&profile.tags);
    json!({ "id": profile.id, "owner_id": profile.owner, "team_ids": profile.teams, "tags": tags, "enabled": profile.enabled, "notifications": told })
}

/// What `PATCH /profiles/{id}` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[serde(default, deserialize_with = "present")]
    owner_id: Option<Option<UserId>>,
    team_ids: Option<Vec<TeamId>>,
    tags: Option<Vec<String>>,
    notifications: Option<Notifications>,
}

/// `null` is a value here: no owner.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<UserId>>, D::Error> {
    Option::<UserId>::deserialize(from).map(Some)
}

/// PATCH /api/v1/profiles/{id}
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: IfMatch,
    Body(body): Body<Change>,
) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::ManageProfile).await?;
    let mut tx = app.store.write().await?;
    let profile = profiles::get_to_change(&mut tx, &app.organisation, &profile.id).await?.ok_or_else(Problem::not_found)?;
    seen.holds(&set_by_people(&profile))?;
    let owner = body.owner_id.unwrap_or_else(|| profile.owner.clone());
    let teams = body.team_ids.unwrap_or_else(|| profile.teams.clone());
    let tags = body.tags.map_or_else(|| Ok(profile.tags.clone()), |words| tagging::read_list("tags", &words))?;
    let wanted = Wanted { owner: owner.as_ref(), teams: &teams, tags: &tags };
    let detail = settings::set(&mut tx, &app, &caller, &profile, &wanted).await?;
    if let Some(wanted) = body.notifications {
        profiles::set_notifications(&mut tx, &app.organisation, &profile.id, wanted.no_access_tokens, wanted.renew_soon).await?;
    }
    if profiles::get(&mut tx, &app.organisation, &profile.id).await?.is_some_and(|now| set_by_people(&now) != set_by_people(&profile)) {
        let about = About { profile: Some(profile.id.clone()), ..About::default() };
        events::append(&mut tx, &app.organisation, app.now(), "settings.changed", &caller.named, &about, &detail).await?;
    }
    reminders::handed_over(&mut tx, &profile, &caller.named, app.now()).await?;
    tx.commit().await?;
    app.told.notify_one();
    let profile = auth::profile(&app, &caller, &id, Act::SeeProfile).await?;
    versioned(200, &whole(&app, &caller, &profile).await?, &set_by_people(&profile))
}

/// DELETE /api/v1/profiles/{id}
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::DeleteProfile).await?;
    disconnect::disconnect(&app, &profile.id, &caller.named).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What `POST /profiles/{id}/refresh-connection` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    via: Via,
    email: Option<String>,
    /// Any admin of the profile at the network may use the link, not only the people who hold it.
    #[serde(default)]
    any_admin: bool,
}

/// How the person gets there.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The caller sends them.
    Redirect,
    /// A link that somebody without an account can use.
    Link,
}

/// POST /api/v1/profiles/{id}/refresh-connection
pub async fn refresh(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Body(body): Body<Refresh>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::RefreshConnection).await?;
    if body.via == Via::Link {
        // Whoever comes with such a link is somebody new.
        if body.any_admin && !caller.may(Act::Connect) {
            return Err(Problem::forbidden("A link for any admin connects somebody new: that needs profiles:connect too."));
        }
        let accepts = if body.any_admin { Accepts::AnyAdmin { instead_of: None } } else { Accepts::Holders };
        let (link, expires_at) =
            invite::renewal_link(&app, std::slice::from_ref(&profile), &accepts, body.email.as_deref(), caller.lang, &caller.named).await?;
        return json(201, &json!({ "link": link, "expires_at": rfc3339(expires_at) }));
    }
    if body.any_admin {
        return Err(Problem::field("any_admin", "goes with \"via\": \"link\""));
    }
    let by = By { actor: caller.named.clone(), browser: None, lang: caller.lang };
    let started = connect::refresh(&app, &profile, by, None).await?;
    json(
        201,
        &json!({ "connection_id": started.id.as_str(), "authorize_url": started.authorize_url, "expires_at": rfc3339(started.expires_at) }),
    )
}

/// POST /api/v1/profiles/{id}/check
pub async fn check_now(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::CheckProfile).await?;
    let (profile, busy) = check::check(&app, &profile).await?;
    let mut body = whole(&app, &caller, &profile).await?;
    body["being_checked"] = busy.into();
    json(200, &body)
}
