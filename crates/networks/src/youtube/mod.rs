//! YouTube: one login is one Google account and one channel, chosen on Google's own picker. Facts: `networks/youtube` of the
//! knowledge base.

mod acts;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::google;
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, CauseWords, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind,
    Network, PersonSeen, Registration, Renewal, Rule, Start, Words,
};
use crate::oauth;
use crate::signal::Inbound;
use crate::wire::{BoxFuture, Wire};

/// The adapter. Options, beside those of `google`: `privacy` (`public`, `unlisted`, `private`), `category` (a number of
/// YouTube's list), `made_for_kids` (`true`).
pub(crate) struct YouTube;

static ABOUT: About = About {
    name: "youtube",
    title: "YouTube",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "Google asks which channel is meant: one login connects one channel. To connect several, log in once for each.",
            de: "Google fragt, welcher Kanal gemeint ist: eine Anmeldung verbindet einen Kanal. Für mehrere melden Sie sich je einmal an.",
        },
        Rule {
            en: "Leave all boxes ticked: without a permission the connection is not complete.",
            de: "Lassen Sie alle Häkchen gesetzt: ohne eine Berechtigung ist die Verbindung nicht vollständig.",
        },
        Rule {
            en: "YouTube offers tools no text posts (Community): publishing means uploading a video.",
            de: "YouTube bietet Werkzeugen keine Textbeiträge (Community) an: veröffentlichen heißt, ein Video hochzuladen.",
        },
        Rule {
            en: "Until Google has audited the app, videos uploaded through it stay private, and Google shows a warning page at login.",
            de: "Solange Google die App nicht geprüft hat, bleiben über sie hochgeladene Videos privat, und Google zeigt bei der Anmeldung eine Warnseite.",
        },
        Rule {
            en: "An app in Google's status Testing has to be connected again every 7 days, and admits only the test users entered there.",
            de: "Eine App in Googles Status Testing muss alle 7 Tage neu verbunden werden und lässt nur die dort eingetragenen Testnutzer zu.",
        },
        Rule {
            en: "A Google account without a YouTube channel can't be connected.",
            de: "Ein Google-Konto ohne YouTube-Kanal kann nicht verbunden werden.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &[
        "openid",
        "profile",
        "email",
        "https://www.googleapis.com/auth/youtube.readonly",
        "https://www.googleapis.com/auth/youtube.upload",
        "https://www.googleapis.com/auth/youtube.force-ssl",
    ],
    endpoints: &[
        google::AUTHORIZE,
        google::TOKEN,
        google::REVOKE,
        google::USERINFO,
        google::SIGNAL_KEYS,
        Endpoint { key: "api", url: "https://www.googleapis.com/youtube/v3" },
        Endpoint { key: "upload", url: "https://www.googleapis.com/upload/youtube/v3/videos" },
    ],
};

/// Our id of the person: the Google account, and the channel it acts as. The same person may be connected once for each
/// channel, and a login that chose another channel is another person to the rest of the house: it must never take the
/// place of the token that reaches this one.
fn person_id(sub: &str, channel: &str) -> String {
    format!("{sub}/{channel}")
}

impl YouTube {
    fn api(cx: &Cx<'_>, path: &str, parameters: &[(&str, &str)]) -> String {
        oauth::with_query(&format!("{}/{path}", google::url(cx, &ABOUT, "api")), parameters)
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let person = google::person(cx, &ABOUT, wire, tokens).await?;
        let parameters = [("part", "id,snippet,status"), ("mine", "true"), ("maxResults", "50")];
        let request = oauth::get_bearer(&Self::api(&cx, "channels", &parameters), &tokens.access_token);
        let json = google::look(cx, wire, request).await?;
        // Google leaves out what is empty; the answer still says what it is.
        let is_empty = json.get("items").is_none() && oauth::text(&json, "kind") == Some("youtube#channelListResponse");
        let items = if is_empty { &[][..] } else { oauth::rows(cx.now, &json, "items")? };
        let profiles: Option<Vec<Found>> = items.iter().map(channel).collect();
        let mut profiles = profiles.ok_or_else(|| oauth::incomplete(cx.now, "a channel without id"))?;
        let network_id = profiles.first().map_or_else(|| person.sub.clone(), |channel| person_id(&person.sub, &channel.network_id));
        if profiles.is_empty() {
            profiles.push(without_channel(&person));
        }
        Ok(Discovery {
            person: PersonSeen { network_id, name: person.name, handle: person.email, across_apps: None },
            profiles,
            all_come_along: false,
        })
    }
}

fn channel(item: &Value) -> Option<Found> {
    let id = oauth::text(item, "id")?;
    let snippet = item.get("snippet").unwrap_or(&Value::Null);
    let thumbnails = ["/thumbnails/default/url", "/thumbnails/medium/url"];
    Some(Found {
        network_id: id.to_owned(),
        kind: Kind::Channel,
        name: oauth::text(snippet, "title").unwrap_or(id).to_owned(),
        handle: oauth::text(snippet, "customUrl").map(str::to_owned),
        avatar: thumbnails.into_iter().find_map(|path| snippet.pointer(path)?.as_str()).map(str::to_owned),
        // YouTube names no role: whoever may choose the channel at login may act as it.
        role: "channel".into(),
        parent: None,
        unusable: None,
    })
}

/// Shown so that nobody searches for the channel.
fn without_channel(person: &google::Person) -> Found {
    Found {
        network_id: person.sub.clone(),
        kind: Kind::Channel,
        name: person.name.clone(),
        handle: person.email.clone(),
        avatar: None,
        role: "none".into(),
        parent: None,
        unusable: Some(Words::new(
            "This Google account has no YouTube channel. Create one at youtube.com, or log in again and choose the account that has it.",
            "Dieses Google-Konto hat keinen YouTube-Kanal. Legen Sie auf youtube.com einen an oder melden Sie sich erneut an und wählen Sie das Konto, das ihn hat.",
        )),
    }
}

/// A list that is one, with or without items: an answer of something else says nothing.
fn is_channel_list(json: &Value) -> bool {
    oauth::text(json, "kind") == Some("youtube#channelListResponse")
}

impl Network for YouTube {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// A look costs one of the project's 10,000 units a day: some forty a day for each channel. Whoever keeps hundreds of
    /// channels through one project sets another pace.
    fn facts(&self) -> Facts {
        google::facts()
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let authorization = google::begin(cx, &ABOUT, start);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        google::exchange(cx, &ABOUT, memory, callback)
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        // The answer names the Google account and not the channel: who this is says the list alone.
        google::read_exchange(cx, &ABOUT, answer).map(|issued| Answer::Done(Issued { person_network_id: None, ..issued }))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        google::renew(cx, &ABOUT, tokens)
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        match google::read_renew(cx, tokens, answer) {
            Answer::Done(Renewal::Renewed(issued)) => {
                Answer::Done(Renewal::Renewed(Box::new(Issued { person_network_id: None, ..*issued })))
            }
            other => other,
        }
    }

    /// One unit, and it proves the channel too.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&Self::api(&cx, "channels", &[("part", "id"), ("mine", "true")]), &tokens.access_token)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let list = google::object(answer).filter(is_channel_list);
        let has_items = |json: &Value| json.get("items").and_then(Value::as_array).is_some_and(|items| !items.is_empty());
        Answer::Done(match list {
            Some(json) if !has_items(&json) => {
                let seen = oauth::evidence(cx.now, Source::Probe, answer, Some("no channel"), "the account has no channel");
                Diagnosis::refused(Cause::PermissionLost, Confidence::Likely, seen)
            }
            _ => google::read_probe(cx, answer, |json| is_channel_list(json) && has_items(json)),
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        google::revoke(cx, &ABOUT, tokens)
    }

    fn is_revoked(&self, answer: &Response<Bytes>) -> bool {
        google::is_revoked(answer)
    }

    fn words_on(&self, cause: Cause) -> Option<CauseWords> {
        google::words_on(cause)
    }

    /// Google ends all that a person allowed our client, whichever token is named.
    fn ends_login<'a>(&self, person: &'a str) -> Option<(&'static str, &'a str)> {
        Some((google::KEEPS_CONSENTS, person.split('/').next().unwrap_or(person)))
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
            acts::upload(by, post).await
        })
    }

    fn standing<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Option<Words>> {
        Box::pin(acts::standing(by, post))
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(acts::comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            acts::comment(by, post, in_reply_to, text).await
        })
    }

    /// The person of a security event is the Google account alone, without the channel (see `person_id`).
    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
        Some(google::risc::receive(&cx, request))
    }

    fn signal_keys(&self, cx: Cx<'_>) -> Option<String> {
        cx.endpoint(&ABOUT, google::SIGNAL_KEYS.key)
    }
}
