//! XING.

use networks::acting::{NotDone, Post};

use crate::{Bench, target};

fn post(text: &str) -> Post {
    Post { text: text.into(), ..Post::default() }
}

#[tokio::test]
async fn what_was_published_is_found_in_the_own_feed_and_never_named_by_nothing() {
    let bench = Bench::new("xing");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = target(&found.profiles[0]);
    let first = bench.network.publish(bench.acting(&tokens, me), &post("The hut is open")).await.expect("published");
    assert!(first.id.ends_with("_activity"), "it shows a moment later: {first:?}");
    bench.pass(3_600);
    let second = bench.network.publish(bench.acting(&tokens, me), &post("The hut is open")).await.expect("published");
    assert_ne!(second.id, first.id, "the same words of an hour ago are another message");
    bench.network.comment(bench.acting(&tokens, me), &first.id, None, "Two hours from the station").await.expect("said");
    assert_eq!(bench.network.standing(bench.acting(&tokens, me), &first.id).await, Ok(None));
    // One that does not show for a while.
    bench.trouble("late_feed");
    let since = bench.cx().now;
    let unnamed = bench.network.publish(bench.acting(&tokens, me), &post("To be looked at by hand")).await.expect("published");
    assert!(!unnamed.id.is_empty());
    let note = bench.network.standing(bench.acting(&tokens, me), &unnamed.id).await.expect("asked");
    assert!(note.is_some_and(|words| words.en.contains("names no id") && words.de.contains("keine Kennung")));
    let asked = bench.asked.lock().unwrap().len();
    let refused = bench.network.comment(bench.acting(&tokens, me), &unnamed.id, None, "x").await;
    assert!(matches!(&refused, Err(NotDone::Invalid { field: "post", .. })), "{refused:?}");
    assert_eq!(bench.asked.lock().unwrap().len(), asked, "nothing is sent");
    bench.pass(61);
    let shown = bench.network.look(bench.acting(&tokens, me), &post("To be looked at by hand"), since).await.expect("asked");
    assert!(shown.is_some_and(|posted| posted.id.ends_with("_activity")), "it is found before it would be sent again");
    let feeds = |asked: &String| asked.ends_with("/feed");
    assert!(bench.asked.lock().unwrap().iter().filter(|asked| feeds(asked)).all(|asked| asked.contains("/users/23874563_a91c0e/feed")));
}
