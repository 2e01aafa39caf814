//! Discord.

use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use lifecycle::words::Cause;
use networks::acting::{NotDone, Post};
use networks::network::{Cx, Failure, Kind, Start};
use serde_json::json;

use crate::{Bench, DAY, cause, media, target};

fn post(text: &str) -> Post {
    Post { text: text.into(), ..Post::default() }
}

const NEWS: u64 = 1_100_000_000_000_000_201;
const FORUM: u64 = 1_100_000_000_000_000_202;

#[tokio::test]
async fn from_connecting_to_deleting_the_webhook() {
    let bench = Bench::new("discord");
    let issued = bench.try_connect("jana.lindner", json!({})).await.expect("connects");
    assert!(!issued.renewable && issued.missing_scopes.is_empty(), "{issued:?}");
    assert_eq!(issued.person_network_id.as_deref(), Some("1100000000000000101/1100000000000000201"));
    assert_eq!((issued.clocks.access_until, issued.clocks.human_until), (None, None), "a webhook has no end");
    let tokens = issued.tokens;
    assert!(bench.network.renew(bench.cx(), &tokens).is_none());
    let found = bench.discover(&tokens).await.expect("listed");
    assert_eq!((found.person.network_id.as_str(), found.person.name.as_str()), ("1100000000000000101/1100000000000000201", "Jana Lindner"));
    let channel = &found.profiles[0];
    assert_eq!((channel.network_id.as_str(), channel.kind, found.profiles.len()), ("1100000000000000201", Kind::Channel, 1));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    bench.moods_are_harmless(&tokens);
    bench.pass(3650 * DAY);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "long after the OAuth tokens");

    let said = Post { link: Some("https://fernweh.example/huts".into()), ..post("New huts @everyone") };
    let posted = bench.network.publish(bench.acting(&tokens, target(channel)), &said).await.expect("published");
    let url = format!("https://discord.com/channels/1100000000000000001/1100000000000000201/{}", posted.id);
    assert_eq!(posted.url.as_deref(), Some(url.as_str()));
    let comment = async |to: Option<&'static str>| bench.network.comment(bench.acting(&tokens, target(channel)), &posted.id, to, "x").await;
    assert!(matches!(comment(Some("1")).await, Err(NotDone::NotSupported(words)) if !words.de.is_empty()));
    assert!(matches!(comment(None).await, Err(NotDone::Invalid { field: "post", words }) if words.en.contains("no thread yet")));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "a thread that is not there is no webhook that is gone");
    bench.control("comments", &json!({ "network": "discord", "post": posted.id, "author": "Ada", "text": "Where?" }));
    let said = comment(None).await.expect("somebody opened a thread");
    assert!(said.url.is_some_and(|url| url.contains(&format!("/{}/", posted.id))), "it stands in the thread");
    assert!(matches!(bench.network.comments(bench.acting(&tokens, target(channel)), &posted.id).await, Err(NotDone::NotSupported(_))));

    // Whoever logs in again finds the same channel under another webhook.
    let second = bench.connect("tom.becker").await;
    assert_eq!(bench.discover(&second).await.expect("listed").profiles[0].network_id, channel.network_id);
    assert!(bench.revoke(&tokens));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::RevokedByPerson));
    assert!(bench.revoke(&tokens), "gone is gone");
    assert_eq!(bench.probe(&second).finding, Finding::Works);
}

#[tokio::test]
async fn what_ends_a_webhook_and_what_does_not() {
    let bench = Bench::new("discord");
    let tokens = bench.connect("tom.becker").await;
    for action in ["change-password", "block"] {
        bench.happen("tom.becker", action);
        assert_eq!(bench.probe(&tokens).finding, Finding::Works, "{action}");
    }
    bench.control("roles", &json!({ "page": NEWS, "username": "tom.becker", "role": "SEND_MESSAGES" }));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "the permission is needed to make one, not to use it");
    bench.happen("tom.becker", "unblock");
    bench.happen("tom.becker", "revoke");
    let gone = bench.probe(&tokens);
    assert!(matches!(gone.finding, Finding::Refused { cause: Cause::RevokedByPerson, terminal: true, .. }), "no second call: {gone:?}");
    assert_eq!(bench.discover(&tokens).await.map_err(|diagnosis| cause(&diagnosis)), Err(Some(Cause::RevokedByPerson)));

    let mut other = bench.connect("jana.lindner").await;
    other.access_token = Secret::new("wrong");
    let wrong = bench.probe(&other);
    assert!(matches!(wrong.finding, Finding::Refused { cause: Cause::RevokedByPerson, terminal: false, .. }), "{wrong:?}");
}

#[tokio::test]
async fn two_channels_of_one_user_are_two_logins() {
    let bench = Bench::new("discord");
    let news = bench.try_connect("jana.lindner", json!({ "page": NEWS })).await.expect("connects");
    let forum = bench.try_connect("jana.lindner", json!({ "page": FORUM })).await.expect("connects");
    assert_ne!(news.person_network_id, forum.person_network_id, "the second must not take the place of the first");
    let again = bench.try_connect("jana.lindner", json!({ "page": NEWS })).await.expect("connects");
    assert_eq!(again.person_network_id, news.person_network_id);
    let found = bench.discover(&forum.tokens).await.expect("listed");
    assert_eq!(Some(found.person.network_id.as_str()), forum.person_network_id.as_deref());
    assert_ne!(found.person.handle, bench.discover(&news.tokens).await.expect("listed").person.handle, "people can tell them apart");
}

#[tokio::test]
async fn a_forum_wants_a_title() {
    let bench = Bench::new("discord");
    let tokens = bench.try_connect("jana.lindner", json!({ "page": FORUM })).await.expect("connects").tokens;
    let found = bench.discover(&tokens).await.expect("listed");
    let forum = &found.profiles[0];
    assert_eq!(forum.network_id, FORUM.to_string());
    let refused = bench.network.publish(bench.acting(&tokens, target(forum)), &post("New huts")).await;
    assert!(matches!(refused, Err(NotDone::Invalid { field: "title", .. })), "{refused:?}");
    let posted = bench
        .network
        .publish(bench.acting(&tokens, target(forum)), &Post { title: Some("Huts".into()), ..post("New huts") })
        .await
        .expect("published");
    assert!(posted.url.as_deref().is_some_and(|url| url.ends_with(&format!("/{0}/{0}", posted.id))), "in its own thread: {posted:?}");
    bench.network.comment(bench.acting(&tokens, target(forum)), &posted.id, None, "Open from June").await.expect("each post is a thread");
}

#[tokio::test]
async fn a_webhook_made_by_hand_is_connected_by_its_address() {
    let mut bench = Bench::new("discord");
    let address = bench.control("webhooks", &json!({ "page": NEWS }))["url"].as_str().expect("an address").to_owned();
    let secret = address.rsplit('/').next().expect("a secret").to_owned();
    for wrong in
        ["news", "https://evil.example/api/webhooks/1/x", "https://discord.com/api/webhooks/1", "https://discord.com/api/webhooks/x/y/z"]
    {
        bench.hint = Some(wrong.into());
        assert!(matches!(bench.begin().await, Err(Failure::BadHint { words }) if !words.de.is_empty()), "{wrong}");
    }
    bench.hint = Some(format!(" {address} "));
    let begun = bench.begin().await.expect("begins");
    let back: Vec<(String, String)> = url::Url::parse(&begun.url).expect("an address").query_pairs().into_owned().collect();
    assert!(begun.url.starts_with(&bench.app.redirect_uri) && !begun.url.contains(&secret), "straight back to us, without the secret");
    let issued = bench.exchange(&begun, &back).expect("connected");
    assert_eq!(issued.person_network_id.as_deref(), Some("unknown/1100000000000000201"));
    let found = bench.discover(&issued.tokens).await.expect("listed");
    bench.network.publish(bench.acting(&issued.tokens, target(&found.profiles[0])), &post("New huts")).await.expect("published");
    assert!(bench.network.revoke(bench.cx(), &issued.tokens).is_none(), "it is not ours to delete");
    assert!(bench.network.made_by_login(&begun.memory).is_none());
    // Renewed it cannot be by somebody's login, and nobody is sent there in vain.
    let start = Start { state: Secret::new("s"), hint: Some("channel 1".into()), expected_person: issued.person_network_id };
    assert!(matches!(bench.network.begin(bench.cx(), &bench, &start).await, Err(Failure::BadHint { .. })));
    let start = Start { expected_person: Some("1100000000000000101/1100000000000000201".into()), ..start };
    assert!(bench.network.begin(bench.cx(), &bench, &start).await.is_ok_and(|begun| begun.url.contains("/oauth2/authorize")));
    bench.hint = Some(format!("{address}x"));
    let begun = bench.begin().await.expect("begins");
    assert!(matches!(bench.exchange(&begun, &back), Err(Failure::BadHint { .. })), "another secret");
}

#[tokio::test]
async fn a_full_channel_and_a_missing_permission() {
    let bench = Bench::new("discord");
    for _ in 0..15 {
        bench.connect("tom.becker").await;
    }
    let full = bench.try_connect("tom.becker", json!({})).await;
    assert!(matches!(&full, Err(Failure::BadHint { words }) if words.en.contains("15") && words.de.contains("15")), "{full:?}");
    let begun = bench.begin().await.expect("begins");
    let body = json!({ "authorize_url": begun.url, "username": "lea.hoffmann" });
    let request = http::Request::post("http://sandbox.test/control/api/consent").body(bytes::Bytes::from(body.to_string())).unwrap();
    assert_eq!(bench.handle(&request).status(), 400, "Lea manages no webhooks");
}

#[tokio::test]
async fn what_does_not_fit_is_not_sent_and_a_burst_waits() {
    let bench = Bench::new("discord");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let channel = &found.profiles[0];
    let picture = Post { media: vec![media("image/png", b"png")], ..post("x") };
    for (post, field) in [(post(""), "text"), (post(&"x".repeat(2001)), "text"), (picture, "media")] {
        let refused = bench.network.publish(bench.acting(&tokens, target(channel)), &post).await.expect_err(field);
        assert!(matches!(&refused, NotDone::Invalid { field: wrong, .. } if *wrong == field), "{refused:?}");
    }
    let blocked = bench.network.publish(bench.acting(&tokens, target(channel)), &post("https://free-nitro.example")).await;
    assert!(matches!(&blocked, Err(NotDone::Refused(diagnosis)) if diagnosis.is_harmless()), "{blocked:?}");
    for _ in 0..4 {
        bench.network.publish(bench.acting(&tokens, target(channel)), &post("x")).await.expect("published");
    }
    let refused = bench.network.publish(bench.acting(&tokens, target(channel)), &post("x")).await.expect_err("too fast");
    let NotDone::Refused(diagnosis) = &refused else { panic!("{refused:?}") };
    assert_eq!(diagnosis.finding, Finding::Transient { retry_after: Some(Span::seconds(2)) });
    bench.pass(2);
    *bench.lose.lock().unwrap() = 1;
    let lost = bench.network.publish(bench.acting(&tokens, target(channel)), &post("x")).await;
    assert!(matches!(lost, Err(NotDone::Unclear(_))), "{lost:?}");
}

#[tokio::test]
async fn codes_work_once_and_our_mistakes_are_ours() {
    let bench = Bench::new("discord");
    let begun = bench.begin().await.expect("begins");
    let denied = bench.consent(&begun.url, "tom.becker", &json!({ "deny": true }));
    assert!(matches!(bench.exchange(&begun, &denied), Err(Failure::Denied { .. })));
    let callback = bench.consent(&begun.url, "tom.becker", &json!({}));
    let mut wrong = bench.app.clone();
    wrong.client_secret = Some(Secret::new("wrong"));
    let cx = Cx { app: &wrong, ..bench.cx() };
    let answer = bench.handle(&bench.network.exchange(cx, &begun.memory, &callback).expect("a request"));
    let read = bench.network.read_exchange(cx, &begun.memory, &callback, &answer);
    assert!(matches!(read, Err(Failure::Misconfigured { .. })), "{read:?}");
    bench.exchange(&begun, &callback).expect("tokens");
    assert!(matches!(bench.exchange(&begun, &callback), Err(Failure::StaleCode { .. })));
}
