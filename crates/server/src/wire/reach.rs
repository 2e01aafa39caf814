//! Whether networks can be reached from this machine: the very way that tokens take, with nothing on it that anybody could use.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use keeper::ports::Clock as _;
use networks::Network;
use networks::network::{App, Cx, Registration};
use networks::wire::Wire as _;
use url::Url;

use super::guard::Guard;
use super::{EachNetwork, HttpWire, Limits};
use crate::StartError;
use crate::config::Config;
use crate::time::{SystemClock, SystemDice};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer that are read: that there is one is enough.
const ANSWER_MAX: usize = 1024;

/// What was found at one network.
#[derive(Debug)]
pub struct Reached {
    /// Its name.
    pub network: &'static str,
    /// The origins that are asked there (`https://api.example.com`).
    pub origins: Vec<String>,
    /// Which of them did not answer, and why.
    pub failed: Vec<(String, String)>,
}

/// The origins of every endpoint of a network, as configured, each once. None where each instance is its own.
fn origins(config: &Config, network: &dyn Network) -> Vec<String> {
    let about = network.about();
    let set = config.networks.get(about.name).cloned().unwrap_or_default();
    if about.registration == Registration::AtInstance && set.base_url.is_none() {
        return vec![];
    }
    let mut named: Vec<String> = set.endpoints.values().chain(set.options.get("issuer")).cloned().collect();
    let app = App {
        client_id: String::new(),
        client_secret: None,
        instance: String::new(),
        redirect_uri: String::new(),
        scopes: vec![],
        base_url: set.base_url,
        endpoints: set.endpoints,
        options: BTreeMap::new(),
    };
    let facts = config.facts(network);
    let cx = Cx { app: &app, facts: &facts, now: SystemClock.now(), dice: &SystemDice::new() };
    named.extend(about.endpoints.iter().filter_map(|endpoint| cx.endpoint(about, endpoint.key)));
    let mut found: Vec<String> = vec![];
    for url in named.iter().filter_map(|url| Url::parse(url).ok()) {
        let origin = url.origin().ascii_serialization();
        if url.has_host() && !found.contains(&origin) {
            found.push(origin);
        }
    }
    found
}

/// Asks every origin of these networks for its front page, all at once: through the same guard, with the same root certificates and without a
/// proxy, as renewals go. No credential is sent, and any answer is one.
///
/// # Errors
/// TLS cannot be set up.
pub async fn all(config: &Config, of: &[&'static dyn Network]) -> Result<Vec<Reached>, StartError> {
    let limits = Limits { answer_timeout: PATIENCE, answer_max: ANSWER_MAX, cut: true };
    let nobody = Guard::new(config.server.allow_private_networks.clone(), &[]);
    let wires = EachNetwork::open(config, HttpWire::new(nobody, limits).map_err(StartError::Client)?, HttpWire::behind);
    let looked = of.iter().map(|network| async {
        let (name, origins) = (network.about().name, origins(config, *network));
        let answers = join_all(origins.iter().map(|origin| front_page(wires.of(name), origin))).await;
        let failed = origins.iter().zip(answers).filter_map(|(origin, answer)| Some((origin.clone(), answer.err()?))).collect();
        Reached { network: name, origins, failed }
    });
    Ok(join_all(looked).await)
}

async fn front_page(wire: &HttpWire, origin: &str) -> Result<(), String> {
    let request = Request::get(format!("{origin}/")).body(Bytes::new()).map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, wire.send(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(why.to_string()),
        Err(_) => Err("there is no answer in time".into()),
    }
}

/// Asks a server of ours whether it is ready (`GET /readyz`): what it says where it is not, or that nobody is there.
///
/// # Errors
/// Nothing answers at that address.
pub async fn readiness(url: &str) -> Result<Result<(), String>, String> {
    let limits = Limits { answer_timeout: PATIENCE, answer_max: 16 * 1024, cut: true };
    let url = format!("{}/readyz", url.trim_end_matches('/'));
    let wire = HttpWire::new(Guard::new(vec![], std::slice::from_ref(&url)), limits).map_err(|error| error.to_string())?;
    let request = Request::get(&url).body(Bytes::new()).map_err(|error| error.to_string())?;
    let answer = wire.send(request).await.map_err(|error| error.to_string())?;
    if answer.status().is_success() {
        return Ok(Ok(()));
    }
    let said = String::from_utf8_lossy(answer.body()).trim().replace('\n', "; ");
    Ok(Err(if said.is_empty() { format!("it answers with status {}", answer.status().as_u16()) } else { said }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_a_network_is_asked_once_and_only_where_it_was_configured_to_be() {
        let tiktok = networks::find("tiktok").expect("a network");
        let mut config = Config::default();
        assert_eq!(origins(&config, tiktok), ["https://www.tiktok.com", "https://open.tiktokapis.com"]);
        let set = config.networks.entry("tiktok".into()).or_default();
        set.base_url = Some("http://127.0.0.1:1/tiktok".into());
        assert_eq!(origins(&config, tiktok), ["http://127.0.0.1:1"]);
        let mastodon = networks::find("mastodon").expect("a network");
        assert_eq!(origins(&config, mastodon), Vec::<String>::new(), "each instance is its own");
    }

    #[tokio::test]
    async fn whoever_does_not_answer_is_named_and_others_are_not() {
        let there = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut config = Config::default();
        let url = format!("http://{}/tiktok", there.local_addr().expect("an address"));
        config.networks.entry("tiktok".into()).or_default().base_url = Some(url);
        config.networks.entry("xing".into()).or_default().base_url = Some("http://127.0.0.1:1/xing".into());
        tokio::spawn(axum::serve(there, axum::Router::new()).into_future());
        let both = ["tiktok", "xing"].map(|name| networks::find(name).expect("a network"));
        let found = all(&config, &both).await.expect("looked");
        assert!(found[0].failed.is_empty(), "any answer is one: {:?}", found[0]);
        assert_eq!(found[1].failed.len(), 1, "{:?}", found[1]);
        assert_eq!(found[1].failed[0].0, "http://127.0.0.1:1");
    }
}
