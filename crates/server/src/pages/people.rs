//! People at networks: everybody, and one of them looked at as if they left.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lifecycle::ids::ProfileId;
use lifecycle::repair::Fate;
use serde::Deserialize;
use store::grants::Person;
use store::people::{self, Listed};

use super::clocks::{Clock, clocks_of, is_over};
use super::view::{badge_of, end_of_access, title_of, zone};
use super::{Confirm, Fields, Page, Shell, for_people, go, show};
use crate::actions::finish::shown;
use crate::actions::people::{Holding, Leaving, ask_replacement, give_up, look};
use crate::auth::Caller;
use crate::show::When;
use crate::state::App;

const PER_PAGE: usize = 50;

struct PersonRow {
    id: String,
    name: String,
    network: String,
    network_title: String,
    badge: String,
    /// `true`: works, `false`: does not, `None`: nothing is stored any more.
    works: Option<bool>,
    state: String,
    holds: i64,
    alone: i64,
    deadline: Option<When>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    s: Shell,
    q: String,
    rows: Vec<PersonRow>,
    next: Option<String>,
}

struct HoldingView {
    id: String,
    name: String,
    status: &'static str,
    role: String,
    fate: &'static str,
    words: String,
    others: String,
    could: String,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    s: Shell,
    row: PersonRow,
    clocks: Vec<Clock>,
    /// Their login has ended before the days that the clocks name.
    over: bool,
    frozen: bool,
    /// What would be lost, in one sentence.
    check: String,
    dying: bool,
    holdings: Vec<HoldingView>,
    link: Option<String>,
}

/// What the address asks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    after: Option<String>,
}

fn person_row(app: &App, caller: &Caller, listed: &Listed) -> PersonRow {
    let state = match listed.works {
        Some(true) => "people.works",
        Some(false) => "people.broken",
        None => "people.gone",
    };
    PersonRow {
        id: listed.person.id.to_string(),
        name: shown(&listed.person.name, listed.person.handle.as_deref()),
        network: listed.place.network.clone(),
        network_title: title_of(&listed.place.network),
        badge: badge_of(&listed.place.network),
        works: listed.works,
        state: caller.lang.t(state).to_owned(),
        holds: listed.holds,
        alone: listed.alone,
        deadline: listed.human_until.map(|at| When::new(at, app.now(), zone(caller), caller.lang)),
    }
}

/// GET /settings/people
pub async fn list(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let after = asked.after.as_deref().and_then(|after| after.split_once('~')).map(|(id, name)| (name, id));
        let mut tx = app.store.read().await?;
        let mut found = people::list(&mut tx, &app.organisation, &asked.q, after, u32::try_from(PER_PAGE + 1).unwrap_or(51)).await?;
        drop(tx);
        let more = found.len() > PER_PAGE;
        found.truncate(PER_PAGE);
        let next = found.last().filter(|_| more).map(|last| format!("{}~{}", last.person.id, last.person.name));
        let next = next.map(|after| networks::oauth::with_query("/settings/people", &[("q", &asked.q), ("after", &after)]));
        let rows = found.iter().map(|listed| person_row(&app, &caller, listed)).collect();
        show(&People { s: Shell::new(&caller, "people"), q: asked.q.clone(), rows, next })
    };
    for_people(&caller, page.await)
}

fn names(people: &[Person]) -> String {
    let names: Vec<String> = people.iter().map(|person| shown(&person.name, person.handle.as_deref())).collect();
    names.join(", ")
}

fn holding(caller: &Caller, holding: &Holding) -> HoldingView {
    HoldingView {
        id: holding.profile.id.to_string(),
        name: holding.profile.name.clone(),
        status: holding.profile.standing.status.as_str(),
        role: holding.role.clone(),
        fate: holding.fate.as_str(),
        words: caller.lang.t(&format!("people.fate.{}", holding.fate)).to_owned(),
        others: names(&holding.others),
        could: names(&holding.could),
    }
}

fn page(app: &App, caller: &Caller, leaving: &Leaving, link: Option<String>) -> Page {
    let network = &leaving.listed.place.network;
    let clocks = leaving.grant.as_ref().map(|grant| clocks_of(app, caller, network, grant));
    show(&PersonPage {
        s: Shell::new(caller, "people"),
        row: person_row(app, caller, &leaving.listed),
        clocks: clocks.unwrap_or_default(),
        over: leaving.grant.as_ref().is_some_and(|grant| is_over(app, grant)),
        frozen: leaving.frozen,
        check: check_words(caller, leaving),
        dying: leaving.dying().next().is_some(),
        holdings: leaving.holdings.iter().map(|held| holding(caller, held)).collect(),
        link,
    })
}

/// What becomes of everything without them.
fn check_words(caller: &Caller, leaving: &Leaving) -> String {
    let count = |fate: Fate| leaving.holdings.iter().filter(|holding| holding.fate == fate).count();
    let fates = [(Fate::Dies, "people.check.dies"), (Fate::Stays, "people.check.stays"), (Fate::Dead, "people.check.dead")];
    let there_are = fates.into_iter().map(|(fate, key)| (count(fate), key)).filter(|(n, _)| *n > 0);
    let words: Vec<String> = there_are.map(|(n, key)| caller.lang.count(key, n, &[])).collect();
    if words.is_empty() { caller.lang.t("people.check.nothing").to_owned() } else { words.join(" ") }
}

/// GET /settings/people/{id}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let shown = async { page(&app, &caller, &look(&app, &id).await?, None) };
    for_people(&caller, shown.await)
}

/// POST /settings/people/{id}/replacements
pub async fn replace(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let shown = async {
        let email = Some(fields.get("email")).filter(|email| !email.is_empty());
        let chosen: Vec<ProfileId> = fields.ids("ids");
        let asked = ask_replacement(&app, &caller, &id, Some(&chosen), email).await?;
        page(&app, &caller, &look(&app, &id).await?, Some(asked.link))
    };
    for_people(&caller, shown.await)
}

/// GET /settings/people/{id}/give-up: says what will be lost.
pub async fn give_up_form(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let shown = async {
        let leaving = look(&app, &id).await?;
        let (lang, name) = (caller.lang, &leaving.listed.person.name);
        let mut lines = vec![lang.fill("people.give_up_what", &[("name", name)])];
        lines.extend(end_of_access(lang, &leaving.listed.place.network));
        lines.push(check_words(&caller, &leaving));
        show(&Confirm {
            s: Shell::new(&caller, "people"),
            title: lang.fill("people.give_up_title", &[("name", name)]),
            lines,
            items: leaving.dying().map(|holding| holding.profile.name.clone()).collect(),
            action: format!("/settings/people/{id}/give-up"),
            button: lang.t("people.give_up").to_owned(),
            back: format!("/settings/people/{id}"),
        })
    };
    for_people(&caller, shown.await)
}

/// POST /settings/people/{id}/give-up
pub async fn give_up_all(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let done = async {
        give_up(&app, &caller, &id).await?;
        go(&format!("/settings/people/{id}"))
    };
    for_people(&caller, done.await)
}
