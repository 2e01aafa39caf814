//! The way out for calls that are passed through: like [`super::HttpWire`], but bodies flow in both directions as they come.

use std::time::Duration;

use http::Request;
use networks::wire::WireError;
use tracing::Instrument as _;
use url::Url;

use super::guard::Guard;
use super::{Clients, Line, classify};
use crate::trace;

/// Sends requests whose bodies are streams.
pub struct StreamWire {
    alone: Clients,
    kept: Clients,
}

/// There is no answer.
#[derive(Debug)]
pub struct NoAnswer {
    /// Why not.
    pub why: WireError,
    /// Whether the peer hung up on a connection that was kept, as it may at any time: on one of its own the same may well be answered.
    pub hung_up: bool,
}

impl StreamWire {
    /// A wire that lets through what the guard allows. `idle` is the longest silence of the network, `whole` the longest call.
    pub fn new(guard: Guard, idle: Duration, whole: Duration) -> Result<Self, reqwest::Error> {
        let settings = || reqwest::Client::builder().read_timeout(idle).timeout(whole);
        Ok(Self { alone: Clients::new(guard.clone(), Line::Own, settings)?, kept: Clients::new(guard, Line::Kept, settings)? })
    }

    /// The same behind another guard.
    pub(super) fn behind(&self, guard: Guard) -> Self {
        Self { alone: self.alone.behind(guard.clone()), kept: self.kept.behind(guard) }
    }

    /// Sends it, once, and gives the answer when its head is there.
    pub async fn send(&self, line: Line, request: Request<reqwest::Body>) -> Result<reqwest::Response, NoAnswer> {
        let forbidden = |why: String| NoAnswer { why: WireError::Forbidden(why), hung_up: false };
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| forbidden("not an absolute URL".into()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let clients = if line == Line::Kept { &self.kept } else { &self.alone };
        let client = clients.of(&url).map_err(|why| forbidden(why.to_string()))?;
        let span = trace::asks(&parts.method, &host);
        let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().instrument(span.clone()).await;
        trace::was_answered(&span, sent.as_ref().ok().map(|answer| answer.status().as_u16()));
        sent.map_err(|error| {
            let why = classify(&host, &error);
            let hung_up = line == Line::Kept && !error.is_timeout() && matches!(why, WireError::Lost(_));
            NoAnswer { why, hung_up }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use bytes::Bytes;

    use super::*;

    const SECONDS: Duration = Duration::from_secs(5);

    /// A server that keeps connections open and answers so many requests on each, then reads one more and hangs up. Its address, and how many
    /// connections were made.
    fn serve(answers: usize) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let met = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&met);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                count.fetch_add(1, SeqCst);
                std::thread::spawn(move || {
                    for _ in 0..answers {
                        if !stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
                            return;
                        }
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    }
                    let _ = stream.read(&mut [0; 4096]);
                });
            }
        });
        (url, met)
    }

    fn wire() -> StreamWire {
        StreamWire::new(Guard::new(vec!["127.0.0.0/8".parse().expect("a range")], &[]), SECONDS, SECONDS).expect("a client")
    }

    async fn get(wire: &StreamWire, line: Line, url: &str) -> Result<Bytes, NoAnswer> {
        let answer = wire.send(line, Request::get(url).body("".into()).expect("a request")).await?;
        Ok(answer.bytes().await.expect("a body"))
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_those_who_take_one_that_was() {
        let (url, met) = serve(10);
        let wire = wire();
        for _ in 0..3 {
            get(&wire, Line::Kept, &url).await.expect("an answer");
        }
        assert_eq!(met.load(SeqCst), 1);
        for _ in 0..3 {
            get(&wire, Line::Own, &url).await.expect("an answer");
        }
        assert_eq!(met.load(SeqCst), 4, "whoever wants its own has it to itself");
        get(&wire, Line::Kept, &url).await.expect("an answer");
        assert_eq!(met.load(SeqCst), 4);
    }

    #[tokio::test]
    async fn a_peer_that_hangs_up_on_a_kept_connection_is_told_from_one_that_fails() {
        let (url, met) = serve(1);
        let wire = wire();
        get(&wire, Line::Kept, &url).await.expect("an answer");
        let again = get(&wire, Line::Kept, &url).await.expect_err("hung up");
        assert!(again.hung_up && matches!(again.why, WireError::Lost(_)), "{again:?}");
        let (url, _) = serve(0);
        let alone = get(&wire, Line::Own, &url).await.expect_err("hung up");
        assert!(!alone.hung_up && matches!(alone.why, WireError::Lost(_)), "{alone:?}");
        assert_eq!(met.load(SeqCst), 1, "nothing is sent again down here");
    }
}
