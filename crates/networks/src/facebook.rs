//! Facebook pages: one login gives a token of the person, and from it one token per page. The person's ends after 60 days, a page's
//! has no end of its own. Facts: `networks/facebook` of the knowledge base.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use crate::acting::{self, Acting, Comment, Done, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network, PersonSeen,
    Registration, Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{meta, moment, oauth};

/// The adapter.
pub(crate) struct Facebook;

static ABOUT: About = About {
    name: "facebook",
    title: "Facebook",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "You can connect pages on which you may create content. A personal profile can't be connected: Facebook lets no tool publish to it.",
            de: "Sie können Seiten verbinden, auf denen Sie Inhalte erstellen dürfen. Ein persönliches Profil kann nicht verbunden werden: Facebook lässt dort kein Werkzeug veröffentlichen.",
        },
        Rule {
            en: "Leave every page ticked in Facebook's dialog that you want to connect, also those connected before: pages you untick are lost to us.",
            de: "Lassen Sie im Dialog von Facebook jede Seite angehakt, die verbunden sein soll, auch schon verbundene: abgewählte Seiten verlieren wir.",
        },
        Rule {
            en: "Log in again every 60 days, so that Facebook goes on showing us your roles and pages. We remind you 30, 14, 7 and 1 days ahead; publishing goes on meanwhile.",
            de: "Melden Sie sich alle 60 Tage neu an, damit Facebook uns Ihre Rollen und Seiten weiter zeigt. Wir erinnern 30, 14, 7 und 1 Tag vorher; veröffentlichen geht solange weiter.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &[
        "public_profile",
        "pages_show_list",
        "business_management",
        "pages_read_engagement",
        "pages_manage_posts",
        "pages_read_user_content",
        "pages_manage_engagement",
    ],
    // A version is retired about two years after its release: both are set together.
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.facebook.com/v26.0/dialog/oauth" },
        Endpoint { key: "graph", url: "https://graph.facebook.com/v26.0" },
    ],
};

/// Under which names secrets travel through the chain of an exchange.
const SHORT: &str = "short_lived";
const LONG: &str = "long_lived";
const LONG_LIFE: &str = "long_lived_seconds";
const PAGE: &str = "page:";
/// The most characters of a post (folk value).
const TEXT_MAX: usize = 63_206;
/// The most listings that are followed.
const PAGES_MAX: usize = 20;
const ACCOUNT_FIELDS: &str = "id,name,username,access_token,tasks,picture";

fn graph(cx: &Cx<'_>) -> String {
    cx.endpoint(&ABOUT, "graph").unwrap_or_default()
}

fn accounts(cx: &Cx<'_>, token: &Secret, after: Option<&str>) -> Request<Bytes> {
    let mut query = vec![("fields", ACCOUNT_FIELDS), ("limit", "100")];
    query.extend(after.map(|after| ("after", after)));
    meta::call(cx, Method::GET, &oauth::with_query(&format!("{}/me/accounts", graph(cx)), &query), token, &[])
}

/// Whether one may publish with these tasks; both spellings are in use.
fn may_publish(account: &Value) -> bool {
    let tasks = account.get("tasks").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    tasks.map(|task| task.trim_start_matches("PROFILE_PLUS_")).any(|task| matches!(task, "MANAGE" | "CREATE_CONTENT" | "FULL_CONTROL"))
}

fn page(account: &Value) -> Option<Found> {
    let tasks: Vec<&str> = account.get("tasks").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let why = || {
        Words::new(
            "You may not create content on this page. Ask an admin of the page to give you that task, or to connect it.",
            "Sie dürfen auf dieser Seite keine Inhalte erstellen. Bitten Sie einen Admin der Seite um diese Aufgabe oder darum, sie zu verbinden.",
        )
    };
    Some(Found {
        network_id: oauth::id(account, "id")?,
        kind: Kind::Page,
        name: oauth::text(account, "name").unwrap_or_default().to_owned(),
        handle: oauth::text(account, "username").map(str::to_owned),
        avatar: account.pointer("/picture/data/url").and_then(Value::as_str).map(str::to_owned),
        role: tasks.join(", "),
        parent: None,
        unusable: (!may_publish(account)).then(why),
    })
}

async fn get(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, Diagnosis> {
    let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
    let json =
        serde_json::from_slice::<Value>(answer.body()).ok().filter(|json| answer.status().is_success() && json.get("error").is_none());
    json.filter(Value::is_object).ok_or_else(|| meta::diagnose(&cx, Source::Discovery, &answer))
}

async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let me = oauth::with_query(&format!("{}/me", graph(&cx)), &[("fields", "id,name")]);
    let me = get(cx, wire, meta::call(&cx, Method::GET, &me, &tokens.access_token, &[])).await?;
    let Some(id) = oauth::id(&me, "id") else {
        return Err(Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "a person without id"), None));
    };
    let name = oauth::text(&me, "name").unwrap_or(&id).to_owned();
    let (mut profiles, mut after) = (vec![], None);
    for _ in 0..PAGES_MAX {
        let listed = get(cx, wire, accounts(&cx, &tokens.access_token, after.as_deref())).await?;
        profiles.extend(listed.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(page));
        after = next(&listed);
        if after.is_none() {
            break;
        }
    }
    Ok(Discovery { person: PersonSeen { network_id: id, name, handle: None }, profiles, all_come_along: false })
}

/// The cursor of the next listing; the address beside it holds a token and is not used.
fn next(listed: &Value) -> Option<String> {
    listed.pointer("/paging/next")?;
    listed.pointer("/paging/cursors/after").and_then(Value::as_str).map(str::to_owned)
}

/// The page's own token; without one, nothing can be done as the page.
fn page_token<'a>(cx: &Cx<'_>, tokens: &'a TokenSet, target: Target<'_>) -> Result<&'a Secret, NotDone> {
    tokens.profile_tokens.get(target.network_id).ok_or_else(|| {
        let words = "there is no token for this page: the person has to log in again and leave the page ticked";
        NotDone::Refused(Diagnosis::misconfigured(Evidence::new(cx.now, Source::Use, None, Some("no_page_token"), words)))
    })
}

async fn post(Acting { cx, wire, tokens, target }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let token = page_token(&cx, tokens, target)?;
    if post.media.is_empty() && post.link.is_none() || !post.text.is_empty() {
        acting::fits("text", &post.text, post.text.chars().count(), TEXT_MAX)?;
    }
    let base = format!("{}/{}", graph(&cx), oauth::percent(target.network_id));
    let request = match post.media.as_slice() {
        [] => {
            let mut form = vec![("message", post.text.as_str())];
            form.extend(post.link.as_deref().map(|link| ("link", link)));
            meta::call(&cx, Method::POST, &format!("{base}/feed"), token, &form)
        }
        [picture] if picture.content_type.starts_with("image/") && picture.url.is_some() => {
            let url = picture.url.as_deref().unwrap_or_default();
            meta::call(&cx, Method::POST, &format!("{base}/photos"), token, &[("url", url), ("caption", &post.text)])
        }
        _ => {
            let words = Words::new("Facebook takes one picture here, by its address.", "Facebook nimmt hier ein Bild, über seine Adresse.");
            return Err(NotDone::Invalid { field: "media", words });
        }
    };
    let made = meta::act(cx, wire, request).await?;
    let id = oauth::id(&made, "post_id").or_else(|| oauth::id(&made, "id"));
    let id = id.ok_or_else(|| NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "published, but no id came")))?;
    Ok(Posted { url: Some(format!("https://www.facebook.com/{id}")), id })
}

async fn read_comments(Acting { cx, wire, tokens, target }: Acting<'_>, post: &str) -> Result<Vec<Comment>, NotDone> {
    let token = page_token(&cx, tokens, target)?;
    let url = format!("{}/{}/comments", graph(&cx), oauth::percent(post));
    let (mut all, mut after): (Vec<Comment>, Option<String>) = (vec![], None);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("filter", "stream"), ("fields", "id,from,message,created_time,parent"), ("limit", "100")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let listed = meta::act(cx, wire, meta::call(&cx, Method::GET, &oauth::with_query(&url, &query), token, &[])).await?;
        all.extend(listed.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(|said| {
            Some(Comment {
                id: oauth::id(said, "id")?,
                author: said.pointer("/from/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                text: oauth::text(said, "message").unwrap_or_default().to_owned(),
                at: oauth::text(said, "created_time").and_then(moment::rfc3339),
                in_reply_to: said.get("parent").and_then(|parent| oauth::id(parent, "id")),
            })
        }));
        after = next(&listed);
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

async fn say(Acting { cx, wire, tokens, target }: Acting<'_>, under: &str, text: &str) -> Result<Posted, NotDone> {
    let token = page_token(&cx, tokens, target)?;
    acting::fits("text", text, text.chars().count(), 8_000)?;
    let url = format!("{}/{}/comments", graph(&cx), oauth::percent(under));
    let made = meta::act(cx, wire, meta::call(&cx, Method::POST, &url, token, &[("message", text)])).await?;
    let id = oauth::id(&made, "id");
    Ok(Posted {
        id: id.ok_or_else(|| NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "said, but no id came")))?,
        url: None,
    })
}

impl Network for Facebook {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// The person's token ends after 60 days and only a login brings another; page tokens made from it have no end.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::ByPerson,
            access_life: None,
            refresh_life: None,
            manual_renewal_every: Some(Span::days(60)),
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(",");
        let mut parameters = vec![
            ("client_id", cx.app.client_id.as_str()),
            ("redirect_uri", &cx.app.redirect_uri),
            ("state", start.state.expose()),
            ("response_type", "code"),
        ];
        match cx.app.options.get("config_id") {
            // Facebook Login for Business: the configuration names the permissions.
            Some(config) => parameters.push(("config_id", config)),
            None => parameters.push(("scope", &scope)),
        }
        if start.expected_person.is_some() {
            // What was declined before is asked for again.
            parameters.push(("auth_type", "rerequest"));
        }
        let url = oauth::with_query(&cx.endpoint(&ABOUT, "authorize").unwrap_or_default(), &parameters);
        let authorization =
            Authorization { url, memory: BTreeMap::new(), instance: String::new(), returns_with: start.state.clone(), registered: None };
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, _: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        let form = [
            ("client_id", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(&cx)),
            ("redirect_uri", &cx.app.redirect_uri),
            ("code", code),
        ];
        Ok(oauth::post_form(&format!("{}/oauth/access_token", graph(&cx)), &form))
    }

    /// Three steps: the code's short-lived token, the long-lived one, and only then the pages: their tokens live as long as the
    /// person's token they are made from was meant to.
    fn read_exchange(
        &self,
        cx: Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let json = oauth::json(answer).or_else(|| serde_json::from_slice(answer.body()).ok());
        let json = json.filter(|json| answer.status().is_success() && json.get("error").is_none());
        let Some(json) = json else { return Err(failed(cx, memory, answer)) };
        let again = |request: Request<Bytes>, secrets: BTreeMap<String, Secret>| {
            Ok(Answer::AskAgain { request: Box::new(request), notes: BTreeMap::new(), secrets })
        };
        if let Some(long) = memory.get(LONG) {
            let mut held: BTreeMap<String, Secret> =
                memory.iter().filter(|(name, _)| name.starts_with(PAGE)).map(|(n, s)| (n.clone(), s.clone())).collect();
            for account in json.get("data").and_then(Value::as_array).into_iter().flatten() {
                if let (Some(id), Some(token)) = (oauth::id(account, "id"), oauth::text(account, "access_token")) {
                    held.insert(format!("{PAGE}{id}"), Secret::new(token));
                }
            }
            return match next(&json) {
                Some(after) => again(accounts(&cx, long, Some(&after)), held),
                None => Ok(Answer::Done(issued(&cx, long, memory, held))),
            };
        }
        let Some(token) = oauth::text(&json, "access_token") else { return Err(failed(cx, memory, answer)) };
        let token = Secret::new(token);
        if memory.contains_key(SHORT) {
            let life = oauth::seconds(&json, "expires_in").map_or(String::new(), |life| life.as_seconds().to_string());
            let secrets = BTreeMap::from([(LONG.to_owned(), token.clone()), (LONG_LIFE.to_owned(), Secret::new(life))]);
            return again(accounts(&cx, &token, None), secrets);
        }
        let form = [
            ("grant_type", "fb_exchange_token"),
            ("client_id", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(&cx)),
            ("fb_exchange_token", token.expose()),
        ];
        again(oauth::post_form(&format!("{}/oauth/access_token", graph(&cx)), &form), BTreeMap::from([(SHORT.to_owned(), token.clone())]))
    }

    fn renew(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
        None
    }

    fn read_renew(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(Renewal::Failed(Diagnosis::misconfigured(oauth::unreadable(cx.now, Source::Renewal, answer))))
    }

    /// `debug_token` says of itself why a token is dead. Asked about a page's token where there is one: that is what acts.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        let token = tokens.profile_tokens.values().next().unwrap_or(&tokens.access_token);
        let app = Secret::new(format!("{}|{}", cx.app.client_id, oauth::client_secret(&cx)));
        let mut request = oauth::post_form(&format!("{}/debug_token", graph(&cx)), &[("input_token", token.expose()), ("method", "get")]);
        request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", app.expose())));
        request
    }

    /// One page's role that is gone says nothing of the person's other pages: the listing after it tells which are left.
    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let json = oauth::json(answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        let data = json.get("data").filter(|data| data.is_object());
        Answer::Done(match data.map(|data| (data, data.get("is_valid").and_then(Value::as_bool))) {
            Some((_, Some(true))) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "debug_token: valid")),
            Some((data, Some(false))) => {
                let error = data.get("error").cloned().unwrap_or_default();
                let seen = meta::of_error(&cx, Source::Probe, answer, &error);
                let of_page = matches!(seen.finding, Finding::Refused { cause: lifecycle::words::Cause::PermissionLost, .. });
                if of_page && tokens.profile_tokens.len() > 1 { Diagnosis::works(seen.evidence) } else { seen }
            }
            // An error beside the data is about our app's own credentials, never about the token that is asked about.
            _ => {
                let seen = meta::diagnose(&cx, Source::Probe, answer);
                if seen.is_harmless() { seen } else { Diagnosis::misconfigured(seen.evidence) }
            }
        })
    }

    /// Removes the whole app from the person's account: every token of theirs for us.
    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(meta::call(&cx, Method::DELETE, &format!("{}/me/permissions", graph(&cx)), &tokens.access_token, &[]))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(async move {
            let listed = list(cx, wire, tokens).await;
            match listed {
                // The person's own token is over by time; the pages' tokens are not. Roles can't be listed, and nothing is dead.
                Err(Diagnosis { finding: Finding::Refused { cause: lifecycle::words::Cause::Expired, .. }, evidence })
                    if !tokens.profile_tokens.is_empty() =>
                {
                    Err(Diagnosis::transient(evidence, None))
                }
                other => other,
            }
        })
    }

    fn publish<'a>(&'a self, by: Acting<'a>, wanted: &'a Post) -> Done<'a, Posted> {
        Box::pin(post(by, wanted))
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Vec<Comment>> {
        Box::pin(read_comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(say(by, in_reply_to.unwrap_or(post), text))
    }

    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<crate::signal::Inbound> {
        Some(meta::receive(&cx, ABOUT.name, request))
    }

    fn has_roles(&self) -> bool {
        true
    }
}

fn issued(cx: &Cx<'_>, long: &Secret, memory: &BTreeMap<String, Secret>, held: BTreeMap<String, Secret>) -> Issued {
    let mut tokens = TokenSet::bearer(long.clone(), None, cx.scopes(&ABOUT));
    tokens.profile_tokens = held.into_iter().filter_map(|(name, token)| Some((name.strip_prefix(PAGE)?.to_owned(), token))).collect();
    let seconds: Option<i64> = memory.get(LONG_LIFE).and_then(|life| life.expose().parse().ok());
    let human_until = seconds.map(|seconds| cx.now + Span::seconds(seconds));
    // Where pages have tokens of their own, what we act with has no end; the person is still asked to come before theirs does.
    let access_until = if tokens.profile_tokens.is_empty() { human_until } else { None };
    Issued {
        tokens,
        clocks: Clocks { access_until, refresh_until: None, human_until },
        renewable: false,
        person_network_id: None,
        missing_scopes: vec![],
    }
}

/// Why a step of the exchange failed: only the first one depends on the code.
fn failed(cx: Cx<'_>, memory: &BTreeMap<String, Secret>, answer: &Response<Bytes>) -> Failure {
    let diagnosis = meta::diagnose(&cx, Source::Signal, answer);
    let is_code = oauth::json(answer).and_then(|json| json.pointer("/error/code").and_then(Value::as_i64)) == Some(100);
    match diagnosis.finding {
        _ if is_code && !memory.contains_key(SHORT) => Failure::StaleCode { evidence: diagnosis.evidence },
        Finding::Refused { cause, .. } => Failure::Refused { cause, evidence: diagnosis.evidence },
        Finding::Misconfigured => Failure::Misconfigured { evidence: diagnosis.evidence },
        _ => Failure::Unavailable { evidence: diagnosis.evidence },
    }
}
