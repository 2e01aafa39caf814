//! `/renew/{secret}`: for a network admin who has no account here. A link may lead through several profiles, at several networks.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use lifecycle::permission::{Act, Actor, Decision, Question, decide};
use lifecycle::secret::Secret;
use store::freezes;
use store::profiles::{self, Profile};
use store::renewal_links::{self, Accepts, LinkState};
use store::seal;

use super::view::{badge_of, rules_of, title_of};
use super::{Fields, Message, Page, Shell, for_people, show, show_with};
use crate::actions::connect;
use crate::auth::{self, Caller, cookie};
use crate::error::Problem;
use crate::pages::sign_in::set_cookie;
use crate::state::App;

/// The cookie that leads back to the link after a login, for its next step.
const RENEWAL: &str = "staygreen_renewal";

/// What one login does.
struct LoginView {
    network: String,
    badge: String,
    /// Who is expected.
    people: Vec<String>,
    /// Who may come where it need not be one of the people.
    anybody: Option<String>,
    /// Name, done.
    profiles: Vec<(String, bool)>,
    done: bool,
    /// The profile through which the login begins.
    ask: String,
    rules: Vec<&'static str>,
    button: String,
}

#[derive(Template)]
#[template(path = "renew.html")]
struct Renew {
    s: Shell,
    intro: String,
    /// How far it is, in words, and in numbers; where there is more than one login.
    progress: Option<(String, usize, usize)>,
    logins: Vec<LoginView>,
    action: String,
}

/// An open link.
struct Opened {
    /// Its profiles, and whether each is done.
    steps: Vec<(Profile, bool)>,
    /// Another admin of a profile than those who hold it may come.
    any_admin: bool,
}

async fn open(app: &App, secret: &str) -> Result<Result<Opened, LinkState>, Problem> {
    let mut tx = app.store.read().await?;
    let link = renewal_links::find(&mut tx, &Secret::new(secret), app.now()).await?;
    let Some(link) = link.filter(|link| link.organisation == app.organisation) else { return Ok(Err(LinkState::Withdrawn)) };
    if link.state != LinkState::Open {
        return Ok(Err(link.state));
    }
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    let mut steps = vec![];
    for step in link.steps {
        let Some(profile) = profiles::get(&mut tx, &app.organisation, &step.profile).await? else { continue };
        let asked = Question { act: Act::RefreshConnection, about: auth::about(&profile), call: None, now: app.now(), frozen: &frozen };
        match decide(&Actor::RenewalLink { profile: step.profile }, &asked) {
            Decision::Allow(_) => steps.push((profile, step.done_at.is_some())),
            no => return Err(auth::refused(&no)),
        }
    }
    Ok(Ok(Opened { steps, any_admin: link.accepts != Accepts::Holders }))
}

fn closed(caller: &Caller, state: LinkState) -> Page {
    let title = if state == LinkState::Used { "renew.used" } else { "renew.expired" };
    show_with(StatusCode::GONE, &Message::new(Shell::new(caller, ""), caller.lang.t(title), caller.lang.t("renew.ask")))
}

/// The steps by login: one at a network repairs everything that hangs on it.
async fn logins(app: &App, caller: &Caller, opened: &Opened) -> Result<Vec<LoginView>, Problem> {
    let lang = caller.lang;
    let mut logins: BTreeMap<(String, String, Vec<String>), LoginView> = BTreeMap::new();
    for (profile, done) in &opened.steps {
        let network = title_of(&profile.network);
        let people = if opened.any_admin { vec![] } else { super::profile::people_of(app, profile).await? };
        let key = (profile.network.clone(), profile.instance.clone(), people.clone());
        if !logins.contains_key(&key) {
            let view = LoginView {
                network: profile.network.clone(),
                badge: badge_of(&profile.network),
                people,
                anybody: opened.any_admin.then(|| lang.fill("renew.any", &[("network", &network)])),
                profiles: vec![],
                done: true,
                ask: profile.id.to_string(),
                rules: rules_of(app, &profile.network, &profile.instance, lang).await?,
                button: lang.fill("add.button", &[("network", &network)]),
            };
            logins.insert(key.clone(), view);
        }
        if let Some(view) = logins.get_mut(&key) {
            view.profiles.push((profile.name.clone(), *done));
            if !done && view.done {
                view.done = false;
                view.ask = profile.id.to_string();
            }
        }
    }
    Ok(logins.into_values().collect())
}

/// GET /renew/{secret}. Looking never consumes (NT-22).
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(secret): Path<String>) -> Response {
    let page = async {
        let opened = match open(&app, &secret).await? {
            Ok(opened) => opened,
            Err(state) => return closed(&caller, state),
        };
        let lang = caller.lang;
        let logins = logins(&app, &caller, &opened).await?;
        let (done, all) = (opened.steps.iter().filter(|(_, done)| *done).count(), opened.steps.len());
        let organisation = ("organisation", app.organisation_name.as_str());
        let intro = match opened.steps.as_slice() {
            [(profile, _)] => lang.fill("renew.intro", &[organisation, ("name", &profile.name), ("network", &title_of(&profile.network))]),
            _ => lang.count("renew.intro_several", logins.len(), &[organisation, ("connections", &all.to_string())]),
        };
        let words = || lang.fill("renew.progress", &[("done", &done.to_string()), ("n", &all.to_string())]);
        show(&Renew {
            s: Shell::new(&caller, ""),
            intro,
            progress: (all > 1).then(|| (words(), done, all)),
            logins,
            action: format!("/renew/{secret}"),
        })
    };
    for_people(&caller, page.await)
}

/// POST /renew/{secret}: leave for the network. A step is used up when the right person came back.
pub async fn post(State(app): State<Arc<App>>, caller: Caller, Path(secret): Path<String>, fields: Fields) -> Response {
    let page = async {
        let opened = match open(&app, &secret).await? {
            Ok(opened) => opened,
            Err(state) => return closed(&caller, state),
        };
        let wanted = fields.get("profile");
        let mut left = opened.steps.iter().filter(|(_, done)| !done).map(|(profile, _)| profile);
        let step = if wanted.is_empty() { left.next() } else { left.find(|profile| profile.id.as_str() == wanted) };
        let Some(profile) = step else { return Err(Problem::field("profile", "is no open step of this link")) };
        let (mut by, set) = super::add::browser(&app, &caller);
        by.actor = store::events::Actor::RenewalLink;
        let link = Some(format!("renewal-link:{}", seal::hash(&Secret::new(&secret))));
        let started = if opened.any_admin {
            connect::refresh_by_any(&app, profile, by, link).await?
        } else {
            connect::refresh(&app, profile, by, link).await?
        };
        let cookies = [(header::SET_COOKIE, set), (header::SET_COOKIE, set_cookie(&app, RENEWAL, &secret))];
        Ok((AppendHeaders(cookies), Redirect::to(&started.authorize_url)).into_response())
    };
    for_people(&caller, page.await)
}

/// The link with which this browser began, if it is the one with that hash.
pub fn link_in<'a>(headers: &'a HeaderMap, hash: &str) -> Option<&'a str> {
    cookie(headers, RENEWAL).filter(|secret| seal::hash(&Secret::new(*secret)) == hash)
}

/// Whether something is left to be renewed through a link.
pub async fn is_left(app: &App, secret: &str) -> Result<bool, Problem> {
    Ok(open(app, secret).await?.is_ok())
}
