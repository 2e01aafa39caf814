//! Instagram with its own login.

use lifecycle::diagnosis::Finding;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::Cause;
use networks::acting::{NotDone, Post};
use networks::signal::{Inbound, Subject};
use serde_json::{Value, json};

use crate::{Bench, DAY, cause, picture, target};

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
