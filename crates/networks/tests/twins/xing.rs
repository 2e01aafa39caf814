//! XING.

use lifecycle::diagnosis::Finding;
use networks::acting::{NotDone, Post};
use networks::network::Failure;
use serde_json::json;

use crate::{Bench, target};

fn post(text: &str) -> Post {
    Post { text: text.into(), ..Post::default() }
}

#[tokio::test]
async fn what_was_published_is_found_in_the_own_feed_and_never_named_by_nothing() {
    let bench = Bench::new("xing");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = target(&found.profiles[0]);
    let first = bench.network.publish(bench.acting(&tokens, me), &post("The hut is open")).await.expect("published");
    assert!(first.id.ends_with("_activity"), "it shows a moment later: {first:?}");
    bench.pass(3_600);
    let second = bench.network.publish(bench.acting(&tokens, me), &post("The hut is open")).await.expect("published");
    assert_ne!(second.id, first.id, "the same words of an hour ago are another message");
    bench.network.comment(bench.acting(&tokens, me), &first.id, None, "Two hours from the station").await.expect("said");
    assert_eq!(bench.network.standing(bench.acting(&tokens, me), &first.id).await, Ok(None));
    // One that does not show for a while.
    bench.trouble("late_feed");
    let since = bench.cx().now;
    let unnamed = bench.network.publish(bench.acting(&tokens, me), &post("To be looked at by hand")).await.expect("published");
    assert!(!unnamed.id.is_empty());
    let note = bench.network.standing(bench.acting(&tokens, me), &unnamed.id).await.expect("asked");
    assert!(note.is_some_and(|words| words.en.contains("names no id") && words.de.contains("keine Kennung")));
    let asked = bench.asked.lock().unwrap().len();
    let refused = bench.network.comment(bench.acting(&tokens, me), &unnamed.id, None, "x").await;
    assert!(matches!(&refused, Err(NotDone::Invalid { field: "post", .. })), "{refused:?}");
    assert_eq!(bench.asked.lock().unwrap().len(), asked, "nothing is sent");
    bench.pass(61);
    let shown = bench.network.look(bench.acting(&tokens, me), &post("To be looked at by hand"), since).await.expect("asked");
    assert!(shown.is_some_and(|posted| posted.id.ends_with("_activity")), "it is found before it would be sent again");
    let feeds = |asked: &String| asked.ends_with("/feed");
    assert!(bench.asked.lock().unwrap().iter().filter(|asked| feeds(asked)).all(|asked| asked.contains("/users/23874563_a91c0e/feed")));
}

/// Somebody else may call between two looks, and XING refuses a moment older than one it was shown.
#[tokio::test]
async fn what_is_signed_after_a_pause_is_signed_with_a_later_moment() {
    let bench = Bench::new("xing");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = target(&found.profiles[0]);
    let before = bench.said.lock().unwrap().len();
    let shown = bench.network.look(bench.acting(&tokens, me), &post("Never said"), bench.cx().now).await.expect("asked");
    assert_eq!(shown, None);
    let said = bench.said.lock().unwrap();
    let signed = said[before..].iter().map(|(request, _)| request.headers()["authorization"].to_str().unwrap().to_owned());
    let moment = |line: String| line.split("oauth_timestamp=\"").nth(1).unwrap().split('"').next().unwrap().parse::<i64>().unwrap();
    let moments: Vec<i64> = signed.map(moment).collect();
    assert!(moments.len() == 3 && moments.windows(2).all(|pair| pair[1] == pair[0] + 2), "{moments:?}");
}

#[tokio::test]
async fn the_persons_picture_is_shown() {
    let bench = Bench::new("xing");
    let tokens = bench.connect("jana.lindner").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let found = bench.discover(&tokens).await.expect("listed");
    assert!(found.profiles[0].avatar.as_deref().is_some_and(|url| url.starts_with("https://") && url.contains("96x96")));
    let said = bench.said.lock().unwrap();
    let users = said.iter().filter(|(request, _)| request.uri().path().ends_with("/users/me")).map(|(_, answer)| answer.body());
    let fields: Vec<usize> =
        users.map(|body| serde_json::from_slice::<serde_json::Value>(body).unwrap()["users"][0].as_object().unwrap().len()).collect();
    assert_eq!(fields, [4, 5], "the check asks for no more than it needs, and gets no more");
}

/// An installation whose address is not the one that was registered years ago.
#[tokio::test]
async fn where_nothing_leads_back_the_person_types_a_number() {
    let mut bench = Bench::new("xing");
    bench.app.options.insert("callback".into(), "oob".into());
    let begun = bench.begin().await.expect("begins");
    let page = url::Url::parse(&begun.url).expect("an address");
    assert!(begun.url.starts_with("https://staygreen.example/oauth/pin/xing?"), "{}", begun.url);
    let of = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default();
    let there = bench.network.shows_pin(bench.cx(), &of("oauth_token")).expect("the network's page");
    let back = bench.control("consent", &json!({ "authorize_url": there, "username": "jana.lindner" }))["redirect_to"].clone();
    let back = back.as_str().unwrap_or_default();
    assert!(back.starts_with("oob"), "nobody is sent anywhere: {back}");
    let pin = back.split("oauth_verifier=").nth(1).expect("a number").to_owned();
    let typed = |pin: &str| {
        let back = [("oauth_token", of("oauth_token")), ("state", of("state")), ("oauth_verifier", pin.to_owned())];
        back.map(|(name, value)| (name.to_owned(), value)).to_vec()
    };
    let tokens = bench.exchange(&begun, &typed(&format!(" {pin} "))).expect("connects").tokens;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    assert!(matches!(bench.exchange(&begun, &typed(&pin)), Err(Failure::StaleCode { .. })), "once");
    assert_eq!(Bench::new("xing").network.shows_pin(Bench::new("xing").cx(), "x"), None, "elsewhere it leads back by itself");
}
