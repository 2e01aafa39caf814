//! Threads.

use lifecycle::diagnosis::Finding;
use networks::acting::{NotDone, Post};
use serde_json::{Value, json};

use crate::{Bench, DAY, target};

#[tokio::test]
async fn length_is_counted_as_the_network_counts() {
    let bench = Bench::new("threads");
    let tokens = bench.connect("fernweh.outdoor").await;
    let profile = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let publish = async |text: String| {
        let post = Post { text, ..Post::default() };
        bench.network.publish(bench.acting(&tokens, target(&profile)), &post).await
    };
    publish("日".repeat(500)).await.expect("letters of every script count one");
    publish("🏔".repeat(125)).await.expect("an emoji counts its four bytes");
    assert!(matches!(publish("🏔".repeat(126)).await, Err(NotDone::Invalid { field: "text", .. })));
}

#[tokio::test]
async fn its_errors_have_a_type_of_their_own_and_its_limits_are_no_outage() {
    let bench = Bench::new("threads");
    let tokens = bench.connect("fernweh.outdoor").await;
    bench.pass(61 * DAY);
    assert!(!bench.probe(&tokens).is_harmless());
    let last: Value = serde_json::from_slice(bench.said.lock().expect("not poisoned").last().expect("asked").1.body()).expect("JSON");
    assert_eq!(last["error"]["type"], "THApiException");
    let tokens = bench.connect("fernweh.outdoor").await;
    bench.trouble("app_limit");
    let limited = bench.probe(&tokens);
    assert!(matches!(limited.finding, Finding::Transient { retry_after: Some(_) }) && !lifecycle::breaker::is_trouble(&limited));
}

#[tokio::test]
async fn replies_need_their_permission() {
    let bench = Bench::new("threads");
    let issued = bench.try_connect("fernweh.outdoor", json!({ "drop_scopes": ["threads_manage_replies"] })).await.expect("connects");
    let profile = bench.discover(&issued.tokens).await.expect("listed").profiles.remove(0);
    let post = Post { text: "New huts".into(), ..Post::default() };
    let posted = bench.network.publish(bench.acting(&issued.tokens, target(&profile)), &post).await.expect("published");
    let refused = bench.network.comment(bench.acting(&issued.tokens, target(&profile)), &posted.id, None, "Open").await;
    assert!(matches!(refused, Err(NotDone::Refused(_))), "{refused:?}");
}
