//! GET /

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use lifecycle::ids::ProfileId;
use lifecycle::incident::IncidentKind;
use lifecycle::permission::{About, Act, Decision};
use lifecycle::repair::median;
use lifecycle::status::Status;
use lifecycle::time::{Span, Timestamp};
use store::events::{self, Event};
use store::profiles::{self, Filter};
use store::{StoreError, Tx, hold, incidents, users};

use super::view::{Line, Row, line, row, zone};
use super::{Fields, Page, Shell, for_people, go};
use crate::actions;
use crate::auth::Caller;
use crate::outbox::letter::place;
use crate::show::{self, When};
use crate::state::App;

/// A network in trouble.
struct Trouble {
    words: String,
    /// Where verdicts wait, for those who may say that the refusals are real.
    release: Option<Released>,
}

/// The form that ends the wait: where, what follows, and its button.
struct Released {
    network: String,
    instance: String,
    follows: String,
    button: String,
}

struct Number {
    status: &'static str,
    count: i64,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    s: Shell,
    /// What the server needs, for those who may do something about it.
    alarms: Vec<String>,
    /// Whether one of them is a hold, which is ended on a page.
    held: bool,
    /// Networks in trouble, which is nobody's dead token.
    incidents: Vec<Trouble>,
    numbers: Vec<Number>,
    /// How long repairs took, in words; `None` where there was none.
    repairs: Option<String>,
    /// May connect profiles.
    connects: bool,
    needs: Vec<Row>,
    profiles: Vec<Row>,
    coming: Vec<Row>,
    history: Vec<Line>,
}

/// GET /
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = build(&app, &caller).await;
    for_people(&caller, page)
}

/// How long repairs took within the last 30 and 90 days.
fn repairs(caller: &Caller, ended: &[(Timestamp, Timestamp)], now: Timestamp) -> Option<String> {
    let (lang, since) = (caller.lang, |days| now - Span::days(days));
    let took = |days| ended.iter().filter(|(_, end)| *end >= since(days)).map(|(began, end)| end.since(*began)).collect::<Vec<Span>>();
    let quarter = took(90);
    let (n, long) = (quarter.len().to_string(), median(quarter)?);
    let words = |span: Option<Span>| span.map_or_else(|| lang.t("dashboard.no_repair").to_owned(), |span| show::length(span, lang));
    Some(lang.fill("dashboard.repairs", &[("month", &words(median(took(30)))), ("quarter", &words(Some(long))), ("n", &n)]))
}

/// The open incidents of networks, in words.
async fn incidents_of(tx: &mut Tx, app: &App, caller: &Caller, now: Timestamp) -> Result<Vec<Trouble>, StoreError> {
    let mut all = vec![];
    let may_release = matches!(caller.decide(Act::Freeze, About::Organisation), Decision::Allow(_));
    for at in incidents::open(tx, &app.organisation).await? {
        let count = incidents::profiles_touched(tx, &app.organisation, &at).await?.to_string();
        let since = When::new(at.incident.began_at, now, zone(caller), caller.lang).text;
        let values = [("network", place(&at.network, Some(&at.server))), ("since", since), ("count", count)];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let words = caller.lang.fill(&format!("dashboard.incident.{}", at.incident.kind), &values);
        let fill = |key: &str| caller.lang.fill(key, &values);
        let release = (may_release && at.incident.kind == IncidentKind::Refused).then(|| Released {
            follows: fill("incident.what_follows"),
            button: fill("incident.release"),
            network: at.network.clone(),
            instance: at.instance.clone(),
        });
        all.push(Trouble { words, release });
    }
    Ok(all)
}

/// How many lines of history are shown.
const HISTORY: usize = 10;

/// What happened to profiles, newest first. A standard user reads of the profiles they may see; whoever sees all of everything.
async fn history_of(tx: &mut Tx, app: &App, caller: &Caller, of_all: bool) -> Result<Vec<Line>, StoreError> {
    let newest = events::newest(tx, &app.organisation, 60).await?;
    let newest: Vec<Event> = newest.into_iter().filter(|event| event.kind.starts_with("profile.")).collect();
    let id_of = |event: &Event| event.profile.as_deref().and_then(|id| id.parse::<ProfileId>().ok());
    // All of them at once: one by one they would be most of what this page reads.
    let ids: BTreeSet<ProfileId> = newest.iter().filter_map(id_of).collect();
    let named = profiles::by_ids(tx, &app.organisation, &ids.into_iter().collect::<Vec<_>>()).await?;
    let about = |event: &Event| id_of(event).and_then(|id| named.iter().find(|profile| profile.id == id));
    let visible = |event: &&Event| of_all || about(event).is_some_and(|profile| crate::auth::may_see(caller, profile));
    let shown = newest.iter().filter(visible).take(HISTORY);
    Ok(shown.map(|event| line(caller, event, about(event).map(|profile| profile.name.as_str()), app.now())).collect())
}

/// POST /incidents/release
pub async fn release(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        actions::incidents::release(&app, &caller, fields.get("network"), fields.get("instance")).await?;
        go("/")
    };
    for_people(&caller, page.await)
}

async fn build(app: &App, caller: &Caller) -> Page {
    let now = app.now();
    let visible_to = caller.narrowed_to(Act::SeeProfile);
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let counts = profiles::counts(&mut tx, &app.organisation, visible_to.as_ref()).await?;
    let numbers = Status::ALL
        .iter()
        .map(|status| Number {
            status: status.as_str(),
            count: counts.iter().find(|(counted, _)| counted == status).map_or(0, |(_, n)| *n),
        })
        .collect();
    let mut rows = async |status: Option<Status>, limit| {
        let filter = Filter { status, visible_to: visible_to.clone(), ..Filter::default() };
        let found = profiles::list(&mut tx, &app.organisation, &filter, limit).await?;
        Ok::<_, store::StoreError>(
            found.iter().filter(|profile| profile.enabled).map(|profile| row(caller, profile, &users, now)).collect::<Vec<_>>(),
        )
    };
    let mut needs = rows(Some(Status::Disconnected), 20).await?;
    needs.extend(rows(Some(Status::RenewSoon), 20).await?);
    let all = rows(None, 12).await?;
    let ended = profiles::repaired(&mut tx, &app.organisation, visible_to.as_ref(), now - Span::days(90)).await?;
    let coming = profiles::deadlines(&mut tx, &app.organisation, visible_to.as_ref(), now + Span::days(90), 8).await?;
    let coming = coming.iter().map(|profile| row(caller, profile, &users, now)).collect();
    let history = history_of(&mut tx, app, caller, visible_to.is_none()).await?;
    let for_operators = matches!(caller.decide(Act::Freeze, About::Organisation), Decision::Allow(_));
    let alarms = if for_operators { app.alarms.all() } else { vec![] };
    let alarms = alarms.iter().map(|alarm| caller.lang.alarm(alarm, zone(caller))).collect();
    let held = hold::get(&mut tx).await?.is_some_and(|hold| hold.released_at.is_none());
    let incidents = incidents_of(&mut tx, app, caller, now).await?;
    super::show(&Dashboard {
        s: Shell::new(caller, "dashboard"),
        incidents,
        alarms,
        held,
        numbers,
        repairs: repairs(caller, &ended, now),
        connects: caller.may(Act::Connect),
        needs,
        profiles: all,
        coming,
        history,
    })
}
