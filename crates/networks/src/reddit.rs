//! Reddit: one login is one account, which posts on its own profile page and in the communities it has joined. Refresh tokens stay;
//! errors come inside a 200. Facts: `networks/reddit` of the knowledge base.

mod communities;
mod posts;
mod refusals;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::acting::{self, Acting, Comment, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, CauseWords, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind,
    Network, PersonSeen, Registration, Renewal, Rule, Start, Words,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// The adapter. Options: `username` or `user_agent` (who answers for the app), `flair.NAME` (the flair of posts in r/NAME).
pub(crate) struct Reddit;

/// Who the account is; texts come without HTML's escapes.
const ME: &str = "/api/v1/me?raw_json=1";
/// Of a comment (unconfirmed).
const COMMENT_MAX: usize = 10_000;
/// How often more of a tree is asked for, a hundred comments at a time.
const MORE_MAX: usize = 20;

static ABOUT: About = About {
    name: "reddit",
    title: "Reddit",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "One login connects one account. It can post on its own profile page, and in the communities it has joined and is let to write in.",
            de: "Eine Anmeldung verbindet ein Konto. Es kann auf seiner eigenen Profilseite schreiben und in den Communities, denen es beigetreten ist und in denen es schreiben darf.",
        },
        Rule {
            en: "Communities have demands of their own, such as a flair: they are asked for before anything is sent.",
            de: "Communities stellen eigene Anforderungen, etwa ein Flair: sie werden abgefragt, bevor etwas gesendet wird.",
        },
        Rule {
            en: "Reddit approves new apps by hand since November 2025. The connection has no end date; it ends when you remove the app or Reddit suspends the account.",
            de: "Reddit gibt neue Apps seit November 2025 einzeln frei. Die Verbindung hat kein Enddatum; sie endet, wenn Sie die App entfernen oder Reddit das Konto sperrt.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["identity", "read", "submit", "mysubreddits", "flair"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.reddit.com/api/v1/authorize" },
        Endpoint { key: "token", url: "https://www.reddit.com/api/v1/access_token" },
        Endpoint { key: "revoke", url: "https://www.reddit.com/api/v1/revoke_token" },
        // Tokens work here alone.
        Endpoint { key: "api", url: "https://oauth.reddit.com" },
    ],
};

/// A name of ours is demanded, honest, always the same, and with the account that answers for the app (option `username`): others
/// are throttled or turned away. Option `user_agent` replaces it as a whole. `None` where neither is set.
fn agent(cx: &Cx<'_>) -> Option<HeaderValue> {
    let set = |name: &str| cx.app.options.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let ours = |user: &str| {
        let user = user.trim_start_matches("/u/").trim_start_matches("u/");
        format!("server:{}:v{} (by /u/{user})", cx.app.client_id, env!("CARGO_PKG_VERSION"))
    };
    let name = set("user_agent").map(str::to_owned).or_else(|| set("username").map(ours))?;
    HeaderValue::from_str(&name).ok()
}

fn named(cx: &Cx<'_>, mut request: Request<Bytes>) -> Request<Bytes> {
    request.headers_mut().extend(agent(cx).map(|agent| (header::USER_AGENT, agent)));
    request
}

/// A number of which only the whole part counts: Reddit writes seconds with a fraction.
fn whole(number: &Value) -> Option<i64> {
    number.as_i64().or_else(|| number.to_string().split('.').next()?.parse().ok()).filter(|whole| (0..=4_102_444_800).contains(whole))
}

/// When the window of the rate limit ends, in seconds; the numbers may have fractions.
fn wait(answer: &Response<Bytes>) -> Option<Span> {
    let reset = || answer.headers().get("x-ratelimit-reset")?.to_str().ok()?.split('.').next()?.trim().parse::<i64>().ok();
    oauth::retry_after(answer).or_else(|| reset().filter(|reset| (0..=86_400).contains(reset)).map(Span::seconds))
}

/// Comments of a tree, with the ids of those it leaves out.
fn gather(nodes: &[Value], all: &mut Vec<Comment>, left_out: &mut Vec<String>) {
    let mut open: Vec<&Value> = nodes.iter().collect();
    while let Some(node) = open.pop() {
        let Some(data) = node.get("data") else { continue };
        if oauth::text(node, "kind") == Some("more") {
            let ids = data.get("children").and_then(Value::as_array).into_iter().flatten();
            left_out.extend(ids.filter_map(Value::as_str).map(str::to_owned));
            continue;
        }
        if oauth::text(node, "kind") != Some("t1") {
            continue;
        }
        let parent = oauth::text(data, "parent_id").filter(|parent| parent.starts_with("t1_")).map(str::to_owned);
        let seconds = data.get("created_utc").and_then(whole).map(Timestamp::from_seconds);
        all.extend(oauth::text(data, "name").map(|id| Comment {
            id: id.to_owned(),
            author: oauth::text(data, "author").unwrap_or_default().to_owned(),
            by: oauth::text(data, "author").map(str::to_owned),
            text: oauth::text(data, "body").unwrap_or_default().to_owned(),
            at: seconds,
            in_reply_to: parent,
        }));
        open.extend(data.pointer("/replies/data/children").and_then(Value::as_array).into_iter().flatten());
    }
}

impl Reddit {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn form(cx: &Cx<'_>, endpoint: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = oauth::post_form(&Self::url(cx, endpoint), parameters);
        request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, oauth::client_secret(cx)));
        named(cx, request)
    }

    fn get(cx: &Cx<'_>, path: &str, tokens: &TokenSet) -> Request<Bytes> {
        named(cx, oauth::get_bearer(&format!("{}{path}", Self::url(cx, "api")), &tokens.access_token))
    }

    /// Status and the challenge's code; `error` in a body is a text or a number.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let challenge = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let code = challenge.split("error=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let words = oauth::text(&json, "message").unwrap_or(code);
        // Our name or our address is turned away, in JSON or in HTML: that speaks of no token.
        if answer.status().as_u16() == 403 && String::from_utf8_lossy(answer.body()).to_lowercase().contains("blocked") {
            return Diagnosis::misconfigured(oauth::evidence(
                cx.now,
                source,
                answer,
                Some("Blocked"),
                "our name (User-Agent) or address is blocked",
            ));
        }
        if words.is_empty() {
            return Diagnosis::transient(oauth::unreadable(cx.now, source, answer), wait(answer));
        }
        let status = answer.status().as_u16();
        let seen = oauth::evidence(cx.now, source, answer, Some(if code.is_empty() { words } else { code }), words);
        match (status, code) {
            (401, _) => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            (403, "insufficient_scope") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
            _ => Diagnosis::transient(seen, wait(answer)),
        }
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let request = Self::get(&cx, ME, tokens);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json = oauth::json(&answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        let (Some(id), Some(name)) = (oauth::text(&json, "id"), oauth::text(&json, "name")) else {
            return Err(Self::diagnose(&cx, Source::Discovery, &answer));
        };
        let profile = Found {
            network_id: format!("t2_{id}"),
            kind: Kind::Account,
            name: name.to_owned(),
            handle: Some(name.to_owned()),
            avatar: oauth::text(&json, "icon_img").map(str::to_owned),
            role: "owner".into(),
            parent: None,
            unusable: (json.get("is_suspended") == Some(&Value::Bool(true))).then(|| {
                Words::new(
                    "Reddit has suspended this account. It can be connected when Reddit lifts that.",
                    "Reddit hat dieses Konto gesperrt. Es kann verbunden werden, sobald Reddit das aufhebt.",
                )
            }),
        };
        let person = PersonSeen { network_id: format!("t2_{id}"), name: name.to_owned(), handle: Some(name.to_owned()), across_apps: None };
        let mut profiles = vec![profile];
        // A suspended account is shown nothing else.
        if profiles[0].unusable.is_none() {
            profiles.extend(communities::list(cx, wire, tokens, &person.network_id).await?);
        }
        Ok(Discovery { person, profiles, all_come_along: false })
    }

    /// A form with `api_type=json`; what went wrong stands in a 200.
    async fn act(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, path: &str, form: &[(&str, &str)]) -> Result<Value, NotDone> {
        let form: Vec<(&str, &str)> = form.iter().copied().chain([("api_type", "json")]).collect();
        let mut request = oauth::post_form(&format!("{}{path}", Self::url(&cx, "api")), &form);
        request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", tokens.access_token.expose())));
        let answer = acting::send(cx, wire, named(&cx, request)).await?;
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if let Some(error) = json.pointer("/json/errors/0").and_then(Value::as_array) {
            let part = |at: usize| error.get(at).and_then(Value::as_str).unwrap_or_default();
            let seen = oauth::evidence(cx.now, Source::Use, &answer, Some(part(0)), part(1));
            if part(0) == "USER_REQUIRED" {
                return Err(NotDone::Refused(Diagnosis::misconfigured(seen)));
            }
            if let Some((field, words)) = refusals::in_words(part(0), part(1)) {
                return Err(NotDone::Invalid { field, words });
            }
            // Said of one community, while the token lives: a look at the account and its places tells.
            if matches!(part(0), "SUBREDDIT_NOTALLOWED" | "SUBREDDIT_NOEXIST" | "BANNED_FROM_SUBREDDIT") {
                return Err(NotDone::Refused(Diagnosis::refused(Cause::PermissionLost, Confidence::Guess, seen)));
            }
            let seconds = json.pointer("/json/ratelimit").and_then(whole).map(|seconds| Span::seconds(seconds.clamp(0, 86_400)));
            return Err(NotDone::Refused(Diagnosis::transient(seen, seconds)));
        }
        json.pointer("/json/data")
            .filter(|_| answer.status().is_success())
            .cloned()
            .ok_or_else(|| acting::refused(cx, &answer, Self::diagnose(&cx, Source::Use, &answer)))
    }

    /// The tree as it comes, then what it left out (`more`), a hundred at a time.
    async fn read_comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
        let id = oauth::percent(post.trim_start_matches("t3_"));
        let json = Self::look(cx, wire, tokens, &format!("/comments/{id}?limit=500&raw_json=1")).await?;
        let Some(top) = json.pointer("/1/data/children").and_then(Value::as_array) else {
            let seen = Evidence::new(cx.now, Source::Use, Some(200), None, "a list of comments that cannot be read");
            return Err(NotDone::Refused(Diagnosis::transient(seen, None)));
        };
        let (mut all, mut left_out) = (vec![], vec![]);
        gather(top, &mut all, &mut left_out);
        for _ in 0..MORE_MAX {
            if left_out.is_empty() {
                break;
            }
            let some: Vec<String> = left_out.drain(..left_out.len().min(100)).collect();
            let asked = [("api_type", "json"), ("raw_json", "1"), ("link_id", &format!("t3_{id}")), ("children", &some.join(","))];
            let json = Self::look(cx, wire, tokens, &oauth::with_query("/api/morechildren", &asked)).await?;
            let things = json.pointer("/json/data/things").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            gather(things, &mut all, &mut left_out);
        }
        all.sort_by_key(|comment| comment.at);
        Ok(Comments::read(all, !left_out.is_empty()))
    }

    /// Asks what changes nothing.
    async fn look(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, path: &str) -> Result<Value, NotDone> {
        let answer = wire.send(Self::get(&cx, path, tokens)).await;
        let answer = answer.map_err(|error| NotDone::Refused(oauth::no_answer(cx.now, Source::Use, &error)))?;
        let json = serde_json::from_slice::<Value>(answer.body()).ok().filter(|_| answer.status().is_success());
        json.ok_or_else(|| NotDone::Refused(Self::diagnose(&cx, Source::Use, &answer)))
    }

    async fn say(Acting { cx, wire, tokens, .. }: Acting<'_>, under: &str, text: &str) -> Result<Posted, NotDone> {
        let made = Self::act(cx, wire, tokens, "/api/comment", &[("thing_id", under), ("text", text)]).await?;
        let id = made.pointer("/things/0/data/name").and_then(Value::as_str);
        let id = id.ok_or_else(|| NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "no id came")))?;
        Ok(Posted { id: id.to_owned(), url: None })
    }
}

impl Network for Reddit {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn facts(&self) -> Facts {
        Facts { renewal: RenewalModel::Stable, access_life: Some(Span::days(1)), ..Facts::unknown() }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(" ");
        // Without it there is no refresh token.
        let more = [("duration", "permanent")];
        let authorization = oauth::authorization(&cx, &Self::url(&cx, "authorize"), &scope, start, &more);
        let named = agent(&cx).map(|_| authorization).ok_or_else(|| {
            let words = "Reddit wants to know who answers for the app: set options.username of this network to the Reddit account that registered it";
            Failure::Misconfigured { evidence: Evidence::new(cx.now, Source::Signal, None, Some("username"), words) }
        });
        Box::pin(async move { named })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        Ok(Self::form(&cx, "token", &oauth::code_form(&cx, memory, code)))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        oauth::read_exchange(cx, answer, &cx.scopes(&ABOUT)).map_err(|failure| match failure {
            // Our credentials, or our name: said with a number for a code, or in HTML.
            Failure::Unavailable { evidence } if matches!(answer.status().as_u16(), 401 | 403) => Failure::Misconfigured { evidence },
            other => other,
        })
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(Self::form(&cx, "token", &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        if answer.status().as_u16() == 403 {
            // The name we go by, or our address, is turned away, also in HTML: that speaks of no token.
            let seen = oauth::unreadable(cx.now, Source::Renewal, answer);
            return Answer::Done(Renewal::Failed(Diagnosis::misconfigured(seen)));
        }
        oauth::read_renewal(cx, tokens, answer, |json, seen| match (answer.status().as_u16(), oauth::text(json, "error")) {
            // Said of a refresh token that is revoked or unknown. An error may come with 200.
            (200 | 400, Some("invalid_request" | "invalid_grant")) => {
                Some(Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen))
            }
            // The same in a newer form, where `error` is a number. Whatever it is about, the access token is asked next.
            (400, None) if json.get("error").and_then(Value::as_i64) == Some(400) => {
                Some(Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen))
            }
            // Our client's credentials: a number again.
            (401, None) => Some(Diagnosis::misconfigured(seen)),
            _ => None,
        })
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Self::get(&cx, ME, tokens)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let json = oauth::json(answer).filter(|json| answer.status().is_success() && oauth::text(json, "id").is_some());
        Answer::Done(match json.map(|json| json.get("is_suspended").and_then(Value::as_bool)) {
            Some(Some(true)) => {
                // That the field says so is unconfirmed.
                let seen = oauth::evidence(cx.now, Source::Probe, answer, Some("is_suspended"), "the account is suspended");
                Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen)
            }
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "me answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    /// One answer for all of it (archived source).
    fn words_on(&self, cause: Cause) -> Option<CauseWords> {
        (cause == Cause::RevokedByPerson).then_some(CauseWords {
            happened: Rule {
                en: "{network} ended the access of {person} and does not say why: our app was removed there, sessions were ended with a new password, or the account is suspended.",
                de: "{network} hat den Zugang von {person} beendet und sagt nicht, warum: unsere App wurde dort entfernt, Sitzungen wurden mit einem neuen Passwort beendet, oder das Konto ist gesperrt.",
            },
            todo: None,
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        let hint = if tokens.refresh_token.is_some() { "refresh_token" } else { "access_token" };
        Some(Self::form(&cx, "revoke", &[("token", token.expose()), ("token_type_hint", hint)]))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    /// A community may ban the account while its token lives.
    fn has_roles(&self) -> bool {
        true
    }

    fn own_headers(&self, cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        agent(&cx).map(|agent| (header::USER_AGENT, agent)).into_iter().collect()
    }

    fn measure(&self, app: &App, target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        match draft {
            Draft::Post(post) => posts::measure(app, target.kind, post),
            Draft::Comment { text, .. } => acting::fits("text", text, text.chars().count(), app.limit("comment_max", COMMENT_MAX)),
        }
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            posts::publish(by, post).await
        })
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(Self::read_comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            Self::say(by, in_reply_to.unwrap_or(post), text).await
        })
    }
}
