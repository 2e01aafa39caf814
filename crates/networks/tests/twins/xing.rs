//! XING.

use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use networks::acting::{Acting, NotDone, Post};
use networks::network::{Answer, Cx, Failure};
use networks::wire::{BoxFuture, Clock, Wire, WireError};
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

/// A way to XING on which the keeper looks at the same token, seconds later than what is under way was signed.
struct Overtaken<'a> {
    bench: &'a Bench,
    tokens: &'a TokenSet,
    /// Which calls, counted down, are overtaken.
    in_calls: Mutex<Vec<usize>>,
    /// Whether it is after the answer and not before the call.
    after: bool,
}

impl Overtaken<'_> {
    fn look(&self) {
        self.bench.pass(20);
        assert_eq!(self.bench.probe(self.tokens).finding, Finding::Works);
    }
}

impl Wire for Overtaken<'_> {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        let mut in_calls = self.in_calls.lock().unwrap();
        let is_now = in_calls.contains(&0);
        *in_calls = in_calls.iter().filter_map(|calls| calls.checked_sub(1)).collect();
        if is_now && !self.after {
            self.look();
        }
        let answer = self.bench.send(request);
        if is_now && self.after {
            self.look();
        }
        answer
    }

    fn pause(&self, span: Span) -> BoxFuture<'_, ()> {
        self.bench.pause(span)
    }
}

/// The keeper looks at the same token while an act is under way: between two of its calls, and between a call's signature and its arrival.
/// XING refuses what is older than what it was shown, and the act is done all the same, once, and named.
#[tokio::test]
async fn an_act_that_is_overtaken_by_a_look_is_done_all_the_same() {
    for (in_calls, after, refused) in
        [(vec![0], true, 0), (vec![1], true, 0), (vec![0], false, 1), (vec![1], false, 1), (vec![0, 2], false, 2)]
    {
        let bench = Bench::new("xing");
        let tokens = bench.connect("jana.lindner").await;
        let found = bench.discover(&tokens).await.expect("listed");
        let me = target(&found.profiles[0]);
        let how = format!("{in_calls:?} {after}");
        let before = bench.said.lock().unwrap().len();
        let wire = |in_calls| Overtaken { bench: &bench, tokens: &tokens, in_calls: Mutex::new(in_calls), after };
        let way = wire(in_calls);
        let by = Acting { wire: &way, ..bench.acting(&tokens, me) };
        let posted = bench.network.publish(by, &post("The hut is open")).await.unwrap_or_else(|why| panic!("{how}: {why:?}"));
        assert!(posted.id.ends_with("_activity"), "{how}: {posted:?}");
        let late = bench.said.lock().unwrap()[before..].iter().filter(|(_, answer)| answer.status() == 401).count();
        assert_eq!((bench.posts().len(), late), (1, refused), "{how}");
        let way = wire(vec![0]);
        let by = Acting { wire: &way, ..bench.acting(&tokens, me) };
        let said = bench.network.comment(by, &posted.id, None, "Two hours from the station").await;
        assert!(said.is_ok(), "{how}: {said:?}");
    }
}

/// In reverse: an act overtakes the keeper's look. That is nobody's fault; a clock that is behind is found all the same.
#[tokio::test]
async fn a_look_that_is_overtaken_is_signed_anew_and_a_clock_that_is_behind_is_found() {
    let bench = Bench::new("xing");
    let tokens = bench.connect("jana.lindner").await;
    // As the keeper asks: the look was signed so many seconds ago, and the clock is so far behind.
    let look = |ago: i64, behind: i64| -> (Diagnosis, usize) {
        let at = |ago: i64| Cx { now: bench.cx().now - Span::seconds(ago), ..bench.cx() };
        let (mut tokens, mut asked) = (tokens.clone(), 1);
        let mut request = bench.network.probe(at(ago + behind), &tokens);
        loop {
            match bench.network.read_probe(at(behind), &tokens, &bench.handle(&request)) {
                Answer::Done(diagnosis) => return (diagnosis, asked),
                Answer::AskAgain { request: next, notes, .. } => {
                    (request, asked) = (*next, asked + 1);
                    tokens.notes.extend(notes);
                }
            }
        }
    };
    bench.pass(60);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let (overtaken, asked) = look(3, 0);
    assert_eq!((overtaken.finding, asked), (Finding::Works, 2));
    let (wrong, asked) = look(0, 120);
    assert_eq!((wrong.finding, asked), (Finding::Misconfigured, 2), "{:?}", wrong.evidence);
    assert_eq!(wrong.evidence.code.as_deref(), Some("INVALID_TIMESTAMP"));
    assert_eq!(bench.probe(&tokens).finding, Finding::Works, "set right");
}

/// A clock that is behind by so many seconds.
struct Behind<'a>(&'a Bench, i64);

impl Clock for Behind<'_> {
    fn now(&self) -> Timestamp {
        self.0.cx().now - Span::seconds(self.1)
    }
}

#[tokio::test]
async fn an_act_by_a_clock_that_is_behind_is_refused_and_not_tried_for_ever() {
    let bench = Bench::new("xing");
    let tokens = bench.connect("jana.lindner").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let me = target(&found.profiles[0]);
    bench.pass(600);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    for (behind, works) in [(1, true), (120, false)] {
        let (clock, before) = (Behind(&bench, behind), bench.asked.lock().unwrap().len());
        let by = Acting { clock: &clock, ..bench.acting(&tokens, me) };
        let done = bench.network.publish(by, &post("The hut is open")).await;
        match done {
            Ok(posted) => assert!(works && posted.id.ends_with("_activity"), "{behind}: {posted:?}"),
            Err(NotDone::Refused(diagnosis)) => {
                assert!(!works && diagnosis.finding == Finding::Misconfigured, "{behind}: {diagnosis:?}");
                assert_eq!(bench.asked.lock().unwrap().len() - before, 2, "once more, and no more");
            }
            other => panic!("{behind}: {other:?}"),
        }
    }
    assert_eq!(bench.posts().len(), 1);
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
