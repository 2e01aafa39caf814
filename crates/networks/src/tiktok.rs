//! TikTok for Developers (Login Kit v2): one login is one account. Facts: `networks/tiktok` of the knowledge base.

mod acts;
mod outcome;
mod signals;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network,
    PersonSeen, Registration, Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{oauth, pkce};

/// The adapter.
pub(crate) struct TikTok;

const NO_COMMENTS: Ability =
    Ability::No { en: "TikTok offers no comments to tools of this kind.", de: "TikTok bietet Werkzeugen dieser Art keine Kommentare an." };

static ABOUT: About = About {
    name: "tiktok",
    title: "TikTok",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: NO_COMMENTS, read_comments: NO_COMMENTS, reply: NO_COMMENTS },
    rules: &[
        Rule {
            en: "Log in at TikTok with the account that is to be connected; one login connects one account.",
            de: "Melden Sie sich bei TikTok mit dem Konto an, das verbunden werden soll; eine Anmeldung verbindet ein Konto.",
        },
        Rule { en: "Ad accounts can't be connected.", de: "Werbekonten können nicht verbunden werden." },
        Rule {
            en: "TikTok demands that you log in again every 365 days. We remind you 30, 14, 7 and 1 days ahead.",
            de: "TikTok verlangt alle 365 Tage eine neue Anmeldung. Wir erinnern 30, 14, 7 und 1 Tag vorher.",
        },
        Rule {
            en: "Until TikTok has audited the network app, it publishes for nobody but the account itself, and only from accounts that are set to private.",
            de: "Solange TikTok die Netzwerk-App nicht geprüft hat, sieht das Veröffentlichte nur das Konto selbst, und das Konto muss privat gestellt sein.",
        },
        Rule {
            en: "Leave all boxes ticked: without a permission the connection is not complete.",
            de: "Lassen Sie alle Häkchen gesetzt: ohne eine Berechtigung ist die Verbindung nicht vollständig.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["user.info.basic", "user.info.profile", "video.publish", "video.upload"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.tiktok.com/v2/auth/authorize/" },
        Endpoint { key: "token", url: "https://open.tiktokapis.com/v2/oauth/token/" },
        Endpoint { key: "revoke", url: "https://open.tiktokapis.com/v2/oauth/revoke/" },
        Endpoint { key: "user", url: "https://open.tiktokapis.com/v2/user/info/" },
        Endpoint { key: "publish", url: "https://open.tiktokapis.com/v2/post/publish" },
        // Off: the token would leave the host it was issued for (RFC 9700 4.9.1). An operator may switch it on.
        Endpoint { key: "advertisers", url: "" },
    ],
};

/// The note of how far a revocation is; only while it lasts.
const REVOKING: &str = "revoking";
/// The note of how far a look is; only while it lasts.
const LOOKING: &str = "looking";
const RENEWING: &str = "renewing";
const RENEWED: &str = "renewed";

/// The error in a body of the token endpoints, or of the API, which come with status 200 as well.
fn error_in(answer: &Response<Bytes>) -> Option<String> {
    let json = oauth::json(answer)?;
    let nested = json.pointer("/error/code").and_then(Value::as_str).filter(|code| *code != "ok");
    nested.or_else(|| oauth::text(&json, "error")).map(str::to_owned)
}

/// Whether our app is one of the desktop kind, which alone is sent back to this machine, and has to prove that the code is its own
/// (option `client_type`: `desktop` or `web`, where the redirect address does not tell).
fn is_desktop(cx: &Cx<'_>) -> bool {
    match cx.app.options.get("client_type").map(String::as_str) {
        Some(kind) => kind == "desktop",
        None => url::Url::parse(&cx.app.redirect_uri).is_ok_and(|back| matches!(back.host_str(), Some("127.0.0.1" | "localhost"))),
    }
}

impl TikTok {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn identity(cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        // Fields beyond the granted scopes are refused: the list is built from what was granted.
        let more = if tokens.scopes.iter().any(|scope| scope == "user.info.profile") { ",username" } else { "" };
        let fields = format!("open_id,union_id,avatar_url,display_name{more}");
        oauth::get_bearer(&oauth::with_query(&Self::url(cx, "user"), &[("fields", &fields)]), &tokens.access_token)
    }

    /// The body first: errors also come with status 200. Some pages show the error object un-nested.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let error = json.get("error").filter(|error| error.is_object()).unwrap_or(&json);
        let code = oauth::text(error, "code").unwrap_or_default();
        let words = oauth::text(error, "message").unwrap_or(code);
        let seen = oauth::evidence(cx.now, source, answer, Some(code), words);
        match code {
            "ok" => Diagnosis::works(seen),
            "access_token_invalid" => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            "scope_not_authorized" | "scope_permission_missed" => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
            // The account may not post; whether it may do anything else, the look tells.
            "spam_risk_user_banned_from_posting" => Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen),
            "reached_active_user_cap" | "unaudited_client_can_only_post_to_private_accounts" | "url_ownership_unverified" => {
                Diagnosis::misconfigured(seen)
            }
            // Caps of a day, counted by creator.
            "spam_risk_too_many_posts" | "spam_risk_too_many_pending_share" => Diagnosis::transient(seen, Some(Span::hours(24))),
            "" => Diagnosis::transient(oauth::unreadable(cx.now, source, answer), oauth::wait(cx.now, answer)),
            _ => Diagnosis::transient(seen, oauth::wait(cx.now, answer)),
        }
    }

    fn issued(cx: Cx<'_>, answer: &Response<Bytes>, asked: &[String]) -> Option<Issued> {
        let json = oauth::json(answer)?;
        let mut issued = oauth::issued(cx, &json, "refresh_expires_in", asked)?;
        // The refresh token's life is not extended by renewing: its end is the person's day.
        issued.clocks.human_until = issued.clocks.refresh_until;
        issued.person_network_id = oauth::text(&json, "open_id").map(str::to_owned);
        Some(issued)
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let answer = wire.send(Self::identity(&cx, tokens)).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json = oauth::json(&answer).unwrap_or(Value::Null);
        let user = json.pointer("/data/user").cloned().unwrap_or(Value::Null);
        let diagnosis = Self::diagnose(&cx, Source::Discovery, &answer);
        let Some(open_id) = oauth::text(&user, "open_id").filter(|_| diagnosis.finding == lifecycle::diagnosis::Finding::Works) else {
            let words = Evidence::new(cx.now, Source::Discovery, Some(answer.status().as_u16()), None, "user info without open_id");
            return Err(if diagnosis.finding == lifecycle::diagnosis::Finding::Works {
                Diagnosis::transient(words, None)
            } else {
                diagnosis
            });
        };
        let handle = oauth::text(&user, "username").map(str::to_owned);
        let name = oauth::text(&user, "display_name").or(handle.as_deref()).unwrap_or(open_id).to_owned();
        let mut profiles = vec![Found {
            network_id: open_id.to_owned(),
            kind: Kind::Account,
            name: name.clone(),
            handle: handle.clone(),
            avatar: oauth::text(&user, "avatar_url").map(str::to_owned),
            role: "owner".into(),
            parent: None,
            unusable: None,
        }];
        profiles.extend(Self::ad_accounts(cx, wire, tokens).await);
        let across_apps = oauth::text(&user, "union_id").map(str::to_owned);
        let person = PersonSeen { network_id: open_id.to_owned(), name, handle, across_apps };
        Ok(Discovery { person, profiles, all_come_along: false })
    }

    /// Shown so that nobody searches for them; a failure here means nothing.
    async fn ad_accounts(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Vec<Found> {
        let Some(url) = cx.endpoint(&ABOUT, "advertisers") else { return vec![] };
        let Ok(answer) = wire.send(oauth::get_bearer(&url, &tokens.access_token)).await else { return vec![] };
        let json = oauth::json(&answer).unwrap_or(Value::Null);
        let list = json.pointer("/data/list").and_then(Value::as_array).cloned().unwrap_or_default();
        let found = |item: &Value| {
            let id = oauth::id(item, "advertiser_id")?;
            Some(Found {
                name: oauth::text(item, "advertiser_name").unwrap_or(&id).to_owned(),
                network_id: format!("advertiser:{id}"),
                kind: Kind::AdAccount,
                handle: None,
                avatar: None,
                role: "advertiser".into(),
                parent: None,
                unusable: Some(Words::new(
                    "TikTok ad accounts can't be connected: they only buy advertising and cannot publish. Connect the TikTok account itself.",
                    "TikTok-Werbekonten können nicht verbunden werden: sie schalten nur Werbung und können nichts veröffentlichen. Verbinden Sie das TikTok-Konto selbst.",
                )),
            })
        };
        list.iter().take(50).filter_map(found).collect()
    }
}

impl Network for TikTok {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// Access 24 h; refresh 365 days from the first issuance; a renewal may answer with another refresh token, and the
    /// previous one stops working.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::Rotating(Reuse::Refused),
            access_life: Some(Span::hours(24)),
            refresh_life: Some(Span::days(365)),
            manual_renewal_every: Some(Span::days(365)),
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(",");
        let proof = is_desktop(&cx).then(|| pkce::roll_hex(&cx));
        let mut parameters = vec![
            ("client_key", cx.app.client_id.as_str()),
            ("scope", &scope),
            ("response_type", "code"),
            ("redirect_uri", &cx.app.redirect_uri),
            ("state", start.state.expose()),
            // The person may pick another account than the one the browser is signed in with.
            ("disable_auto_auth", "1"),
        ];
        if let Some((_, challenge)) = &proof {
            parameters.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
        }
        oauth::further(&cx, &mut parameters);
        let url = oauth::with_query(&Self::url(&cx, "authorize"), &parameters);
        let memory = proof.map(|(verifier, _)| (pkce::MEMORY.to_owned(), verifier)).into_iter().collect();
        let authorization = Authorization { url, memory, instance: String::new(), returns_with: start.state.clone(), registered: None };
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        let mut form = oauth::code_form(&cx, memory, code);
        form.extend([("client_key", cx.app.client_id.as_str()), ("client_secret", oauth::client_secret(&cx))]);
        Ok(oauth::post_form(&Self::url(&cx, "token"), &form))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        Self::issued(cx, answer, &cx.scopes(&ABOUT)).map(Answer::Done).ok_or_else(|| oauth::failed_exchange(cx.now, answer))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let refresh = tokens.refresh_token.as_ref()?;
        let form = [
            ("client_key", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(&cx)),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
        ];
        Some(oauth::post_form(&Self::url(&cx, "token"), &form))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(match Self::issued(cx, answer, &tokens.scopes) {
            Some(issued) => Renewal::Renewed(Box::new(issued)),
            None => oauth::failed_renewal(cx.now, answer, |_, _| None),
        })
    }

    fn api(&self, cx: Cx<'_>, _tokens: &TokenSet) -> Option<String> {
        cx.endpoint(&ABOUT, "publish")?.strip_suffix("/post/publish").map(str::to_owned)
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Self::identity(&cx, tokens)
    }

    /// Who the account is, and then whether it may publish, where that was granted: an account that may not is of no use, although its
    /// tokens work. Everything else that the second answer says leaves the first one as it is.
    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let diagnosis = Self::diagnose(&cx, Source::Probe, answer);
        if tokens.notes.contains_key(LOOKING) {
            let works = || Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "user info answered"));
            return Answer::Done(if diagnosis.is_harmless() { works() } else { diagnosis });
        }
        if diagnosis.finding != lifecycle::diagnosis::Finding::Works || !tokens.scopes.iter().any(|scope| scope == "video.publish") {
            return Answer::Done(diagnosis);
        }
        let url = format!("{}/creator_info/query/", Self::url(&cx, "publish"));
        let request = Box::new(oauth::post_json(&url, &tokens.access_token, &serde_json::json!({})));
        Answer::AskAgain { request, notes: BTreeMap::from([(LOOKING.to_owned(), "creator".to_owned())]), secrets: BTreeMap::new() }
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let form = [
            ("client_key", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(&cx)),
            ("token", tokens.access_token.expose()),
        ];
        Some(oauth::post_form(&Self::url(&cx, "revoke"), &form))
    }

    /// The body first, here too. Only an access token revokes, and it lives for a day: one that is over is renewed for this alone.
    fn read_revoke(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<bool> {
        let ask_next = |request: Request<Bytes>, stage: &str| {
            let notes = BTreeMap::from([(REVOKING.to_owned(), stage.to_owned())]);
            Answer::AskAgain { request: Box::new(request), notes, secrets: BTreeMap::new() }
        };
        match (tokens.notes.get(REVOKING).map(String::as_str), error_in(answer)) {
            (Some(RENEWING), _) => match Self::issued(cx, answer, &tokens.scopes) {
                Some(issued) => self.revoke(cx, &issued.tokens).map_or(Answer::Done(false), |request| ask_next(request, RENEWED)),
                // The refresh token is over as well: nothing is left that could be revoked.
                None => Answer::Done(error_in(answer).as_deref() == Some("invalid_grant")),
            },
            (_, None) => Answer::Done(answer.status().is_success()),
            (None, Some(error)) if !matches!(error.as_str(), "invalid_client" | "unauthorized_client" | "server_error") => self
                .renew(cx, tokens)
                .filter(|_| !oauth::is_trouble(answer.status()))
                .map_or(Answer::Done(false), |request| ask_next(request, RENEWING)),
            (_, Some(_)) => Answer::Done(false),
        }
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, draft)
    }

    fn takes(&self) -> Option<&'static crate::media::Takes> {
        Some(&acts::TAKES)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
    }

    fn address(&self, target: Target<'_>, post: &str) -> Option<String> {
        outcome::address(target.handle, post)
    }

    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<crate::signal::Inbound> {
        Some(signals::receive(&cx, request))
    }
}
