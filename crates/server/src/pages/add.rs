//! Adding profiles: choose a network, read its rules, leave, come back, choose.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::ids::TeamId;
use lifecycle::secret::Secret;
use networks::Network;
use networks::network::{Ability, Asks};
use store::connect::{Chosen, preset_of};
use store::connections::{self, Connection, Stage};
use store::{grants, profiles, users};

use super::sign_in::set_cookie;
use super::view::{Options, Row, badge_of, row, title_of};
use super::{Fields, Message, Page, Shell, for_people, go, renew, show, show_with};
use crate::actions::connect::{self, By, network_named};
use crate::actions::finish::{self, Finished};
use crate::actions::{return_to, room};
use crate::auth::{self, Caller, cookie};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::When;
use crate::state::App;
use crate::time::fresh_secret;

/// The cookie that binds a connection to the browser that began it (RFC 9700 4.7.1).
const CONNECT: &str = "staygreen_connect";

struct Item {
    name: &'static str,
    title: &'static str,
    badge: String,
    can: String,
}

#[derive(Template)]
#[template(path = "add.html")]
struct Add {
    s: Shell,
    items: Vec<Item>,
}

#[derive(Template)]
#[template(path = "add_network.html")]
struct AddNetwork {
    s: Shell,
    title: String,
    heading: String,
    name: &'static str,
    rules: Vec<&'static str>,
    abilities: Vec<(String, bool, &'static str)>,
    configured: bool,
    asks: Option<String>,
    /// Whether that has to be typed.
    needed: bool,
    button: String,
}

struct Choice {
    network_id: String,
    name: String,
    kind: String,
    role: String,
    unusable: Option<String>,
    /// Chosen beforehand: it can be connected, and there is room for it.
    ticked: bool,
    /// It is here already: this login makes it stronger, or is reconnected.
    known: bool,
}

#[derive(Template)]
#[template(path = "choose.html")]
struct Choose {
    s: Shell,
    id: String,
    intro: String,
    warnings: Vec<String>,
    items: Vec<Choice>,
    presets: String,
    /// For which team they can be connected.
    teams: Options,
}

#[derive(Template)]
#[template(path = "result.html")]
struct Connected {
    s: Shell,
    rows: Vec<Row>,
    warnings: Vec<String>,
}

fn abilities(network: &dyn Network, lang: Lang) -> Vec<(String, bool, &'static str)> {
    let can = network.about().can;
    let all = [("publish", can.publish), ("comment", can.comment), ("read_comments", can.read_comments), ("reply", can.reply)];
    let read = |(name, ability): (&str, Ability)| {
        let why = match ability {
            Ability::Yes => "",
            Ability::No { en, de } => match lang {
                Lang::En => en,
                Lang::De => de,
            },
        };
        (lang.t(&format!("ability.{name}")).to_owned(), ability.is_yes(), why)
    };
    all.into_iter().map(read).collect()
}

/// GET /settings/profiles/add
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let item = |network: &'static dyn Network| {
        let can: Vec<String> = abilities(network, caller.lang).into_iter().filter(|(_, yes, _)| *yes).map(|(words, ..)| words).collect();
        let about = network.about();
        Item {
            name: about.name,
            title: about.title,
            badge: badge_of(about.name),
            can: caller.lang.fill("add.can", &[("list", &can.join(", "))]),
        }
    };
    let page = Add { s: Shell::new(&caller, "profiles"), items: app.config.offered().map(item).collect() };
    for_people(&caller, show(&page))
}

/// GET /settings/profiles/add/{network}: the rules, before leaving.
pub async fn rules(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Response {
    let page = async {
        let network = network_named(&name).map_err(|_| Problem::not_found())?;
        let about = network.about();
        let lang = caller.lang;
        let named = [("network", about.title)];
        let client = app.network_app(network, "").await;
        let is_registered = client.as_ref().is_some_and(|client| client.is_registered());
        show(&AddNetwork {
            s: Shell::new(&caller, "profiles"),
            title: about.title.into(),
            heading: lang.fill("add.heading", &named),
            name: about.name,
            rules: super::view::rules_of(&app, about.name, "", lang).await?,
            abilities: abilities(network, lang),
            configured: client.is_some(),
            asks: match about.asks {
                Asks::Nothing => None,
                Asks::Handle => Some(lang.t("add.handle").to_owned()),
                Asks::Instance => Some(lang.t("add.instance").to_owned()),
                Asks::Webhook => Some(lang.t(if is_registered { "add.webhook" } else { "add.webhook_alone" }).to_owned()),
            },
            // Without an app of ours nobody can log in there.
            needed: about.asks.is_needed() || !is_registered,
            button: lang.fill("add.button", &named),
        })
    };
    for_people(&caller, page.await)
}

/// POST /settings/profiles/add/{network}: leave for the network.
pub async fn leave(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Response {
    let page = async {
        let network = network_named(&name)?;
        let (by, set) = browser(&app, &caller);
        let hint = Some(fields.get("hint").to_owned()).filter(|hint| !hint.is_empty());
        let started = connect::begin(&app, network, hint, by, None).await?;
        Ok(([(header::SET_COOKIE, set)], Redirect::to(&started.authorize_url)).into_response())
    };
    for_people(&caller, page.await)
}

/// Who begins in a browser, and the cookie that binds the connection to it.
pub fn browser(app: &App, caller: &Caller) -> (By, String) {
    let secret = fresh_secret(&*app.dice, "");
    let set = set_cookie(app, CONNECT, secret.expose());
    (By { actor: caller.named.clone(), browser: Some(secret), lang: caller.lang }, set)
}

/// GET /oauth/callback/{network}: the return.
pub async fn callback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    returned(&app, &caller, (&name, ""), query, &headers).await
}

/// GET /oauth/callback/{network}/{instance}: the return from one of many.
pub async fn callback_of_instance(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((name, instance)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    returned(&app, &caller, (&name, &instance), query, &headers).await
}

async fn returned(app: &App, caller: &Caller, (name, at): (&str, &str), query: Option<String>, headers: &HeaderMap) -> Response {
    let page = async {
        let network = network_named(name).map_err(|_| Problem::not_found())?;
        let callback: Vec<(String, String)> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let browser = cookie(headers, CONNECT).map(Secret::new);
        match finish::finish(app, network, at, &callback, browser.as_ref()).await? {
            Finished::NotOurs(code) => failure_page(caller, code, network.about().title, &[], None, None, "/settings/profiles"),
            Finished::Connection(connection) => after_return(app, caller, &connection, headers).await,
        }
    };
    for_people(caller, page.await)
}

/// Whoever a tool sent goes back to it; a user of ours goes on to a page of theirs; anybody else is told here.
async fn after_return(app: &App, caller: &Caller, connection: &Connection, headers: &HeaderMap) -> Page {
    if let Some(address) = return_to::address(connection) {
        return Ok(Redirect::to(&address).into_response());
    }
    if matches!(connection.begun.by, store::events::Actor::User { .. }) {
        return go(&format!("/settings/profiles/connections/{}", connection.id));
    }
    // A renewal link that leads on to something else is opened again.
    let link = finish::link_of(connection).and_then(|hash| renew::link_in(headers, hash));
    match (connection.stage, link) {
        (Stage::Failed, link) => failed_page(caller, connection, link),
        (Stage::Exchanging, _) => waiting_page(caller, connection),
        (_, Some(secret)) if renew::is_left(app, secret).await? => go(&format!("/renew/{secret}")),
        _ => done_page(caller, connection),
    }
}

/// What somebody is told whom a tool, or a link, sent and who comes back with a login that worked. A first login adds nothing yet where
/// somebody has to choose.
fn done_page(caller: &Caller, connection: &Connection) -> Page {
    let title = match (&connection.begun.profile, connection.stage) {
        (_, Stage::Choose) => "connection_done.choose",
        (None, _) => "connection_done.first",
        (Some(_), _) => "renew.done",
    };
    let mut words = warnings(caller, connection);
    if connection.stage == Stage::Choose {
        words.push(caller.lang.t("connection_done.choose_more").to_owned());
    }
    words.push(caller.lang.t("renew.done_more").to_owned());
    let title = caller.lang.fill(title, &[("network", &title_of(&connection.place.network))]);
    show(&Message::new(Shell::new(caller, ""), title, words.join(" ")).good())
}

fn failed_page(caller: &Caller, connection: &Connection, link: Option<&str>) -> Page {
    let title = title_of(&connection.place.network);
    let again = match (&connection.begun.profile, link) {
        (_, Some(secret)) => format!("/renew/{secret}"),
        (Some(profile), None) => format!("/settings/profiles/{profile}/refresh"),
        (None, None) => format!("/settings/profiles/add/{}", connection.place.network),
    };
    let Some(failed) = &connection.failure else { return Err(Problem::not_found()) };
    failure_page(
        caller,
        &failed.code,
        &title,
        &failed.expected,
        failed.came.as_deref(),
        failed.evidence.as_ref().map(|evidence| evidence.words.clone()),
        &again,
    )
}

/// The login worked, and the network does not say what it leads to.
fn waiting_page(caller: &Caller, connection: &Connection) -> Page {
    let (lang, title) = (caller.lang, title_of(&connection.place.network));
    let said = connection.failure.as_ref().and_then(|failed| failed.evidence.as_ref()).map(|evidence| evidence.words.clone());
    let mut page = Message::new(
        Shell::new(caller, "profiles"),
        lang.fill("connection_waits.title", &[("network", &title)]),
        lang.fill("connection_waits.text", &[("network", &title)]),
    )
    .quote(said);
    if caller.user.is_some() {
        page = page.link(lang.t("connection_waits.look"), &format!("/settings/profiles/connections/{}", connection.id)).waits();
    }
    show_with(StatusCode::ACCEPTED, &page)
}

fn failure_page(
    caller: &Caller,
    code: &str,
    network: &str,
    expected: &[String],
    came: Option<&str>,
    quote: Option<String>,
    again: &str,
) -> Page {
    let lang = caller.lang;
    let expected = expected.join(", ");
    let values = [("network", network), ("expected", &expected), ("came", came.unwrap_or("?"))];
    let mut page = Message::new(
        Shell::new(caller, "profiles"),
        lang.fill(&format!("failure.{code}.title"), &values),
        lang.fill(&format!("failure.{code}.text"), &values),
    )
    .quote(quote);
    if caller.user.is_some() || again.starts_with("/renew/") {
        page = page.link(lang.t("failure.again"), again);
    }
    show_with(StatusCode::CONFLICT, &page)
}

/// GET /settings/profiles/connections/{id}
pub async fn connection(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let connection = auth::connection(&app, &caller, &id).await?;
        match connection.stage {
            Stage::Failed => failed_page(&caller, &connection, None),
            Stage::Choose => choose_page(&app, &caller, &connection).await,
            Stage::Complete => connected_page(&app, &caller, &connection).await,
            Stage::Exchanging if connection.failure.is_some() => waiting_page(&caller, &connection),
            Stage::Pending | Stage::Exchanging => {
                failure_page(&caller, "state_missing", &title_of(&connection.place.network), &[], None, None, "/settings/profiles/add")
            }
        }
    };
    for_people(&caller, page.await)
}

async fn choose_page(app: &App, caller: &Caller, connection: &Connection) -> Page {
    let lang = caller.lang;
    let mut tx = app.store.read().await?;
    let preset = preset_of(&mut tx, connection, None).await?;
    let owner = match &preset.owner {
        Some(id) => users::by_id(&mut tx, id).await?.map(|user| user.name),
        None => None,
    };
    let person = match &connection.person {
        Some(id) => grants::person(&mut tx, id).await?.map(|person| person.name),
        None => None,
    };
    let fits = room::fitting(app, &mut tx, &connection.place, &connection.discovered).await?;
    let mut known = BTreeSet::new();
    for found in &connection.discovered {
        if profiles::is_known(&mut tx, &app.organisation, &connection.place, &found.network_id).await? {
            known.insert(found.network_id.as_str());
        }
    }
    let room = fits.room.filter(|_| !fits.left_out.is_empty()).map(|room| {
        let (have, limit) = (room.have.to_string(), room.limit.to_string());
        lang.count("choose.room", usize::try_from(room.left()).unwrap_or(usize::MAX), &[("have", &have), ("limit", &limit)])
    });
    let choice = |found: &connections::Discovered| Choice {
        ticked: fits.ids.contains(&found.network_id),
        known: known.contains(found.network_id.as_str()),
        network_id: found.network_id.clone(),
        name: found.name.clone(),
        kind: lang.t(&format!("kind.{}", found.kind)).to_owned(),
        role: found.role.clone(),
        unusable: found.unusable.as_ref().map(|(en, de)| lang.pick(en, de).to_owned()),
    };
    let owner = owner.unwrap_or_else(|| lang.t("profiles.no_owner").to_owned());
    drop(tx);
    let teams = finish::offered_teams(app, caller).await?;
    show(&Choose {
        s: Shell::new(caller, "profiles"),
        id: connection.id.to_string(),
        intro: lang
            .fill("choose.intro", &[("person", person.as_deref().unwrap_or_default()), ("network", &title_of(&connection.place.network))]),
        warnings: warnings(caller, connection).into_iter().chain(room).collect(),
        items: connection.discovered.iter().map(choice).collect(),
        presets: lang.fill("choose.presets", &[("owner", &owner)]),
        teams: teams.into_iter().map(|team| (team.id.to_string(), team.name, false)).collect(),
    })
}

/// What people should know although the connection came about: permissions that were not granted, profiles for which there is no room,
/// and those that were not ticked.
fn warnings(caller: &Caller, connection: &Connection) -> Vec<String> {
    let lang = caller.lang;
    let warning = connection.failure.as_ref();
    let missing = warning.filter(|warning| !warning.expected.is_empty());
    let missing = missing.map(|warning| lang.fill("choose.missing", &[("scopes", &warning.expected.join(", "))]));
    let no_room = warning.and_then(|warning| warning.words.as_ref()).map(|(en, de)| lang.pick(en, de).to_owned());
    let left_out = Some(connection.left_out.join(", ")).filter(|names| !names.is_empty());
    let left_out =
        left_out.map(|names| lang.fill("choose.left_out", &[("profiles", &names), ("network", &title_of(&connection.place.network))]));
    missing.into_iter().chain(no_room).chain(left_out).collect()
}

async fn connected_page(app: &App, caller: &Caller, connection: &Connection) -> Page {
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let mut rows = vec![];
    for id in &connection.added {
        rows.extend(profiles::get(&mut tx, &app.organisation, id).await?.map(|profile| row(caller, &profile, &users, app.now())));
    }
    show(&Connected { s: Shell::new(caller, "profiles"), rows, warnings: warnings(caller, connection) })
}

/// POST /settings/profiles/connections/{id}: the chosen profiles.
pub async fn choose(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        let connection = auth::connection(&app, &caller, &id).await?;
        if connection.stage == Stage::Choose {
            let team: Option<TeamId> = fields.get("team").parse().ok();
            finish::check_team(&app, &caller, team.as_ref()).await?;
            finish::choose(&app, &connection, Chosen { ids: &fields.all("ids"), team: team.as_ref() }, &caller.named).await?;
        }
        go(&format!("/settings/profiles/connections/{id}"))
    };
    for_people(&caller, page.await)
}
