//! Whether a network can be asked if a post is there: only what works is offered to people.

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::secret::{Secret, TokenSet};
use networks::acting::{Acting, NotDone};
use networks::wire::{BoxFuture, Wire, WireError};

use super::act::target;
use super::draft::Content;
use super::say::CLOCKS_DIFFER;
use super::waiting::Seen;
use crate::error::Problem;
use crate::state::App;

/// A way out that leads nowhere.
struct Nowhere;

impl Wire for Nowhere {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(async { Err(WireError::NotSent("nothing is asked yet".to_owned())) })
    }
}

/// Whether the network can be asked, at this moment, if what may have been said is there. It depends on what was said, and when; so the
/// adapter is asked to look without a token and without a way out: whoever cannot look says so before anything is sent.
pub(crate) async fn can_be_asked(app: &App, seen: &Seen) -> Result<bool, Problem> {
    let Seen { act, profile, content } = seen;
    let Content::Post { .. } = content else { return Ok(false) };
    let network = super::connect::network_named(&profile.network)?;
    let Some(client) = app.network_app(network, &profile.instance).await else { return Ok(true) };
    let (tokens, post) = (TokenSet::bearer(Secret::new(""), None, vec![]), content.for_network()?);
    let cx = client.cx(app.now(), &*app.dice);
    let by = Acting { cx, clock: &*app.clock, wire: &Nowhere, tokens: &tokens, target: target(profile) };
    let looked = network.look(by, &post, act.created_at - CLOCKS_DIFFER).await;
    Ok(!matches!(looked, Err(NotDone::NotSupported(_))))
}
