//! Pins. There are none without a board and a picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::Pinterest;
use crate::acting::{self, Acting, Draft, Fit, Media, NotDone, Post, Posted, Target};
use crate::network::{Kind, Words};
use crate::oauth;

const TITLE_MAX: usize = 100;
const TEXT_MAX: usize = 800;
const LINK_MAX: usize = 2_048;
const ALT_MAX: usize = 500;

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

/// The one picture of a Pin that fits.
fn checked<'a>(target: Target<'_>, post: &'a Post) -> Result<(&'a Media, Fit), NotDone> {
    if target.kind != Kind::Board {
        return Err(invalid(
            "profile",
            "A Pin stands on a board: publish as one of the boards.",
            "Ein Pin steht auf einer Pinnwand: veröffentlichen Sie als eine der Pinnwände.",
        ));
    }
    let [picture] = post.media.as_slice() else {
        return Err(invalid("media", "A Pin needs exactly one picture.", "Ein Pin braucht genau ein Bild."));
    };
    if !picture.content_type.starts_with("image/") {
        return Err(invalid("media", "A Pin needs a picture here.", "Ein Pin braucht hier ein Bild."));
    }
    let fit = acting::fits("text", &post.text, post.text.chars().count(), TEXT_MAX)?;
    if let Some(title) = &post.title {
        acting::fits("title", title, title.chars().count(), TITLE_MAX)?;
    }
    if post.link.as_ref().is_some_and(|link| link.len() > LINK_MAX) {
        return Err(invalid("link", "The link is too long for Pinterest.", "Der Link ist für Pinterest zu lang."));
    }
    Ok((picture, fit))
}

pub(super) fn measure(target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
    checked(target, draft.post()?).map(|(_, fit)| fit)
}

pub(super) async fn publish(Acting { cx, wire, tokens, target }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let (picture, _) = checked(target, post)?;
    let source = match &picture.url {
        Some(url) => json!({ "source_type": "image_url", "url": url }),
        None => json!({ "source_type": "image_base64", "content_type": picture.content_type, "data": STANDARD.encode(&picture.bytes) }),
    };
    let mut body = json!({ "board_id": target.network_id, "description": post.text, "media_source": source });
    let alt: Option<String> = picture.alt.as_ref().map(|alt| alt.chars().take(ALT_MAX).collect());
    for (field, value) in [("title", &post.title), ("link", &post.link), ("alt_text", &alt)] {
        if let Some(value) = value {
            body[field] = value.as_str().into();
        }
    }
    let request = oauth::post_json(&format!("{}/pins", Pinterest::url(&cx, "api")), &tokens.access_token, &body);
    let answer = acting::send(cx, wire, request).await?;
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    let id = oauth::id(&json, "id").filter(|_| answer.status() == StatusCode::CREATED);
    let id = id.ok_or_else(|| acting::refused(cx, &answer, Pinterest::diagnose(&cx, Source::Use, &answer)))?;
    Ok(Posted { url: Some(format!("https://www.pinterest.com/pin/{id}/")), id })
}
