//! What somebody wants to say as a profile, as it comes in, lies sealed and goes out; and whether it fits the network.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::permission::Act;
use networks::acting::{Draft, Fit, Media, Post};
use serde::{Deserialize, Serialize};
use store::profiles::Profile;

use super::act;
use super::connect::network_named;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

/// How many characters of an act that is over are kept.
const KEPT: usize = 280;

/// A picture or film: where it lies, or itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Where the network can fetch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What kind it is, as in `image/jpeg`.
    pub content_type: String,
    /// Itself, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What it shows, for those who do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// A post, before it is one profile's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPost {
    /// The words.
    pub text: String,
    /// An address that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A title, where the network has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Pictures and films, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Picture>,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A post.
    Post {
        /// Names the act to networks that can tell.
        key: String,
        /// What.
        post: NewPost,
    },
    /// Something under a post.
    Comment {
        /// Under which.
        under: String,
        /// The comment it answers.
        in_reply_to: Option<String>,
        /// The words.
        text: String,
    },
}

impl Content {
    /// Its kind in tables and history.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Post { .. } => "post",
            Self::Comment { .. } => "comment",
        }
    }

    /// What has to be allowed.
    pub(crate) const fn act(&self) -> Act {
        match self {
            Self::Post { .. } => Act::Publish,
            Self::Comment { .. } => Act::Comment,
        }
    }

    /// The words.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Post { post, .. } => &post.text,
            Self::Comment { text, .. } => text,
        }
    }

    /// As it lies under the seal.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|error| broken(&error))
    }

    /// And back.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| broken(&error))
    }

    /// What is kept of it once it is over: the beginning of its words.
    pub(crate) fn shortened(&self) -> Self {
        let cut = |text: &str| text.chars().take(KEPT).collect::<String>();
        match self {
            Self::Post { key, post } => Self::Post { key: key.clone(), post: NewPost { text: cut(&post.text), ..NewPost::default() } },
            Self::Comment { under, in_reply_to, text } => {
                Self::Comment { under: under.clone(), in_reply_to: in_reply_to.clone(), text: cut(text) }
            }
        }
    }

    /// The post as adapters take it; an empty one for a comment.
    pub(crate) fn for_network(&self) -> Result<Post, Problem> {
        let Self::Post { key, post } = self else { return Ok(Post::default()) };
        let some = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let media = post.media.iter().map(Picture::read).collect::<Result<_, _>>()?;
        Ok(Post { text: post.text.clone(), link: some(&post.link), title: some(&post.title), media, key: key.clone() })
    }

    /// As a draft, with the post of [`Content::for_network`].
    pub(crate) fn draft<'a>(&'a self, post: &'a Post) -> Draft<'a> {
        match self {
            Self::Post { .. } => Draft::Post(post),
            Self::Comment { in_reply_to, text, .. } => Draft::Comment { in_reply_to: in_reply_to.as_deref(), text },
        }
    }
}

impl Picture {
    fn read(&self) -> Result<Media, Problem> {
        let bytes = match &self.data {
            Some(data) => STANDARD.decode(data).map_err(|_| Problem::field("media", "data is not Base64"))?,
            None if self.url.is_some() => vec![],
            None => return Err(Problem::field("media", "give url or data")),
        };
        Ok(Media { url: self.url.clone(), content_type: self.content_type.clone(), bytes: bytes.into(), alt: self.alt.clone() })
    }
}

fn broken(error: &serde_json::Error) -> Problem {
    tracing::error!(error = %error, "act: what is to be said cannot be written or read");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "What is to be said cannot be read any more. Nothing was sent.")
}

/// Whether it fits what the profile's network, and its own server there, takes. Nothing of it is sent, and no token is looked at.
pub(crate) async fn check(app: &App, lang: Lang, profile: &Profile, content: &Content) -> Result<Fit, Problem> {
    let network = network_named(&profile.network)?;
    let client = app.network_app(network, &profile.instance).await.ok_or_else(|| act::unavailable(profile))?;
    let client = app.learned.hand_to(app, &client).await;
    let post = content.for_network()?;
    let checked = network.check(&client.app, act::target(profile), content.draft(&post));
    checked.map_err(|not_done| act::told(lang, network.about().title, not_done))
}
