//! Facebook pages.

use bytes::Bytes;
use http::{Method, Request};
use lifecycle::breaker::is_trouble;
use lifecycle::diagnosis::Finding;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence};
use networks::acting::{Media, NotDone, Post};
use networks::network::{Cx, Discovery, Found};
use serde_json::{Value, json};

use crate::{Bench, DAY, cause, media, picture, target};

const JANA: &str = "jana.lindner";
const HOUR: i64 = 3_600;
const PAGES: [&str; 2] = ["108001", "108002"];

fn usable(found: &Discovery) -> Vec<&str> {
    found.profiles.iter().filter(|page| page.unusable.is_none()).map(|page| page.network_id.as_str()).collect()
}

fn role(bench: &Bench, page: u64, role: Option<&str>) {
    bench.control("roles", &json!({ "network": "facebook", "page": page, "username": JANA, "role": role }));
}

/// The person takes one permission back.
fn withdraw(bench: &Bench, tokens: &TokenSet, permission: &str) {
    let whole = bench.network.revoke(bench.cx(), tokens).expect("revocable");
    let url = whole.uri().to_string().replace("/me/permissions", &format!("/me/permissions/{permission}"));
    let mut request = Request::builder().method(Method::DELETE).uri(url).body(Bytes::new()).expect("a request");
    *request.headers_mut() = whole.headers().clone();
    assert_eq!(bench.handle(&request).status(), 200);
}

fn sure(refused: &lifecycle::diagnosis::Diagnosis) -> Option<(Cause, Confidence)> {
    match refused.finding {
        Finding::Refused { cause, confidence, .. } => Some((cause, confidence)),
        _ => None,
    }
}

#[tokio::test]
async fn one_bad_page_is_no_trouble_of_the_others() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect(JANA).await;
    assert_eq!(usable(&bench.discover(&tokens).await.expect("listed")), PAGES);
    // Deleted: its token is refused without a subcode.
    bench.control("pages", &json!({ "page": 108_001, "action": "delete" }));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "it is the page that is asked about, not the person");
    assert_eq!(usable(&bench.discover(&tokens).await.expect("listed")), ["108002"]);
    bench.pass(61 * DAY);
    assert_eq!(usable(&bench.discover(&tokens).await.expect("each is asked")), ["108002", "108003"], "roles are not seen any more");
    bench.control("pages", &json!({ "page": 108_001, "action": "restore" }));
    assert_eq!(usable(&bench.discover(&tokens).await.expect("each is asked")).len(), 3);
    role(&bench, 108_001, None);
    assert!(!usable(&bench.discover(&tokens).await.expect("each is asked")).contains(&"108001"));
    // What is said of the person is true of every page.
    bench.happen(JANA, "change-password");
    assert_eq!(sure(&bench.discover(&tokens).await.expect_err("all are dead")), Some((Cause::PasswordChanged, Confidence::Certain)));
    assert_eq!(sure(&bench.probe(&tokens)), Some((Cause::PasswordChanged, Confidence::Certain)));
}

#[tokio::test]
async fn a_page_whose_token_is_dead_is_found_although_it_is_listed() {
    let bench = Bench::new("facebook");
    let mut tokens = bench.connect(JANA).await;
    tokens.profile_tokens.insert("108002".into(), Secret::new("EAAp-of-another-time"));
    let found = bench.discover(&tokens).await.expect("listed");
    assert_eq!(usable(&found), ["108001"]);
    let why = found.profiles.iter().find(|page| page.network_id == "108002").and_then(|page| page.unusable.clone()).expect("why");
    assert!(why.en.contains("Log in again") && why.de.contains("neu an"));
}

#[tokio::test]
async fn the_end_of_the_persons_token_is_known_however_it_is_told() {
    for trouble in ["", "vague_expiry"] {
        let bench = Bench::new("facebook");
        let tokens = bench.connect(JANA).await;
        bench.pass(61 * DAY);
        bench.trouble(trouble);
        let found = bench.discover(&tokens).await.unwrap_or_else(|refused| panic!("{trouble}: {refused:?}"));
        assert_eq!(found.profiles.len(), 3, "{trouble}: the pages' tokens go on");
        assert!(found.profiles.iter().all(|page| page.role.is_empty()));
    }
}

#[tokio::test]
async fn ninety_days_after_the_last_login_nothing_is_shown() {
    let bench = Bench::new("facebook");
    let issued = bench.try_connect(JANA, json!({})).await.expect("connects");
    let day = issued.clocks.human_until.expect("a day").since(bench.cx().now);
    assert_eq!((day.as_seconds(), issued.clocks.access_until), (60 * DAY, None), "the person's token ends first, the pages' never");
    bench.pass(90 * DAY - 1);
    assert_eq!(bench.discover(&issued.tokens).await.expect("each is asked").profiles.len(), 3);
    bench.pass(1);
    assert_eq!(bench.probe(&issued.tokens).finding, Finding::Works, "the token stays valid");
    let refused = bench.discover(&issued.tokens).await.expect_err("nothing is shown");
    assert_eq!(sure(&refused), Some((Cause::RenewalDue, Confidence::Certain)));
    let tokens = bench.connect(JANA).await;
    assert_eq!(usable(&bench.discover(&tokens).await.expect("a login repairs it")), PAGES);
}

/// Facebook and Instagram behind it refuse in the same word when the 90 days are over and when a role is gone, and both say of the token
/// that it is valid. Which it is says the day by the network's own clock, whatever ours says.
#[tokio::test]
async fn ninety_days_are_over_by_the_networks_clock_alone() {
    for (network, page) in [("facebook", 108_001), ("instagram_page", 109_001)] {
        for wrong in [-48 * HOUR, -6 * HOUR, -1, 0, 1, 6 * HOUR, 48 * HOUR] {
            let bench = Bench::new(network);
            let tokens = bench.connect(JANA).await;
            let seen = async || {
                let cx = Cx { now: bench.cx().now + Span::seconds(wrong), ..bench.cx() };
                bench.network.discover(cx, &bench, &tokens).await
            };
            bench.pass(90 * DAY - 2);
            bench.trouble("valid_without_role");
            let all = seen().await.unwrap_or_else(|refused| panic!("{network} {wrong}: {refused:?}")).profiles.len();
            bench.control("roles", &json!({ "network": network, "page": page, "username": JANA, "role": null }));
            let left = seen().await.unwrap_or_else(|refused| panic!("{network} {wrong}: one role is lost: {refused:?}"));
            assert_eq!(left.profiles.len(), all - 1, "{network} {wrong}");
            bench.pass(2);
            let refused = seen().await.expect_err("nothing is shown");
            assert_eq!(sure(&refused), Some((Cause::RenewalDue, Confidence::Certain)), "{network} {wrong}");
        }
    }
}

#[tokio::test]
async fn a_permission_that_is_taken_back_is_no_lost_role() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect(JANA).await;
    withdraw(&bench, &tokens, "pages_show_list");
    let found = bench.discover(&tokens).await.expect("each page is asked");
    assert_eq!(found.profiles.len(), 3, "an empty list is not taken for complete");
    withdraw(&bench, &tokens, "pages_manage_posts");
    let refused = bench.discover(&tokens).await.expect_err("nothing can be published");
    assert_eq!(sure(&refused), Some((Cause::ScopeMissing, Confidence::Certain)));
    assert_eq!(refused.evidence.code.as_deref(), Some("pages_manage_posts"));
}

/// Which pages a permission was granted for stands in `granular_scopes` alone.
#[tokio::test]
async fn a_page_left_unticked_is_no_lost_role() {
    let bench = Bench::new("facebook");
    let earlier = bench.connect(JANA).await;
    // Shown, and not for publishing.
    let issued = bench.try_connect(JANA, json!({ "drop_scopes": ["page:108002/pages_manage_posts"] })).await.expect("connects");
    assert!(issued.missing_scopes.is_empty(), "of the person nothing is missing");
    let found = bench.discover(&issued.tokens).await.expect("listed");
    assert_eq!(usable(&found), ["108001"]);
    let page = |found: &Discovery, id: &str| found.profiles.iter().find(|page| page.network_id == id).cloned().expect("a page");
    let left = page(&found, "108002");
    assert!(left.unusable.as_ref().is_some_and(|why| why.en.contains("unticked") && why.de.contains("angehakt")), "{left:?}");
    let post = Post { text: "New huts".into(), ..Post::default() };
    assert!(bench.network.publish(bench.acting(&issued.tokens, target(&left)), &post).await.is_err(), "the network refuses it");
    // Not ticked at all, at a login elsewhere: its token is still held, and the list does not have it any more.
    bench.try_connect(JANA, json!({ "drop_scopes": ["page:108002"] })).await.expect("connects");
    let found = bench.discover(&earlier).await.expect("listed");
    assert!(page(&found, "108002").unusable.is_some_and(|why| why.en.contains("unticked")));
    // A role that is lost is none of that.
    role(&bench, 108_001, None);
    assert!(!bench.discover(&earlier).await.expect("listed").profiles.iter().any(|page| page.network_id == "108001"));
    bench.connect(JANA).await;
}

#[tokio::test]
async fn what_a_configuration_asks_for_is_known_by_what_was_granted() {
    let mut bench = Bench::new("facebook");
    bench.app.options.insert("config_id".into(), "77".into());
    let issued = bench.try_connect(JANA, json!({ "drop_scopes": ["business_management"] })).await.expect("connects");
    assert_eq!(issued.missing_scopes, ["business_management"]);
    assert!(issued.tokens.scopes.iter().any(|scope| scope == "pages_manage_posts"));
    assert!(!issued.tokens.scopes.iter().any(|scope| scope == "business_management"));
}

#[tokio::test]
async fn revoking_ends_every_consent_and_asking_for_permissions_is_no_revocation() {
    let bench = Bench::new("facebook");
    let (first, second) = (bench.connect(JANA).await, bench.connect(JANA).await);
    assert!(bench.revoke(&second));
    for tokens in [&first, &second] {
        assert_eq!(cause(&bench.probe(tokens)), Some(Cause::RevokedByPerson));
    }
    assert!(bench.revoke(&second), "what is removed already is gone");
    let request = Request::get("http://sandbox.test/control/api/ledger?network=facebook").body(Bytes::new()).expect("a request");
    let ledger: Value = serde_json::from_slice(bench.handle(&request).body()).expect("JSON");
    for line in ledger["seen"].as_array().expect("lines") {
        let is_revocation = line["request"].as_str().is_some_and(|request| request.starts_with("DELETE"));
        assert_eq!(line["about"] == "revocation", is_revocation, "{line}");
    }
}

#[tokio::test]
async fn the_twin_asks_for_tasks_permissions_and_proofs() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect(JANA).await;
    let found = bench.discover(&tokens).await.expect("listed");
    let page = |id: &str| found.profiles.iter().find(|page| page.network_id == id).cloned().expect("a page");
    let post = Post { text: "New huts".into(), ..Post::default() };
    let publish = async |page: &Found| bench.network.publish(bench.acting(&tokens, target(page)), &post).await;
    let posted = publish(&page("108001")).await.expect("published");
    assert!(matches!(publish(&page("108003")).await, Err(NotDone::Refused(refused)) if cause(&refused) == Some(Cause::PermissionLost)));
    let elsewhere = bench.network.comments(bench.acting(&tokens, target(&page("108002"))), &posted.id).await;
    assert!(elsewhere.is_err(), "a post of another page");
    withdraw(&bench, &tokens, "pages_read_user_content");
    assert!(bench.network.comments(bench.acting(&tokens, target(&page("108001"))), &posted.id).await.is_err());
    let mut forged = bench.app.clone();
    forged.client_secret = Some(Secret::new("another"));
    let cx = networks::network::Cx { app: &forged, ..bench.cx() };
    let refused = bench.network.discover(cx, &bench, &tokens).await.expect_err("not proven");
    assert_eq!(refused.finding, Finding::Misconfigured);
}

#[tokio::test]
async fn troubles_of_the_network_speak_of_no_token() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect(JANA).await;
    bench.moods_are_harmless(&tokens);
    let page = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    for (trouble, wait) in [("app_limit", Some(1800)), ("page_limit", Some(720)), ("transient", None)] {
        bench.trouble(trouble);
        let refused = bench.discover(&tokens).await.expect_err(trouble);
        let Finding::Transient { retry_after } = refused.finding else { panic!("{trouble}: {refused:?}") };
        assert_eq!(retry_after.map(lifecycle::time::Span::as_seconds), wait, "{trouble}");
        assert_eq!(is_trouble(&refused), trouble == "transient", "{trouble}: a limit is no outage");
    }
    bench.trouble("app_blocked");
    assert_eq!(bench.discover(&tokens).await.expect_err("blocked").finding, Finding::Misconfigured);
    let post = Post { text: "New huts".into(), ..Post::default() };
    for trouble in ["action_blocked", "repetitive", "restricted"] {
        bench.trouble(trouble);
        let refused = bench.network.publish(bench.acting(&tokens, target(&page)), &post).await;
        assert!(
            matches!(&refused, Err(NotDone::Refused(refused)) if cause(refused) == Some(Cause::PersonBlocked)),
            "{trouble}: {refused:?}"
        );
        assert_eq!(bench.probe(&tokens).finding, Finding::Works, "{trouble}: the token is fine");
        assert!(bench.discover(&tokens).await.is_ok(), "{trouble}");
    }
    bench.trouble("publish_limit");
    let refused = bench.network.publish(bench.acting(&tokens, target(&page)), &post).await;
    assert!(matches!(&refused, Err(NotDone::Refused(refused)) if refused.is_harmless()), "{refused:?}");
    // Said of a token that is valid to debug_token.
    bench.trouble("valid_without_role");
    bench.pass(61 * DAY);
    role(&bench, 108_001, None);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    assert!(!usable(&bench.discover(&tokens).await.expect("each is asked")).contains(&"108001"));
}

#[tokio::test]
async fn pictures_films_and_links_go_along() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect("jana.lindner").await;
    let page = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let publish = async |post: Post| bench.network.publish(bench.acting(&tokens, target(&page)), &post).await;
    let film = || Media { url: Some("https://films.example/hut.mp4".into()), ..media("video/mp4", b"") };
    let post = |media| Post { text: "New huts".into(), link: Some("https://fernweh.example".into()), media, ..Post::default() };
    for (media, text, link) in [
        (vec![], "New huts", "https://fernweh.example"),
        (vec![picture()], "New huts\nhttps://fernweh.example", ""),
        (vec![film()], "New huts\nhttps://fernweh.example", ""),
        (vec![picture(), picture(), picture()], "New huts\nhttps://fernweh.example", ""),
    ] {
        let count = media.len();
        let posted = publish(post(media)).await.expect("published");
        let kept = bench.posts().pop().expect("kept");
        assert_eq!((kept["text"].as_str(), kept["link"].as_str(), kept["id"].as_str()), (Some(text), Some(link), Some(posted.id.as_str())));
        assert_eq!(kept["media"].as_array().map(Vec::len), Some(count));
    }
    for media in [vec![picture(), film()], vec![film(), film()], vec![picture(); 11]] {
        assert!(matches!(publish(post(media)).await, Err(NotDone::Invalid { field: "media", .. })));
    }
    // The second of two pictures gets lost: nothing was said, and it can be said again.
    (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (1, 1);
    let lost = publish(post(vec![picture(), picture()])).await;
    assert!(matches!(lost, Err(NotDone::Refused(refused)) if refused.is_harmless()));
    assert_eq!(bench.posts().len(), 4);
}

#[tokio::test]
async fn good_answers_say_how_much_is_used_up() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect("jana.lindner").await;
    let used = || {
        bench.probe(&tokens);
        let said = bench.said.lock().expect("not poisoned");
        let seen: Vec<u32> = said.iter().rev().map_while(|(_, answer)| bench.network.used_up(answer.headers())).collect();
        seen.into_iter().max()
    };
    let before = used();
    assert!(before.is_some_and(|percent| percent < 70), "{before:?}");
    bench.trouble("app_busy");
    assert_eq!(used(), Some(96));
}

/// Nobody knows whether it was published: the page's own posts are asked before it is sent again.
#[tokio::test]
async fn a_post_whose_answer_was_lost_is_looked_for() {
    let bench = Bench::new("facebook");
    let tokens = bench.connect(JANA).await;
    let found = bench.discover(&tokens).await.expect("listed");
    let [page, other] = [&found.profiles[0], &found.profiles[1]].map(target);
    let by = |target| bench.acting(&tokens, target);
    let post = |text: &str| Post { text: text.into(), key: "k".into(), ..Post::default() };
    bench.network.publish(by(page), &post("The hut is open")).await.expect("published");
    bench.pass(3_600);
    let since = bench.cx().now;
    assert_eq!(bench.network.look(by(page), &post("The hut is open"), since).await, Ok(None), "the same words of an hour ago are others");
    *bench.lose.lock().expect("not poisoned") = 1;
    let lost = bench.network.publish(by(page), &post("The hut is open")).await;
    assert!(matches!(lost, Err(NotDone::Unclear(_))), "{lost:?}");
    let there = bench.network.look(by(page), &post("The hut is open"), since).await.expect("asked").expect("there");
    assert_eq!(Some(there.id.as_str()), bench.posts().pop().expect("kept")["id"].as_str());
    assert!(there.url.is_some_and(|url| url.contains(&there.id)));
    assert_eq!(bench.network.look(by(other), &post("The hut is open"), since).await, Ok(None), "another page's is not this one's");
    assert_eq!(bench.network.look(by(page), &post("Closed again"), since).await, Ok(None));
    // Without words nothing tells one post from another.
    let link = Post { link: Some("https://fernweh.example".into()), ..post("") };
    assert!(matches!(bench.network.look(by(page), &link, since).await, Err(NotDone::NotSupported(_))));
}
