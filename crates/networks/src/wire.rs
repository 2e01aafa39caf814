//! The ways out that an adapter is handed: a wire to the network, a clock and dice. All are implemented by the shell.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::time::{Span, Timestamp};

/// By what name requests are sent, where an adapter has no other. There are networks that answer nobody without one.
pub const AGENT: &str = concat!("Staygreen/", env!("CARGO_PKG_VERSION"));

/// A future behind a pointer, so that networks can be kept in a list.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one request, once: no redirects, no retries, answers bounded in size and time, addresses guarded.
pub trait Wire: Send + Sync {
    /// Sends it and waits for the whole answer.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>>;

    /// Waits before the next request, where a network needs a moment for what it was asked. Where no time passes by itself, in
    /// simulations, there is nothing to wait for.
    fn pause(&self, _span: Span) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// The ways out, one for each network: what an operator named for one of them opens nothing for another.
pub trait Wires: Send + Sync {
    /// The way out of that network's own requests.
    fn of(&self, network: &str) -> &dyn Wire;
}

/// One way for all: where nothing is guarded by the network.
impl<W: Wire> Wires for W {
    fn of(&self, _: &str) -> &dyn Wire {
        self
    }
}

/// Why no answer came. The texts name host and trouble, never a URL's query or a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireError {
    /// The request never left: name, connection or TLS failed, or the address is not allowed. Nothing was spent.
    NotSent(String),
    /// It left and no complete answer came back: it may have been processed.
    Lost(String),
    /// The address is one that a user-named host must not lead to.
    Forbidden(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "the network could not be reached: {why}"),
            Self::Lost(why) => write!(f, "the network did not answer: {why}"),
            Self::Forbidden(why) => write!(f, "the address is not allowed: {why}"),
        }
    }
}

impl std::error::Error for WireError {}

/// Tells the time. The only way to a clock: nothing else in the product asks for it.
pub trait Clock: Send + Sync {
    /// The moment.
    fn now(&self) -> Timestamp;

    /// A counter of the machine that goes on as the clock does, also while the machine sleeps, and that nobody can set; from where it
    /// counts does not matter. `None` where there is none.
    fn counter(&self) -> Option<Timestamp> {
        None
    }
}

/// Random bytes.
pub trait Dice: Send + Sync {
    /// Fills the buffer with bytes nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}
