//! X.

use lifecycle::diagnosis::Finding;
use lifecycle::time::Timestamp;
use lifecycle::words::Cause;
use networks::acting::{Acting, NotDone, Post};
use networks::network::{Failure, Renewal};
use serde_json::json;

use crate::{Bench, DAY, cause, media, target};

fn post(text: &str) -> Post {
    Post { text: text.into(), ..Post::default() }
}

#[tokio::test]
async fn from_connecting_to_revoking() {
    let bench = Bench::new("x");
    let issued = bench.try_connect("fernwehoutdoor", json!({})).await.expect("connects");
    assert!(issued.renewable && issued.missing_scopes.is_empty());
    assert_eq!(issued.clocks.access_until.map(Timestamp::as_seconds), Some(1_790_000_000 + 7_200));
    assert_eq!(issued.clocks.refresh_until, None, "X names no end, so none is known");
    let tokens = issued.tokens;
    let found = bench.discover(&tokens).await.expect("listed");
    assert_eq!((found.person.name.as_str(), found.person.handle.as_deref()), ("Fernweh Outdoor", Some("fernwehoutdoor")));
    let account = &found.profiles[0];
    assert_eq!((account.network_id.as_str(), found.profiles.len()), ("1512345678901234567", 1));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    bench.moods_are_harmless(&tokens);

    bench.pass(7_200);
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown), "at the end of its life");
    let tokens = bench.renewed(&tokens);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);

    let said = Post { link: Some("https://fernweh.example/huts".into()), media: vec![media("image/jpeg", b"jpeg")], ..post("New huts") };
    let posted = bench.network.publish(bench.acting(&tokens, target(account)), &said).await.expect("published");
    assert_eq!(posted.url.as_deref(), Some(format!("https://x.com/fernwehoutdoor/status/{}", posted.id).as_str()));
    let own = bench.network.comment(bench.acting(&tokens, target(account)), &posted.id, None, "Open from June").await.expect("said");
    let visitor = bench.control("comments", &json!({ "network": "x", "post": posted.id, "text": "@fernwehoutdoor how much?" }));
    let stranger = bench.control("comments", &json!({ "network": "x", "post": posted.id, "author": "Bo", "text": "Nice" }));
    let asked = visitor["id"].as_str().unwrap();
    let answer = bench.network.comment(bench.acting(&tokens, target(account)), &posted.id, Some(asked), "From 30 euros").await;
    let answer = answer.expect("summoned");
    let uninvited = bench
        .network
        .comment(bench.acting(&tokens, target(account)), &posted.id, stranger["id"].as_str(), "Thanks")
        .await
        .expect_err("nobody asked");
    assert!(matches!(&uninvited, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{uninvited:?}");

    let said = bench.network.comments(bench.acting(&tokens, target(account)), &posted.id).await.expect("read");
    let told: Vec<_> = said.iter().map(|said| (said.author.as_str(), said.text.as_str(), said.in_reply_to.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("Fernweh Outdoor", "Open from June", None),
            ("Ada Visitor", "@fernwehoutdoor how much?", None),
            ("Bo", "Nice", None),
            ("Fernweh Outdoor", "From 30 euros", Some(asked)),
        ]
    );
    assert_eq!((&said[0].id, &said[3].id), (&own.id, &answer.id));
    assert_eq!(said[0].at.map(Timestamp::as_seconds), Some(1_790_000_000 + 7_200));

    // The older names of the fields lead to the same.
    let mut older = bench.app.clone();
    older.options.insert("fields".into(), "tweet".into());
    let cx = networks::network::Cx { app: &older, ..bench.cx() };
    let by = Acting { cx, ..bench.acting(&tokens, target(account)) };
    assert_eq!(bench.network.comments(by, &posted.id).await.expect("read"), said);

    assert_eq!(said.note, None);
    bench.pass(8 * DAY);
    let tokens = bench.renewed(&tokens);
    let later = bench.network.comments(bench.acting(&tokens, target(account)), &posted.id).await.expect("read");
    assert!(later.is_empty() && later.note.is_some_and(|note| note.en.contains("seven days")), "it is not that nobody said anything");

    assert!(bench.revoke(&tokens));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Unknown));
}

#[tokio::test]
async fn what_does_not_fit_is_not_sent() {
    let bench = Bench::new("x");
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    bench.asked.lock().unwrap().clear();
    for (post, field) in [
        (post(""), "text"),
        (post(&"ä".repeat(281)), "text"),
        (post(&"山".repeat(141)), "text"),
        (post("$ABC $DEF"), "text"),
        (Post { media: vec![media("video/mp4", b"film")], ..post("x") }, "media"),
        (Post { media: vec![media("image/png", b"")], ..post("x") }, "media"),
        (Post { media: (0..5).map(|_| media("image/png", b"p")).collect(), ..post("x") }, "media"),
    ] {
        let refused = bench.network.publish(bench.acting(&tokens, target(&found.profiles[0])), &post).await;
        assert!(matches!(&refused, Err(NotDone::Invalid { field: wrong, .. }) if *wrong == field), "{post:?} {refused:?}");
    }
    assert_eq!(bench.asked.lock().unwrap().len(), 0);
    let profile = target(&found.profiles[0]);
    bench.network.publish(bench.acting(&tokens, profile), &post("Hello")).await.expect("published");
    let again = bench.network.publish(bench.acting(&tokens, profile), &post("Hello")).await.expect_err("a duplicate");
    assert!(matches!(&again, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{again:?}");
    *bench.lose.lock().unwrap() = 1;
    let lost = bench.network.publish(bench.acting(&tokens, profile), &post("Once more")).await.expect_err("lost");
    assert!(matches!(lost, NotDone::Unclear(_)));
    // A picture that was perhaps put there shows nowhere.
    *bench.lose.lock().unwrap() = 1;
    let with_picture = Post { media: vec![media("image/png", b"p")], ..post("Picture") };
    let lost = bench.network.publish(bench.acting(&tokens, profile), &with_picture).await.expect_err("lost");
    assert!(matches!(&lost, NotDone::Refused(diagnosis) if diagnosis.is_harmless()), "{lost:?}");
}

#[tokio::test]
async fn each_way_to_die() {
    let bench = Bench::new("x");
    // The person removes the app.
    let tokens = bench.connect("fernwehoutdoor").await;
    bench.happen("fernwehoutdoor", "revoke");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Unknown));
    // A second login of the same account ends the first; others are left alone.
    let (first, other) = (bench.connect("fernwehoutdoor").await, bench.connect("jana_lindner").await);
    let second = bench.connect("fernwehoutdoor").await;
    assert_eq!(cause(&bench.refused_renewal(&first)), Some(Cause::Unknown));
    assert_eq!((bench.probe(&second).finding, bench.probe(&other).finding), (Finding::Works, Finding::Works));
    // A refresh token presented twice takes the family with it.
    let third = bench.renewed(&second);
    assert_eq!(cause(&bench.refused_renewal(&second)), Some(Cause::Unknown));
    assert_eq!(cause(&bench.probe(&third)), Some(Cause::Unknown));
    // Suspended: said in a code of its own, and renewing still works.
    bench.happen("jana_lindner", "block");
    assert_eq!(cause(&bench.probe(&other)), Some(Cause::PersonBlocked));
    let other = bench.renewed(&other);
    bench.happen("jana_lindner", "unblock");
    assert_eq!(bench.probe(&other).finding, Finding::Works);
    // Left alone for too long.
    bench.pass(184 * DAY);
    assert_eq!(cause(&bench.refused_renewal(&other)), Some(Cause::Unknown));
}

#[tokio::test]
async fn a_refusal_a_wrong_secret_and_a_lost_answer_are_told_apart() {
    let bench = Bench::new("x");
    let denied = bench.try_connect("fernwehoutdoor", json!({ "deny": true })).await.expect_err("denied");
    assert!(matches!(denied, Failure::Denied { .. }));
    let mut foreign = Bench::new("x");
    foreign.app.client_secret = Some(lifecycle::secret::Secret::new("wrong"));
    let wrong = foreign.try_connect("fernwehoutdoor", json!({})).await.expect_err("a wrong secret");
    assert!(matches!(wrong, Failure::Misconfigured { .. }), "{wrong:?}");
    let tokens = bench.connect("fernwehoutdoor").await;
    bench.mood("error_after_commit");
    assert!(matches!(bench.renew(&tokens), Renewal::Unclear(_)), "it may have rotated");
}

#[tokio::test]
async fn the_window_of_calls_is_told() {
    let bench = Bench::new("x");
    let tokens = bench.connect("fernwehoutdoor").await;
    for _ in 0..75 {
        assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    }
    let Finding::Transient { retry_after: Some(wait) } = bench.probe(&tokens).finding else { panic!("no wait") };
    bench.pass(wait.as_seconds());
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}

#[tokio::test]
async fn states_of_the_account_and_of_the_app_are_told_apart() {
    let bench = Bench::new("x");
    let tokens = bench.connect("fernwehoutdoor").await;
    for (trouble, blocked) in
        [("locked", true), ("suspended", true), ("usage_capped", false), ("credits_depleted", false), ("not_enrolled", false)]
    {
        bench.trouble(trouble);
        let seen = bench.probe(&tokens);
        assert_eq!(cause(&seen), blocked.then_some(Cause::PersonBlocked), "{trouble}: {seen:?}");
        assert_ne!(seen.finding, Finding::Works, "{trouble}");
    }
    bench.trouble("");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}

#[tokio::test]
async fn a_public_client_names_itself_in_the_body() {
    let mut bench = Bench::new("x");
    bench.app.client_id = "sandbox-x-public".into();
    bench.app.client_secret = None;
    let tokens = bench.connect("fernwehoutdoor").await;
    let tokens = bench.renewed(&tokens);
    assert!(bench.revoke(&tokens));
}
