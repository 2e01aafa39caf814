//! Pinterest: secret boards, and a limit for each person.

use lifecycle::diagnosis::Finding;
use networks::acting::{NotDone, Post};
use networks::network::Kind;

use super::{Bench, media, target};

fn pin() -> Post {
    Post { text: "A hut at dawn".into(), media: vec![media("image/png", b"png")], key: "k".into(), ..Post::default() }
}

#[tokio::test]
async fn secret_boards_need_permissions_of_their_own() {
    let bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let listed = bench.discover(&tokens).await.expect("the boards");
    let secret = listed.profiles.iter().find(|found| found.name == "Camp kitchens").expect("the secret board");
    assert_eq!(secret.unusable, None);
    assert!(bench.network.publish(bench.acting(&tokens, target(secret)), &pin()).await.is_ok());

    let mut older = Bench::new("pinterest");
    older.app.scopes =
        ["user_accounts:read", "boards:read", "boards:read_secret", "boards:write", "pins:read", "pins:write"].map(str::to_owned).to_vec();
    let tokens = older.connect("fernwehoutdoor").await;
    let listed = older.discover(&tokens).await.expect("the boards");
    let unusable: Vec<&str> = listed.profiles.iter().filter(|found| found.unusable.is_some()).map(|found| found.name.as_str()).collect();
    assert_eq!(unusable, ["Camp kitchens"]);
    let refused = older.network.publish(older.acting(&tokens, target(secret)), &pin()).await;
    assert!(matches!(refused, Err(NotDone::Refused(_))), "the network demands them: {refused:?}");
}

#[tokio::test]
async fn too_many_pins_are_refused_with_the_moment_at_which_it_goes_on() {
    let bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let listed = bench.discover(&tokens).await.expect("the boards");
    let board = listed.profiles.iter().find(|found| found.kind == Kind::Board).expect("a board");
    for n in 0..100 {
        assert!(bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await.is_ok(), "{n}");
    }
    let Err(NotDone::Refused(refused)) = bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await else {
        panic!("not limited")
    };
    let Finding::Transient { retry_after: Some(wait) } = refused.finding else { panic!("{refused:?}") };
    assert!((1..=60).contains(&wait.as_seconds()), "{wait:?}");
    bench.pass(wait.as_seconds());
    assert!(bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await.is_ok());
}
