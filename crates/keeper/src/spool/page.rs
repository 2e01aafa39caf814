//! What stands in a slot: one line in the clear that says whose answer it is, then the sealed answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use lifecycle::ids::{AttemptId, GrantId, OrganisationId};
use lifecycle::ledger::Claim;
use lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::ports::Sealer;

const MAGIC: &str = "staygreen-answer-1";

/// Longer headers say nothing about tokens.
const HEADER_MAX: usize = 1024;

/// Whose answer a slot holds. No secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The attempt that was answered.
    pub attempt: AttemptId,
    /// The grant that was renewed.
    pub grant: GrantId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The generation of the token set that was spent.
    pub generation: i64,
    /// When it was captured.
    pub at: Timestamp,
}

impl Ticket {
    /// The ticket of an attempt to renew a claimed grant.
    pub fn of(claim: &Claim, attempt: &AttemptId, at: Timestamp) -> Self {
        Self {
            attempt: attempt.clone(),
            grant: claim.grant.id.clone(),
            organisation: claim.organisation.clone(),
            generation: claim.grant.generation,
            at,
        }
    }
}

/// A captured answer, as it came.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Whose it is.
    pub ticket: Ticket,
    /// The network's answer.
    pub answer: Response<Bytes>,
    /// Notes that changed on the way to it (a DPoP nonce).
    pub notes: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    notes: BTreeMap<String, String>,
}

/// What a slot's bytes are.
pub(super) enum Content {
    /// Nothing, or what a power cut left of a line.
    Empty,
    /// Whole.
    Kept(Box<Kept>),
    /// Of this grant, but it does not open: cut off in writing, changed, or sealed with a key that is gone.
    Unreadable(Ticket),
}

/// The bytes of a slot.
pub(super) fn write(kept: &Kept, sealer: &dyn Sealer) -> Vec<u8> {
    let short = |value: &http::HeaderValue| value.to_str().ok().filter(|text| text.len() <= HEADER_MAX).map(str::to_owned);
    let headers = kept.answer.headers().iter().filter(|(name, _)| **name != http::header::SET_COOKIE);
    let headers = headers.filter_map(|(name, value)| Some((name.to_string(), short(value)?)));
    let head = Head { status: kept.answer.status().as_u16(), headers: headers.collect(), notes: kept.notes.clone() };
    let head = Zeroizing::new(serde_json::to_vec(&head).unwrap_or_default());
    let mut plain = Zeroizing::new(Vec::with_capacity(head.len() + 1 + kept.answer.body().len()));
    plain.extend_from_slice(&head);
    plain.push(b'\n');
    plain.extend_from_slice(kept.answer.body());
    let sealed = sealer.seal(&kept.ticket, &plain);
    let ticket = serde_json::to_string(&kept.ticket).unwrap_or_default();
    [format!("{MAGIC} {} {ticket}\n", sealed.len()).as_bytes(), &sealed].concat()
}

/// And back.
pub(super) fn read(bytes: &[u8], sealer: &dyn Sealer) -> Content {
    let Some((ticket, sealed)) = first_line(bytes) else { return Content::Empty };
    let opened = sealed.and_then(|sealed| sealer.open(&ticket, sealed)).and_then(|plain| answer(&plain));
    match opened {
        Some((answer, notes)) => Content::Kept(Box::new(Kept { ticket, answer, notes })),
        None => Content::Unreadable(ticket),
    }
}

fn first_line(bytes: &[u8]) -> Option<(Ticket, Option<&[u8]>)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MAGIC)?.strip_prefix(' ')?;
    let (len, ticket) = line.split_once(' ')?;
    let len: usize = len.parse().ok()?;
    Some((serde_json::from_str(ticket).ok()?, bytes[end + 1..].get(..len)))
}

fn answer(plain: &[u8]) -> Option<(Response<Bytes>, BTreeMap<String, String>)> {
    let end = plain.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&plain[..end]).ok()?;
    let mut answer = Response::new(Bytes::copy_from_slice(&plain[end + 1..]));
    *answer.status_mut() = StatusCode::from_u16(head.status).ok()?;
    for (name, value) in head.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse::<http::HeaderValue>()) {
            answer.headers_mut().append(name, value);
        }
    }
    Some((answer, head.notes))
}
