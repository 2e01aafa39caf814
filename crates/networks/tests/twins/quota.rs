//! How much of the day is left at Instagram (by both its logins) and Threads: asked before anything is made, enforced by the twin.

use lifecycle::diagnosis::Finding;
use lifecycle::secret::TokenSet;
use networks::acting::{NotDone, Post};
use networks::network::Found;
use serde_json::json;

use crate::{Bench, DAY, picture, target};

fn post() -> Post {
    Post { text: "New huts".into(), media: vec![picture()], ..Post::default() }
}

async fn at(network: &str) -> (Bench, TokenSet, Found) {
    let bench = Bench::new(network);
    let username = bench.somebody();
    let tokens = bench.connect(&username).await;
    let profiles = bench.discover(&tokens).await.expect("listed").profiles;
    let found = profiles.into_iter().find(|found| found.unusable.is_none()).expect("usable");
    (bench, tokens, found)
}

/// What was asked since then, with the method alone and the last part of the path.
fn asked_since(bench: &Bench, since: usize) -> Vec<String> {
    let asked = bench.asked.lock().expect("not poisoned");
    asked[since..].iter().map(|call| format!("{} {}", call.split(' ').next().unwrap(), call.rsplit('/').next().unwrap())).collect()
}

#[tokio::test]
async fn a_used_up_day_is_told_before_anything_is_made_and_ends() {
    for (network, title, total, edge) in [
        ("instagram", "Instagram", 100, "content_publishing_limit"),
        ("instagram_page", "Instagram", 100, "content_publishing_limit"),
        ("threads", "Threads", 250, "threads_publishing_limit"),
    ] {
        let (bench, tokens, found) = at(network).await;
        let publish = async || bench.network.publish(bench.acting(&tokens, target(&found)), &post()).await;
        let standing = async || bench.network.standing(bench.acting(&tokens, target(&found)), "1").await.expect("asked");
        let mut last = String::new();
        for n in 1..=total {
            last = publish().await.unwrap_or_else(|refused| panic!("{network}, {n} of {total}: {refused:?}")).id;
            if n == total * 9 / 10 - 1 {
                assert_eq!(standing().await, None, "{network}: more than a tenth is left");
            }
        }
        let told = standing().await.expect("nothing is left");
        assert_eq!(told.en, format!("{title} takes {total} posts of an account in 24 hours; {total} are used up."));
        assert!(told.de.contains(&format!("{total} Beiträge")) && told.de.contains("verbraucht"), "{network}: {}", told.de);

        let since = bench.asked.lock().expect("not poisoned").len();
        let Err(NotDone::Invalid { field: "profile", words }) = publish().await else {
            panic!("{network}: published, or refused by the network")
        };
        assert!(words.en.contains(&format!("{title} takes {total} posts of an account in 24 hours, and all are used up")), "{}", words.en);
        assert!(words.en.contains("in 24 hours at the latest") && words.de.contains("spätestens in 24 Stunden"), "{words:?}");
        assert_eq!(asked_since(&bench, since), [format!("GET {edge}")], "{network}: nothing is made in vain");
        assert_eq!(bench.posts().len(), total, "{network}");
        assert_eq!(bench.probe(&tokens).finding, Finding::Works, "{network}: the token is fine");
        // Comments at Instagram are not counted, replies at Threads on their own.
        bench.network.comment(bench.acting(&tokens, target(&found)), &last, None, "Open").await.expect("said");
        // The first of them are older than a day now.
        bench.pass(DAY);
        publish().await.unwrap_or_else(|refused| panic!("{network}, a day later: {refused:?}"));
    }
}

#[tokio::test]
async fn replies_at_threads_have_a_day_of_their_own() {
    let (bench, tokens, found) = at("threads").await;
    let posted = bench.network.publish(bench.acting(&tokens, target(&found)), &post()).await.expect("published");
    let say = |author: &str| bench.control("comments", &json!({ "network": "threads", "post": posted.id, "author": author, "text": "x" }));
    for _ in 0..999 {
        say("fernweh.outdoor");
    }
    say("Ada Visitor");
    let reply = async || bench.network.comment(bench.acting(&tokens, target(&found)), &posted.id, None, "Open").await;
    reply().await.expect("the last one");
    let Err(NotDone::Invalid { field: "profile", words }) = reply().await else { panic!("said, or refused by the network") };
    assert!(words.en.contains("1000 replies") && words.de.contains("1000 Antworten"), "{words:?}");
    bench.network.publish(bench.acting(&tokens, target(&found)), &post()).await.expect("posts have their own");
}

/// Where the network does not say how much is left, or says nonsense, the act itself shows.
#[tokio::test]
async fn what_is_not_said_holds_nobody_up() {
    let (bench, tokens, found) = at("instagram").await;
    (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (0, 1);
    bench.network.publish(bench.acting(&tokens, target(&found)), &post()).await.expect("published");
    assert_eq!(bench.posts().len(), 1);
}
