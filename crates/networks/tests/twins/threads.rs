//! Threads.

use lifecycle::diagnosis::Finding;
use networks::acting::{Media, NotDone, Post};
use serde_json::{Value, json};

use crate::{Bench, DAY, media, picture, target};

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

#[tokio::test]
async fn pictures_films_and_links_go_along() {
    let bench = Bench::new("threads");
    let tokens = bench.connect("fernweh.outdoor").await;
    let profile = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let publish = async |post: Post| bench.network.publish(bench.acting(&tokens, target(&profile)), &post).await;
    let film = || Media { url: Some("https://films.example/hut.mp4".into()), ..media("video/mp4", b"") };
    let post = |media| Post { text: "New huts".into(), link: Some("https://fernweh.example".into()), media, ..Post::default() };
    for (media, text, link) in [
        (vec![], "New huts", "https://fernweh.example"),
        (vec![picture()], "New huts\nhttps://fernweh.example", ""),
        (vec![film()], "New huts\nhttps://fernweh.example", ""),
        (vec![picture(), film(), picture()], "New huts\nhttps://fernweh.example", ""),
    ] {
        let count = media.len();
        let posted = publish(post(media)).await.expect("published");
        assert_eq!(posted.url, Some(format!("https://threads.example/p/{}", posted.id)));
        let kept = bench.posts().pop().expect("kept");
        assert_eq!((kept["text"].as_str(), kept["link"].as_str()), (Some(text), Some(link)));
        assert_eq!(kept["media"].as_array().map(Vec::len), Some(count));
    }
    let missing = Media { url: Some("https://films.example/missing.mp4".into()), ..film() };
    let Err(NotDone::Invalid { field: "media", words }) = publish(post(vec![missing])).await else { panic!("it cannot be fetched") };
    assert!(words.en.contains("FAILED_DOWNLOADING_VIDEO"), "{words:?}");
    let long = Post { text: "a".repeat(490), ..post(vec![picture()]) };
    assert!(matches!(publish(long).await, Err(NotDone::Invalid { field: "text", .. })), "the link counts where it stands in the text");
}

/// A word in the answer, and no code of its own: it is about the post, and neither about our app nor about the person.
#[tokio::test]
async fn too_many_links_are_told_in_words() {
    let bench = Bench::new("threads");
    let tokens = bench.connect("fernweh.outdoor").await;
    let found = bench.discover(&tokens).await.expect("listed");
    assert!(found.profiles[0].avatar.is_some());
    let publish = async |links: usize| {
        let post = Post { text: "https://a.example ".repeat(links), ..Post::default() };
        bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &post).await
    };
    publish(5).await.expect("published");
    let refused = publish(6).await;
    let Err(NotDone::Invalid { field: "text", words }) = &refused else { panic!("{refused:?}") };
    assert!(words.en.contains("links") && words.de.contains("Links"));
}
