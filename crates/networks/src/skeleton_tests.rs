//! What `cargo xtask new-network` writes for an adapter, compiled and asked as it stands: it keeps up with the house.

#[path = "../../../xtask/templates/network.rs"]
mod skeleton;

use http::Response;
use lifecycle::diagnosis::Finding;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::Cause;

use crate::network::{Answer, Network, Renewal};
use crate::testing;

fn answer(status: u16, body: &'static str) -> Response<bytes::Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(bytes::Bytes::from_static(body.as_bytes()))
        .expect("an answer")
}

#[test]
fn it_asks_and_reads() {
    let adapter = skeleton::Skeleton;
    assert_eq!(adapter.about().name, "skeleton");
    let tokens = TokenSet::bearer(Secret::new("a"), Some(Secret::new("r")), vec![]);
    testing::with(&[], |cx| {
        let renewal = adapter.renew(cx, &tokens).expect("renewable");
        assert_eq!((renewal.method().as_str(), renewal.uri().path()), ("POST", "/oauth/token"));
        assert!(renewal.headers().contains_key("authorization"));
        assert!(adapter.revoke(cx, &tokens).is_some());
        let probe = |answer: &Response<bytes::Bytes>| match adapter.read_probe(cx, &tokens, answer) {
            Answer::Done(diagnosis) => diagnosis.finding,
            Answer::AskAgain { .. } => panic!("asks again"),
        };
        assert_eq!(probe(&answer(200, "{\"id\":\"1\"}")), Finding::Works);
        assert!(matches!(probe(&answer(401, "{\"error\":\"invalid_token\"}")), Finding::Refused { cause: Cause::Unknown, .. }));
        assert!(matches!(probe(&answer(503, "<html></html>")), Finding::Transient { .. }));
        let dead = answer(400, "{\"error\":\"invalid_grant\"}");
        assert!(matches!(adapter.read_renew(cx, &tokens, &dead), Answer::Done(Renewal::Failed(_))));
    });
}
