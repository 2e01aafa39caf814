//! What every adapter keeps, whatever network it speaks to.

mod configured;
mod errors;
mod further;
mod given;
mod measured;
mod overrides;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use bytes::Bytes;
use given::{Given, Parrot, Still};
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::Secret;
use networks::Network;
use networks::acting::{Acting, Media, Post, Target};
use networks::network::{Ability, Answer, Kind, Registration, Renewal, Start};
use networks::wire::{BoxFuture, Wire, WireError};
use proptest::prelude::*;

/// Answers what it was given, in order, then nothing.
struct Script(Mutex<VecDeque<Response<Bytes>>>);

impl Wire for Script {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        let next = self.0.lock().expect("not poisoned").pop_front();
        Box::pin(async move { next.ok_or_else(|| WireError::NotSent("nothing left".into())) })
    }
}

/// The adapters that are registered by hand: the ones whose tokens need no key of ours.
fn by_hand() -> impl Iterator<Item = &'static dyn Network> {
    networks::ALL.iter().copied().filter(|network| network.about().registration == Registration::ByHand)
}

fn answer(status: u16, kind: &str, body: &[u8]) -> Response<Bytes> {
    Response::builder().status(status).header("content-type", kind).body(Bytes::copy_from_slice(body)).expect("an answer")
}

fn reads(network: &'static dyn Network, response: &Response<Bytes>) -> (Renewal, Diagnosis) {
    let given = Given::at(network);
    let (cx, tokens) = (given.cx(), given.tokens());
    let (Answer::Done(renewal), Answer::Done(diagnosis)) =
        (network.read_renew(cx, &tokens, response), network.read_probe(cx, &tokens, response))
    else {
        panic!("{} asks again without a reason", network.about().name)
    };
    (renewal, diagnosis)
}

#[test]
fn about_is_complete() {
    for network in networks::ALL {
        let about = network.about();
        assert!(about.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", about.name);
        assert!(!about.rules.is_empty() && about.rules.iter().all(|rule| rule.en.len() > 20 && rule.de.len() > 20), "{}", about.name);
        assert!(about.endpoints.iter().all(|endpoint| endpoint.url.is_empty() || endpoint.url.starts_with("https://")), "{}", about.name);
        for ability in [about.can.publish, about.can.comment, about.can.read_comments, about.can.reply] {
            assert!(!matches!(ability, Ability::No { en: "", .. } | Ability::No { de: "", .. }));
        }
        assert_eq!(networks::find(about.name).map(|found| found.about().name), Some(about.name));
    }
}

/// Nothing is promised that a network does not do: where no call of it ends our access, people are told where they end it.
#[test]
fn who_cannot_revoke_says_where_people_end_it() {
    for network in networks::ALL {
        let given = Given::at(*network);
        let revokes = network.revoke(given.cx(), &given.tokens()).is_some();
        let said = network.ended_by_person();
        assert!(revokes || said.is_some(), "{}", network.about().name);
        assert!(said.is_none_or(|rule| rule.en.len() > 20 && rule.de.len() > 20), "{}", network.about().name);
    }
    let says = |name: &str| networks::find(name).and_then(Network::ended_by_person).is_some();
    assert!(says("pinterest") && says("xing") && !says("tiktok"));
}

#[tokio::test]
async fn the_person_is_sent_with_state_and_the_exact_redirect_address() {
    for network in by_hand() {
        let given = Given::at(network);
        let (cx, app) = (given.cx(), &given.app);
        let first = b"oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true";
        let wire = Script(Mutex::new(VecDeque::from([answer(201, "application/x-www-form-urlencoded", first)])));
        let start = Start { state: Secret::new("the-state"), hint: None, expected_person: None };
        let begun = network.begin(cx, &wire, &start).await.expect("begins");
        let url = url::Url::parse(&begun.url).expect("an address");
        assert_eq!(url.scheme(), "https");
        assert!(!begun.url.contains("canary-secret"), "{}", network.about().name);
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if let Some(redirect) = query.get("redirect_uri") {
            assert_eq!(
                (redirect, query.get("state").map(String::as_str)),
                (&app.redirect_uri, Some("the-state")),
                "{}",
                network.about().name
            );
        } else {
            assert_eq!(query.get("oauth_token").map(String::as_str), Some("rt"), "OAuth 1.0a");
        }
    }
}

/// Networks that know no other place for a token than the address. A webhook is an address: Discord takes its secret nowhere
/// else. What the wire says of a request names the host and nothing behind it.
const SECRET_IN_ADDRESS: &[&str] = &["discord"];

#[test]
fn no_secret_shows_in_debug() {
    for network in by_hand() {
        let given = Given::at(network);
        let (app, tokens) = (&given.app, given.tokens());
        let probe = network.probe(given.cx(), &tokens);
        let (name, shown) = (network.about().name, format!("{:?} {:?}", probe.uri(), probe.headers()));
        assert!(!shown.contains("canary-secret"), "{name}: {shown}");
        assert!(!shown.contains("canary-access") || SECRET_IN_ADDRESS.contains(&name), "{name}: {shown}");
        // Even there the secret stands where whoever writes an address down leaves it out: in the path, and nowhere else.
        let known = format!("{:?} {:?} {:?}", probe.uri().authority(), probe.uri().query(), probe.headers());
        assert!(!known.contains("canary-access") && !known.contains("canary-refresh"), "{name}: {known}");
        assert!(!format!("{app:?}{tokens:?}").contains("canary-secret"));
    }
}

/// Outages, portals and nonsense speak about the network, never about a token (RF-30, NT-30).
#[test]
fn trouble_is_never_a_refusal() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let huge = vec![b' '; 100_000];
    for network in networks::ALL {
        for status in [200, 302, 404, 408, 418, 429, 500, 502, 503, 504] {
            for (kind, body) in [
                ("text/html", b"<html>Welcome to the hotel network</html>".as_slice()),
                ("application/json", b"".as_slice()),
                ("application/json", b"{".as_slice()),
                ("application/json", b"[]".as_slice()),
                ("application/json", b"{\"access_token\":\"\"}".as_slice()),
                ("application/json", b"{\"error\":42,\"code\":\"two\",\"active\":\"no\"}".as_slice()),
                ("application/json", b"\xff\xfe\x00".as_slice()),
                ("application/json", deep.as_bytes()),
                ("application/json", huge.as_slice()),
            ] {
                let (renewal, diagnosis) = reads(*network, &answer(status, kind, body));
                assert!(diagnosis.is_harmless() && diagnosis.finding != Finding::Works, "{} {status} {diagnosis:?}", network.about().name);
                match renewal {
                    Renewal::Renewed(_) => panic!("{} renewed from nonsense", network.about().name),
                    Renewal::Failed(diagnosis) => assert!(diagnosis.is_harmless(), "{} {status} {diagnosis:?}", network.about().name),
                    Renewal::Unclear(_) => assert!(status == 200 || status >= 500, "{} {status}", network.about().name),
                }
            }
        }
    }
}

/// Our own mistakes never touch a grant (RF-31, NT-40).
#[test]
fn a_wrong_client_is_our_configuration() {
    for network in by_hand().filter(RenewIsOffered::renew_is_offered) {
        for error in ["invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type", "invalid_scope"] {
            // Reddit has no other word for a refresh token that is revoked or unknown.
            if network.about().name == "reddit" && error == "invalid_request" {
                continue;
            }
            let body = format!("{{\"error\":\"{error}\",\"error_description\":\"x\"}}");
            let (renewal, _) = reads(network, &answer(400, "application/json", body.as_bytes()));
            let Renewal::Failed(diagnosis) = renewal else { panic!("{error}") };
            assert_eq!(diagnosis.finding, Finding::Misconfigured, "{} {error}", network.about().name);
        }
    }
}

/// Whether tokens of this network can be renewed without the person.
trait RenewIsOffered {
    fn renew_is_offered(&self) -> bool;
}

impl RenewIsOffered for &dyn Network {
    fn renew_is_offered(&self) -> bool {
        self.facts().renewal != lifecycle::facts::RenewalModel::ByPerson
    }
}

/// JSON as networks write it, with the fields that adapters look for and values of every kind: what a fuzzer would find
/// after long, found at once.
fn twisted() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[a-z_:/.0-9 ü<>\u{202e}]{0,24}".prop_map(Into::into),
        Just("https://a.example/?x".into()),
    ];
    let names = prop::sample::select(vec![
        "error",
        "errors",
        "code",
        "message",
        "status",
        "error_subcode",
        "data",
        "id",
        "name",
        "items",
        "elements",
        "access_token",
        "expires_in",
        "refresh_token",
        "scope",
        "active",
        "users",
        "tasks",
        "role",
        "username",
        "open_id",
        "log_id",
        "uri",
        "cid",
        "thread",
        "post",
        "replies",
        "comments",
        "content",
        "created_at",
        "account",
        "accounts",
        "locations",
        "reason",
        "details",
        "is_valid",
        "user_id",
        "did",
        "handle",
        "url",
        "meta",
        "response",
        "blogs",
        "json",
        "channel",
        "webhook",
        "snippet",
        "etag",
        "media_id",
        "upload_url",
        "value",
        "link",
        "text",
        "token",
        "channel_id",
        "retry_after",
        "ratelimit",
        "kind",
        "children",
        "alsoKnownAs",
        "service",
        "serviceEndpoint",
        "authorization_servers",
        "notes",
        "descendants",
    ]);
    let value = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    (value, 0..100_usize).prop_map(|(value, cut)| {
        let mut bytes = value.to_string().into_bytes();
        if cut < 20 {
            bytes.truncate(bytes.len() * cut / 20);
        }
        bytes
    })
}

/// Everything an adapter reads, fed with one answer.
async fn read_all(network: &'static dyn Network, response: &Response<Bytes>) {
    read_by(&Given::at(network), response).await;
}

async fn read_by(given: &Given, response: &Response<Bytes>) {
    let network = given.network;
    let (cx, tokens) = (given.cx(), given.tokens());
    let wire = Parrot(response.clone());
    let callback = [("code", "c"), ("state", "s"), ("iss", "https://as.example")];
    let callback = callback.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let _ = network.read_exchange(cx, &given.memory(), &callback, response);
    let _ = network.read_renew(cx, &tokens, response);
    let _ = network.read_probe(cx, &tokens, response);
    let _ = network.read_revoke(cx, &tokens, response);
    let _ = network.discover(cx, &wire, &tokens).await;
    let target = Target { network_id: "1", kind: Kind::Page, handle: Some("h") };
    let by = Acting { cx, clock: &Still, wire: &wire, tokens: &tokens, target };
    let media = Media {
        url: Some("https://p.example/p.png".into()),
        content_type: "image/png".into(),
        bytes: Bytes::from_static(b"png"),
        alt: None,
    };
    let post = Post { text: "words".into(), link: None, title: Some("t".into()), media: vec![media], key: "k".into() };
    let _ = network.publish(by, &post).await;
    let _ = network.comments(by, "1").await;
    let _ = network.comment(by, "1", Some("2"), "words").await;
    let mut signal = Request::post("https://staygreen.example/signals/x?challengeCode=1&crc_token=2&hub.challenge=3");
    for (name, value) in response.headers() {
        signal = signal.header(name, value);
    }
    let signal = signal.header("x-hub-signature-256", "sha256=00").header("tiktok-signature", "t=1,s=00").body(response.body().clone());
    let _ = network.receive(cx, &signal.expect("a request"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// NT-24, NT-30: no answer and no signal, however twisted, crashes an adapter.
    #[test]
    fn twisted_answers_are_read_without_a_panic(status in prop::sample::select(vec![200_u16, 201, 204, 302, 400, 401, 403, 404, 410, 422, 426, 429, 500, 503]), body in twisted()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for network in networks::ALL {
            runtime.block_on(read_all(*network, &answer(status, "application/json", &body)));
        }
    }
}

proptest! {
    /// Nonsense, with a challenge that is nonsense too, is neither a proof nor a refusal.
    #[test]
    fn any_bytes_say_nothing(status in 200..600_u16, challenge in "[ -~]{0,60}", body: Vec<u8>) {
        for network in networks::ALL {
            let mut nonsense = answer(status, "application/json", &body);
            nonsense.headers_mut().insert("www-authenticate", challenge.parse().expect("visible characters"));
            let (renewal, diagnosis) = reads(*network, &nonsense);
            prop_assert!(diagnosis.is_harmless() && diagnosis.finding != Finding::Works);
            let is_harmless = match renewal {
                Renewal::Renewed(_) => false,
                Renewal::Failed(diagnosis) => diagnosis.is_harmless(),
                Renewal::Unclear(_) => true,
            };
            prop_assert!(is_harmless);
        }
    }
}
