//! X's own description of its API v2.

use lifecycle::secret::{Secret, TokenSet};
use networks::acting::{Post, Target};
use networks::network::Kind;

use super::Description;
use crate::{Bench, media};

/// Everything the adapter ever asks of the API, once.
async fn everything() -> Bench {
    let bench = Bench::new("x");
    let tokens = bench.connect("fernwehoutdoor").await;
    bench.discover(&tokens).await.expect("listed");
    bench.probe(&tokens);
    let target = Target { network_id: "1512345678901234567", kind: Kind::Account, handle: None };
    let (by, x) = (bench.acting(&tokens, target), bench.network);
    let post = Post { text: "Huts".into(), media: vec![media("image/png", b"png")], ..Post::default() };
    let posted = x.publish(by, &post).await.expect("published");
    x.comment(by, &posted.id, None, "Open").await.expect("said");
    x.comments(by, &posted.id).await.expect("read");
    x.comments(by, "1").await.expect("read: nothing was said");
    let dead = TokenSet::bearer(Secret::new("dead"), None, vec![]);
    bench.probe(&dead);
    x.publish(bench.acting(&dead, target), &Post { text: "x".into(), ..Post::default() }).await.expect_err("dead");
    x.comment(by, "404404", None, "x").await.expect_err("no such post");
    bench
}

#[tokio::test]
async fn x_fits_its_own_published_description() {
    let Some(description) = Description::open("x-v2.json", "/x") else { return };
    let bench = everything().await;
    bench.said.lock().unwrap().retain(|(request, _)| !request.uri().path().contains("/oauth2/"));
    // Refusals of type about:blank stand in X's pages and not in the description.
    let calls = description.held_against(&bench, |wrong| wrong.contains(" 401") && wrong.contains("about:blank"));
    let expected = [
        "GET /2/tweets/search/recent 200",
        "GET /2/users/me 200",
        "GET /2/users/me 401",
        "POST /2/media/metadata 200",
        "POST /2/media/upload 200",
        "POST /2/tweets 201",
        "POST /2/tweets 400",
        "POST /2/tweets 401",
    ];
    assert_eq!(calls.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    // The scopes asked for are among the described ones, and each call's are among those asked for.
    let flow = &description.json["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]["authorizationCode"];
    let about = bench.network.about();
    assert!(about.scopes.iter().all(|scope| flow["scopes"].get(*scope).is_some()), "{:?}", about.scopes);
    for (request, _) in bench.said.lock().unwrap().iter().filter(|(request, _)| request.uri().path().starts_with("/x/")) {
        let ways = description.operation(request)["security"].as_array().into_iter().flatten();
        for scope in ways.filter_map(|way| way["OAuth2UserToken"].as_array()).flatten() {
            assert!(about.scopes.contains(&scope.as_str().unwrap()), "{} needs {scope}", request.uri());
        }
    }
    let token = about.endpoints.iter().find(|endpoint| endpoint.key == "token").unwrap().url;
    assert_eq!(flow["tokenUrl"], token);
}
