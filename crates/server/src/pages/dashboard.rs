//! GET /

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use lifecycle::permission::{About, Act, Decision};
use lifecycle::repair::median;
use lifecycle::status::Status;
use lifecycle::time::{Span, Timestamp};
use store::profiles::{self, Filter};
use store::{events, hold, users};

use super::view::{Line, Row, line, row};
use super::{Page, Shell, for_people};
use crate::auth::Caller;
use crate::show::{self, When};
use crate::state::App;

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
    numbers: Vec<Number>,
    /// How long repairs took, in words; `None` where there was none.
    repairs: Option<String>,
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

/// How many lines of history are shown.
const HISTORY: usize = 10;

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
    let mut history = vec![];
    let newest = events::newest(&mut tx, &app.organisation, 60).await?;
    for event in newest.into_iter().filter(|event| event.kind.starts_with("profile.")) {
        if history.len() == HISTORY {
            break;
        }
        let name = match event.profile.as_deref().and_then(|id| id.parse().ok()) {
            Some(id) => profiles::get(&mut tx, &app.organisation, &id).await?,
            None => None,
        };
        // A standard user reads of the profiles they may see; company admins of everything.
        let visible = name.as_ref().is_some_and(|profile| crate::auth::may_see(caller, profile));
        if visible_to.is_none() || visible {
            history.push(line(caller, &event, name.as_ref().map(|profile| profile.name.as_str()), now));
        }
    }
    let for_operators = matches!(caller.decide(Act::Freeze, About::Organisation), Decision::Allow(_));
    let alarms = if for_operators { app.alarms.lines() } else { vec![] };
    let held = hold::get(&mut tx).await?.is_some_and(|hold| hold.released_at.is_none());
    super::show(&Dashboard {
        s: Shell::new(caller, "dashboard"),
        alarms,
        held,
        numbers,
        repairs: repairs(caller, &ended, now),
        needs,
        profiles: all,
        coming,
        history,
    })
}
