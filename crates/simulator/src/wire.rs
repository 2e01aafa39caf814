//! The wire into the sandbox: whole calls where no token is at stake, and single requests for renewals, whose ways there
//! and back the event queue takes apart.

use std::future::ready;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use lifecycle::time::Timestamp;
use networks::wire::{AGENT, BoxFuture, Wire, WireError};
use sandbox::World;

use crate::dice::Generator;
use crate::options::Swarm;

/// The sandbox behind a wire that fails now and then.
pub(crate) struct SandboxWire {
    world: Arc<Mutex<World>>,
    state: Mutex<State>,
}

struct State {
    now: Timestamp,
    generator: Generator,
    swarm: Swarm,
    calls: u64,
    /// Whole calls that did not come back with an answer.
    failed: u64,
}

impl SandboxWire {
    pub(crate) fn new(world: World, swarm: Swarm, generator: Generator, now: Timestamp) -> Self {
        Self { world: Arc::new(Mutex::new(world)), state: Mutex::new(State { now, generator, swarm, calls: 0, failed: 0 }) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is this moment.
    pub(crate) fn set_now(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// Everything is mended.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.swarm = state.swarm.healed();
    }

    /// How many requests the networks have seen.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// What the network does with a request that reached it; `None` when it closes without an answer.
    pub(crate) fn arrive(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let now = {
            let mut state = self.state();
            state.calls += 1;
            state.now
        };
        let answer = self.world().take(now.as_micros(), named(request));
        let closed = answer.extensions().get::<sandbox::Fate>() == Some(&sandbox::Fate::CloseWithoutAnswer);
        (!closed).then_some(answer)
    }

    /// How many of the whole calls did not come back with an answer.
    pub(crate) fn failed(&self) -> u64 {
        self.state().failed
    }

    /// Lets as many whole calls go their ways as are known to be answered as they were before. `false`, and nothing has happened, where
    /// one of them would get lost.
    pub(crate) fn pass(&self, calls: u64) -> bool {
        let mut state = self.state();
        let before = state.generator.clone();
        let all_pass = (0..calls).all(|_| state.fate() == (false, false));
        if all_pass {
            state.calls += calls;
        } else {
            state.generator = before;
        }
        all_pass
    }

    fn send_now(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let (not_sent, lost) = self.state().fate();
        if not_sent {
            self.state().failed += 1;
            return Err(WireError::NotSent("the connection was refused".into()));
        }
        let answer = self.arrive(request).filter(|_| !lost);
        self.state().failed += u64::from(answer.is_none());
        answer.ok_or_else(|| WireError::Lost("the connection was cut".into()))
    }
}

impl State {
    /// What becomes of a whole call: whether it is not sent, and whether its answer gets lost.
    fn fate(&mut self) -> (bool, bool) {
        (self.generator.chance(self.swarm.not_sent), self.generator.chance(self.swarm.lost_answer))
    }
}

/// As our client sends it: with our name, where the adapter has no other. There are networks that answer nobody without a name.
fn named(mut request: Request<Bytes>) -> Request<Bytes> {
    request.headers_mut().entry(header::USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    request
}

impl Wire for SandboxWire {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(ready(self.send_now(request)))
    }
}

/// The value of a future that never waits: everything here answers at once.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
