//! GET /api/v1/audit/stream: the audit as it is written, one row of JSON on each line, for whoever collects logs (a SIEM). Whoever lost
//! the line comes back with the last position they have, and misses nothing.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use lifecycle::permission::{About, Act};
use serde::Deserialize;
use serde_json::json;
use store::audit;
use tokio::time::Instant;

use super::audit::shown;
use super::event_stream::{LOOK_EVERY, QUIET_MAX, UNBUFFERED};
use crate::actions::audited;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// How many rows are read at once.
const PAGE: u32 = 500;

/// From where on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    after: Option<i64>,
}

struct Reader {
    app: Arc<App>,
    headers: HeaderMap,
    position: i64,
}

/// Every row after `after`, or from now on, and then each one when it is written. That somebody follows is a row itself, written before.
pub async fn stream(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut tx = app.store.write().await?;
    let position = match asked.after {
        Some(position) => position,
        None => audit::anchor(&mut tx).await?.position,
    };
    audited::note(&mut tx, &app, &caller.named, Act::SeeAudit, json!({ "what": "followed", "after": position })).await?;
    tx.commit().await?;
    let reader = Reader { app, headers, position };
    let lines = stream::unfold(reader, |mut reader| async {
        let lines = reader.next().await?;
        Some((Ok::<_, Infallible>(lines), reader))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, [UNBUFFERED], Body::from_stream(lines)).into_response())
}

impl Reader {
    /// The next lines, or an empty one when it was quiet for a while; none ends the stream: the server stops, the storage fails, or the
    /// reader may not read any more.
    async fn next(&mut self) -> Option<Bytes> {
        let quiet = Instant::now() + QUIET_MAX;
        loop {
            let mut tx = self.app.store.read().await.ok()?;
            let rows = audit::after(&mut tx, &self.app.organisation, self.position, PAGE).await.ok()?;
            drop(tx);
            if !rows.is_empty() || Instant::now() >= quiet {
                self.position = rows.last().map_or(self.position, |last| last.position);
                // Who asks, and what they may see, is decided anew: a line may be open for months.
                let caller = auth::identify(&self.app, &self.headers).await.ok()?;
                let may = caller.decide(Act::SeeAudit, About::Organisation).is_yes();
                let lines = if rows.is_empty() { "\n".to_owned() } else { rows.iter().map(|row| shown(row).to_string() + "\n").collect() };
                return may.then(|| lines.into());
            }
            tokio::select! {
                () = self.app.stopping.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
