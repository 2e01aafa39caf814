//! GET /settings/profiles

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use lifecycle::permission::Act;
use lifecycle::status::Status;
use serde::Deserialize;
use store::profiles::{self, Filter, Profile, sort_key};
use store::users;

use super::view::{Options, Row, row, statuses, title_of};
use super::{Page, Shell, for_people, show};
use crate::auth::Caller;
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
    after: Option<String>,
    done: Option<String>,
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
        owner: caller.user.as_ref().filter(|_| mine).map(|user| user.id.clone()),
        q: Some(asked.q.clone()),
        visible_to: caller.narrowed_to(Act::SeeProfile),
        after: asked.after.as_deref().and_then(|after| after.split_once('~')).map(|(id, key)| (key.to_owned(), id.to_owned())),
        ..Filter::default()
    };
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let mut found = profiles::list(&mut tx, &app.organisation, &filter, u32::try_from(PER_PAGE + 1).unwrap_or(51)).await?;
    drop(tx);
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let next = found.last().filter(|_| more).map(|last| {
        let after = format!("{}~{}", last.id, sort_key(&last.name));
        let mut parameters = vec![("q", asked.q.as_str()), ("network", &asked.network), ("status", &asked.status), ("after", &after)];
        if mine {
            parameters.push(("mine", "1"));
        }
        networks::oauth::with_query("/settings/profiles", &parameters)
    });
    let rows = boards_under_accounts(&found).into_iter().map(|profile| row(caller, profile, &users, now)).collect();
    let networks = app
        .config
        .offered()
        .map(|network| (network.about().name.to_owned(), title_of(network.about().name), network.about().name == asked.network))
        .collect();
    let flash = asked.done.as_deref().filter(|name| name.len() < 200).map(|name| caller.lang.fill("delete.done", &[("name", name)]));
    show(&Profiles {
        s: Shell::new(caller, "profiles").flash(flash),
        mine,
        q: asked.q.clone(),
        networks,
        statuses: statuses(caller.lang, status),
        rows,
        next,
    })
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
