//! Sending mails by SMTP.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use lifecycle::time::Timestamp;
use lifecycle::words::foreign;
use store::outbox::Letter;
use url::Url;

use super::letter::Composed;
use crate::config::MailConfig;

/// The most characters of a mail server's reason that are kept.
pub(crate) const WHY_MAX: usize = 500;

/// Why a mail is not on its way; in the mail server's words they are [`foreign`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// Something that may pass, or that is not about this address.
    Later(String),
    /// The mail server refuses this address for good.
    Refused(String),
}

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Later(words) | Self::Refused(words)) = self;
        f.write_str(words)
    }
}

/// Whether a permanent refusal (5xx) is about the recipient's address, and not about us: a wrong password, a sender that may not
/// send, a mail that is taken for spam. The enhanced status says so where there is one (RFC 3463: 5.1.x about addresses, without
/// 5.1.7 and 5.1.8 about senders; 5.2.1 a mailbox that is switched off); otherwise the code does (RFC 5321 4.2.3).
pub(super) fn is_address_refused(code: u16, words: &str) -> bool {
    let enhanced = words.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut numbers = word.split('.').map(str::parse::<u16>);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(5)), Some(Ok(subject)), Some(Ok(detail)), None) => Some((subject, detail)),
            _ => None,
        }
    });
    match enhanced {
        Some((1, detail)) => !matches!(detail, 7 | 8),
        Some((2, detail)) => detail == 1,
        Some(_) => false,
        None => matches!(code, 550 | 551 | 553) && !words.to_ascii_lowercase().contains("relay"),
    }
}

/// A connection pool to the mail server.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// A mailer from the configuration; `None` when mail is off. The error says which key to change.
    pub fn from_config(config: &MailConfig) -> Result<Option<Self>, String> {
        let Some(smtp_url) = &config.smtp_url else { return Ok(None) };
        let from = config
            .from
            .parse::<Mailbox>()
            .map_err(|_| format!("mail.from: \"{}\" is not a sender; write it like Staygreen <staygreen@example.com>", config.from))?;
        // The URL may hold a password: no error shows it.
        let url = Url::parse(smtp_url.expose())
            .map_err(|_| "mail.smtp_url: not a URL; write it like smtp+starttls://user:password@mail.example.com:587".to_owned())?;
        let host = url.host_str().ok_or("mail.smtp_url: names no host")?.to_owned();
        let mut parameters = TlsParameters::builder(host.clone());
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path).map_err(|error| format!("mail.ca_file: {} cannot be read: {error}", path.display()))?;
            parameters = parameters.add_root_certificate(
                Certificate::from_pem(&pem).map_err(|_| format!("mail.ca_file: {} holds no certificate in PEM", path.display()))?,
            );
        }
        let parameters = parameters.build().map_err(|error| format!("mail: TLS cannot be set up: {error}"))?;
        let (tls, port) = match url.scheme() {
            "smtp" => (Tls::Opportunistic(parameters), 25),
            "smtp+starttls" => (Tls::Required(parameters), 587),
            "smtps" => (Tls::Wrapper(parameters), 465),
            other => return Err(format!("mail.smtp_url: \"{other}\" is not smtp, smtp+starttls or smtps")),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(Duration::from_secs(30)));
        if !url.username().is_empty() {
            let decode = |text: &str| {
                url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
                    .next()
                    .map(|(name, _)| name.into_owned())
                    .unwrap_or_default()
            };
            builder = builder.credentials((decode(url.username()), decode(url.password().unwrap_or_default())).into());
        }
        Ok(Some(Self { transport: builder.build(), from }))
    }

    /// Asks the mail server for a greeting.
    pub async fn test(&self) -> Result<(), String> {
        self.transport.test_connection().await.map(drop).map_err(|error| error.to_string())
    }

    /// Sends one mail. Its Message-ID is made from the row, so a repeat is the same message (NF-02).
    pub async fn send(&self, composed: &Composed, letter: &Letter, now: Timestamp) -> Result<(), NotSent> {
        let message = self.message(composed, letter, now).map_err(NotSent::Later)?;
        self.transport.send(message).await.map(drop).map_err(|error| {
            let words = error.to_string();
            let code = error.status().map_or(0, u16::from);
            let (is_refused, why) = (error.is_permanent() && is_address_refused(code, &words), foreign(&words, WHY_MAX));
            if is_refused { NotSent::Refused(why) } else { NotSent::Later(why) }
        })
    }

    /// The mail as it leaves. Every header is there that a signer (DKIM) covers, and no line that a relay would have to break.
    fn message(&self, composed: &Composed, letter: &Letter, now: Timestamp) -> Result<Message, String> {
        let to = letter.recipient.parse::<Address>().map_err(|_| "the recipient's address is not valid".to_owned())?;
        let domain = self.from.email.domain();
        let since = Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or_default());
        let mut builder = Message::builder()
            .date(std::time::UNIX_EPOCH + since)
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&composed.subject)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .header(header::MIME_VERSION_1_0)
            // No holiday note comes back (RFC 3834).
            .raw_header(raw("Auto-Submitted", "auto-generated")?);
        if let Some(link) = &composed.unsubscribe {
            builder = builder.raw_header(raw("List-Unsubscribe", &format!("<{link}>"))?);
            // RFC 8058 3.1: one click needs https; without it the link is only opened.
            if link.starts_with("https://") {
                builder = builder.raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")?);
            }
        }
        let parts = MultiPart::alternative_plain_html(composed.text.clone(), composed.html.clone());
        builder.multipart(parts).map_err(|error| error.to_string())
    }
}

fn raw(name: &str, value: &str) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_only_where_the_server_says_so() {
        for (code, words) in [
            (550, "permanent error (550): 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown"),
            (550, "permanent error (550): 5.2.1 The email account that you tried to reach is disabled"),
            (553, "permanent error (553): sorry, no mailbox here by that name"),
            (550, "permanent error (550): No such user"),
            (556, "permanent error (556): 5.1.10 Recipient address has null MX"),
        ] {
            assert!(is_address_refused(code, words), "{words}");
        }
        for (code, words) in [
            (535, "permanent error (535): 5.7.8 Authentication credentials invalid"),
            (535, "permanent error (535): Authentication failed"),
            (550, "permanent error (550): 5.7.1 Service unavailable; client host blocked"),
            (550, "permanent error (550): relay not permitted"),
            (553, "permanent error (553): 5.1.8 Sender address rejected: not owned by user"),
            (552, "permanent error (552): 5.2.2 Mailbox full"),
            (554, "permanent error (554): message content rejected"),
            (550, "permanent error (550): 5.6.0 from 10.1.1.1: not acceptable"),
        ] {
            assert!(!is_address_refused(code, words), "{words}");
        }
    }
}
