//! The list of what a login leads to, and logins whose list does not come: they are kept, and the list is asked for again until it does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keeper::ports::NetworkApp;
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::{Secret, TokenSet};
use networks::network::{Discovery, Issued};
use store::connections::{Connection, Failed};
use store::set_aside::{self, Login};
use tokio_util::sync::CancellationToken;

use super::connect::network_named;
use super::finish::{self, failed};
use crate::error::Problem;
use crate::state::App;

/// How many logins one round takes.
const ROUND: u32 = 20;
/// How long is slept at most between two rounds.
const POLL_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// How long is waited before a listing that met trouble is asked for again: the person waits meanwhile.
const LIST_AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Lists what the new tokens lead to. There are networks at which the login has just ended the tokens that are stored, so it is not
/// given up for a moment's trouble.
pub(super) async fn list(app: &App, client: &NetworkApp, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let ask = async || client.discover(app.now(), &*app.dice, app.wire.of(client.network.about().name), tokens).await;
    let mut listed = ask().await;
    for wait in LIST_AGAIN_AFTER {
        if !matches!(&listed, Err(diagnosis) if matches!(diagnosis.finding, Finding::Transient { .. })) {
            break;
        }
        tokio::time::sleep(wait).await;
        listed = ask().await;
    }
    listed
}

pub(super) fn no_list(diagnosis: &Diagnosis) -> Failed {
    let code = match diagnosis.finding {
        Finding::Refused { .. } => "person_refused",
        Finding::Misconfigured => "network_refused",
        _ => "network_unavailable",
    };
    failed(code, Some(diagnosis.evidence.clone()))
}

/// Keeps a login whose list did not come because of the network's trouble. Whether it did.
pub(super) async fn keep(app: &App, connection: &Connection, memory: &BTreeMap<String, Secret>, issued: &Issued, why: &Diagnosis) -> bool {
    if !matches!(why.finding, Finding::Transient { .. }) {
        return false;
    }
    let login = Login {
        tokens: issued.tokens.clone(),
        clocks: issued.clocks,
        renewable: issued.renewable,
        person_network_id: issued.person_network_id.clone(),
        missing_scopes: issued.missing_scopes.clone(),
        memory: memory.clone(),
    };
    let kept = async {
        let mut tx = app.store.write().await?;
        app.store.set_aside(&mut tx, connection, &login, &no_list(why), app.now()).await?;
        tx.commit().await
    };
    match kept.await {
        Ok(()) => {
            tracing::warn!(connection = %connection.id, network = connection.place.network, "connect: no list came; the login waits for it");
            true
        }
        Err(error) => {
            tracing::error!(error = %error, "connect: a login whose list did not come could not be kept");
            false
        }
    }
}

/// Asks for the lists of logins that wait for them, until the token is cancelled. A loop of its own: a network that hangs keeps
/// nothing else waiting.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let every = app.config.keeper.poll_every.duration().min(POLL_AT_LEAST_EVERY);
    while !stop.is_cancelled() {
        if round(&app).await.is_err() {
            tracing::warn!("connect: logins that wait for their list could not be looked at; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Asks for the lists that did not come, all at once: whichever network is in trouble still, the others' lists come.
async fn round(app: &App) -> Result<(), Problem> {
    let mut tx = app.store.read().await?;
    if !set_aside::is_due(&mut tx, &app.organisation, app.now()).await? {
        return Ok(());
    }
    drop(tx);
    let mut tx = app.store.write().await?;
    let claimed = app.store.claim_set_aside(&mut tx, &app.organisation, app.now(), ROUND).await?;
    tx.commit().await?;
    let each = claimed.into_iter().map(|(connection, login)| async move {
        if let Err(problem) = again(app, &connection, login).await {
            let network = &connection.place.network;
            tracing::warn!(connection = %connection.id, network, code = problem.code, "connect: a login waits for its list on");
        }
    });
    join_all(each).await;
    Ok(())
}

async fn again(app: &App, connection: &Connection, login: Login) -> Result<(), Problem> {
    let network = network_named(&connection.place.network)?;
    let Some(client) = app.network_app(network, &connection.place.instance).await else { return Ok(()) };
    let Login { tokens, clocks, renewable, person_network_id, missing_scopes, mut memory } = login;
    let issued = Issued { tokens, clocks, renewable, person_network_id, missing_scopes };
    let listed = client.discover(app.now(), &*app.dice, app.wire.of(network.about().name), &issued.tokens).await;
    let outcome = match listed {
        Ok(found) => finish::take(app, &client, connection, &mut memory, &issued, &found).await,
        Err(why) if matches!(why.finding, Finding::Transient { .. }) && app.now() < connection.expires_at => return Ok(()),
        Err(why) => Err(no_list(&why)),
    };
    if let Err(failed) = outcome {
        let left = network.made_by_login(&memory).filter(|_| failed.code != "role_missing");
        finish::fail(app, connection, &failed, left).await?;
    }
    Ok(())
}
