//! Tumblr.

use lifecycle::diagnosis::Finding;
use networks::acting::Post;

use crate::{Bench, target};

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
