//! Posts: on the account's own page or in a community, with what each community demands of them.

use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use super::Reddit;
use crate::acting::{self, Acting, Fit, NotDone, Post, Posted};
use crate::network::{App, Kind, Words};
use crate::oauth;

const TITLE_MAX: usize = 300;
/// Of a post (unconfirmed).
const TEXT_MAX: usize = 40_000;

fn invalid(field: &'static str, words: Words) -> NotDone {
    NotDone::Invalid { field, words }
}

/// What is said: a link alone is a post of its own kind; beside words it stands among them, as Reddit shows a link's post without any.
struct Said {
    title: String,
    text: String,
    link: Option<String>,
    fit: Fit,
}

fn said(app: &App, post: &Post) -> Result<Said, NotDone> {
    if !post.media.is_empty() {
        let words = Words::new("Reddit takes no pictures or films here.", "Reddit nimmt hier keine Bilder oder Filme.");
        return Err(invalid("media", words));
    }
    let first_line = || post.text.lines().next().unwrap_or_default().chars().take(app.limit("title_max", TITLE_MAX)).collect::<String>();
    let title = post.title.clone().unwrap_or_else(first_line);
    acting::fits("title", &title, title.chars().count(), app.limit("title_max", TITLE_MAX))?;
    let link = post.link.clone().filter(|_| post.text.trim().is_empty() || post.text.trim() == title.trim());
    let (text, fit) = match &link {
        Some(_) => (String::new(), Fit { counted: post.text.chars().count(), max: app.limit("text_max", TEXT_MAX), note: None }),
        None => {
            let text = acting::with_link(post);
            let fit = acting::fits("text", &text, text.chars().count(), app.limit("text_max", TEXT_MAX))?;
            (text, fit)
        }
    };
    Ok(Said { title, text, link, fit })
}

/// What a community demands is only known once it is asked.
pub(super) fn measure(app: &App, kind: Kind, post: &Post) -> Result<Fit, NotDone> {
    let fit = said(app, post)?.fit;
    let note = (kind == Kind::Community).then(|| {
        Words::new(
            "The community's own demands (a flair, words in the title) are asked for before it is sent.",
            "Was die Community selbst verlangt (ein Flair, Wörter im Titel), wird vor dem Senden abgefragt.",
        )
    });
    Ok(Fit { note, ..fit })
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, target, .. } = by;
    let Said { title, text, link, .. } = said(cx.app, post)?;
    let name = target.handle.unwrap_or_default();
    let is_community = target.kind == Kind::Community;
    let place = if is_community { name.to_owned() } else { format!("u_{name}") };
    let flair = if is_community { demanded(by, name, &title, &text, link.is_some()).await? } else { None };
    let mut form = vec![("sr", place.as_str()), ("title", &title), ("resubmit", "true")];
    match &link {
        Some(link) => form.extend([("kind", "link"), ("url", link)]),
        None => form.extend([("kind", "self"), ("text", &text)]),
    }
    form.extend(flair.as_deref().map(|flair| ("flair_id", flair)));
    let made = Reddit::act(cx, wire, tokens, "/api/submit", &form).await?;
    let id =
        oauth::text(&made, "name").ok_or_else(|| NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "no id came")))?;
    Ok(Posted { id: id.to_owned(), url: oauth::text(&made, "url").map(str::to_owned) })
}

/// Asks; what cannot be answered demands nothing: Reddit itself refuses what does not fit.
async fn ask(Acting { cx, wire, tokens, .. }: Acting<'_>, path: &str) -> Option<Value> {
    let answer = wire.send(Reddit::get(&cx, path, tokens)).await.ok().filter(|answer| answer.status().is_success())?;
    serde_json::from_slice(answer.body()).ok()
}

/// What the community demands of a post, met before anything is sent; the flair to give it.
async fn demanded(by: Acting<'_>, community: &str, title: &str, text: &str, is_link: bool) -> Result<Option<String>, NotDone> {
    of_its_kind(by, community, is_link).await?;
    let path = format!("/api/v1/{}/post_requirements?raw_json=1", oauth::percent(community));
    let demands = ask(by, &path).await.unwrap_or(Value::Null);
    let number = |field: &str| demands.get(field).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    bounds("title", community, title, number("title_text_min_length"), number("title_text_max_length"))?;
    if !is_link {
        bounds("text", community, text, number("body_text_min_length"), number("body_text_max_length"))?;
    }
    match by.cx.app.options.iter().find(|(name, _)| is_flair_of(name, community)).map(|(_, wanted)| wanted.as_str()) {
        Some(wanted) => chosen(by, community, wanted).await.map(Some),
        None if demands.get("is_flair_required") == Some(&Value::Bool(true)) => {
            let names = names(&flairs(by, community).await);
            let words = Words::new(
                format!(
                    "r/{community} takes no post without a flair. An admin sets options.\"flair.{community}\" of Reddit to one of: {names}."
                ),
                format!(
                    "r/{community} nimmt keinen Beitrag ohne Flair. Ein Admin setzt options.\"flair.{community}\" von Reddit auf eines davon: {names}."
                ),
            );
            Err(invalid("flair", words))
        }
        None => Ok(None),
    }
}

/// There are communities for texts, and others for links alone.
async fn of_its_kind(by: Acting<'_>, community: &str, is_link: bool) -> Result<(), NotDone> {
    let about = ask(by, &format!("/r/{}/about?raw_json=1", oauth::percent(community))).await.unwrap_or(Value::Null);
    let takes = about.pointer("/data/submission_type").and_then(Value::as_str).unwrap_or("any");
    match (takes, is_link) {
        ("self", true) => {
            let words = Words::new(
                format!("r/{community} takes texts only: write something beside the link."),
                format!("r/{community} nimmt nur Texte: schreiben Sie etwas neben den Link."),
            );
            Err(invalid("link", words))
        }
        ("link", false) => {
            let words = Words::new(
                format!("r/{community} takes links only: give a link, and a title without any further words."),
                format!("r/{community} nimmt nur Links: geben Sie einen Link an und einen Titel ohne weitere Worte."),
            );
            Err(invalid("link", words))
        }
        _ => Ok(()),
    }
}

/// Option `flair.NAME` names the flair of posts in r/NAME.
fn is_flair_of(option: &str, community: &str) -> bool {
    option.strip_prefix("flair.").is_some_and(|name| name.eq_ignore_ascii_case(community))
}

fn bounds(field: &'static str, community: &str, text: &str, min: Option<usize>, max: Option<usize>) -> Result<(), NotDone> {
    let count = text.chars().count();
    if let Some(max) = max.filter(|max| count > *max) {
        let words = Words::new(
            format!("r/{community} takes {max} characters here; these are {count}."),
            format!("r/{community} nimmt hier {max} Zeichen; das sind {count}."),
        );
        return Err(invalid(field, words));
    }
    if let Some(min) = min.filter(|min| count < *min) {
        let words = Words::new(
            format!("r/{community} wants {min} characters here at least; these are {count}."),
            format!("r/{community} verlangt hier mindestens {min} Zeichen; das sind {count}."),
        );
        return Err(invalid(field, words));
    }
    Ok(())
}

/// The flairs of a community: id and words.
async fn flairs(by: Acting<'_>, community: &str) -> Vec<(String, String)> {
    let listed = ask(by, &format!("/r/{}/api/link_flair_v2?raw_json=1", oauth::percent(community))).await.unwrap_or(Value::Null);
    let one = |flair: &Value| Some((oauth::text(flair, "id")?.to_owned(), oauth::text(flair, "text").unwrap_or_default().to_owned()));
    listed.as_array().into_iter().flatten().filter_map(one).collect()
}

fn names(flairs: &[(String, String)]) -> String {
    flairs.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ")
}

/// The id of the flair that is wanted, by its words or its id.
async fn chosen(by: Acting<'_>, community: &str, wanted: &str) -> Result<String, NotDone> {
    let flairs = flairs(by, community).await;
    let is_wanted = |(id, text): &&(String, String)| id == wanted || text.trim().eq_ignore_ascii_case(wanted.trim());
    match flairs.iter().find(is_wanted) {
        Some((id, _)) => Ok(id.clone()),
        // Not listed to us: what looks like an id is taken for one.
        None if flairs.is_empty() && wanted.len() == 36 => Ok(wanted.to_owned()),
        None => {
            let names = names(&flairs);
            let words = Words::new(
                format!(
                    "r/{community} has no flair \"{wanted}\". An admin sets options.\"flair.{community}\" of Reddit to one of: {names}."
                ),
                format!(
                    "r/{community} hat kein Flair „{wanted}“. Ein Admin setzt options.\"flair.{community}\" von Reddit auf eines davon: {names}."
                ),
            );
            Err(invalid("flair", words))
        }
    }
}
