//! What TikTok tells by itself over its webhook: `authorization.removed`, the only way in which it says why. The token is dead
//! on arrival; it is confirmed by a call all the same. And what became of a post that it took (`post.publish.*`).

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{Method, Request};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::Value;

use crate::network::Cx;
use crate::oauth;
use crate::signal::{Fate, Inbound, OfPost, Signal, Subject};

/// How old a notice may be, in seconds: TikTok repeats one for 72 hours. What is told again is taken once, and at worst leads to
/// a look, so that nothing is won by being stricter.
const AGE_MAX: i64 = 73 * 3_600;
/// How far another clock may be ahead, in seconds.
const AHEAD: i64 = 600;

pub(super) fn receive(cx: &Cx<'_>, request: &Request<Bytes>) -> Inbound {
    if request.method() != Method::POST {
        return Inbound::Refused("nothing to read");
    }
    let secret = oauth::client_secret(cx);
    if secret.is_empty() {
        return Inbound::Refused("no secret is configured to check signatures with");
    }
    if let Err(why) = verify(cx, secret, request) {
        return Inbound::Refused(why);
    }
    let Ok(json) = serde_json::from_slice::<Value>(request.body()) else { return Inbound::Refused("signed, but not readable") };
    if oauth::text(&json, "client_key") != Some(cx.app.client_id.as_str()) {
        return Inbound::Refused("about another app");
    }
    let event = oauth::text(&json, "event").unwrap_or_default();
    if event != "authorization.removed" {
        let told = of_post(cx, &json, event);
        return told.map_or_else(|| Inbound::Signals(vec![], Box::default()), |told| Inbound::Post(Box::new(told), Box::default()));
    }
    match removed(cx, &json) {
        Some(signal) => Inbound::Signals(vec![signal], Box::default()),
        None => Inbound::Refused("a removal without its person"),
    }
}

/// `TikTok-Signature: t=SECONDS,s=HEX`, over `SECONDS.BODY`.
fn verify(cx: &Cx<'_>, secret: &str, request: &Request<Bytes>) -> Result<(), &'static str> {
    let header = request.headers().get("tiktok-signature").and_then(|value| value.to_str().ok()).ok_or("without a signature")?;
    let part = |name: &str| header.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (Some(at), Some(signature)) = (part("t"), part("s")) else { return Err("without a signature") };
    let signature = oauth::unhex(signature).ok_or("without a signature")?;
    let signed = [at.as_bytes(), b".", request.body()].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, &signed, &signature).map_err(|_| "the signature does not fit")?;
    let age = at.parse::<i64>().ok().and_then(|at| cx.now.as_seconds().checked_sub(at)).ok_or("signed at no time")?;
    if (-AHEAD..=AGE_MAX).contains(&age) { Ok(()) } else { Err("signed too long ago, or in the future") }
}

/// The content is JSON in a text; some senders write it as an object.
fn content_of(json: &Value) -> Value {
    let content = json.get("content").cloned().unwrap_or(Value::Null);
    content.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(content)
}

/// What became of a post. That it is complete, or lies in the inbox, says nothing that was not known when it was taken. Their spelling,
/// and the usual one.
fn of_post(cx: &Cx<'_>, json: &Value, event: &str) -> Option<OfPost> {
    let fate = match event.strip_prefix("post.publish.")? {
        "failed" => Fate::Failed,
        "publicly_available" | "publicaly_available" => Fate::Shown,
        "no_longer_publicaly_available" | "no_longer_publicly_available" => Fate::Gone,
        _ => return None,
    };
    let content = content_of(json);
    let known_as: Vec<String> = ["publish_id", "post_id"].iter().filter_map(|field| oauth::id(&content, field)).collect();
    let words = match fate {
        Fate::Failed => format!("TikTok took the post and could not publish it: {}", oauth::text(&content, "reason").unwrap_or("unknown")),
        Fate::Shown => "the post can be seen by everybody".to_owned(),
        Fate::Gone => "the post cannot be seen by everybody any more".to_owned(),
    };
    let evidence = Evidence::new(cx.now, Source::Signal, None, Some(event), &words);
    let at = oauth::id(json, "create_time").unwrap_or_default();
    let id = format!("{event}:{}:{at}", known_as.first()?);
    Some(OfPost { id, profile: oauth::id(json, "user_openid")?, known_as, fate, evidence })
}

fn removed(cx: &Cx<'_>, json: &Value) -> Option<Signal> {
    let person = oauth::id(json, "user_openid")?;
    let at = oauth::id(json, "create_time").unwrap_or_default();
    let content = content_of(json);
    let reason = content.get("reason").and_then(Value::as_i64);
    let (cause, words) = cause_of(reason);
    let shown = reason.map_or_else(|| "no reason".to_owned(), |reason| format!("reason {reason}"));
    let evidence = Evidence::new(cx.now, Source::Signal, None, Some("authorization.removed"), &format!("{words} ({shown})"));
    Some(Signal { id: format!("authorization.removed:{person}:{at}"), subject: Subject::Person(person), cause, evidence })
}

/// TikTok's reasons. 5 is our own revocation: then there is usually nothing left here that it could be about.
const fn cause_of(reason: Option<i64>) -> (Cause, &'static str) {
    match reason {
        Some(1) => (Cause::RevokedByPerson, "the person disconnected the app in TikTok"),
        Some(2) => (Cause::PersonBlocked, "the TikTok account was deleted"),
        Some(3) => (Cause::PersonBlocked, "the age of the person changed at TikTok"),
        Some(4) => (Cause::PersonBlocked, "TikTok banned the account"),
        Some(5) => (Cause::Unknown, "the access was withdrawn by the network app itself"),
        _ => (Cause::Unknown, "TikTok ended the access without saying why"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{self, NOW};

    fn body(reason: i64) -> String {
        json!({ "client_key": "client", "event": "authorization.removed", "create_time": NOW, "user_openid": "o-1", "content": format!("{{\"reason\": {reason}}}") })
            .to_string()
    }

    fn signed(body: &str, secret: &str, at: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        format!("t={at},s={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    fn read(body: &str, signature: Option<&str>) -> Inbound {
        let mut request = Request::post("https://staygreen.example/signals/tiktok");
        if let Some(signature) = signature {
            request = request.header("tiktok-signature", signature);
        }
        let request = request.body(Bytes::from(body.to_owned())).expect("a request");
        testing::with(&[], |cx| receive(&cx, &request))
    }

    #[test]
    fn nt_24_only_tiktoks_own_signature_counts() {
        let body = body(1);
        assert!(matches!(read(&body, Some(&signed(&body, "secret", NOW))), Inbound::Signals(signals, _) if signals.len() == 1));
        let bad = [None, Some(signed(&body, "guess", NOW)), Some(signed("{}", "secret", NOW)), Some("t=1,s=zz".into()), Some("s".into())];
        for signature in bad {
            assert!(matches!(read(&body, signature.as_deref()), Inbound::Refused(_)), "{signature:?}");
        }
        for at in [NOW - AGE_MAX - 1, NOW + AHEAD + 1] {
            assert!(matches!(read(&body, Some(&signed(&body, "secret", at))), Inbound::Refused(_)), "{at}");
        }
        assert!(matches!(read(&body, Some(&signed(&body, "secret", NOW - 72 * 3_600))), Inbound::Signals(..)), "repeated for 72 hours");
        let other = body.replace("\"client\"", "\"other\"");
        assert!(matches!(read(&other, Some(&signed(&other, "secret", NOW))), Inbound::Refused("about another app")));
        let post = body.replace("authorization.removed", "post.publish.complete");
        assert!(matches!(read(&post, Some(&signed(&post, "secret", NOW))), Inbound::Signals(signals, _) if signals.is_empty()));
    }

    #[test]
    fn what_became_of_a_post_is_told_of_the_post() {
        let told = |event: &str, content: &Value| {
            let body =
                json!({ "client_key": "client", "event": event, "create_time": NOW, "user_openid": "o-1", "content": content.to_string() })
                    .to_string();
            match read(&body, Some(&signed(&body, "secret", NOW))) {
                Inbound::Post(told, _) => Some((told.fate, told.known_as, told.evidence.words)),
                Inbound::Signals(signals, _) if signals.is_empty() => None,
                other => panic!("{other:?}"),
            }
        };
        let both = json!({ "publish_id": "v_pub~1", "post_id": 7_300_000_000_000_000_001_u64, "publish_type": "DIRECT_PUBLISH" });
        let known = vec!["v_pub~1".to_owned(), "7300000000000000001".to_owned()];
        let shown = told("post.publish.publicly_available", &both).expect("told");
        assert_eq!((shown.0, &shown.1), (Fate::Shown, &known));
        assert_eq!(told("post.publish.no_longer_publicaly_available", &both).map(|told| told.0), Some(Fate::Gone));
        let failed = told("post.publish.failed", &json!({ "publish_id": "v_pub~1", "reason": "spam_risk" })).expect("told");
        assert!(failed.0 == Fate::Failed && failed.2.contains("spam_risk"), "{failed:?}");
        assert_eq!(told("post.publish.complete", &both), None);
        assert_eq!(told("post.publish.failed", &json!({})), None, "about no post");
    }

    #[test]
    fn every_reason_has_its_cause_and_words() {
        let reasons = [
            (0, Cause::Unknown, "without saying why"),
            (1, Cause::RevokedByPerson, "disconnected"),
            (2, Cause::PersonBlocked, "deleted"),
            (3, Cause::PersonBlocked, "age"),
            (4, Cause::PersonBlocked, "banned"),
            (5, Cause::Unknown, "by the network app itself"),
            (17, Cause::Unknown, "without saying why"),
        ];
        for (reason, cause, words) in reasons {
            let body = body(reason);
            let Inbound::Signals(signals, _) = read(&body, Some(&signed(&body, "secret", NOW))) else { panic!("refused {reason}") };
            assert_eq!((signals[0].cause, &signals[0].subject), (cause, &Subject::Person("o-1".into())), "{reason}");
            assert!(signals[0].evidence.words.contains(words), "{}", signals[0].evidence.words);
        }
    }
}
