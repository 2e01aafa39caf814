//! What the unit tests of adapters share.

use std::collections::BTreeMap;

use lifecycle::facts::Facts;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;

use crate::network::{App, Cx};
use crate::wire::Dice;

/// The moment of every unit test, in seconds since 1970.
pub(crate) const NOW: i64 = 1_800_000_000;

/// Dice that always fall on seven.
pub(crate) struct Sevens;

impl Dice for Sevens {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// Runs with a context whose app is `client` / `secret` and has these options.
pub(crate) fn with<T>(options: &[(&str, &str)], run: impl FnOnce(Cx<'_>) -> T) -> T {
    let app = App {
        client_id: "client".into(),
        client_secret: Some(Secret::new("secret")),
        instance: String::new(),
        redirect_uri: "https://staygreen.example/callback".into(),
        scopes: vec![],
        base_url: None,
        endpoints: BTreeMap::new(),
        options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let facts = Facts::unknown();
    run(Cx { app: &app, facts: &facts, now: Timestamp::from_seconds(NOW), dice: &Sevens })
}
