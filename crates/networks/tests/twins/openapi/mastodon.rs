//! The community's description of Mastodon's API.

use bytes::Bytes;
use http::Request;
use lifecycle::secret::{Secret, TokenSet};
use networks::acting::{Post, Target};
use networks::network::{App, Kind};
use serde_json::{Value, json};

use super::Description;
use crate::{Bench, media};

/// Everything the adapter ever asks of an instance, once.
async fn everything() -> Bench {
    let mut bench = Bench::new("mastodon");
    bench.app = App { client_id: String::new(), client_secret: None, instance: "social.example".into(), ..bench.app };
    let made = bench.begin().await.expect("begins").registered.expect("registered");
    (bench.app.client_id, bench.app.client_secret) = (made.client_id, Some(made.client_secret));
    // Asked again, it looks whether the instance still knows us.
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    bench.probe(&tokens);
    let target = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: None };
    let (by, network) = (bench.acting(&tokens, target), bench.network);
    let post = Post {
        text: "Huts".into(),
        media: vec![media("image/png", b"png"), media("video/mp4", b"mp4")],
        key: "act".into(),
        ..Post::default()
    };
    let posted = network.publish(by, &post).await.expect("published");
    let said = bench.control("comments", &json!({ "network": "mastodon", "post": posted.id, "text": "How much?" }));
    network.comment(by, &posted.id, said["id"].as_str(), "30 euros").await.expect("said");
    network.comments(by, &posted.id).await.expect("read");
    network.comments(by, "404404").await.expect_err("no such status");
    let dead = TokenSet::bearer(Secret::new("dead"), None, vec![]);
    bench.probe(&dead);
    network.publish(bench.acting(&dead, target), &Post { text: "x".into(), ..Post::default() }).await.expect_err("dead");
    bench.happen("jana.lindner", "block");
    bench.probe(&tokens);
    bench.revoke(&tokens);
    bench
}

/// Where the description and Mastodon's documentation are known to differ, or the sandbox tells less than a server does.
fn is_known(wrong: &str) -> bool {
    // A text with line breaks is what servers before 4.3 take.
    wrong.starts_with("POST /api/v1/apps body.redirect_uris: ")
        // Required for the exchange of a code alone.
        || wrong == "POST /oauth/token body: code is missing"
        // Of itself an instance tells what publishing needs.
        || (wrong.starts_with("GET /api/v2/instance 200") && wrong.ends_with("is missing"))
}

#[tokio::test]
async fn mastodon_fits_the_communitys_description() {
    let Some(description) = Description::open("mastodon.json", "/mastodon") else { return };
    let bench = everything().await;
    let calls = description.held_against(&bench, is_known);
    let expected = [
        "GET /.well-known/oauth-authorization-server 200",
        "GET /api/v1/accounts/verify_credentials 200",
        "GET /api/v1/accounts/verify_credentials 401",
        "GET /api/v1/accounts/verify_credentials 403",
        "GET /api/v1/media/{id} 200",
        "GET /api/v1/media/{id} 206",
        "GET /api/v1/statuses/{id} 200",
        "GET /api/v1/statuses/{id}/context 200",
        "GET /api/v1/statuses/{id}/context 404",
        "GET /api/v2/instance 200",
        "POST /api/v1/apps 200",
        "POST /api/v1/statuses 200",
        "POST /api/v1/statuses 401",
        "POST /api/v2/media 200",
        "POST /api/v2/media 202",
        "POST /oauth/revoke 200",
        "POST /oauth/token 200",
    ];
    assert_eq!(calls.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// What waits for its moment, which the twin can and the adapter has no use for: everything that can be asked of it, by a client of its own.
#[tokio::test]
async fn scheduled_statuses_fit_the_communitys_description() {
    let Some(description) = Description::open("mastodon.json", "/mastodon") else { return };
    let mut bench = Bench::new("mastodon");
    bench.app = App { client_id: String::new(), client_secret: None, instance: "social.example".into(), ..bench.app };
    let made = bench.begin().await.expect("begins").registered.expect("registered");
    (bench.app.client_id, bench.app.client_secret) = (made.client_id, Some(made.client_secret));
    let tokens = bench.connect("jana.lindner").await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let ask = |method: &str, path: &str, body: &Value| -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("http://sandbox.test/mastodon/api/v1/{path}"));
        let request = request.header("authorization", &bearer).header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = bench.handle(&request.body(Bytes::from(body)).expect("a request"));
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    };
    let none = Value::Null;
    // The bench begins at 14:13:20; five minutes ahead are the least.
    let (soon, later, last) = ("2026-09-21T14:16:00Z", "2026-09-21T15:30:00Z", "2026-09-21T17:00:00Z");
    let media = ask("POST", "statuses", &json!({ "status": "Huts", "scheduled_at": later, "visibility": "unlisted", "language": "en" }));
    assert_eq!(media.0, 200, "{media:?}");
    let path = format!("scheduled_statuses/{}", media.1["id"].as_str().expect("an id"));
    assert_eq!(ask("GET", "scheduled_statuses", &none).1.as_array().map(Vec::len), Some(1));
    assert_eq!(ask("GET", &path, &none).1["params"]["text"], "Huts");
    assert_eq!(ask("PUT", &path, &json!({ "scheduled_at": last })).0, 200);
    assert_eq!(ask("PUT", &path, &json!({ "scheduled_at": soon })).0, 422);
    assert_eq!(ask("POST", "statuses", &json!({ "status": "Huts", "scheduled_at": soon })).0, 422);
    assert_eq!([ask("DELETE", &path, &none).0, ask("GET", &path, &none).0, ask("DELETE", &path, &none).0], [200, 404, 404]);
    let calls = description.held_against(&bench, is_known);
    let of_scheduled: Vec<&str> = calls.iter().map(String::as_str).filter(|call| call.contains("scheduled_statuses")).collect();
    let expected = [
        "DELETE /api/v1/scheduled_statuses/{id} 200",
        "DELETE /api/v1/scheduled_statuses/{id} 404",
        "GET /api/v1/scheduled_statuses 200",
        "GET /api/v1/scheduled_statuses/{id} 200",
        "GET /api/v1/scheduled_statuses/{id} 404",
        "PUT /api/v1/scheduled_statuses/{id} 200",
        "PUT /api/v1/scheduled_statuses/{id} 422",
    ];
    assert_eq!(of_scheduled, expected);
    assert!(calls.contains("POST /api/v1/statuses 422"));
}
