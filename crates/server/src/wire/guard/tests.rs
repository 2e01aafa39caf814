//! The corpus: every special address in every spelling that a URL can have.

use std::io::ErrorKind;
use std::net::TcpListener;

use bytes::Bytes;
use networks::wire::{Wire as _, WireError};

use super::*;
use crate::wire::HttpWire;

/// Addresses of every special range, first and last where that matters.
const SPECIAL_V4: [[u8; 4]; 26] = [
    [0, 0, 0, 0],
    [0, 255, 255, 255],
    [10, 0, 0, 1],
    [10, 255, 255, 255],
    [100, 64, 0, 1],
    [100, 127, 255, 254],
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [169, 254, 0, 1],
    [169, 254, 169, 254],
    [172, 16, 0, 1],
    [172, 31, 255, 254],
    [192, 0, 0, 1],
    [192, 0, 2, 1],
    [192, 88, 99, 1],
    [192, 168, 0, 1],
    [192, 168, 255, 254],
    [198, 18, 0, 1],
    [198, 19, 255, 254],
    [198, 51, 100, 1],
    [203, 0, 113, 1],
    [224, 0, 0, 1],
    [239, 255, 255, 250],
    [240, 0, 0, 1],
    [255, 255, 255, 254],
    [255, 255, 255, 255],
];

const SPECIAL_V6: [&str; 16] = [
    "::",
    "::1",
    "::2",
    "100::1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%25eth0",
    "fec0::1",
    "ff02::1",
    "5f00::1",
];

/// Every way to write an IPv4 address in a URL, and the IPv6 addresses that lead to it.
fn spellings([a, b, c, d]: [u8; 4]) -> Vec<String> {
    let number = u32::from_be_bytes([a, b, c, d]);
    let (high, low) = (number >> 16, number & 0xffff);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{number}"),
        format!("{number:#x}"),
        format!("0{number:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a}.{}", number & 0x00ff_ffff),
        format!("{a}.{b}.{}", number & 0xffff),
        format!("%3{}{}", a.to_string().chars().next().unwrap_or('0'), &format!("{a}.{b}.{c}.{d}")[1..]),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[::{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::]"),
    ]
}

fn corpus() -> Vec<String> {
    let mut all: Vec<String> = SPECIAL_V4.into_iter().flat_map(spellings).collect();
    all.extend(SPECIAL_V6.iter().map(|address| format!("[{address}]")));
    all.extend(
        ["localhost", "LOCALHOST", "localhost.", "a.localhost", "user@127.0.0.1", "x:y@example.com", "example.com:22", "example.com:25"]
            .map(str::to_owned),
    );
    all
}

fn is_refused(guard: &Guard, host: &str) -> bool {
    Url::parse(&format!("https://{host}/x")).is_ok_and(|url| guard.check_url(&url).is_err())
        || Url::parse(&format!("https://{host}/x")).is_err()
}

#[test]
fn nt_08_special_addresses_in_every_spelling() {
    let guard = Guard::new(vec![], &[]);
    let corpus = corpus();
    assert!(corpus.len() > 400, "{}", corpus.len());
    for form in &corpus {
        assert!(is_refused(&guard, form), "{form}");
    }
    for scheme in ["http", "ftp", "file", "gopher", "ws", "data", "unix"] {
        let url = Url::parse(&format!("{scheme}://example.com/")).expect(scheme);
        assert!(guard.check_url(&url).is_err(), "{scheme}");
    }
    for public in [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "198.20.0.1",
        "[2606:4700::1111]",
        "example.com",
        "example.com:8443",
        "xn--mnchen-3ya.example",
    ] {
        assert!(!is_refused(&guard, public), "{public}");
    }
}

/// Seen from the socket: not one connection arrives, whatever is written.
#[tokio::test]
async fn nt_08_no_connection_is_made() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("not blocking");
    let port = listener.local_addr().expect("an address").port();
    let wire = HttpWire::new(Guard::new(vec![], &[]), crate::wire::Limits::NETWORKS).expect("a client");
    let to_here = spellings([127, 0, 0, 1]).into_iter().chain(["localhost", "a.localhost", "[::1]", "[::]", "0.0.0.0"].map(str::to_owned));
    for host in to_here {
        for scheme in ["http", "https"] {
            let Ok(request) = http::Request::get(format!("{scheme}://{host}:{port}/")).body(Bytes::new()) else { continue };
            let got = wire.send(request).await;
            assert!(matches!(got, Err(WireError::Forbidden(_))), "{scheme}://{host}: {got:?}");
        }
    }
    assert_eq!(listener.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock), "somebody came");
}

#[test]
fn what_the_operator_named_is_trusted_and_nothing_else() {
    let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a range")], &["http://sandbox.internal:8430/x".into()]);
    let allowed = |url: &str| guard.check_url(&Url::parse(url).expect(url)).is_ok();
    for elsewhere in
        ["http://sandbox.internal/", "http://sandbox.internal:9200/", "https://sandbox.internal:22/", "http://x.sandbox.internal:8430/"]
    {
        assert!(!allowed(elsewhere), "{elsewhere} is another origin");
    }
    assert!(allowed("http://sandbox.internal:8430/y") && allowed("http://127.0.0.1:5/") && allowed("http://localhost:5/"));
    assert!(
        !allowed("http://example.com/")
            && !allowed("ftp://127.0.0.1/")
            && !allowed("http://10.0.0.1/")
            && !allowed("https://u:p@example.com/")
    );
}

#[tokio::test]
async fn nt_09_every_resolved_address_must_pass() {
    let guard = Arc::new(Guard::new(vec![], &["https://own.example".into(), "http://localhost:1/".into()]));
    let refused = guard.clone().lookup("localhost".into()).await.err().expect("refused");
    assert!(refused.downcast_ref::<ForbiddenAddress>().is_some());
    let at = |address: &str| SocketAddr::new(address.parse().expect(address), 0);
    assert!(guard.vet("evil.example", &[at("1.1.1.1"), at("8.8.8.8")]).is_ok());
    for private in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"] {
        assert!(guard.vet("evil.example", &[at("1.1.1.1"), at(private)]).is_err(), "a public address beside {private} does not save it");
        assert!(guard.vet("own.example", &[at(private)]).is_err(), "a name is trusted with its port alone, which a resolver does not see");
    }
}
