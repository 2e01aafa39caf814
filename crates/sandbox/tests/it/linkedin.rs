//! LinkedIn, as `networks/linkedin` of the knowledge base says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, HOUR, Net, Tokens, code_of, encoded, parameter};

pub(crate) const SCOPES: &str = "openid profile w_member_social rw_organization_admin w_organization_social r_organization_social";
const CLIENT: [(&str, &str); 2] = [("client_id", "sandbox-linkedin"), ("client_secret", "sandbox-linkedin-secret")];

pub(crate) fn authorize(scope: &str) -> String {
    let query =
        [("response_type", "code"), ("client_id", "sandbox-linkedin"), ("redirect_uri", CALLBACK), ("scope", scope), ("state", "s t&te")];
    format!("/linkedin/oauth/v2/authorization?{}", encoded(&query))
}

fn call(net: &mut Net, path: &str, fields: &[(&str, &str)]) -> Got {
    let all: Vec<_> = CLIENT.iter().chain(fields).copied().collect();
    net.form(&format!("/linkedin/oauth/v2/{path}"), &[], &all)
}

pub(crate) fn exchange(net: &mut Net, code: &str, redirect_uri: &str) -> Got {
    call(net, "accessToken", &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)])
}

pub(crate) fn refresh(net: &mut Net, token: &str) -> Got {
    call(net, "accessToken", &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn introspect(net: &mut Net, token: &str) -> Got {
    call(net, "introspectToken", &[("token", token)])
}

fn connect_with(net: &mut Net, username: &str, scope: &str) -> Tokens {
    let back = net.consent(&authorize(scope), username);
    Tokens::of(&exchange(net, &code_of(&back), CALLBACK))
}

pub(crate) fn connect(net: &mut Net, username: &str) -> Tokens {
    connect_with(net, username, SCOPES)
}

fn rest(net: &mut Net, path: &str, bearer: &str) -> Got {
    let headers = [
        ("authorization", format!("Bearer {bearer}")),
        ("linkedin-version", "202610".into()),
        ("x-restli-protocol-version", "2.0.0".into()),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    net.send(Method::GET, &format!("/linkedin/rest/{path}"), &headers, "")
}

/// (organisation, role, state) of each row.
fn rows(got: &Got) -> Vec<(String, String, String)> {
    let text = |element: &Value, field: &str| element[field].as_str().unwrap().to_owned();
    let elements = got.json["elements"].as_array().unwrap_or_else(|| panic!("{}", got.text));
    elements.iter().map(|element| (text(element, "organization"), text(element, "role"), text(element, "state"))).collect()
}

fn row(page: u64, role: &str, state: &str) -> (String, String, String) {
    (format!("urn:li:organization:{page}"), role.into(), state.into())
}

fn revoked() -> Value {
    json!({ "status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN", "message": "The token used in the request has been revoked by the user" })
}

fn invalid_grant(got: &Got) {
    assert_eq!((got.status, got.str("error")), (400, "invalid_grant"), "{}", got.text);
    assert!(!got.str("error_description").is_empty());
}

fn denied(got: &Got) {
    assert_eq!((got.status, &got.json["serviceErrorCode"], &got.json["code"]), (403, &json!(100), &json!("ACCESS_DENIED")), "{}", got.text);
    assert!(got.str("message").starts_with("Not enough permissions to access: "), "{}", got.text);
}

/// Dead for good: the API, a renewal and introspection say so with one voice.
fn dead(net: &mut Net, tokens: &Tokens) {
    net.get("/linkedin/v2/userinfo", &tokens.access).is(401, &revoked());
    rest(net, "organizationAcls?q=roleAssignee", &tokens.access).is(401, &revoked());
    invalid_grant(&refresh(net, &tokens.refresh));
    for token in [&tokens.access, &tokens.refresh] {
        introspect(net, token).is(200, &json!({ "active": false, "status": "revoked" }));
    }
}

fn alive(net: &mut Net, tokens: &Tokens) {
    assert_eq!(net.get("/linkedin/v2/userinfo", &tokens.access).status, 200);
    assert_eq!(refresh(net, &tokens.refresh).status, 200);
    for token in [&tokens.access, &tokens.refresh] {
        assert_eq!(introspect(net, token).str("status"), "active");
    }
}

#[test]
fn from_consent_to_the_first_call() {
    let mut net = Net::new();
    let back = net.consent(&authorize(SCOPES), "jana.lindner");
    assert!(back.starts_with(&format!("{CALLBACK}?")), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some("s t&te"));
    let got = exchange(&mut net, &code_of(&back), CALLBACK);
    let Tokens { access, refresh } = Tokens::of(&got);
    got.is(
        200,
        &json!({
            "access_token": access, "expires_in": 5_184_000, "refresh_token": refresh, "refresh_token_expires_in": 31_536_000,
            "scope": SCOPES, "token_type": "Bearer", "id_token": got.json["id_token"]
        }),
    );
    let me = net.get("/linkedin/v2/userinfo", &access);
    assert_eq!((me.status, me.str("name"), me.str("given_name"), me.str("family_name")), (200, "Jana Lindner", "Jana", "Lindner"));
    assert!(!me.str("sub").is_empty());
    let claims = URL_SAFE_NO_PAD.decode(got.str("id_token").split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&me.json["sub"], &json!("sandbox-linkedin")), "without a nonce");
    let seen = introspect(&mut net, &access);
    let since = net.now / 1_000_000;
    seen.is(
        200,
        &json!({
            "active": true, "status": "active", "client_id": "sandbox-linkedin", "auth_type": "3L", "scope": SCOPES.replace(' ', ","),
            "authorized_at": since, "created_at": since, "expires_at": since + 60 * DAY
        }),
    );
}

#[test]
fn the_year_is_never_extended() {
    let mut net = Net::new();
    let first = connect(&mut net, "jana.lindner");
    net.pass(100 * DAY);
    let got = refresh(&mut net, &first.refresh);
    let second = Tokens::of(&got);
    assert_eq!(got.json["expires_in"], 60 * DAY);
    assert_eq!(got.json["refresh_token_expires_in"], 265 * DAY);
    assert_eq!(second.refresh, first.refresh);
    assert_ne!(second.access, first.access);
    // The documentation's own example: on day 360 both have five days left.
    net.pass(260 * DAY);
    let got = refresh(&mut net, &second.refresh);
    assert_eq!((&got.json["expires_in"], &got.json["refresh_token_expires_in"]), (&json!(5 * DAY), &json!(5 * DAY)));
    net.pass(5 * DAY - 1);
    assert_eq!(refresh(&mut net, &second.refresh).status, 200);
    net.pass(1);
    invalid_grant(&refresh(&mut net, &second.refresh));
    introspect(&mut net, &second.refresh).is(200, &json!({ "active": false, "status": "expired" }));
}

#[test]
fn an_access_token_ends_after_sixty_days() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    net.pass(60 * DAY - 1);
    assert_eq!(net.get("/linkedin/v2/userinfo", &tokens.access).status, 200);
    net.pass(1);
    net.get("/linkedin/v2/userinfo", &tokens.access).is(
        401,
        &json!({ "status": 401, "serviceErrorCode": 65602, "code": "EXPIRED_ACCESS_TOKEN", "message": "The token used in the request has expired" }),
    );
    introspect(&mut net, &tokens.access).is(200, &json!({ "active": false, "status": "expired" }));
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200);
}

#[test]
fn a_token_nobody_handed_out_is_invalid() {
    let mut net = Net::new();
    for bearer in ["", "nonsense", &tiktok_access(&mut net)] {
        net.get("/linkedin/v2/userinfo", bearer).is(
            401,
            &json!({ "status": 401, "serviceErrorCode": 65600, "code": "INVALID_ACCESS_TOKEN", "message": "Invalid access token" }),
        );
        introspect(&mut net, bearer).is(200, &json!({ "active": false }));
    }
}

fn tiktok_access(net: &mut Net) -> String {
    crate::tiktok::connect(net, "fernweh.outdoor").access
}

#[test]
fn a_code_works_once_in_time_and_for_its_address() {
    let mut net = Net::new();
    let refused = |got: &Got, status: u16, error: &str, words: &str| {
        assert_eq!((got.status, got.str("error")), (status, error), "{}", got.text);
        assert!(got.str("error_description").contains(words), "{}", got.text);
    };
    let mismatch = "appid/redirect uri/code verifier does not match authorization code";

    let code = code_of(&net.consent(&authorize(SCOPES), "jana.lindner"));
    refused(&exchange(&mut net, &code, "http://127.0.0.1:8420/other"), 400, "invalid_redirect_uri", mismatch);
    refused(&exchange(&mut net, &code, ""), 400, "invalid_redirect_uri", mismatch);
    net.pass(30 * 60 - 1);
    assert_eq!(exchange(&mut net, &code, CALLBACK).status, 200, "29:59 is in time");
    refused(&exchange(&mut net, &code, CALLBACK), 401, "invalid_request", "authorization code not found");

    let late = code_of(&net.consent(&authorize(SCOPES), "jana.lindner"));
    net.pass(30 * 60);
    refused(&exchange(&mut net, &late, CALLBACK), 400, "invalid_redirect_uri", "authorization code expired");

    refused(&exchange(&mut net, "nonsense", CALLBACK), 401, "invalid_request", "authorization code not found");
    let foreign = code_of(&net.consent(&crate::pinterest::authorize(crate::pinterest::SCOPES), "fernwehoutdoor"));
    refused(&exchange(&mut net, &foreign, CALLBACK), 401, "invalid_request", "authorization code not found");

    refused(&exchange(&mut net, "", CALLBACK), 400, "invalid_request", "A required parameter \"code\" is missing");
    refused(&refresh(&mut net, ""), 400, "invalid_request", "A required parameter \"refresh_token\" is missing");
    refused(&call(&mut net, "accessToken", &[]), 400, "invalid_request", "A required parameter \"grant_type\" is missing");
}

#[test]
fn a_client_is_known_by_its_secret_in_the_body() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    let code = code_of(&net.consent(&authorize(SCOPES), "jana.lindner"));
    let wrong: [&[(&str, &str)]; 4] = [
        &[],
        &[("client_id", "sandbox-linkedin")],
        &[("client_id", "sandbox-linkedin"), ("client_secret", "wrong")],
        &[("client_id", "sandbox-tiktok"), ("client_secret", "sandbox-tiktok-secret")],
    ];
    // HTTP Basic with the right secret: "not supported".
    let basic = ("authorization", "Basic c2FuZGJveC1saW5rZWRpbjpzYW5kYm94LWxpbmtlZGluLXNlY3JldA==");
    for client in wrong {
        for (path, more) in [
            ("accessToken", vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)]),
            ("accessToken", vec![("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())]),
            ("introspectToken", vec![("token", tokens.access.as_str())]),
            ("revoke", vec![("token", tokens.access.as_str())]),
        ] {
            let fields: Vec<_> = client.iter().copied().chain(more).collect();
            let got = net.form(&format!("/linkedin/oauth/v2/{path}"), &[basic], &fields);
            assert_eq!((got.status, got.str("error")), (401, "invalid_client"), "{path} {client:?}");
        }
    }
    alive(&mut net, &tokens);
    assert_eq!(exchange(&mut net, &code, CALLBACK).status, 200, "refused clients did not use up the code");
}

#[test]
fn withdrawn_means_dead_everywhere() {
    for action in ["change-password", "revoke"] {
        let mut net = Net::new();
        let (jana, tom) = (connect(&mut net, "jana.lindner"), connect(&mut net, "tom.becker"));
        net.person("linkedin", "jana.lindner", action);
        dead(&mut net, &jana);
        alive(&mut net, &tom);
        let again = connect(&mut net, "jana.lindner");
        alive(&mut net, &again);
        dead(&mut net, &jana);
    }
}

#[test]
fn a_code_does_not_outlive_a_changed_password() {
    for action in ["change-password", "revoke", "block"] {
        let mut net = Net::new();
        let code = code_of(&net.consent(&authorize(SCOPES), "jana.lindner"));
        net.person("linkedin", "jana.lindner", action);
        let got = exchange(&mut net, &code, CALLBACK);
        assert_eq!((got.status, got.str("error")), (401, "invalid_request"), "{action}: {}", got.text);
    }
}

#[test]
fn a_restricted_member_comes_back() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    net.person("linkedin", "jana.lindner", "block");
    for token in [&tokens.access, &tokens.refresh] {
        let got = introspect(&mut net, token);
        assert_eq!((got.status, got.str("error")), (401, "member_restricted"));
    }
    let got = net.get("/linkedin/v2/userinfo", &tokens.access);
    assert_eq!((got.status, got.str("code")), (401, "REVOKED_ACCESS_TOKEN"), "what it really says is not documented");
    invalid_grant(&refresh(&mut net, &tokens.refresh));
    let body = json!({ "authorize_url": authorize(SCOPES), "username": "jana.lindner" });
    assert_eq!(net.try_control("consent", &body).status, 400, "nobody consents while restricted");
    net.person("linkedin", "jana.lindner", "unblock");
    alive(&mut net, &tokens);
}

#[test]
fn another_scope_set_kills_what_was_there() {
    let mut net = Net::new();
    let (jana, tom) = (connect(&mut net, "jana.lindner"), connect(&mut net, "tom.becker"));
    let turned: Vec<_> = SCOPES.split(' ').rev().collect();
    let same = connect_with(&mut net, "jana.lindner", &turned.join(" "));
    alive(&mut net, &jana);
    alive(&mut net, &same);
    let fewer = connect_with(&mut net, "jana.lindner", "openid profile");
    dead(&mut net, &jana);
    dead(&mut net, &same);
    alive(&mut net, &fewer);
    alive(&mut net, &tom);
}

#[test]
fn revoking_ends_the_whole_grant() {
    for which in ["access", "refresh"] {
        let mut net = Net::new();
        let (tokens, other) = (connect(&mut net, "jana.lindner"), connect(&mut net, "jana.lindner"));
        let token = if which == "access" { &tokens.access } else { &tokens.refresh };
        assert_eq!(call(&mut net, "revoke", &[("token", token)]).status, 200);
        dead(&mut net, &tokens);
        alive(&mut net, &other);
        assert_eq!(call(&mut net, "revoke", &[("token", "nonsense")]).status, 200);
    }
}

#[test]
fn roles_are_rows_with_states() {
    let mut net = Net::new();
    let jana = connect(&mut net, "jana.lindner").access;
    let all = [
        row(1001, "ADMINISTRATOR", "APPROVED"),
        row(1002, "ADMINISTRATOR", "APPROVED"),
        row(1003, "ANALYST", "APPROVED"),
        row(1004, "CONTENT_ADMINISTRATOR", "APPROVED"),
    ];
    assert_eq!(rows(&rest(&mut net, "organizationAcls?q=roleAssignee", &jana)), all);
    assert_eq!(rows(&rest(&mut net, "organizationAcls?q=roleAssignee&state=APPROVED&role=ADMINISTRATOR", &jana)), all[..2]);
    assert_eq!(rows(&rest(&mut net, "organizationAcls?q=roleAssignee&state=REQUESTED", &jana)), []);
    let me = net.get("/linkedin/v2/userinfo", &jana);
    let got = rest(&mut net, "organizationAcls?q=roleAssignee", &jana);
    assert_eq!(got.json["elements"][0]["roleAssignee"], format!("urn:li:person:{}", me.str("sub")));

    let tom = connect(&mut net, "tom.becker").access;
    assert_eq!(
        rows(&rest(&mut net, "organizationAcls?q=roleAssignee", &tom)),
        [row(1001, "ADMINISTRATOR", "APPROVED"), row(1002, "ADMINISTRATOR", "REQUESTED")]
    );
    assert_eq!(rows(&rest(&mut net, "organizationAcls?q=roleAssignee&state=APPROVED", &tom)), [row(1001, "ADMINISTRATOR", "APPROVED")]);
    let lea = connect(&mut net, "lea.hoffmann").access;
    assert_eq!(rows(&rest(&mut net, "organizationAcls?q=roleAssignee", &lea)), []);
}

#[test]
fn roles_come_in_pages_and_keep_their_filter() {
    let mut net = Net::new();
    let jana = connect(&mut net, "jana.lindner").access;
    let mut path = "organizationAcls?q=roleAssignee&state=APPROVED&role=ADMINISTRATOR&start=0&count=1".to_owned();
    let mut seen = vec![];
    for _ in 0..10 {
        let got = rest(&mut net, &path, &jana);
        seen.extend(rows(&got));
        match got.json["paging"]["links"].as_array().unwrap().first() {
            None => break,
            Some(link) => {
                assert_eq!(link["rel"], "next");
                path = link["href"].as_str().unwrap().strip_prefix("/rest/").unwrap().to_owned();
            }
        }
    }
    assert_eq!(seen, [row(1001, "ADMINISTRATOR", "APPROVED"), row(1002, "ADMINISTRATOR", "APPROVED")]);
    // Whatever is asked for, the list ends.
    for odd in ["start=18446744073709551615&count=10", "start=2&count=18446744073709551615", "start=0&count=0", "start=x&count=-1"] {
        let got = rest(&mut net, &format!("organizationAcls?q=roleAssignee&{odd}"), &jana);
        assert_eq!(got.status, 200, "{odd}: {}", got.text);
        assert!(got.json["paging"]["count"].as_u64().unwrap() > 0, "{odd}: {}", got.text);
    }
}

#[test]
fn a_role_that_is_taken_ends_that_page_only() {
    let mut net = Net::new();
    let jana = connect(&mut net, "jana.lindner");
    let set = |net: &mut Net, role: Value| {
        net.control("roles", &json!({ "network": "linkedin", "page": 1002, "username": "jana.lindner", "role": role }));
    };
    let on_1002 = |net: &mut Net| {
        let all = rows(&rest(net, "organizationAcls?q=roleAssignee", &jana.access));
        assert!(all.contains(&row(1001, "ADMINISTRATOR", "APPROVED")), "{all:?}");
        all.into_iter().find(|(page, ..)| page.ends_with(":1002")).map(|(_, role, _)| role)
    };
    let page = rest(&mut net, "organizations/1002", &jana.access);
    page.is(200, &json!({ "id": 1002, "localizedName": "Fernweh Travel", "vanityName": "fernweh-travel" }));
    set(&mut net, json!("ANALYST"));
    assert_eq!(on_1002(&mut net).as_deref(), Some("ANALYST"));
    // What a page says of itself is for its admins; its name is for everybody.
    denied(&rest(&mut net, "organizations/1002", &jana.access));
    let found = rest(&mut net, "organizationsLookup?ids=List(1002,4711)", &jana.access);
    assert_eq!(
        (&found.json["results"]["1002"]["localizedName"], &found.json["statuses"]),
        (&json!("Fernweh Travel"), &json!({ "1002": 200, "4711": 404 }))
    );
    set(&mut net, Value::Null);
    assert_eq!(on_1002(&mut net), None);
    denied(&rest(&mut net, "organizations/1002", &jana.access));
    assert_eq!(rest(&mut net, "organizations/1001", &jana.access).status, 200);
    alive(&mut net, &jana);
    set(&mut net, json!("ADMINISTRATOR"));
    assert_eq!(on_1002(&mut net).as_deref(), Some("ADMINISTRATOR"));
    assert_eq!(rest(&mut net, "organizations/1002", &jana.access).status, 200);
}

#[test]
fn calls_need_their_scope_and_a_version() {
    let mut net = Net::new();
    let got = connect_with(&mut net, "jana.lindner", "w_member_social").access;
    denied(&net.get("/linkedin/v2/userinfo", &got));
    denied(&rest(&mut net, "organizationAcls?q=roleAssignee", &got));
    let profile = connect_with(&mut net, "jana.lindner", "openid profile").access;
    assert_eq!(net.get("/linkedin/v2/userinfo", &profile).status, 200);
    denied(&rest(&mut net, "organizationAcls?q=roleAssignee", &profile));
    denied(&rest(&mut net, "organizations/1001", &profile));
    let reader = connect_with(&mut net, "jana.lindner", "r_organization_admin").access;
    assert_eq!(rest(&mut net, "organizationAcls?q=roleAssignee", &reader).status, 200);
    let got = net.get("/linkedin/rest/organizationAcls?q=roleAssignee", &reader);
    assert_eq!((got.status, got.str("code")), (400, "VERSION_MISSING"));
    let headers = [("authorization", format!("Bearer {reader}")), ("linkedin-version", "202610".into())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let got = net.send(Method::GET, "/linkedin/rest/organizationAcls?q=roleAssignee", &headers, "");
    assert_eq!((got.status, got.str("code")), (400, "ILLEGAL_ARGUMENT"), "the protocol's own version is needed too");
    assert_eq!(rest(&mut net, "organizations/4711", &reader).status, 404);
    assert_eq!(rest(&mut net, "organizations/nonsense", &reader).status, 404);
}

#[test]
fn a_refusal_comes_back_as_linkedin_says_it() {
    let mut net = Net::new();
    let back = net.deny(&authorize(SCOPES), "jana.lindner");
    assert_eq!(parameter(&back, "error").as_deref(), Some("user_cancelled_authorize"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("s t&te"));
    assert!(parameter(&back, "error_description").is_some() && parameter(&back, "code").is_none(), "{back}");
}

#[test]
fn hours_in_between_change_nothing() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    for _ in 0..48 {
        net.pass(HOUR);
        alive(&mut net, &tokens);
    }
}

#[test]
fn apps_without_refresh_tokens_get_none_and_openid_names_the_member() {
    let mut net = Net::new();
    net.control("apps", &json!({ "network": "linkedin", "refresh_tokens": false }));
    let code = code_of(&net.consent(&authorize(SCOPES), "jana.lindner"));
    let got = exchange(&mut net, &code, CALLBACK);
    assert_eq!((got.status, &got.json["expires_in"]), (200, &json!(60 * DAY)), "{}", got.text);
    assert!(got.json.get("refresh_token").is_none() && got.json.get("refresh_token_expires_in").is_none(), "{}", got.text);
    assert_eq!(got.str("id_token").split('.').count(), 3);
    let code = code_of(&net.consent(&authorize("w_member_social"), "jana.lindner"));
    assert!(exchange(&mut net, &code, CALLBACK).json.get("id_token").is_none(), "nobody asked who it is");
    assert_eq!(net.try_control("apps", &json!({ "network": "tiktok", "refresh_tokens": false })).status, 400);
}

#[test]
fn scopes_the_app_does_not_hold_fail_the_whole_login() {
    let mut net = Net::new();
    let page = net.send(Method::GET, &authorize("openid w_everything"), &[], "");
    let back = page.location().to_owned();
    assert_eq!(parameter(&back, "error").as_deref(), Some("unauthorized_scope_error"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("s t&te"));
}

#[test]
fn a_version_that_is_over_fails_every_call() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    let bearer = format!("Bearer {}", tokens.access);
    let headers = [("authorization", bearer.as_str()), ("linkedin-version", "202401")];
    let got = net.send(Method::GET, "/linkedin/rest/organizationAcls?q=roleAssignee", &headers, "");
    assert_eq!((got.status, got.str("code")), (426, "NONEXISTENT_VERSION"));
}

#[test]
fn a_scope_of_another_product_comes_back_with_and_without_a_browser() {
    let mut net = Net::new();
    let wrong = authorize("openid profile r_ads");
    let back = net.consent(&wrong, "jana.lindner");
    assert_eq!(parameter(&back, "error").as_deref(), Some("unauthorized_scope_error"));
    assert_eq!(net.get(&wrong, "").location(), back, "the same door");
    // Only who asks for openid is told the kind of token.
    let plain = net.consent(&authorize("w_member_social"), "tom.becker");
    let got = exchange(&mut net, &code_of(&plain), CALLBACK);
    assert!(got.status == 200 && got.json.get("token_type").is_none() && got.json.get("id_token").is_none(), "{}", got.text);
}

#[test]
fn the_query_of_a_redirect_address_is_not_compared() {
    let mut net = Net::new();
    net.control("apps", &json!({ "network": "linkedin", "redirect_uris": [CALLBACK] }));
    let with_query = authorize(SCOPES).replace(&encoded(&[("", CALLBACK)])[1..], &encoded(&[("", &format!("{CALLBACK}?from=1"))])[1..]);
    assert!(with_query.contains("from%3D1"), "{with_query}");
    assert!(net.consent(&with_query, "jana.lindner").contains("code="));
    let elsewhere = authorize(SCOPES).replace("callback", "elsewhere");
    assert_eq!(net.try_control("consent", &json!({ "authorize_url": elsewhere, "username": "jana.lindner" })).status, 400);
}
