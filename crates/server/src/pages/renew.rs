//! `/renew/{secret}`: for a network admin who has no account here.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::permission::{Act, Actor, Decision, Question, decide};
use lifecycle::secret::Secret;
use store::freezes;
use store::profiles::{self, Profile};
use store::renewal_links::{self, LinkState};
use store::seal;

use super::view::title_of;
use super::{Message, Page, Shell, for_people, show, show_with};
use crate::actions::connect;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

#[derive(Template)]
#[template(path = "renew.html")]
struct Renew {
    s: Shell,
    intro: String,
    people: Vec<String>,
    rules: Vec<&'static str>,
    action: String,
    button: String,
}

async fn open(app: &App, secret: &str) -> Result<Result<Profile, LinkState>, Problem> {
    let mut tx = app.store.read().await?;
    let link = renewal_links::find(&mut tx, &Secret::new(secret), app.now()).await?;
    let Some(link) = link.filter(|link| link.organisation == app.organisation) else { return Ok(Err(LinkState::Withdrawn)) };
    if link.state != LinkState::Open {
        return Ok(Err(link.state));
    }
    let Some(profile) = profiles::get(&mut tx, &app.organisation, &link.profile).await? else { return Ok(Err(LinkState::Withdrawn)) };
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    let asked = Question { act: Act::RefreshConnection, about: auth::about(&profile), call: None, now: app.now(), frozen: &frozen };
    match decide(&Actor::RenewalLink { profile: link.profile }, &asked) {
        Decision::Allow(_) => Ok(Ok(profile)),
        no => Err(auth::refused(&no)),
    }
}

fn closed(caller: &Caller, state: LinkState) -> Page {
    let title = if state == LinkState::Used { "renew.used" } else { "renew.expired" };
    show_with(StatusCode::GONE, &Message::new(Shell::new(caller, ""), caller.lang.t(title), caller.lang.t("renew.ask")))
}

/// GET /renew/{secret}. Looking never consumes (NT-22).
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(secret): Path<String>) -> Response {
    let page = async {
        let profile = match open(&app, &secret).await? {
            Ok(profile) => profile,
            Err(state) => return closed(&caller, state),
        };
        let (lang, network) = (caller.lang, title_of(&profile.network));
        show(&Renew {
            s: Shell::new(&caller, ""),
            intro: lang.fill("renew.intro", &[("organisation", &app.organisation_name), ("name", &profile.name), ("network", &network)]),
            people: super::profile::people_of(&app, &profile).await?,
            rules: super::view::rules_of(&app, &profile.network, &profile.instance, lang).await?,
            action: format!("/renew/{secret}"),
            button: lang.fill("add.button", &[("network", &network)]),
        })
    };
    for_people(&caller, page.await)
}

/// POST /renew/{secret}: leave for the network. The link is used up when the right person came back.
pub async fn post(State(app): State<Arc<App>>, caller: Caller, Path(secret): Path<String>) -> Response {
    let page = async {
        let profile = match open(&app, &secret).await? {
            Ok(profile) => profile,
            Err(state) => return closed(&caller, state),
        };
        let (mut by, set) = super::add::browser(&app, &caller);
        by.actor = store::events::Actor::RenewalLink;
        let link = format!("renewal-link:{}", seal::hash(&Secret::new(&secret)));
        let started = connect::refresh(&app, &profile, by, Some(link)).await?;
        Ok(([(header::SET_COOKIE, set)], Redirect::to(&started.authorize_url)).into_response())
    };
    for_people(&caller, page.await)
}
