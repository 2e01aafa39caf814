//! YouTube.

use lifecycle::diagnosis::Finding;
use lifecycle::time::Timestamp;
use lifecycle::words::{Cause, Confidence};
use networks::acting::{Media, NotDone, Post};
use networks::network::{Failure, Kind, Start};
use serde_json::json;

use crate::{Bench, DAY, cause, media, target};

const HOUR: i64 = 3_600;

fn film(title: &str) -> Post {
    Post {
        title: Some(title.into()),
        text: "From hut to hut".into(),
        link: Some("https://fernweh.example/huts".into()),
        media: vec![media("video/mp4", b"not really a film, but as many bytes as it has")],
        ..Post::default()
    }
}

#[tokio::test]
async fn from_connecting_to_revoking() {
    let bench = Bench::new("youtube");
    let issued = bench.try_connect("tom.becker", json!({})).await.expect("connects");
    assert!(issued.renewable && issued.missing_scopes.is_empty(), "{:?}", issued.missing_scopes);
    assert_eq!(issued.clocks.access_until.map(Timestamp::as_seconds), Some(1_790_000_000 + 3_599));
    assert_eq!((issued.clocks.refresh_until, issued.clocks.human_until), (None, None), "no fixed end");
    let tokens = issued.tokens;
    let found = bench.discover(&tokens).await.expect("listed");
    let channel = &found.profiles[0];
    assert_eq!((channel.name.as_str(), channel.kind, channel.unusable.is_none()), ("Fernweh Outdoor", Kind::Channel, true));
    assert_eq!((channel.network_id.len(), channel.handle.as_deref()), (24, Some("@fernwehoutdoor")));
    assert_eq!((found.person.name.as_str(), found.person.handle.as_deref()), ("Tom Becker", Some("tom.becker@fernweh.example")));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    bench.moods_are_harmless(&tokens);

    bench.pass(HOUR);
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown), "at the end of its life");
    let renewed = bench.renewed(&tokens);
    assert_eq!(
        renewed.refresh_token.as_ref().map(|token| token.expose().to_owned()),
        tokens.refresh_token.as_ref().map(|token| token.expose().to_owned())
    );
    assert_eq!(bench.probe(&bench.renewed(&tokens)).finding, Finding::Works, "as often as one likes");
    let tokens = renewed;

    let posted = bench.network.publish(bench.acting(&tokens, target(channel)), &film("Huts")).await.expect("published");
    assert!(posted.url.is_some_and(|url| url.starts_with("https://www.youtube.com/watch?v=v")));
    let own = bench.network.comment(bench.acting(&tokens, target(channel)), &posted.id, None, "Questions?").await.expect("said");
    bench.pass(60);
    let visitor = bench.control("comments", &json!({ "network": "youtube", "post": posted.id, "text": "How far?" }));
    bench.pass(60);
    for n in 0..6 {
        let text = format!("12 km, part {n}");
        let said = bench.network.comment(bench.acting(&tokens, target(channel)), &posted.id, visitor["id"].as_str(), &text).await;
        said.expect("answered");
    }
    let said = bench.network.comments(bench.acting(&tokens, target(channel)), &posted.id).await.expect("read");
    let told: Vec<_> = said.iter().take(3).map(|said| (said.author.as_str(), said.text.as_str(), said.in_reply_to.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("@fernwehoutdoor", "Questions?", None),
            ("Ada Visitor", "How far?", None),
            ("@fernwehoutdoor", "12 km, part 0", visitor["id"].as_str())
        ]
    );
    assert_eq!((said.len(), &said[0].id), (8, &own.id), "all replies, not only the five that come along");
    let gone = bench.network.comments(bench.acting(&tokens, target(channel)), "no-such-film").await.expect_err("not there");
    assert!(matches!(&gone, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{gone:?}");

    assert!(bench.revoke(&tokens));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::RevokedByPerson));
    assert!(bench.revoke(&tokens), "what is gone is gone");
}

#[tokio::test]
async fn one_login_is_one_channel_and_another_channel_is_somebody_else() {
    let bench = Bench::new("youtube");
    let brand = bench.connect("jana.lindner").await;
    let own = bench.try_connect("jana.lindner", json!({ "page": 9102 })).await.expect("connects").tokens;
    let (brand_found, own_found) = (bench.discover(&brand).await.expect("listed"), bench.discover(&own).await.expect("listed"));
    assert_eq!((brand_found.profiles[0].name.as_str(), own_found.profiles[0].name.as_str()), ("Fernweh Outdoor", "Jana unterwegs"));
    assert_ne!(brand_found.person.network_id, own_found.person.network_id, "the second never takes the place of the first");
    assert_eq!((bench.probe(&brand).finding, bench.probe(&own).finding), (Finding::Works, Finding::Works));
    // Google is asked to preselect its own id of the person.
    let start =
        Start { state: lifecycle::secret::Secret::new("s"), hint: None, expected_person: Some(brand_found.person.network_id.clone()) };
    let begun = bench.network.begin(bench.cx(), &bench, &start).await.expect("begins");
    assert!(
        begun.url.contains("login_hint=117563210987654321001&") || begun.url.ends_with("login_hint=117563210987654321001"),
        "{}",
        begun.url
    );
}

#[tokio::test]
async fn an_account_without_a_channel_is_shown_and_cannot_be_connected() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("lea.hoffmann").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let words = found.profiles[0].unusable.as_ref().expect("not usable");
    assert!(words.en.contains("no YouTube channel") && words.de.contains("keinen YouTube-Kanal"));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::PermissionLost));
}

#[tokio::test]
async fn what_was_unticked_is_known_at_once_and_said_in_a_code_later() {
    let bench = Bench::new("youtube");
    let upload = "https://www.googleapis.com/auth/youtube.upload";
    let force_ssl = "https://www.googleapis.com/auth/youtube.force-ssl";
    let issued = bench.try_connect("tom.becker", json!({ "drop_scopes": [upload, force_ssl] })).await.expect("connects");
    assert_eq!(issued.missing_scopes, [upload, force_ssl]);
    let found = bench.discover(&issued.tokens).await.expect("listed");
    let refused = bench.network.publish(bench.acting(&issued.tokens, target(&found.profiles[0])), &film("Huts")).await;
    let Err(NotDone::Refused(diagnosis)) = refused else { panic!("{refused:?}") };
    assert_eq!(cause(&diagnosis), Some(Cause::ScopeMissing));
    let denied = bench.try_connect("tom.becker", json!({ "deny": true })).await.expect_err("denied");
    assert!(matches!(denied, Failure::Denied { .. }));
}

#[tokio::test]
async fn each_way_to_die() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    // A changed password ends nothing here.
    bench.happen("tom.becker", "change-password");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let tokens = bench.renewed(&tokens);
    // Somebody takes the channel away: the token lives, the channel is lost.
    bench.control("roles", &json!({ "network": "youtube", "page": 9101, "username": "tom.becker", "role": null }));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::PermissionLost));
    let tokens = bench.renewed(&tokens);
    bench.control("roles", &json!({ "network": "youtube", "page": 9101, "username": "tom.becker", "role": "MANAGER" }));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    // Google suspends the account.
    bench.happen("tom.becker", "block");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::PersonBlocked));
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::RevokedByPerson), "the token endpoint does not say why");
    bench.happen("tom.becker", "unblock");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    // Half a year of silence: our own notes know the cause.
    bench.pass(184 * DAY);
    let refused = bench.refused_renewal(&tokens);
    assert_eq!(cause(&refused), Some(Cause::Expired));
    assert!(matches!(refused.finding, Finding::Refused { confidence: Confidence::Likely, terminal: false, .. }));
    // The person removes the app.
    let tokens = bench.connect("jana.lindner").await;
    bench.happen("jana.lindner", "revoke");
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::RevokedByPerson));
    // The hundred and first token pushes the first out, without a word.
    let first = bench.connect("jana.lindner").await;
    for _ in 0..100 {
        bench.connect("jana.lindner").await;
    }
    assert_eq!(cause(&bench.refused_renewal(&first)), Some(Cause::RevokedByPerson));
}

#[tokio::test]
async fn an_upload_is_taken_up_again_and_never_done_twice() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let profile = target(&found.profiles[0]);
    // The answer to the beginning is lost: nothing shows.
    *bench.lose.lock().unwrap() = 1;
    let lost = bench.network.publish(bench.acting(&tokens, profile), &film("Lost at first")).await.expect_err("lost");
    assert!(matches!(&lost, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{lost:?}");
    // The answer to the bytes is lost: the question how many arrived finds the film.
    let state = |bench: &Bench| {
        let request = http::Request::get("http://sandbox.test/control/api/state").body(bytes::Bytes::new()).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(bench.handle(&request).body()).unwrap();
        answer["posts"].as_array().unwrap().len()
    };
    assert_eq!(state(&bench), 0);
    *bench.spare.lock().unwrap() = 1;
    *bench.lose.lock().unwrap() = 1;
    bench.network.publish(bench.acting(&tokens, profile), &film("Lost at last")).await.expect("found again");
    assert_eq!(state(&bench), 1);
    *bench.spare.lock().unwrap() = 1;
    *bench.lose.lock().unwrap() = 100;
    let lost = bench.network.publish(bench.acting(&tokens, profile), &film("Never heard of again")).await.expect_err("lost");
    assert!(matches!(lost, NotDone::Unclear(_)), "{lost:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_not_sent() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    bench.asked.lock().unwrap().clear();
    for (post, wrong) in [
        (Post { media: vec![], ..film("x") }, "media"),
        (Post { media: vec![media("image/png", b"p")], ..film("x") }, "media"),
        (Post { media: vec![media("video/mp4", b"")], ..film("x") }, "media"),
        (film(&"ä".repeat(101)), "title"),
        (film("a < b"), "title"),
        (Post { text: "ä".repeat(2501), ..film("x") }, "text"),
        (Post { title: None, text: String::new(), ..film("x") }, "title"),
    ] {
        let refused = bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &post).await;
        assert!(matches!(&refused, Err(NotDone::Invalid { field, .. }) if *field == wrong), "{wrong} {refused:?}");
    }
    assert_eq!(bench.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn the_days_quota_is_over_until_midnight_in_california() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let posted = bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &film("Huts")).await.expect("published");
    let mut refused = None;
    for n in 0..200 {
        let text = format!("Number {n}");
        let said = bench.network.comment(bench.acting(&tokens, target(&found.profiles[0])), &posted.id, None, &text).await;
        if let Err(NotDone::Refused(diagnosis)) = said {
            refused = Some(diagnosis);
            break;
        }
    }
    let Finding::Transient { retry_after: Some(wait) } = refused.expect("the quota is used up").finding else { panic!("no wait") };
    assert!(wait.as_seconds() > 0 && wait.as_seconds() <= DAY + HOUR);
}

#[tokio::test]
async fn an_app_in_testing_has_to_be_connected_again_every_seven_days() {
    let mut bench = Bench::new("youtube");
    bench.app.client_id = "sandbox-youtube-testing".into();
    bench.app.options.insert("publishing_status".into(), "testing".into());
    let issued = bench.try_connect("tom.becker", json!({})).await.expect("connects");
    let end = Some(1_790_000_000 + 7 * DAY - 1);
    assert_eq!(issued.clocks.human_until.map(Timestamp::as_seconds), end, "known from the first day");
    assert!(bench.network.facts().warn_days.contains(&2), "and said on the fifth");
    let mut tokens = issued.tokens;
    for _ in 0..6 {
        bench.pass(DAY);
        tokens = bench.renewed(&tokens);
    }
    bench.pass(DAY);
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Expired), "however often it was used");
}

#[tokio::test]
async fn to_whom_a_film_is_really_shown_is_told() {
    let mut bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let profile = target(&found.profiles[0]);
    let told = async |bench: &Bench, tokens, post: &Post| {
        let posted = bench.network.publish(bench.acting(tokens, profile), post).await.expect("published");
        bench.network.standing(bench.acting(tokens, profile), &posted.id).await.expect("asked").map(|words| words.en)
    };
    let words = told(&bench, &tokens, &film("Huts")).await.expect("it is not public");
    assert!(words.contains("private") && words.contains("not audited"), "{words}");
    let foreign = Post { text: "With somebody else's music".into(), ..film("Song") };
    let words = told(&bench, &tokens, &foreign).await.expect("rejected");
    assert!(words.contains("rejected") && words.contains("copyright"), "{words}");
    // Whoever wanted it private has nothing to be told.
    bench.app.options.insert("privacy".into(), "private".into());
    assert_eq!(told(&bench, &tokens, &film("Ours")).await, None);
    // An audited app's films are shown as asked for.
    bench.app.options.remove("privacy");
    bench.app.client_id = "sandbox-youtube-audited".into();
    let tokens = bench.connect("tom.becker").await;
    assert_eq!(told(&bench, &tokens, &film("For all")).await, None);
    let gone = bench.network.standing(bench.acting(&tokens, profile), "no-such-film").await;
    assert_eq!(gone.expect("asked"), None);
}

#[tokio::test]
async fn a_long_film_goes_in_parts_and_a_break_loses_one_of_them() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let long = |title: &str| Post { media: vec![Media { bytes: vec![7; 20 << 20].into(), ..media("video/mp4", b"") }], ..film(title) };
    let sizes = |bench: &Bench| -> Vec<usize> {
        let said = bench.said.lock().unwrap();
        said.iter().filter(|(request, _)| request.method() == "PUT").map(|(request, _)| request.body().len() >> 20).collect()
    };
    bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &long("Long")).await.expect("published");
    assert_eq!(sizes(&bench), [8, 8, 4]);
    bench.said.lock().unwrap().clear();
    // The answers to the second part, and to the question how much arrived, are lost: what arrived is found, and the rest is sent.
    *bench.spare.lock().unwrap() = 2;
    *bench.lose.lock().unwrap() = 2;
    bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &long("Broken")).await.expect("taken up again");
    assert_eq!(sizes(&bench), [8, 8, 0, 8, 4], "never from the beginning");
}

#[tokio::test]
async fn an_organisations_administrator_is_told_from_a_person_who_removed_the_app() {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    bench.trouble("admin_policy_enforced");
    let refused = bench.refused_renewal(&tokens);
    let Finding::Refused { cause, confidence, terminal: false } = refused.finding else { panic!("{refused:?}") };
    assert_eq!((cause, confidence), (Cause::PermissionLost, Confidence::Likely));
    assert_eq!(refused.evidence.code.as_deref(), Some("admin_policy_enforced"));
    bench.trouble("");
    bench.renewed(&tokens);
    // Who is sent back with that word is told the same.
    let begun = bench.begin().await.expect("begins");
    let back = [("error", "admin_policy_enforced"), ("state", "the-state")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let refused = bench.exchange(&begun, &back).expect_err("nobody comes in");
    assert!(matches!(refused, Failure::Refused { cause: Cause::PermissionLost, .. }), "{refused:?}");
}

#[tokio::test]
async fn an_interface_that_is_switched_off_in_the_project_is_ours_to_mend() {
    for name in ["youtube", "google_business"] {
        let bench = Bench::new(name);
        let tokens = bench.connect("jana.lindner").await;
        let found = bench.discover(&tokens).await.expect("listed");
        bench.trouble("service_disabled");
        // Business Profile is probed at the identity endpoint, which is no interface of the project.
        let probed = bench.probe(&tokens);
        let expected = if name == "youtube" { Finding::Misconfigured } else { Finding::Works };
        assert_eq!(probed.finding, expected, "{name}: {probed:?}");
        let listed = bench.discover(&tokens).await.expect_err("no list");
        assert_eq!(listed.finding, Finding::Misconfigured, "{name}: {listed:?}");
        let post = Post { text: "Open again".into(), ..film("Huts") };
        let post = if name == "youtube" { post } else { Post { media: vec![], title: None, ..post } };
        match bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &post).await {
            Err(NotDone::Refused(diagnosis)) => assert_eq!(diagnosis.finding, Finding::Misconfigured, "{name}: {diagnosis:?}"),
            other => panic!("{name}: {other:?}"),
        }
        bench.trouble("");
        assert_eq!(bench.probe(&tokens).finding, Finding::Works, "{name}");
    }
}

#[tokio::test]
async fn a_consent_for_a_limited_time_is_announced_and_ends_as_expired() {
    let bench = Bench::new("youtube");
    bench.trouble("limited_consent");
    let issued = bench.try_connect("tom.becker", json!({})).await.expect("connects");
    let end = Some(1_790_000_000 + 30 * DAY - 1);
    assert_eq!(issued.clocks.human_until.map(Timestamp::as_seconds), end, "that day the person has to come again");
    assert_eq!(issued.clocks.refresh_until.map(Timestamp::as_seconds), end);
    bench.trouble("");
    bench.pass(29 * DAY);
    let tokens = bench.renewed(&issued.tokens);
    bench.pass(DAY);
    let over = bench.refused_renewal(&tokens);
    let Finding::Refused { cause, confidence, .. } = over.finding else { panic!("{over:?}") };
    assert_eq!((cause, confidence), (Cause::Expired, Confidence::Likely), "use does not prolong it, and Google does not say why");
    // Without a limit the same words mean something else.
    let tokens = bench.connect("jana.lindner").await;
    bench.happen("jana.lindner", "revoke");
    assert_eq!(crate::cause(&bench.refused_renewal(&tokens)), Some(Cause::RevokedByPerson));
}
