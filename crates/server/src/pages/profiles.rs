//! GET /settings/profiles

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use lifecycle::ids::{TeamId, UserId};
use lifecycle::permission::Act;
use lifecycle::status::Status;
use lifecycle::words::Cause;
use serde::Deserialize;
use serde_json::json;
use store::events::{self, About};
use store::profiles::{self, Filter, Profile, sort_key};
use store::{teams, users};

use super::view::{Options, Row, owners, row, statuses, title_of};
use super::{Fields, Page, Shell, for_people, go, show};
use crate::auth::{self, Caller, own_path};
use crate::error::Problem;
use crate::state::App;

const PER_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "profiles.html")]
struct Profiles {
    s: Shell,
    mine: bool,
    q: String,
    networks: Options,
    statuses: Options,
    causes: Options,
    owners: Options,
    teams: Options,
    /// How many the filter lets through.
    count: String,
    /// May change several at once.
    manages: bool,
    /// Where the list comes back to after a change.
    back: String,
    rows: Vec<Row>,
    next: Option<String>,
}

/// What the address asks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    mine: Option<String>,
    q: String,
    network: String,
    status: String,
    cause: String,
    owner: String,
    team: String,
    after: Option<String>,
    done: Option<String>,
    changed: Option<u32>,
}

impl Asked {
    /// The address of this list, on another page of it.
    fn address(&self, after: Option<&str>) -> String {
        let named = [
            ("mine", self.mine.as_deref().map_or("", |_| "1")),
            ("q", &self.q),
            ("network", &self.network),
            ("status", &self.status),
            ("cause", &self.cause),
            ("owner", &self.owner),
            ("team", &self.team),
            ("after", after.unwrap_or_default()),
        ];
        let parameters: Vec<(&str, &str)> = named.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        networks::oauth::with_query("/settings/profiles", &parameters)
    }
}

/// GET /settings/profiles
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = build(&app, &caller, &asked).await;
    for_people(&caller, page)
}

async fn build(app: &App, caller: &Caller, asked: &Asked) -> Page {
    let now = app.now();
    let mine = asked.mine.is_some();
    let status = Status::parse(&asked.status);
    let filter = Filter {
        network: Some(asked.network.clone()).filter(|network| !network.is_empty()),
        status,
        cause: Cause::parse(&asked.cause),
        owner: caller.user.as_ref().filter(|_| mine).map(|user| user.id.clone()).or_else(|| asked.owner.parse().ok()),
        team: asked.team.parse().ok(),
        q: Some(asked.q.clone()),
        visible_to: caller.narrowed_to(Act::SeeProfile),
        after: asked.after.as_deref().and_then(|after| after.split_once('~')).map(|(id, key)| (key.to_owned(), id.to_owned())),
    };
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let mut found = profiles::list(&mut tx, &app.organisation, &filter, u32::try_from(PER_PAGE + 1).unwrap_or(51)).await?;
    let count = profiles::matching(&mut tx, &app.organisation, &filter).await?;
    let all_teams = teams::list(&mut tx, &app.organisation).await?;
    drop(tx);
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let next = found.last().filter(|_| more).map(|last| asked.address(Some(&format!("{}~{}", last.id, sort_key(&last.name)))));
    let rows = boards_under_accounts(&found).into_iter().map(|profile| row(caller, profile, &users, now)).collect();
    let networks = app
        .config
        .offered()
        .map(|network| (network.about().name.to_owned(), title_of(network.about().name), network.about().name == asked.network))
        .collect();
    let changed = asked.changed.map(|n| caller.lang.fill("bulk.done", &[("n", &n.to_string())]));
    let flash = asked.done.as_deref().filter(|name| name.len() < 200).map(|name| caller.lang.fill("delete.done", &[("name", name)]));
    show(&Profiles {
        s: Shell::new(caller, "profiles").flash(flash.or(changed)),
        mine,
        causes: Cause::ALL
            .iter()
            .map(|cause| (cause.to_string(), caller.lang.t(&format!("cause.{cause}.title")).to_owned(), cause.as_str() == asked.cause))
            .collect(),
        owners: owners(&users, filter.owner.as_ref()),
        teams: all_teams.into_iter().map(|team| (team.id.to_string(), team.name, filter.team.as_ref() == Some(&team.id))).collect(),
        count: caller.lang.fill("profiles.count", &[("n", &count.to_string())]),
        manages: !found.is_empty(),
        back: asked.address(asked.after.as_deref()),
        q: asked.q.clone(),
        networks,
        statuses: statuses(caller.lang, status),
        rows,
        next,
    })
}

/// The most profiles that are changed at once.
const AT_ONCE: usize = 200;

/// POST /settings/profiles/bulk: another owner, another team, for each of those chosen.
pub async fn bulk(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let ids = fields.all("ids");
        if ids.is_empty() || ids.len() > AT_ONCE {
            return Err(Problem::field("ids", &format!("choose 1 to {AT_ONCE} profiles")));
        }
        // All of them or none: each is decided before the first is changed.
        let mut chosen = vec![];
        for id in &ids {
            chosen.push(auth::profile(&app, &caller, id, Act::ManageProfile).await?);
        }
        let owner: Option<UserId> = fields.get("owner").parse().ok();
        let team: Option<TeamId> = fields.get("team").parse().ok();
        if owner.is_none() && team.is_none() {
            return Err(Problem::field("owner", "choose an owner or a team to set"));
        }
        let mut tx = app.store.write().await?;
        for profile in &chosen {
            let mut teams = profile.teams.clone();
            teams.extend(team.clone().filter(|team| !profile.teams.contains(team)));
            let owner = owner.as_ref().or(profile.owner.as_ref());
            profiles::set_owner_and_teams(&mut tx, &app.organisation, &profile.id, owner, &teams).await?;
            let about = About { profile: Some(profile.id.clone()), ..About::default() };
            events::append(&mut tx, &app.organisation, app.now(), "settings.changed", &caller.named, &about, &json!({})).await?;
        }
        tx.commit().await?;
        let back = own_path(fields.get("back"));
        let back = if back.starts_with("/settings/profiles") { back } else { "/settings/profiles" };
        let mark = if back.contains('?') { '&' } else { '?' };
        go(&format!("{back}{mark}changed={}", chosen.len()))
    };
    for_people(&caller, page.await)
}

/// Boards stand under their account where both are on the page.
fn boards_under_accounts(found: &[Profile]) -> Vec<&Profile> {
    let here = |profile: &Profile| found.iter().any(|other| Some(&other.id) == profile.parent.as_ref());
    let mut ordered = vec![];
    for profile in found.iter().filter(|profile| !here(profile)) {
        ordered.push(profile);
        ordered.extend(found.iter().filter(|board| board.parent.as_ref() == Some(&profile.id)));
    }
    ordered
}
