use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;

use super::super::X;
use super::*;
use crate::network::Network as _;
use crate::testing::{NOW, with};

fn answer(status: u16, body: &str) -> Response<Bytes> {
    let reset = (NOW + 600).to_string();
    let built = Response::builder().status(status).header("content-type", "application/json").header("x-rate-limit-reset", reset);
    built.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer")
}

#[derive(Debug, PartialEq, Eq)]
enum Says {
    Works,
    Nothing(Option<i64>),
    Ours,
    Against(Cause),
}

fn says(diagnosis: &Diagnosis) -> Says {
    match &diagnosis.finding {
        Finding::Works => Says::Works,
        Finding::Transient { retry_after } => Says::Nothing(retry_after.map(Span::as_seconds)),
        Finding::Misconfigured => Says::Ours,
        Finding::Refused { cause, terminal, .. } => {
            assert!(!terminal, "X has no word that is final");
            Says::Against(*cause)
        }
    }
}

#[test]
fn the_table_of_the_api() {
    let table = [
        (200, r#"{"data":{"id":"1","name":"N","username":"n"}}"#, Says::Works),
        (401, r#"{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}"#, Says::Against(Cause::Unknown)),
        (401, r#"{"errors":[{"code":89,"message":"Invalid or expired token."}]}"#, Says::Against(Cause::Unknown)),
        (402, r#"{"title":"CreditsDepleted","detail":"…","type":"https://api.x.com/2/problems/credits"}"#, Says::Ours),
        (402, r#"{"title":"CreditsDepleted"}"#, Says::Ours),
        (
            403,
            r#"{"type":"https://api.twitter.com/2/problems/unsupported-authentication","title":"Unsupported Authentication"}"#,
            Says::Ours,
        ),
        (403, r#"{"reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}"#, Says::Ours),
        (403, r#"{"reason":"user-not-enrolled","type":"https://api.x.com/2/problems/client-forbidden"}"#, Says::Ours),
        (403, r#"{"type":"https://api.x.com/2/problems/usage-capped","title":"UsageCapExceeded"}"#, Says::Nothing(Some(601))),
        (429, r#"{"type":"https://api.x.com/2/problems/usage-capped","title":"UsageCapExceeded"}"#, Says::Nothing(Some(601))),
        (
            403,
            r#"{"title":"Forbidden","type":"about:blank","status":403,"detail":"You are not permitted to perform this action."}"#,
            Says::Nothing(None),
        ),
        (
            403,
            r#"{"title":"Forbidden","type":"about:blank","status":403,"detail":"You are not allowed to create a Tweet with duplicate content."}"#,
            Says::Nothing(None),
        ),
        (403, r#"{"errors":[{"code":326,"message":"locked"}]}"#, Says::Against(Cause::PersonBlocked)),
        (
            403,
            r#"{"errors":[{"code":1,"message":"x","bounce_location":"https://x.com/account/access"}]}"#,
            Says::Against(Cause::PersonBlocked),
        ),
        (403, r#"{"errors":[{"code":64,"message":"suspended"}]}"#, Says::Against(Cause::PersonBlocked)),
        (401, r#"{"type":"https://api.x.com/2/problems/user-suspended","title":"Forbidden"}"#, Says::Against(Cause::PersonBlocked)),
        (404, r#"{"type":"https://api.x.com/2/problems/resource-not-found","title":"Not Found Error"}"#, Says::Nothing(None)),
        (429, r#"{"title":"Too Many Requests","type":"about:blank","status":429}"#, Says::Nothing(Some(601))),
        (429, r#"{"errors":[{"code":88,"message":"Rate limit exceeded"}]}"#, Says::Nothing(Some(601))),
        (503, r#"{"type":"https://api.x.com/2/problems/internal-error"}"#, Says::Nothing(None)),
        (
            200,
            r#"{"errors":[{"type":"https://api.x.com/2/problems/resource-not-found","title":"Not Found Error","detail":"x"}]}"#,
            Says::Nothing(None),
        ),
        (401, "<html>", Says::Nothing(Some(601))),
    ];
    for (status, body, expected) in table {
        assert_eq!(with(&[], |cx| says(&api(&cx, Source::Probe, &answer(status, body)))), expected, "{status} {body}");
    }
}

#[test]
fn the_table_of_the_token_endpoint() {
    let spent = r#"{"error":"invalid_request","error_description":"Value passed for the token was invalid."}"#;
    let table = [
        (400, spent, Says::Against(Cause::Unknown)),
        (400, r#"{"error":"invalid_grant","error_description":"x"}"#, Says::Against(Cause::Unknown)),
        (400, r#"{"error":"invalid_request","error_description":"Missing required parameter [refresh_token]."}"#, Says::Ours),
        (401, r#"{"error":"unauthorized_client","error_description":"Missing valid authorization header"}"#, Says::Ours),
        (401, r#"{"error":"invalid_client"}"#, Says::Ours),
        (403, r#"{"reason":"client-not-enrolled","type":"https://api.x.com/2/problems/client-forbidden"}"#, Says::Ours),
        (402, r#"{"title":"CreditsDepleted"}"#, Says::Ours),
        (401, r#"{"title":"Unauthorized","type":"about:blank","status":401}"#, Says::Nothing(None)),
        (429, r#"{"title":"Too Many Requests","type":"about:blank"}"#, Says::Nothing(Some(601))),
        (403, "<html>", Says::Nothing(None)),
    ];
    for (status, body, expected) in table {
        let Renewal::Failed(diagnosis) = with(&[], |cx| renewal(&cx, &answer(status, body))) else { panic!("{status} {body}") };
        assert_eq!(says(&diagnosis), expected, "{status} {body}");
    }
    assert!(matches!(with(&[], |cx| renewal(&cx, &answer(503, "<html>"))), Renewal::Unclear(_)));
    let other = r#"{"error":"invalid_request","error_description":"Der Wert ist ungültig."}"#;
    let Renewal::Failed(diagnosis) = with(&[("spent_token_words", "Der Wert ist ungültig.")], |cx| renewal(&cx, &answer(400, other)))
    else {
        panic!("unclear")
    };
    assert_eq!(says(&diagnosis), Says::Against(Cause::Unknown));
}

#[test]
fn an_old_code_means_start_again() {
    let stale = r#"{"error":"invalid_request","error_description":"Value passed for the authorization code was invalid."}"#;
    assert!(matches!(with(&[], |cx| exchange(&cx, &answer(400, stale))), Failure::StaleCode { .. }));
    let ours = r#"{"error":"invalid_request","error_description":"Missing required parameter [code_verifier]."}"#;
    assert!(matches!(with(&[], |cx| exchange(&cx, &answer(400, ours))), Failure::Misconfigured { .. }));
    let enrolled = r#"{"reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}"#;
    assert!(matches!(with(&[], |cx| exchange(&cx, &answer(403, enrolled))), Failure::Misconfigured { .. }));
}

#[test]
fn a_refused_post_speaks_against_the_token_only_where_its_scope_is_missing() {
    let body = r#"{"title":"Forbidden","type":"about:blank","status":403,"detail":"You are not permitted to perform this action."}"#;
    let granted = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    let act = |scopes: &[&str]| with(&[], |cx| says(&act(&cx, &answer(403, body), &granted(scopes), "tweet.write")));
    assert_eq!(act(&["tweet.read", "tweet.write"]), Says::Nothing(None));
    assert_eq!(act(&["tweet.read"]), Says::Against(Cause::ScopeMissing));
    assert_eq!(act(&[]), Says::Nothing(None), "unknown scopes are not missing ones");
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
