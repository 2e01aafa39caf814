//! Whatever a network, or whoever stands between, may answer: every reader of every adapter reads it, without a crash and
//! without taking trouble for a death. Bytes that are no readable JSON never speak against a token.
#![no_main]

use bytes::Bytes;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/networks/tests/conformance/given.rs"]
mod given;

use given::Given;

const CALLS: [&str; 8] = ["exchange", "renew", "probe", "revoke", "discover", "comments", "comment", "publish"];
const STATUSES: [u16; 16] = [200, 201, 202, 204, 302, 400, 401, 402, 403, 404, 410, 422, 426, 429, 500, 503];
const KINDS: [&str; 4] = ["application/json", "application/x-www-form-urlencoded", "text/html", "application/json; charset=utf-16"];

fuzz_target!(|data: &[u8]| {
    let [network, call, status, kind, body @ ..] = data else { return };
    let pick = |byte: &u8, of: usize| usize::from(*byte) % of;
    let all = networks::ALL;
    let given = Given::at(all[pick(network, all.len())]);
    let call = CALLS[pick(call, CALLS.len())];
    let status = STATUSES[pick(status, STATUSES.len())];
    let answer = Response::builder().status(status).header("content-type", KINDS[pick(kind, KINDS.len())]);
    let Ok(answer) = answer.body(Bytes::copy_from_slice(body)) else { return };
    let read = futures_executor::block_on(given.read(call, &answer));
    // A server in trouble speaks against nobody, whatever it writes.
    if status >= 500 && matches!(call, "renew" | "probe") {
        assert!(!read.starts_with("refused"), "{call} {status}: {read}");
    }
    // What it tells us by itself, unsigned, is never taken.
    let request = Request::post("https://staygreen.example/signals/x").body(answer.into_body());
    if let Ok(request) = request
        && let Some(networks::signal::Inbound::Signals(signals, _)) = given.network.receive(given.cx(), &request)
    {
        assert!(signals.is_empty(), "NT-24: an unsigned signal was believed");
    }
});
