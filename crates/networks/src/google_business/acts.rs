//! Posts of a location, its reviews, and the answers to them: the older API.

use http::Method;
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::{Value, json};

use super::list::{locations, path};
use super::{ABOUT, NO_COMMENTS};
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, NotDone, Post, Posted};
use crate::network::{App, Cx, Words, limit_set};
use crate::wire::Wire;
use crate::{google, moment, oauth};

/// What Google takes as a post, in characters.
const POST_MAX: usize = 1500;
/// What Google takes as an answer to a review, in characters (unconfirmed).
const ANSWER_MAX: usize = 4096;
/// How often, and how far apart, a post that Google still examines is asked for.
const LOOKS: usize = 3;
const APART: Span = Span::seconds(2);
/// The most pages of reviews that are read.
const PAGES_MAX: usize = 40;

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

fn url(cx: &Cx<'_>, name: &str) -> String {
    format!("{}/{}", google::url(cx, &ABOUT, "v4"), path(name))
}

/// A location that is not found was deleted or merged, or is no longer shown to this person: a list tells.
fn unless_gone(diagnosis: Diagnosis, status: u16) -> Diagnosis {
    match diagnosis.finding {
        Finding::Transient { .. } if status == 404 && diagnosis.evidence.code.as_deref() == Some("NOT_FOUND") => {
            Diagnosis::refused(Cause::PermissionLost, Confidence::Guess, diagnosis.evidence)
        }
        _ => diagnosis,
    }
}

fn body_of(app: &App, post: &Post) -> Result<(Value, Fit), NotDone> {
    let fit = acting::fits("text", &post.text, post.text.chars().count(), app.limit("text_max", POST_MAX))?;
    let option = |name: &str, default: &str| app.options.get(name).map_or_else(|| default.to_owned(), String::clone);
    let mut body = json!({ "languageCode": option("language", "en"), "summary": post.text, "topicType": "STANDARD" });
    if let Some(link) = post.link.as_deref().filter(|link| !link.is_empty()) {
        body["callToAction"] = json!({ "actionType": option("action", "LEARN_MORE"), "url": link });
    }
    // How many it takes is told nowhere.
    if let Some(most) = limit_set(&app.options, "pictures_max").filter(|most| post.media.len() > *most) {
        let (en, de) = (
            format!("Up to {most} pictures can go with a post here."),
            format!("Hier können bis zu {most} Bilder zu einem Beitrag gehören."),
        );
        return Err(invalid("media", &en, &de));
    }
    let mut media = vec![];
    for picture in &post.media {
        if !picture.content_type.starts_with("image/") {
            return Err(invalid("media", "Only pictures can go with a post here.", "Hier können nur Bilder zu einem Beitrag gehören."));
        }
        let Some(source) = picture.url.as_deref().filter(|url| url.starts_with("https://")) else {
            let (en, de) = (
                "Google fetches pictures by itself: they need a public https address.",
                "Google holt Bilder selbst ab: sie brauchen eine öffentliche https-Adresse.",
            );
            return Err(invalid("media", en, de));
        };
        media.push(json!({ "mediaFormat": "PHOTO", "sourceUrl": source }));
    }
    if !media.is_empty() {
        body["media"] = media.into();
    }
    Ok((body, fit))
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    match draft {
        Draft::Post(post) => body_of(app, post).map(|(_, fit)| fit),
        Draft::Comment { text, .. } => acting::fits("text", text, text.chars().count(), app.limit("comment_max", ANSWER_MAX)),
    }
}

/// The location's name in the older API, under the account by which this login reaches it: another person's login reaches the
/// same location under another account.
async fn place(Acting { cx, wire, tokens, target, .. }: Acting<'_>) -> Result<String, NotDone> {
    let listed = locations(cx, wire, tokens).await.map_err(NotDone::Refused)?;
    let account = listed.into_iter().find(|found| found.network_id == target.network_id).and_then(|found| found.parent);
    account.map(|account| format!("{account}/{}", target.network_id)).ok_or_else(|| {
        let seen = Evidence::new(cx.now, Source::Use, None, None, "the location is not among those of this login");
        NotDone::Refused(Diagnosis::refused(Cause::PermissionLost, Confidence::Guess, seen))
    })
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let (body, _) = body_of(cx.app, post)?;
    publish_at(cx, wire, tokens, &place(by).await?, &body).await
}

async fn publish_at(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, place: &str, body: &Value) -> Result<Posted, NotDone> {
    let place = format!("{place}/localPosts");
    match create(cx, wire, tokens, &place, body).await {
        // There is no key that would make this safe to repeat, but what was posted can be looked for.
        Err(NotDone::Unclear(evidence)) => {
            let text = oauth::text(body, "summary").unwrap_or_default();
            let found = find(cx, wire, tokens, &place, text, cx.now - Span::minutes(10)).await.ok().flatten();
            found.ok_or(NotDone::Unclear(evidence))
        }
        other => other,
    }
}

async fn create(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, place: &str, body: &Value) -> Result<Posted, NotDone> {
    let request = google::send_json(Method::POST, &url(&cx, place), &tokens.access_token, body);
    let answer = acting::send(cx, wire, request).await?;
    match google::object(&answer).and_then(|json| Some((posted(&json)?, json))) {
        Some((_, json)) if oauth::text(&json, "state") == Some("REJECTED") => {
            let seen = oauth::evidence(cx.now, Source::Use, &answer, Some("REJECTED"), "Google rejected the post");
            Err(NotDone::Refused(Diagnosis::transient(seen, None)))
        }
        Some((posted, _)) => Ok(posted),
        None => {
            let diagnosis = unless_gone(google::errors::act(&cx, &answer), answer.status().as_u16());
            Err(acting::refused(cx, &answer, diagnosis))
        }
    }
}

/// What Google's examination says: it begins when the post is taken, and may reject it later.
pub(super) async fn standing(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Option<Words>, NotDone> {
    for _ in 0..LOOKS {
        let json = google::ask(cx, wire, oauth::get_bearer(&url(&cx, post), &tokens.access_token)).await?;
        match oauth::text(&json, "state") {
            Some("REJECTED") => return Ok(Some(rejected())),
            Some("PROCESSING") => wire.pause(APART).await,
            _ => return Ok(None),
        }
    }
    Ok(Some(Words::new(
        "Google has taken this post and still examines it: it is not shown yet.",
        "Google hat diesen Beitrag angenommen und prüft ihn noch: er wird noch nicht gezeigt.",
    )))
}

fn rejected() -> Words {
    Words::new(
        "Google examined this post and rejected it: nobody sees it. Phone numbers in the text are a usual reason.",
        "Google hat diesen Beitrag geprüft und abgelehnt: niemand sieht ihn. Telefonnummern im Text sind ein üblicher Grund.",
    )
}

fn posted(json: &Value) -> Option<Posted> {
    let id = oauth::text(json, "name").filter(|name| name.contains("/localPosts/"))?;
    Some(Posted { id: id.to_owned(), url: oauth::text(json, "searchUrl").map(str::to_owned) })
}

/// The post of these words that was made since then, if it is there.
async fn find(
    cx: Cx<'_>,
    wire: &dyn Wire,
    tokens: &TokenSet,
    place: &str,
    text: &str,
    since: Timestamp,
) -> Result<Option<Posted>, NotDone> {
    let list = oauth::with_query(&url(&cx, place), &[("pageSize", "20")]);
    let json = google::ask(cx, wire, oauth::get_bearer(&list, &tokens.access_token)).await?;
    let is_ours = |post: &&Value| {
        let at = oauth::text(post, "createTime").and_then(moment::rfc3339);
        oauth::text(post, "summary") == Some(text) && at.is_some_and(|at| at >= since)
    };
    Ok(json.get("localPosts").and_then(Value::as_array).into_iter().flatten().find(is_ours).and_then(posted))
}

/// What was posted can be looked for among the newest.
pub(super) async fn look(by: Acting<'_>, post: &Post, since: Timestamp) -> Result<Option<Posted>, NotDone> {
    let Acting { cx, wire, tokens, .. } = by;
    let place = format!("{}/localPosts", place(by).await?);
    find(cx, wire, tokens, &place, &post.text, since).await
}

pub(super) async fn reviews(by: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    if post.contains("/localPosts/") {
        return Err(acting::not_supported(NO_COMMENTS));
    }
    let Acting { cx, wire, tokens, .. } = by;
    read_all(cx, wire, tokens, &format!("{}/reviews", place(by).await?)).await
}

async fn read_all(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, place: &str) -> Result<Comments, NotDone> {
    let mut said = vec![];
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let parameters: Vec<_> = [("pageSize", "50"), ("pageToken", &next)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let request = oauth::get_bearer(&oauth::with_query(&url(&cx, place), &parameters), &tokens.access_token);
        let json = google::ask(cx, wire, request).await.map_err(|refused| match refused {
            NotDone::Refused(diagnosis) => {
                let status = diagnosis.evidence.http_status.unwrap_or(0);
                NotDone::Refused(unless_gone(diagnosis, status))
            }
            other => other,
        })?;
        for review in json.get("reviews").and_then(Value::as_array).into_iter().flatten() {
            said.extend(read(review));
        }
        match oauth::text(&json, "nextPageToken") {
            Some(token) => token.clone_into(&mut next),
            None => {
                next.clear();
                break;
            }
        }
    }
    said.sort_by_key(|comment: &Comment| comment.at);
    Ok(Comments::read(said, !next.is_empty()))
}

/// A review, and the location's answer to it.
fn read(review: &Value) -> Vec<Comment> {
    let Some(name) = oauth::text(review, "name") else { return vec![] };
    let moment = |json: &Value, field: &str| oauth::text(json, field).and_then(moment::rfc3339);
    let stars = ["ONE", "TWO", "THREE", "FOUR", "FIVE"].iter().position(|stars| oauth::text(review, "starRating") == Some(stars));
    let stars = stars.map(|n| format!("{}{}", "★".repeat(n + 1), "☆".repeat(4 - n))).unwrap_or_default();
    let words = oauth::text(review, "comment").unwrap_or_default();
    let mut said = vec![Comment {
        id: name.to_owned(),
        author: review.pointer("/reviewer/displayName").and_then(Value::as_str).unwrap_or("?").to_owned(),
        by: None,
        // A review may be stars and no words.
        text: format!("{stars} {words}").trim().to_owned(),
        at: moment(review, "createTime"),
        in_reply_to: None,
    }];
    if let Some(reply) = review.get("reviewReply").filter(|reply| oauth::text(reply, "comment").is_some()) {
        said.push(Comment {
            id: format!("{name}/reply"),
            author: "owner".into(),
            // Only the location itself answers its reviews.
            by: name.split_once("/locations/").and_then(|(_, rest)| Some(format!("locations/{}", rest.split('/').next()?))),
            text: oauth::text(reply, "comment").unwrap_or_default().to_owned(),
            at: moment(reply, "updateTime"),
            in_reply_to: Some(name.to_owned()),
        });
    }
    said
}

pub(super) async fn answer(
    Acting { cx, wire, tokens, target, .. }: Acting<'_>,
    in_reply_to: Option<&str>,
    text: &str,
) -> Result<Posted, NotDone> {
    // Only a review has an answer; the answer has none.
    let parts: Vec<&str> = in_reply_to.unwrap_or_default().split('/').collect();
    let ["accounts", _, "locations", location, "reviews", _] = parts.as_slice() else { return Err(acting::not_supported(NO_COMMENTS)) };
    // The login may manage many; who may act as this one may not speak for the others.
    if format!("locations/{location}") != target.network_id {
        return Err(invalid("in_reply_to", "This review is of another location.", "Diese Rezension gehört zu einem anderen Standort."));
    }
    let review = parts.join("/");
    let request =
        || google::send_json(Method::PUT, &url(&cx, &format!("{review}/reply")), &tokens.access_token, &json!({ "comment": text }));
    // Repeating replaces the answer by itself: what was lost is safely sent once more.
    let answer = match acting::send(cx, wire, request()).await {
        Err(NotDone::Unclear(_)) => acting::send(cx, wire, request()).await?,
        other => other?,
    };
    match google::object(&answer) {
        Some(json) if oauth::text(&json, "comment").is_some() => Ok(Posted { id: format!("{review}/reply"), url: None }),
        _ => {
            let diagnosis = unless_gone(google::errors::act(&cx, &answer), answer.status().as_u16());
            Err(acting::refused(cx, &answer, diagnosis))
        }
    }
}
