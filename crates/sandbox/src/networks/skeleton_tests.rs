//! The twin that `cargo xtask new-network` writes, from consent to revocation.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{Consent, skeleton};
use crate::request::Incoming;
use crate::world::World;

const BACK: &str = "http://127.0.0.1:8420/callback";

fn read(request: Request<Bytes>) -> Incoming {
    let path = request.uri().path().to_owned();
    Incoming::read(request, path)
}

fn encoded(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn form(world: &mut World, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let client = format!("{}:{}", super::client_id("skeleton"), super::client_secret("skeleton"));
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", format!("Basic {}", STANDARD.encode(client)))
        .body(encoded(fields).into())
        .expect("a request");
    let said = skeleton::handle(world, 0, &read(request)).expect("an answer");
    (said.status().as_u16(), serde_json::from_slice(said.body()).unwrap_or_default())
}

fn me(world: &mut World, token: &str) -> u16 {
    let request = Request::get("/api/me").header("authorization", format!("Bearer {token}")).body(Bytes::new()).expect("a request");
    skeleton::handle(world, 0, &read(request)).map_or(0, |said| said.status().as_u16())
}

#[test]
fn from_consent_to_revocation() {
    let mut world = World::empty();
    world.people = skeleton::people();
    let verifier = "a-verifier-of-forty-three-characters-and-more-~";
    let challenge = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes()));
    let asked = encoded(&[
        ("client_id", &super::client_id("skeleton")),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("code_challenge", &challenge),
        ("state", "s"),
    ]);
    let page = read(Request::get(format!("/oauth/authorize?{asked}")).body(Bytes::new()).expect("a request"));
    assert_eq!(skeleton::about(&page), "page");
    let consent = Consent { username: "jana.lindner", deny: false, drop_scopes: &[], page: None };
    let back = skeleton::consent(&mut world, 0, &page, &consent).expect("consented");
    let code = back.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code").to_owned();
    let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", BACK), ("code_verifier", verifier)];
    let (status, first) = form(&mut world, "/oauth/token", &exchange);
    assert_eq!(status, 200, "{first}");
    let text = |json: &Value, name: &str| json[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(me(&mut world, &text(&first, "access_token")), 200);
    let renew = |world: &mut World, token: &str| form(world, "/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]);
    let (status, second) = renew(&mut world, &text(&first, "refresh_token"));
    assert_eq!(status, 200, "{second}");
    let (status, _) = form(&mut world, "/oauth/revoke", &[("token", &text(&second, "refresh_token"))]);
    assert_eq!((status, me(&mut world, &text(&second, "access_token"))), (200, 401));
    let (status, refused) = renew(&mut world, &text(&second, "refresh_token"));
    assert_eq!((status, refused["error"].as_str()), (skeleton::refused_renewal().status().as_u16(), Some("invalid_grant")));
}
