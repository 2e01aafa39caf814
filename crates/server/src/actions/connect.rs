//! Beginning a connection: for new profiles, to refresh one, or by a renewal link.

use std::sync::Arc;

use axum::http::StatusCode;
use keeper::ports::NetworkApp;
use lifecycle::ids::ConnectionId;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::Network;
use networks::network::{Asks, Failure, Registration, Start};
use serde_json::json;
use store::connections::Begun;
use store::events::{self, About, Actor};
use store::grants::{Place, holders_of};
use store::network_apps::{self, RegisteredWith};
use store::profiles::Profile;
use store::seal;

use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;
use crate::time::fresh_secret;

/// Who begins, and from where.
pub struct By {
    /// For the log.
    pub actor: Actor,
    /// The secret of the browser that begins; `None` when a tool does.
    pub browser: Option<Secret>,
    /// In which language to speak.
    pub lang: Lang,
}

/// A connection that has begun.
pub struct Started {
    /// Its id.
    pub id: ConnectionId,
    /// Where to send the person.
    pub authorize_url: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The network of that name, for people who may have mistyped it.
pub fn network_named(name: &str) -> Result<&'static dyn Network, Problem> {
    let known: Vec<_> = networks::all().iter().map(|network| network.about().name).collect();
    networks::find(name)
        .ok_or_else(|| Problem::field("network", &format!("there is no network \"{name}\"; the networks are {}", known.join(", "))))
}

/// Begins to connect new profiles.
pub async fn begin(
    app: &App,
    network: &'static dyn Network,
    hint: Option<String>,
    by: By,
    return_to: Option<String>,
) -> Result<Started, Problem> {
    if network.about().asks.is_needed() && hint.is_none() {
        return Err(Problem::field(field_of(network), "is needed to connect this network"));
    }
    let instance =
        network.instance(hint.as_deref()).map_err(|words| Problem::field(field_of(network), by.lang.pick(&words.en, &words.de)))?;
    let instance = lives_at(app, network, instance, hint.as_deref()).await;
    start(app, network, instance, Wish { hint, expected: vec![], profile: None, return_to }, by).await
}

/// The instance on which a typed account lives: its domain may name a server of another name.
async fn lives_at(app: &App, network: &'static dyn Network, typed: String, hint: Option<&str>) -> String {
    let (Some(hint), false) = (hint, typed.is_empty()) else { return typed };
    let Some(client) = app.network_app(network, &typed).await else { return typed };
    let wire = app.wire.of(network.about().name);
    network.server_of(client.cx(app.now(), &*app.dice), wire, hint).await.unwrap_or(typed)
}

/// The field in which a network's hint travels.
fn field_of(network: &dyn Network) -> &'static str {
    if network.about().asks == Asks::Instance { "instance" } else { "handle" }
}

/// Begins to connect a profile through somebody who does not hold it yet: any admin of it at the network may log in.
pub async fn refresh_by_any(app: &App, profile: &Profile, by: By, return_to: Option<String>) -> Result<Started, Problem> {
    let network = network_named(&profile.network)?;
    start(app, network, profile.instance.clone(), Wish { hint: None, expected: vec![], profile: Some(profile.id.clone()), return_to }, by)
        .await
}

/// Begins to refresh a profile's connection: one of the people who hold access tokens for it must log in.
pub async fn refresh(app: &App, profile: &Profile, by: By, return_to: Option<String>) -> Result<Started, Problem> {
    let network = network_named(&profile.network)?;
    let mut tx = app.store.read().await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    drop(tx);
    let wanted = profile.standing.person.as_ref();
    let first = holders.iter().find(|holder| Some(&holder.person.id) == wanted).or(holders.first());
    let hint = first.and_then(|holder| holder.person.handle.clone().or_else(|| Some(holder.person.network_id.clone())));
    let expected = holders.iter().map(|holder| holder.person.network_id.clone()).collect();
    start(app, network, profile.instance.clone(), Wish { hint, expected, profile: Some(profile.id.clone()), return_to }, by).await
}

struct Wish {
    hint: Option<String>,
    expected: Vec<String>,
    profile: Option<lifecycle::ids::ProfileId>,
    return_to: Option<String>,
}

async fn start(app: &App, network: &'static dyn Network, instance: String, wish: Wish, by: By) -> Result<Started, Problem> {
    let about = network.about();
    let Some(client) = app.network_app(network, &instance).await else {
        return Err(app_missing(network));
    };
    let client = as_registered(app, client).await?;
    let now = app.now();
    let state = fresh_secret(&*app.dice, "");
    let asked = Start { state, hint: wish.hint, expected_person: wish.expected.first().cloned() };
    if !client.is_registered() && network.needs_app(client.cx(now, &*app.dice), &asked) {
        return Err(app_missing(network));
    }
    let authorization = network
        .begin(client.cx(now, &*app.dice), app.wire.of(about.name), &asked)
        .await
        .map_err(|failure| refused(network, by.lang, failure))?;
    let id: ConnectionId = store::ids::fresh();
    let place = Place { network: about.name.into(), instance: authorization.instance.clone() };
    let begun = Begun {
        by: by.actor.clone(),
        browser_hash: by.browser.as_ref().map(seal::hash),
        expected_people: wish.expected,
        profile: wish.profile.clone(),
        return_to: wish.return_to,
    };
    let life = app.config.server.connection_max.span();
    let mut tx = app.store.write().await?;
    if let Some(made) = &authorization.registered {
        let (id, secret) = (made.client_id.as_str(), Some(&made.client_secret));
        network_apps::set(&mut tx, app.store.keys(), &app.organisation, about.name, &place.instance, id, secret, now).await?;
        network_apps::set_registered_with(&mut tx, &app.organisation, about.name, &place.instance, &registration(&client)).await?;
    }
    app.store
        .open_connection(&mut tx, &id, &app.organisation, &place, &begun, &authorization.returns_with, &authorization.memory, now, life)
        .await?;
    let what = About { connection: Some(id.clone()), profile: wish.profile, ..About::default() };
    events::append(&mut tx, &app.organisation, now, "connection.begun", &by.actor, &what, &json!({ "network": about.name })).await?;
    tx.commit().await?;
    Ok(Started { id, authorize_url: authorization.url, expires_at: now + life })
}

fn app_missing(network: &dyn Network) -> Problem {
    let title = network.about().title;
    let detail = format!("No network app is configured for {title}. An admin enters client id and secret under Settings, Network apps.");
    Problem::new(StatusCode::CONFLICT, "network_app_missing", detail)
}

/// What our client is registered with at an instance, when it is registered now.
fn registration(client: &NetworkApp) -> RegisteredWith {
    let scopes = if client.app.scopes.is_empty() { client.network.about().scopes.join(" ") } else { client.app.scopes.join(" ") };
    RegisteredWith { redirect_uri: client.app.redirect_uri.clone(), scopes }
}

/// The client as it stands at the instance: one that was registered with another redirect address or other scopes cannot be used
/// for a login any more, and counts as none. What it was given before lives on.
async fn as_registered(app: &App, client: Arc<NetworkApp>) -> Result<Arc<NetworkApp>, Problem> {
    let about = client.network.about();
    if about.registration != Registration::AtInstance || client.app.client_id.is_empty() {
        return Ok(client);
    }
    let mut tx = app.store.read().await?;
    let with = network_apps::registered_with(&mut tx, &app.organisation, about.name, &client.app.instance).await?;
    if with.as_ref() == Some(&registration(&client)) {
        return Ok(client);
    }
    let mut anew = (*client).clone();
    (anew.app.client_id, anew.app.client_secret) = (String::new(), None);
    Ok(Arc::new(anew))
}

fn refused(network: &dyn Network, lang: Lang, failure: Failure) -> Problem {
    let title = network.about().title;
    let (status, code, words) = match &failure {
        Failure::BadHint { words } => return Problem::field(field_of(network), lang.pick(&words.en, &words.de)),
        Failure::Unavailable { evidence } => (StatusCode::BAD_GATEWAY, "network_unavailable", &evidence.words),
        Failure::Misconfigured { evidence }
        | Failure::Suspicious { evidence }
        | Failure::Denied { evidence }
        | Failure::StaleCode { evidence }
        | Failure::Refused { evidence, .. } => (StatusCode::BAD_GATEWAY, "network_refused", &evidence.words),
    };
    let advice = if code == "network_unavailable" {
        "Try again in a few minutes."
    } else {
        "An admin should check the network app under Settings, Network apps."
    };
    Problem::new(status, code, format!("{title} did not begin the connection: {words}. {advice}"))
}
