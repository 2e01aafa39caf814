use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::diagnosis::Finding;
use serde_json::json;

use super::*;
use crate::testing;

fn answer(status: u16, body: &Value) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_string())).expect("an answer")
}

fn exchanged(more: &Value) -> Result<Issued, Failure> {
    let mut body = json!({ "access_token": "a", "expires_in": 5_184_000, "scope": "openid" });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more.clone()) {
        body.extend(more);
    }
    testing::with(&[], |cx| match LinkedIn.read_exchange(cx, &BTreeMap::new(), &[], &answer(200, &body))? {
        Answer::Done(issued) => Ok(issued),
        Answer::AskAgain { .. } => panic!("nothing is to be asked again"),
    })
}

fn id_token(claims: &Value) -> Value {
    json!({ "id_token": format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string())) })
}

#[test]
fn the_id_token_names_the_member_and_must_be_ours() {
    let sub = |token: &Value| exchanged(token).map(|issued| issued.person_network_id);
    assert_eq!(sub(&id_token(&json!({ "aud": "client", "sub": "x7" }))), Ok(Some("urn:li:person:x7".into())));
    assert_eq!(sub(&id_token(&json!({ "aud": ["other", "client"], "sub": "x7" }))), Ok(Some("urn:li:person:x7".into())));
    assert!(matches!(sub(&id_token(&json!({ "aud": "other", "sub": "x7" }))), Err(Failure::Suspicious { .. })));
    assert_eq!(sub(&json!({ "id_token": "not one" })), Ok(None), "unreadable: the identity call tells");
    assert_eq!(sub(&json!({})), Ok(None));
}

#[test]
fn both_worlds_are_told_from_the_answer() {
    let without = exchanged(&json!({})).expect("issued");
    assert!(!without.renewable && without.clocks.human_until.is_none() && without.clocks.refresh_until.is_none());
    let with = exchanged(&json!({ "refresh_token": "r", "refresh_token_expires_in": 31_536_000 })).expect("issued");
    assert!(with.renewable && with.clocks.human_until.is_some() && with.clocks.human_until == with.clocks.refresh_until);
}

#[test]
fn what_only_an_admin_can_repair_is_never_held_against_a_member() {
    testing::with(&[("version", "202401")], |cx| {
        let body = json!({ "status": 426, "code": "NONEXISTENT_VERSION", "message": "Requested version 20240101 is not active" });
        let found = LinkedIn::diagnose(&cx, Source::Use, &answer(426, &body));
        assert_eq!(found.finding, Finding::Misconfigured);
        assert!(found.evidence.words.contains("202401") && found.evidence.words.contains("networks.linkedin.options.version"));

        let back = [("error", "unauthorized_scope_error"), ("error_description", "Scope w_organization_social is not authorized")];
        let back: Vec<(String, String)> = back.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let Err(Failure::Misconfigured { evidence }) = LinkedIn.exchange(cx, &BTreeMap::new(), &back) else {
            panic!("an admin has to look")
        };
        assert!(evidence.words.contains("networks.linkedin.scopes"), "{}", evidence.words);
    });
}

#[test]
fn the_end_of_a_version_is_known_ahead() {
    use crate::Network as _;
    let ends = |options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        super::LinkedIn.ends(&options).map(|(at, words)| {
            (lifecycle::moment::written(at)[..10].to_owned(), words.en.contains("options.version") && words.de.contains("options.version"))
        })
    };
    assert_eq!(ends(&[]), Some(("2027-07-15".to_owned(), true)));
    assert_eq!(ends(&[("version", "202512")]), Some(("2026-12-15".to_owned(), true)));
    assert_eq!(ends(&[("version", "202512"), ("version_ends", "2026-11-30")]), Some(("2026-11-30".to_owned(), true)));
    for odd in [("version", "latest"), ("version", "202613"), ("version_ends", "soon")] {
        assert_eq!(ends(&[odd]), None, "{odd:?}");
    }
}
