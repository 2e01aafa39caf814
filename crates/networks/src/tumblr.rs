//! Tumblr: one login is one user with a primary blog and any number of others. Refresh tokens rotate and live 42 days.
//! Facts: `networks/tumblr` of the knowledge base.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::{Value, json};

use crate::acting::{self, Acting, Comment, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::media::{By, Takes};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, ENDED_IN_SETTINGS, Endpoint, Failure, Found, Issued,
    Kind, Network, PersonSeen, Registration, Renewal, Rule, Start,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub(crate) struct Tumblr;

/// What a text block takes (unconfirmed; option `text_max`).
const TEXT_MAX: usize = 4_096;
/// In seconds.
const DAY: i64 = 86_400;
/// The most pages of notes that are read.
const PAGES_MAX: usize = 10;

const NO_REPLIES: Ability = Ability::No {
    en: "Tumblr has no interface for replies: they can be read here, and answered on Tumblr itself.",
    de: "Tumblr hat keine Schnittstelle für Antworten: sie können hier gelesen und auf Tumblr selbst beantwortet werden.",
};

static ABOUT: About = About {
    name: "tumblr",
    title: "Tumblr",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: NO_REPLIES, read_comments: Ability::Yes, reply: NO_REPLIES },
    rules: &[
        Rule {
            en: "One login connects your primary blog and every other blog whose admin or member you are. What a member may do is up to the blog.",
            de: "Eine Anmeldung verbindet Ihr Hauptblog und jedes weitere Blog, dessen Admin oder Mitglied Sie sind. Was ein Mitglied darf, entscheidet das Blog.",
        },
        Rule {
            en: "Tumblr ends a connection that is not used for 42 days. We renew it long before.",
            de: "Tumblr beendet eine Verbindung, die 42 Tage nicht benutzt wird. Wir erneuern sie lange vorher.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["basic", "write", "offline_access"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.tumblr.com/oauth2/authorize" },
        Endpoint { key: "token", url: "https://api.tumblr.com/v2/oauth2/token" },
        Endpoint { key: "api", url: "https://api.tumblr.com/v2" },
    ],
};

/// Pictures that Tumblr fetches by itself; thirty is what other clients send (no figure is in its documentation of the API).
static TAKES: Takes =
    Takes { needed: false, pictures: 30, pictures_by: By::Address, films: 0, films_by: By::Address, mixed: false, film_bytes: None };

impl Tumblr {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn form(cx: &Cx<'_>, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let client = [("client_id", cx.app.client_id.as_str()), ("client_secret", oauth::client_secret(cx))];
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain(client).collect();
        oauth::post_form(&Self::url(cx, "token"), &all)
    }

    fn get(cx: &Cx<'_>, path: &str, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&format!("{}{path}", Self::url(cx, "api")), &tokens.access_token)
    }

    /// The envelope's status and subcode; the message is for people.
    fn seen(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> (i64, Evidence) {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let error = json.pointer("/errors/0").cloned().unwrap_or_default();
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
        let words = oauth::text(&error, "title").or(json.pointer("/meta/msg").and_then(Value::as_str)).unwrap_or_default();
        if words.is_empty() {
            return (0, oauth::unreadable(cx.now, source, answer));
        }
        let shown = if code == 0 { answer.status().as_u16().to_string() } else { code.to_string() };
        (code, oauth::evidence(cx.now, source, answer, Some(&shown), words))
    }

    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let (code, seen) = Self::seen(cx, source, answer);
        let is_envelope = envelope(answer);
        match (answer.status().as_u16(), code) {
            // Expired and revoked alike: the renewal tells whether anything is wrong.
            (401, _) if oauth::json(answer).is_some() => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            // Limits of the day.
            (403, code) if limit_of_day(code).is_some() => {
                Diagnosis::transient(seen, Some(wait(answer).unwrap_or_else(|| until_next_day(cx))))
            }
            // An earlier film is still being processed.
            (403, 8010) => Diagnosis::transient(seen, Some(Span::minutes(5))),
            // This blog, when something is done there; of everything else it is our name or our app that is refused.
            (403, 0) if source == Source::Use && is_envelope => Diagnosis::refused(Cause::PermissionLost, Confidence::Likely, seen),
            (403, 0) if is_envelope => Diagnosis::misconfigured(seen),
            (404, 0) if source == Source::Use && is_envelope => Diagnosis::refused(Cause::PermissionLost, Confidence::Guess, seen),
            _ => Diagnosis::transient(seen, wait(answer)),
        }
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let request = Self::get(&cx, "/user/info", tokens);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let user = json.pointer("/response/user").filter(|_| answer.status().is_success()).cloned().unwrap_or_default();
        let blogs = user.get("blogs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // There is no id of a user: the primary blog's lasts as long as the user.
        let primary = blogs.iter().find(|blog| blog.get("primary").and_then(Value::as_bool) == Some(true));
        let Some(id) = primary.and_then(|blog| oauth::text(blog, "uuid")) else {
            return Err(Self::diagnose(&cx, Source::Discovery, &answer));
        };
        let name = oauth::text(&user, "name").unwrap_or(id).to_owned();
        let profiles: Option<Vec<Found>> = blogs.iter().map(blog_of).collect();
        let profiles = profiles.ok_or_else(|| oauth::incomplete(cx.now, "a blog without name or id"))?;
        let person = PersonSeen { network_id: id.to_owned(), name: name.clone(), handle: Some(name), across_apps: None };
        Ok(Discovery { person, profiles, all_come_along: false })
    }

    /// The blocks of a post that fits.
    fn blocks(app: &App, post: &Post) -> Result<(Vec<Value>, Fit), NotDone> {
        let max = app.limit("text_max", TEXT_MAX);
        TAKES.as_set(&app.options).check(ABOUT.title, post)?;
        let fit = acting::fits("text", &post.text, post.text.chars().count(), max)?;
        let mut content = vec![];
        if let Some(title) = post.title.as_deref().filter(|title| !title.trim().is_empty()) {
            // A block of text like the others.
            acting::fits("title", title, title.chars().count(), max)?;
            content.push(json!({ "type": "text", "subtype": "heading1", "text": title }));
        }
        content.push(json!({ "type": "text", "text": post.text }));
        for media in &post.media {
            let url = media.url.as_deref().unwrap_or_default();
            content.push(json!({ "type": "image", "media": [{ "url": url, "type": media.content_type }], "alt_text": media.alt.clone().unwrap_or_default() }));
        }
        if let Some(link) = post.link.as_deref().filter(|link| !link.is_empty()) {
            content.push(json!({ "type": "link", "url": link }));
        }
        Ok((content, fit))
    }

    async fn post(Acting { cx, wire, tokens, target, .. }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
        let (content, _) = Self::blocks(cx.app, post)?;
        let url = format!("{}/blog/{}/posts", Self::url(&cx, "api"), oauth::percent(target.network_id));
        let request = oauth::post_json(&url, &tokens.access_token, &json!({ "content": content, "state": "published" }));
        let answer = acting::send(cx, wire, request).await?;
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let id = json.get("response").and_then(|response| oauth::id(response, "id")).filter(|_| answer.status() == StatusCode::CREATED);
        let Some(id) = id else {
            let mut diagnosis = Self::diagnose(&cx, Source::Use, &answer);
            if let Some(limit) = limit_of_day(Self::seen(&cx, Source::Use, &answer).0)
                && let Some(wait) = Self::until_reset(cx, wire, tokens, limit).await
            {
                diagnosis = Diagnosis::transient(diagnosis.evidence, Some(wait));
            }
            return Err(acting::refused(cx, &answer, diagnosis));
        };
        Ok(Posted { url: target.handle.map(|handle| format!("https://{handle}.tumblr.com/post/{id}")), id })
    }

    /// Tumblr's days are those of its servers' clocks, and it says itself when the next begins (the field's name is unconfirmed).
    async fn until_reset(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, limit: &str) -> Option<Span> {
        let answer = wire.send(Self::get(&cx, "/user/limits", tokens)).await.ok()?;
        let json = oauth::json(&answer).filter(|_| answer.status().is_success())?;
        let at = json.pointer(&format!("/response/user/{limit}/reset_at"))?.as_i64()?;
        let wait = at.checked_sub(cx.now.as_seconds())?;
        (1..=2 * DAY).contains(&wait).then(|| Span::seconds(wait))
    }

    async fn notes(Acting { cx, wire, tokens, target, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
        let path = format!("/blog/{}/notes?id={}&mode=replies", oauth::percent(target.network_id), oauth::percent(post));
        let (mut all, mut next) = (vec![], Some(path));
        for _ in 0..PAGES_MAX {
            let Some(path) = next.take() else { break };
            let answer = acting::send(cx, wire, Self::get(&cx, &path, tokens)).await?;
            let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let Some(notes) = json.pointer("/response/notes").and_then(Value::as_array).filter(|_| answer.status().is_success()) else {
                return Err(acting::refused(cx, &answer, Self::diagnose(&cx, Source::Use, &answer)));
            };
            all.extend(notes.iter().filter_map(reply_of));
            let link = json.pointer("/response/_links/next/href").and_then(Value::as_str);
            next = link.and_then(|link| link.strip_prefix("/v2")).map(str::to_owned);
        }
        all.sort_by_key(|comment: &Comment| comment.at);
        Ok(Comments::read(all, next.is_some()))
    }
}

/// Whether this is an answer of the API; its token endpoint may answer so as well (unconfirmed).
fn envelope(answer: &Response<Bytes>) -> bool {
    oauth::json(answer).is_some_and(|json| json.pointer("/meta/status").is_some())
}

/// The limit of a day that a subcode is about, by its name among a user's limits.
const fn limit_of_day(code: i64) -> Option<&'static str> {
    match code {
        8004 => Some("photos"),
        8011 => Some("videos"),
        8023 => Some("posts"),
        _ => None,
    }
}

/// The rest of the day. Where the servers' clocks stand is unconfirmed: option `day_begins`, in hours of UTC.
fn until_next_day(cx: &Cx<'_>) -> Span {
    let begins = cx.app.options.get("day_begins").and_then(|hours| hours.parse::<i64>().ok()).filter(|hours| (0..24).contains(hours));
    Span::seconds(DAY - (cx.now.as_seconds() - begins.unwrap_or(0) * 3_600).rem_euclid(DAY))
}

/// When a limit ends, where the answer says so (header names unconfirmed).
fn wait(answer: &Response<Bytes>) -> Option<Span> {
    let seconds = |name: &str| answer.headers().get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let left = |window: &str| seconds(&format!("x-ratelimit-{window}-remaining"));
    let reset = ["perhour", "perday"]
        .into_iter()
        .filter(|window| left(window) == Some(0))
        .find_map(|window| seconds(&format!("x-ratelimit-{window}-reset")));
    oauth::retry_after(answer).or(reset.filter(|seconds| (0..=86_400).contains(seconds)).map(Span::seconds))
}

fn blog_of(blog: &Value) -> Option<Found> {
    let name = oauth::text(blog, "name")?;
    let is_admin = blog.get("admin").and_then(Value::as_bool) == Some(true) || blog.get("primary").and_then(Value::as_bool) == Some(true);
    Some(Found {
        network_id: oauth::text(blog, "uuid")?.to_owned(),
        kind: Kind::Page,
        name: oauth::text(blog, "title").unwrap_or(name).to_owned(),
        handle: Some(name.to_owned()),
        avatar: None,
        role: if is_admin { "admin" } else { "member" }.into(),
        parent: None,
        // Members may post; a blog that does not let them says so when it is tried.
        unusable: None,
    })
}

/// Notes have no id of their own: who, and when.
fn reply_of(note: &Value) -> Option<Comment> {
    let author = oauth::text(note, "blog_name")?;
    let seconds = note.get("timestamp").and_then(Value::as_i64)?;
    Some(Comment {
        id: oauth::id(note, "reply_id").unwrap_or_else(|| format!("{author}@{seconds}")),
        author: author.to_owned(),
        by: Some(author.to_owned()),
        text: oauth::text(note, "reply_text")?.to_owned(),
        at: Some(Timestamp::from_seconds(seconds)),
        in_reply_to: None,
    })
}

impl Network for Tumblr {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn facts(&self) -> Facts {
        // Whether an old refresh token dies at once is not confirmed: treated as the strictest.
        Facts {
            renewal: RenewalModel::Rotating(Reuse::RevokesFamily),
            access_life: Some(Span::minutes(42)),
            refresh_life: Some(Span::days(42)),
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(" ");
        let authorization = oauth::authorization(&cx, &Self::url(&cx, "authorize"), &scope, start, &[]);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        Ok(Self::form(&cx, &oauth::code_form(&cx, memory, code)))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        oauth::read_exchange(cx, answer, &cx.scopes(&ABOUT)).map_err(|failure| match (failure, answer.status().as_u16()) {
            (Failure::Unavailable { evidence }, 400) if envelope(answer) => Failure::StaleCode { evidence },
            (Failure::Unavailable { evidence }, 401) if envelope(answer) => Failure::Misconfigured { evidence },
            (other, _) => other,
        })
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(Self::form(&cx, &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        // Idle for 42 days, used or revoked: not told apart. Our own clock knows the first.
        oauth::read_renewal(cx, tokens, answer, |json, seen| {
            let is_refused = matches!(answer.status().as_u16(), 400 | 401);
            let is_dead = oauth::text(json, "error") == Some("invalid_grant") || envelope(answer);
            (is_refused && is_dead).then(|| Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen))
        })
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        // As telling as the list of blogs, and small however many of them there are.
        Self::get(&cx, "/user/limits", tokens)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let known =
            oauth::json(answer).filter(|json| answer.status().is_success() && json.pointer("/response/user").is_some_and(Value::is_object));
        Answer::Done(match known {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "user/limits answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    /// None is documented: the person removes the app.
    fn revoke(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
        None
    }

    fn ended_by_person(&self) -> Option<Rule> {
        Some(ENDED_IN_SETTINGS)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        Self::blocks(app, draft.post()?).map(|(_, fit)| fit)
    }

    fn takes(&self) -> Option<&'static Takes> {
        Some(&TAKES)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            Self::post(by, post).await
        })
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(Self::notes(by, post))
    }

    fn has_roles(&self) -> bool {
        true
    }
}
