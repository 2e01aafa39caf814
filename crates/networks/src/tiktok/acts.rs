//! Direct posts: one film, or pictures that TikTok fetches. There are none without.

use bytes::Bytes;
use http::{Method, Response};
use lifecycle::diagnosis::Finding;
use lifecycle::secret::TokenSet;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::{TikTok, outcome};
use crate::acting::{self, Acting, Draft, Fit, Media, NotDone, Post, Posted};
use crate::media::{By, Takes, is_film};
use crate::network::{App, Cx, Words};
use crate::oauth;
use crate::wire::Wire;

/// The most UTF-16 units of a film's caption.
const CAPTION_MAX: usize = 2_200;
/// Of the title of pictures.
const TITLE_MAX: usize = 90;
/// Of the description of pictures.
const DESCRIPTION_MAX: usize = 4_000;
/// The size of a part of a film: 5 to 64 MB are taken.
const PART: usize = 8 * 1024 * 1024;

/// One film, or pictures, which are fetched.
pub(super) static TAKES: Takes =
    Takes { needed: true, pictures: 35, pictures_by: By::Address, films: 1, films_by: By::Either, mixed: false, film_bytes: None };

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
fn body_of(app: &App, post: &Post) -> Result<(&'static str, Value, Fit), NotDone> {
    if post.link.as_deref().is_some_and(|link| !link.is_empty()) {
        return Err(invalid("link", "TikTok takes no links.", "TikTok nimmt keine Links."));
    }
    TAKES.as_set(&app.options).check("TikTok", post)?;
    match post.media.as_slice() {
        [film] if is_film(film) => {
            let fit = words(&post.text, app.limit("caption_max", CAPTION_MAX))?;
            Ok(("/video/init/", film_body(film), fit))
        }
        _ => {
            let fit = words(&post.text, app.limit("text_max", DESCRIPTION_MAX))?;
            Ok(("/content/init/", pictures_body(app, post)?, fit))
        }
    }
}

fn words(text: &str, max: usize) -> Result<Fit, NotDone> {
    acting::fits("text", text, units(text), max)
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    body_of(app, draft.post()?).map(|(.., fit)| fit)
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let (path, mut body, _) = body_of(cx.app, post)?;
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
        match upload(cx, wire, url, film).await {
            // Whether its last part arrived shows in what becomes of the post.
            Err(NotDone::Unclear(evidence)) => {
                let posted = outcome::of(by, id).await?;
                return if posted.id == id { Err(NotDone::Unclear(evidence)) } else { Ok(posted) };
            }
            sent => sent?,
        }
    }
    outcome::of(by, id).await
}

/// A film that is sent goes in parts; it is fetched only where it is not there itself: TikTok fetches from addresses alone that are
/// proven to be the app's.
fn film_body(film: &Media) -> Value {
    match &film.url {
        Some(url) if film.bytes.is_empty() => json!({ "source_info": { "source": "PULL_FROM_URL", "video_url": url } }),
        _ => {
            let size = film.bytes.len();
            let (part, count) = parts(size);
            json!({ "source_info": { "source": "FILE_UPLOAD", "video_size": size, "chunk_size": part, "total_chunk_count": count } })
        }
    }
}

/// How large each part is, and how many there are: the last one takes what is left, and less than two parts go as one.
const fn parts(size: usize) -> (usize, usize) {
    if size < 2 * PART { (size, 1) } else { (PART, size / PART) }
}

fn pictures_body(app: &App, post: &Post) -> Result<Value, NotDone> {
    let urls: Vec<&String> = post.media.iter().filter_map(|media| media.url.as_ref()).collect();
    let max = app.limit("title_max", TITLE_MAX);
    if let Some(title) = post.title.as_ref().filter(|title| units(title) > max) {
        acting::fits("title", title, units(title), max)?;
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
    let (part, count) = parts(size);
    for n in 0..count {
        let is_last = n + 1 == count;
        let (first, end) = (n * part, if is_last { size } else { (n + 1) * part });
        let request = http::Request::builder()
            .method(Method::PUT)
            .uri(url)
            .header("content-type", film.content_type.as_str())
            .header("content-range", format!("bytes {first}-{}/{size}", end.saturating_sub(1)));
        let request = request.body(film.bytes.slice(first..end)).unwrap_or_default();
        let sent = acting::send(cx, wire, request).await.and_then(|answer| {
            let refused = || acting::refused(cx, &answer, TikTok::diagnose(&cx, Source::Use, &answer));
            if answer.status().is_success() { Ok(()) } else { Err(refused()) }
        });
        // Without its last part nothing is published.
        if is_last { sent? } else { acting::prepared(sent)? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PART, parts};

    #[test]
    fn parts_are_as_large_as_tiktok_takes_them() {
        assert_eq!((parts(1), parts(2 * PART - 1)), ((1, 1), (2 * PART - 1, 1)));
        for size in [2 * PART, 2 * PART + 1, 3 * PART - 1, 18 * 1024 * 1024, 900 * PART + 7] {
            let (part, count) = parts(size);
            let last = size - (count - 1) * part;
            assert!((5_000_000..=64_000_000).contains(&part) && (part..=128_000_000).contains(&last) && count <= 1_000, "{size}");
        }
    }
}
