//! Pictures and films of LinkedIn's versioned API: each is put there first, a film in the parts that LinkedIn names, and is shown
//! by a post. Facts: `networks/linkedin` of the knowledge base, section 8; the fields as LinkedIn documents them (Images API,
//! Videos API).

use bytes::Bytes;
use http::{Method, Request};
use lifecycle::diagnosis::Finding;
use lifecycle::time::Span;
use serde_json::{Value, json};

use super::acts::{read, refused, request};
use crate::acting::{self, Acting, Media, NotDone};
use crate::media::{self, By, LOOKS, Takes};
use crate::oauth;

/// One picture, or 2 to 20; one film of up to 500 MB (second-hand). They are not fetched: they have to be sent.
pub(super) static TAKES: Takes = Takes {
    needed: false,
    pictures: 20,
    pictures_by: By::Sent,
    films: 1,
    films_by: By::Sent,
    mixed: false,
    film_bytes: Some(500 * 1024 * 1024),
};

async fn ask(by: Acting<'_>, path: &str, body: &Value) -> Result<Value, NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let answer = acting::send(cx, wire, request(&cx, Method::POST, path, tokens, body)).await?;
    if answer.status().is_success() && answer.body().is_empty() { Ok(Value::Null) } else { read(cx, &answer) }
}

/// Puts a picture there, and gives its id. Nothing is published by that.
pub(super) async fn picture(by: Acting<'_>, media: &Media) -> Result<String, NotDone> {
    let Acting { cx, wire, tokens, target, .. } = by;
    let begin = json!({ "initializeUploadRequest": { "owner": target.network_id } });
    let begun = ask(by, "/images?action=initializeUpload", &begin).await?;
    let value = begun.get("value").unwrap_or(&Value::Null);
    let (Some(url), Some(id)) = (oauth::text(value, "uploadUrl"), oauth::text(value, "image")) else { return Err(nowhere(by)) };
    let mut put = oauth::get_bearer(url, &tokens.access_token);
    *put.method_mut() = Method::PUT;
    *put.body_mut() = media.bytes.clone();
    let answer = acting::send(cx, wire, put).await?;
    if answer.status().is_success() { Ok(id.to_owned()) } else { Err(refused(cx, &answer)) }
}

fn nowhere(by: Acting<'_>) -> NotDone {
    media::not_yet(by.cx, "no_upload_url", "LinkedIn did not say where the picture or film goes: nothing was published")
}

/// Where a part of a film goes, and which bytes it has.
fn part(film: &Media, instruction: &Value) -> Option<(String, Bytes)> {
    let number = |field: &str| instruction.get(field).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let (first, last) = (number("firstByte")?, number("lastByte")?);
    let fits = first <= last && last < film.bytes.len();
    Some((oauth::text(instruction, "uploadUrl")?.to_owned(), fits.then(|| film.bytes.slice(first..=last))?))
}

/// Puts a film there part by part, and gives its id once it can be shown. Nothing is published by that.
pub(super) async fn film(by: Acting<'_>, film: &Media) -> Result<String, NotDone> {
    let Acting { cx, wire, target, .. } = by;
    let wanted = json!({
        "owner": target.network_id, "fileSizeBytes": film.bytes.len(), "uploadCaptions": false, "uploadThumbnail": false
    });
    let begun = ask(by, "/videos?action=initializeUpload", &json!({ "initializeUploadRequest": wanted })).await?;
    let value = begun.get("value").unwrap_or(&Value::Null);
    let instructions = value.get("uploadInstructions").and_then(Value::as_array);
    let parts: Option<Vec<(String, Bytes)>> = instructions.and_then(|all| all.iter().map(|each| part(film, each)).collect());
    let (Some(id), Some(parts)) = (oauth::text(value, "video"), parts.filter(|parts| !parts.is_empty())) else { return Err(nowhere(by)) };
    let mut sent = vec![];
    for (url, bytes) in parts {
        // The address itself says who may put something there; our token stays here.
        let put = Request::builder().method(Method::PUT).uri(url).header("content-type", "application/octet-stream");
        let answer = acting::send(cx, wire, put.body(bytes).unwrap_or_default()).await?;
        let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).filter(|_| answer.status().is_success());
        sent.push(tag.ok_or_else(|| refused(cx, &answer))?.trim_matches('"').to_owned());
    }
    let token = oauth::text(value, "uploadToken").unwrap_or_default();
    let whole = json!({ "finalizeUploadRequest": { "video": id, "uploadToken": token, "uploadedPartIds": sent } });
    ask(by, "/videos?action=finalizeUpload", &whole).await?;
    shown(by, id).await.map(|()| id.to_owned())
}

/// Waits until LinkedIn has worked on it.
async fn shown(by: Acting<'_>, id: &str) -> Result<(), NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let path = format!("/videos/{}", oauth::percent(id));
    for wait in LOOKS {
        wire.pause(Span::seconds(wait)).await;
        let Ok(answer) = acting::send(cx, wire, request(&cx, Method::GET, &path, tokens, &Value::Null)).await else { continue };
        match read(cx, &answer) {
            Ok(look) => match oauth::text(&look, "status") {
                Some("AVAILABLE") => return Ok(()),
                Some("PROCESSING_FAILED") => {
                    let (en, de) = ("LinkedIn could not use the film.", "LinkedIn konnte den Film nicht verwenden.");
                    return Err(media::wrong(format!("{en} Nothing was published."), format!("{de} Es wurde nichts veröffentlicht.")));
                }
                _ => {}
            },
            // Who may not look may still post: LinkedIn itself refuses what is not ready.
            Err(NotDone::Refused(why)) if why.finding == Finding::Misconfigured => return Ok(()),
            Err(NotDone::Refused(why)) if !why.is_harmless() => return Err(NotDone::Refused(why)),
            Err(_) => {}
        }
    }
    Err(media::still(cx, "LinkedIn"))
}
