//! TikTok: access tokens of a day, a body that says more than its status, and a grant that a banned account does not get back.

use lifecycle::diagnosis::Finding;

use super::{Bench, DAY, cause};
use lifecycle::words::Cause;

#[tokio::test]
async fn a_token_that_is_over_is_renewed_to_be_revoked() {
    let bench = Bench::new("tiktok");
    let tokens = bench.connect("fernweh.outdoor").await;
    bench.pass(2 * DAY);
    assert!(bench.revoke(&tokens));
    let asked = bench.asked_of_tokens();
    assert_eq!(asked, ["/v2/oauth/revoke/", "/v2/oauth/token/", "/v2/oauth/revoke/"]);
    assert_eq!(bench.consents("fernweh.outdoor"), 0, "the network knows of no consent any more");
    assert!(bench.revoke(&tokens), "nothing is left that could be revoked");
}

#[tokio::test]
async fn a_banned_account_does_not_get_its_grant_back() {
    let bench = Bench::new("tiktok");
    let tokens = bench.connect("fernweh.outdoor").await;
    bench.happen("fernweh.outdoor", "block");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown), "the webhook alone says why");
    bench.happen("fernweh.outdoor", "unblock");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    let tokens = bench.connect("fernweh.outdoor").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}
