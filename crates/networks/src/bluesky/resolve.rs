//! From what the person typed to the authorization server (networks/bluesky.md section 2): handle, DID, document of the
//! DID, server of the account, its authorization server. Every address found on the way is somebody else's choice: only
//! https leads on, and the wire lets through public addresses only.
//!
//! Handles that are proven by a DNS record alone are resolved by the configured resolver, not here: there is no DNS client
//! in this house but the system's, which does not know TXT records.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::words::{Evidence, Source};
use serde_json::Value;
use url::{Host, Url};

use super::ABOUT;
use crate::network::{Cx, Failure, Words};
use crate::oauth;
use crate::wire::Wire;

/// The longest text that is a DID here; the specification allows 2048, real ones have 32.
const DID_MAX: usize = 256;

/// What the person typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// A handle; may also be the name of a server.
    Handle(String),
    /// The account's id.
    Did(String),
    /// The address of a server.
    Server(String),
}

/// What the document of a DID says.
#[derive(Debug)]
pub(super) struct Account {
    /// The account.
    pub(super) did: String,
    /// Its handles, as the document names them.
    pub(super) handles: Vec<String>,
    /// Where it lives.
    pub(super) pds: String,
}

/// What is used of an authorization server's metadata (RFC 8414).
#[derive(Debug)]
pub(super) struct Server {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) par_endpoint: String,
    pub(super) revocation_endpoint: Option<String>,
    /// How clients may show who they are.
    pub(super) methods: Vec<String>,
}

/// Where a login begins.
#[derive(Debug)]
pub(super) struct Beginning {
    /// The account, when it is known before.
    pub(super) account: Option<Account>,
    /// What the authorization server is told about who will log in.
    pub(super) login_hint: Option<String>,
    /// The authorization server.
    pub(super) server: Server,
}

fn suspicious(cx: &Cx<'_>, words: &str) -> Failure {
    Failure::Suspicious { evidence: Evidence::new(cx.now, Source::Signal, None, None, words) }
}

fn not_found(typed: &str) -> Failure {
    Failure::BadHint {
        words: Words::new(
            format!("No Bluesky account or server was found for “{typed}”. Please type the full handle, such as name.bsky.social."),
            format!(
                "Zu „{typed}“ wurde kein Bluesky-Konto und kein Server gefunden. Bitte den ganzen Handle angeben, etwa name.bsky.social."
            ),
        ),
    }
}

/// Reads what the person typed or pasted: `@name.bsky.social`, `at://…`, a DID, the address of a profile or of a server.
pub(super) fn read_hint(cx: &Cx<'_>, typed: &str) -> Option<Hint> {
    // Copied handles often bring invisible characters along.
    let text = typed.trim_matches(|c: char| !c.is_ascii_graphic());
    let text = text.strip_prefix("at://").unwrap_or(text);
    let text = text.strip_prefix('@').unwrap_or(text).trim_end_matches('/');
    if text.starts_with("did:") {
        return is_did(text).then(|| Hint::Did(text.to_owned()));
    }
    if let Some((_, after)) = text.split_once("/profile/") {
        return read_hint(cx, after.split('/').next()?);
    }
    if text.contains("://") {
        return secure(cx, text).map(|url| Hint::Server(base(&url)));
    }
    if is_handle(text) {
        return Some(Hint::Handle(text.to_ascii_lowercase()));
    }
    if text.contains('@') {
        return None;
    }
    secure(cx, &base_of_host(cx, text)).map(|url| Hint::Server(base(&url)))
}

/// The syntax of handles: a domain name of at least two labels whose last one begins with a letter.
fn is_handle(text: &str) -> bool {
    let label = |label: &str| {
        let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inside && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.contains('.') && text.split('.').all(label) && last.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The kinds of DID that the network uses.
pub(super) fn is_did(text: &str) -> bool {
    if let Some(id) = text.strip_prefix("did:plc:") {
        return id.len() == 24 && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    }
    let host = text.strip_prefix("did:web:");
    host.is_some_and(|host| text.len() <= DID_MAX && is_host(&host.replace("%3A", ":")))
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    (is_handle(name) || name == "localhost") && port.parse::<u16>().is_ok()
}

fn loopback_allowed(cx: &Cx<'_>) -> bool {
    cx.app.options.get("allow_http_loopback").is_some_and(|value| value == "true")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An address that may be followed: https, or http to this machine where the operator allows it.
fn secure(cx: &Cx<'_>, text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback_allowed(cx) && is_loopback(&url));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none() && url.host().is_some();
    (safe && plain).then_some(url)
}

/// Scheme, host and port: all that names a server.
fn base(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn base_of_host(cx: &Cx<'_>, host: &str) -> String {
    let open = format!("http://{host}");
    if secure(cx, &open).is_some() { open } else { format!("https://{host}") }
}

/// Where a login begins for what the person typed; without anything, at the configured server.
pub(super) async fn beginning(cx: Cx<'_>, wire: &dyn Wire, typed: Option<&str>) -> Result<Beginning, Failure> {
    let typed = typed.map(str::trim).filter(|typed| !typed.is_empty());
    let home = cx.endpoint(&ABOUT, "pds");
    let Some(typed) = typed else {
        return match home {
            Some(home) => at_server(cx, wire, &home, None).await?.ok_or_else(|| not_found(&home)),
            None => Err(Failure::BadHint {
                words: Words::new(
                    "Please type the Bluesky handle, such as name.bsky.social.",
                    "Bitte den Bluesky-Handle angeben, etwa name.bsky.social.",
                ),
            }),
        };
    };
    match read_hint(&cx, typed).ok_or_else(|| not_found(typed))? {
        Hint::Did(did) => at_account(cx, wire, &did, did.clone()).await,
        Hint::Server(server) => at_server(cx, wire, &server, None).await?.ok_or_else(|| not_found(typed)),
        Hint::Handle(handle) => {
            let trouble = match by_handle(cx, wire, &handle).await {
                Ok(Some(account)) => return at_pds(cx, wire, account, handle).await,
                Ok(None) => not_found(typed),
                Err(trouble @ Failure::Suspicious { .. }) => return Err(trouble),
                Err(trouble) => trouble,
            };
            // A name that is nobody's handle may be a server's, or a handle that only the configured server knows.
            let (server, hint) = match home {
                Some(home) => (home, Some(handle)),
                None => (format!("https://{handle}"), None),
            };
            at_server(cx, wire, &server, hint).await.ok().flatten().ok_or(trouble)
        }
    }
}

async fn at_account(cx: Cx<'_>, wire: &dyn Wire, did: &str, login_hint: String) -> Result<Beginning, Failure> {
    let account = account(cx, wire, did).await?.ok_or_else(|| not_found(did))?;
    at_pds(cx, wire, account, login_hint).await
}

async fn at_pds(cx: Cx<'_>, wire: &dyn Wire, account: Account, login_hint: String) -> Result<Beginning, Failure> {
    let server = server_of(cx, wire, &account.pds).await?;
    Ok(Beginning { account: Some(account), login_hint: Some(login_hint), server })
}

/// Begins at a server whose accounts are not known yet: an account's server, or an authorization server itself.
async fn at_server(cx: Cx<'_>, wire: &dyn Wire, server: &str, login_hint: Option<String>) -> Result<Option<Beginning>, Failure> {
    let issuer = issuer_of(cx, wire, server).await?.unwrap_or_else(|| server.trim_end_matches('/').to_owned());
    let found = metadata(cx, wire, &issuer).await?;
    Ok(found.map(|server| Beginning { account: None, login_hint, server }))
}

/// The account of a handle, proven in both directions. `None` when there is none.
async fn by_handle(cx: Cx<'_>, wire: &dyn Wire, handle: &str) -> Result<Option<Account>, Failure> {
    let Some(did) = did_of_handle(cx, wire, handle).await? else { return Ok(None) };
    let Some(account) = account(cx, wire, &did).await? else { return Ok(None) };
    if account.handles.iter().any(|listed| listed.eq_ignore_ascii_case(handle)) {
        Ok(Some(account))
    } else {
        Err(suspicious(&cx, &format!("the handle {handle} names an account whose document does not name that handle")))
    }
}

async fn did_of_handle(cx: Cx<'_>, wire: &dyn Wire, handle: &str) -> Result<Option<String>, Failure> {
    // Most domains have no such file, many have no server: then the resolver is asked. Names for tests have none on the
    // internet (RFC 6761): nobody is asked for them.
    let has_server = !handle.ends_with(".test");
    let own = if has_server { get(cx, wire, &format!("https://{handle}/.well-known/atproto-did")).await.ok() } else { None };
    let own = own.filter(|answer| answer.status() == StatusCode::OK);
    let own = own.and_then(|answer| std::str::from_utf8(answer.body()).ok().map(|text| text.trim().to_owned()));
    if let Some(did) = own.filter(|did| is_did(did)) {
        return Ok(Some(did));
    }
    let Some(resolver) = cx.endpoint(&ABOUT, "resolver") else { return Ok(None) };
    let url = format!("{}/xrpc/com.atproto.identity.resolveHandle?handle={}", resolver.trim_end_matches('/'), oauth::percent(handle));
    let said = get_json(cx, wire, &url).await?;
    Ok(said.and_then(|json| oauth::text(&json, "did").filter(|did| is_did(did)).map(str::to_owned)))
}

/// Where the document of a DID lies.
pub(super) fn document_url(cx: &Cx<'_>, did: &str) -> Option<String> {
    if !is_did(did) {
        return None;
    }
    match did.strip_prefix("did:web:") {
        Some(host) => secure(cx, &base_of_host(cx, &host.replace("%3A", ":"))).map(|url| format!("{}/.well-known/did.json", base(&url))),
        None => cx.endpoint(&ABOUT, "plc").map(|plc| format!("{}/{did}", plc.trim_end_matches('/'))),
    }
}

/// Reads the document of a DID.
pub(super) fn read_document(cx: &Cx<'_>, did: &str, json: &Value) -> Option<Account> {
    if oauth::text(json, "id") != Some(did) {
        return None;
    }
    let texts = |field: &str| json.get(field).and_then(Value::as_array).into_iter().flatten();
    let handles = texts("alsoKnownAs").filter_map(|name| name.as_str()?.strip_prefix("at://")).map(str::to_owned).collect();
    let is_pds = |service: &&Value| {
        let id = oauth::text(service, "id").unwrap_or_default();
        (id == "#atproto_pds" || id.strip_prefix(did) == Some("#atproto_pds"))
            && oauth::text(service, "type") == Some("AtprotoPersonalDataServer")
    };
    let pds = texts("service").find(is_pds)?;
    let pds = secure(cx, oauth::text(pds, "serviceEndpoint")?)?;
    Some(Account { did: did.to_owned(), handles, pds: base(&pds) })
}

/// The account of a DID. `None` when there is none, or when it has no server that may be asked.
pub(super) async fn account(cx: Cx<'_>, wire: &dyn Wire, did: &str) -> Result<Option<Account>, Failure> {
    let Some(url) = document_url(&cx, did) else { return Ok(None) };
    Ok(get_json(cx, wire, &url).await?.and_then(|json| read_document(&cx, did, &json)))
}

/// The authorization server of an account's server.
pub(super) async fn server_of(cx: Cx<'_>, wire: &dyn Wire, pds: &str) -> Result<Server, Failure> {
    let issuer =
        issuer_of(cx, wire, pds).await?.ok_or_else(|| suspicious(&cx, &format!("{pds} does not name its authorization server")))?;
    metadata(cx, wire, &issuer).await?.ok_or_else(|| suspicious(&cx, &format!("{issuer} is no authorization server of the AT Protocol")))
}

/// The one authorization server that an account's server names (RFC 9728).
pub(super) async fn issuer_of(cx: Cx<'_>, wire: &dyn Wire, pds: &str) -> Result<Option<String>, Failure> {
    let pds = pds.trim_end_matches('/');
    let Some(json) = get_json(cx, wire, &format!("{pds}/.well-known/oauth-protected-resource")).await? else { return Ok(None) };
    if oauth::text(&json, "resource").is_some_and(|resource| resource.trim_end_matches('/') != pds) {
        return Err(suspicious(&cx, &format!("{pds} answers for another server")));
    }
    let servers = json.get("authorization_servers").and_then(Value::as_array).map(Vec::as_slice);
    match servers {
        Some([only]) => Ok(only.as_str().filter(|issuer| secure(&cx, issuer).is_some_and(|url| base(&url) == **issuer)).map(str::to_owned)),
        _ => Ok(None),
    }
}

/// The metadata of an authorization server. `None` when it is none of the AT Protocol.
async fn metadata(cx: Cx<'_>, wire: &dyn Wire, issuer: &str) -> Result<Option<Server>, Failure> {
    let Some(json) = get_json(cx, wire, &format!("{issuer}/.well-known/oauth-authorization-server")).await? else { return Ok(None) };
    // Simple string comparison, or the metadata of another server could be slipped in (RFC 8414 section 3.3).
    if oauth::text(&json, "issuer") != Some(issuer) {
        return Err(suspicious(&cx, &format!("the metadata of {issuer} names another issuer")));
    }
    Ok(read_metadata(&cx, issuer, &json))
}

/// What the profile of the AT Protocol demands of a server is checked here, as far as we rely on it.
fn read_metadata(cx: &Cx<'_>, issuer: &str, json: &Value) -> Option<Server> {
    let endpoint = |field: &str| oauth::text(json, field).filter(|url| secure(cx, url).is_some()).map(str::to_owned);
    let list = |field: &str| -> Vec<String> {
        json.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let says = |field: &str| json.get(field).and_then(Value::as_bool) == Some(true);
    let has = |field: &str, value: &str| list(field).iter().any(|item| item == value);
    let fits = says("client_id_metadata_document_supported")
        && says("authorization_response_iss_parameter_supported")
        && has("code_challenge_methods_supported", "S256")
        && has("dpop_signing_alg_values_supported", "ES256")
        && has("scopes_supported", "atproto");
    fits.then_some(Server {
        issuer: issuer.to_owned(),
        authorization_endpoint: endpoint("authorization_endpoint")?,
        token_endpoint: endpoint("token_endpoint")?,
        par_endpoint: endpoint("pushed_authorization_request_endpoint")?,
        revocation_endpoint: endpoint("revocation_endpoint"),
        methods: list("token_endpoint_auth_methods_supported"),
    })
}

async fn get(cx: Cx<'_>, wire: &dyn Wire, url: &str) -> Result<Response<Bytes>, Failure> {
    let request = Request::builder().uri(url).header("accept", "application/json, text/plain").body(Bytes::new()).unwrap_or_default();
    wire.send(request).await.map_err(|error| oauth::unavailable(cx.now, &error))
}

/// A document that is there, or `None` when the server says it is not: a redirect, a 404, a page. A server in trouble says
/// nothing of the kind.
async fn get_json(cx: Cx<'_>, wire: &dyn Wire, url: &str) -> Result<Option<Value>, Failure> {
    let answer = get(cx, wire, url).await?;
    if oauth::is_trouble(answer.status()) {
        let words = format!("{} answered with status {}", crate::dpop::origin(url), answer.status().as_u16());
        return Err(Failure::Unavailable { evidence: oauth::evidence(cx.now, Source::Signal, &answer, None, &words) });
    }
    Ok(oauth::json(&answer).filter(|_| answer.status() == StatusCode::OK))
}
