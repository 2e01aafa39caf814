//! What networks tell an app by themselves: that a person removed it, or lost the account. Signed as each network signs, sent to
//! the address that is registered for the app, and again while it is not taken.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use serde_json::json;
use url::form_urlencoded;

use crate::networks::{self, AppAtTikTok, client_id, client_secret};
use crate::people::Person;
use crate::world::World;

const MICRO: i64 = 1_000_000;

/// A notice on its way.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Which network sends it.
    pub network: &'static str,
    /// Where to.
    pub url: String,
    /// The headers, the signature among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Notice {
    /// The notice as a request.
    ///
    /// # Errors
    /// When the address is none.
    pub fn request(&self) -> Result<Request<Bytes>, http::Error> {
        let start = Request::post(&self.url);
        self.headers.iter().fold(start, |request, (name, value)| request.header(*name, value)).body(self.body.clone())
    }
}

/// The networks that tell.
pub(crate) const TELLING: [&str; 8] = ["tiktok", "x", "facebook", "instagram", "instagram_page", "threads", "youtube", "google_business"];

/// Whether a network has a second address of an app, for requests to delete what it stored: Meta's.
pub(crate) fn passes_on_deletions(network: &str) -> bool {
    matches!(network, "facebook" | "instagram" | "instagram_page" | "threads")
}

fn tag(network: &str, signed: &[u8]) -> hmac::Tag {
    tag_by(&client_secret(network), signed)
}

fn tag_by(secret: &str, signed: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed)
}

/// The usual reason of what happened, or another that was asked for.
fn tiktok(now: i64, person: &Person, app: AppAtTikTok, action: &str, reason: Option<i64>) -> Option<(Vec<(&'static str, String)>, String)> {
    let usual = match action {
        "revoke" => 1,
        "delete" => 2,
        "block" => 4,
        _ => return None,
    };
    let reason = reason.unwrap_or(usual);
    Some(tiktok_tells(now, person, app, "authorization.removed", &json!({ "reason": reason })))
}

/// What TikTok tells one of the apps, signed by that one's secret. The content is JSON in a text.
fn tiktok_tells(
    now: i64,
    person: &Person,
    app: AppAtTikTok,
    event: &str,
    content: &serde_json::Value,
) -> (Vec<(&'static str, String)>, String) {
    let (at, seen) = (now / MICRO, networks::seen_by_at_tiktok(app, person));
    let told = json!({ "client_key": seen.client_key, "event": event, "create_time": at, "user_openid": seen.open_id, "content": content.to_string() });
    let body = told.to_string();
    let hex: String = tag_by(&seen.secret, format!("{at}.{body}").as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    (vec![("content-type", "application/json".into()), ("tiktok-signature", format!("t={at},s={hex}"))], body)
}

fn x(now: i64, person: &Person, action: &str, id: &str) -> Option<(Vec<(&'static str, String)>, String)> {
    if action != "revoke" {
        return None;
    }
    let payload = json!({ "user_id": person.id, "app_id": "1", "date_time": crate::networks::rfc3339(now) });
    let body = json!({ "data": { "event_uuid": id, "filter": {}, "event_type": "oauth.revoke", "payload": payload } }).to_string();
    let signature = format!("sha256={}", STANDARD.encode(tag("x", body.as_bytes())));
    Some((vec![("content-type", "application/json".into()), ("x-twitter-webhooks-signature", signature)], body))
}

/// The deauthorize callback: nothing comes when an account is only blocked.
fn meta(network: &str, now: i64, person: &Person, action: &str) -> Option<(Vec<(&'static str, String)>, String)> {
    if !matches!(action, "revoke" | "delete" | "request-deletion") {
        return None;
    }
    let payload =
        json!({ "algorithm": "HMAC-SHA256", "issued_at": now / MICRO, "user_id": crate::networks::app_scoped_id(network, &person.id) })
            .to_string();
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signed = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(tag(network, payload.as_bytes())));
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("signed_request", &signed).finish();
    Some((vec![("content-type", "application/x-www-form-urlencoded".into())], body))
}

/// A security event of Google's Cross-Account Protection: a signed token (RFC 8417), for the whole account.
fn google(network: &str, now: i64, person: &Person, action: &str, id: &str) -> Option<(Vec<(&'static str, String)>, String)> {
    let (kind, reason) = match action {
        "revoke" => ("oauth/event-type/tokens-revoked", None),
        "block" => ("risc/event-type/account-disabled", Some("hijacking")),
        "delete" => ("risc/event-type/account-purged", None),
        "unblock" => ("risc/event-type/account-enabled", None),
        _ => return None,
    };
    let mut event = json!({ "subject": { "subject_type": "iss-sub", "iss": "https://accounts.google.com/", "sub": person.id } });
    if let Some(reason) = reason {
        event["reason"] = reason.into();
    }
    let name = format!("https://schemas.openid.net/secevent/{kind}");
    let claims = json!({ "iss": "https://accounts.google.com/", "aud": client_id(network), "iat": now / MICRO, "jti": id, "events": { name: event } });
    Some((vec![("content-type", "application/secevent+jwt".into())], crate::signing::token(&claims)?))
}

impl World {
    /// The networks that tell an app by themselves what happened to a person.
    pub fn telling() -> impl Iterator<Item = &'static str> {
        TELLING.into_iter()
    }

    /// Registers where a network tells the app what happened; an empty address: nowhere.
    ///
    /// # Errors
    /// When it is no address, or the network tells nothing.
    pub fn tell_at(&mut self, network: &str, url: &str) -> Result<(), String> {
        let network = TELLING.into_iter().find(|known| *known == network).ok_or("notices_url: this network tells nothing by itself")?;
        if !url.is_empty() && !crate::networks::is_redirect_uri(url) {
            return Err("notices_url: an absolute http or https address".into());
        }
        url.clone_into(&mut self.apps.entry(network).or_default().notices_url);
        Ok(())
    }

    /// Puts what a network tells about something that just happened to a person on its way, to each app of ours that they had allowed.
    /// What happened comes with TikTok's reason, where it is not the usual one.
    pub(crate) fn tell(&mut self, now: i64, network: &str, username: &str, (action, reason): (&str, Option<i64>), apps: &[AppAtTikTok]) {
        let Some(network) = TELLING.into_iter().find(|known| *known == network) else { return };
        let url = self.app(network).notices_url;
        let Some(person) = self.person(network, username).cloned().filter(|_| !url.is_empty()) else { return };
        for app in apps {
            let told = match network {
                "tiktok" => tiktok(now, &person, app, action, reason),
                "x" => x(now, &person, action, &self.random("happening_")),
                "youtube" | "google_business" => google(network, now, &person, action, &self.random("happening_")),
                _ => meta(network, now, &person, action),
            };
            let Some((headers, body)) = told else { continue };
            if action == "request-deletion" {
                let url = format!("{url}/deletion");
                self.notices.push(Notice { network, url, headers: headers.clone(), body: body.clone().into() });
            }
            self.notices.push(Notice { network, url: url.clone(), headers, body: body.into() });
        }
    }

    /// Puts what TikTok tells about a post on its way: `show`, `fail` or `hide`.
    pub(crate) fn tell_of_post(&mut self, now: i64, id: &str, action: &str) -> Result<(), String> {
        let post = self.post("tiktok", id).ok_or("post: there is no such post at tiktok")?;
        let public = crate::networks::public_id_at_tiktok(id);
        let content =
            |reason: Option<&str>| json!({ "publish_id": id, "publish_type": "DIRECT_PUBLISH", "post_id": public, "reason": reason });
        let (event, content) = match action {
            "show" => ("post.publish.publicly_available", content(None)),
            "hide" => ("post.publish.no_longer_publicaly_available", content(None)),
            "fail" => ("post.publish.failed", json!({ "publish_id": id, "publish_type": "DIRECT_PUBLISH", "reason": "spam_risk_text" })),
            _ => return Err("action: show, hide or fail".into()),
        };
        let app = networks::sent_by_at_tiktok(self, id);
        let Some(person) = self.person("tiktok", &post.username) else { return Ok(()) };
        let (headers, body) = tiktok_tells(now, person, app, event, &content);
        let url = self.app("tiktok").notices_url;
        if !url.is_empty() {
            self.notices.push(Notice { network: "tiktok", url, headers, body: body.into() });
        }
        Ok(())
    }

    /// What is to be sent, for the shell.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// What became of a notice, for the ledger; a status of 0: no answer.
    pub fn told(&mut self, now: i64, notice: &Notice, status: u16) {
        self.note(now, notice.network, format!("POST {}", notice.url), status, "notice");
    }
}
