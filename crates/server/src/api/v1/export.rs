//! GET /api/v1/export: everything but secrets, for whoever leaves. As JSON lines, or one list as comma-separated values.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use lifecycle::ids::PersonId;
use lifecycle::permission::Act;
use serde::Deserialize;
use serde_json::{Value, json};
use store::people::{self, Login};
use store::profiles::{self, Filter, sort_key};
use store::sorting::Place;
use store::{StoreError, Tx, api_keys, audit, events, freezes, grants, network_apps, permission_sets, presets, teams, users, webhooks};

use super::{
    api_keys as keys, audit as rows, events as log, freezes as frozen, page_presets, permission_sets as sets, profiles as shown,
    teams as groups, users as members,
};
use crate::actions::audited;
use crate::api::csv;
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// How many are read at once.
const PAGE: u32 = 200;
/// The version of the format; docs/leaving.md describes it.
const FORMAT: u32 = 2;

/// What `GET /export` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    list: Option<List>,
}

/// A list that fits into columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// Profiles with their status.
    Profiles,
    /// People with their deadlines.
    People,
    /// Users.
    Users,
    /// The event log.
    Events,
}

/// The words of [`List`].
pub const LISTS: [&str; 4] = ["profiles", "people", "users", "events"];

impl List {
    /// The type of its lines, and its columns.
    const fn columns(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Profiles => (
                "profile",
                &[
                    "id",
                    "network",
                    "instance",
                    "kind",
                    "network_id",
                    "name",
                    "handle",
                    "status",
                    "cause",
                    "since",
                    "deadline",
                    "verified_at",
                    "owner_id",
                    "team_ids",
                    "tags",
                ],
            ),
            Self::People => (
                "person",
                &["id", "network", "instance", "network_id", "name", "handle", "state", "access_until", "refresh_until", "human_until"],
            ),
            Self::Users => ("user", &["id", "email", "name", "role", "state", "language", "time_zone"]),
            Self::Events => ("event", &["position", "id", "at", "kind", "profile", "actor", "detail"]),
        }
    }
}

/// What comes next.
enum Stage {
    Head,
    House,
    People(Option<PersonId>),
    Profiles(Option<(String, String)>),
    Events(i64),
    Audit(i64),
    End,
    Over,
}

struct Export {
    app: Arc<App>,
    list: Option<List>,
    stage: Stage,
    /// What is written after the export began is not in it.
    ends: (i64, i64),
    lines: u64,
}

/// GET /api/v1/export. The export itself is a row of the audit, written before anything leaves.
pub async fn export(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let mut tx = app.store.write().await?;
    let what = asked.list.map_or("everything", |list| list.columns().0);
    audited::note(&mut tx, &app, &caller.named, Act::Export, json!({ "what": what })).await?;
    let last_event = events::newest(&mut tx, &app.organisation, 1).await?.first().map_or(0, |newest| newest.position);
    let last_row = audit::anchor(&mut tx).await?.position;
    tx.commit().await?;
    let (kind, name) = match asked.list {
        None => ("application/x-ndjson", "staygreen.jsonl".to_owned()),
        Some(list) => ("text/csv; charset=utf-8", format!("{}.csv", list.columns().0)),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let export = Export { app, list: asked.list, stage: Stage::Head, ends: (last_event, last_row), lines: 0 };
    Ok((headers, Body::from_stream(export.stream())).into_response())
}

fn login(login: &Login) -> Value {
    let grant = login.grant.as_ref();
    let clock = |pick: fn(&lifecycle::grant::Clocks) -> Option<lifecycle::time::Timestamp>| {
        grant.and_then(|grant| pick(&grant.clocks)).map(rfc3339)
    };
    json!({
        "id": login.person.id.as_str(),
        "network": login.place.network,
        "instance": login.place.instance,
        "network_id": login.person.network_id,
        "name": login.person.name,
        "handle": login.person.handle,
        "state": grant.map_or("gone", |grant| if grant.verdict().is_some() { "needs_person" } else { "granted" }),
        "access_until": clock(|clocks| clocks.access_until),
        "refresh_until": clock(|clocks| clocks.refresh_until),
        "human_until": clock(|clocks| clocks.human_until),
    })
}

impl Export {
    fn stream(self) -> impl Stream<Item = Result<Bytes, StoreError>> {
        stream::try_unfold(self, |mut export| async move {
            loop {
                if matches!(export.stage, Stage::Over) {
                    return Ok(None);
                }
                let lines = export.next().await?;
                let text: String = lines.iter().map(|(kind, data)| export.written(kind, data)).collect();
                if !text.is_empty() {
                    return Ok(Some((Bytes::from(text), export)));
                }
            }
        })
    }

    fn written(&mut self, kind: &str, data: &Value) -> String {
        let Some(list) = self.list else {
            self.lines += 1;
            return format!("{}\n", json!({ "type": kind, "data": data }));
        };
        let (wanted, columns) = list.columns();
        if kind == "export" {
            return csv::line(columns.iter().copied());
        }
        if kind != wanted {
            return String::new();
        }
        let cells: Vec<String> = columns.iter().map(|column| in_cell(&data[*column])).collect();
        csv::line(cells.iter().map(String::as_str))
    }

    /// The next lines, each with its type. Lists that are not wanted are not read.
    async fn next(&mut self) -> Result<Vec<(&'static str, Value)>, StoreError> {
        let app = Arc::clone(&self.app);
        let mut tx = app.store.read().await?;
        let wants = |list| self.list.is_none_or(|wanted| wanted == list);
        let (stage, lines) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Head => (Stage::House, vec![("export", self.head())]),
            Stage::House if !wants(List::Users) => (Stage::People(None), vec![]),
            Stage::House => (Stage::People(None), house(&app, &mut tx).await?),
            Stage::People(last) if wants(List::People) => {
                let found = people::after(&mut tx, &app.organisation, last.as_ref(), PAGE).await?;
                let next = found.last().map_or(Stage::Profiles(None), |last| Stage::People(Some(last.person.id.clone())));
                (next, found.iter().map(|found| ("person", login(found))).collect())
            }
            Stage::People(_) => (Stage::Profiles(None), vec![]),
            Stage::Profiles(after) if wants(List::Profiles) => self.profiles(&mut tx, after).await?,
            Stage::Profiles(_) => (Stage::Events(0), vec![]),
            Stage::Events(after) if wants(List::Events) => {
                let found = events::after(&mut tx, &app.organisation, after, PAGE).await?;
                let found: Vec<_> = found.into_iter().take_while(|event| event.position <= self.ends.0).collect();
                let next = found.last().map_or(Stage::Audit(0), |last| Stage::Events(last.position));
                (next, found.iter().map(|event| ("event", log::shown(event))).collect())
            }
            Stage::Events(_) => (Stage::Audit(0), vec![]),
            Stage::Audit(after) if self.list.is_none() => {
                let found = audit::after(&mut tx, &app.organisation, after, PAGE).await?;
                let found: Vec<_> = found.into_iter().take_while(|row| row.position <= self.ends.1).collect();
                let next = found.last().map_or(Stage::End, |last| Stage::Audit(last.position));
                (next, found.iter().map(|row| ("audit", rows::shown(row))).collect())
            }
            Stage::Audit(_) => (Stage::Over, vec![]),
            Stage::End => (Stage::Over, vec![("end", json!({ "lines": self.lines + 1 }))]),
            Stage::Over => (Stage::Over, vec![]),
        };
        self.stage = stage;
        Ok(lines)
    }

    fn head(&self) -> Value {
        json!({
            "format": FORMAT,
            "at": rfc3339(self.app.now()),
            "organisation": { "id": self.app.organisation.as_str(), "name": self.app.organisation_name },
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    async fn profiles(&self, tx: &mut Tx, after: Option<(String, String)>) -> Result<(Stage, Vec<(&'static str, Value)>), StoreError> {
        let app = &self.app;
        let after = after.map(|(key, id)| Place::by_name(key, id));
        let found = profiles::list(tx, &app.organisation, &Filter { after, ..Filter::default() }, PAGE).await?;
        let next = found.last().map_or(Stage::Events(0), |last| Stage::Profiles(Some((sort_key(&last.name), last.id.to_string()))));
        let mut lines = vec![];
        for profile in &found {
            let mut data = shown::brief(profile);
            if self.list.is_none() {
                let holders = grants::holders_of(tx, &profile.id).await?;
                data["accesses"] = holders.iter().map(|holder| shown::access(app, holder)).collect();
                data["notifications"] = json!({ "no_access_tokens": profile.notify_no_access, "renew_soon": profile.notify_renew_soon });
            }
            lines.push(("profile", data));
        }
        Ok((next, lines))
    }
}

/// What company admins set.
async fn house(app: &App, tx: &mut Tx) -> Result<Vec<(&'static str, Value)>, StoreError> {
    let ours = &app.organisation;
    let mut lines: Vec<(&'static str, Value)> = vec![];
    let given = permission_sets::given(tx, ours).await?;
    let given = |user: &users::User| given.get(&user.id).map_or(&[][..], Vec::as_slice);
    lines.extend(users::list(tx, ours).await?.iter().map(|user| ("user", members::shown(user, given(user)))));
    lines.extend(teams::list(tx, ours).await?.iter().map(|team| ("team", groups::shown(team))));
    lines.extend(permission_sets::list(tx, ours).await?.iter().map(|set| ("permission_set", sets::shown(set))));
    lines.extend(presets::list(tx, ours).await?.iter().map(|preset| ("page_preset", page_presets::shown(preset))));
    let apps = network_apps::list(tx, ours).await?;
    let app_of = |(network, instance, client_id): (String, String, String)| json!({ "network": network, "instance": instance, "client_id": client_id });
    lines.extend(apps.into_iter().map(|app| ("network_app", app_of(app))));
    lines.extend(api_keys::list(tx, ours).await?.iter().map(|key| ("api_key", keys::shown(key))));
    lines.extend(webhooks::list(tx, ours).await?.iter().map(|endpoint| ("webhook_endpoint", super::webhooks::shown(endpoint))));
    lines.extend(freezes::list(tx, ours, frozen::LIST_MAX).await?.iter().map(|one| ("freeze", frozen::shown(one))));
    Ok(lines)
}

/// A value as it stands in one cell.
fn in_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
