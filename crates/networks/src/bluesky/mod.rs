//! Bluesky, and every other server of the AT Protocol: OAuth with pushed requests (RFC 9126), PKCE, DPoP (RFC 9449) and a
//! client that is known by the address of its own document. Facts: networks/bluesky.md.
//!
//! Every account may live on a server of its own, so a session carries its addresses with it (the module `session`); nothing but the
//! directory of accounts and the resolver of handles is fixed.
//!
//! Options of the network app: `allow_http_loopback` ("true": http is followed to this machine, for servers under test),
//! `client_name`, `logo_uri`, `policy_uri`, `tos_uri` (shown to the person with the consent).

mod acts;
mod client;
mod diagnose;
mod resolve;
mod session;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use self::client::Authentication;
pub use self::client::{client_metadata, jwks, loopback_client_id};
use self::resolve::{Account, Beginning};
use self::session::{CLIENT_ID, DID, ISSUER, PDS, REVOCATION_ENDPOINT, Session, TOKEN_ENDPOINT, TYPED_DID, VERIFIER};
use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::dpop;
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network,
    PersonSeen, Registration, Renewal, Rule, Start, value,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub struct Bluesky;

/// Life of a session of a public client, in all (specification and reference server).
const PUBLIC_LIFE: Span = Span::days(14);
/// Life of a refresh token of a confidential client: the reference server's three months, rounded down. Each renewal
/// begins it anew; the specification allows 180 days.
const CONFIDENTIAL_LIFE: Span = Span::days(90);
/// The longest that a session of a confidential client lasts, in all, on the reference server (the specification knows no end).
/// `manual_renewal_every` of the configuration replaces it.
const SESSION_LIFE: Span = Span::days(2 * 365);
/// How often the pushed request is sent: once, and once more with the nonce.
const PUSHES: usize = 2;

static ABOUT: About = About {
    name: "bluesky",
    title: "Bluesky",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "Please have the handle ready, such as name.bsky.social. Accounts on other servers work too.",
            de: "Bitte den Handle bereithalten, etwa name.bsky.social. Konten auf anderen Servern gehen auch.",
        },
        Rule {
            en: "You log in on the account's own server. No app password is needed; never enter one here.",
            de: "Angemeldet wird auf dem Server des Kontos. Ein App-Passwort ist nicht nötig; bitte hier nie eines eingeben.",
        },
        Rule {
            en: "If this installation has a client key, the connection lasts while it is used, on Bluesky's own servers two years at most. Without one you must log in again every two weeks.",
            de: "Hat diese Installation einen Client-Schlüssel, hält die Verbindung, solange sie benutzt wird, auf den Servern von Bluesky höchstens zwei Jahre. Ohne ihn ist alle zwei Wochen eine neue Anmeldung nötig.",
        },
        Rule {
            en: "The connection can be ended at any time on the account page of that server. A new password or handle does not end it; moving to another server does.",
            de: "Auf der Kontoseite dieses Servers lässt sich die Verbindung jederzeit beenden. Ein neues Passwort oder ein neuer Handle beendet sie nicht, ein Umzug auf einen anderen Server schon.",
        },
    ],
    asks: Asks::Handle,
    registration: Registration::Metadata,
    scopes: &["atproto", "transition:generic"],
    endpoints: &[
        Endpoint { key: "plc", url: "https://plc.directory" },
        Endpoint { key: "resolver", url: "https://public.api.bsky.app" },
        Endpoint { key: "appview", url: "https://public.api.bsky.app" },
        // Where a login begins when no handle is typed, or one that cannot be resolved.
        Endpoint { key: "pds", url: "" },
    ],
};

fn misconfigured(cx: &Cx<'_>, code: &str, words: &str) -> Failure {
    Failure::Misconfigured { evidence: Evidence::new(cx.now, Source::Signal, None, Some(code), words) }
}

fn suspicious(cx: &Cx<'_>, words: &str) -> Failure {
    Failure::Suspicious { evidence: Evidence::new(cx.now, Source::Signal, None, None, words) }
}

/// The note of the code with which the account's server refused a look; only while the look lasts.
const REFUSED_WITH: &str = "refused_with";

fn get_session_url(pds: &str) -> String {
    format!("{pds}/xrpc/com.atproto.server.getSession")
}

/// Asks the person's server to prepare the login; the person is then sent there with nothing but the name of the request.
async fn begin(cx: Cx<'_>, wire: &dyn Wire, start: &Start) -> Result<Authorization, Failure> {
    let Some(authentication) = Authentication::new_session(cx.app) else {
        return Err(misconfigured(&cx, "client_key", "the client secret is no private key for ES256 (PKCS#8, PEM or base64)"));
    };
    let beginning = resolve::beginning(cx, wire, start.expected_person.as_deref().or(start.hint.as_deref())).await?;
    let server = &beginning.server;
    if !server.methods.iter().any(|method| method == authentication.method()) {
        let words = format!("{} does not take clients of our kind ({})", server.issuer, authentication.method());
        return Err(misconfigured(&cx, "client_kind", &words));
    }
    let mut session = new_session(&cx, &beginning, &authentication);
    let mut random = [0; 32];
    cx.dice.fill(&mut random);
    let verifier = URL_SAFE_NO_PAD.encode(random);
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let scope = cx.scopes(&ABOUT).join(" ");
    let mut form = vec![
        ("response_type", "code"),
        ("redirect_uri", &cx.app.redirect_uri),
        ("scope", &scope),
        ("state", start.state.expose()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if let Some(login_hint) = &beginning.login_hint {
        form.push(("login_hint", login_hint));
    }
    let request_uri = push(cx, wire, &mut session, &server.par_endpoint, &form).await?;
    let mut memory = session.memory();
    memory.insert(VERIFIER.into(), Secret::new(verifier));
    // Whoever renews is compared with the required person by the caller, who can name both. A typed account has nobody
    // else to stand up for it.
    if let (Some(account), None) = (&beginning.account, &start.expected_person) {
        memory.insert(TYPED_DID.into(), Secret::new(&account.did));
    }
    let url = oauth::with_query(&server.authorization_endpoint, &[("client_id", session.get(CLIENT_ID)), ("request_uri", &request_uri)]);
    Ok(Authorization { url, memory, instance: String::new(), returns_with: start.state.clone(), registered: None })
}

fn new_session(cx: &Cx<'_>, beginning: &Beginning, authentication: &Authentication) -> Session {
    let mut session = Session::begin(cx);
    session.set(ISSUER, &beginning.server.issuer);
    session.set(TOKEN_ENDPOINT, &beginning.server.token_endpoint);
    session.set(CLIENT_ID, &client::client_id(cx));
    session.bind(authentication);
    if let Some(endpoint) = &beginning.server.revocation_endpoint {
        session.set(REVOCATION_ENDPOINT, endpoint);
    }
    if let Some(account) = &beginning.account {
        session.set(DID, &account.did);
        session.set(PDS, &account.pds);
    }
    session
}

/// The pushed authorization request (RFC 9126); gives the name under which the server keeps it.
async fn push(cx: Cx<'_>, wire: &dyn Wire, session: &mut Session, endpoint: &str, form: &[(&str, &str)]) -> Result<String, Failure> {
    for _ in 0..PUSHES {
        let request = session.post(&cx, endpoint, form).ok_or_else(|| misconfigured(&cx, "client_key", "the client key is gone"))?;
        let answer = wire.send(request).await.map_err(|error| oauth::unavailable(cx.now, &error))?;
        session.learn(endpoint, &answer);
        if dpop::wants_nonce(&answer) {
            continue;
        }
        let json = oauth::json(&answer).filter(|_| answer.status().is_success());
        return match json.as_ref().and_then(|json| oauth::text(json, "request_uri")) {
            Some(request_uri) => Ok(request_uri.to_owned()),
            None => Err(oauth::failed_exchange(cx.now, &answer)),
        };
    }
    let words = "the authorization server refuses every nonce, also its own";
    Err(Failure::Unavailable { evidence: Evidence::new(cx.now, Source::Signal, None, Some("use_dpop_nonce"), words) })
}

/// RFC 9207: the answer must come from the server that was asked, errors too.
fn check_issuer(cx: &Cx<'_>, session: &Session, callback: &Callback) -> Result<(), Failure> {
    match value(callback, "iss") {
        Some(issuer) if issuer == session.get(ISSUER) => Ok(()),
        Some(other) => Err(suspicious(cx, &format!("the answer comes from {other}, asked was {}", session.get(ISSUER)))),
        None => Err(suspicious(cx, "the answer does not say which server it comes from")),
    }
}

fn remembered(cx: &Cx<'_>, memory: &BTreeMap<String, Secret>) -> Result<Session, Failure> {
    Session::remembered(memory).ok_or_else(|| suspicious(cx, "nothing was remembered of this login"))
}

fn exchange(cx: &Cx<'_>, session: &Session, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
    check_issuer(cx, session, callback)?;
    let code = oauth::callback_code(cx.now, callback, &[])?;
    let verifier = memory.get(VERIFIER).map_or("", Secret::expose);
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", cx.app.redirect_uri.as_str()), ("code_verifier", verifier)];
    let request = session.post(cx, session.get(TOKEN_ENDPOINT), &form);
    request.ok_or_else(|| misconfigured(cx, "client_key", "the client key with which this login began is not configured any more"))
}

/// A first token set must be all that was asked for, or it is thrown away (the profile of the AT Protocol).
fn check_first(cx: &Cx<'_>, memory: &BTreeMap<String, Secret>, json: &Value, issued: &Issued) -> Result<String, Failure> {
    if !oauth::text(json, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("DPoP")) {
        return Err(suspicious(cx, "the token is not bound to our key"));
    }
    if !issued.tokens.scopes.iter().any(|scope| scope == "atproto") {
        return Err(suspicious(cx, "the token is not one of the AT Protocol"));
    }
    let Some(came) = oauth::text(json, "sub").filter(|did| resolve::is_did(did)) else {
        return Err(suspicious(cx, "the answer does not say whose token it is"));
    };
    match memory.get(TYPED_DID).map(Secret::expose) {
        Some(typed) if typed != came => {
            let words = format!("expected was {typed}, but {came} logged in");
            Err(Failure::Refused { cause: Cause::WrongPerson, evidence: Evidence::new(cx.now, Source::Signal, Some(200), None, &words) })
        }
        _ => Ok(came.to_owned()),
    }
}

/// A token answer as a token set of that session.
fn issued(cx: Cx<'_>, session: &Session, json: &Value, asked: &[String]) -> Option<Issued> {
    let mut issued = oauth::issued(cx, json, "refresh_token_expires_in", asked)?;
    issued.tokens.token_type = TokenType::Dpop;
    issued.tokens.dpop_key = Some(session.stored_key());
    issued.tokens.notes.clone_from(&session.notes);
    issued.person_network_id = oauth::text(json, "sub").map(str::to_owned);
    if session.is_confidential() && issued.renewable {
        issued.clocks.refresh_until = issued.clocks.refresh_until.or(Some(cx.now + cx.facts.refresh_life.unwrap_or(CONFIDENTIAL_LIFE)));
    }
    Some(issued)
}

/// Lists the one account that a session is for, after the check that its own documents lead to the very server that issued
/// the token; otherwise any server could hand out tokens in anybody's name. No token is sent before that.
async fn discover(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let nothing = |words: &str| Diagnosis::misconfigured(Evidence::new(cx.now, Source::Discovery, None, Some("session"), words));
    let mut session = Session::of(tokens).ok_or_else(|| nothing("the token set has no DPoP key"))?;
    let account = confirm_issuer(cx, wire, &session).await?;
    let url = get_session_url(&account.pds);
    let mut answer = Response::default();
    for _ in 0..PUSHES {
        let request = session.get_as(&cx, &url, &tokens.access_token);
        answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        session.learn(&url, &answer);
        if !dpop::wants_nonce(&answer) {
            break;
        }
    }
    let looked = diagnose::session(cx.now, Source::Discovery, &account.did, &answer);
    if looked.finding != Finding::Works {
        return Err(looked);
    }
    let said = oauth::json(&answer).and_then(|json| oauth::text(&json, "handle").map(str::to_owned));
    // "handle.invalid" is what servers say of a handle that no longer leads back to the account.
    let handle = said.filter(|handle| handle != "handle.invalid").or_else(|| account.handles.first().cloned());
    let (display_name, avatar) = public_profile(cx, wire, &account.did).await;
    let name = display_name.or_else(|| handle.clone()).unwrap_or_else(|| account.did.clone());
    let person = PersonSeen { network_id: account.did.clone(), name: name.clone(), handle: handle.clone(), across_apps: None };
    let profile =
        Found { network_id: account.did, kind: Kind::Account, name, handle, avatar, role: "owner".into(), parent: None, unusable: None };
    Ok(Discovery { person, profiles: vec![profile], all_come_along: false })
}

/// The account's own documents must lead to the server that issued the token. What they say otherwise is a refusal; that they
/// cannot be read (a page in between, a directory in trouble) says nothing, and no token is sent either.
async fn confirm_issuer(cx: Cx<'_>, wire: &dyn Wire, session: &Session) -> Result<Account, Diagnosis> {
    let seen = |code: &str, words: &str| Evidence::new(cx.now, Source::Discovery, None, Some(code), words);
    let refused = |words: &str| Diagnosis::refused(Cause::Unknown, Confidence::Certain, seen("issuer_mismatch", words));
    let unread = |words: &str| Diagnosis::transient(seen("issuer_unknown", words), None);
    let judge = |failure: Failure| match failure {
        Failure::Suspicious { evidence } => refused(&evidence.words),
        Failure::Unavailable { evidence } => Diagnosis::transient(Evidence { source: Source::Discovery, ..evidence }, None),
        _ => unread("the account's own documents cannot be read"),
    };
    let did = session.get(DID);
    let account = resolve::account(cx, wire, did).await.map_err(judge)?;
    let account = account.ok_or_else(|| unread(&format!("{did} does not say which server it lives on")))?;
    let issuer = resolve::issuer_of(cx, wire, &account.pds).await.map_err(judge)?;
    match issuer.ok_or_else(|| unread(&format!("{} does not name its authorization server", account.pds)))? {
        issuer if issuer == session.get(ISSUER) => Ok(account),
        other => Err(refused(&format!("the token comes from {}, but the account belongs to {other}", session.get(ISSUER)))),
    }
}

/// Name and picture as the public sees them. Nice to have: whatever fails here is nothing.
async fn public_profile(cx: Cx<'_>, wire: &dyn Wire, did: &str) -> (Option<String>, Option<String>) {
    let Some(appview) = cx.endpoint(&ABOUT, "appview") else { return (None, None) };
    let url = format!("{}/xrpc/app.bsky.actor.getProfile?actor={}", appview.trim_end_matches('/'), oauth::percent(did));
    let request = Request::builder().uri(url).header("accept", "application/json").body(Bytes::new()).unwrap_or_default();
    let answer = wire.send(request).await.ok().filter(|answer| answer.status() == StatusCode::OK);
    let Some(json) = answer.and_then(|answer| oauth::json(&answer)) else { return (None, None) };
    let text = |field| oauth::text(&json, field).map(str::to_owned);
    (text("displayName").filter(|name| !name.trim().is_empty()), text("avatar"))
}

/// The question that a probe asks: the account's server whether the token works, or first, when it is not known, the
/// account's document for that server.
fn question(cx: &Cx<'_>, session: &Session, tokens: &TokenSet) -> Request<Bytes> {
    if session.get(PDS).is_empty() {
        let url = resolve::document_url(cx, session.get(DID)).unwrap_or_default();
        return Request::builder().uri(url).header("accept", "application/json").body(Bytes::new()).unwrap_or_default();
    }
    session.get_as(cx, &get_session_url(session.get(PDS)), &tokens.access_token)
}

fn no_session(cx: &Cx<'_>, source: Source) -> Diagnosis {
    Diagnosis::misconfigured(Evidence::new(cx.now, source, None, Some("session"), "the token set has no DPoP key"))
}

impl Network for Bluesky {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn documents(&self, app: &crate::network::App) -> Vec<(&'static str, serde_json::Value)> {
        let metadata = client_metadata(app).map(|document| ("client-metadata.json", document));
        metadata.into_iter().chain(jwks(app).map(|document| ("jwks.json", document))).collect()
    }

    /// Access at most an hour, said in every answer. How long the refresh token lives depends on the kind of client, so the
    /// adapter says it with every token set, unless it is configured. A replayed refresh token ends the session.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::Rotating(Reuse::RevokesFamily),
            access_life: Some(Span::hours(1)),
            // Sessions of public clients live two weeks: announced 14 days ahead, they would never be simply green.
            warn_days: vec![3, 1],
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        Box::pin(begin(cx, wire, start))
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        exchange(&cx, &remembered(&cx, memory)?, memory, callback)
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        callback: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let mut session = remembered(&cx, memory)?;
        let endpoint = session.get(TOKEN_ENDPOINT).to_owned();
        let notes = session.learn(&endpoint, answer);
        if dpop::wants_nonce(answer) {
            return Ok(Answer::AskAgain { request: Box::new(exchange(&cx, &session, memory, callback)?), notes, secrets: BTreeMap::new() });
        }
        let json = oauth::json(answer).filter(|_| answer.status().is_success());
        let read = json.and_then(|json| issued(cx, &session, &json, &cx.scopes(&ABOUT)).map(|issued| (json, issued)));
        let Some((json, mut issued)) = read else { return Err(oauth::failed_exchange(cx.now, answer)) };
        let did = check_first(&cx, memory, &json, &issued)?;
        if did != session.get(DID) {
            // Where this account lives is not known yet: the documents that were read were not its own.
            issued.tokens.notes.remove(PDS);
            issued.tokens.notes.insert(DID.into(), did);
        }
        if session.is_confidential() {
            issued.clocks.human_until = Some(cx.now + cx.facts.manual_renewal_every.unwrap_or(SESSION_LIFE));
        } else {
            // Each renewal gives a new token, but none outlives the session.
            let end = cx.now + cx.facts.refresh_life.unwrap_or(PUBLIC_LIFE);
            issued.clocks.refresh_until = Some(end);
            issued.clocks.human_until = Some(end);
        }
        Ok(Answer::Done(issued))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let refresh = tokens.refresh_token.as_ref()?;
        let session = Session::of(tokens)?;
        session.post(&cx, session.get(TOKEN_ENDPOINT), &[("grant_type", "refresh_token"), ("refresh_token", refresh.expose())])
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        let Some(mut session) = Session::of(tokens) else { return Answer::Done(Renewal::Failed(no_session(&cx, Source::Renewal))) };
        let endpoint = session.get(TOKEN_ENDPOINT).to_owned();
        let notes = session.learn(&endpoint, answer);
        if dpop::wants_nonce(answer) {
            let known = TokenSet { notes: session.notes, ..tokens.clone() };
            return match self.renew(cx, &known) {
                Some(request) => Answer::AskAgain { request: Box::new(request), notes, secrets: BTreeMap::new() },
                None => Answer::Done(Renewal::Failed(no_session(&cx, Source::Renewal))),
            };
        }
        if let Some(authentication) = session.authentication(&cx) {
            // A session whose client became confidential is tied to the key from here on.
            session.bind(&authentication);
        }
        let json = oauth::json(answer).filter(|_| answer.status().is_success());
        Answer::Done(match json.and_then(|json| issued(cx, &session, &json, &tokens.scopes)) {
            Some(issued) => Renewal::Renewed(Box::new(issued)),
            None => diagnose::renewal(cx.now, answer),
        })
    }

    /// The account's own server, or the one that issued the token while that is not known.
    fn server(&self, tokens: &TokenSet) -> Option<String> {
        [PDS, ISSUER].into_iter().find_map(|name| tokens.notes.get(name)).map(|url| dpop::origin(url))
    }

    fn api(&self, _cx: Cx<'_>, tokens: &TokenSet) -> Option<String> {
        Some(format!("{}/xrpc", tokens.notes.get(session::PDS)?.trim_end_matches('/')))
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Session::of(tokens).map(|session| question(&cx, &session, tokens)).unwrap_or_default()
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let Some(mut session) = Session::of(tokens) else { return Answer::Done(no_session(&cx, Source::Probe)) };
        let did = session.get(DID).to_owned();
        if let Some(refused) = tokens.notes.get(REFUSED_WITH) {
            return Answer::Done(diagnose::after_a_move(&cx, &session, refused, answer));
        }
        let notes = if session.get(PDS).is_empty() {
            let document = oauth::json(answer).filter(|_| answer.status() == StatusCode::OK);
            let Some(account) = document.and_then(|json| resolve::read_document(&cx, &did, &json)) else {
                return Answer::Done(Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), oauth::retry_after(answer)));
            };
            session.set(PDS, &account.pds);
            BTreeMap::from([(PDS.to_owned(), account.pds)])
        } else {
            let url = get_session_url(session.get(PDS));
            let notes = session.learn(&url, answer);
            if !dpop::wants_nonce(answer) {
                let looked = diagnose::session(cx.now, Source::Probe, &did, answer);
                // A server that does not know the account, or the session: the account may have moved. Its document tells.
                let may_have_moved = matches!(looked.finding, Finding::Refused { cause: Cause::Unknown, .. });
                let url = resolve::document_url(&cx, &did).filter(|_| may_have_moved);
                let Some(url) = url else { return Answer::Done(looked) };
                let refused = looked.evidence.code.unwrap_or_default();
                let request = Request::builder().uri(url).header("accept", "application/json").body(Bytes::new()).unwrap_or_default();
                let notes = BTreeMap::from([(REFUSED_WITH.to_owned(), refused)]);
                return Answer::AskAgain { request: Box::new(request), notes, secrets: BTreeMap::new() };
            }
            notes
        };
        Answer::AskAgain { request: Box::new(question(&cx, &session, tokens)), notes, secrets: BTreeMap::new() }
    }

    /// Revoking the refresh token ends the session (RFC 7009 section 2.1).
    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let session = Session::of(tokens)?;
        let endpoint = session.notes.get(REVOCATION_ENDPOINT)?;
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        session.post(&cx, endpoint, &[("token", token.expose())])
    }

    fn read_revoke(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<bool> {
        let known = Session::of(tokens).filter(|_| dpop::wants_nonce(answer)).and_then(|mut session| {
            let endpoint = session.get(REVOCATION_ENDPOINT).to_owned();
            let notes = session.learn(&endpoint, answer);
            let request = self.revoke(cx, &TokenSet { notes: session.notes, ..tokens.clone() })?;
            Some(Answer::AskAgain { request: Box::new(request), notes, secrets: BTreeMap::new() })
        });
        known.unwrap_or_else(|| Answer::Done(self.is_revoked(answer)))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(discover(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, draft)
    }

    fn look<'a>(&'a self, by: Acting<'a>, post: &'a Post, since: Timestamp) -> Done<'a, Option<Posted>> {
        Box::pin(acts::look(by, post, since))
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
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
}

#[cfg(test)]
mod tests;
