//! Pins. There are none without a board and a picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::Pinterest;
use super::boards;
use super::media::{self, TAKES};
use crate::acting::{self, Acting, Draft, Fit, Media, NotDone, Post, Posted, Target};
use crate::media::is_film;
use crate::network::{App, Kind, Words};
use crate::oauth;

const TITLE_MAX: usize = 100;
const TEXT_MAX: usize = 800;
const LINK_MAX: usize = 2_048;
const ALT_MAX: usize = 500;

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

/// What a Pin may be.
fn checked(app: &App, target: Target<'_>, post: &Post) -> Result<Fit, NotDone> {
    if target.kind != Kind::Board {
        return Err(invalid(
            "profile",
            "A Pin stands on a board: publish as one of the boards.",
            "Ein Pin steht auf einer Pinnwand: veröffentlichen Sie als eine der Pinnwände.",
        ));
    }
    TAKES.as_set(&app.options).check("Pinterest", post)?;
    let alike = post.media.iter().all(|media| media.url.is_some()) || post.media.iter().all(|media| !media.bytes.is_empty());
    if !alike {
        let (en, de) = (
            "Pinterest takes several pictures either all by their addresses, or all sent with the post.",
            "Pinterest nimmt mehrere Bilder entweder alle per Adresse oder alle mit dem Beitrag gesendet.",
        );
        return Err(invalid("media", en, de));
    }
    let fit = acting::fits("text", &post.text, post.text.chars().count(), app.limit("text_max", TEXT_MAX))?;
    if let Some(title) = &post.title {
        acting::fits("title", title, title.chars().count(), app.limit("title_max", TITLE_MAX))?;
    }
    if post.link.as_ref().is_some_and(|link| link.len() > app.limit("link_max", LINK_MAX)) {
        return Err(invalid("link", "The link is too long for Pinterest.", "Der Link ist für Pinterest zu lang."));
    }
    Ok(fit)
}

pub(super) fn measure(app: &App, target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
    checked(app, target, draft.post()?)
}

/// A picture: fetched where all have an address, else sent.
fn picture(picture: &Media, by_address: bool) -> Value {
    match picture.url.as_deref().filter(|_| by_address) {
        Some(url) => json!({ "url": url }),
        None => json!({ "content_type": picture.content_type, "data": STANDARD.encode(&picture.bytes) }),
    }
}

/// What the Pin shows. Before the Pin itself nothing is published.
async fn source(by: Acting<'_>, post: &Post) -> Result<Value, NotDone> {
    let by_address = post.media.iter().all(|media| media.url.is_some());
    let items = || post.media.iter().map(|media| picture(media, by_address));
    Ok(match post.media.as_slice() {
        [film] if is_film(film) => {
            let id = acting::prepared(media::film(by, film).await)?;
            // Its own beginning stands for it until somebody plays it.
            json!({ "source_type": "video_id", "media_id": id, "cover_image_key_frame_time": 0 })
        }
        [_] => {
            let mut one = items().next().unwrap_or_default();
            one["source_type"] = if by_address { "image_url" } else { "image_base64" }.into();
            one
        }
        _ => {
            let kind = if by_address { "multiple_image_urls" } else { "multiple_image_base64" };
            json!({ "source_type": kind, "items": items().collect::<Vec<_>>() })
        }
    })
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, target, .. } = by;
    let source = source(by, post).await?;
    let (board, section) = boards::place(target.network_id);
    let mut body = json!({ "board_id": board, "description": post.text, "media_source": source });
    if let Some(section) = section {
        body["board_section_id"] = section.into();
    }
    let alt: Option<String> = post.media.first().and_then(|media| media.alt.as_ref()).map(|alt| alt.chars().take(ALT_MAX).collect());
    for (field, value) in [("title", &post.title), ("link", &post.link), ("alt_text", &alt)] {
        if let Some(value) = value {
            body[field] = value.as_str().into();
        }
    }
    let request =
        oauth::post_json(&format!("{}{}", Pinterest::url(&cx, "api"), Pinterest::on_behalf(&cx, "/pins")), &tokens.access_token, &body);
    let answer = acting::send(cx, wire, request).await?;
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    let id = oauth::id(&json, "id").filter(|_| answer.status() == StatusCode::CREATED);
    let id = id.ok_or_else(|| acting::refused(cx, &answer, Pinterest::diagnose(&cx, Source::Use, &answer)))?;
    Ok(Posted { url: Some(format!("https://www.pinterest.com/pin/{id}/")), id })
}
