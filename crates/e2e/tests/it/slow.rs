//! NT-31: those who send a byte now and then, on either side, hold up nobody else; and what has no end is cut.

use std::sync::atomic::Ordering::SeqCst;

use tempfile::tempdir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::authorised::call;
use crate::nodes::{Site, api_key};
use crate::proxy::House;
use crate::world::{Demo, Running, client, eventually, free_port};

/// The files that the server is given at first.
const FILES: u32 = 256;
/// So many slow clients of each kind, where the machine allows that; always more than half of what the server is given at first.
const EACH: (usize, usize) = (150, 2_500);

/// Both this process and the server hold each of them, and other tests run beside this one.
fn each() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let files: usize = files.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    (files / 3).clamp(EACH.0, EACH.1)
}

async fn begin(port: u16, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What the server has to say until it closes the connection.
async fn end_of(mut stream: TcpStream) -> String {
    let mut said = vec![];
    // A connection that is closed with something unread on it is reset: that is an end too.
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn nt_31_clients_that_dribble_are_let_go_and_hold_up_nobody() {
    let (folder, http) = (tempdir().unwrap(), client());
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, format!("sqlite:{}", folder.path().join("one.db").display()), folder.path());
    let port = free_port();
    let config = site.config(port);
    site.key = api_key(&config);
    let server = Running::start_with_files(FILES, &["serve", "--config", &config], &[("STAYGREEN_SERVER__SLOW_AFTER", "5 s")]);
    let (mut heads, mut bodies) = (vec![], vec![]);
    let whole = format!(
        "POST /api/v1/connections HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{{",
        site.key
    );
    for _ in 0..each() {
        heads.push(begin(port, "GET / HTTP/1.1\r\nhost: x\r\nx-slow: a").await);
        bodies.push(begin(port, &whole).await);
    }
    // All of them are there, and everybody else is answered.
    for path in ["/healthz", "/sign-in", "/api/v1/openapi.json"] {
        let answer = http.get(format!("{}{path}", server.url())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let listed = site.api(&http, "GET", port, "/profiles", None).await;
    assert!(listed.is_some(), "the API answers");
    assert!(memory(&server) < MEMORY_MAX, "{} KiB", memory(&server));
    for stream in heads {
        let said = end_of(stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
    for stream in bodies {
        let said = end_of(stream).await;
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("too_slow"), "{said}");
    }
}

#[tokio::test]
async fn nt_31_a_network_that_dribbles_holds_up_no_other() {
    let demo = Demo::start();
    let id_of = async |network: &str| demo.profiles(network).await[0]["id"].as_str().unwrap().to_owned();
    let (slow, quick) = (id_of("xing").await, id_of("linkedin").await);
    demo.control("/mood", serde_json::json!({ "network": "xing", "mood": "slow" })).await;
    let path = format!("/profiles/{slow}/check");
    let waits = demo.api("POST", &path, None);
    let goes = async {
        let (status, answer) = demo.api("POST", &format!("/profiles/{quick}/check"), None).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(demo.api("GET", "/profiles", None).await.0, 200);
    };
    tokio::select! {
        biased;
        done = waits => panic!("the slow network was first: {done:?}"),
        () = goes => {}
    }
}

/// How many ask for an answer without end and read none of it: many times what the database has connections.
const READERS: usize = 60;
/// The most memory that the server may take meanwhile, in KiB (G26).
const MEMORY_MAX: u64 = 256 * 1024;

/// What a process holds in memory, in KiB.
fn memory(process: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.ready["pid"])).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn nt_31_whoever_asks_and_does_not_read_holds_neither_memory_nor_the_database_and_is_let_go() {
    let house = House::build_with(&[("STAYGREEN_SERVER__SLOW_AFTER", "5 s")]).await;
    let port = house.server.url().rsplit(':').next().unwrap().parse().unwrap();
    let head = format!("GET {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", house.path("/echo/endless"), house.key);
    let mut readers = vec![];
    for _ in 0..READERS {
        readers.push(begin(port, &head).await);
    }
    let (begun, over) = &*house.fake.endless;
    eventually("every answer is on its way", async || {
        assert!(memory(&house.server) < MEMORY_MAX);
        begun.load(SeqCst) == READERS
    })
    .await;
    // Everybody else reads, and writes a row of the audit.
    let token = format!("/profiles/{}/access-token", house.profile);
    assert_eq!(call(house.server.url(), &house.key, "GET", "/profiles", None).await.0, 200);
    assert_eq!(call(house.server.url(), &house.key, "GET", &token, None).await.0, 200);
    // Nobody closes a connection but the server, and with each of them the network's.
    eventually("each of them is let go", async || {
        assert!(memory(&house.server) < MEMORY_MAX);
        over.load(SeqCst) == READERS
    })
    .await;
    for stream in readers {
        let said = end_of(stream).await;
        assert!(said.starts_with("HTTP/1.1 200") && !said.ends_with("0\r\n\r\n"), "begun, and not passed off as whole");
    }
}

#[tokio::test]
async fn a_request_or_answer_that_is_too_large_is_cut_and_never_passed_off_as_whole() {
    let house = House::build_with(&[("STAYGREEN_SERVER__PROXY_MIB_MAX", "1")]).await;
    let port = house.server.url().rsplit(':').next().unwrap().parse().unwrap();
    let mib = 1024 * 1024;
    let head = |method: &str, path: &str, line: &str| {
        let (path, key) = (house.path(path), &house.key);
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{line}connection: close\r\n\r\n")
    };
    // Announced: refused before any of it is taken.
    let said = end_of(begin(port, &head("POST", "/echo/1", &format!("content-length: {}\r\n", mib + 1))).await).await;
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("1 MiB"), "{said}");
    let whole = client().post(format!("{}{}", house.server.url(), house.path("/echo/1"))).bearer_auth(&house.key);
    assert_eq!(whole.body(vec![b'x'; mib]).send().await.unwrap().status(), 200, "what is just as large goes through");
    // Not announced: cut where it is too much.
    let mut stream = begin(port, &head("POST", "/echo/1", "transfer-encoding: chunked\r\n")).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    for _ in 0..=16 {
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
    let said = end_of(stream).await;
    assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
    // An answer that does not end: so much of it, and then the line breaks, on both sides.
    let said = end_of(begin(port, &head("GET", "/echo/endless", "")).await).await;
    assert!(said.starts_with("HTTP/1.1 200") && !said.ends_with("0\r\n\r\n"), "begun, and not passed off as whole");
    assert!(said.len() > mib / 2 && said.len() < mib + mib / 8, "{}", said.len());
    eventually("the network's line is over", async || house.fake.endless.1.load(SeqCst) == 1).await;
}
