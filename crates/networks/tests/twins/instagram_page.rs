//! Instagram behind a Facebook page.

use lifecycle::diagnosis::Finding;
use networks::acting::Post;
use serde_json::json;

use crate::{Bench, DAY, picture, target};

#[tokio::test]
async fn the_token_of_the_page_acts_for_the_account_and_goes_on() {
    let bench = Bench::new("instagram_page");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let account = found.profiles.iter().find(|found| found.unusable.is_none()).expect("an account");
    bench.pass(61 * DAY);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let later = bench.discover(&tokens).await.expect("each is asked");
    assert!(later.profiles.iter().any(|found| found.network_id == account.network_id));
    let post = Post { text: "New huts".into(), media: vec![picture()], ..Post::default() };
    bench.network.publish(bench.acting(&tokens, target(account)), &post).await.expect("published");
    bench.control("roles", &json!({ "network": "instagram_page", "page": 109_001, "username": "jana.lindner", "role": null }));
    let later = bench.discover(&tokens).await.expect("each is asked");
    assert!(!later.profiles.iter().any(|found| found.network_id == account.network_id), "the role on the page is gone");
}

#[tokio::test]
async fn an_account_left_unticked_for_publishing_is_said_to_be() {
    let bench = Bench::new("instagram_page");
    let dropped = json!({ "drop_scopes": ["page:109001/instagram_content_publish"] });
    let tokens = bench.try_connect("jana.lindner", dropped).await.expect("connects").tokens;
    let found = bench.discover(&tokens).await.expect("listed");
    assert!(found.profiles[0].unusable.as_ref().is_some_and(|why| why.en.contains("unticked")), "{found:?}");
    let tokens = bench.connect("jana.lindner").await;
    assert!(bench.discover(&tokens).await.expect("listed").profiles[0].unusable.is_none());
}
