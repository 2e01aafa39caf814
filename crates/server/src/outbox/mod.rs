//! The runner of everything that waits to leave the house: mails, and revocations owed to networks.

mod chat;
pub mod deliver;
mod digest;
mod frame;
pub mod letter;
pub mod mail;
pub mod ping;
pub mod returned;
pub mod sign;

use std::sync::Arc;
use std::time::Duration;

use lifecycle::permission::Act;
use lifecycle::time::Span;
use networks::Network;
use networks::network::Answer;
use networks::wire::WireError;
use serde_json::json;
use store::digests::UnsubscribeLink;
use store::events::Actor;
use store::revocations::Revocation;
use store::{StoreError, deletions, signals};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::mail::{Mailer, NotSent};
use crate::actions::audited;
use crate::state::App;
use crate::time::fresh_secret;

/// How often what is over is forgotten.
const SWEEP_EVERY: Span = Span::hours(1);

/// How often it is made sure that everybody was told (NF-07).
const RECONCILE_EVERY: Span = Span::minutes(15);

/// Sends what is due until the token is cancelled.
pub async fn run(app: Arc<App>, mailer: Option<Mailer>, stop: CancellationToken) {
    let every = app.config.keeper.poll_every.duration().min(Duration::from_secs(5));
    let (mut swept_at, mut reconciled_at) = (None, None);
    let sealing = tokio::spawn(reseal(Arc::clone(&app)));
    let pinging = tokio::spawn(ping::run(Arc::clone(&app), stop.clone()));
    while !stop.is_cancelled() {
        crate::metrics::upkeep();
        if swept_at.is_none_or(|at| app.now().since(at) >= SWEEP_EVERY) {
            swept_at = Some(app.now());
            if let Err(error) = app.directory.learn().await {
                tracing::warn!(error = %error, "outbox: what was measured of rotations could not be read; trying again in an hour");
            }
            if let Err(error) = app.store.sweep(app.now()).await {
                tracing::warn!(error = %error, "outbox: what is over could not be forgotten; trying again in an hour");
            }
        }
        let reconcile = reconciled_at.is_none_or(|at| app.now().since(at) >= RECONCILE_EVERY);
        if reconcile {
            reconciled_at = Some(app.now());
        }
        let prepared = async {
            call_to_mind(&app, reconcile).await?;
            app.store.gather_digests(app.now(), || unsubscribe_link(&app)).await
        };
        if let Err(error) = prepared.await {
            tracing::error!(error = %error, "outbox: the storage could not be asked; trying again");
        }
        if let Some(mailer) = &mailer
            && let Err(error) = send_due(&app, mailer).await
        {
            tracing::error!(error = %error, "outbox: the storage could not be asked; trying again");
        }
        if let Err(error) = revoke_due(&app).await {
            tracing::error!(error = %error, "outbox: the storage could not be asked; trying again");
        }
        if let Err(error) = delete_due(&app).await {
            tracing::error!(error = %error, "outbox: the storage could not be asked; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.told.notified() => app.deliver.notify_one(),
            () = tokio::time::sleep(every) => {}
        }
    }
    sealing.abort();
    let _ = pinging.await;
}

/// Once after each start: what is not sealed with the first key of the key file is sealed anew.
async fn reseal(app: Arc<App>) {
    match app.store.reseal(|count| tracing::info!(count, "server: sealing anew with {}", app.store.keys().seals_with())).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(count, "server: everything that lasts is sealed with {}", app.store.keys().seals_with());
            if let Err(error) = note_sealed(&app, count).await {
                tracing::error!(error = %error, "server: that everything was sealed anew could not be written into the audit");
            }
        }
        Err(error) => tracing::error!(error = %error, "server: sealing anew was broken off; it goes on after the next start"),
    }
}

/// The operator changed the key file.
async fn note_sealed(app: &App, count: u64) -> Result<(), StoreError> {
    let detail = json!({ "what": "sealed anew", "sealing_key": app.store.keys().seals_with(), "values": count });
    let mut tx = app.store.write().await?;
    audited::note(&mut tx, app, &Actor::System, Act::ManageApiKeys, detail).await?;
    tx.commit().await
}

async fn call_to_mind(app: &App, reconcile: bool) -> Result<(), StoreError> {
    app.store.remind(app.now()).await?;
    if app.store.watch_incidents(app.now()).await? > 0 {
        app.deliver.notify_one();
    }
    if reconcile {
        app.store.tell_untold(app.now()).await?;
    }
    Ok(())
}

/// The link by which one digest can be switched off, and nothing else.
fn unsubscribe_link(app: &App) -> UnsubscribeLink {
    let secret = fresh_secret(&*app.dice, "sgu_");
    UnsubscribeLink { address: format!("{}/unsubscribe/{}", app.public_url, secret.expose()), secret }
}

async fn send_due(app: &App, mailer: &Mailer) -> Result<(), StoreError> {
    for letter in app.store.claim_letters(app.now(), 20).await? {
        let span = crate::trace::tells(&letter.kind, "mail");
        match mailer.send(&letter::compose(&letter, &app.public_url), &letter, app.now()).instrument(span).await {
            Ok(()) => app.store.letter_sent(&letter, app.now()).await?,
            Err(NotSent::Refused(why)) => {
                tracing::warn!(message = %letter.id, error = %why, "outbox: the mail server refuses this address");
                app.store.letter_refused(&letter, &why, app.now()).await?;
                app.told.notify_one();
            }
            Err(NotSent::Later(error)) => {
                tracing::warn!(message = %letter.id, tries = letter.tries, error = %error, "outbox: a mail could not be sent");
                app.store.letter_failed(&letter, &error, app.now()).await?;
            }
        }
    }
    Ok(())
}

/// Carries out what people asked to be deleted, as far as it is confirmed.
async fn delete_due(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.read().await?;
    let open = deletions::open(&mut tx, 200).await?;
    drop(tx);
    for request in open {
        let Some(network) = networks::find(&request.network) else { continue };
        app.store.settle_deletion(&request, &app.directory.facts(network), app.now()).await?;
    }
    Ok(())
}

async fn revoke_due(app: &App) -> Result<(), StoreError> {
    for owed in app.store.claim_revocations(app.now(), 20).await? {
        match revoke(app, &owed).await {
            Ok(outcome) => app.store.end_revocation(&owed.id, outcome, app.now()).await?,
            Err(why) => app.store.put_off_revocation(&owed, &why, app.now()).await?,
        }
    }
    Ok(())
}

/// Whether the network would end, with these tokens, what another access token here stands on: one that came with the same login
/// for the same client of ours. Then nothing is asked of it; the last one that is given up takes all along.
async fn is_login_held(app: &App, network: &dyn Network, client_id: &str, owed: &Revocation) -> Result<bool, StoreError> {
    let Some((keeper, login)) = owed.person.as_deref().and_then(|person| network.ends_login(person)) else { return Ok(false) };
    for other in networks::all() {
        if other.ends_login(login).is_none_or(|(other, _)| other != keeper) {
            continue;
        }
        let name = other.about().name;
        let shares = app.network_app(other, "").await.is_some_and(|client| client.app.client_id == client_id);
        let mut tx = app.store.read().await?;
        if shares && !signals::grants_of_login(&mut tx, &owed.organisation, name, login).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `Ok` with what came of it, or why to try again.
async fn revoke(app: &App, owed: &Revocation) -> Result<&'static str, String> {
    let Some(network) = networks::find(&owed.place.network) else { return Ok("unknown_network") };
    let Some(client) = app.network_app(network, &owed.place.instance).await else { return Ok("no_network_app") };
    if is_login_held(app, network, &client.app.client_id, owed).await.map_err(|error| error.to_string())? {
        return Ok("kept_for_others");
    }
    let Some(request) = network.revoke(client.cx(app.now(), &*app.dice), &owed.tokens) else { return Ok("not_offered_by_network") };
    let (mut request, mut tokens) = (request, owed.tokens.clone());
    for _ in 0..3 {
        let answer = app.wire.of(&owed.place.network).send(request).await.map_err(|error: WireError| error.to_string())?;
        match network.read_revoke(client.cx(app.now(), &*app.dice), &tokens, &answer) {
            Answer::Done(true) => return Ok("revoked"),
            Answer::Done(false) if !network.may_revoke_later(client.cx(app.now(), &*app.dice), &answer) => return Ok("refused_by_network"),
            Answer::Done(false) => return Err(format!("status {}", answer.status().as_u16())),
            Answer::AskAgain { request: next, notes, .. } => {
                request = *next;
                tokens.notes.extend(notes);
            }
        }
    }
    Err("the network asked for the same again and again".into())
}
