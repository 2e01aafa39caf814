//! Acting as a profile: publishing, commenting, reading comments. No token is at stake here, so these are async over the
//! wire that is passed in; whether an act is allowed was decided and audited before.

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::time::Timestamp;
use lifecycle::words::{Evidence, Source};

use crate::network::{Ability, Can, Cx, Kind, Words};
use crate::oauth;
use crate::wire::{BoxFuture, Clock, Wire, WireError};

/// As whom is acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The profile's id at the network.
    pub network_id: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Its handle there, where it has one.
    pub handle: Option<&'a str>,
}

/// Acting as a profile: with the token of a person who may, over a wire.
#[derive(Clone, Copy)]
pub struct Acting<'a> {
    /// Our client, and the moment at which it began.
    pub cx: Cx<'a>,
    /// How late it is by now: an act takes its time.
    pub clock: &'a dyn Clock,
    /// The way out.
    pub wire: &'a dyn Wire,
    /// The person's token set.
    pub tokens: &'a TokenSet,
    /// As whom.
    pub target: Target<'a>,
}

/// What becomes of an act.
pub type Done<'a, T> = BoxFuture<'a, Result<T, NotDone>>;

/// A picture or film that goes with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Where the network can fetch it by itself: some take nothing else (Instagram, Threads, Pinterest).
    pub url: Option<String>,
    /// What kind it is, as in `image/jpeg`.
    pub content_type: String,
    /// The bytes; empty where only the address is known.
    pub bytes: Bytes,
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
}

/// What is to be published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// The words.
    pub text: String,
    /// An address that goes with it.
    pub link: Option<String>,
    /// A title, where the network has one (Pinterest, YouTube, Reddit).
    pub title: Option<String>,
    /// Pictures and films, in order.
    pub media: Vec<Media>,
    /// Names the act: networks that can, refuse to do the same twice.
    pub key: String,
}

/// What somebody wants to say, before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft<'a> {
    /// A post.
    Post(&'a Post),
    /// Something under a post.
    Comment {
        /// The comment it answers; `None`: the post.
        in_reply_to: Option<&'a str>,
        /// The words.
        text: &'a str,
    },
}

impl<'a> Draft<'a> {
    /// The post, at a network where nothing can be said under one.
    ///
    /// # Errors
    /// For a comment.
    pub fn post(self) -> Result<&'a Post, NotDone> {
        match self {
            Self::Post(post) => Ok(post),
            Self::Comment { .. } => Err(not_supported(Ability::Yes)),
        }
    }

    /// The words.
    pub fn text(self) -> &'a str {
        match self {
            Self::Post(post) => &post.text,
            Self::Comment { text, .. } => text,
        }
    }
}

/// A draft that fits, as the network counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// How long its text is to the network, in whatever the network counts.
    pub counted: usize,
    /// The most that the network takes, in the same unit.
    pub max: usize,
    /// What only shows when it is sent (a server of one's own may have another limit).
    pub note: Option<Words>,
}

/// What was published or said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its id at the network.
    pub id: String,
    /// Where people see it, where that is known.
    pub url: Option<String>,
}

/// What was said under a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its id at the network.
    pub id: String,
    /// Who said it, as the network shows them. Hostile text.
    pub author: String,
    /// The same by what nobody else has there: an id, or a handle where the network tells no other; where it tells either.
    pub by: Option<String>,
    /// What was said. Hostile text.
    pub text: String,
    /// When, where the network says so.
    pub at: Option<Timestamp>,
    /// The comment it answers; `None` where it answers the post.
    pub in_reply_to: Option<String>,
}

impl Comment {
    /// Whether the profile itself said it. A name proves nothing: anybody may bear it.
    #[must_use]
    pub fn is_by(&self, target: Target<'_>) -> bool {
        let plain = |text: &str| text.trim_start_matches('@').to_lowercase();
        let handle = target.handle.filter(|handle| !handle.is_empty());
        let is_ours = |by: &str| by == target.network_id || handle.is_some_and(|handle| plain(handle) == plain(by));
        self.by.as_deref().filter(|by| !by.is_empty()).is_some_and(is_ours)
    }
}

/// What was said under a post, oldest first, as far as the network tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comments {
    /// What was said.
    pub said: Vec<Comment>,
    /// What people have to know of a list that is not all there is; `None`: it is whole, as far as is known.
    pub note: Option<Words>,
}

impl Comments {
    /// What was read, and whether the network has more.
    pub(crate) fn read(said: Vec<Comment>, is_cut: bool) -> Self {
        let note = || {
            Words::new(
                "There are more comments than are read here: open the post at the network to see them all.",
                "Es gibt mehr Kommentare, als hier gelesen werden: öffnen Sie den Beitrag beim Netzwerk, um alle zu sehen.",
            )
        };
        Self { said, note: is_cut.then(note) }
    }
}

impl std::ops::Deref for Comments {
    type Target = [Comment];

    fn deref(&self) -> &[Comment] {
        &self.said
    }
}

/// Why an act was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDone {
    /// The network does not allow it to anybody.
    NotSupported(Words),
    /// What was given does not fit the network's rules; nothing was sent.
    Invalid {
        /// Which field: `text`, `link`, `title`, `media`.
        field: &'static str,
        /// What to change.
        words: Words,
    },
    /// The network refused it; nothing was done. The diagnosis says whether that speaks against the token.
    Refused(Diagnosis),
    /// It may have been done: no answer came, or one that cannot be read.
    Unclear(Evidence),
}

/// The refusal of what a network does not allow.
pub fn not_supported(ability: Ability) -> NotDone {
    match ability {
        Ability::No { en, de } => NotDone::NotSupported(Words::new(en, de)),
        Ability::Yes => NotDone::NotSupported(Words::new("This network has no such call.", "Dieses Netzwerk hat keinen solchen Aufruf.")),
    }
}

/// The answer of a network that cannot be asked whether a post is there.
pub fn cannot_be_asked() -> NotDone {
    NotDone::NotSupported(Words::new(
        "This network cannot be asked whether the post is there.",
        "Dieses Netzwerk kann nicht gefragt werden, ob der Beitrag da ist.",
    ))
}

/// Whether a network does such a thing for anybody, and the link is one that can be opened.
///
/// # Errors
/// With the network's reason, or the field and what to change.
pub fn allowed(can: Can, draft: Draft<'_>) -> Result<(), NotDone> {
    let ability = match draft {
        Draft::Post(_) => can.publish,
        Draft::Comment { in_reply_to: None, .. } => can.comment,
        Draft::Comment { in_reply_to: Some(_), .. } => can.reply,
    };
    if !ability.is_yes() {
        return Err(not_supported(ability));
    }
    let link = if let Draft::Post(post) = draft { post.link.as_deref().filter(|link| !link.is_empty()) } else { None };
    let is_web = |link: &str| url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if link.is_some_and(|link| !is_web(link)) {
        let words = Words::new("This is no web address.", "Das ist keine Internetadresse.");
        return Err(NotDone::Invalid { field: "link", words });
    }
    Ok(())
}

/// A text and the link that goes with it, where the network has no place of its own for a link.
pub fn with_link(post: &Post) -> String {
    match post.link.as_deref().filter(|link| !link.is_empty() && !post.text.contains(link)) {
        Some(link) if post.text.trim().is_empty() => link.to_owned(),
        Some(link) => format!("{}\n{link}", post.text),
        None => post.text.clone(),
    }
}

/// Text that must be there and not longer than the network takes.
///
/// # Errors
/// With the field and what to change.
pub fn fits(field: &'static str, text: &str, count: usize, max: usize) -> Result<Fit, NotDone> {
    if text.trim().is_empty() {
        return Err(NotDone::Invalid { field, words: Words::new("Write something first.", "Schreiben Sie zuerst etwas.") });
    }
    if count > max {
        let words = Words::new(
            format!("This is {count} characters long; the network takes {max}. Shorten it by {}.", count - max),
            format!("Das sind {count} Zeichen; das Netzwerk nimmt {max}. Kürzen Sie um {}.", count - max),
        );
        return Err(NotDone::Invalid { field, words });
    }
    Ok(Fit { counted: count, max, note: None })
}

/// Sends an act, once. What never left the house was not done; what left and was not answered may have been.
///
/// # Errors
/// When there is no answer.
pub async fn send(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Response<Bytes>, NotDone> {
    wire.send(request).await.map_err(|error| match error {
        WireError::Lost(_) => NotDone::Unclear(Evidence::new(cx.now, Source::Use, None, None, &error.to_string())),
        _ => NotDone::Refused(oauth::no_answer(cx.now, Source::Use, &error)),
    })
}

/// The result of a step that only prepares an act: whatever became of it, nothing was published.
///
/// # Errors
/// As before, but never unclear.
pub fn prepared<T>(done: Result<T, NotDone>) -> Result<T, NotDone> {
    done.map_err(|not_done| match not_done {
        NotDone::Unclear(evidence) => NotDone::Refused(Diagnosis::transient(evidence, None)),
        known => known,
    })
}

/// What an answer to an act that is no success means: a 5xx may have been carried out, everything else was refused.
pub fn refused(cx: Cx<'_>, answer: &Response<Bytes>, diagnosis: Diagnosis) -> NotDone {
    if answer.status().is_server_error() || answer.status().is_success() {
        return NotDone::Unclear(oauth::unreadable(cx.now, Source::Use, answer));
    }
    NotDone::Refused(diagnosis)
}
