//! Pinterest: secret boards, and a limit for each person.

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;
use lifecycle::words::Cause;
use networks::acting::{Media, NotDone, Post};
use networks::network::{ASIDE, Answer, Kind, Renewal};

use super::{Bench, DAY, cause, media, picture, target};

fn pin() -> Post {
    Post { text: "A hut at dawn".into(), media: vec![media("image/png", b"png")], key: "k".into(), ..Post::default() }
}

#[tokio::test]
async fn secret_boards_need_permissions_of_their_own() {
    let bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let listed = bench.discover(&tokens).await.expect("the boards");
    let secret = listed.profiles.iter().find(|found| found.name == "Camp kitchens").expect("the secret board");
    assert_eq!(secret.unusable, None);
    assert!(bench.network.publish(bench.acting(&tokens, target(secret)), &pin()).await.is_ok());

    let mut older = Bench::new("pinterest");
    older.app.scopes =
        ["user_accounts:read", "boards:read", "boards:read_secret", "boards:write", "pins:read", "pins:write"].map(str::to_owned).to_vec();
    let tokens = older.connect("fernwehoutdoor").await;
    let listed = older.discover(&tokens).await.expect("the boards");
    let unusable: Vec<&str> = listed.profiles.iter().filter(|found| found.unusable.is_some()).map(|found| found.name.as_str()).collect();
    assert_eq!(unusable, ["Camp kitchens"]);
    let refused = older.network.publish(older.acting(&tokens, target(secret)), &pin()).await;
    assert!(matches!(refused, Err(NotDone::Refused(_))), "the network demands them: {refused:?}");
}

/// One code for a dead token and for credentials that are refused: the latter is the operator's, and ends nobody's connection.
#[tokio::test]
async fn refused_credentials_are_never_a_dead_token() {
    let mut bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let ours = bench.app.client_secret.replace(Secret::new("another"));
    let seen = bench.refused_renewal(&tokens);
    assert!(seen.finding == Finding::Misconfigured && seen.evidence.words.contains("client_secret"), "{seen:?}");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "the access token lives");
    // Until it ends, and nobody could renew it.
    bench.pass(31 * DAY);
    assert_eq!(bench.probe(&tokens).finding, Finding::Misconfigured);
    bench.app.client_secret = ours;
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown), "over, and to be renewed");
    let tokens = bench.renewed(&tokens);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    // A token that is dead indeed, and what the aside is answered with is nobody's.
    bench.happen("fernwehoutdoor", "revoke");
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Unknown));
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::Unknown));
    // Asking about the credentials fails: nothing is known of them.
    let mut asked = tokens.clone();
    asked.notes.insert(ASIDE.into(), "credentials".into());
    let limited = Response::builder().status(429).body(Bytes::from_static(b"{\"code\":8,\"message\":\"slow\"}")).expect("an answer");
    let Answer::Done(Renewal::Failed(seen)) = bench.network.read_renew(bench.cx(), &asked, &limited) else { panic!("not read") };
    assert!(seen.is_harmless(), "{seen:?}");
}

#[tokio::test]
async fn too_many_pins_are_refused_with_the_moment_at_which_it_goes_on() {
    let bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let listed = bench.discover(&tokens).await.expect("the boards");
    let board = listed.profiles.iter().find(|found| found.kind == Kind::Board).expect("a board");
    for n in 0..100 {
        assert!(bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await.is_ok(), "{n}");
    }
    let Err(NotDone::Refused(refused)) = bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await else {
        panic!("not limited")
    };
    let Finding::Transient { retry_after: Some(wait) } = refused.finding else { panic!("{refused:?}") };
    assert!((1..=60).contains(&wait.as_seconds()), "{wait:?}");
    bench.pass(wait.as_seconds());
    assert!(bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await.is_ok());
}

#[tokio::test]
async fn several_pictures_and_films_become_pins() {
    let bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let found = bench.discover(&tokens).await.expect("the boards");
    let board = found.profiles.iter().find(|found| found.name == "Hiking huts").expect("a board");
    let publish = async |media: Vec<Media>| bench.network.publish(bench.acting(&tokens, target(board)), &Post { media, ..pin() }).await;
    for (media, kept) in [
        (vec![picture(), picture()], vec!["https://pictures.example/hut.jpg"; 2]),
        (vec![media("image/png", b"png"); 5], vec!["image_base64"; 5]),
    ] {
        publish(media).await.expect("published");
        assert_eq!(bench.posts().pop().expect("kept")["media"], serde_json::json!(kept));
    }
    publish(vec![media("video/mp4", b"film")]).await.expect("waited for");
    assert!(bench.posts()[2]["media"][0].as_str().is_some_and(|film| film.starts_with("film ")));
    let by_address = Media { content_type: "video/mp4".into(), ..picture() };
    for media in [
        vec![],
        vec![picture(); 6],
        vec![picture(), media("image/png", b"png")],
        vec![picture(), media("video/mp4", b"film")],
        vec![by_address],
    ] {
        assert!(matches!(publish(media).await, Err(NotDone::Invalid { field: "media", .. })));
    }
    // Registered, sent; the answer to that is lost.
    (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (1, 1);
    let lost = publish(vec![media("video/mp4", b"film")]).await;
    assert!(matches!(&lost, Err(NotDone::Refused(refused)) if refused.is_harmless()), "{lost:?}");
    assert_eq!(bench.posts().len(), 3);
}
