//! POST /api/v1/profiles/{id}/posts · GET and POST …/posts/{post}/comments

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::permission::Act;
use networks::acting::{Media, Post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Body, Large, json};
use crate::actions::act;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;
use crate::time::fresh_secret;

/// A post to publish.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    text: String,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    media: Vec<NewMedia>,
}

/// A picture or film: where it lies, or itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMedia {
    #[serde(default)]
    url: Option<String>,
    content_type: String,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    alt: Option<String>,
}

impl NewMedia {
    fn read(self) -> Result<Media, Problem> {
        let bytes = match &self.data {
            Some(data) => STANDARD.decode(data).map_err(|_| Problem::field("media", "data is not Base64"))?,
            None if self.url.is_some() => vec![],
            None => return Err(Problem::field("media", "give url or data")),
        };
        Ok(Media { url: self.url, content_type: self.content_type, bytes: bytes.into(), alt: self.alt })
    }
}

/// Publishes.
pub async fn publish(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Large(body): Large<NewPost>,
) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::Publish).await?;
    // The same key again is the same post, also for networks that can tell.
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let key = key.unwrap_or_else(|| fresh_secret(&*app.dice, "").expose().to_owned());
    let media = body.media.into_iter().map(NewMedia::read).collect::<Result<_, _>>()?;
    let post = Post { text: body.text, link: body.link, title: body.title, media, key: format!("{}/{key}", profile.id) };
    let posted = act::publish(&app, &caller, &profile, &post).await?;
    json(201, &json!({ "id": posted.id, "url": posted.url }))
}

/// Lists what was said.
pub async fn comments(State(app): State<Arc<App>>, caller: Caller, Path((id, post)): Path<(String, String)>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::ReadComments).await?;
    let said = act::comments(&app, &caller, &profile, &post).await?;
    let items: Vec<Value> = said
        .iter()
        .map(|comment| json!({ "id": comment.id, "author": comment.author, "text": comment.text, "at": comment.at.map(rfc3339), "in_reply_to": comment.in_reply_to }))
        .collect();
    json(200, &json!({ "items": items }))
}

/// Something to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewComment {
    text: String,
    #[serde(default)]
    in_reply_to: Option<String>,
}

/// Says it.
pub async fn comment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, post)): Path<(String, String)>,
    Body(body): Body<NewComment>,
) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::Comment).await?;
    let said = act::comment(&app, &caller, &profile, &post, body.in_reply_to.as_deref(), &body.text).await?;
    json(201, &json!({ "id": said.id, "url": said.url }))
}
