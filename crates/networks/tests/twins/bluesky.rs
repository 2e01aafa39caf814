//! Bluesky, as a client with a key of its own: the session hangs on that key.

use http::Response;
use lifecycle::diagnosis::Finding;
use lifecycle::secret::{Secret, TokenSet};
use networks::acting::{Acting, NotDone, Post};
use networks::bluesky::{client_metadata, jwks};
use networks::dpop::Key;
use networks::network::{Answer, App, Failure, Renewal};
use serde_json::{Value, json};

use crate::{Bench, DAY, media, target};

/// A key, as an operator has it in a file.
fn pem(bench: &Bench) -> String {
    let mut der = Key::roll(&bench.cx()).stored().expose().replace('-', "+").replace('_', "/");
    der.push_str(["", "", "==", "="][der.len() % 4]);
    format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
}

/// The server reads what we publish.
fn publish(bench: &Bench) {
    let document = client_metadata(&bench.app).expect("a document");
    assert_eq!(document["token_endpoint_auth_method"], "private_key_jwt");
    bench.control("clients", &json!({ "metadata": document, "jwks": jwks(&bench.app).expect("keys") }));
}

fn bench() -> Bench {
    let mut bench = Bench::new("bluesky");
    bench.app = App {
        client_id: "https://staygreen.example/oauth/client-metadata.json".into(),
        client_secret: Some(Secret::new(pem(&bench))),
        base_url: Some("http://localhost:8430/bluesky".into()),
        options: [("allow_http_loopback".to_owned(), "true".to_owned())].into(),
        ..bench.app
    };
    bench.hint = Some("fernweh.test".into());
    publish(&bench);
    bench
}

fn said(answer: &Response<bytes::Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// Renews once, whatever nonce the server wants.
fn renew(bench: &Bench, tokens: &TokenSet) -> Renewal {
    let mut tokens = tokens.clone();
    let mut request = bench.network.renew(bench.cx(), &tokens).expect("renewable");
    for _ in 0..3 {
        match bench.network.read_renew(bench.cx(), &tokens, &bench.handle(&request)) {
            Answer::Done(renewal) => return renewal,
            Answer::AskAgain { request: next, notes, .. } => {
                request = *next;
                tokens.notes.extend(notes);
            }
        }
    }
    panic!("the renewal does not end")
}

fn renewed(bench: &Bench, tokens: &TokenSet) -> TokenSet {
    match renew(bench, tokens) {
        Renewal::Renewed(issued) => issued.tokens.keeping_from(tokens),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_hangs_on_the_key_it_began_with() {
    let mut bench = bench();
    let mut tokens = bench.connect("fernweh.test").await;
    // Longer than any session of a public client.
    for _ in 0..4 {
        bench.pass(60 * DAY);
        tokens = renewed(&bench, &tokens);
    }
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);

    // A new key before the old one: the old sessions go on by theirs, new ones begin with the new.
    let old = bench.app.client_secret.clone().expect("a key");
    bench.app.client_secret = Some(Secret::new(format!("{}{}", pem(&bench), old.expose())));
    publish(&bench);
    tokens = renewed(&bench, &tokens);
    bench.hint = Some("jana-lindner.test".into());
    let young = bench.connect("jana-lindner.test").await;

    // Without the old key nothing is sent for the old session, because asking with another one would end it there.
    let newest = bench.app.client_secret.as_ref().expect("keys").expose().split_inclusive("-----END PRIVATE KEY-----\n").next();
    bench.app.client_secret = newest.map(Secret::new);
    publish(&bench);
    assert!(bench.network.renew(bench.cx(), &tokens).is_none(), "it waits for its key");
    renewed(&bench, &young);
    bench.app.client_secret = Some(old);
    publish(&bench);
    renewed(&bench, &tokens);
}

#[tokio::test]
async fn whoever_cannot_sign_for_the_client_spends_nothing() {
    let mut bench = bench();
    let tokens = bench.connect("fernweh.test").await;
    let ours = bench.app.client_secret.clone();
    // The server does not know the key: refused before the session is looked at.
    let request = bench.network.renew(bench.cx(), &tokens).expect("renewable");
    bench.app.client_secret = Some(Secret::new(pem(&bench)));
    publish(&bench);
    let refused = bench.handle(&request);
    let refused = if said(&refused)["error"] == "use_dpop_nonce" {
        match bench.network.read_renew(bench.cx(), &tokens, &refused) {
            Answer::AskAgain { request, .. } => bench.handle(&request),
            Answer::Done(read) => panic!("{read:?}"),
        }
    } else {
        refused
    };
    assert_eq!((refused.status().as_u16(), said(&refused)["error"].clone()), (400, json!("invalid_client")));
    let Answer::Done(Renewal::Failed(read)) = bench.network.read_renew(bench.cx(), &tokens, &refused) else { panic!("not read") };
    assert_eq!(read.finding, Finding::Misconfigured, "ours to repair: {read:?}");
    let begun = bench.begin().await;
    assert!(begun.is_ok(), "the key that is published now is the one that signs: {begun:?}");
    bench.app.client_secret = ours;
    assert!(matches!(bench.begin().await, Err(Failure::Misconfigured { .. })));
    publish(&bench);
    renewed(&bench, &tokens);
}

#[tokio::test]
async fn a_session_that_nobody_used_and_one_that_is_over_say_so() {
    let bench = bench();
    let why = |tokens: &TokenSet| match renew(&bench, tokens) {
        Renewal::Failed(refused) => (crate::cause(&refused), refused.evidence.words),
        other => panic!("{other:?}"),
    };
    let idle = bench.connect("fernweh.test").await;
    bench.pass(90 * DAY);
    let (cause, words) = why(&idle);
    assert!(cause == Some(lifecycle::words::Cause::Expired) && words.contains("Refresh token expired"), "{cause:?} {words}");
    let mut used = bench.connect("fernweh.test").await;
    for _ in 0..9 {
        bench.pass(80 * DAY);
        used = renewed(&bench, &used);
    }
    bench.pass(10 * DAY);
    let (cause, words) = why(&used);
    assert!(cause == Some(lifecycle::words::Cause::Expired) && words.contains("Session expired"), "{cause:?} {words}");
}

/// A server that wants another nonce each time, and gives up long after anybody should.
struct Stubborn(std::sync::atomic::AtomicUsize);

impl networks::wire::Wire for Stubborn {
    fn send(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> networks::wire::BoxFuture<'_, Result<Response<bytes::Bytes>, networks::wire::WireError>> {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = Response::builder().status(if n < 50 { 401 } else { 200 }).header("dpop-nonce", format!("n{n}"));
        let answer = answer.header("www-authenticate", "DPoP error=\"use_dpop_nonce\"").body(bytes::Bytes::from_static(b"{}"));
        Box::pin(async { Ok(answer.expect("an answer")) })
    }

    fn pause(&self, _: lifecycle::time::Span) -> networks::wire::BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_server_that_takes_no_nonce_is_not_asked_for_ever() {
    let bench = bench();
    let tokens = bench.connect("fernweh.test").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let stubborn = Stubborn(0.into());
    let by = Acting { wire: &stubborn, ..bench.acting(&tokens, target(&found.profiles[0])) };
    let refused = bench.network.publish(by, &Post { text: "Huts".into(), ..Post::default() }).await.expect_err("not taken");
    assert!(matches!(&refused, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{refused:?}");
    assert!(stubborn.0.into_inner() <= 4);
}

#[tokio::test]
async fn a_picture_whose_answer_was_lost_shows_nowhere() {
    let bench = bench();
    let tokens = bench.connect("fernweh.test").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let post = Post { text: "Huts".into(), media: vec![media("image/png", b"p")], ..Post::default() };
    *bench.lose.lock().expect("not poisoned") = 1;
    let lost = bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &post).await.expect_err("lost");
    assert!(matches!(&lost, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "nothing was published: {lost:?}");
    assert!(bench.posts().is_empty());
}
