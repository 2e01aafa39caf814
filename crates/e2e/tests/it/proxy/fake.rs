//! A network on a bare socket.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

/// A network on a bare socket: what came is kept byte by byte.
pub(crate) struct Fake {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    /// How many answers without an end were begun, and how many of them are over because nobody wants them any more.
    pub(crate) endless: Arc<(AtomicUsize, AtomicUsize)>,
}

fn read_request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut bytes = vec![];
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).and_then(|n| n.trim().parse().ok());
            let whole =
                if lower.contains("transfer-encoding: chunked") { body.ends_with("0\r\n\r\n") } else { body.len() >= length.unwrap_or(0) };
            if whole {
                return text;
            }
        }
        match stream.read(&mut piece) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
            _ => return text,
        }
    }
}

pub(crate) fn token_of(request: &str) -> String {
    request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default().to_owned()
}

fn answer(stream: &mut TcpStream, request: &str, first: &str, elsewhere: u16) {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let token = token_of(request);
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}connection: close\r\n");
    let whole = match path.trim_start_matches("/v2") {
        // The first token that comes is the one that does not work.
        "/echo/picky" if token == first => {
            format!("{}content-length: 2\r\n\r\nno", head("401 Unauthorized", "www-authenticate: Bearer\r\n"))
        }
        "/echo/hangs-up" => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
        "/echo/picky" => format!("{}content-length: 2\r\n\r\nok", head("200 OK", "")),
        path if path.starts_with("/echo") => {
            let more = format!(
                "set-cookie: s=1\r\naccess-control-allow-origin: *\r\ncontent-security-policy: default-src *\r\nx-echo: {token}\r\nx-ratelimit-remaining: 41\r\ncontent-type: application/json\r\n"
            );
            let body = json!({ "said": format!("Bearer {token}"), "again": token }).to_string();
            format!("{}content-length: {}\r\n\r\n{body}", head("200 OK", &more), body.len())
        }
        path if path.starts_with("/away/") => {
            let to = ["http://127.0.0.1:PORT/x", "https://evil.example/x", "http://[::1]:PORT/x"][path.len() % 3];
            let status = ["301 Moved", "302 Found", "307 Same", "308 Same"][path.len() % 4];
            format!("{}content-length: 0\r\n\r\n", head(status, &format!("location: {}\r\n", to.replace("PORT", &elsewhere.to_string()))))
        }
        "/busy" => format!("{}content-length: 0\r\n\r\n", head("429 Too Many", "retry-after: 30\r\nx-ratelimit-remaining: 0\r\n")),
        "/refused" => format!("{}content-length: 2\r\n\r\nno", head("401 Unauthorized", "www-authenticate: Bearer\r\n")),
        "/zipped" => format!("{}content-length: 2\r\n\r\nzz", head("200 OK", "content-encoding: gzip\r\n")),
        _ => format!("{}content-length: 0\r\n\r\n", head("404 Not Found", "")),
    };
    // In two pieces, cut in the middle of whatever is echoed.
    let cut = whole.rfind(&token).map_or(whole.len(), |at| at + token.len() / 2).max(1);
    let _ = stream.write_all(&whole.as_bytes()[..cut]);
    let _ = stream.flush();
    std::thread::sleep(Duration::from_millis(30));
    let _ = stream.write_all(&whole.as_bytes()[cut..]);
}

/// On and on, for as long as somebody takes it.
fn without_end(stream: &mut TcpStream, (begun, over): &(AtomicUsize, AtomicUsize)) {
    begun.fetch_add(1, SeqCst);
    let piece = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    while sent.is_ok() {
        sent = stream.write_all(piece.as_bytes());
    }
    over.fetch_add(1, SeqCst);
}

impl Fake {
    pub(crate) fn start(elsewhere: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default(), endless: Arc::default() };
        let (seen, endless) = (Arc::clone(&fake.seen), Arc::clone(&fake.endless));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen, endless) = (stream.unwrap(), Arc::clone(&seen), Arc::clone(&endless));
                std::thread::spawn(move || {
                    let request = read_request(&mut stream);
                    let first = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        token_of(&seen[0])
                    };
                    if request.contains("/echo/endless") {
                        without_end(&mut stream, &endless);
                    } else {
                        answer(&mut stream, &request, &first, elsewhere);
                    }
                    if request.contains("/echo/hangs-up") {
                        // The next one on this connection is read, and not answered.
                        let next = read_request(&mut stream);
                        seen.lock().unwrap().extend(Some(next).filter(|next| !next.is_empty()));
                    }
                });
            }
        });
        fake
    }

    /// What was passed through since the last time. The keeper looks whenever it likes, above all after a refusal, and asks here too
    /// whether the account may publish.
    pub(crate) fn take(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.seen.lock().unwrap());
        all.into_iter().filter(|request| !request.contains("/creator_info/")).collect()
    }
}
