//! What a network tells us by itself: verified by its adapter, taken once, and only ever a reason to look (NT-24).

use axum::http::StatusCode;
use bytes::Bytes;
use http::{Request, Response};
use keeper::ports::NetworkApp;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::ledger::Ledger as _;
use lifecycle::words::Confidence;
use networks::Network;
use networks::signal::{Inbound, Signal, Subject, UNKNOWN_KEY};
use serde_json::json;
use store::events::{self, About, Actor};
use store::{deletions, signals};

use crate::error::Problem;
use crate::state::App;

/// Takes a request to the door for signals; the answer that the network wants.
pub async fn receive(app: &App, network: &'static dyn Network, request: Request<Bytes>) -> Result<Response<Bytes>, Problem> {
    let Some(client) = app.network_app(network, "").await else { return Err(Problem::not_found()) };
    let hear = |client: &NetworkApp| network.receive(client.cx(app.now(), &*app.dice), &request);
    let mut heard = hear(&app.signal_keys.hand_to(app, &client, false).await);
    if matches!(heard, Some(Inbound::Refused(UNKNOWN_KEY))) {
        heard = hear(&app.signal_keys.hand_to(app, &client, true).await);
    }
    match heard {
        None => Err(Problem::not_found()),
        Some(Inbound::Challenge(answer)) => Ok(*answer),
        Some(Inbound::Refused(why)) => {
            // No row: anybody can send these.
            tracing::warn!(network = network.about().name, why, "signals: refused");
            Err(Problem::new(StatusCode::UNAUTHORIZED, "signal_refused", why))
        }
        Some(Inbound::Signals(signals, answer)) => {
            for signal in &signals {
                take(app, network, &client.facts, signal, None).await?;
            }
            app.keeper.wake();
            Ok(*answer)
        }
        Some(Inbound::Deletion { signal, code, answer }) => {
            take(app, network, &client.facts, &signal, Some(&code)).await?;
            app.keeper.wake();
            app.told.notify_one();
            Ok(*answer)
        }
    }
}

/// A happening makes every grant it is about suspect, and due for a look at once. It is no verdict.
async fn take(
    app: &App,
    network: &'static dyn Network,
    facts: &lifecycle::facts::Facts,
    signal: &Signal,
    wants_deletion: Option<&str>,
) -> Result<(), Problem> {
    let (name, now) = (network.about().name, app.now());
    let mut tx = app.store.read().await?;
    if signals::is_taken(&mut tx, name, &signal.id).await? {
        return Ok(());
    }
    let grants = match &signal.subject {
        Subject::Person(id) => signals::grants_of_person(&mut tx, &app.organisation, name, id).await?,
        Subject::Login(id) => signals::grants_of_login(&mut tx, &app.organisation, name, id).await?,
        Subject::Profile(id) => signals::grants_of_profile(&mut tx, &app.organisation, name, id).await?,
    };
    drop(tx);
    // Taken only after it had its effect: if that fails, the network tells it again.
    for grant in &grants {
        let diagnosis = Diagnosis::refused(signal.cause, Confidence::Likely, signal.evidence.clone());
        app.store.see_evidence(grant, &diagnosis, facts, now).await.map_err(Problem::from)?;
    }
    let mut tx = app.store.write().await?;
    if !signals::take(&mut tx, &app.organisation, name, &signal.id, now).await? {
        return Ok(());
    }
    if let (Some(code), Subject::Person(person)) = (wants_deletion, &signal.subject) {
        deletions::ask(&mut tx, &app.organisation, name, person, code, now).await?;
        let detail = json!({ "network": name, "code": code });
        events::append(&mut tx, &app.organisation, now, "deletion.asked", &Actor::System, &About::default(), &detail).await?;
    }
    for grant in &grants {
        let about = About { grant: Some(grant.clone()), ..About::default() };
        let detail = json!({ "network": name, "cause": signal.cause, "evidence": signal.evidence });
        events::append(&mut tx, &app.organisation, now, "signal.received", &Actor::System, &about, &detail).await?;
    }
    Ok(tx.commit().await?)
}
