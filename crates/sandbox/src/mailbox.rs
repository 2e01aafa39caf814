//! A small SMTP server that keeps what it is given, with a page to read it: the demo's mailbox.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Router, http::StatusCode};
use mail_parser::MessageParser;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::pages::{esc, page};

const KEPT: usize = 500;
const MAIL_MAX: usize = 1024 * 1024;

/// A mail as it arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Mail {
    /// Counts up from 1.
    pub n: u64,
    /// The sender shown.
    pub from: String,
    /// The recipient shown.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The Message-ID.
    pub message_id: String,
}

#[derive(Default)]
struct Inner {
    mails: VecDeque<Mail>,
    count: u64,
}

/// The mailbox. Cheap to clone.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Mutex<Inner>>);

impl Mailbox {
    /// An empty mailbox.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// What arrived, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.with(|inner| inner.mails.iter().cloned().collect())
    }

    fn keep(&self, raw: &[u8]) {
        let Some(parsed) = MessageParser::default().parse(raw) else { return };
        let address = |list: Option<&mail_parser::Address<'_>>| {
            list.and_then(|list| list.first()).and_then(|one| one.address()).unwrap_or_default().to_owned()
        };
        let mail = Mail {
            n: 0,
            from: address(parsed.from()),
            to: address(parsed.to()),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            text: parsed.body_text(0).map(std::borrow::Cow::into_owned).unwrap_or_default(),
            html: parsed.body_html(0).map(std::borrow::Cow::into_owned).unwrap_or_default(),
            message_id: parsed.message_id().unwrap_or_default().to_owned(),
        };
        self.with(|inner| {
            inner.count += 1;
            inner.mails.push_back(Mail { n: inner.count, ..mail });
            if inner.mails.len() > KEPT {
                inner.mails.pop_front();
            }
        });
    }

    /// Takes mails by SMTP until the listener is dropped.
    pub async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let mailbox = self.clone();
            tokio::spawn(async move { mailbox.talk(stream).await });
        }
    }

    async fn talk(&self, stream: TcpStream) -> Option<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read);
        write.write_all(b"220 mailbox ready\r\n").await.ok()?;
        loop {
            let mut line = String::new();
            if (&mut lines).take(2000).read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let verb = line.trim().to_ascii_uppercase();
            let answer: &[u8] = match verb.split(' ').next().unwrap_or_default() {
                "EHLO" => b"250-mailbox\r\n250-8BITMIME\r\n250 SIZE 1048576\r\n",
                "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 OK\r\n",
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.ok()?;
                    let raw = read_data(&mut lines).await?;
                    self.keep(&raw);
                    b"250 kept\r\n"
                }
                "QUIT" => {
                    write.write_all(b"221 bye\r\n").await.ok()?;
                    return Some(());
                }
                _ => b"502 not implemented\r\n",
            };
            write.write_all(answer).await.ok()?;
        }
    }

    /// The pages: `/`, `/mail/{n}`, and `/api/mails` as JSON.
    pub fn router(&self) -> Router {
        Router::new().route("/", get(list)).route("/mail/{n}", get(one)).route("/api/mails", get(api)).with_state(self.clone())
    }
}

/// The lines up to a lone dot, with dots unstuffed; `None` when the mail is too large or the sender went away.
async fn read_data(lines: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<Vec<u8>> {
    let mut raw = vec![];
    loop {
        let mut line = vec![];
        if lines.read_until(b'\n', &mut line).await.ok()? == 0 || raw.len() > MAIL_MAX {
            return None;
        }
        match line.as_slice() {
            b".\r\n" | b".\n" => return Some(raw),
            [b'.', rest @ ..] => raw.extend_from_slice(rest),
            all => raw.extend_from_slice(all),
        }
    }
}

async fn api(State(mailbox): State<Mailbox>) -> Json<Vec<Mail>> {
    Json(mailbox.mails())
}

async fn list(State(mailbox): State<Mailbox>) -> Html<String> {
    let row = |mail: &Mail| format!("<tr><td><a href=\"/mail/{}\">{}</a></td><td>{}</td></tr>", mail.n, esc(&mail.subject), esc(&mail.to));
    let rows: String = mailbox.mails().iter().rev().map(row).collect();
    let rows = if rows.is_empty() {
        "<tr><td colspan=\"2\">No mail yet. Change somebody's password on the sandbox's control page.</td></tr>".into()
    } else {
        rows
    };
    Html(page(
        "Mailbox",
        "#3a4a66",
        "Mailbox",
        true,
        &format!("<div class=\"card\"><h1>Mails that Staygreen sent</h1><table><tr><th>Subject</th><th>To</th></tr>{rows}</table></div>"),
    ))
}

async fn one(State(mailbox): State<Mailbox>, Path(n): Path<u64>) -> Response {
    let Some(mail) = mailbox.mails().into_iter().find(|mail| mail.n == n) else {
        return (StatusCode::NOT_FOUND, Html(crate::pages::plain("Not found", "There is no such mail. <a href=\"/\">All mails</a>")))
            .into_response();
    };
    let body = format!(
        "<div class=\"card\"><p><a href=\"/\">All mails</a></p><h1>{}</h1><p class=\"soft\">To {} from {}</p><iframe title=\"The mail\" sandbox=\"allow-popups allow-top-navigation-by-user-activation\" \
         style=\"width:100%;height:36rem;border:1px solid var(--line);border-radius:8px;background:#fff\" srcdoc=\"{}\"></iframe></div>\
         <div class=\"card\"><h2>Text part</h2><pre style=\"white-space:pre-wrap\">{}</pre></div>",
        esc(&mail.subject),
        esc(&mail.to),
        esc(&mail.from),
        esc(&mail.html),
        linked(&mail.text),
    );
    Html(page(&mail.subject, "#3a4a66", "Mailbox", true, &body)).into_response()
}

/// Text with its addresses made clickable.
fn linked(text: &str) -> String {
    let word = |word: &str| {
        let safe = esc(word);
        if word.starts_with("http://") || word.starts_with("https://") { format!("<a href=\"{safe}\">{safe}</a>") } else { safe }
    };
    text.split('\n').map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}
