//! Direct posts: one film, or pictures that TikTok fetches. There are none without.

use bytes::Bytes;
use http::{Method, Response};
use lifecycle::diagnosis::Finding;
use lifecycle::secret::TokenSet;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::{TikTok, outcome};
use crate::acting::{self, Acting, Draft, Fit, Media, NotDone, Post, Posted};
use crate::network::{Cx, Words};
use crate::oauth;
use crate::wire::Wire;

/// The most UTF-16 units of a film's caption.
const CAPTION_MAX: usize = 2_200;
/// Of the title of pictures.
const TITLE_MAX: usize = 90;
/// The most pictures of a post.
const PICTURES_MAX: usize = 35;
/// The largest film that is sent in one part.
const PART_MAX: usize = 64 * 1024 * 1024;

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The answer's data, or why there is none: the body counts, whatever the status.
fn data(cx: Cx<'_>, answer: &Response<Bytes>) -> Result<Value, NotDone> {
    let diagnosis = TikTok::diagnose(&cx, Source::Use, answer);
    if diagnosis.finding == Finding::Works {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        return Ok(json.get("data").cloned().unwrap_or_default());
    }
    Err(if answer.status().is_server_error() { NotDone::Unclear(diagnosis.evidence) } else { NotDone::Refused(diagnosis) })
}

pub(super) async fn call(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, path: &str, body: &Value) -> Result<Value, NotDone> {
    let url = format!("{}{path}", TikTok::url(&cx, "publish"));
    let answer = acting::send(cx, wire, oauth::post_json(&url, &tokens.access_token, body)).await?;
    data(cx, &answer)
}

/// What is sent where, of a post that fits.
fn body_of(post: &Post) -> Result<(&'static str, Value, Fit), NotDone> {
    if post.link.as_deref().is_some_and(|link| !link.is_empty()) {
        return Err(invalid("link", "TikTok takes no links.", "TikTok nimmt keine Links."));
    }
    let is = |media: &Media, kind: &str| media.content_type.starts_with(kind);
    match post.media.as_slice() {
        [film] if is(film, "video/") => {
            let fit = acting::fits("text", &post.text, units(&post.text), CAPTION_MAX)?;
            Ok(("/video/init/", film_body(film)?, fit))
        }
        [_, ..] if post.media.len() <= PICTURES_MAX && post.media.iter().all(|media| is(media, "image/")) => {
            let fit = acting::fits("text", &post.text, units(&post.text), 4_000)?;
            Ok(("/content/init/", pictures_body(post)?, fit))
        }
        _ => {
            let (en, de) = ("TikTok needs one film, or up to 35 pictures.", "TikTok braucht einen Film oder bis zu 35 Bilder.");
            Err(invalid("media", en, de))
        }
    }
}

pub(super) fn measure(draft: Draft<'_>) -> Result<Fit, NotDone> {
    body_of(draft.post()?).map(|(.., fit)| fit)
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let (path, mut body, _) = body_of(post)?;
    let title = if path == "/video/init/" { post.text.clone() } else { post.title.clone().unwrap_or_default() };
    body["post_info"] = settings(cx, wire, tokens).await?;
    body["post_info"]["title"] = title.into();
    if path == "/content/init/" {
        body["post_info"]["description"] = post.text.as_str().into();
    }
    let made = call(cx, wire, tokens, path, &body).await?;
    let Some(id) = oauth::text(&made, "publish_id") else {
        return Err(NotDone::Unclear(lifecycle::words::Evidence::new(
            cx.now,
            Source::Use,
            Some(200),
            None,
            "published, but no publish_id came",
        )));
    };
    if let (Some(url), [film]) = (oauth::text(&made, "upload_url"), post.media.as_slice()) {
        upload(cx, wire, url, film).await?;
    }
    outcome::of(by, id).await
}

fn film_body(film: &Media) -> Result<Value, NotDone> {
    match &film.url {
        Some(url) => Ok(json!({ "source_info": { "source": "PULL_FROM_URL", "video_url": url } })),
        None if film.bytes.is_empty() || film.bytes.len() > PART_MAX => {
            Err(invalid("media", "The film may have 64 MiB at most here.", "Der Film darf hier höchstens 64 MiB haben."))
        }
        None => {
            let size = film.bytes.len();
            Ok(json!({ "source_info": { "source": "FILE_UPLOAD", "video_size": size, "chunk_size": size, "total_chunk_count": 1 } }))
        }
    }
}

fn pictures_body(post: &Post) -> Result<Value, NotDone> {
    let urls: Option<Vec<&String>> = post.media.iter().map(|media| media.url.as_ref()).collect();
    let Some(urls) = urls else {
        let (en, de) =
            ("TikTok fetches pictures by itself: give their addresses.", "TikTok holt Bilder selbst: geben Sie ihre Adressen an.");
        return Err(invalid("media", en, de));
    };
    if let Some(title) = post.title.as_ref().filter(|title| units(title) > TITLE_MAX) {
        acting::fits("title", title, units(title), TITLE_MAX)?;
    }
    Ok(json!({
        "media_type": "PHOTO", "post_mode": "DIRECT_POST",
        "source_info": { "source": "PULL_FROM_URL", "photo_images": urls, "photo_cover_index": 0 }
    }))
}

/// Who may see it, and what others may do with it: as the operator chose (option `privacy_level`), within what this creator may choose and
/// has switched off. Never wider than was chosen: where TikTok does not offer it for this account, nothing is published.
async fn settings(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Value, NotDone> {
    let info = call(cx, wire, tokens, "/creator_info/query/", &json!({})).await?;
    let offered: Vec<&str> =
        info.get("privacy_level_options").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted = cx.app.options.get("privacy_level").map_or("PUBLIC_TO_EVERYONE", String::as_str);
    if !offered.contains(&wanted) {
        let offered = offered.join(", ");
        let words = Words::new(
            format!(
                "TikTok does not offer {wanted} for this account, but: {offered}. An administrator sets networks.tiktok.options.privacy_level, or the account is changed at TikTok."
            ),
            format!(
                "TikTok bietet {wanted} für dieses Konto nicht an, sondern: {offered}. Die Verwaltung setzt networks.tiktok.options.privacy_level, oder das Konto wird bei TikTok umgestellt."
            ),
        );
        return Err(NotDone::Invalid { field: "profile", words });
    }
    let is_off = |what: &str| info.get(what).and_then(Value::as_bool).unwrap_or(false);
    Ok(json!({
        "privacy_level": wanted, "disable_comment": is_off("comment_disabled"), "disable_duet": is_off("duet_disabled"),
        "disable_stitch": is_off("stitch_disabled")
    }))
}

async fn upload(cx: Cx<'_>, wire: &dyn Wire, url: &str, film: &Media) -> Result<(), NotDone> {
    let size = film.bytes.len();
    let request = http::Request::builder()
        .method(Method::PUT)
        .uri(url)
        .header("content-type", film.content_type.as_str())
        .header("content-range", format!("bytes 0-{}/{size}", size.saturating_sub(1)));
    let answer = acting::send(cx, wire, request.body(film.bytes.clone()).unwrap_or_default()).await?;
    if answer.status().is_success() { Ok(()) } else { Err(acting::refused(cx, &answer, TikTok::diagnose(&cx, Source::Use, &answer))) }
}
