//! Deliveries to webhook endpoints and chat channels, beside the mails: neither waits for the other. At least once, under an
//! identity that stays the same over all tries (NF-02); a redirect is a failure; 410 switches the endpoint off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use lifecycle::time::Timestamp;
use networks::wire::{Wire as _, WireError};
use serde_json::{Value, json};
use store::StoreError;
use store::events::{self, About, Actor};
use store::outbox::Letter;
use store::webhooks::{self, Endpoint, EndpointKind, EndpointSecrets};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use url::Url;

use super::{chat, letter, sign};
use crate::i18n::Lang;
use crate::show::rfc3339;
use crate::state::App;

/// How many deliveries are under way at once, and how many of one endpoint (a few more where they are claimed together): one
/// that hangs holds nobody else up.
const AT_ONCE: usize = 40;
const OF_ONE: usize = 4;

/// Delivers what is due until the token is cancelled.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let every = app.config.keeper.poll_every.duration().min(Duration::from_secs(5));
    let mut under_way = JoinSet::new();
    let mut busy: BTreeMap<String, usize> = BTreeMap::new();
    while !stop.is_cancelled() {
        let claimed = if under_way.len() < AT_ONCE { claim(&app, &busy).await } else { vec![] };
        let idle = claimed.is_empty();
        for letter in claimed {
            *busy.entry(letter.recipient.clone()).or_default() += 1;
            let app = Arc::clone(&app);
            under_way.spawn(async move {
                let span = crate::trace::tells(&letter.kind, &letter.channel);
                if let Err(error) = deliver(&app, &letter).instrument(span).await {
                    tracing::error!(error = %error, "deliver: the storage could not be asked; trying again");
                }
                letter.recipient
            });
        }
        // What is due is claimed at once; otherwise something has to happen first.
        tokio::select! {
            () = std::future::ready(()), if !idle => {}
            () = stop.cancelled() => {}
            Some(done) = under_way.join_next(), if !under_way.is_empty() => free(&mut busy, done),
            () = app.deliver.notified() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
    // What was sent is noted, so that it is not sent again after the next start.
    while under_way.join_next().await.is_some() {}
}

async fn claim(app: &App, busy: &BTreeMap<String, usize>) -> Vec<Letter> {
    let except: Vec<&str> = busy.iter().filter(|(_, count)| **count >= OF_ONE).map(|(recipient, _)| recipient.as_str()).collect();
    match app.store.claim_deliveries(app.now(), u32::try_from(OF_ONE).unwrap_or(1), &except).await {
        Ok(letters) => letters,
        Err(error) => {
            tracing::error!(error = %error, "deliver: the storage could not be asked; trying again");
            vec![]
        }
    }
}

fn free(busy: &mut BTreeMap<String, usize>, done: Result<String, JoinError>) {
    match done {
        Ok(recipient) => {
            let left = busy.get(&recipient).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                busy.remove(&recipient);
            } else {
                busy.insert(recipient, left);
            }
        }
        // A delivery that broke off comes again when its lease is over; whose it was is not known, so all may be asked again.
        Err(error) => {
            tracing::error!(error = %error, "deliver: a delivery broke off");
            busy.clear();
        }
    }
}

async fn deliver(app: &App, letter: &Letter) -> Result<(), StoreError> {
    let endpoint = match letter.recipient.parse() {
        Ok(id) => {
            let mut tx = app.store.read().await?;
            webhooks::with_secrets(&mut tx, app.store.keys(), &letter.organisation, &id).await?
        }
        Err(_) => None,
    };
    let Some((endpoint, secrets)) = endpoint else {
        return app.store.letter_given_up(letter, "the endpoint was deleted", app.now()).await;
    };
    // A test is sent to an endpoint that is off as well: that is how one finds out whether it listens again.
    if endpoint.disabled_at.is_some() && letter.kind != "endpoint.test" {
        return app.store.letter_given_up(letter, "the endpoint is switched off", app.now()).await;
    }
    match send(app, letter, &endpoint, &secrets).await {
        Ok(status) if status.is_success() => app.store.letter_sent(letter, app.now()).await,
        Ok(StatusCode::GONE) => gone(app, letter, &endpoint).await,
        Ok(status) if status.is_redirection() => {
            let why = format!("answered {}: redirects are not followed, enter the new address", status.as_u16());
            app.store.letter_failed(letter, &why, app.now()).await
        }
        Ok(status) => app.store.letter_failed(letter, &format!("answered {}", status.as_u16()), app.now()).await,
        Err(error) => {
            tracing::warn!(message = %letter.id, tries = letter.tries, error = %error, "deliver: an endpoint could not be reached");
            app.store.letter_failed(letter, &error, app.now()).await
        }
    }
}

/// Standard Webhooks: 410 means that the receiver wants nothing more.
async fn gone(app: &App, letter: &Letter, endpoint: &Endpoint) -> Result<(), StoreError> {
    let now = app.now();
    let mut tx = app.store.write().await?;
    if webhooks::set_disabled(&mut tx, &endpoint.organisation, &endpoint.id, Some("gone"), now).await? {
        let detail = json!({ "endpoint": endpoint.id.as_str(), "name": endpoint.name });
        events::append(&mut tx, &endpoint.organisation, now, "endpoint.disabled", &Actor::System, &About::default(), &detail).await?;
    }
    tx.commit().await?;
    app.store.letter_given_up(letter, "answered 410: gone", now).await
}

async fn send(app: &App, letter: &Letter, endpoint: &Endpoint, secrets: &EndpointSecrets) -> Result<StatusCode, String> {
    // The address may hold a secret: no error shows it.
    let url = Url::parse(secrets.url.expose()).map_err(|_| "the address is not a URL".to_owned())?;
    let request = if endpoint.kind == EndpointKind::Webhook {
        let body = body_of(letter, &app.public_url).to_string();
        let now = app.now();
        let signature = sign::sign(secrets, endpoint.previous_until, letter.id.as_str(), now, &body);
        post(&url)
            .header("webhook-id", letter.id.as_str())
            .header("webhook-timestamp", now.as_seconds())
            .header("webhook-signature", signature)
            .body(Bytes::from(body))
    } else {
        let draft = letter::draft(letter, Lang::from_code(&letter.language), &app.public_url);
        let (url, body) = chat::request(endpoint.kind, &url, &draft);
        let mut request = post(&url);
        if let Some(token) = &secrets.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.body(Bytes::from(body.to_string()))
    };
    let request = request.map_err(|_| "the address or token cannot be sent".to_owned())?;
    match app.endpoints.send(request).await {
        Ok(answer) => Ok(answer.status()),
        Err(WireError::NotSent(why) | WireError::Lost(why) | WireError::Forbidden(why)) => Err(why),
    }
}

fn post(url: &Url) -> http::request::Builder {
    Request::builder().method(Method::POST).uri(url.as_str()).header(header::CONTENT_TYPE, "application/json")
}

/// Thin: what happened to which profile, and where to ask for more. No token, no name, no words of strangers.
fn body_of(letter: &Letter, public_url: &str) -> Value {
    let payload = &letter.payload;
    let moment = |value: &Value| value.as_i64().map(|at| rfc3339(Timestamp::from_micros(at)));
    let mut data = serde_json::Map::new();
    if let Some(id) = payload["profiles"][0]["id"].as_str() {
        data.insert("profile_id".into(), id.into());
        data.insert("network".into(), payload["profiles"][0]["network"].clone());
        data.insert("url".into(), format!("{public_url}/api/v1/profiles/{id}").into());
    }
    for name in ["status", "cause", "confidence", "days", "network", "server", "incident"] {
        if !payload[name].is_null() {
            data.insert(name.into(), payload[name].clone());
        }
    }
    if let Some(since) = moment(&payload["since"]).filter(|_| !payload["incident"].is_null()) {
        data.insert("since".into(), since.into());
    }
    if let Some(deadline) = moment(&payload["deadline"]) {
        data.insert("deadline".into(), deadline.into());
    }
    json!({ "type": letter.kind, "timestamp": moment(&payload["at"]), "data": data })
}

#[cfg(test)]
mod tests {
    use store::ids::fresh;

    use super::*;

    #[test]
    fn a_delivery_is_thin() {
        let letter = Letter {
            id: fresh(),
            organisation: fresh(),
            kind: "profile.disconnected".into(),
            channel: "webhook".into(),
            recipient: "whe_1".into(),
            user: None,
            language: "en".into(),
            zone: None,
            payload: json!({
                "type": "profile.disconnected", "at": 1_800_000_000_000_000_i64, "status": "disconnected", "cause": "expired", "confidence": "certain",
                "evidence": { "words": "canary" }, "person": { "name": "canary" }, "days": null, "deadline": null,
                "profiles": [{ "id": "prf_1", "name": "canary", "network": "a-network", "kind": "page" }]
            }),
            link: None,
            tries: 1,
            created_at: Timestamp::from_seconds(0),
        };
        let body = body_of(&letter, "https://sg.example");
        assert_eq!(
            body,
            json!({ "type": "profile.disconnected", "timestamp": "2027-01-15T08:00:00Z", "data": {
                "profile_id": "prf_1", "network": "a-network", "url": "https://sg.example/api/v1/profiles/prf_1",
                "status": "disconnected", "cause": "expired", "confidence": "certain"
            } })
        );
    }
}
