//! What a network tells us by itself: verified by its adapter, taken once, and only ever a reason to look (NT-24).

use axum::http::StatusCode;
use bytes::Bytes;
use http::{Request, Response};
use keeper::ports::NetworkApp;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::ledger::Ledger as _;
use lifecycle::words::Confidence;
use networks::Network;
use networks::signal::{Fate, Inbound, OfPost, Signal, Subject, UNKNOWN_KEY};
use serde_json::json;
use store::events::{self, About, Actor};
use store::{acts, deletions, profiles, signals};

use super::act;
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
        Some(Inbound::Post(told, answer)) => {
            post(app, network, &told).await?;
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

/// What a network tells of a post that it took: noted with the act, and in the history. What is told of posts that were not made here
/// changes nothing.
async fn post(app: &App, network: &'static dyn Network, told: &OfPost) -> Result<(), Problem> {
    let (name, now) = (network.about().name, app.now());
    let mut tx = app.store.write().await?;
    let posts = acts::posted(&mut tx, &app.organisation, name, &told.profile, &told.known_as).await?;
    if posts.is_empty() || !signals::take(&mut tx, &app.organisation, name, &told.id, now).await? {
        return Ok(());
    }
    for act in posts {
        let lasting = told.known_as.last().filter(|_| told.fate == Fate::Shown);
        let Some(profile) = profiles::get(&mut tx, &app.organisation, &act.profile).await? else { continue };
        let url = lasting.and_then(|id| network.address(act::target(&profile), id));
        let (kind, problem) = match told.fate {
            Fate::Shown => ("act.post.shown", None),
            Fate::Failed => ("act.post.failed", Some("refused_by_network")),
            Fate::Gone => ("act.post.gone", Some("gone")),
        };
        let problem = problem.map(|code| json!({ "code": code, "detail": told.evidence.words }));
        let change =
            acts::Change { post: lasting.map(String::as_str), url: url.as_deref(), problem: problem.as_ref(), ..acts::Change::default() };
        acts::told(&mut tx, &app.organisation, &act, change).await?;
        let about = About { profile: Some(act.profile.clone()), ..About::default() };
        let detail = json!({ "act": act.id.as_str(), "post": lasting.or(act.post.as_ref()), "url": url, "evidence": told.evidence });
        events::append(&mut tx, &app.organisation, now, kind, &Actor::System, &about, &detail).await?;
    }
    Ok(tx.commit().await?)
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
