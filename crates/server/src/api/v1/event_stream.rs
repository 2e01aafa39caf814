//! GET /api/v1/events/stream: the log as it happens (Server-Sent Events, WHATWG HTML 9.2).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use lifecycle::ids::ProfileId;
use lifecycle::permission::{About, Act};
use store::{events, profiles};

use super::events::{Asked, shown};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// Between two looks for what is new.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many are read at once.
const PAGE: u32 = 100;
/// After how long a reader who lost the line comes back.
const COME_BACK: Duration = Duration::from_secs(2);
/// After how long a reader gets a sign, so that nobody in between takes a quiet line for a dead one.
pub(super) const QUIET_MAX: Duration = Duration::from_secs(15);
/// Proxies that gather answers pass this one on as it comes.
pub(super) const UNBUFFERED: (HeaderName, HeaderValue) = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

struct Reader {
    app: Arc<App>,
    headers: HeaderMap,
    profile: Option<ProfileId>,
    position: i64,
    waiting: VecDeque<Event>,
}

/// Everything from now on, or after `Last-Event-ID` or `after`; of one profile, or of all that the caller may see.
pub async fn stream(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let profile = match &asked.profile {
        Some(id) => Some(auth::profile(&app, &caller, id, Act::SeeEvents).await?.id),
        None => None,
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let position = match last.or(asked.after) {
        Some(position) => position,
        None => {
            let mut tx = app.store.read().await?;
            events::newest(&mut tx, &app.organisation, 1).await?.first().map_or(0, |newest| newest.position)
        }
    };
    let reader = Reader { app, headers, profile, position, waiting: VecDeque::new() };
    let lines = stream::unfold(reader, |mut reader| async {
        let line = reader.next().await?;
        Some((Ok::<_, Infallible>(line), reader))
    });
    Ok(([UNBUFFERED], Sse::new(lines).keep_alive(KeepAlive::new().interval(QUIET_MAX))).into_response())
}

impl Reader {
    /// The next line; none ends the stream: the server stops, the storage fails, or the reader may not read any more.
    async fn next(&mut self) -> Option<Event> {
        while self.waiting.is_empty() {
            if !self.look().await? {
                tokio::select! {
                    () = self.app.stopping.cancelled() => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        }
        self.waiting.pop_front()
    }

    /// Reads what is new; `false` when there is nothing. Who asks, and what they may see, is decided anew each time: a line may
    /// be open for days.
    async fn look(&mut self) -> Option<bool> {
        let app = &self.app;
        let mut tx = app.store.read().await.ok()?;
        let new = events::after(&mut tx, &app.organisation, self.position, PAGE).await.ok()?;
        drop(tx);
        let Some(last) = new.last() else { return Some(false) };
        self.position = last.position;
        let caller = auth::identify(app, &self.headers).await.ok()?;
        if !caller.decide(Act::SeeEvents, About::Profiles).is_yes() {
            return None;
        }
        let everything = caller.narrowed_to(Act::SeeEvents).is_none();
        for event in &new {
            let id: Option<ProfileId> = event.profile.as_deref().and_then(|id| id.parse().ok());
            let wanted = self.profile.is_none() || self.profile == id;
            if wanted && (everything || self.may_read(&caller, id.as_ref()).await?) {
                let line = Event::default().id(event.position.to_string()).retry(COME_BACK).json_data(shown(event)).ok()?;
                self.waiting.push_back(line);
            }
        }
        Some(true)
    }

    /// What is about no single profile is for those who may read everything.
    async fn may_read(&self, caller: &Caller, id: Option<&ProfileId>) -> Option<bool> {
        let Some(id) = id else { return Some(false) };
        let mut tx = self.app.store.read().await.ok()?;
        let found = profiles::get(&mut tx, &self.app.organisation, id).await.ok()?;
        Some(found.is_some_and(|profile| caller.decide(Act::SeeEvents, auth::about(&profile)).is_yes()))
    }
}
