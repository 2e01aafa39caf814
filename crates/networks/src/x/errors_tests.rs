use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;

use super::super::X;
use super::*;
use crate::network::Network as _;
use crate::testing::with;

fn answer(status: u16, body: &str) -> Response<Bytes> {
    let built = Response::builder().status(status).header("content-type", "application/json");
    built.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer")
}

#[derive(Debug, PartialEq, Eq)]
enum Says {
    Nothing,
    Ours,
    Against(Cause),
}

fn says(diagnosis: &Diagnosis) -> Says {
    match &diagnosis.finding {
        Finding::Works => panic!("a refusal is no proof"),
        Finding::Transient { .. } => Says::Nothing,
        Finding::Misconfigured => Says::Ours,
        Finding::Refused { cause, terminal, .. } => {
            assert!(!terminal, "X has no word that is final");
            Says::Against(*cause)
        }
    }
}

#[test]
fn the_words_for_a_spent_token_can_be_set() {
    let other = r#"{"error":"invalid_request","error_description":"Der Wert ist ungültig."}"#;
    let read = |options: &[(&str, &str)]| match with(options, |cx| renewal(&cx, &answer(400, other))) {
        Renewal::Failed(diagnosis) => says(&diagnosis),
        unclear => panic!("{unclear:?}"),
    };
    assert_eq!(read(&[("spent_token_words", "Der Wert ist ungültig.")]), Says::Against(Cause::Unknown));
    assert_eq!(read(&[]), Says::Ours);
}

#[test]
fn a_refused_post_speaks_against_the_token_only_where_its_scope_is_missing() {
    let body = r#"{"title":"Forbidden","type":"about:blank","status":403,"detail":"You are not permitted to perform this action."}"#;
    let granted = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    let act = |scopes: &[&str]| with(&[], |cx| says(&act(&cx, &answer(403, body), &granted(scopes), "tweet.write")));
    assert_eq!(act(&["tweet.read", "tweet.write"]), Says::Nothing);
    assert_eq!(act(&["tweet.read"]), Says::Against(Cause::ScopeMissing));
    assert_eq!(act(&[]), Says::Nothing, "unknown scopes are not missing ones");
}

#[test]
fn the_client_is_named_in_the_header_and_a_public_one_in_the_body() {
    let tokens = lifecycle::secret::TokenSet::bearer(Secret::new("a"), Some(Secret::new("r")), vec![]);
    let asked = |options: &[(&str, &str)]| {
        let request = with(options, |cx| X.renew(cx, &tokens)).expect("renewable");
        let body = String::from_utf8(request.body().to_vec()).expect("text");
        (request.headers().get("authorization").map(|value| value.to_str().expect("text").to_owned()), body)
    };
    // "client:secret"
    assert_eq!(asked(&[]), (Some("Basic Y2xpZW50OnNlY3JldA==".into()), "grant_type=refresh_token&refresh_token=r".into()));
    assert_eq!(asked(&[("client_type", "public")]), (None, "grant_type=refresh_token&refresh_token=r&client_id=client".into()));
}
