//! Containers of Instagram and Threads: what is to be said is put into one, the network fetches its media by itself, and only what
//! is ready can be published. Facts: `networks/instagram` and `networks/threads` of the knowledge base, section 8 of both; the fields of
//! several pictures and of films as Meta documents them (Content Publishing; Threads, Posts).

use http::Method;
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use super::quota::{self, Counted};
use super::{act, call};
use crate::acting::{self, Acting, Fit, Media, NotDone, Post, Posted};
use crate::media::{LOOKS, Takes, is_film, not_yet, still, wrong};
use crate::network::Cx;
use crate::oauth;

/// What differs between the two.
pub(crate) struct Habits {
    /// Its name, for people.
    pub(crate) title: &'static str,
    /// The edge that makes a container, and the one that publishes it.
    pub(crate) edges: (&'static str, &'static str),
    /// Where it says how much of the day is used up.
    pub(crate) limit: &'static str,
    /// The field of the words.
    pub(crate) text: &'static str,
    /// The field that says how far a container is, and the one that says why it failed.
    pub(crate) status: (&'static str, &'static str),
    /// What a film on its own is called.
    pub(crate) film: &'static str,
    /// What a picture on its own is called, where that has to be said.
    pub(crate) picture: Option<&'static str>,
    /// Whether a film has words for those who do not see it.
    pub(crate) film_alt: bool,
    /// What goes with a post.
    pub(crate) takes: Takes,
}

/// Where the calls go, as whom, and with which token: the account's own, or that of the page it is linked to.
pub(crate) struct Door<'a> {
    pub(crate) graph: String,
    pub(crate) token: &'a Secret,
}

impl Door<'_> {
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.graph)
    }
}

/// How long containers of one post are still waited for, all together.
struct Patience {
    waits: std::array::IntoIter<i64, { LOOKS.len() }>,
}

fn no_id(cx: Cx<'_>) -> NotDone {
    NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "done, but no id came"))
}

/// The words of a post with its link, measured: without any only where a picture or film speaks.
pub(crate) fn words(post: &Post, text: &str, count: usize, max: usize) -> Result<Fit, NotDone> {
    match text.trim() {
        "" if !post.media.is_empty() => Ok(Fit { max, ..Fit::default() }),
        _ => acting::fits("text", text, count, max),
    }
}

/// What is said of one picture or film: alone, or as one of several.
fn item<'a>(habits: &Habits, media: &'a Media, is_one_of: bool) -> Vec<(&'static str, &'a str)> {
    let url = media.url.as_deref().unwrap_or_default();
    let mut form = match (is_film(media), is_one_of) {
        (true, false) => vec![("media_type", habits.film), ("video_url", url)],
        (true, true) => vec![("media_type", "VIDEO"), ("video_url", url)],
        (false, _) => vec![("image_url", url)],
    };
    form.extend(habits.picture.filter(|_| !is_film(media)).map(|picture| ("media_type", picture)));
    form.extend(media.alt.as_deref().filter(|_| habits.film_alt || !is_film(media)).map(|alt| ("alt_text", alt)));
    if is_one_of {
        form.push(("is_carousel_item", "true"));
    }
    form
}

/// Publishes a post with media. Before the last call nothing is published, whatever becomes of the others.
pub(crate) async fn post(by: Acting<'_>, door: &Door<'_>, habits: &Habits, post: &Post, text: &str) -> Result<Posted, NotDone> {
    quota::has_room(by, door, habits, Counted::Posts).await?;
    let mut patience = Patience { waits: LOOKS.into_iter() };
    let said = (habits.text, text);
    let container = match post.media.as_slice() {
        [one] => {
            let mut form = item(habits, one, false);
            form.push(said);
            make(by, door, habits, &form).await?
        }
        several => {
            let mut items = vec![];
            for each in several {
                items.push(make(by, door, habits, &item(habits, each, true)).await?);
            }
            for each in &items {
                ready(by, door, habits, each, &mut patience).await?;
            }
            let children = items.join(",");
            make(by, door, habits, &[("media_type", "CAROUSEL"), ("children", &children), said]).await?
        }
    };
    ready(by, door, habits, &container, &mut patience).await?;
    publish(by, door, habits, &container).await
}

/// Says words alone.
pub(crate) async fn say(by: Acting<'_>, door: &Door<'_>, habits: &Habits, form: &[(&str, &str)]) -> Result<Posted, NotDone> {
    let counted = if form.iter().any(|(field, _)| *field == "reply_to_id") { Counted::Replies } else { Counted::Posts };
    quota::has_room(by, door, habits, counted).await?;
    let container = make(by, door, habits, form).await?;
    let mut patience = Patience { waits: LOOKS.into_iter() };
    ready(by, door, habits, &container, &mut patience).await?;
    publish(by, door, habits, &container).await
}

async fn make(by: Acting<'_>, door: &Door<'_>, habits: &Habits, form: &[(&str, &str)]) -> Result<String, NotDone> {
    let Acting { cx, wire, target, .. } = by;
    let url = door.at(&format!("{}/{}", oauth::percent(target.network_id), habits.edges.0));
    let made = acting::prepared(act(cx, wire, call(&cx, Method::POST, &url, door.token, form)).await);
    let made = made.map_err(|refused| of_media(habits.title, refused))?;
    oauth::id(&made, "id").ok_or_else(|| not_yet(cx, "no_id", "the network made a container without an id: nothing was published"))
}

/// Waits until a container can be published.
async fn ready(by: Acting<'_>, door: &Door<'_>, habits: &Habits, container: &str, patience: &mut Patience) -> Result<(), NotDone> {
    let Acting { cx, wire, .. } = by;
    let (status, why) = habits.status;
    let url = oauth::with_query(&door.at(&oauth::percent(container)), &[("fields", &format!("{status},{why}"))]);
    for wait in patience.waits.by_ref() {
        wire.pause(Span::seconds(wait)).await;
        let look = match act(cx, wire, call(&cx, Method::GET, &url, door.token, &[])).await {
            Ok(look) => look,
            Err(NotDone::Refused(refused)) if !refused.is_harmless() => return Err(NotDone::Refused(refused)),
            // That it could not be asked says nothing of the container.
            Err(_) => continue,
        };
        match oauth::text(&look, status) {
            Some("IN_PROGRESS") => {}
            Some("ERROR") => return Err(failed(habits.title, oauth::text(&look, why).unwrap_or_default())),
            Some("EXPIRED") => {
                let title = habits.title;
                let en =
                    format!("{title} kept the pictures or films for a day and has let go of them. Nothing was published: send it again.");
                let de = format!(
                    "{title} hat die Bilder oder Filme einen Tag aufbewahrt und verworfen. Es wurde nichts veröffentlicht: senden Sie es noch einmal."
                );
                return Err(wrong(en, de));
            }
            // Ready; or a word that is not known, and then the network itself refuses what is not.
            _ => return Ok(()),
        }
    }
    Err(still(cx, habits.title))
}

/// Publishes what is ready, and asks where people see it. A container is published once at most: where no answer came and the container
/// says that it was not, the same is asked once more.
async fn publish(by: Acting<'_>, door: &Door<'_>, habits: &Habits, container: &str) -> Result<Posted, NotDone> {
    let Acting { cx, wire, target, .. } = by;
    let url = door.at(&format!("{}/{}", oauth::percent(target.network_id), habits.edges.1));
    let request = || call(&cx, Method::POST, &url, door.token, &[("creation_id", container)]);
    let mut done = act(cx, wire, request()).await;
    if matches!(done, Err(NotDone::Unclear(_))) && is_unpublished(by, door, habits, container).await {
        // A refusal of the second does not say what became of the first.
        done = act(cx, wire, request()).await.or(done);
    }
    let done = done.map_err(|refused| of_media(habits.title, refused))?;
    let id = oauth::id(&done, "id").ok_or_else(|| no_id(cx))?;
    let shown = oauth::with_query(&door.at(&oauth::percent(&id)), &[("fields", "permalink")]);
    let shown = act(cx, wire, call(&cx, Method::GET, &shown, door.token, &[])).await.ok();
    Ok(Posted { url: shown.and_then(|shown| oauth::text(&shown, "permalink").map(str::to_owned)), id })
}

async fn is_unpublished(by: Acting<'_>, door: &Door<'_>, habits: &Habits, container: &str) -> bool {
    let Acting { cx, wire, .. } = by;
    let url = oauth::with_query(&door.at(&oauth::percent(container)), &[("fields", habits.status.0)]);
    wire.pause(Span::seconds(2)).await;
    let look = act(cx, wire, call(&cx, Method::GET, &url, door.token, &[])).await.ok();
    look.is_some_and(|look: Value| oauth::text(&look, habits.status.0) == Some("FINISHED"))
}

/// What a container says that failed: a code of the table below in a sentence, or a word.
fn failed(title: &str, told: &str) -> NotDone {
    let code = told.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() >= 5);
    if let Some(known) = code.and_then(|code| of_code(title, code)) {
        return known;
    }
    let told = if told.is_empty() { String::new() } else { format!(" ({told})") };
    wrong(
        format!("{title} could not use a picture or film{told}. Nothing was published."),
        format!("{title} konnte ein Bild oder einen Film nicht verwenden{told}. Es wurde nichts veröffentlicht."),
    )
}

/// A refusal that is about a picture or film, in words.
fn of_media(title: &str, refused: NotDone) -> NotDone {
    let NotDone::Refused(diagnosis) = &refused else { return refused };
    // A word, not a number.
    if diagnosis.evidence.words.contains("LINK_LIMIT_EXCEEDED") {
        let en = format!("{title} finds too many links in the words. Nothing was published.");
        let de = format!("{title} findet zu viele Links im Text. Es wurde nichts veröffentlicht.");
        return NotDone::Invalid { field: "text", words: crate::network::Words::new(en, de) };
    }
    let code = diagnosis.evidence.code.as_deref().unwrap_or_default();
    let known = code.rsplit('/').find_map(|code| of_code(title, code));
    known.unwrap_or(refused)
}

/// The codes that speak of what was given (`networks/instagram`, section 8).
fn of_code(title: &str, code: &str) -> Option<NotDone> {
    let (en, de) = match code {
        "2207020" => (
            "kept a picture or film for a day and has let go of it. Send it again",
            "hat ein Bild oder einen Film einen Tag aufbewahrt und verworfen. Senden Sie es noch einmal",
        ),
        "2207052" => (
            "could not fetch a picture or film. Its address has to be open to everybody",
            "konnte ein Bild oder einen Film nicht holen. Die Adresse muss für alle erreichbar sein",
        ),
        "2207004" | "36000" => ("finds a picture too large", "findet ein Bild zu groß"),
        "2207009" | "36003" => ("does not take the proportions of a picture", "nimmt die Seitenverhältnisse eines Bildes nicht"),
        "2207010" => ("finds the words too long", "findet den Text zu lang"),
        "2207005" | "36001" => ("does not take that kind of picture", "nimmt diese Art Bild nicht"),
        "2207023" | "2207026" => ("does not take that kind of film", "nimmt diese Art Film nicht"),
        "2207028" => ("does not take these pictures and films together", "nimmt diese Bilder und Filme nicht zusammen"),
        "2207057" => ("does not take that moment of the film as its picture", "nimmt diese Stelle des Films nicht als Bild"),
        _ => return None,
    };
    let field = if code == "2207010" { "text" } else { "media" };
    let words = crate::network::Words::new(
        format!("{title} {en}. Nothing was published."),
        format!("{title} {de}. Es wurde nichts veröffentlicht."),
    );
    Some(NotDone::Invalid { field, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_in_words() {
        let NotDone::Invalid { field: "media", words } = failed("Instagram", "Error: Media upload has failed with error code 2207052")
        else {
            panic!("about the media")
        };
        assert!(words.en.contains("open to everybody") && words.de.contains("für alle erreichbar"));
        let NotDone::Invalid { words, .. } = failed("Threads", "FAILED_DOWNLOADING_VIDEO") else { panic!("about the media") };
        assert!(words.en.contains("(FAILED_DOWNLOADING_VIDEO)"));
    }
}
