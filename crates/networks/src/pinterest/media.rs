//! Films for Pins: registered, put where Pinterest says, worked on, and only then part of a Pin. Facts: `networks/pinterest` of the
//! knowledge base, section 8, and the published description of API v5.

use bytes::Bytes;
use http::{Method, Request};
use lifecycle::time::Span;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::Pinterest;
use crate::acting::{self, Acting, Media, NotDone};
use crate::media::{self, By, LOOKS, Takes};
use crate::oauth;

/// One picture, or 2 to 5 of the same size; or one film, which has to be sent.
pub(super) static TAKES: Takes =
    Takes { needed: true, pictures: 5, pictures_by: By::Either, films: 1, films_by: By::Sent, mixed: false, film_bytes: None };

/// A form with a file, as RFC 7578 says: the parameters as they came, the file last.
fn form(boundary: &str, parameters: &[(String, String)], film: &Media) -> Bytes {
    let mut body = Vec::with_capacity(film.bytes.len() + 4_096);
    for (name, value) in parameters {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes());
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"film\"\r\nContent-Type: {}\r\n\r\n",
        film.content_type
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&film.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body.into()
}

async fn ask(by: Acting<'_>, request: Request<Bytes>) -> Result<Value, NotDone> {
    let Acting { cx, wire, .. } = by;
    let answer = acting::send(cx, wire, request).await?;
    let json = serde_json::from_slice::<Value>(answer.body()).ok().filter(|json| answer.status().is_success() && json.is_object());
    json.ok_or_else(|| acting::refused(cx, &answer, Pinterest::diagnose(&cx, Source::Use, &answer)))
}

/// Puts a film there, and gives its id once it can be part of a Pin. Nothing is published by that.
pub(super) async fn film(by: Acting<'_>, film: &Media) -> Result<String, NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let api = Pinterest::url(&cx, "api");
    let made = ask(by, oauth::post_json(&format!("{api}/media"), &tokens.access_token, &json!({ "media_type": "video" }))).await?;
    let (Some(id), Some(url)) = (oauth::id(&made, "media_id"), oauth::text(&made, "upload_url")) else {
        return Err(media::not_yet(cx, "no_upload_url", "Pinterest did not say where the film goes: nothing was published"));
    };
    let given = made.get("upload_parameters").and_then(Value::as_object);
    let parameters: Vec<(String, String)> =
        given.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let mut dice = [0; 16];
    cx.dice.fill(&mut dice);
    let boundary: String = dice.iter().map(|byte| format!("{byte:02x}")).collect();
    // The parameters say who may put something there; our token stays here.
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .body(form(&boundary, &parameters, film));
    let answer = acting::send(cx, wire, request.unwrap_or_default()).await?;
    if !answer.status().is_success() {
        return Err(acting::refused(cx, &answer, Pinterest::diagnose(&cx, Source::Use, &answer)));
    }
    for wait in LOOKS {
        wire.pause(Span::seconds(wait)).await;
        match ask(by, Pinterest::get(&cx, &format!("/media/{}", oauth::percent(&id)), tokens)).await {
            Ok(look) => match oauth::text(&look, "status") {
                Some("succeeded") => return Ok(id),
                Some("failed") => {
                    let (en, de) = ("Pinterest could not use the film.", "Pinterest konnte den Film nicht verwenden.");
                    return Err(media::wrong(format!("{en} Nothing was published."), format!("{de} Es wurde nichts veröffentlicht.")));
                }
                _ => {}
            },
            Err(NotDone::Refused(why)) if !why.is_harmless() => return Err(NotDone::Refused(why)),
            // That it could not be asked says nothing of the film.
            Err(_) => {}
        }
    }
    Err(media::still(cx, "Pinterest"))
}
