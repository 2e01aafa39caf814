//! The body of a call: held where it is looked through, signed, or may be sent again; else it flows through once.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::parts::Parts;
use super::{IDLE, MIB, asked, malformed};
use crate::error::Problem;

/// The most bytes of a body that is looked through as a whole (forms, JSON), must be signed (OAuth 1.0a) or may have to be sent twice
/// (DPoP nonces; at OAuth 1.0a calls overtaken by another).
const HELD_MAX: usize = 8 * MIB;

/// A body.
pub(super) enum Payload {
    /// There is none.
    Nothing,
    /// Flows through once.
    Flows(Body),
    /// Held.
    Held(Bytes),
}

/// How bodies go to a network.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Whether each is held, whatever it is.
    pub(super) held: bool,
    /// The most bytes of one.
    pub(super) most: usize,
    /// [`networks::Network::steered_by`].
    pub(super) steered_by: Option<&'static [&'static str]>,
}

/// Why a body that flows was ended by us: the one who sends it on learns only that it broke off.
pub(super) type Stopped = Arc<Mutex<Option<Problem>>>;

/// Takes out why it was ended, where it was.
pub(super) fn why(stopped: &Stopped) -> Option<Problem> {
    stopped.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What a body says that it is, as far as that matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Form,
    Json,
    Multipart,
    Else,
}

/// What a body is said to be. Where it may steer the call, it has to be said once and plainly: without it, servers guess.
fn said(headers: &HeaderMap, steers: bool) -> Result<Said, Problem> {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let line = lines.next().map(|line| String::from_utf8_lossy(line.as_bytes()).trim().to_ascii_lowercase()).unwrap_or_default();
    let essence = line.split(';').next().unwrap_or_default().trim_end();
    if steers && (lines.next().is_some() || essence.is_empty() || essence.contains(',')) {
        return Err(malformed("a body for this network needs one Content-Type: it is looked through before it goes out"));
    }
    let kind = if essence.starts_with("application/x-www-form-urlencoded") {
        Said::Form
    } else if steers && (essence.ends_with("/json") || essence.ends_with("+json")) {
        Said::Json
    } else if steers && essence.starts_with("multipart/") {
        Said::Multipart
    } else {
        Said::Else
    };
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded && kind != Said::Else {
        return Err(malformed("the body is encoded (Content-Encoding), so that it cannot be looked through; send it as it is"));
    }
    Ok(kind)
}

fn too_large(max: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("A body may have {} MiB here.", max / MIB))
}

fn too_slow() -> Problem {
    malformed("the body did not come in time")
}

/// The body of a call, and why it will have been ended, once it flows.
pub(super) async fn of(method: &Method, headers: &HeaderMap, body: Body, kind: Kind) -> Result<(Payload, Stopped), Problem> {
    let stopped = Stopped::default();
    let announced = headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
    if matches!(*method, Method::GET | Method::HEAD) || !announced {
        return Ok((Payload::Nothing, stopped));
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()).and_then(|length| length.parse::<usize>().ok());
    let said = said(headers, kind.steered_by.is_some() && length != Some(0))?;
    let held = kind.held || matches!(said, Said::Form | Said::Json);
    let max = if held { HELD_MAX.min(kind.most) } else { kind.most };
    if length.is_some_and(|length| length > max) {
        return Err(too_large(max));
    }
    if !held {
        let parts = (said == Said::Multipart).then(|| (Parts::default(), kind.steered_by.unwrap_or_default()));
        return Ok((Payload::Flows(flowing(body.into_data_stream(), max, parts, Arc::clone(&stopped))), stopped));
    }
    let whole = tokio::time::timeout(IDLE, axum::body::to_bytes(body, max)).await;
    let whole = whole.map_err(|_| too_slow())?.map_err(|_| too_large(max))?;
    let steered_by = kind.steered_by.unwrap_or_default();
    let why = match said {
        Said::Form => asked::why_not(&whole, method, steered_by),
        Said::Json => asked::json_why_not(&whole, method, steered_by),
        Said::Multipart => Parts::default().why_not(&whole, steered_by),
        Said::Else => None,
    };
    why.map_or(Ok((Payload::Held(whole), stopped)), |why| Err(malformed(why)))
}

/// A body that goes out as it comes, piece by piece, each looked at before.
fn flowing(body: BodyDataStream, most: usize, parts: Option<(Parts, &'static [&'static str])>, stopped: Stopped) -> Body {
    let begun = (body, most, parts);
    Body::from_stream(futures_util::stream::try_unfold(begun, move |(mut body, mut left, mut parts)| {
        let stopped = Arc::clone(&stopped);
        async move {
            let piece = match tokio::time::timeout(IDLE, body.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(piece)) => piece.map_err(std::io::Error::other)?,
                Err(_) => return Err(end(&stopped, too_slow())),
            };
            left = left.checked_sub(piece.len()).ok_or_else(|| end(&stopped, too_large(most)))?;
            if let Some(why) = parts.as_mut().and_then(|(parts, steered_by)| parts.why_not(&piece, steered_by)) {
                return Err(end(&stopped, malformed(why)));
            }
            Ok(Some((piece, (body, left, parts))))
        }
    }))
}

fn end(stopped: &Stopped, problem: Problem) -> std::io::Error {
    let error = std::io::Error::other(problem.detail.clone());
    *stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    error
}
