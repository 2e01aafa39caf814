//! Instagram with its own login.

use lifecycle::diagnosis::Finding;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::Cause;
use networks::acting::{Media, NotDone, Post};
use networks::signal::{Inbound, Subject};
use serde_json::{Value, json};

use crate::{Bench, DAY, cause, media, picture, target};

const ACCOUNT: &str = "fernweh.outdoor";

#[tokio::test]
async fn an_account_that_becomes_personal_is_lost_and_comes_back() {
    let bench = Bench::new("instagram");
    let tokens = bench.connect(ACCOUNT).await;
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let account = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    assert!(account.unusable.is_none());
    bench.happen(ACCOUNT, "make-personal");
    assert_eq!(cause(&bench.probe(&tokens)), Some(Cause::PermissionLost));
    let now = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let why = now.unusable.expect("why");
    assert!(why.en.contains("professional") && why.de.contains("professionelles"));
    let post = Post { text: "New huts".into(), media: vec![picture()], ..Post::default() };
    let refused = bench.network.publish(bench.acting(&tokens, target(&account)), &post).await;
    assert!(matches!(&refused, Err(NotDone::Refused(refused)) if cause(refused) == Some(Cause::PermissionLost)), "{refused:?}");
    bench.happen(ACCOUNT, "make-business");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}

#[tokio::test]
async fn what_it_tells_by_itself_finds_the_person() {
    let bench = Bench::new("instagram");
    bench.control("apps", &json!({ "network": "instagram", "notices_url": "https://staygreen.example/signals/instagram" }));
    let tokens = bench.connect(ACCOUNT).await;
    let person = bench.discover(&tokens).await.expect("listed").person.network_id;
    bench.happen(ACCOUNT, "revoke");
    let notice = bench.take_notices().remove(0).request().expect("a request");
    let Some(Inbound::Signals(signals, _)) = bench.network.receive(bench.cx(), &notice) else { panic!("no signal") };
    let Subject::Person(named) = &signals[0].subject else { panic!("about no person") };
    assert_ne!(*named, person, "another id than the account's");
    assert_eq!(tokens.notes.get("also_known_as"), Some(named));
}

#[tokio::test]
async fn what_cannot_be_extended_says_so() {
    let bench = Bench::new("instagram");
    let tokens = bench.connect(ACCOUNT).await;
    assert_eq!(bench.refused_renewal(&tokens).finding, Finding::Misconfigured, "too young: ours to wait");
    let first: Value = {
        let said = bench.said.lock().expect("not poisoned");
        let answer = said.iter().find(|(request, _)| request.uri().path().ends_with("/oauth/access_token")).expect("asked");
        serde_json::from_slice(answer.1.body()).expect("JSON")
    };
    let short = first.pointer("/data/0/access_token").and_then(Value::as_str).expect("a token");
    let short = TokenSet::bearer(Secret::new(short), None, vec![]);
    assert_eq!(cause(&bench.refused_renewal(&short)), Some(Cause::Unknown), "another kind of token: a login helps, waiting does not");
    bench.pass(2 * DAY);
    let tokens = bench.renewed(&tokens);
    bench.pass(60 * DAY);
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Expired));
    bench.trouble("vague_expiry");
    assert_eq!(cause(&bench.refused_renewal(&tokens)), Some(Cause::Unknown), "the end is known by our own clock alone");
}

#[tokio::test]
async fn comments_come_newest_first_and_are_read_oldest_first() {
    let bench = Bench::new("instagram");
    let tokens = bench.connect(ACCOUNT).await;
    let account = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let post = Post { text: "New huts".into(), media: vec![picture()], ..Post::default() };
    let posted = bench.network.publish(bench.acting(&tokens, target(&account)), &post).await.expect("published");
    let say = |text: &str| bench.control("comments", &json!({ "network": "instagram", "post": posted.id, "text": text }))["id"].clone();
    let first = say("first");
    bench.pass(60);
    for n in 0..60 {
        say(&format!("{n}"));
        bench.pass(1);
    }
    let to = first.as_str();
    bench.network.comment(bench.acting(&tokens, target(&account)), &posted.id, to, "answer").await.expect("said");
    let read = bench.network.comments(bench.acting(&tokens, target(&account)), &posted.id).await.expect("read");
    assert_eq!(read.len(), 62, "two listings");
    assert!(read.is_sorted_by_key(|said| said.at));
    assert_eq!((read[0].text.as_str(), read[61].text.as_str(), read[61].in_reply_to.as_deref()), ("first", "answer", to));
    let other = bench.connect("gipfel.guides").await;
    assert!(bench.network.comments(bench.acting(&other, target(&account)), &posted.id).await.is_err(), "somebody else's post");
}

fn film(url: &str) -> Media {
    Media { url: Some(url.into()), alt: None, ..media("video/mp4", b"") }
}

#[tokio::test]
async fn what_is_published_was_ready_and_is_shown_with_its_address() {
    let bench = Bench::new("instagram");
    let tokens = bench.connect(ACCOUNT).await;
    let account = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let publish = async |post: &Post| bench.network.publish(bench.acting(&tokens, target(&account)), post).await;
    let post = |media| Post { text: "New huts".into(), link: Some("https://fernweh.example/huts".into()), media, ..Post::default() };
    let reel = publish(&post(vec![film("https://films.example/hut.mp4")])).await.expect("waited for");
    assert_eq!(reel.url, Some(format!("https://instagram.example/p/{}", reel.id)));
    let kept = bench.posts();
    assert_eq!(
        (&kept[0]["media"], &kept[0]["text"]),
        (&json!(["https://films.example/hut.mp4"]), &json!("New huts\nhttps://fernweh.example/huts"))
    );

    let items = vec![picture(), film("https://films.example/hut.mp4"), picture()];
    publish(&post(items)).await.expect("several, of both kinds");
    assert_eq!(bench.posts()[1]["media"].as_array().map(Vec::len), Some(3));

    let Err(NotDone::Invalid { field: "media", words }) = publish(&post(vec![film("https://films.example/missing.mp4")])).await else {
        panic!("it cannot be fetched")
    };
    assert!(words.en.contains("open to everybody") && words.de.contains("nichts veröffentlicht"), "{words:?}");
    let mut mixed = vec![picture(), film("https://films.example/missing.mp4")];
    assert!(matches!(publish(&post(mixed.clone())).await, Err(NotDone::Invalid { field: "media", .. })));
    mixed.clear();
    for many in [mixed, vec![picture(); 11], vec![media("image/jpeg", b"itself")]] {
        let Err(NotDone::Invalid { field: "media", words }) = publish(&post(many)).await else { panic!("refused beforehand") };
        assert!(words.en.contains("needs 1 to 10 pictures or films"), "{words:?}");
    }
    assert_eq!(bench.posts().len(), 2, "nothing else was published");
}

#[tokio::test]
async fn an_answer_that_gets_lost_publishes_nothing_twice() {
    let bench = Bench::new("instagram");
    let tokens = bench.connect(ACCOUNT).await;
    let account = bench.discover(&tokens).await.expect("listed").profiles.remove(0);
    let publish = async |spare: usize, lose: usize| {
        (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (spare, lose);
        let post = Post { text: "New huts".into(), media: vec![picture()], ..Post::default() };
        let done = bench.network.publish(bench.acting(&tokens, target(&account)), &post).await;
        (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (0, 0);
        done
    };
    // How much of the day is left is asked first.
    assert!(matches!(publish(1, 1).await, Err(NotDone::Refused(refused)) if refused.is_harmless()), "only a container was made");
    assert_eq!(bench.posts().len(), 0);
    publish(2, 1).await.expect("that it could not be asked says nothing of the container");
    assert_eq!(bench.posts().len(), 1);
    // That, the container, two looks, and the answer to the publishing itself.
    assert!(matches!(publish(4, 1).await, Err(NotDone::Unclear(_))), "it was published, and nobody knows under which id");
    assert_eq!(bench.posts().len(), 2);
}
