//! Tumblr.

use lifecycle::diagnosis::Finding;
use lifecycle::time::Span;
use networks::acting::{Media, NotDone, Post};
use serde_json::json;

use crate::{Bench, DAY, media, picture, target};

#[tokio::test]
async fn members_may_post_and_a_blog_decides_by_itself() {
    let bench = Bench::new("tumblr");
    let tokens = bench.connect("jana-lindner").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    assert!(bench.asked.lock().expect("not poisoned").iter().all(|asked| !asked.ends_with("/user/info")), "the check is a small answer");
    let found = bench.discover(&tokens).await.expect("listed");
    let shared = found.profiles.iter().find(|blog| blog.role == "member").expect("a blog with a role of member");
    assert!(shared.unusable.is_none());
    let post = Post { text: "New huts".into(), ..Post::default() };
    bench.network.publish(bench.acting(&tokens, target(shared)), &post).await.expect("published");
    bench.moods_are_harmless(&tokens);
}

#[tokio::test]
async fn pictures_are_fetched_and_a_title_is_a_block_like_the_others() {
    let bench = Bench::new("tumblr");
    let tokens = bench.connect("fernweh-outdoor").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let primary = found.profiles.iter().find(|blog| blog.handle.as_deref() == Some("fernweh-outdoor")).expect("the primary blog");
    assert_eq!((primary.network_id.as_str(), primary.role.as_str()), (found.person.network_id.as_str(), "admin"));
    let post = |media: Vec<Media>| Post { text: "New huts".into(), title: Some("Huts".into()), media, ..Post::default() };
    bench.network.publish(bench.acting(&tokens, target(primary)), &post(vec![picture(); 30])).await.expect("published");
    let kept = bench.posts().pop().expect("kept");
    assert_eq!((kept["media"].as_array().map(Vec::len), &kept["text"]), (Some(30), &json!("Huts\n\nNew huts")));
    let refused = async |post: Post| match bench.network.publish(bench.acting(&tokens, target(primary)), &post).await {
        Err(NotDone::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(post(vec![picture(); 31])).await, "media");
    assert_eq!(refused(post(vec![media("image/png", b"x")])).await, "media", "sent, not fetched");
    assert_eq!(refused(Post { title: Some("x".repeat(4_097)), ..post(vec![]) }).await, "title");
    assert_eq!(bench.posts().len(), 1, "nothing was sent");
}

/// Tumblr's days are those of its servers: what is over comes back when the next begins, and not a fixed while later.
#[tokio::test]
async fn a_limit_of_the_day_waits_for_the_next_day() {
    for (left, pictures) in [(3_600 * 11, 0), (90, 30)] {
        let bench = Bench::new("tumblr");
        let now = bench.cx().now.as_seconds();
        bench.pass(DAY - now.rem_euclid(DAY) + DAY - left);
        let tokens = bench.connect("fernweh-outdoor").await;
        let found = bench.discover(&tokens).await.expect("listed");
        let profile = target(&found.profiles[0]);
        let post = Post { text: "New huts".into(), media: vec![picture(); pictures], ..Post::default() };
        let mut posted = 0;
        let refused = loop {
            match bench.network.publish(bench.acting(&tokens, profile), &post).await {
                Ok(_) => posted += 1,
                Err(refused) => break refused,
            }
        };
        assert_eq!(posted, if pictures == 0 { 250 } else { 8 }, "250 posts in a day, and 250 pictures");
        let NotDone::Refused(diagnosis) = refused else { panic!("{refused:?}") };
        assert_eq!(diagnosis.finding, Finding::Transient { retry_after: Some(Span::seconds(left)) });
        bench.pass(left - 1);
        let tokens = bench.renewed(&tokens);
        assert!(bench.network.publish(bench.acting(&tokens, profile), &post).await.is_err(), "a second too early");
        bench.pass(1);
        bench.network.publish(bench.acting(&tokens, profile), &post).await.expect("a new day");
    }
}
