//! The way out for calls that are passed through: like [`super::HttpWire`], but bodies flow in both directions as they come.

use std::time::Duration;

use http::Request;
use networks::wire::WireError;
use tracing::Instrument as _;
use url::Url;

use super::guard::Guard;
use super::{Clients, classify};
use crate::trace;

/// Sends requests whose bodies are streams.
pub struct StreamWire {
    clients: Clients,
}

impl StreamWire {
    /// A wire that lets through what the guard allows. `idle` is the longest silence of the network, `whole` the longest call.
    pub fn new(guard: Guard, idle: Duration, whole: Duration) -> Result<Self, reqwest::Error> {
        let clients = Clients::new(guard, || reqwest::Client::builder().read_timeout(idle).timeout(whole))?;
        Ok(Self { clients })
    }

    /// Sends it, once, and gives the answer when its head is there.
    pub async fn send(&self, request: Request<reqwest::Body>) -> Result<reqwest::Response, WireError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| WireError::Forbidden("not an absolute URL".into()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = self.clients.of(&url).map_err(|why| WireError::Forbidden(why.to_string()))?;
        let span = trace::asks(&parts.method, &host);
        let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().instrument(span.clone()).await;
        trace::was_answered(&span, sent.as_ref().ok().map(|answer| answer.status().as_u16()));
        sent.map_err(|error| classify(&host, &error))
    }
}
