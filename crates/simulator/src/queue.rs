//! What will happen, in order of time; what happens at the same moment happens in the order in which it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::ids::GrantId;
use lifecycle::ledger::Claim;
use lifecycle::time::Timestamp;

use crate::town::Deed;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// Some node looks at the ledger.
    Wake,
    /// A job goes on.
    Go(u64),
    /// A job that waits renews its lease.
    Beat(u64),
    /// A request reaches its network.
    Arrive(u64),
    /// What becomes of a flight comes back to its job.
    Answer(u64, Came),
    /// Somebody does something.
    Deed(usize, Deed),
    /// A node starts (again).
    Start(usize),
    /// The truth about a grant may have changed.
    Look(GrantId),
    /// A network's mood changes.
    Mood(&'static str, &'static str),
    /// The next outage of a network begins.
    Outage(&'static str),
    /// The next noise of a network begins.
    Noise(&'static str),
    /// A node's clock is set.
    Clock(usize),
    /// Somebody takes a message up.
    Send(u64),
    /// Somebody acts through the product.
    Use(usize),
    /// A node's call in real use reaches its network.
    Used(usize, Box<Claim>),
    /// A refusal of such a call is back.
    Seen(usize, GrantId, Box<Diagnosis>),
    /// A node hands a message over to its mail server.
    HandOver(usize, u64),
}

/// What comes back from a flight.
#[derive(Debug)]
pub(crate) enum Came {
    /// An answer.
    Answer(Response<Bytes>),
    /// The connection was cut.
    Cut,
    /// The longest time an answer is waited for is over.
    TimeUp,
    /// The request never left.
    NotSent,
}

/// The heap of (time, event).
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// When, in which order it was planned, and where the event lies.
    heap: BinaryHeap<Reverse<(Timestamp, u64, usize)>>,
    events: Vec<Option<Event>>,
    /// Places without an event.
    free: Vec<usize>,
    count: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: Timestamp, event: Event) {
        self.count += 1;
        let place = self.free.pop().unwrap_or(self.events.len());
        match self.events.get_mut(place) {
            Some(free) => *free = Some(event),
            None => self.events.push(Some(event)),
        }
        self.heap.push(Reverse((at, self.count, place)));
    }

    /// The next event, if it happens before that moment.
    pub(crate) fn pop_until(&mut self, end: Timestamp) -> Option<(Timestamp, Event)> {
        let Reverse((at, ..)) = self.heap.peek()?;
        if *at >= end {
            return None;
        }
        let Reverse((at, _, place)) = self.heap.pop()?;
        self.free.push(place);
        self.events.get_mut(place)?.take().map(|event| (at, event))
    }
}
