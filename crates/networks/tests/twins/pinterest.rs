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

/// They cost a call for each board at every look, so that they are listed where that is wished.
#[tokio::test]
async fn sections_come_along_where_they_are_wished_and_take_pins() {
    let mut bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let named = |listed: &networks::network::Discovery| {
        let names = listed.profiles.iter().filter(|found| found.network_id.contains('/')).map(|found| found.name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(named(&bench.discover(&tokens).await.expect("the boards")), Vec::<String>::new());
    bench.app.options.insert("sections".into(), "yes".into());
    let listed = bench.discover(&tokens).await.expect("the boards");
    assert_eq!(named(&listed), ["Hiking huts \u{203a} Allg\u{e4}u", "Hiking huts \u{203a} Dolomites"]);
    let section = listed.profiles.iter().find(|found| found.network_id == "5001/6002").expect("a section");
    assert_eq!((section.kind, section.role.as_str(), &section.unusable), (Kind::Board, "owner", &None));
    bench.network.publish(bench.acting(&tokens, target(section)), &pin()).await.expect("published");
    assert_eq!(bench.posts().pop().expect("kept")["profile"], "5001/6002");
    // A section that is gone says nothing against the login.
    let gone = networks::acting::Target { network_id: "5001/6009", ..target(section) };
    let refused = bench.network.publish(bench.acting(&tokens, gone), &pin()).await;
    assert!(matches!(&refused, Err(NotDone::Refused(why)) if why.is_harmless()), "{refused:?}");
}

/// Business access: a login that has a role in a business acts for the owner of its ad account, and stays the same human.
#[tokio::test]
async fn a_business_is_acted_for_by_its_ad_account() {
    let mut bench = Bench::new("pinterest");
    bench.app.options.insert("ad_account_id".into(), "549755885175".into());
    bench.app.options.insert("sections".into(), "yes".into());
    let tokens = bench.connect("gipfelguides").await;
    let listed = bench.discover(&tokens).await.expect("the boards");
    assert_eq!(listed.person.handle.as_deref(), Some("gipfelguides"), "who logged in");
    let account = &listed.profiles[0];
    assert_eq!((account.name.as_str(), account.role.as_str(), &account.unusable), ("Fernweh Outdoor", "business_access", &None));
    let board = listed.profiles.iter().find(|found| found.name == "Hiking huts").expect("the business's board");
    assert_eq!((board.role.as_str(), board.parent.as_ref()), ("business_access", Some(&account.network_id)));
    assert!(listed.profiles.iter().all(|found| found.name != "Guides"), "their own are not the business's");
    assert!(listed.profiles.iter().any(|found| found.network_id == "5001/6001"), "nor are sections theirs");
    bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await.expect("published");
    assert_eq!(bench.posts().pop().expect("kept")["profile"], "5001");
    // The owner is nobody's agent, and is found as the same account.
    let owner = bench.connect("fernwehoutdoor").await;
    let owned = bench.discover(&owner).await.expect("the boards");
    assert_eq!((owned.profiles[0].role.as_str(), &owned.profiles[0].network_id), ("owner", &account.network_id));

    // Without a role there: a reason in words instead of a list, and nothing against the token.
    bench.app.options.insert("ad_account_id".into(), "549755000000".into());
    let listed = bench.discover(&tokens).await.expect("an answer");
    let why = listed.profiles[0].unusable.clone().expect("a reason");
    assert!(listed.profiles.len() == 1 && why.en.contains("business access"), "{why:?}");
    let refused = bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await;
    assert!(matches!(&refused, Err(NotDone::Refused(why)) if why.is_harmless()), "{refused:?}");
}

#[tokio::test]
async fn a_refusal_names_the_request_and_pins_can_be_deleted() {
    let bench = Bench::new("pinterest");
    let tokens = bench.connect("fernwehoutdoor").await;
    let listed = bench.discover(&tokens).await.expect("the boards");
    let board = listed.profiles.iter().find(|found| found.kind == Kind::Board).expect("a board");
    let id = bench.network.publish(bench.acting(&tokens, target(board)), &pin()).await.expect("published").id;
    let delete = || {
        let request = http::Request::delete(format!("http://sandbox.test/pinterest/v5/pins/{id}"))
            .header("authorization", format!("Bearer {}", tokens.access_token.expose()));
        bench.handle(&request.body(Bytes::new()).unwrap()).status().as_u16()
    };
    assert_eq!((delete(), bench.posts().len(), delete()), (204, 0, 404));
    bench.happen("fernwehoutdoor", "revoke");
    let refused = bench.discover(&tokens).await.expect_err("no list");
    assert!(refused.evidence.words.contains("x-pinterest-rid 8106120033401"), "for Pinterest's support: {refused:?}");
}
