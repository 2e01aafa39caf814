//! The only HTTP client of the product: no redirects, no retries, no proxies from the environment, a fresh
//! connection per request, answers bounded in size and time, private addresses refused at the connector (NT-08, NT-09,
//! NT-12, NT-30).

pub mod guard;
pub mod reach;
pub mod stream;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use lifecycle::time::Span;
use networks::wire::{BoxFuture, Wire, WireError, Wires};
use tracing::Instrument as _;
use url::Url;

use self::guard::{ForbiddenAddress, Guard};
use self::stream::StreamWire;
use crate::config::Config;
use crate::{StartError, proxy, trace};

/// How long an answer is waited for, and how much of it is read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an answer is waited for (RF-15).
    pub answer_timeout: Duration,
    /// The most bytes of an answer that are read.
    pub answer_max: usize,
    /// What is longer is cut off and the rest never read; otherwise a longer answer counts as lost.
    pub cut: bool,
}

impl Limits {
    /// For networks: their answers matter to the last byte, and long threads come as one.
    pub const NETWORKS: Self = Self { answer_timeout: Duration::from_secs(90), answer_max: 4 * 1024 * 1024, cut: false };
    /// For webhook endpoints: only the status matters (Standard Webhooks, NT-25).
    pub const ENDPOINTS: Self = Self { answer_timeout: Duration::from_secs(15), answer_max: 64 * 1024, cut: true };
}

/// The ways out of one server.
pub(crate) struct Ways {
    /// To the networks.
    pub(crate) wire: Arc<dyn Wires>,
    /// To what users name: webhook endpoints and chat channels.
    pub(crate) endpoints: HttpWire,
    /// For calls that are passed through.
    pub(crate) streams: EachNetwork<StreamWire>,
}

/// A way out for each network that the operator named origins for, and one that trusts nobody for all others: an instance that
/// somebody names at one network does not lead into what was named for another (NT-08).
pub struct EachNetwork<W> {
    own: BTreeMap<String, W>,
    rest: W,
}

impl<W> EachNetwork<W> {
    /// `rest` trusts nobody; `trusting` makes the same way behind another guard.
    fn open(config: &Config, rest: W, trusting: impl Fn(&W, Guard) -> W) -> Self {
        let mut own = BTreeMap::new();
        for (name, set) in &config.networks {
            let named: Vec<String> = set.base_url.iter().chain(set.endpoints.values()).cloned().collect();
            let guard = Guard::new(config.server.allow_private_networks.clone(), &named);
            if guard.trusts_any() {
                own.insert(name.clone(), trusting(&rest, guard));
            }
        }
        Self { own, rest }
    }

    /// The way of that network's own requests.
    pub fn of(&self, network: &str) -> &W {
        self.own.get(network).unwrap_or(&self.rest)
    }
}

impl Wires for EachNetwork<HttpWire> {
    fn of(&self, network: &str) -> &dyn Wire {
        self.of(network)
    }
}

/// How long a connection is kept for the next call, where any is: networks close theirs after a minute or more, many proxies sooner.
const KEPT: Duration = Duration::from_secs(15);

/// What a request goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A connection of its own. One that was kept may be closed by the peer in the moment of writing, and then nobody knows what was done
    /// (RF-14).
    Own,
    /// One that was kept from an earlier call, where there is any: for what may be asked twice (RFC 9110 9.2.1).
    Kept,
}

/// Two clients behind a guard: strangers' names are vetted as they resolve, origins that the operator named are not.
struct Clients {
    guard: Guard,
    vetted: reqwest::Client,
    own: reqwest::Client,
}

impl Clients {
    fn new(guard: Guard, line: Line, settings: impl Fn() -> reqwest::ClientBuilder) -> Result<Self, reqwest::Error> {
        let plain = || {
            let plain = settings()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .connect_timeout(Duration::from_secs(10))
                .user_agent(networks::wire::AGENT);
            match line {
                Line::Own => plain.pool_max_idle_per_host(0),
                Line::Kept => plain.pool_idle_timeout(KEPT),
            }
        };
        let own = plain().build()?;
        let vetted = plain().dns_resolver(Arc::new(guard.clone())).build()?;
        Ok(Self { guard, vetted, own })
    }

    /// The same clients behind a guard that trusts others. Which addresses strangers' names may lead to is the same at all of them. A client is
    /// shared, since each reads all root certificates of the system.
    fn behind(&self, guard: Guard) -> Self {
        Self { guard, vetted: self.vetted.clone(), own: self.own.clone() }
    }

    /// The one to ask an address with.
    fn of(&self, url: &Url) -> Result<&reqwest::Client, ForbiddenAddress> {
        self.guard.check_url(url)?;
        Ok(if self.guard.trusts(url) { &self.own } else { &self.vetted })
    }
}

impl Ways {
    /// Opens them all. Nothing is sent yet.
    pub(crate) fn open(config: &Config) -> Result<Self, StartError> {
        let nobody = || Guard::new(config.server.allow_private_networks.clone(), &[]);
        let streams = StreamWire::new(nobody(), proxy::IDLE, proxy::WHOLE).map_err(StartError::Client)?;
        let streams = EachNetwork::open(config, streams, StreamWire::behind);
        let limits = Limits { answer_timeout: config.keeper.answer_timeout().duration(), ..Limits::NETWORKS };
        let wire = HttpWire::new(nobody(), limits).map_err(StartError::Client)?;
        let wire = Arc::new(EachNetwork::open(config, wire, HttpWire::behind));
        // Endpoints are named by users: the hosts that the operator trusts for networks are none of theirs.
        let endpoints = HttpWire::new(nobody(), Limits::ENDPOINTS).map_err(StartError::Client)?;
        Ok(Self { wire, endpoints, streams })
    }
}

/// Sends requests over HTTP.
pub struct HttpWire {
    clients: Clients,
    limits: Limits,
}

impl HttpWire {
    /// A wire that lets through what the guard allows, within limits.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, reqwest::Error> {
        let clients = Clients::new(guard, Line::Own, || reqwest::Client::builder().timeout(limits.answer_timeout))?;
        Ok(Self { clients, limits })
    }

    /// The same behind another guard.
    fn behind(&self, guard: Guard) -> Self {
        Self { clients: self.clients.behind(guard), limits: self.limits }
    }

    /// Whether an address may be asked at all, before any name is resolved.
    pub fn check(&self, url: &Url) -> Result<(), ForbiddenAddress> {
        self.clients.of(url).map(drop)
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| WireError::Forbidden("not an absolute URL".into()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = self.clients.of(&url).map_err(|why| WireError::Forbidden(why.to_string()))?;
        let span = trace::asks(&parts.method, &host);
        let sent = client.request(parts.method, url).headers(parts.headers).body(body);
        let answered = self.answer(&host, sent).instrument(span.clone()).await;
        trace::was_answered(&span, answered.as_ref().ok().map(|answer| answer.status().as_u16()));
        answered
    }

    async fn answer(&self, host: &str, request: reqwest::RequestBuilder) -> Result<Response<Bytes>, WireError> {
        let mut answer = request.send().await.map_err(|error| classify(host, &error))?;
        let mut read = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify(host, &error))? {
            let room = self.limits.answer_max - read.len();
            if chunk.len() > room {
                if self.limits.cut {
                    read.extend_from_slice(&chunk[..room]);
                    break;
                }
                return Err(WireError::Lost(format!("{host} sent more than {} bytes", self.limits.answer_max)));
            }
            read.extend_from_slice(&chunk);
        }
        let mut response = Response::new(read.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// The error's own text may hold the URL with its query: only its kind and the deepest cause are told.
fn classify(host: &str, error: &reqwest::Error) -> WireError {
    let mut cause = error.source();
    let mut deepest = String::new();
    while let Some(inner) = cause {
        if let Some(forbidden) = inner.downcast_ref::<ForbiddenAddress>() {
            return WireError::Forbidden(forbidden.to_string());
        }
        deepest = inner.to_string();
        cause = inner.source();
    }
    if error.is_connect() || error.is_builder() {
        WireError::NotSent(format!("no connection to {host}: {deepest}"))
    } else if error.is_timeout() {
        WireError::Lost(format!("{host} did not answer in time"))
    } else {
        WireError::Lost(format!("the connection to {host} broke: {deepest}"))
    }
}

impl Wire for HttpWire {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(self.exchange(request))
    }

    fn pause(&self, span: Span) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(Duration::from_micros(span.as_micros().unsigned_abs())))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn serve_once(answer: impl Into<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = answer.into();
        std::thread::spawn(move || {
            if let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(&answer);
            }
        });
        format!("http://{address}/path?secret=canary")
    }

    fn open_wire() -> HttpWire {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a range")], &[]);
        HttpWire::new(guard, Limits { answer_timeout: Duration::from_secs(2), ..Limits::NETWORKS }).expect("a client")
    }

    async fn get(wire: &HttpWire, url: &str) -> Result<Response<Bytes>, WireError> {
        wire.send(Request::get(url).body(Bytes::new()).expect("a request")).await
    }

    #[tokio::test]
    async fn nt_12_a_redirect_is_an_answer_not_a_way() {
        let url = serve_once("HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(get(&open_wire(), &url).await.map(|answer| answer.status().as_u16()), Ok(307));
    }

    #[tokio::test]
    async fn rf_14_every_request_has_a_connection_of_its_own_and_is_sent_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let (met, seen) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let _ = met.send(());
                std::thread::spawn(move || {
                    // Kept open after each answer, as a pool would like it.
                    while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    }
                });
            }
        });
        let wire = open_wire();
        for _ in 0..3 {
            get(&wire, &url).await.expect("an answer");
        }
        assert_eq!(seen.try_iter().count(), 3);
        let hung_up = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", hung_up.local_addr().expect("an address"));
        let counted = std::thread::spawn(move || {
            hung_up.set_nonblocking(false).expect("blocking");
            let (stream, _) = hung_up.accept().expect("a connection");
            drop(stream);
            hung_up.set_nonblocking(true).expect("set");
            std::thread::sleep(Duration::from_millis(300));
            hung_up.accept().is_ok()
        });
        assert!(matches!(get(&wire, &url).await, Err(WireError::Lost(_))));
        assert!(!counted.join().expect("counted"), "a request whose answer is lost is never sent again by the client");
    }

    #[tokio::test]
    async fn nt_30_an_endless_answer_is_cut() {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n".to_vec();
        answer.extend(std::iter::repeat_n(b'x', 3 * Limits::NETWORKS.answer_max));
        let got = get(&open_wire(), &serve_once(answer)).await;
        assert!(matches!(got, Err(WireError::Lost(_))), "{got:?}");
    }

    #[tokio::test]
    async fn nt_25_of_an_endpoint_s_answer_64_kib_are_read_and_its_status_stands() {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n".to_vec();
        answer.extend(std::iter::repeat_n(b'x', 256 * 1024));
        let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a range")], &[]);
        let wire = HttpWire::new(guard, Limits::ENDPOINTS).expect("a client");
        let got = get(&wire, &serve_once(answer)).await.expect("an answer");
        assert_eq!((got.status().as_u16(), got.body().len()), (200, 64 * 1024));
    }

    #[tokio::test]
    async fn a_cut_body_is_lost_and_a_closed_port_was_never_reached() {
        let cut = get(&open_wire(), &serve_once("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")).await;
        assert!(matches!(cut, Err(WireError::Lost(_))), "{cut:?}");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let closed = get(&open_wire(), &format!("http://127.0.0.1:{port}/?secret=canary")).await;
        assert!(matches!(&closed, Err(WireError::NotSent(why)) if !why.contains("canary")), "{closed:?}");
    }

    #[tokio::test]
    async fn nt_08_a_private_address_is_refused_before_a_byte_leaves() {
        let wire = HttpWire::new(Guard::new(vec![], &[]), Limits::NETWORKS).expect("a client");
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://169.254.169.254/latest",
            "http://example.com/",
            "https://user@127.0.0.1/",
        ] {
            let got = get(&wire, url).await;
            assert!(matches!(got, Err(WireError::Forbidden(_))), "{url}: {got:?}");
        }
    }
}
