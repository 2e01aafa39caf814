//! Pinterest's own description of its API v5.

use lifecycle::secret::{Secret, TokenSet};
use networks::acting::Post;
use networks::network::Kind;
use serde_json::json;

use super::Description;
use crate::{Bench, media, target};

/// Everything the adapter ever asks of the API, once.
async fn everything() -> Bench {
    let mut bench = Bench::new("pinterest");
    bench.app.options.extend([("sections".to_owned(), "yes".to_owned()), ("ad_account_id".to_owned(), "549755885175".to_owned())]);
    let tokens = bench.connect("fernwehoutdoor").await;
    let found = bench.discover(&tokens).await.expect("listed");
    bench.probe(&tokens);
    let board = found.profiles.iter().find(|found| found.kind == Kind::Board).expect("a board");
    let picture = media("image/png", b"png");
    let section = found.profiles.iter().find(|found| found.network_id.contains('/')).expect("a section");
    let full = Post {
        text: "Huts".into(),
        title: Some("Huts".into()),
        link: Some("https://fernweh.example/huts".into()),
        media: vec![picture.clone()],
        ..Post::default()
    };
    let by_address = networks::acting::Media { url: Some("https://fernweh.example/hut.png".into()), ..picture };
    let of = |media| Post { text: "Huts".into(), media, ..Post::default() };
    let (sent, film) = (media("image/png", b"png"), media("video/mp4", b"film"));
    let several = [vec![by_address.clone(); 2], vec![sent.clone(), sent], vec![film], vec![by_address]];
    for post in [vec![full], several.map(of).to_vec()].concat() {
        bench.network.publish(bench.acting(&tokens, target(board)), &post).await.expect("published");
    }
    let within = Post { text: "Huts".into(), media: vec![media("image/png", b"png")], ..Post::default() };
    bench.network.publish(bench.acting(&tokens, target(section)), &within).await.expect("published");
    let tokens = bench.renewed(&tokens);
    let dead = TokenSet { refresh_token: Some(Secret::new("dead")), ..TokenSet::bearer(Secret::new("dead"), None, vec![]) };
    bench.probe(&dead);
    bench.refused_renewal(&dead);
    bench.control("boards", &json!({ "board": board.network_id, "action": "delete" }));
    let gone = Post { text: "x".into(), media: vec![media("image/png", b"png")], ..Post::default() };
    bench.network.publish(bench.acting(&tokens, target(board)), &gone).await.expect_err("no such board");
    bench.happen("fernwehoutdoor", "block");
    bench.probe(&tokens);
    bench
}

/// What Pinterest's pages and live answers have and its description has not.
fn is_known(wrong: &str) -> bool {
    // Demanded, in words, of apps made before September 2025.
    wrong == "POST /oauth/token body: continuous_refresh is unknown" || wrong.ends_with(": status is unknown")
}

#[tokio::test]
async fn pinterest_fits_its_own_published_description() {
    let Some(description) = Description::open("pinterest-v5.json", "/pinterest/v5") else { return };
    let bench = everything().await;
    let calls = description.held_against(&bench, is_known);
    let expected = [
        "GET /boards 200",
        "GET /boards/{board_id}/sections 200",
        "GET /media/{media_id} 200",
        "GET /user_account 200",
        "GET /user_account 401",
        "POST /media 201",
        "POST /oauth/token 200",
        "POST /oauth/token 401",
        "POST /pins 201",
        "POST /pins 404",
    ];
    assert_eq!(calls.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    // The scopes asked for are among the described ones, and each call's are among those asked for.
    let flow = &description.json["components"]["securitySchemes"]["pinterest_oauth2"]["flows"]["authorizationCode"];
    let about = bench.network.about();
    assert!(about.scopes.iter().all(|scope| flow["scopes"].get(*scope).is_some()), "{:?}", about.scopes);
    for (request, _) in bench.said.lock().unwrap().iter().filter(|(request, _)| request.uri().path().starts_with("/pinterest/v5")) {
        let ways = description.operation(request)["security"].as_array().into_iter().flatten();
        for scope in ways.filter_map(|way| way["pinterest_oauth2"].as_array()).flatten() {
            assert!(about.scopes.contains(&scope.as_str().unwrap()), "{} needs {scope}", request.uri());
        }
    }
    let url = |key: &str| about.endpoints.iter().find(|endpoint| endpoint.key == key).unwrap().url;
    assert_eq!((&flow["authorizationUrl"], &flow["tokenUrl"]), (&json!(url("authorize")), &json!(url("token"))));
    assert_eq!(description.json["servers"][0]["url"], url("api"));
}
