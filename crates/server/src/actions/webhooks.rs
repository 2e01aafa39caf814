//! Webhook endpoints and chat channels, for pages and API alike.

use std::time::Duration;

use lifecycle::ids::EndpointId;
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use serde_json::json;
use store::deliveries::{self, Delivery};
use store::events::{self, About, Actor};
use store::webhooks::{self, ENDPOINTS_MAX, Endpoint, EndpointKind, EndpointSecrets, NewEndpoint, SUBSCRIBABLE, Signature};
use url::Url;

use crate::error::Problem;
use crate::outbox::sign;
use crate::state::App;

/// How long the secret before the present one signs too.
const OVERLAP: Span = Span::hours(24);

/// What somebody asks for.
pub struct Wanted {
    /// What listens there.
    pub kind: EndpointKind,
    /// What people call it.
    pub name: String,
    /// The address.
    pub url: String,
    /// What it wants to hear of.
    pub events: Vec<String>,
    /// The language of chat messages.
    pub language: String,
    /// How deliveries are signed; chat channels have no signature.
    pub signature: Signature,
    /// An access token that the receiver wants (ntfy).
    pub token: Option<Secret>,
}

/// What may be changed; what is left out stays.
#[derive(Default)]
pub struct Change {
    /// What people call it.
    pub name: Option<String>,
    /// The address.
    pub url: Option<String>,
    /// What it wants to hear of.
    pub events: Option<Vec<String>>,
    /// Whether anything is sent there.
    pub enabled: Option<bool>,
}

fn check_name(name: &str) -> Result<String, Problem> {
    let name = lifecycle::words::clean(name);
    if name.is_empty() || name.chars().count() > 80 {
        return Err(Problem::field("name", "is 1 to 80 characters"));
    }
    Ok(name)
}

fn check_events(events: &[String]) -> Result<Vec<String>, Problem> {
    let mut events = events.to_vec();
    events.sort();
    events.dedup();
    if events.is_empty() || !events.iter().all(|event| SUBSCRIBABLE.contains(&event.as_str())) {
        return Err(Problem::field("events", &format!("is one or more of {}", SUBSCRIBABLE.join(", "))));
    }
    Ok(events)
}

/// The address is looked at before anything is sent there; the connector looks at what the name leads to each time (NT-08).
fn check_url(app: &App, kind: EndpointKind, text: &str) -> Result<(Secret, String), Problem> {
    let wrong = |what: &str| Problem::field("url", what);
    let mut url = Url::parse(text.trim()).map_err(|_| wrong("is not an address; write it like https://example.com/hooks/staygreen"))?;
    if text.len() > 2000 {
        return Err(wrong("has 2000 characters at most"));
    }
    url.set_fragment(None);
    app.endpoints.check(&url).map_err(|why| wrong(&format!("cannot be used: {why}")))?;
    if kind == EndpointKind::Ntfy && url.path().trim_matches('/').is_empty() {
        return Err(wrong("names no topic; write it like https://ntfy.example.com/our-topic"));
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    Ok((Secret::new(url.as_str()), host))
}

/// An endpoint of the organisation.
pub async fn find(app: &App, id: &str) -> Result<Endpoint, Problem> {
    let id: EndpointId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.read().await?;
    webhooks::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)
}

async fn note(tx: &mut store::Tx, app: &App, kind: &str, by: &Actor, endpoint: &EndpointId, name: &str) -> Result<(), Problem> {
    let detail = json!({ "endpoint": endpoint.as_str(), "name": name });
    Ok(events::append(tx, &app.organisation, app.now(), kind, by, &About::default(), &detail).await?)
}

/// Adds an endpoint; with the signing secret to show once, where there is one to hand over.
pub async fn create(app: &App, wanted: Wanted, by: &Actor) -> Result<(Endpoint, Option<Secret>), Problem> {
    let name = check_name(&wanted.name)?;
    let events = check_events(&wanted.events)?;
    let (url, host) = check_url(app, wanted.kind, &wanted.url)?;
    let signature = (wanted.kind == EndpointKind::Webhook).then_some(wanted.signature);
    let (signing, public_key) = match signature {
        Some(signature) => {
            let (secret, public) = sign::fresh(signature, &*app.dice);
            (Some(secret), public)
        }
        None => (None, None),
    };
    let token = wanted.token.filter(|token| !token.is_empty() && wanted.kind == EndpointKind::Ntfy);
    let secrets = EndpointSecrets { url, signing, previous: None, token };
    let new = NewEndpoint {
        kind: wanted.kind,
        name: &name,
        host: &host,
        events: &events,
        language: if wanted.language == "de" { "de" } else { "en" },
        signature,
        public_key: public_key.as_deref(),
        secrets: &secrets,
    };
    let mut tx = app.store.write().await?;
    if webhooks::list(&mut tx, &app.organisation).await?.len() >= ENDPOINTS_MAX {
        return Err(Problem::field("url", &format!("there are {ENDPOINTS_MAX} endpoints already; delete one first")));
    }
    let id = webhooks::create(&mut tx, app.store.keys(), &app.organisation, &new, app.now()).await?;
    note(&mut tx, app, "endpoint.created", by, &id, &name).await?;
    tx.commit().await?;
    Ok((find(app, id.as_str()).await?, shown_once(signature, secrets.signing)))
}

/// A private key stays here: the receiver needs the public one only.
fn shown_once(signature: Option<Signature>, signing: Option<Secret>) -> Option<Secret> {
    signing.filter(|_| signature == Some(Signature::Hmac))
}

/// An endpoint as it is, which nobody else changes until the transaction ends.
async fn to_change(tx: &mut store::Tx, app: &App, id: &str) -> Result<Endpoint, Problem> {
    let id: EndpointId = id.parse().map_err(|_| Problem::not_found())?;
    webhooks::to_change(tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)
}

/// Changes an endpoint that `still` is what was expected.
pub async fn change(
    app: &App,
    id: &str,
    change: Change,
    by: &Actor,
    still: impl FnOnce(&Endpoint) -> Result<(), Problem>,
) -> Result<Endpoint, Problem> {
    let mut tx = app.store.write().await?;
    let mut endpoint = to_change(&mut tx, app, id).await?;
    still(&endpoint)?;
    if let Some(name) = &change.name {
        endpoint.name = check_name(name)?;
    }
    if let Some(events) = &change.events {
        endpoint.events = check_events(events)?;
    }
    let url = change.url.filter(|url| !url.trim().is_empty());
    let url = url.map(|url| check_url(app, endpoint.kind, &url)).transpose()?;
    if let Some((url, host)) = url {
        let found = webhooks::with_secrets(&mut tx, app.store.keys(), &app.organisation, &endpoint.id).await?;
        let (old, mut secrets) = found.ok_or_else(Problem::not_found)?;
        secrets.url = url;
        endpoint.host = host;
        webhooks::set_secrets(&mut tx, app.store.keys(), &old, &secrets, old.public_key.as_deref(), old.previous_until).await?;
    }
    webhooks::set(&mut tx, &endpoint).await?;
    if let Some(enabled) = change.enabled {
        let why = (!enabled).then_some("by_user");
        webhooks::set_disabled(&mut tx, &app.organisation, &endpoint.id, why, app.now()).await?;
    }
    note(&mut tx, app, "endpoint.changed", by, &endpoint.id, &endpoint.name).await?;
    tx.commit().await?;
    find(app, id).await
}

/// Replaces the signing secret; the one before it signs too for a day.
pub async fn rotate(app: &App, id: &str, by: &Actor) -> Result<(Endpoint, Option<Secret>), Problem> {
    let endpoint = find(app, id).await?;
    let Some(signature) = endpoint.signature else {
        return Err(Problem::field("id", "is a chat channel, which has no signing secret"));
    };
    let (fresh, public) = sign::fresh(signature, &*app.dice);
    let mut tx = app.store.write().await?;
    let found = webhooks::with_secrets(&mut tx, app.store.keys(), &app.organisation, &endpoint.id).await?;
    let (endpoint, mut secrets) = found.ok_or_else(Problem::not_found)?;
    secrets.previous = secrets.signing.replace(fresh.clone());
    let until = app.now() + OVERLAP;
    webhooks::set_secrets(&mut tx, app.store.keys(), &endpoint, &secrets, public.as_deref(), Some(until)).await?;
    note(&mut tx, app, "endpoint.changed", by, &endpoint.id, &endpoint.name).await?;
    tx.commit().await?;
    Ok((find(app, id).await?, shown_once(Some(signature), Some(fresh))))
}

/// Deletes an endpoint that `still` is what was expected; what waits for it is given up.
pub async fn delete(app: &App, id: &str, by: &Actor, still: impl FnOnce(&Endpoint) -> Result<(), Problem>) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    let endpoint = to_change(&mut tx, app, id).await?;
    still(&endpoint)?;
    if !webhooks::delete(&mut tx, &app.organisation, &endpoint.id).await? {
        return Err(Problem::not_found());
    }
    note(&mut tx, app, "endpoint.deleted", by, &endpoint.id, &endpoint.name).await?;
    Ok(tx.commit().await?)
}

/// Sends a test and waits a moment for how it went.
pub async fn test(app: &App, id: &str) -> Result<Delivery, Problem> {
    let endpoint = find(app, id).await?;
    let mut tx = app.store.write().await?;
    let message = deliveries::test(&mut tx, &endpoint, app.now()).await?;
    tx.commit().await?;
    app.deliver.notify_one();
    for _ in 0..30 {
        let mut tx = app.store.read().await?;
        let sent = deliveries::get(&mut tx, &app.organisation, &message).await?.ok_or_else(Problem::not_found)?;
        if sent.due_at.is_none() || sent.last_error.is_some() {
            return Ok(sent);
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut tx = app.store.read().await?;
    deliveries::get(&mut tx, &app.organisation, &message).await?.ok_or_else(Problem::not_found)
}

/// Sends a message once more.
pub async fn replay(app: &App, id: &str, message: &str) -> Result<(), Problem> {
    let endpoint = find(app, id).await?;
    let message = message.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.write().await?;
    if !deliveries::replay(&mut tx, &app.organisation, &endpoint.id, &message, app.now()).await? {
        return Err(Problem::field("message", "is none of this endpoint's, or is still on its way"));
    }
    tx.commit().await?;
    app.deliver.notify_one();
    Ok(())
}
