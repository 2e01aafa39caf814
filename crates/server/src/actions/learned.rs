//! What servers of a network say of themselves without a token (how long a text may be there): asked when somebody writes, kept for
//! a while.

use std::collections::BTreeMap;

use keeper::ports::NetworkApp;
use lifecycle::time::{Span, Timestamp};
use tokio::sync::Mutex;

use crate::state::App;

/// How long a server is believed: its operator seldom changes what it takes.
const KEPT: Span = Span::hours(1);
/// How soon a server that said nothing is asked again.
const AGAIN: Span = Span::minutes(1);
/// The most servers that are remembered.
const SERVERS_MAX: usize = 1000;

/// A network and a server of it.
type Place = (&'static str, String);

/// What was learned, by network and server, and when.
#[derive(Default)]
pub struct Learned(Mutex<BTreeMap<Place, (Timestamp, Said)>>);

/// What a server said, by name.
type Said = BTreeMap<String, String>;

impl Learned {
    /// The client with what its server says among its options; what an operator configured stays.
    pub async fn hand_to(&self, app: &App, client: &NetworkApp) -> NetworkApp {
        let mut handed = client.clone();
        for (name, value) in self.of(app, client).await {
            handed.app.options.entry(name).or_insert(value);
        }
        handed
    }

    /// Nobody waits for the server of somebody else: it is asked beside the list.
    async fn of(&self, app: &App, client: &NetworkApp) -> BTreeMap<String, String> {
        let network = client.network.about().name;
        let place = (network, client.app.instance.clone());
        if let Some((at, said)) = self.0.lock().await.get(&place) {
            let kept = if said.is_empty() { AGAIN } else { KEPT };
            if app.now().since(*at) < kept {
                return said.clone();
            }
        }
        let mut said = client.network.learn(client.cx(app.now(), &*app.dice), app.wire.of(network)).await;
        let mut known = self.0.lock().await;
        if known.len() >= SERVERS_MAX && !known.contains_key(&place) {
            known.clear();
        }
        // Where it has no answer now, what it said before holds on.
        if said.is_empty()
            && let Some((_, before)) = known.get(&place)
        {
            said.clone_from(before);
        }
        known.insert(place, (app.now(), said.clone()));
        said
    }
}
