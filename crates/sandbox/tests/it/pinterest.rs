//! Pinterest, as `networks/pinterest` of the knowledge base says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, Net, Tokens, code_of, encoded, parameter};

pub(crate) const SCOPES: &str = "user_accounts:read,boards:read,boards:read_secret,pins:read";

pub(crate) fn authorize(scope: &str) -> String {
    let query =
        [("client_id", "sandbox-pinterest"), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", scope), ("state", "s1")];
    format!("/pinterest/oauth/?{}", encoded(&query))
}

fn token_as(net: &mut Net, credentials: &str, fields: &[(&str, &str)]) -> Got {
    let basic = format!("Basic {}", STANDARD.encode(credentials));
    net.form("/pinterest/v5/oauth/token", &[("authorization", &basic)], fields)
}

fn token(net: &mut Net, fields: &[(&str, &str)]) -> Got {
    token_as(net, "sandbox-pinterest:sandbox-pinterest-secret", fields)
}

fn exchange(net: &mut Net, code: &str, redirect_uri: &str) -> Got {
    token(net, &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)])
}

pub(crate) fn refresh(net: &mut Net, refresh_token: &str) -> Got {
    token(net, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
}

fn connect_with(net: &mut Net, username: &str, scope: &str) -> Tokens {
    let code = code_of(&net.consent(&authorize(scope), username));
    Tokens::of(&exchange(net, &code, CALLBACK))
}

pub(crate) fn connect(net: &mut Net, username: &str) -> Tokens {
    connect_with(net, username, SCOPES)
}

fn failed() -> Value {
    json!({ "code": 2, "message": "Authentication failed.", "status": "failure" })
}

fn account(net: &mut Net, bearer: &str) -> Got {
    net.get("/pinterest/v5/user_account", bearer)
}

fn boards(net: &mut Net, query: &str, bearer: &str) -> Vec<String> {
    let got = net.get(&format!("/pinterest/v5/boards?{query}"), bearer);
    let items = got.json["items"].as_array().unwrap_or_else(|| panic!("{}", got.text));
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

fn dead(net: &mut Net, tokens: &Tokens) {
    account(net, &tokens.access).is(401, &failed());
    net.get("/pinterest/v5/boards", &tokens.access).is(401, &failed());
    refresh(net, &tokens.refresh).is(401, &failed());
}

#[test]
fn from_consent_to_the_first_call() {
    let mut net = Net::new();
    let back = net.consent(&authorize(SCOPES), "fernwehoutdoor");
    assert_eq!(parameter(&back, "state").as_deref(), Some("s1"));
    let got = exchange(&mut net, &code_of(&back), CALLBACK);
    let Tokens { access, refresh } = Tokens::of(&got);
    assert!(access.starts_with("pina_") && refresh.starts_with("pinr."));
    got.is(
        200,
        &json!({
            "response_type": "authorization_code", "access_token": access, "token_type": "bearer", "expires_in": 2_592_000,
            "refresh_token": refresh, "refresh_token_expires_in": 5_184_000, "refresh_token_expires_at": net.now / 1_000_000 + 60 * DAY,
            "scope": SCOPES
        }),
    );
    let got = account(&mut net, &access);
    assert_eq!((got.status, got.str("username"), got.str("account_type")), (200, "fernwehoutdoor", "BUSINESS"));
    assert_eq!(got.str("business_name"), "Fernweh Outdoor");
    assert!(got.str("id").chars().all(|digit| digit.is_ascii_digit()));
    let guides = connect(&mut net, "gipfelguides");
    assert_eq!(account(&mut net, &guides.access).str("account_type"), "PINNER");
}

#[test]
fn refreshing_in_time_goes_on_for_years() {
    let mut net = Net::new();
    let first = connect(&mut net, "fernwehoutdoor");
    net.pass(30 * DAY - 1);
    assert_eq!(account(&mut net, &first.access).status, 200);
    net.pass(1);
    account(&mut net, &first.access).is(401, &failed());
    let got = refresh(&mut net, &first.refresh);
    assert_eq!((got.str("response_type"), &got.json["refresh_token_expires_in"]), ("refresh_token", &json!(60 * DAY)));
    assert_eq!(got.json["refresh_token_expires_at"], net.now / 1_000_000 + 60 * DAY);
    let mut last = Tokens::of(&got);
    assert!(last.refresh != first.refresh && last.access != first.access);
    for _ in 0..20 {
        net.pass(60 * DAY - 1);
        last = Tokens::of(&refresh(&mut net, &last.refresh));
        assert_eq!(account(&mut net, &last.access).status, 200);
    }
    net.pass(60 * DAY);
    refresh(&mut net, &last.refresh).is(401, &failed());
}

#[test]
fn an_old_refresh_token_presented_again_ends_the_session() {
    let mut net = Net::new();
    let (first, other) = (connect(&mut net, "fernwehoutdoor"), connect(&mut net, "fernwehoutdoor"));
    let second = Tokens::of(&refresh(&mut net, &first.refresh));
    refresh(&mut net, &first.refresh).is(401, &failed());
    dead(&mut net, &second);
    assert_eq!(account(&mut net, &other.access).status, 200);
}

#[test]
fn a_token_of_another_network_does_nothing() {
    let mut net = Net::new();
    let old = crate::tiktok::connect(&mut net, "fernweh.outdoor");
    let new = Tokens::of(&crate::tiktok::refresh(&mut net, &old.refresh));
    for token in [&old.refresh, &new.refresh] {
        refresh(&mut net, token).is(401, &failed());
    }
    account(&mut net, &new.access).is(401, &failed());
    assert_eq!(crate::tiktok::refresh(&mut net, &new.refresh).status, 200, "nor does it harm at home");
}

#[test]
fn the_client_is_known_by_http_basic() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernwehoutdoor");
    let renewal = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    for credentials in ["sandbox-pinterest:wrong", "sandbox-tiktok:sandbox-tiktok-secret", "sandbox-pinterest", ""] {
        token_as(&mut net, credentials, &renewal).is(401, &failed());
    }
    let in_body: Vec<_> =
        renewal.into_iter().chain([("client_id", "sandbox-pinterest"), ("client_secret", "sandbox-pinterest-secret")]).collect();
    net.form("/pinterest/v5/oauth/token", &[], &in_body).is(401, &failed());
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200, "nothing was spent");
}

#[test]
fn a_code_works_once_in_time_and_for_its_address() {
    let mut net = Net::new();
    let refused = |got: &Got| assert!(got.status == 400 && got.json["code"].is_i64() && got.str("status") == "failure", "{}", got.text);
    let code = code_of(&net.consent(&authorize(SCOPES), "fernwehoutdoor"));
    refused(&exchange(&mut net, &code, "http://127.0.0.1:8420/other"));
    assert_eq!(exchange(&mut net, &code, CALLBACK).status, 200);
    refused(&exchange(&mut net, &code, CALLBACK));
    let late = code_of(&net.consent(&authorize(SCOPES), "fernwehoutdoor"));
    net.pass(DAY);
    refused(&exchange(&mut net, &late, CALLBACK));
    refused(&exchange(&mut net, "nonsense", CALLBACK));
    refused(&token(&mut net, &[("grant_type", "password")]));
    for action in ["change-password", "revoke", "block"] {
        let code = code_of(&net.consent(&authorize(SCOPES), "gipfelguides"));
        net.person("pinterest", "gipfelguides", action);
        refused(&exchange(&mut net, &code, CALLBACK));
    }
}

#[test]
fn boards_come_along_with_group_boards() {
    let mut net = Net::new();
    let ours = connect(&mut net, "fernwehoutdoor").access;
    let all = ["Hiking huts", "Packing lists", "Trail food", "Camp kitchens", "Summer routes 2026", "Alps together"];
    assert_eq!(boards(&mut net, "page_size=250", &ours), all);
    let got = net.get("/pinterest/v5/boards", &ours);
    assert_eq!(got.json["bookmark"], Value::Null);
    let group = got.json["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&group["owner"]["username"], &group["collaborator_count"]), (&json!("gipfelguides"), &json!(1)));
    assert!(group["id"].is_string() && group["is_ads_only"] == false);
    let secret = got.json["items"].as_array().unwrap().iter().find(|item| item["privacy"] == "SECRET").unwrap().clone();
    assert_eq!(secret["name"], "Camp kitchens");
    assert_eq!(boards(&mut net, "privacy=SECRET", &ours), ["Camp kitchens"]);
    assert_eq!(boards(&mut net, "privacy=PUBLIC", &ours).len(), 5);
    assert_eq!(boards(&mut net, "privacy=ALL", &ours), all);
    let guides = connect(&mut net, "gipfelguides").access;
    assert_eq!(boards(&mut net, "", &guides), ["Guides", "Alps together"]);
    let public = connect_with(&mut net, "fernwehoutdoor", "boards:read").access;
    assert_eq!(boards(&mut net, "", &public).len(), 5, "without the secret scope secret boards are absent");
}

#[test]
fn boards_come_in_pages_by_bookmark() {
    let mut net = Net::new();
    let ours = connect(&mut net, "fernwehoutdoor").access;
    let whole = boards(&mut net, "", &ours);
    for size in 1..=7 {
        let (mut seen, mut bookmark, mut asked) = (vec![], None::<String>, 0);
        loop {
            let more = bookmark.map(|bookmark| format!("&bookmark={bookmark}")).unwrap_or_default();
            let got = net.get(&format!("/pinterest/v5/boards?page_size={size}{more}"), &ours);
            seen.extend(got.json["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            bookmark = got.json["bookmark"].as_str().map(str::to_owned);
            asked += 1;
            if bookmark.is_none() {
                break;
            }
        }
        assert_eq!(seen, whole, "{size}");
        assert_eq!(asked, 6_usize.div_ceil(size), "{size}");
    }
    let got = net.get("/pinterest/v5/boards?bookmark=18446744073709551615", &ours);
    assert_eq!((got.status, &got.json["items"]), (200, &json!([])));
}

#[test]
fn boards_vanish_turn_secret_and_come_back() {
    let mut net = Net::new();
    let ours = connect(&mut net, "fernwehoutdoor").access;
    let public = connect_with(&mut net, "fernwehoutdoor", "boards:read").access;
    let act = |net: &mut Net, board: u64, action: &str| {
        net.control("boards", &json!({ "network": "pinterest", "board": board, "action": action }));
    };
    let has = |net: &mut Net, name: &str, bearer: &str| boards(net, "", bearer).iter().any(|board| board == name);
    act(&mut net, 5001, "delete");
    assert!(!has(&mut net, "Hiking huts", &ours));
    act(&mut net, 5001, "restore");
    assert!(has(&mut net, "Hiking huts", &ours));
    act(&mut net, 5002, "make_secret");
    assert!(has(&mut net, "Packing lists", &ours) && !has(&mut net, "Packing lists", &public));
    act(&mut net, 5002, "restore");
    assert!(has(&mut net, "Packing lists", &public), "as it was");
    act(&mut net, 5004, "delete");
    act(&mut net, 5004, "restore");
    assert!(has(&mut net, "Camp kitchens", &ours) && !has(&mut net, "Camp kitchens", &public), "a secret board comes back secret");
}

#[test]
fn calls_need_their_scope() {
    let mut net = Net::new();
    let pins = connect_with(&mut net, "fernwehoutdoor", "pins:read").access;
    let got = net.get("/pinterest/v5/boards", &pins);
    assert_eq!((got.status, &got.json["code"]), (401, &json!(3)));
    let got = account(&mut net, &pins);
    assert_eq!((got.status, &got.json["code"]), (403, &json!(403)));
}

#[test]
fn withdrawn_means_dead() {
    for action in ["change-password", "revoke"] {
        let mut net = Net::new();
        let (ours, other) = (connect(&mut net, "fernwehoutdoor"), connect(&mut net, "gipfelguides"));
        net.person("pinterest", "fernwehoutdoor", action);
        dead(&mut net, &ours);
        assert_eq!(account(&mut net, &other.access).status, 200);
        let again = connect(&mut net, "fernwehoutdoor");
        assert_eq!(account(&mut net, &again.access).status, 200);
        dead(&mut net, &ours);
    }
}

#[test]
fn a_deactivated_account_comes_back() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernwehoutdoor");
    net.person("pinterest", "fernwehoutdoor", "block");
    account(&mut net, &tokens.access).is(401, &failed());
    refresh(&mut net, &tokens.refresh).is(401, &failed());
    net.person("pinterest", "fernwehoutdoor", "unblock");
    assert_eq!(account(&mut net, &tokens.access).status, 200);
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200, "the refusal had not spent it");
}

#[test]
fn people_revoke_at_pinterest_only() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernwehoutdoor");
    let got = net.form("/pinterest/v5/oauth/token/revoke", &[], &[("token", &tokens.access)]);
    assert_eq!((got.status, &got.json["code"]), (403, &json!(29)));
    assert_eq!(account(&mut net, &tokens.access).status, 200);
}

#[test]
fn a_refusal_comes_back_as_an_error() {
    let mut net = Net::new();
    let back = net.deny(&authorize(SCOPES), "fernwehoutdoor");
    assert_eq!((parameter(&back, "error").as_deref(), parameter(&back, "state").as_deref()), (Some("access_denied"), Some("s1")));
    assert_eq!(parameter(&back, "code"), None);
}

#[test]
fn one_board_is_shown_to_whom_it_is_there_for() {
    let mut net = Net::new();
    let ours = connect(&mut net, "fernwehoutdoor");
    let got = net.get("/pinterest/v5/boards/5001", &ours.access);
    assert_eq!((got.status, got.str("name"), &got.json["owner"]["username"]), (200, "Hiking huts", &json!("fernwehoutdoor")));
    let theirs = net.get("/pinterest/v5/boards/5006", &ours.access);
    assert_eq!((theirs.status, &theirs.json["code"]), (404, &json!(40)), "somebody else's");
    net.control("boards", &json!({ "board": 5001, "action": "delete" }));
    assert_eq!(net.get("/pinterest/v5/boards/5001", &ours.access).status, 404);
}
