//! What became of a post: TikTok takes it, works on it, and publishes it behind its answer or not at all.

use lifecycle::diagnosis::Diagnosis;
use lifecycle::time::Span;
use lifecycle::words::{Evidence, Source};
use serde_json::{Value, json};

use super::acts::call;
use crate::acting::{Acting, NotDone, Posted};
use crate::oauth;

/// How often it is asked, and how long is waited before: half a minute in all. A film may take longer; then it is on its way.
const LOOKS: usize = 10;
const LOOK_EVERY: Span = Span::seconds(3);

/// Asks until it is published or refused.
pub(super) async fn of(by: Acting<'_>, publish_id: &str) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, target, .. } = by;
    let on_its_way = || Posted { id: publish_id.to_owned(), url: None };
    for _ in 0..LOOKS {
        wire.pause(LOOK_EVERY).await;
        // That it could not be asked says nothing of the post, which was taken.
        let Ok(seen) = call(cx, wire, tokens, "/status/fetch/", &json!({ "publish_id": publish_id })).await else { break };
        match oauth::text(&seen, "status") {
            Some("PUBLISH_COMPLETE" | "SEND_TO_USER_INBOX") => return Ok(public(&seen, target.handle).unwrap_or_else(on_its_way)),
            Some("FAILED") => {
                let reason = oauth::text(&seen, "fail_reason").unwrap_or("unknown");
                let words = format!("TikTok took the post and could not publish it: {reason}");
                let evidence = Evidence::new(cx.now, Source::Use, Some(200), Some(reason), &words);
                return Err(NotDone::Refused(Diagnosis::transient(evidence, None)));
            }
            _ => {}
        }
    }
    Ok(on_its_way())
}

/// The post's own id and place, where the public sees it. Their spelling.
fn public(seen: &Value, username: Option<&str>) -> Option<Posted> {
    let id = match seen.pointer("/publicaly_available_post_id/0")? {
        Value::String(id) => id.clone(),
        // Up to 19 digits: an integer, never a fraction.
        Value::Number(id) => id.as_u64()?.to_string(),
        _ => return None,
    };
    let url = address(username, &id);
    Some(Posted { id, url })
}

/// Where people see a post with that public id.
pub(super) fn address(username: Option<&str>, id: &str) -> Option<String> {
    let is_public = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    username.filter(|_| is_public).map(|name| format!("https://www.tiktok.com/@{}/video/{id}", oauth::percent(name)))
}
