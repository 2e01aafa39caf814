//! Reddit.

use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;
use lifecycle::words::{Cause, Confidence};
use networks::acting::{Draft, NotDone, Post, Target};
use networks::network::{Failure, Kind};
use serde_json::json;

use crate::{Bench, target};

#[tokio::test]
async fn a_suspended_account_is_shown_and_cannot_be_connected() {
    let bench = Bench::new("reddit");
    let issued = bench.try_connect("gipfel_archiv", json!({})).await.expect("logs in");
    let found = bench.discover(&issued.tokens).await.expect("listed");
    assert!(found.profiles[0].unusable.as_ref().is_some_and(|words| words.en.contains("suspended") && words.de.contains("gesperrt")));
    let seen = bench.probe(&issued.tokens);
    let Finding::Refused { cause, confidence, terminal } = seen.finding else { panic!("{seen:?}") };
    assert_eq!((cause, confidence, terminal), (Cause::PersonBlocked, Confidence::Likely, false), "that the field says so is unconfirmed");
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    assert!(found.profiles[0].unusable.is_none());
    assert_eq!(found.profiles[0].avatar.as_deref(), Some("https://styles.redditmedia.com/t5_x/icon.png?width=256&s=1"), "not escaped");
}

#[tokio::test]
async fn a_long_thread_is_read_to_its_end() {
    let bench = Bench::new("reddit");
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = Target { network_id: &found.person.network_id, kind: Kind::Account, handle: Some("jana_lindner") };
    let posted =
        bench.network.publish(bench.acting(&tokens, me), &Post { text: "Huts".into(), ..Post::default() }).await.expect("published");
    for n in 0..150 {
        bench.control("comments", &json!({ "network": "reddit", "post": posted.id, "text": format!("Number {n}") }));
    }
    let read = bench.network.comments(bench.acting(&tokens, me), &posted.id).await.expect("read");
    assert_eq!(read.len(), 150, "more than one answer holds");
}

#[tokio::test]
async fn who_answers_for_the_app_is_named_in_every_call() {
    let mut bench = Bench::new("reddit");
    let tokens = bench.connect("jana_lindner").await;
    bench.probe(&tokens);
    for (request, _) in bench.said.lock().unwrap().iter().filter(|(request, _)| request.uri().path().starts_with("/reddit/api/")) {
        let agent = request.headers()["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("server:sandbox-reddit:v") && agent.ends_with(" (by /u/fernweh_outdoor)"), "{agent}");
    }
    assert_eq!(bench.network.own_headers(bench.cx()).len(), 1, "also in calls that somebody makes through us");
    bench.app.options.clear();
    let begun = bench.begin().await;
    assert!(matches!(&begun, Err(Failure::Misconfigured { evidence }) if evidence.words.contains("options.username")), "{begun:?}");
    bench.app.options.insert("user_agent".into(), "Staygreen/1.0 (a name without an account)".into());
    let blocked = bench.probe(&tokens);
    assert_eq!(blocked.finding, Finding::Misconfigured, "our name, never the token: {blocked:?}");
}

fn post(title: &str, text: &str) -> Post {
    Post { title: Some(title.into()), text: text.into(), ..Post::default() }
}

#[tokio::test]
async fn communities_are_places_to_post_as_far_as_the_account_is_let() {
    let mut bench = Bench::new("reddit");
    let tokens = bench.connect("fernweh_outdoor").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let rows: Vec<_> = found.profiles.iter().map(|found| (found.name.as_str(), found.role.as_str(), found.unusable.is_none())).collect();
    assert_eq!(
        rows,
        [
            ("fernweh_outdoor", "owner", true),
            ("r/hiking", "subscriber", true),
            ("r/AlpineClimbing", "moderator", true),
            ("r/mountainhuts", "subscriber", true),
            ("r/fernweh_team", "subscriber", false),
            ("r/gearswap", "subscriber", false),
        ],
        "the profile page of somebody else is no place to post"
    );
    let hiking = &found.profiles[1];
    assert_eq!((hiking.kind, hiking.parent.as_deref()), (Kind::Community, Some("t2_1a2b3c")));
    assert_eq!(hiking.network_id, "t2_1a2b3c/t5_2qh1o", "another account there is another profile");
    let posted = bench.network.publish(bench.acting(&tokens, target(hiking)), &post("Huts", "Open again")).await.expect("published");
    assert!(posted.url.as_deref().is_some_and(|url| url.starts_with("https://www.reddit.com/r/hiking/comments/")), "{posted:?}");
    let fit = bench.network.check(&bench.app, target(hiking), Draft::Post(&post("Huts", "Open again"))).expect("fits");
    assert!(fit.note.is_some(), "what the community demands is asked later");
    // Who connected before communities were asked for keeps the account, and nothing else is concluded.
    bench.app.scopes = ["identity", "read", "submit"].map(str::to_owned).to_vec();
    let before = bench.connect("fernweh_outdoor").await;
    assert_eq!(bench.discover(&before).await.expect("listed").profiles.len(), 1);
    // A list that breaks off is none.
    bench.mood("cut_body");
    assert!(bench.discover(&tokens).await.expect_err("no list").is_harmless());
}

#[tokio::test]
async fn what_a_community_demands_is_said_before_anything_is_sent() {
    let mut bench = Bench::new("reddit");
    let tokens = bench.connect("fernweh_outdoor").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let huts = target(&found.profiles[3]);
    let sent = |bench: &Bench| bench.asked.lock().unwrap().iter().filter(|asked| asked.ends_with("/api/submit")).count();
    let refused = async |bench: &Bench, title: &str| match bench.network.publish(bench.acting(&tokens, huts), &post(title, "Open")).await {
        Err(NotDone::Invalid { field, words }) => (field, words.en),
        other => panic!("{other:?}"),
    };
    let (field, words) = refused(&bench, "A new hut is open").await;
    assert!(field == "flair" && words.contains("flair.mountainhuts") && words.contains("Trip report, Question"), "{words}");
    bench.app.options.insert("flair.MountainHuts".into(), "Recipe".into());
    let (field, words) = refused(&bench, "A new hut is open").await;
    assert!(field == "flair" && words.contains("no flair \"Recipe\""), "{words}");
    bench.app.options.insert("flair.MountainHuts".into(), "trip report".into());
    let (field, words) = refused(&bench, "Huts").await;
    assert!(field == "title" && words.contains("10 characters"), "{words}");
    let link = Post { link: Some("https://fernweh.example/huts".into()), ..post("A new hut is open", "") };
    match bench.network.publish(bench.acting(&tokens, huts), &link).await {
        Err(NotDone::Invalid { field: "link", words }) => assert!(words.en.contains("texts only"), "{words:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sent(&bench), 0);
    bench.network.publish(bench.acting(&tokens, huts), &post("A new hut is open", "Open")).await.expect("published");
    assert_eq!(sent(&bench), 1);
}

#[tokio::test]
async fn a_link_never_swallows_the_words_beside_it() {
    let bench = Bench::new("reddit");
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = target(&found.profiles[0]);
    let sent = |bench: &Bench| {
        let said = bench.said.lock().unwrap();
        let (request, _) = said.iter().rev().find(|(request, _)| request.uri().path().ends_with("/api/submit")).expect("sent");
        url::form_urlencoded::parse(request.body()).into_owned().collect::<std::collections::BTreeMap<String, String>>()
    };
    let link = Some("https://fernweh.example/huts".to_owned());
    bench.network.publish(bench.acting(&tokens, me), &Post { link: link.clone(), ..post("Huts", "") }).await.expect("published");
    assert_eq!((sent(&bench)["kind"].as_str(), sent(&bench)["url"].as_str()), ("link", "https://fernweh.example/huts"));
    bench.network.publish(bench.acting(&tokens, me), &Post { link, ..post("Huts", "All of them") }).await.expect("published");
    assert_eq!((sent(&bench)["kind"].as_str(), sent(&bench)["text"].as_str()), ("self", "All of them\nhttps://fernweh.example/huts"));
}

#[tokio::test]
async fn an_app_without_a_secret_goes_the_whole_way_with_an_empty_password() {
    let mut bench = Bench::new("reddit");
    bench.app.client_id = "sandbox-reddit-installed".into();
    bench.app.client_secret = None;
    let tokens = bench.connect("jana_lindner").await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let renewed = bench.renewed(&tokens);
    assert_eq!(bench.probe(&renewed).finding, Finding::Works);
    {
        let said = bench.said.lock().unwrap();
        let of_client: Vec<_> = said.iter().filter(|(request, _)| request.uri().path().ends_with("/access_token")).collect();
        // "sandbox-reddit-installed:" and nothing behind the colon.
        let empty = "Basic c2FuZGJveC1yZWRkaXQtaW5zdGFsbGVkOg==";
        assert!(of_client.len() == 2 && of_client.iter().all(|(request, _)| request.headers()["authorization"] == empty));
    }
    // A secret that the app has not is a wrong one, and says nothing of the token.
    bench.app.client_secret = Some(Secret::new("sandbox-reddit-secret"));
    assert_eq!(bench.refused_renewal(&renewed).finding, Finding::Misconfigured);
    bench.app.client_secret = None;
    assert!(bench.revoke(&renewed));
    assert!(matches!(bench.probe(&renewed).finding, Finding::Refused { .. }));
}

#[tokio::test]
async fn where_nothing_can_be_said_any_more_people_are_told_why() {
    let mut bench = Bench::new("reddit");
    bench.app.scopes = ["identity", "read", "submit", "mysubreddits", "flair", "edit"].map(str::to_owned).to_vec();
    let tokens = bench.connect("jana_lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = target(&found.profiles[0]);
    let publish = async |text: &str| bench.network.publish(bench.acting(&tokens, me), &post("Huts", text)).await.expect("published").id;
    let say = async |under: &str, to: Option<&str>| bench.network.comment(bench.acting(&tokens, me), under, to, "Thanks").await;
    let locked = publish("Open again; comments are locked").await;
    let archived = publish("Years ago; this is archived").await;
    let open = publish("Open again").await;
    let said = say(&open, None).await.expect("said").id;
    let delete = |id: &str| {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs([("api_type", "json"), ("id", id)]).finish();
        let request = http::Request::post("http://sandbox.test/reddit/api/del")
            .header("authorization", format!("Bearer {}", tokens.access_token.expose()))
            .header("user-agent", "server:sandbox-reddit:v1 (by /u/fernweh_outdoor)")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(bytes::Bytes::from(form));
        assert_eq!(bench.handle(&request.unwrap()).status(), 200);
    };
    delete(&said);
    let gone = publish("For a moment").await;
    delete(&gone);
    for (under, to, field, en, de) in [
        (&locked, None, "post", "locked", "gesperrt"),
        (&archived, None, "post", "archived", "archiviert"),
        (&gone, None, "post", "deleted", "gelöscht"),
        (&open, Some(said.as_str()), "in_reply_to", "deleted", "gelöscht"),
    ] {
        match say(under, to).await {
            Err(NotDone::Invalid { field: told, words }) => {
                assert!(told == field && words.en.contains(en) && words.de.contains(de) && words.en.contains("Reddit says: "), "{words:?}");
            }
            other => panic!("{under}: {other:?}"),
        }
    }
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}
