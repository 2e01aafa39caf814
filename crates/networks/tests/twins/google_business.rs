//! Google Business Profile.

use lifecycle::diagnosis::Finding;
use lifecycle::words::{Cause, Confidence};
use networks::acting::{Media, NotDone, Post, Target};
use networks::network::{Found, Kind};
use serde_json::json;

use crate::{Bench, DAY, cause, target};

fn post(text: &str) -> Post {
    Post { text: text.into(), ..Post::default() }
}

fn picture(url: Option<&str>, kind: &str) -> Media {
    Media { url: url.map(str::to_owned), content_type: kind.into(), bytes: bytes::Bytes::new(), alt: None }
}

fn usable(found: &Found) -> (&str, Option<&str>, &str, bool) {
    (&found.network_id, found.parent.as_deref(), &found.role, found.unusable.is_none())
}

#[tokio::test]
async fn from_connecting_to_revoking() {
    let bench = Bench::new("google_business");
    let issued = bench.try_connect("jana.lindner", json!({})).await.expect("connects");
    assert_eq!((issued.person_network_id.as_deref(), issued.missing_scopes.len()), (Some("117563210987654321001"), 0));
    let tokens = issued.tokens;
    let found = bench.discover(&tokens).await.expect("listed");
    assert_eq!(found.person.network_id, "117563210987654321001");
    let rows: Vec<_> = found.profiles.iter().map(usable).collect();
    assert_eq!(
        rows,
        [
            ("locations/9201", Some("accounts/10001"), "PRIMARY_OWNER", true),
            ("locations/9203", Some("accounts/10001"), "PRIMARY_OWNER", false),
            ("locations/9202", Some("accounts/20001"), "PRIMARY_OWNER", true),
        ],
        "each location once, and what cannot be used with its reason"
    );
    assert_eq!((found.profiles[0].kind, found.profiles[0].handle.as_deref()), (Kind::Location, Some("Sendlinger Straße 7, München")));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    bench.moods_are_harmless(&tokens);
    bench.pass(3_600);
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown), "at the end of its life");
    let tokens = bench.renewed(&tokens);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);

    let place = target(&found.profiles[0]);
    let said = Post {
        link: Some("https://fernweh.example/sale".into()),
        media: vec![picture(Some("https://fernweh.example/hut.jpg"), "image/jpeg")],
        ..post("Winter sale")
    };
    let posted = bench.network.publish(bench.acting(&tokens, place), &said).await.expect("published");
    assert!(posted.id.starts_with("accounts/10001/locations/9201/localPosts/") && posted.url.is_some());
    let refused = bench.network.comment(bench.acting(&tokens, place), &posted.id, None, "x").await.expect_err("no comments there");
    assert!(matches!(refused, NotDone::NotSupported(_)));
    let refused = bench.network.comments(bench.acting(&tokens, place), &posted.id).await.expect_err("no comments there");
    assert!(matches!(refused, NotDone::NotSupported(words) if words.de.contains("Rezensionen")));

    let reviews = bench.network.comments(bench.acting(&tokens, place), place.network_id).await.expect("read");
    assert_eq!((reviews.len(), reviews[0].author.as_str(), reviews[0].text.as_str()), (1, "Karl Voss", "★★★★★ Gute Beratung."));
    let review = reviews[0].id.as_str();
    for text in ["Danke", "Vielen Dank"] {
        *bench.lose.lock().unwrap() = 1;
        let answered = bench.network.comment(bench.acting(&tokens, place), place.network_id, Some(review), text).await;
        assert_eq!(answered.expect("safe to repeat").id, format!("{review}/reply"));
    }
    let reviews = bench.network.comments(bench.acting(&tokens, place), place.network_id).await.expect("read");
    assert_eq!((reviews[1].text.as_str(), reviews[1].in_reply_to.as_deref(), reviews.len()), ("Vielen Dank", Some(review), 2));
    let own = reviews[1].id.as_str();
    let refused = bench.network.comment(bench.acting(&tokens, place), place.network_id, Some(own), "x").await.expect_err("an answer");
    assert!(matches!(refused, NotDone::NotSupported(_)), "an answer has no answer");

    assert!(bench.revoke(&tokens));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::RevokedByPerson));
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_looked_for() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let place = target(&found.profiles[0]);
    // What is asked before the post itself (under which account it stands) arrives.
    bench.asked.lock().unwrap().clear();
    bench.network.publish(bench.acting(&tokens, place), &post("Arrives")).await.expect("published");
    let listing = bench.asked.lock().unwrap().iter().position(|asked| asked.starts_with("POST")).expect("posted");
    *bench.spare.lock().unwrap() = listing;
    *bench.lose.lock().unwrap() = 1;
    let posted = bench.network.publish(bench.acting(&tokens, place), &post("Only once")).await.expect("found again");
    assert!(posted.id.contains("/localPosts/"));
    *bench.spare.lock().unwrap() = listing;
    *bench.lose.lock().unwrap() = 2;
    let lost = bench.network.publish(bench.acting(&tokens, place), &post("Never found")).await.expect_err("lost");
    assert!(matches!(lost, NotDone::Unclear(_)));
}

#[tokio::test]
async fn a_location_known_by_another_persons_account_is_reached_by_ones_own() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("tom.becker").await;
    let place = Target { network_id: "locations/9201", kind: Kind::Location, handle: None };
    let posted = bench.network.publish(bench.acting(&tokens, place), &post("From Tom")).await.expect("published");
    assert!(posted.id.starts_with("accounts/20001/locations/9201/"), "{}", posted.id);
    bench.network.comments(bench.acting(&tokens, place), "locations/9201").await.expect("read");
}

#[tokio::test]
async fn an_account_without_locations_is_shown_and_cannot_be_connected() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("lea.hoffmann").await;
    let found = bench.discover(&tokens).await.expect("listed");
    assert_eq!((found.profiles.len(), found.profiles[0].unusable.is_some()), (1, true));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "the login itself is fine");
    let manage = "https://www.googleapis.com/auth/business.manage";
    let issued = bench.try_connect("tom.becker", json!({ "drop_scopes": [manage] })).await.expect("connects");
    assert_eq!(issued.missing_scopes, [manage]);
    let refused = bench.discover(&issued.tokens).await.expect_err("not granted");
    assert_eq!(cause(&refused), Some(Cause::ScopeMissing));
}

#[tokio::test]
async fn each_way_to_die() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("tom.becker").await;
    bench.happen("tom.becker", "change-password");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let tokens = bench.renewed(&tokens);
    // The role on one location is lost; the token and the other location live.
    let before = bench.discover(&tokens).await.expect("listed");
    bench.control("roles", &json!({ "network": "google_business", "page": 9201, "username": "tom.becker", "role": null }));
    assert!(bench.network.has_roles() && bench.probe(&tokens).finding == Finding::Works);
    let ids = |found: &networks::network::Discovery| found.profiles.iter().map(|found| found.network_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&bench.discover(&tokens).await.expect("listed")), ["locations/9202"]);
    let refused = bench.network.publish(bench.acting(&tokens, target(&before.profiles[0])), &post("x")).await;
    let Err(NotDone::Refused(diagnosis)) = refused else { panic!("{refused:?}") };
    assert_eq!(cause(&diagnosis), Some(Cause::PermissionLost));
    // A location that is not there any more: less certain.
    let gone = Target { network_id: "locations/4711", kind: Kind::Location, handle: None };
    let refused = bench.network.publish(bench.acting(&tokens, gone), &post("x")).await;
    let Err(NotDone::Refused(diagnosis)) = refused else { panic!("{refused:?}") };
    assert!(matches!(diagnosis.finding, Finding::Refused { cause: Cause::PermissionLost, confidence: Confidence::Guess, terminal: false }));
    // Suspended, then half a year of silence, then a removed app.
    bench.happen("tom.becker", "block");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    bench.happen("tom.becker", "unblock");
    bench.pass(184 * DAY);
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Expired));
    let tokens = bench.connect("jana.lindner").await;
    bench.happen("jana.lindner", "revoke");
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::RevokedByPerson));
}

#[tokio::test]
async fn what_does_not_fit_is_not_sent_and_limits_are_no_refusals() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let place = target(&found.profiles[0]);
    bench.asked.lock().unwrap().clear();
    for (post, wrong) in [
        (post(" "), "text"),
        (post(&"ä".repeat(1501)), "text"),
        (Post { link: Some("javascript:alert(1)".into()), ..post("x") }, "link"),
        (Post { media: vec![picture(None, "image/png")], ..post("x") }, "media"),
        (Post { media: vec![picture(Some("http://fernweh.example/a.png"), "image/png")], ..post("x") }, "media"),
        (Post { media: vec![picture(Some("https://fernweh.example/a.mp4"), "video/mp4")], ..post("x") }, "media"),
    ] {
        let refused = bench.network.publish(bench.acting(&tokens, place), &post).await;
        assert!(matches!(&refused, Err(NotDone::Invalid { field, .. }) if *field == wrong), "{wrong} {refused:?}");
    }
    assert_eq!(bench.asked.lock().unwrap().len(), 0);
    let closed = bench.network.publish(bench.acting(&tokens, target(&found.profiles[1])), &post("x")).await.expect_err("closed");
    assert!(matches!(&closed, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{closed:?}");
    for n in 0..10 {
        let text = format!("Number {n}");
        bench.network.publish(bench.acting(&tokens, place), &post(&text)).await.expect("published");
    }
    let limited = bench.network.publish(bench.acting(&tokens, place), &post("Number 11")).await.expect_err("limited");
    assert!(matches!(&limited, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{limited:?}");
}

#[tokio::test]
async fn a_project_that_google_did_not_approve_speaks_about_us_and_never_about_the_token() {
    let mut bench = Bench::new("google_business");
    bench.app.client_id = "sandbox-google_business-unapproved".into();
    let tokens = bench.connect("jana.lindner").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let refused = bench.discover(&tokens).await.expect_err("no quota");
    assert_eq!(refused.finding, Finding::Misconfigured);
}

#[tokio::test]
async fn a_review_of_another_location_is_not_answered_as_this_one() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let (here, there) = (target(&found.profiles[0]), target(&found.profiles[2]));
    let reviews = bench.network.comments(bench.acting(&tokens, here), here.network_id).await.expect("read");
    let refused = bench.network.comment(bench.acting(&tokens, there), there.network_id, Some(&reviews[0].id), "x").await;
    assert!(matches!(&refused, Err(NotDone::Invalid { field: "in_reply_to", .. })), "{refused:?}");
    bench.network.comment(bench.acting(&tokens, here), here.network_id, Some(&reviews[0].id), "Danke").await.expect("answered");
}

#[tokio::test]
async fn what_google_says_of_a_post_after_it_took_it_is_told() {
    let bench = Bench::new("google_business");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let place = target(&found.profiles[0]);
    let told = async |text: &str| {
        let posted = bench.network.publish(bench.acting(&tokens, place), &post(text)).await.expect("published");
        bench.network.standing(bench.acting(&tokens, place), &posted.id).await.expect("asked").map(|words| words.en)
    };
    assert_eq!(told("Open again").await, None, "waited for");
    assert!(told("Call 0891234567").await.is_some_and(|words| words.contains("rejected")));
    assert!(told("Looked at by hand").await.is_some_and(|words| words.contains("still examines")));
}
