//! One profile: settings, notifications, access tokens, refreshing, checking, renewal link, deleting.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::access::AccessState;
use lifecycle::grant::Phase;
use lifecycle::permission::Act;
use lifecycle::routing::Route;
use lifecycle::tag::Tag;
use lifecycle::time::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::events::{self, About};
use store::grants::{Holder, holders_of};
use store::profiles::{self, Profile};
use store::users::{self, User};
use store::{acts, presets, reminders, teams, telling};

use super::bulk::Names;
use super::clocks::{Clock, clocks_of, is_over};
use super::presets::{Here, here};
use super::together::{self, Found, Meanwhile, Values, compare};
use super::view::{Line, Options, Row, end_of_access, line, owners, refresh_tokens, row, title_of, zone};
use super::{Confirm, Fields, Page, Shell, for_people, go, show, show_with};
use crate::actions::explain::{Explanation, explain};
use crate::actions::finish::shown;
use crate::actions::settings::{self, Wanted};
use crate::actions::{check, connect, disconnect, tagging};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::When;
use crate::state::App;

struct SeenWords {
    words: String,
    code: Option<String>,
    when: When,
}

struct HolderView {
    person: String,
    role: String,
    state: String,
    clocks: Vec<Clock>,
    /// Their login has ended before the days that the clocks name.
    over: bool,
    missing: Option<String>,
}

/// Who hears it when no access tokens are available.
struct Hears {
    words: String,
    warn: bool,
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    s: Shell,
    row: Row,
    tab: &'static str,
    explanation: Explanation,
    evidence: Option<SeenWords>,
    owners: Options,
    teams: Options,
    /// Its tags, as they are typed.
    tags: String,
    /// Which page presets hold for it.
    presets: Here,
    is_board: bool,
    hears: Hears,
    /// When the next reminder comes, in words; `None` while the profile works.
    reminders: Option<String>,
    notify_no_access: bool,
    notify_renew_soon: bool,
    holders: Vec<HolderView>,
    /// Of several people's access one is left.
    one_left: bool,
    refresh_tokens: Option<&'static str>,
    history: Vec<Line>,
    /// What the tab's form shows, before anything is typed.
    shown: String,
    /// What somebody else changed while it was open.
    meanwhile: Option<String>,
}

#[derive(Template)]
#[template(path = "refresh.html")]
struct Refresh {
    s: Shell,
    intro: String,
    people: Vec<String>,
    rules: Vec<&'static str>,
    action: String,
    button: String,
    /// The profile's page.
    back: String,
}

/// GET /settings/profiles/{id}
pub async fn general(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = tab(&app, &caller, &id, "general", None, None).await;
    for_people(&caller, page)
}

/// GET /settings/profiles/{id}/notifications
pub async fn notifications(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = tab(&app, &caller, &id, "notifications", None, None).await;
    for_people(&caller, page)
}

/// GET /settings/profiles/{id}/access-tokens
pub async fn tokens(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let said = match asked.checked.as_deref() {
        Some("done") => Some("check.done"),
        Some("busy") => Some("check.busy"),
        _ => None,
    };
    let page = tab(&app, &caller, &id, "tokens", said.map(|key| caller.lang.t(key).to_owned()), None).await;
    for_people(&caller, page)
}

/// What the address of a profile's access tokens may say beside which.
#[derive(Deserialize)]
pub struct Asked {
    /// How a look went that was just asked for.
    checked: Option<String>,
}

async fn tab(app: &App, caller: &Caller, id: &str, tab: &'static str, flash: Option<String>, meanwhile: Option<Meanwhile>) -> Page {
    let profile = auth::profile(app, caller, id, Act::SeeProfile).await?;
    let lang = caller.lang;
    let now = app.now();
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let all_teams = teams::list(&mut tx, &app.organisation).await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    let events = if tab == "tokens" { events::of_profile(&mut tx, &app.organisation, &profile.id, None, 50).await? } else { vec![] };
    let route = telling::route_of(&mut tx, &app.organisation, &profile.id, profile.owner.as_ref(), "no_access_tokens").await?;
    let remind_at = reminders::next(&mut tx, &profile.id).await?;
    let set = presets::list(&mut tx, &app.organisation).await?;
    drop(tx);
    let refresh_tokens = if tab == "tokens" { refresh_tokens(app, &profile.network, &profile.instance, lang).await? } else { None };
    let person = profile.standing.person.as_ref().and_then(|id| holders.iter().find(|holder| holder.person.id == *id));
    let person = person.map(|holder| shown(&holder.person.name, holder.person.handle.as_deref()));
    let evidence = profile.standing.evidence.as_ref().filter(|evidence| !evidence.words.is_empty());
    let hears = hears(caller, &profile, &route, &users);
    let stored = if tab == "notifications" { choices_of(&profile) } else { settings_of(&profile) };
    let status = meanwhile.as_ref().map_or(StatusCode::OK, |found| found.status);
    let shown = meanwhile.as_ref().and_then(|found| found.shown.as_ref()).unwrap_or(&stored).written();
    let (meanwhile, form) = meanwhile.map_or((None, stored), |found| (Some(found.words), found.merged));
    let mut row = row(caller, &profile, &users, now);
    let manages = row.may.manage;
    row.enabled = if tab == "general" { form.one("enabled") == "1" } else { profile.enabled };
    let page = ProfilePage {
        shown,
        meanwhile,
        s: Shell::new(caller, "profiles").flash(flash),
        row,
        tab,
        explanation: explain(lang, &profile.standing, person.as_deref(), &profile.network),
        evidence: evidence.map(|evidence| SeenWords {
            words: evidence.words.clone(),
            code: evidence.code.clone(),
            when: When::new(evidence.at, now, zone(caller), lang),
        }),
        owners: owners(&users, form.one("owner").parse().ok().as_ref()),
        presets: here(caller, &profile, &set, &Names { users: &users, teams: &all_teams }),
        teams: all_teams
            .into_iter()
            .map(|team| {
                let chosen = form.all("teams").any(|id| id == team.id.as_str());
                (team.id.to_string(), team.name, chosen)
            })
            .collect(),
        tags: form.all("tags").collect::<Vec<_>>().join(", "),
        is_board: profile.kind == "board",
        hears,
        reminders: reminders_words(caller, &profile, remind_at, now).filter(|_| manages),
        notify_no_access: form.one("no_access") == "1",
        notify_renew_soon: form.one("renew_soon") == "1",
        one_left: holders.len() > 1 && profile.standing.good == 1,
        holders: holders.iter().map(|holder| holder_view(app, caller, &profile.network, holder)).collect(),
        refresh_tokens,
        history: events.iter().map(|event| line(caller, event, Some(&profile.name), now)).collect(),
    };
    show_with(status, &page)
}

/// What the tab General lets one change, as its form shows it.
fn settings_of(profile: &Profile) -> Values {
    let owner = profile.owner.iter().map(|id| ("owner", id.to_string()));
    let teams = profile.teams.iter().map(|id| ("teams", id.to_string()));
    let tags = profile.tags.iter().map(|tag| ("tags", tag.to_string()));
    Values::of(owner.chain(teams).chain(tags).chain([("enabled", flag(profile.enabled))]))
}

/// The same of the tab Email Notifications.
fn choices_of(profile: &Profile) -> Values {
    Values::of([("no_access", flag(profile.notify_no_access)), ("renew_soon", flag(profile.notify_renew_soon))])
}

fn flag(on: bool) -> String {
    if on { "1".to_owned() } else { String::new() }
}

/// Who changed what of a profile, as somebody else's form shows it.
async fn meanwhile(app: &App, caller: &Caller, profile: &Profile, changed: &[String], merged: Values) -> Result<Meanwhile, Problem> {
    let lang = caller.lang;
    let mut tx = app.store.read().await?;
    let events = events::of_profile(&mut tx, &app.organisation, &profile.id, None, 50).await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let teams = teams::list(&mut tx, &app.organisation).await?;
    let switch = |on: bool| lang.t(if on { "switch.on" } else { "switch.off" }).to_owned();
    let now = |field: &String| match field.as_str() {
        "owner" => {
            let owner = profile.owner.as_ref().and_then(|id| users.iter().find(|user| user.id == *id));
            (
                lang.t("profiles.col.owner").to_owned(),
                owner.map_or_else(|| lang.t("profiles.no_owner").to_owned(), |user| user.name.clone()),
            )
        }
        "teams" => {
            let names: Vec<&str> = teams.iter().filter(|team| profile.teams.contains(&team.id)).map(|team| team.name.as_str()).collect();
            (lang.t("nav.teams").to_owned(), if names.is_empty() { "–".to_owned() } else { names.join(", ") })
        }
        "tags" => {
            let tags = tagging::written(&profile.tags);
            (lang.t("profile.tags").to_owned(), if tags.is_empty() { "–".to_owned() } else { tags.join(", ") })
        }
        "no_access" => (lang.t("notify.no_access").to_owned(), switch(profile.notify_no_access)),
        "renew_soon" => (lang.t("notify.renew_soon").to_owned(), switch(profile.notify_renew_soon)),
        _ => (lang.t("profile.enabled").to_owned(), switch(profile.enabled)),
    };
    let now: Vec<(String, String)> = changed.iter().map(now).collect();
    Ok(Meanwhile::new(lang, together::who(&events, |_| true).as_deref(), &now, merged))
}

/// Says beforehand who would hear it: a profile whose owner cannot be told is not noticed only when it dies.
fn hears(caller: &Caller, profile: &Profile, route: &Route, users: &[User]) -> Hears {
    let lang = caller.lang;
    if !profile.notify_no_access {
        return Hears { words: lang.t("route.silent").to_owned(), warn: true };
    }
    let names: Vec<&str> =
        route.users.iter().filter_map(|id| users.iter().find(|user| user.id == *id)).map(|user| user.name.as_str()).collect();
    let who = lang.fill(&format!("route.{}", route.rung), &[("names", &names.join(", "))]);
    let why = route.why_not_owner.map(|why| lang.t(&format!("route.why.{why}"))).unwrap_or_default();
    let lost = if route.arrives || route.users.is_empty() { "" } else { lang.t("route.arrives_nowhere") };
    Hears { words: format!("{why} {who} {lost}").trim().to_owned(), warn: route.why_not_owner.is_some() || !route.arrives }
}

fn reminders_words(caller: &Caller, profile: &Profile, next: Option<Timestamp>, now: Timestamp) -> Option<String> {
    profile.standing.episode?;
    Some(match next {
        Some(at) => caller.lang.fill("reminders.next", &[("when", &When::new(at, now, zone(caller), caller.lang).relative)]),
        None => caller.lang.t("reminders.none").to_owned(),
    })
}

/// POST /settings/profiles/{id}/reminders: somebody takes care, or wants to hear of it later.
pub async fn put_off(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::ManageProfile).await?;
        let until = (fields.get("do") == "snooze").then(|| app.now() + SNOOZE);
        let mut tx = app.store.write().await?;
        reminders::put_off(&mut tx, &app.organisation, &profile.id, until, &caller.named, app.now()).await?;
        tx.commit().await?;
        tab(&app, &caller, &id, "notifications", Some(caller.lang.t("account.saved").to_owned()), None).await
    };
    for_people(&caller, page.await)
}

/// How long reminders are put off.
const SNOOZE: Span = Span::days(3);

fn holder_view(app: &App, caller: &Caller, network: &str, holder: &Holder) -> HolderView {
    let lang = caller.lang;
    let state = match (&holder.access.state, holder.grant.phase(app.now())) {
        (AccessState::Lost { .. }, _) => "role_lost",
        (_, Phase::Fresh) => "fresh",
        (_, Phase::Due) => "due",
        (_, Phase::Unsure) => "unsure",
        (_, Phase::Suspect) => "suspect",
        (_, Phase::NeedsPerson) => "needs_person",
    };
    let person = shown(&holder.person.name, holder.person.handle.as_deref());
    let missing = (!holder.missing_scopes.is_empty())
        .then(|| lang.fill("tokens.missing", &[("scopes", &holder.missing_scopes.join(", ")), ("person", &person)]));
    HolderView {
        clocks: clocks_of(app, caller, network, &holder.grant),
        over: is_over(app, &holder.grant),
        missing,
        person,
        role: holder.access.role.clone(),
        state: lang.t(&format!("token_state.{state}")).to_owned(),
    }
}

/// The tags that a form names; `None` where it says nothing of them.
fn tags_of(fields: &Fields) -> Result<Option<Vec<Tag>>, Problem> {
    if fields.all("tags").is_empty() { Ok(None) } else { tagging::read("tags", fields.get("tags")).map(Some) }
}

/// What was typed into the tab General.
fn typed(fields: &Fields, tags: impl Iterator<Item = String>) -> Values {
    let names = ["owner", "teams", "enabled"];
    let others = names.into_iter().flat_map(|name| fields.all(name).into_iter().map(move |value| (name, value.trim().to_owned())));
    Values::of(others.chain(tags.map(|tag| ("tags", tag))))
}

/// The tab again, as it was filled in, with what is wrong.
async fn not_saved(app: &App, caller: &Caller, id: &str, fields: &Fields, problem: &Problem) -> Page {
    let merged = typed(fields, std::iter::once(fields.get("tags").to_owned()));
    // Compared with the same again: somebody else may have changed it before the first attempt.
    let again = Meanwhile { status: problem.status, words: caller.lang.problem(problem), merged, shown: Values::shown(fields) };
    tab(app, caller, id, "general", None, Some(again)).await
}

/// POST /settings/profiles/{id}: owner, teams, tags, on or off.
pub async fn save(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::ManageProfile).await?;
        let owner = fields.get("owner").parse().ok();
        let tags = match tags_of(&fields) {
            Ok(tags) => tags,
            Err(problem) => return not_saved(&app, &caller, &id, &fields, &problem).await,
        };
        let mut tx = app.store.write().await?;
        let stored = profiles::get_to_change(&mut tx, &app.organisation, &profile.id).await?.ok_or_else(Problem::not_found)?;
        let typed = typed(&fields, tags.as_ref().unwrap_or(&stored.tags).iter().map(ToString::to_string));
        if let Found::Changed { fields, merged } = compare(Values::shown(&fields).as_ref(), &settings_of(&stored), &typed) {
            drop(tx);
            let meanwhile = meanwhile(&app, &caller, &stored, &fields, merged).await?;
            return tab(&app, &caller, &id, "general", None, Some(meanwhile)).await;
        }
        let teams = fields.ids("teams");
        let wanted = Wanted { owner: owner.as_ref(), teams: &teams, tags: tags.as_ref().unwrap_or(&stored.tags) };
        let detail = match settings::set(&mut tx, &app, &caller, &stored, &wanted).await {
            Err(problem) if problem.code == "forbidden" => {
                drop(tx);
                return not_saved(&app, &caller, &id, &fields, &problem).await;
            }
            set => set?,
        };
        reminders::handed_over(&mut tx, &stored, &caller.named, app.now()).await?;
        if profile.kind == "board" {
            profiles::set_enabled(&mut tx, &app.organisation, &profile.id, fields.ticked("enabled")).await?;
        }
        changed(&app, &mut tx, &caller, &profile, &detail).await?;
        tx.commit().await?;
        app.told.notify_one();
        tab(&app, &caller, &id, "general", Some(caller.lang.t("account.saved").to_owned()), None).await
    };
    for_people(&caller, page.await)
}

/// POST /settings/profiles/{id}/notifications
pub async fn save_notifications(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::ManageProfile).await?;
        let mut tx = app.store.write().await?;
        let stored = profiles::get_to_change(&mut tx, &app.organisation, &profile.id).await?.ok_or_else(Problem::not_found)?;
        let typed = Values::typed(&fields, &["no_access", "renew_soon"]);
        if let Found::Changed { fields, merged } = compare(Values::shown(&fields).as_ref(), &choices_of(&stored), &typed) {
            drop(tx);
            let meanwhile = meanwhile(&app, &caller, &stored, &fields, merged).await?;
            return tab(&app, &caller, &id, "notifications", None, Some(meanwhile)).await;
        }
        profiles::set_notifications(&mut tx, &app.organisation, &profile.id, fields.ticked("no_access"), fields.ticked("renew_soon"))
            .await?;
        changed(&app, &mut tx, &caller, &profile, &json!({})).await?;
        tx.commit().await?;
        tab(&app, &caller, &id, "notifications", Some(caller.lang.t("account.saved").to_owned()), None).await
    };
    for_people(&caller, page.await)
}

async fn changed(app: &App, tx: &mut store::Tx, caller: &Caller, profile: &Profile, detail: &Value) -> Result<(), store::StoreError> {
    let about = About { profile: Some(profile.id.clone()), ..About::default() };
    events::append(tx, &app.organisation, app.now(), "settings.changed", &caller.named, &about, detail).await
}

/// The people whose login renews a profile.
pub async fn people_of(app: &App, profile: &Profile) -> Result<Vec<String>, store::StoreError> {
    let mut tx = app.store.read().await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    Ok(holders.iter().map(|holder| shown(&holder.person.name, holder.person.handle.as_deref())).collect())
}

/// GET /settings/profiles/{id}/refresh
pub async fn refresh_form(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::RefreshConnection).await?;
        let network = title_of(&profile.network);
        let lang = caller.lang;
        show(&Refresh {
            s: Shell::new(&caller, "profiles"),
            intro: lang.fill("refresh.intro", &[("name", &profile.name), ("network", &network)]),
            people: people_of(&app, &profile).await?,
            rules: super::view::rules_of(&app, &profile.network, &profile.instance, lang).await?,
            action: format!("/settings/profiles/{id}/refresh"),
            button: lang.fill("add.button", &[("network", &network)]),
            back: format!("/settings/profiles/{id}"),
        })
    };
    for_people(&caller, page.await)
}

/// POST /settings/profiles/{id}/refresh: leave for the network.
pub async fn refresh(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::RefreshConnection).await?;
        let (by, set) = super::add::browser(&app, &caller);
        let started = connect::refresh(&app, &profile, by, None).await?;
        Ok(([(header::SET_COOKIE, set)], Redirect::to(&started.authorize_url)).into_response())
    };
    for_people(&caller, page.await)
}

/// POST /settings/profiles/{id}/check
pub async fn check_now(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::CheckProfile).await?;
        let (_, busy) = check::check(&app, &profile).await?;
        go(&format!("/settings/profiles/{id}/access-tokens?checked={}", if busy { "busy" } else { "done" }))
    };
    for_people(&caller, page.await)
}

/// So many boards are named that an account takes along.
const BOARDS_NAMED: usize = 20;

/// GET /settings/profiles/{id}/delete
pub async fn delete_form(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::DeleteProfile).await?;
        let lang = caller.lang;
        let mut tx = app.store.read().await?;
        let boards = profiles::children(&mut tx, &app.organisation, &profile.id).await?;
        let waiting = acts::waiting_of(&mut tx, &app.organisation, &profile.id).await?;
        drop(tx);
        let network = title_of(&profile.network);
        let mut lines = vec![lang.t("delete.lost").to_owned()];
        if waiting > 0 {
            lines.push(lang.count("delete.waiting", usize::try_from(waiting).unwrap_or(usize::MAX), &[]));
        }
        lines.extend(end_of_access(lang, &profile.network));
        lines.push(lang.fill("delete.again", &[("network", &network)]));
        if !boards.is_empty() {
            lines.push(lang.count("delete.boards", boards.len(), &[]));
        }
        let more = boards.len().checked_sub(BOARDS_NAMED).filter(|more| *more > 0).map(|more| format!("… (+{more})"));
        show(&Confirm {
            s: Shell::new(&caller, "profiles"),
            title: lang.fill("delete.title", &[("name", &profile.name)]),
            lines,
            action: format!("/settings/profiles/{id}/delete"),
            button: lang.t("action.delete").to_owned(),
            back: format!("/settings/profiles/{id}"),
            items: boards.into_iter().take(BOARDS_NAMED).map(|board| board.name).chain(more).collect(),
        })
    };
    for_people(&caller, page.await)
}

/// POST /settings/profiles/{id}/delete
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::DeleteProfile).await?;
        disconnect::disconnect(&app, &profile.id, &caller.named).await?;
        go(&networks::oauth::with_query("/settings/profiles", &[("done", &profile.name)]))
    };
    for_people(&caller, page.await)
}
