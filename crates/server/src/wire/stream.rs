//! The way out for calls that are passed through: like [`super::HttpWire`], but bodies flow in both directions as they come.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use networks::wire::WireError;
use url::Url;

use super::classify;
use super::guard::Guard;

/// Sends requests whose bodies are streams.
pub struct StreamWire {
    client: reqwest::Client,
    guard: Arc<Guard>,
}

impl StreamWire {
    /// A wire that lets through what the guard allows. `idle` is the longest silence of the network, `whole` the longest call.
    pub fn new(guard: Guard, idle: Duration, whole: Duration) -> Result<Self, reqwest::Error> {
        let guard = Arc::new(guard);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(idle)
            .timeout(whole)
            .user_agent(concat!("Staygreen/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::clone(&guard))
            .build()?;
        Ok(Self { client, guard })
    }

    /// Sends it, once, and gives the answer when its head is there.
    pub async fn send(&self, request: Request<reqwest::Body>) -> Result<reqwest::Response, WireError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| WireError::Forbidden("not an absolute URL".into()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        self.guard.check_url(&url).map_err(|why| WireError::Forbidden(why.to_string()))?;
        let sent = self.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
        sent.map_err(|error| classify(&host, &error))
    }
}
