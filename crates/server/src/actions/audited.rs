//! Writing into the audit, and taking it out.

use std::sync::Arc;

use axum::http::Method;
use bytes::Bytes;
use futures_util::Stream;
use lifecycle::ids::ProfileId;
use lifecycle::permission::{self, Act, Decision};
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

/// The most characters of a path that are written down.
const PATH_MAX: usize = 200;

/// Writes down, before it is done, that somebody asks for a change: no row, no act. Acts as profiles, freezes, keys and network apps have rows
/// of their own, with more in them.
pub async fn asked(app: &App, caller: &Caller, act: Act, method: &Method, path: &str) -> Result<(), StoreError> {
    if method.is_safe() || act.is_deed() || matches!(act, Act::Freeze | Act::ManageApiKeys | Act::ManageNetworkApps) {
        return Ok(());
    }
    line(app, caller, act, None, json!({ "asked": request(method, path) })).await
}

/// Writes down that somebody who is known was refused a change, or an act as a profile.
pub async fn refused(app: &App, caller: &Caller, act: Act, method: &Method, path: &str, why: &str) -> Result<(), StoreError> {
    if caller.actor == permission::Actor::Stranger || (method.is_safe() && !act.is_deed()) {
        return Ok(());
    }
    line(app, caller, act, None, json!({ "refused": why, "asked": request(method, path) })).await
}

/// The same of one profile, where it is more than to look at it; `call`: of the network's API, by method and path.
pub async fn refused_as(
    app: &App,
    caller: &Caller,
    act: Act,
    profile: &ProfileId,
    call: Option<(&str, &str)>,
    why: &str,
) -> Result<(), StoreError> {
    if matches!(act, Act::SeeProfile | Act::SeeEvents) {
        return Ok(());
    }
    let mut detail = json!({ "refused": why, "profile": profile.as_str() });
    if let Some((method, path)) = call {
        (detail["method"], detail["path"]) = (cut(method).into(), cut(path).into());
    }
    line(app, caller, act, Some(profile), detail).await
}

async fn line(app: &App, caller: &Caller, act: Act, profile: Option<&ProfileId>, detail: Value) -> Result<(), StoreError> {
    let (at, organisation, actor) = (app.now(), &app.organisation, &caller.named);
    let mut tx = app.store.note().await?;
    app.store.audit(&mut tx, Entry { at, organisation, actor, act: act.as_str(), profile, grant: None, under: None, detail }).await?;
    tx.commit().await
}

fn request(method: &Method, path: &str) -> String {
    format!("{method} {}", cut(path))
}

fn cut(text: &str) -> String {
    text.chars().take(PATH_MAX).collect()
}

/// A refusal in a word.
pub const fn word(why: &Decision) -> &'static str {
    match why {
        Decision::Deny(why) => why.as_str(),
        _ => "hidden",
    }
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
