//! Sending mails by SMTP.

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use store::outbox::Letter;
use url::Url;

use super::letter::Composed;
use crate::config::MailConfig;

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
    pub async fn send(&self, composed: &Composed, letter: &Letter) -> Result<(), String> {
        let to = letter.recipient.parse::<Address>().map_err(|_| "the recipient's address is not valid".to_owned())?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&composed.subject)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .header(header::MIME_VERSION_1_0)
            .multipart(MultiPart::alternative_plain_html(composed.text.clone(), composed.html.clone()))
            .map_err(|error| error.to_string())?;
        self.transport.send(message).await.map(drop).map_err(|error| error.to_string())
    }
}
