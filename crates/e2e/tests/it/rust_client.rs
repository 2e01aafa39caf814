//! The Rust client against a running server.

use std::time::Duration;

use staygreen_client::{Client, Error, Filter, Post, Said, WhenDisconnected};

use crate::authorised::key;
use crate::world::{Demo, free_port};

#[tokio::test]
async fn what_waits_is_no_error_and_can_be_asked_for() {
    let demo = Demo::start();
    let (_, users) = demo.api("GET", "/users", None).await;
    let (_, tool) = key(&demo, &[&format!("posts:write approval={}", users["items"][0]["id"].as_str().unwrap())]).await;
    let profile = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let asking = Client::new(demo.running.url(), tool).unwrap();
    let post = Post { text: "May I?".into(), ..Post::default() };
    let Said::Waits(waits) = asking.publish(&profile, &post, "w-1").await.unwrap() else { panic!("it was sent") };
    assert_eq!((waits.result.as_str(), waits.approval_by.as_deref()), ("waiting", users["items"][0]["id"].as_str()));
    let act = asking.act(&waits.act).await.unwrap();
    assert_eq!((act.state.as_str(), act.text.as_str(), &act.until), ("waiting", "May I?", &waits.until));

    demo.control("/people/xing/karl.voss/revoke", serde_json::json!({})).await;
    demo.gone("xing").await;
    let client = Client::new(demo.running.url(), demo.text("api_key")).unwrap();
    assert_eq!(client.publish(&profile, &post, "w-2").await.unwrap_err().code(), Some("no_access_tokens_available"));
    let post = Post { when_disconnected: Some(WhenDisconnected::Hold), ..post };
    let said = client.publish(&profile, &post, "w-3").await.unwrap();
    assert!(matches!(&said, Said::Waits(waits) if waits.result == "held" && waits.approval_by.is_none()) && said.posted().is_none());
}

#[tokio::test]
async fn the_rust_client_lists_acts_and_says_what_went_wrong() {
    let demo = Demo::start();
    let client = Client::new(demo.running.url(), demo.text("api_key")).unwrap();
    let linkedin = Filter { network: Some("linkedin".into()), status: Some("connected".into()), ..Filter::default() };
    let profiles = client.profiles(&linkedin).await.unwrap();
    let profile = profiles.iter().find(|profile| profile.name == "Fernweh Outdoor").unwrap();
    let page = client.profiles_page(&Filter::default(), None).await.unwrap();
    assert!(page.items.len() > profiles.len() && page.next_cursor.is_none());
    let checked = client.check(&profile.id).await.unwrap();
    assert_eq!((checked.profile.status.as_str(), checked.accesses[0].state.as_str()), ("connected", "fresh"));
    assert_eq!(client.profile(&profile.id).await.unwrap().profile.id, profile.id);

    let post = Post { text: "Hello from Rust".into(), ..Post::default() };
    let said = client.publish(&profile.id, &post, "hello-1").await.unwrap();
    assert_eq!(client.publish(&profile.id, &post, "hello-1").await.unwrap(), said, "the same key is the same post");
    let posted = said.posted().unwrap();
    let said = client.comment(&profile.id, &posted.id, "And a comment", None, "hello-2").await.unwrap();
    assert_eq!(client.comments(&profile.id, &posted.id).await.unwrap()[0].id, said.posted().unwrap().id);
    let token = client.access_token(&profile.id, Duration::from_mins(10)).await.unwrap();
    assert!(!token.access_token.is_empty() && !format!("{token:?} {client:?}").contains(&token.access_token));

    let unknown = client.profile("prf_00000000000000000000000000000001").await.unwrap_err();
    assert_eq!(unknown.code(), Some("not_found"));
    let Error::Problem(problem) = client.access_token(&profile.id, Duration::from_hours(48)).await.unwrap_err() else { panic!() };
    assert_eq!((problem.status, problem.field.as_deref()), (422, Some("min_ttl")));
    let stranger = Client::new(demo.running.url(), "sg_wrong").unwrap();
    assert_eq!(stranger.profiles(&linkedin).await.unwrap_err().code(), Some("unauthorized"));
    let nobody = Client::new(&format!("http://127.0.0.1:{}", free_port()), "sg_secret").unwrap();
    let error = nobody.profiles(&linkedin).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)) && !error.to_string().contains("sg_secret"), "{error}");
    let other = Client::new(&demo.text("mailbox_url"), "x").unwrap();
    assert!(matches!(other.profiles(&linkedin).await.unwrap_err(), Error::NotStaygreen));
    assert!(matches!(Client::new("ftp://x", "x"), Err(Error::Address(_))));
}
