//! The only HTTP client of the product: no redirects, no retries, no proxies from the environment, a fresh
//! connection per request, answers bounded in size and time, private addresses refused at the connector (NT-08, NT-09,
//! NT-12, NT-30).

pub mod guard;
pub mod stream;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use networks::wire::{BoxFuture, Wire, WireError};
use url::Url;

use self::guard::{ForbiddenAddress, Guard};

/// The most bytes of an answer that are read.
const ANSWER_MAX: usize = 1024 * 1024;

/// Sends requests over HTTP.
pub struct HttpWire {
    client: reqwest::Client,
    guard: Arc<Guard>,
}

impl HttpWire {
    /// A wire that lets through what the guard allows and waits that long for an answer (RF-15).
    pub fn new(guard: Guard, answer_timeout: Duration) -> Result<Self, reqwest::Error> {
        let guard = Arc::new(guard);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            // An idle connection may be closed by the peer in the moment of writing: ambiguous. So none is kept (RF-14).
            .pool_max_idle_per_host(0)
            .connect_timeout(Duration::from_secs(10))
            .timeout(answer_timeout)
            .user_agent(concat!("Staygreen/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::clone(&guard))
            .build()?;
        Ok(Self { client, guard })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| WireError::Forbidden("not an absolute URL".into()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        self.guard.check_url(&url).map_err(|why| WireError::Forbidden(why.to_string()))?;
        let sent = self.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
        let mut answer = sent.map_err(|error| classify(&host, &error))?;
        let mut read = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify(&host, &error))? {
            if read.len() + chunk.len() > ANSWER_MAX {
                return Err(WireError::Lost(format!("{host} sent more than {ANSWER_MAX} bytes")));
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
        HttpWire::new(guard, Duration::from_secs(2)).expect("a client")
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
    async fn nt_30_an_endless_answer_is_cut() {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n".to_vec();
        answer.extend(std::iter::repeat_n(b'x', 3 * ANSWER_MAX));
        let got = get(&open_wire(), &serve_once(answer)).await;
        assert!(matches!(got, Err(WireError::Lost(_))), "{got:?}");
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
        let wire = HttpWire::new(Guard::new(vec![], &[]), Duration::from_secs(2)).expect("a client");
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
