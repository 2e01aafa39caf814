//! What using a token teaches about it. A refusal is evidence, never a verdict: it starts a look.

use axum::http::StatusCode;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::ids::GrantId;
use lifecycle::ledger::Ledger as _;
use lifecycle::permission::Act;
use lifecycle::secret::Secret;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::json;
use store::grants::{Holder, holders_of};
use store::profiles::Profile;
use store::seal::is_same;

use super::act::{Ready, SPARE, ready, renew};
use super::{audited, connect};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// What a report of a token came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It is the present one, and is looked at now.
    BeingChecked,
    /// It is not handed out any more: ask for a new one.
    NotCurrent,
}

/// A tool says that a token does not work.
pub async fn report(app: &App, caller: &Caller, profile: &Profile, token: &Secret, status: u16) -> Result<Reported, Problem> {
    let mut tx = app.store.write().await?;
    let mut reported = None;
    for holder in holders_of(&mut tx, &profile.id).await? {
        let Some(tokens) = app.store.tokens_for_use(&mut tx, &holder.grant.id).await? else { continue };
        let own = tokens.profile_tokens.get(&profile.network_id).unwrap_or(&tokens.access_token);
        if is_same(own.expose(), token.expose()) {
            reported = Some(holder.grant.id);
        }
    }
    let detail =
        json!({ "what": "reported", "profile": profile.id.as_str(), "token": app.store.fingerprint(token), "current": reported.is_some() });
    audited::note(&mut tx, app, &caller.named, Act::ReadToken, detail).await?;
    tx.commit().await?;
    let Some(grant) = reported else { return Ok(Reported::NotCurrent) };
    suspect(app, profile, &grant, status, "a tool that uses the token reported that it was refused").await?;
    Ok(Reported::BeingChecked)
}

/// A network refused a token in use. What exactly that says of the token, the look will tell; what the network wrote may echo the token,
/// and is not kept.
pub(crate) async fn refused_in_use(app: &App, profile: &Profile, ready: &Ready) -> Result<(), Problem> {
    suspect(app, profile, &ready.grant, StatusCode::UNAUTHORIZED.as_u16(), "a call that was passed through was refused").await
}

/// A call that was passed through was refused, and the network said why.
pub(crate) async fn told_in_use(app: &App, profile: &Profile, ready: &Ready, told: &Diagnosis) -> Result<(), Problem> {
    let facts = app.directory.facts(connect::network_named(&profile.network)?);
    app.store.see_evidence(&ready.grant, told, &facts, app.now()).await?;
    app.keeper.wake();
    Ok(())
}

async fn suspect(app: &App, profile: &Profile, grant: &GrantId, status: u16, words: &str) -> Result<(), Problem> {
    let facts = app.directory.facts(connect::network_named(&profile.network)?);
    let evidence = Evidence::new(app.now(), Source::Use, Some(status), None, words);
    app.store.see_evidence(grant, &Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence), &facts, app.now()).await?;
    app.keeper.wake();
    Ok(())
}

/// What to try once more with after a refusal: a newer token set, or another person's. The network is asked about the token first: a
/// refusal alone is no reason to spend a refresh token; when the look is refused too, it is renewed. `None` when there is nothing newer.
pub(crate) async fn after_refusal(app: &App, caller: &Caller, profile: &Profile, before: &Ready) -> Result<Option<Ready>, Problem> {
    app.keeper.check(&before.grant).await?;
    let mut tx = app.store.read().await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    drop(tx);
    let is_doubted = |holder: &&Holder| {
        let grant = &holder.grant;
        let is_refused = grant.refused_since().is_some() && grant.verdict().is_none();
        grant.id == before.grant && grant.generation == before.generation && grant.renewable && is_refused
    };
    if let Some(holder) = holders.iter().find(is_doubted) {
        renew(app, holder).await?;
    }
    let next = ready(app, caller, profile, SPARE).await.ok();
    Ok(next.filter(|next| next.grant != before.grant || next.generation != before.generation))
}
