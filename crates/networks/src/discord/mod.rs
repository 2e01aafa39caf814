//! Discord, channel webhooks only: one login makes one webhook for one channel that the person picks, and everything after that
//! is done with the webhook's own secret. Facts: `networks/discord` of the knowledge base.
//!
//! What is kept is the webhook, not the OAuth tokens: posting does not need them, the webhook's secret has no end, and a
//! rotation that nobody needs is a risk that nobody needs. They are used once, to learn who logged in, and forgotten. Each
//! login makes another webhook, so the profile is the channel: whoever logs in again finds the same one, and the webhook before
//! is deleted. One login holds one channel, so our id of the person is the user and the channel, as with YouTube's.
//!
//! The secret is part of the address: Discord knows no other place for it.

mod acts;
mod pasted;
mod signals;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{AfterVerdict, Facts, RenewalModel};
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, CauseWords, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind,
    Network, PersonSeen, Registration, Renewal, Rule, Start, Words,
};
use crate::oauth;
use crate::signal::Inbound;
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub(crate) struct Discord;

const BLIND: Ability = Ability::No {
    en: "A Discord webhook can only send: it sees neither messages nor answers of others.",
    de: "Ein Discord-Webhook kann nur senden: Nachrichten und Antworten anderer sieht er nicht.",
};
const MUTE: Ability = Ability::No {
    en: "A Discord webhook does not see what others say, so it can't answer them; it only sends new messages.",
    de: "Ein Discord-Webhook sieht nicht, was andere sagen, und kann ihnen nicht antworten; er sendet nur neue Nachrichten.",
};

static ABOUT: About = About {
    name: "discord",
    title: "Discord",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: BLIND, reply: MUTE },
    rules: &[
        Rule {
            en: "One login connects one channel: you pick server and channel at Discord.",
            de: "Eine Anmeldung verbindet einen Kanal: Server und Kanal wählen Sie bei Discord.",
        },
        Rule {
            en: "You need the permission Manage Webhooks in that channel.",
            de: "Sie brauchen in diesem Kanal die Berechtigung „Webhooks verwalten“.",
        },
        Rule {
            en: "A channel takes 15 webhooks. Each login adds one, and the one of your login before is removed.",
            de: "Ein Kanal nimmt 15 Webhooks. Jede Anmeldung fügt einen hinzu; der Ihrer Anmeldung zuvor wird entfernt.",
        },
        Rule {
            en: "The connection does not run out. It ends when somebody deletes the webhook, the channel or the server.",
            de: "Die Verbindung läuft nicht ab. Sie endet, wenn jemand den Webhook, den Kanal oder den Server löscht.",
        },
        Rule {
            en: "Comments go into the thread under a post: in a forum every post has one, elsewhere somebody has to open it at Discord first.",
            de: "Kommentare stehen im Thread unter einem Beitrag: in einem Forum hat jeder Beitrag einen, anderswo muss ihn erst jemand bei Discord öffnen.",
        },
        Rule {
            en: "A webhook that was made by hand in the channel's settings can be connected by its address, without a login. It stays at Discord when you remove the connection.",
            de: "Ein Webhook, der von Hand in den Kanaleinstellungen angelegt wurde, lässt sich ohne Anmeldung über seine Adresse verbinden. Er bleibt bei Discord, wenn Sie die Verbindung entfernen.",
        },
        Rule {
            en: "Messages of others can't be read, and your own profile and direct messages can't be connected.",
            de: "Nachrichten anderer können nicht gelesen werden; Ihr eigenes Profil und Direktnachrichten können nicht verbunden werden.",
        },
    ],
    asks: Asks::Webhook,
    registration: Registration::ByHand,
    // The second one only tells who logged in.
    scopes: &["webhook.incoming", "identify"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://discord.com/oauth2/authorize" },
        Endpoint { key: "token", url: "https://discord.com/api/oauth2/token" },
        Endpoint { key: "me", url: "https://discord.com/api/v10/oauth2/@me" },
        Endpoint { key: "webhooks", url: "https://discord.com/api/v10/webhooks" },
    ],
};

/// Names under which what the first answer brought is remembered until the second has come, and later kept as notes.
const WEBHOOK: &str = "webhook_id";
const WEBHOOK_SECRET: &str = "webhook_token";
const CHANNEL: &str = "channel_id";
const GUILD: &str = "guild_id";
const NAME: &str = "webhook_name";
const PERSON: &str = "person_id";
const PERSON_NAME: &str = "person_name";
const GRANTED: &str = "granted";
/// Kept only while a connection is made: the OAuth token, and how often the identity was asked for in vain.
const ACCESS: &str = "oauth_access";
const ASKED: &str = "identity_asked";
/// How often the identity is asked for: the webhook is made already, and without the person's id nobody could renew it.
const IDENTITY_TRIES: usize = 3;

/// Our id of the person: the user, and the channel that the login was for. The same user may be connected once for each channel,
/// and a login for another channel must never take the place of the webhook of this one.
fn person_id(user: &str, channel: &str) -> String {
    format!("{user}/{channel}")
}

fn note<'a>(tokens: &'a TokenSet, name: &str) -> &'a str {
    tokens.notes.get(name).map_or("", String::as_str)
}

/// An error's number; 0 is Discord's own word for "no particular one".
fn code(json: &Value) -> Option<i64> {
    json.get("code").and_then(Value::as_i64)
}

impl Discord {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    /// `DiscordBot (<url>, <version>)` is demanded; others may be blocked before they reach the API. Option `user_agent`.
    fn named(cx: &Cx<'_>, mut request: Request<Bytes>) -> Request<Bytes> {
        let own = url::Url::parse(&cx.app.redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let agent = cx.app.options.get("user_agent").filter(|agent| !agent.is_empty()).cloned();
        let agent = agent.unwrap_or_else(|| format!("DiscordBot ({own}, {})", env!("CARGO_PKG_VERSION")));
        let agent = HeaderValue::from_str(&agent).unwrap_or(HeaderValue::from_static("DiscordBot (https://localhost, 0)"));
        request.headers_mut().insert("user-agent", agent);
        request
    }

    /// A call of the webhook itself: no header proves anything here.
    fn webhook(cx: &Cx<'_>, tokens: &TokenSet, method: Method, query: &str, body: Option<&Value>) -> Request<Bytes> {
        let (id, secret) = (oauth::percent(note(tokens, WEBHOOK)), oauth::percent(tokens.access_token.expose()));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{id}/{secret}{query}", Self::url(cx, "webhooks")))
            .header("accept", "application/json")
            .header("content-type", "application/json");
        Self::named(cx, request.body(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default()).unwrap_or_default())
    }

    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let number = code(&json);
        let text = number.map(|number| number.to_string());
        let seen = match oauth::text(&json, "message") {
            Some(words) => oauth::evidence(cx.now, source, answer, text.as_deref(), words),
            None => oauth::unreadable(cx.now, source, answer),
        };
        match (answer.status().as_u16(), number) {
            // Deleted, or its channel or server is gone. Terminal, because nobody may call it again: repeated calls of a
            // webhook that is gone get our address blocked.
            (404, Some(10015)) => Diagnosis {
                finding: Finding::Refused { cause: Cause::RevokedByPerson, confidence: Confidence::Likely, terminal: true },
                evidence: seen,
            },
            (401, Some(50027)) => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen),
            // Messages that are refused (50006, 50035, 200000, 200001, 240000) and everything unknown.
            _ => Diagnosis::transient(seen, wait(answer, &json)),
        }
    }

    /// The first answer: tokens that are used once, and the webhook.
    fn read_tokens(cx: Cx<'_>, answer: &Response<Bytes>) -> Result<Answer<Issued>, Failure> {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let text = |path: &str| json.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(id), Some(secret), Some(channel)) = (text("/webhook/id"), text("/webhook/token"), text("/webhook/channel_id")) else {
            return Err(Self::failure(cx, answer, &json));
        };
        let mut learned = BTreeMap::from([
            (WEBHOOK.to_owned(), Secret::new(id)),
            (WEBHOOK_SECRET.to_owned(), Secret::new(secret)),
            (CHANNEL.to_owned(), Secret::new(channel)),
        ]);
        for (name, path) in [(GUILD, "/webhook/guild_id"), (NAME, "/webhook/name"), (GRANTED, "/scope")] {
            learned.extend(text(path).map(|text| (name.to_owned(), Secret::new(text))));
        }
        let access = text("/access_token").filter(|_| text("/scope").is_some_and(|scope| scope.contains("identify")));
        let Some(access) = access else { return Ok(Answer::Done(Self::issued(cx, &learned, None))) };
        learned.insert(ACCESS.to_owned(), Secret::new(access));
        Ok(Answer::AskAgain { request: Box::new(Self::who(&cx, &learned)), notes: BTreeMap::new(), secrets: learned })
    }

    fn who(cx: &Cx<'_>, learned: &BTreeMap<String, Secret>) -> Request<Bytes> {
        let access = learned.get(ACCESS).cloned().unwrap_or_else(|| Secret::new(""));
        Self::named(cx, oauth::get_bearer(&Self::url(cx, "me"), &access))
    }

    /// The second answer: who logged in. Asked again a few times; a person who stays unknown is connected to nothing, and the
    /// webhook is taken away again (`made_by_login`).
    fn read_identity(cx: Cx<'_>, memory: &BTreeMap<String, Secret>, answer: &Response<Bytes>) -> Result<Answer<Issued>, Failure> {
        let json = oauth::json(answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        let user = json.get("user").unwrap_or(&Value::Null);
        if let Some(id) = oauth::id(user, "id") {
            let name = oauth::text(user, "global_name").or(oauth::text(user, "username")).unwrap_or(&id).to_owned();
            return Ok(Answer::Done(Self::issued(cx, memory, Some((id, name)))));
        }
        let asked = memory.get(ASKED).map_or(1, |asked| asked.expose().len() + 1);
        if asked >= IDENTITY_TRIES {
            return Err(Failure::Unavailable { evidence: oauth::unreadable(cx.now, Source::Signal, answer) });
        }
        let secrets = BTreeMap::from([(ASKED.to_owned(), Secret::new("x".repeat(asked)))]);
        Ok(Answer::AskAgain { request: Box::new(Self::who(&cx, memory)), notes: BTreeMap::new(), secrets })
    }

    fn failure(cx: Cx<'_>, answer: &Response<Bytes>, json: &Value) -> Failure {
        match code(json) {
            Some(30007) => Failure::BadHint {
                words: Words::new(
                    "This channel has 15 webhooks already. Remove one in the channel's settings at Discord, or pick another channel.",
                    "Dieser Kanal hat bereits 15 Webhooks. Entfernen Sie einen in den Kanaleinstellungen bei Discord oder wählen Sie einen anderen Kanal.",
                ),
            },
            _ if answer.status().is_success() && oauth::text(json, "access_token").is_some() => {
                let words = "the answer has no webhook: the scope webhook.incoming is missing";
                Failure::Misconfigured { evidence: oauth::evidence(cx.now, Source::Signal, answer, None, words) }
            }
            _ => oauth::failed_exchange(cx.now, answer),
        }
    }

    fn issued(cx: Cx<'_>, learned: &BTreeMap<String, Secret>, person: Option<(String, String)>) -> Issued {
        let get = |name: &str| learned.get(name).map_or("", Secret::expose).to_owned();
        let granted = oauth::scopes(&get(GRANTED));
        let missing_scopes =
            if granted.is_empty() { vec![] } else { cx.scopes(&ABOUT).into_iter().filter(|scope| !granted.contains(scope)).collect() };
        let mut tokens = TokenSet::bearer(Secret::new(get(WEBHOOK_SECRET)), None, granted);
        // Where the app does not ask who logs in, whoever may make a webhook in the channel is the same to us.
        let (user, name) = person.unwrap_or_else(|| ("unknown".to_owned(), "Discord".to_owned()));
        let person = person_id(&user, &get(CHANNEL));
        for note in [WEBHOOK, CHANNEL, GUILD, NAME] {
            tokens.notes.insert(note.to_owned(), get(note));
        }
        tokens.notes.extend([(PERSON.to_owned(), person.clone()), (PERSON_NAME.to_owned(), name)]);
        Issued { tokens, clocks: Clocks::default(), renewable: false, person_network_id: Some(person), missing_scopes }
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let request = Self::webhook(&cx, tokens, Method::GET, "", None);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json = oauth::json(&answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        // Somebody may have moved the webhook to another channel since.
        let Some(channel) = oauth::text(&json, "channel_id") else { return Err(Self::diagnose(&cx, Source::Discovery, &answer)) };
        let profile = Found {
            network_id: channel.to_owned(),
            kind: Kind::Channel,
            // The channel's own name is not told: the webhook's is what the person gave it at Discord.
            name: oauth::text(&json, "name").unwrap_or(channel).to_owned(),
            handle: None,
            avatar: None,
            role: "webhook".into(),
            parent: None,
            unusable: None,
        };
        // Which channel the login was for: of one user's logins it tells them apart.
        let handle = Some(note(tokens, PERSON).split('/').nth(1).unwrap_or_default()).filter(|id| !id.is_empty());
        let handle = handle.map(|id| format!("channel {id}"));
        let person = PersonSeen {
            network_id: note(tokens, PERSON).to_owned(),
            name: note(tokens, PERSON_NAME).to_owned(),
            handle,
            across_apps: None,
        };
        Ok(Discovery { person, profiles: vec![profile], all_come_along: true })
    }
}

/// What a 429 asks us to wait: its body says it more exactly than the headers.
fn wait(answer: &Response<Bytes>, json: &Value) -> Option<Span> {
    let header = answer.headers().get("x-ratelimit-reset-after").and_then(|after| after.to_str().ok()?.trim().parse::<f64>().ok());
    let seconds = json.get("retry_after").and_then(Value::as_f64).or(header.filter(|_| answer.status().as_u16() == 429));
    #[expect(clippy::cast_possible_truncation, reason = "a day at most")]
    let seconds = seconds.filter(|wait| (0.0..=86_400.0).contains(wait)).map(|wait| Span::seconds(wait.ceil() as i64));
    seconds.or_else(|| oauth::retry_after(answer))
}

impl Network for Discord {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// The webhook's secret lives until the webhook is deleted; a dead one must not be called again.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::ByPerson,
            access_life: None,
            refresh_life: None,
            after_verdict: AfterVerdict::LeaveAlone,
            ..Facts::unknown()
        }
    }

    /// PKCE is not described for this flow (unconfirmed): the client is a confidential one.
    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let by_hand = pasted::begin(&cx, start);
        Box::pin(async move {
            by_hand.unwrap_or_else(|| {
                let scope = cx.scopes(&ABOUT).join(" ");
                Ok(oauth::authorization(&cx, &Self::url(&cx, "authorize"), &scope, start, &[]))
            })
        })
    }

    /// A webhook that was made by hand has nothing to do with any app.
    fn needs_app(&self, cx: Cx<'_>, start: &Start) -> bool {
        pasted::begin(&cx, start).is_none()
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        if let Some(webhook) = pasted::remembered(memory) {
            return Ok(Self::webhook(&cx, &webhook, Method::GET, "", None));
        }
        let code = oauth::callback_code(cx.now, callback, &[])?;
        let mut request = Self::named(&cx, oauth::post_form(&Self::url(&cx, "token"), &oauth::code_form(&cx, memory, code)));
        request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, oauth::client_secret(&cx)));
        Ok(request)
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        if pasted::remembered(memory).is_some() {
            return pasted::read(cx, memory, answer);
        }
        if !memory.contains_key(WEBHOOK_SECRET) {
            return Self::read_tokens(cx, answer);
        }
        Self::read_identity(cx, memory, answer)
    }

    fn renew(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
        None
    }

    fn read_renew(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(Renewal::Failed(Diagnosis::misconfigured(oauth::unreadable(cx.now, Source::Renewal, answer))))
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Self::webhook(&cx, tokens, Method::GET, "", None)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let json = oauth::json(answer).filter(|_| answer.status().is_success());
        Answer::Done(match json.as_ref().and_then(|json| oauth::text(json, "channel_id")) {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "the webhook answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    /// Deletes the webhook: after that its secret is worth nothing. One that was made by hand is not ours to delete.
    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        (!pasted::is(tokens)).then(|| Self::webhook(&cx, tokens, Method::DELETE, "", None))
    }

    fn is_revoked(&self, answer: &Response<Bytes>) -> bool {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        answer.status().is_success() || (answer.status().as_u16() == 404 && code(&json) == Some(10015))
    }

    /// Passwords and logins have no say in what becomes of a webhook.
    fn words_on(&self, cause: Cause) -> Option<CauseWords> {
        (cause == Cause::RevokedByPerson).then_some(CauseWords {
            happened: Rule {
                en: "The webhook at {network} is gone: somebody deleted it, its channel or its server, or removed our app.",
                de: "Den Webhook bei {network} gibt es nicht mehr: jemand hat ihn, seinen Kanal oder seinen Server gelöscht oder unsere App entfernt.",
            },
            todo: Some(Rule {
                en: "{person} refreshes the connection by logging in at {network} and picking the same channel.",
                de: "{person} erneuert die Verbindung mit einer Anmeldung bei {network} und wählt denselben Kanal.",
            }),
        })
    }

    /// Each login makes a webhook, and a channel takes fifteen.
    fn made_by_login(&self, memory: &BTreeMap<String, Secret>) -> Option<TokenSet> {
        if pasted::remembered(memory).is_some() {
            return None;
        }
        let mut tokens = TokenSet::bearer(memory.get(WEBHOOK_SECRET)?.clone(), None, vec![]);
        tokens.notes.insert(WEBHOOK.to_owned(), memory.get(WEBHOOK)?.expose().to_owned());
        Some(tokens)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, draft)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            acts::comment(by, post, text).await
        })
    }

    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
        Some(signals::receive(&cx, request))
    }

    /// A webhook that is moved to another channel works and posts there: the channel it was made for has lost it.
    fn has_roles(&self) -> bool {
        true
    }
}
