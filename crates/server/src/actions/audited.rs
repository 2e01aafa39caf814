//! Writing into the audit, and taking it out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use lifecycle::permission::Act;
use serde_json::{Value, json};
use store::audit::{self, Entry};
use store::events::Actor;
use store::{StoreError, Tx};

use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// How many rows are read at once.
const PAGE: u32 = 500;

/// Writes down what somebody does to the house itself: keys, freezes, exports.
pub async fn note(tx: &mut Tx, app: &App, actor: &Actor, act: Act, detail: Value) -> Result<(), StoreError> {
    let entry =
        Entry { at: app.now(), organisation: &app.organisation, actor, act: act.as_str(), profile: None, grant: None, under: None, detail };
    app.store.audit(tx, entry).await
}

/// The whole audit as JSON lines.
pub async fn export(app: Arc<App>, caller: &Caller) -> Result<impl Stream<Item = Result<Bytes, StoreError>> + use<>, Problem> {
    let mut tx = app.store.write().await?;
    note(&mut tx, &app, &caller.named, Act::SeeAudit, json!({ "what": "exported" })).await?;
    let end = audit::anchor(&mut tx).await?.position;
    tx.commit().await?;
    Ok(futures_util::stream::try_unfold(0, move |position| {
        let app = Arc::clone(&app);
        async move {
            let mut tx = app.store.read().await?;
            let rows = audit::after(&mut tx, &app.organisation, position, PAGE).await?;
            let rows = rows.into_iter().take_while(|row| row.position <= end).collect::<Vec<_>>();
            let Some(last) = rows.last().map(|row| row.position) else { return Ok(None) };
            let lines: String = rows.iter().filter_map(|row| serde_json::to_string(row).ok()).map(|line| line + "\n").collect();
            Ok(Some((Bytes::from(lines), last)))
        }
    }))
}
