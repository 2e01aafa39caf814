//! The Rust client against a running server.

use std::time::Duration;

use staygreen_client::{Client, Error, Filter, Post};

use crate::world::{Demo, free_port};

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
    let posted = client.publish(&profile.id, &post, "hello-1").await.unwrap();
    assert_eq!(client.publish(&profile.id, &post, "hello-1").await.unwrap(), posted, "the same key is the same post");
    let said = client.comment(&profile.id, &posted.id, "And a comment", None, "hello-2").await.unwrap();
    assert_eq!(client.comments(&profile.id, &posted.id).await.unwrap()[0].id, said.id);
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
