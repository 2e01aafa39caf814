//! Reddit.

use lifecycle::diagnosis::Finding;
use lifecycle::words::{Cause, Confidence};
use networks::acting::{Post, Target};
use networks::network::{Failure, Kind};
use serde_json::json;

use crate::Bench;

#[tokio::test]
async fn a_suspended_account_is_shown_and_cannot_be_connected() {
    let bench = Bench::new("reddit");
    let issued = bench.try_connect("gipfel_archiv", json!({})).await.expect("logs in");
    let found = bench.discover(&issued.tokens).await.expect("listed");
    assert!(found.profiles[0].unusable.as_ref().is_some_and(|words| words.en.contains("suspended") && words.de.contains("gesperrt")));
    let seen = bench.probe(&issued.tokens);
    let Finding::Refused { cause, confidence, terminal } = seen.finding else { panic!("{seen:?}") };
    assert_eq!((cause, confidence, terminal), (Cause::PersonBlocked, Confidence::Likely, false), "that the field says so is unconfirmed");
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    assert!(found.profiles[0].unusable.is_none());
    assert_eq!(found.profiles[0].avatar.as_deref(), Some("https://styles.redditmedia.com/t5_x/icon.png?width=256&s=1"), "not escaped");
}

#[tokio::test]
async fn a_long_thread_is_read_to_its_end() {
    let bench = Bench::new("reddit");
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: Some("jana_lindner") };
    let posted =
        bench.network.publish(bench.acting(&tokens, me), &Post { text: "Huts".into(), ..Post::default() }).await.expect("published");
    for n in 0..150 {
        bench.control("comments", &json!({ "network": "reddit", "post": posted.id, "text": format!("Number {n}") }));
    }
    let read = bench.network.comments(bench.acting(&tokens, me), &posted.id).await.expect("read");
    assert_eq!(read.len(), 150, "more than one answer holds");
}

#[tokio::test]
async fn who_answers_for_the_app_is_named_in_every_call() {
    let mut bench = Bench::new("reddit");
    let tokens = bench.connect("jana_lindner").await;
    bench.probe(&tokens);
    for (request, _) in bench.said.lock().unwrap().iter().filter(|(request, _)| request.uri().path().starts_with("/reddit/api/")) {
        let agent = request.headers()["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("server:sandbox-reddit:v") && agent.ends_with(" (by /u/fernweh_outdoor)"), "{agent}");
    }
    assert_eq!(bench.network.own_headers(bench.cx()).len(), 1, "also in calls that somebody makes through us");
    bench.app.options.clear();
    let begun = bench.begin().await;
    assert!(matches!(&begun, Err(Failure::Misconfigured { evidence }) if evidence.words.contains("options.username")), "{begun:?}");
    bench.app.options.insert("user_agent".into(), "Staygreen/1.0 (a name without an account)".into());
    let blocked = bench.probe(&tokens);
    assert_eq!(blocked.finding, Finding::Misconfigured, "our name, never the token: {blocked:?}");
}
