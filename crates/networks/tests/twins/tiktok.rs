//! TikTok: access tokens of a day, a body that says more than its status, and a grant that a banned account does not get back.

use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;
use lifecycle::words::Cause;
use networks::acting::{Media, NotDone, Post};
use networks::signal::{Inbound, Subject};
use serde_json::json;

use super::{Bench, DAY, cause, media, target};

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
async fn an_app_for_this_machine_proves_its_code_by_a_hash_in_digits() {
    let mut bench = Bench::new("tiktok");
    assert!(!bench.begin().await.expect("begins").url.contains("code_challenge"), "not used by apps for the web");
    bench.app.redirect_uri = "http://127.0.0.1:8420/oauth/callback/tiktok".into();
    let begun = bench.begin().await.expect("begins");
    let challenge = begun.url.split("code_challenge=").nth(1).and_then(|rest| rest.split('&').next()).expect("a challenge");
    assert!(challenge.len() == 64 && challenge.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{challenge}");
    let tokens = bench.connect("fernweh.outdoor").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}

#[tokio::test]
async fn another_app_of_the_same_developer_sees_another_id_of_the_same_human() {
    let mut bench = Bench::new("tiktok");
    let first = bench.discover(&bench.connect("fernweh.outdoor").await).await.expect("the account").person;
    (bench.app.client_id, bench.app.client_secret) = ("sandbox-tiktok-2".into(), Some(Secret::new("sandbox-tiktok-2-secret")));
    let tokens = bench.connect("fernweh.outdoor").await;
    let second = bench.discover(&tokens).await.expect("the account").person;
    assert_ne!(first.network_id, second.network_id);
    assert!(first.across_apps.is_some() && first.across_apps == second.across_apps, "{first:?} {second:?}");
    let other = bench.discover(&bench.connect("gipfel.guides").await).await.expect("the account").person;
    assert_ne!(other.across_apps, second.across_apps);
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

fn film(url: &str) -> Post {
    let film = Media { url: Some(url.into()), ..media("video/mp4", b"") };
    Post { text: "A hut at dawn".into(), media: vec![film], key: "k".into(), ..Post::default() }
}

#[tokio::test]
async fn a_post_is_published_when_tiktok_says_so_and_not_before() {
    let bench = Bench::new("tiktok");
    let tokens = bench.connect("fernweh.outdoor").await;
    let account = &bench.discover(&tokens).await.expect("the account").profiles[0];
    let posted = bench.network.publish(bench.acting(&tokens, target(account)), &film("https://films.example/hut.mp4")).await;
    let posted = posted.expect("published");
    assert!(posted.id.len() == 19 && posted.id.bytes().all(|byte| byte.is_ascii_digit()), "{posted:?}");
    assert_eq!(posted.url, Some(format!("https://www.tiktok.com/@fernweh.outdoor/video/{}", posted.id)));

    let failed = bench.network.publish(bench.acting(&tokens, target(account)), &film("https://films.example/missing.mp4")).await;
    let Err(NotDone::Refused(why)) = failed else { panic!("{failed:?}") };
    assert_eq!(why.evidence.code.as_deref(), Some("video_pull_failed"));
    assert!(why.is_harmless(), "about this film: {why:?}");
}

#[tokio::test]
async fn nothing_is_shown_to_more_people_than_was_chosen() {
    let mut bench = Bench::new("tiktok");
    let tokens = bench.connect("gipfel.guides").await;
    let account = bench.discover(&tokens).await.expect("the account").profiles[0].clone();
    let post = film("https://films.example/hut.mp4");
    let refused = bench.network.publish(bench.acting(&tokens, target(&account)), &post).await;
    let Err(NotDone::Invalid { field: "profile", words }) = refused else { panic!("{refused:?}") };
    assert!(words.en.contains("PUBLIC_TO_EVERYONE") && words.de.contains("SELF_ONLY"), "{words:?}");
    bench.app.options.insert("privacy_level".into(), "SELF_ONLY".into());
    let posted = bench.network.publish(bench.acting(&tokens, target(&account)), &post).await;
    assert!(posted.is_ok(), "as chosen, and without the comments that are switched off there: {posted:?}");
}

#[tokio::test]
async fn a_film_is_sent_in_parts_and_published_once_it_is_whole() {
    let bench = Bench::new("tiktok");
    let tokens = bench.connect("fernweh.outdoor").await;
    let account = bench.discover(&tokens).await.expect("the account").profiles.remove(0);
    let publish = async |size: usize| {
        let film = Media { bytes: vec![7; size].into(), ..media("video/mp4", b"") };
        let post = Post { text: "A hut at dawn".into(), media: vec![film], key: "k".into(), ..Post::default() };
        bench.network.publish(bench.acting(&tokens, target(&account)), &post).await
    };
    let size = 18 * 1024 * 1024;
    let posted = publish(size).await.expect("published");
    assert!(posted.url.is_some(), "{posted:?}");
    assert_eq!(bench.posts()[0]["media"][0], format!("upload of {size} bytes in 2 parts"));
    publish(3).await.expect("what is small comes whole");
    // What is asked of the creator, the beginning, one part: then the second one is lost.
    let lose = |spare| (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (spare, 1);
    lose(2);
    let lost = publish(size).await;
    assert!(matches!(&lost, Err(NotDone::Refused(refused)) if refused.is_harmless()), "without all parts nothing is published: {lost:?}");
    assert_eq!(bench.posts().len(), 2);
    bench.pass(60);
    lose(3);
    let posted = publish(size).await.expect("its answer was lost, and TikTok says what became of it");
    assert!(posted.url.is_some() && bench.posts().len() == 3, "{posted:?}");
}

#[tokio::test]
async fn an_account_that_may_not_publish_is_seen_by_a_look() {
    let bench = Bench::new("tiktok");
    let tokens = bench.connect("fernweh.outdoor").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    bench.trouble("banned_from_posting");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::PersonBlocked));
    bench.trouble("");
    // Asked more often than the second question may be: the first answer stands.
    for _ in 0..25 {
        assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    }
    let mut narrow = tokens.clone();
    narrow.scopes.retain(|scope| scope != "video.publish");
    bench.asked.lock().expect("not poisoned").clear();
    let before = bench.said.lock().expect("not poisoned").len();
    assert_eq!(bench.probe(&narrow).finding, Finding::Works);
    assert_eq!(bench.said.lock().expect("not poisoned").len(), before + 1, "what was not granted is not asked");
}

/// Each reason that TikTok gives arrives as the cause it stands for.
#[tokio::test]
async fn why_tiktok_ended_the_access_is_read() {
    for (reason, expected) in [
        (0, Cause::Unknown),
        (1, Cause::RevokedByPerson),
        (2, Cause::PersonBlocked),
        (3, Cause::PersonBlocked),
        (4, Cause::PersonBlocked),
        (5, Cause::Unknown),
    ] {
        let bench = Bench::new("tiktok");
        bench.control("apps", &json!({ "network": "tiktok", "notices_url": "https://staygreen.example/signals/tiktok" }));
        let tokens = bench.connect("fernweh.outdoor").await;
        let person = bench.discover(&tokens).await.expect("listed").person.network_id;
        bench.control("people/tiktok/fernweh.outdoor/remove", &json!({ "reason": reason }));
        let notice = bench.take_notices().remove(0).request().expect("a request");
        let Some(Inbound::Signals(signals, _)) = bench.network.receive(bench.cx(), &notice) else { panic!("no signal: {reason}") };
        assert_eq!((signals[0].cause, &signals[0].subject), (expected, &Subject::Person(person)), "{reason}");
        assert!(signals[0].evidence.words.contains(&format!("reason {reason}")), "{:?}", signals[0].evidence);
        assert!(cause(&bench.probe(&tokens)).is_some(), "dead on arrival: {reason}");
    }
}
