//! The keys with which networks sign what they tell us: fetched from where each publishes them, kept for an hour, and fetched
//! anew when something comes that was signed with a newer one.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use keeper::ports::NetworkApp;
use lifecycle::time::{Span, Timestamp};
use tokio::sync::Mutex;

use crate::state::App;

/// How long keys are taken for the present ones. Google's answers say five to seven hours.
const KEPT: Span = Span::hours(1);
/// How soon a key that is not known is asked for again: anybody can send something with an invented one.
const AGAIN: Span = Span::minutes(1);
/// The name under which an adapter is handed the keys; an operator can set the option, and then nothing is fetched.
const OPTION: &str = "signal_keys";

/// What was fetched, by address.
#[derive(Default)]
pub struct SignalKeys(Mutex<BTreeMap<String, (Timestamp, String)>>);

impl SignalKeys {
    /// The client with the keys among its options; `newer`: those it was handed before did not do.
    pub async fn hand_to(&self, app: &App, client: &NetworkApp, newer: bool) -> NetworkApp {
        let mut handed = client.clone();
        let address = client.network.signal_keys(client.cx(app.now(), &*app.dice)).filter(|_| !client.app.options.contains_key(OPTION));
        if let Some(address) = address
            && let Some(keys) = self.at(app, client.network.about().name, &address, if newer { AGAIN } else { KEPT }).await
        {
            handed.app.options.insert(OPTION.to_owned(), keys);
        }
        handed
    }

    /// One fetch at a time: whoever comes meanwhile waits for its result.
    async fn at(&self, app: &App, network: &str, address: &str, kept: Span) -> Option<String> {
        let mut known = self.0.lock().await;
        if let Some((_, keys)) = known.get(address).filter(|(at, _)| app.now().since(*at) < kept) {
            return Some(keys.clone());
        }
        let request = Request::get(address).header("accept", "application/json").body(Bytes::new()).ok()?;
        match app.wire.of(network).send(request).await {
            Ok(answer) if answer.status().is_success() => {
                let keys = String::from_utf8(answer.into_body().to_vec()).ok()?;
                known.insert(address.to_owned(), (app.now(), keys.clone()));
                Some(keys)
            }
            // Older keys may still do.
            Ok(answer) => {
                tracing::warn!(address, status = answer.status().as_u16(), "signals: the keys could not be fetched");
                known.get(address).map(|(_, keys)| keys.clone())
            }
            Err(error) => {
                tracing::warn!(address, error = %error, "signals: the keys could not be fetched");
                known.get(address).map(|(_, keys)| keys.clone())
            }
        }
    }
}
