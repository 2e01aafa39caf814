//! POST /api/v1/posts · POST /api/v1/posts/check · POST /api/v1/profiles/{id}/posts · GET and POST …/posts/{post}/comments

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use lifecycle::moment;
use lifecycle::permission::{Act, Decision};
use lifecycle::time::Timestamp;
use networks::network::Words;
use serde::Deserialize;
use serde_json::{Value, json};
use store::profiles::Profile;

use super::{Answer, Body, Large, json};
use crate::actions::act;
use crate::actions::draft::{self, Content, NewPost, Picture};
use crate::actions::say::{self, KEY_MAX, PROFILES_MAX, Said, WAITS, Wish};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::rfc3339;
use crate::state::App;
use crate::time::fresh_secret;

/// What to do without an access token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhenDisconnected {
    /// Say so, and do nothing.
    #[default]
    Fail,
    /// Send it as soon as there is one.
    Hold,
}

/// A post to publish as one profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForOne {
    text: String,
    link: Option<String>,
    title: Option<String>,
    #[serde(default)]
    media: Vec<Picture>,
    #[serde(default)]
    when_disconnected: WhenDisconnected,
    hold_until: Option<String>,
}

/// The same as several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForSeveral {
    profiles: Vec<String>,
    text: String,
    link: Option<String>,
    title: Option<String>,
    #[serde(default)]
    media: Vec<Picture>,
    #[serde(default)]
    when_disconnected: WhenDisconnected,
    hold_until: Option<String>,
}

/// A post to look at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToCheck {
    profiles: Vec<String>,
    text: String,
    link: Option<String>,
    title: Option<String>,
    #[serde(default)]
    media: Vec<Picture>,
}

/// The key of the request, or one that nobody has.
fn key_of(app: &App, headers: &HeaderMap) -> Result<String, Problem> {
    match headers.get("idempotency-key").map(|key| key.to_str()) {
        Some(Ok(key)) if !key.is_empty() && key.len() <= KEY_MAX => Ok(key.to_owned()),
        None | Some(Ok("")) => Ok(fresh_secret(&*app.dice, "").expose().to_owned()),
        Some(_) => Err(Problem::field("Idempotency-Key", "may have 255 printable characters at most")),
    }
}

fn until(app: &App, text: Option<&str>) -> Result<Timestamp, Problem> {
    let Some(text) = text else { return Ok(app.now() + WAITS) };
    let at = moment::rfc3339(text).ok_or_else(|| Problem::field("hold_until", "write it as 2027-01-01T12:00:00Z"))?;
    if at > app.now() { Ok(at) } else { Err(Problem::field("hold_until", "lies in the past")) }
}

/// The same key is the same post as each profile, also for networks that can tell.
fn content(profile: &Profile, key: &str, post: &NewPost) -> Content {
    Content::Post { key: format!("{}/{key}", profile.id), post: post.clone() }
}

/// Publishes as one profile.
pub async fn publish(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Large(body): Large<ForOne>,
) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::Publish).await?;
    let (key, until) = (key_of(&app, &headers)?, until(&app, body.hold_until.as_deref())?);
    let post = NewPost { text: body.text, link: body.link, title: body.title, media: body.media };
    let content = content(&profile, &key, &post);
    let hold = body.when_disconnected == WhenDisconnected::Hold;
    let wish = Wish { caller: &caller, profile: &profile, content: &content, key: &key, hold, until };
    answer(caller.lang, &say::say(&app, &wish).await?)
}

fn answer(lang: Lang, said: &Said) -> Answer {
    match said {
        Said::Done { act, posted, note } => {
            json(201, &json!({ "id": posted.id, "url": posted.url, "act": act.as_str(), "note": picked(lang, note.as_ref()) }))
        }
        waits => json(202, &result(lang, waits)),
    }
}

fn picked(lang: Lang, words: Option<&Words>) -> Option<String> {
    words.map(|words| lang.pick(&words.en, &words.de).to_owned())
}

/// What became of it, for the API.
pub(super) fn result(lang: Lang, said: &Said) -> Value {
    match said {
        Said::Done { act, posted, note } => {
            let note = picked(lang, note.as_ref());
            json!({ "result": "posted", "act": act.as_str(), "id": posted.id, "url": posted.url, "note": note })
        }
        Said::Held { act, until } => json!({ "result": "held", "act": act.as_str(), "until": rfc3339(*until) }),
        Said::Waiting { act, approver, until } => {
            let by = approver.as_ref().map(lifecycle::ids::UserId::as_str);
            json!({ "result": "waiting", "act": act.as_str(), "approval_by": by, "until": rfc3339(*until) })
        }
    }
}

fn refused(problem: &Problem) -> Value {
    let result = if problem.code == "unclear" { "unclear" } else { "refused" };
    let mut item = json!({ "result": result, "problem": problem.document() });
    if let Some(act) = problem.more.get("act") {
        item["act"] = act.clone();
    }
    item
}

/// What profiles are named for.
#[derive(Clone, Copy)]
enum For {
    /// Something is said as each of them.
    Saying,
    /// It is only looked whether it could be.
    Checking,
}

/// The profiles that are named, each once.
async fn profiles_of(app: &App, caller: &Caller, ids: &[String], what: For) -> Result<Vec<(String, Result<Profile, Problem>)>, Problem> {
    if ids.is_empty() || ids.len() > PROFILES_MAX {
        return Err(Problem::field("profiles", &format!("name 1 to {PROFILES_MAX} profiles")));
    }
    let mut found: Vec<(String, Result<Profile, Problem>)> = vec![];
    for id in ids {
        if !found.iter().any(|(known, _)| known == id) {
            let profile = match what {
                For::Saying => auth::profile(app, caller, id, Act::Publish).await,
                For::Checking => auth::profile_to_check(app, caller, id, Act::Publish).await,
            };
            found.push((id.clone(), profile));
        }
    }
    Ok(found)
}

/// Publishes as several profiles, each by itself: what one of them cannot take does not stop the others. The same key again does as
/// each profile only what was not done yet.
pub async fn publish_several(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, Large(body): Large<ForSeveral>) -> Answer {
    let (key, until) = (key_of(&app, &headers)?, until(&app, body.hold_until.as_deref())?);
    let post = NewPost { text: body.text, link: body.link, title: body.title, media: body.media };
    let hold = body.when_disconnected == WhenDisconnected::Hold;
    let mut items = vec![];
    for (id, profile) in profiles_of(&app, &caller, &body.profiles, For::Saying).await? {
        let said = match profile {
            Ok(profile) => {
                let content = content(&profile, &key, &post);
                say::say(&app, &Wish { caller: &caller, profile: &profile, content: &content, key: &key, hold, until }).await
            }
            Err(problem) => Err(problem),
        };
        let mut item = said.as_ref().map_or_else(refused, |said| result(caller.lang, said));
        item["profile"] = id.into();
        items.push(item);
    }
    json(200, &json!({ "items": items }))
}

/// Whether a post fits each network, and what would become of it. Nothing is sent or noted.
pub async fn check(State(app): State<Arc<App>>, caller: Caller, Large(body): Large<ToCheck>) -> Answer {
    let post = NewPost { text: body.text, link: body.link, title: body.title, media: body.media };
    let mut items = vec![];
    for (id, profile) in profiles_of(&app, &caller, &body.profiles, For::Checking).await? {
        let mut item = match &profile {
            Ok(profile) => checked(&app, &caller, profile, &post).await,
            Err(problem) => json!({ "fits": false, "would": "refuse", "problem": problem.document() }),
        };
        item["profile"] = id.into();
        items.push(item);
    }
    json(200, &json!({ "items": items }))
}

async fn checked(app: &App, caller: &Caller, profile: &Profile, post: &NewPost) -> Value {
    match draft::check(app, caller.lang, profile, &content(profile, "", post)).await {
        Ok(fit) => {
            let note = picked(caller.lang, fit.note.as_ref());
            json!({ "fits": true, "would": would(caller, profile), "counted": fit.counted, "max": fit.max, "note": note })
        }
        Err(problem) => json!({ "fits": false, "would": "refuse", "problem": problem.document() }),
    }
}

/// What would become of a post that fits, as things stand.
pub(crate) fn would(caller: &Caller, profile: &Profile) -> &'static str {
    match caller.decide(Act::Publish, auth::about(profile)) {
        Decision::Allow(under) if under.as_ref().is_some_and(|under| under.approval.is_some()) => "wait_for_approval",
        Decision::Allow(_) if !profile.enabled => "refuse",
        Decision::Allow(_) if profile.standing.status == lifecycle::status::Status::Disconnected => "hold_or_fail",
        Decision::Allow(_) => "post",
        _ => "refuse",
    }
}

/// Lists what was said.
pub async fn comments(State(app): State<Arc<App>>, caller: Caller, Path((id, post)): Path<(String, String)>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::ReadComments).await?;
    let said = act::comments(&app, &caller, &profile, &post).await?;
    let items: Vec<Value> = said
        .iter()
        .map(|comment| json!({ "id": comment.id, "author": comment.author, "by": comment.by, "is_ours": comment.is_by(act::target(&profile)), "text": comment.text, "at": comment.at.map(rfc3339), "in_reply_to": comment.in_reply_to }))
        .collect();
    json(200, &json!({ "items": items, "note": picked(caller.lang, said.note.as_ref()) }))
}

/// Something to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewComment {
    text: String,
    in_reply_to: Option<String>,
}

/// Says it.
pub async fn comment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, post)): Path<(String, String)>,
    headers: HeaderMap,
    Body(body): Body<NewComment>,
) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::Comment).await?;
    let key = key_of(&app, &headers)?;
    let content = Content::Comment { under: post, in_reply_to: body.in_reply_to, text: body.text };
    let until = app.now() + WAITS;
    let wish = Wish { caller: &caller, profile: &profile, content: &content, key: &key, hold: false, until };
    answer(caller.lang, &say::say(&app, &wish).await?)
}
