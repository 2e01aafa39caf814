//! A network that is described by configuration alone, with everything that can be said of one, reads answers as carefully as those
//! that are shipped.

use bytes::Bytes;
use http::Response;
use networks::catalogue::define;
use networks::oauth2::{Definition, check};
use proptest::prelude::*;

use crate::given::Given;
use crate::{read_by, twisted};

/// Everything is set, each thing otherwise than usual.
fn described() -> Given {
    let definition =
        Definition { name: "described".into(), title: "Described".into(), scopes: vec!["read".into()], rules: vec![], has_profiles: true };
    define(definition).expect("a definition may be read again");
    let mut given = Given::at(networks::find("described").expect("known"));
    let endpoints = ["authorize", "token", "userinfo", "par", "long_lived", "extend", "introspect", "check", "profiles", "revoke", "api"];
    given.app.endpoints = endpoints.map(|key| (key.to_owned(), format!("https://own.example/{key}"))).into();
    let options = [
        ("client_auth", "post"),
        ("client_id_name", "client_key"),
        ("scope_separator", "comma"),
        ("pkce", "hex"),
        ("bearer", "header:access-token"),
        ("token_at", "/data"),
        ("refresh_life_name", "expires_in"),
        ("long_lived.access_token", "{token}"),
        ("extend.access_token", "{token}"),
        ("id", "/data/user_id"),
        ("profiles_at", "/data/items"),
        ("profiles_next", "/link"),
        ("profile_id", "id"),
        ("profile_roles", "role"),
        ("error_code", "/error/code"),
        ("error.2", "expired certain"),
        ("error.401.token_gone", "revoked_by_person certain"),
        ("error.403", "permission_lost"),
        ("error.app_off", "misconfigured"),
        ("error.500.token_gone", "expired certain"),
        ("error.429", "expired certain"),
        ("limit_reset_header", "x-again"),
    ];
    given.app.options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(check(&given.app.options, &given.app.endpoints), Ok(()));
    given
}

fn answer(status: u16, body: &[u8]) -> Response<Bytes> {
    let answer = Response::builder().status(status).header("content-type", "application/json").header("x-again", "7");
    answer.body(Bytes::copy_from_slice(body)).expect("an answer")
}

#[tokio::test]
async fn the_operators_table_is_read_and_never_turns_trouble_into_a_death() {
    let given = described();
    for (call, status, body, reading) in [
        ("renew", 200, r#"{"data":{"access_token":"A","refresh_token":"R","expires_in":60}}"#, "renewed"),
        ("renew", 200, r#"{"error":{"code":"token_gone"}}"#, "unclear"),
        ("renew", 401, r#"{"error":{"code":"token_gone"}}"#, "refused revoked_by_person certain"),
        ("renew", 400, r#"{"error":{"code":2}}"#, "refused expired certain"),
        ("renew", 403, r#"{"error":{"code":"app_off"}}"#, "misconfigured"),
        ("renew", 500, r#"{"error":{"code":"token_gone"}}"#, "unclear"),
        ("renew", 429, r#"{"error":{"code":2}}"#, "transient"),
        ("probe", 500, r#"{"error":{"code":2}}"#, "transient"),
        ("probe", 429, r#"{"error":{"code":2}}"#, "transient, wait 7"),
        ("discover", 200, r#"{"error":{"code":2}}"#, "refused expired certain"),
        ("discover", 403, "<html>", "refused permission_lost likely"),
        ("discover", 200, r#"{"data":{"user_id":"1","items":[]}}"#, "listed"),
        ("discover", 200, r#"{"data":{"user_id":"1","items":[{"name":"no id"}]}}"#, "transient"),
        ("discover", 200, r#"{"data":{"user_id":"1","items":[]},"link":"https://elsewhere.example/2"}"#, "transient"),
        ("revoke", 200, r#"{"error":{"code":2}}"#, "not gone"),
        ("revoke", 200, "{}", "gone"),
    ] {
        assert_eq!(given.read(call, &answer(status, body.as_bytes())).await, reading, "{call} {status} {body}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn twisted_answers_are_read_without_a_panic(status in prop::sample::select(vec![200_u16, 201, 302, 400, 401, 403, 404, 429, 500, 503]), body in twisted()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let given = described();
        let answer = answer(status, &body);
        runtime.block_on(read_by(&given, &answer));
        if status == 429 || status >= 500 {
            let read = runtime.block_on(given.read("probe", &answer));
            prop_assert!(!read.starts_with("refused"), "{read}");
        }
    }
}
