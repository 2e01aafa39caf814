//! Mastodon.

use lifecycle::diagnosis::Finding;
use lifecycle::words::Cause;
use networks::acting::{Draft, Media, NotDone, Post, Target};
use networks::network::{App, Kind};
use serde_json::json;

use crate::{Bench, DAY, cause, media};

/// At an instance where we are registered.
async fn bench() -> Bench {
    let mut bench = Bench::new("mastodon");
    bench.app = App { client_id: String::new(), client_secret: None, instance: "social.example".into(), ..bench.app };
    let made = bench.begin().await.expect("begins").registered.expect("registered");
    (bench.app.client_id, bench.app.client_secret) = (made.client_id, Some(made.client_secret));
    bench
}

fn asked(bench: &Bench, what: &str) -> usize {
    bench.asked.lock().unwrap().iter().filter(|asked| asked.ends_with(what)).count()
}

#[tokio::test]
async fn a_registration_that_was_swept_away_or_is_too_narrow_is_made_anew() {
    let mut bench = bench().await;
    assert_eq!(asked(&bench, "/oauth/token"), 1, "a token of the app keeps the registration");
    assert!(bench.begin().await.expect("begins").registered.is_none(), "once, not for each login");
    let tokens = bench.connect("jana.lindner").await;
    bench.control("registrations", &json!({ "network": "mastodon" }));
    assert!(matches!(bench.probe(&tokens).finding, Finding::Refused { .. }), "its tokens went along");
    let made = bench.begin().await.expect("begins").registered.expect("registered anew");
    (bench.app.client_id, bench.app.client_secret) = (made.client_id, Some(made.client_secret));
    let tokens = bench.connect("jana.lindner").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    // More is wanted than was registered.
    bench.app.scopes = ["read:accounts", "read:search"].map(str::to_owned).to_vec();
    bench.app.client_id.clear();
    let narrow = bench.begin().await.expect("begins").registered.expect("registered");
    (bench.app.client_id, bench.app.client_secret) = (narrow.client_id, Some(narrow.client_secret));
    bench.app.scopes.push("write:statuses".into());
    assert!(bench.begin().await.expect("begins").registered.is_some(), "invalid_scope: registered scopes are the ceiling");
    // What was given to the client before is revoked as that client's.
    assert!(bench.revoke(&tokens));
}

#[tokio::test]
async fn what_ends_an_account_and_what_is_left_of_a_revoked_token() {
    let bench = bench().await;
    let tokens = bench.connect("jana.lindner").await;
    bench.happen("jana.lindner", "revoke");
    for days in [0, 8] {
        bench.pass(days * DAY);
        assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::RevokedByPerson), "after {days} days");
    }
    let tokens = bench.connect("tom.becker").await;
    bench.happen("tom.becker", "delete");
    let gone = bench.probe(&tokens);
    assert_eq!((cause(&gone), gone.evidence.http_status), (Some(Cause::PersonBlocked), Some(410)));
}

#[tokio::test]
async fn an_answer_names_whom_it_answers_and_is_seen_by_no_more_people() {
    let mut bench = bench().await;
    bench.app.options.insert("visibility".into(), "unlisted".into());
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: None };
    let posted =
        bench.network.publish(bench.acting(&tokens, me), &Post { text: "Huts".into(), ..Post::default() }).await.expect("published");
    let visitor =
        bench.control("comments", &json!({ "network": "mastodon", "post": posted.id, "text": "How much?", "author": "Karl Voss" }));
    let sent = |bench: &Bench| -> serde_json::Value {
        let said = bench.said.lock().unwrap();
        let (request, _) = said.iter().rev().find(|(request, _)| request.uri().path().ends_with("/v1/statuses")).expect("sent");
        serde_json::from_slice(request.body()).expect("JSON")
    };
    bench.network.comment(bench.acting(&tokens, me), &posted.id, visitor["id"].as_str(), "30 euros").await.expect("said");
    let body = sent(&bench);
    assert_eq!((body["status"].as_str(), body["visibility"].as_str()), (Some("@karl_voss@elsewhere.example 30 euros"), Some("public")));
    bench.network.comment(bench.acting(&tokens, me), &posted.id, None, "More soon").await.expect("said");
    let body = sent(&bench);
    assert_eq!((body["status"].as_str(), body["visibility"].as_str()), (Some("More soon"), Some("unlisted")), "nobody calls oneself");
    // By its address.
    let url = posted.url.expect("an address");
    bench.network.comment(bench.acting(&tokens, me), &url, None, "And more").await.expect("said");
    assert_eq!(sent(&bench)["in_reply_to_id"].as_str(), Some(posted.id.as_str()));
    let nowhere = bench.network.comment(bench.acting(&tokens, me), "https://elsewhere.example/@a/404404", None, "x").await;
    assert!(matches!(&nowhere, Err(NotDone::Invalid { field: "in_reply_to", .. })), "{nowhere:?}");
}

#[tokio::test]
async fn a_film_that_is_not_ready_is_not_posted() {
    let bench = bench().await;
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: None };
    let film = |bytes: &'static [u8]| Post { text: "Huts".into(), media: vec![media("video/mp4", bytes)], ..Post::default() };
    bench.network.publish(bench.acting(&tokens, me), &film(b"a film")).await.expect("published");
    let waits = bench.network.publish(bench.acting(&tokens, me), &film(b"a long film")).await.expect_err("not ready");
    let NotDone::Refused(diagnosis) = &waits else { panic!("{waits:?}") };
    assert!(diagnosis.is_harmless() && diagnosis.evidence.code.as_deref() == Some("not_ready"), "{diagnosis:?}");
    assert_eq!(asked(&bench, "POST /mastodon/api/v1/statuses"), 1);
}

#[tokio::test]
async fn the_server_s_own_limits_count_before_anything_is_sent_and_when_it_is() {
    let mut bench = bench().await;
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: None };
    let post = |length: usize| Post { text: "ä".repeat(length), ..Post::default() };
    let check = |bench: &Bench, post: &Post| bench.network.check(&bench.app, me, Draft::Post(post));
    // Not asked yet: longer than usual is said, and not refused.
    assert!(check(&bench, &post(1001)).expect("taken").note.is_some());
    let learned = bench.network.learn(bench.cx(), &bench).await;
    bench.app.options.extend(learned);
    let fit = check(&bench, &post(1000)).expect("this server takes it");
    assert_eq!((fit.counted, fit.max, fit.note), (1000, 1000, None));
    assert!(matches!(check(&bench, &post(1001)), Err(NotDone::Invalid { field: "text", .. })));
    let with = |kind: &str, size: usize, described: &str| Post {
        media: vec![Media { bytes: vec![7; size].into(), alt: Some(described.into()), ..media(kind, b"") }],
        ..post(1)
    };
    for (wrong, why) in [
        (with("image/tiff", 9, "A hut"), "a kind"),
        (with("image/png", 16_777_217, "A hut"), "a size"),
        (with("image/png", 9, &"a".repeat(1501)), "a description"),
    ] {
        assert!(matches!(check(&bench, &wrong), Err(NotDone::Invalid { field: "media", .. })), "{why}");
        // Who was not told before asks when sending, and nothing of it is sent.
        bench.app.options.clear();
        let refused = bench.network.publish(bench.acting(&tokens, me), &wrong).await;
        assert!(matches!(refused, Err(NotDone::Invalid { field: "media", .. })), "{why}: {refused:?}");
        let learned = bench.network.learn(bench.cx(), &bench).await;
        bench.app.options.extend(learned);
    }
    assert_eq!(asked(&bench, "/v2/media"), 0);
    let asks = asked(&bench, "/v2/instance");
    bench.network.publish(bench.acting(&tokens, me), &post(1000)).await.expect("published");
    assert_eq!(asked(&bench, "/v2/instance"), asks, "known once, not asked again");
    // Trouble is no answer.
    bench.mood("outage");
    assert!(bench.network.learn(bench.cx(), &bench).await.is_empty());
}

#[tokio::test]
async fn a_handle_leads_to_the_server_its_domain_names() {
    let mut bench = bench().await;
    bench.app.instance = "fernweh.example".into();
    let server = async |bench: &Bench, typed: &str| bench.network.server_of(bench.cx(), bench, typed).await;
    assert_eq!(server(&bench, "@jana_lindner@fernweh.example").await.as_deref(), Some("social.example"));
    assert_eq!(server(&bench, "jana_lindner@fernweh.example").await.as_deref(), Some("social.example"));
    assert_eq!(server(&bench, "@nobody@fernweh.example").await, None, "then the domain is taken for the server");
    assert_eq!(server(&bench, "fernweh.example").await, None, "a server was typed");
    bench.mood("outage");
    assert_eq!(server(&bench, "@jana_lindner@fernweh.example").await, None);
    bench.mood("normal");
    bench.app.instance = "social.example".into();
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    assert_eq!(found.person.handle.as_deref(), Some("@jana_lindner@fernweh.example"), "called as their domain calls them");
    bench.mood("outage");
    assert!(bench.discover(&tokens).await.expect_err("away").is_harmless());
}

#[tokio::test]
async fn a_picture_whose_answer_was_lost_shows_nowhere() {
    let bench = bench().await;
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: None };
    let post = Post { text: "Huts".into(), media: vec![media("image/png", b"p")], ..Post::default() };
    // What the server takes is asked first, then the picture is sent.
    *bench.spare.lock().unwrap() = 1;
    *bench.lose.lock().unwrap() = 1;
    let lost = bench.network.publish(bench.acting(&tokens, me), &post).await.expect_err("lost");
    assert!(matches!(&lost, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "nothing was published: {lost:?}");
    assert_eq!((asked(&bench, "POST /mastodon/api/v2/media"), asked(&bench, "POST /mastodon/api/v1/statuses")), (1, 0));
}
