//! What an operator can set of every network without a build: addresses, scopes, limits. (Lives, paces and days of warning are set in
//! the server's configuration: `crates/server/src/config`.)

use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::secret::Secret;
use networks::acting::{Acting, Draft, Media, NotDone, Post, Target};
use networks::network::{About, Answer, Asks, Can, Kind, Registration, Start};
use networks::wire::{BoxFuture, Wire, WireError};

use crate::given::{Given, Still};

/// Answers everything the same way and keeps where it was sent to.
struct Heard {
    answer: Response<Bytes>,
    at: Mutex<Vec<String>>,
}

impl Heard {
    fn new(body: &str) -> Self {
        let answer = Response::builder().status(200).header("content-type", "application/json");
        Self { answer: answer.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer"), at: Mutex::default() }
    }

    fn keep(&self, request: &Request<Bytes>) {
        self.at.lock().expect("one at a time").push(request.uri().to_string());
    }
}

impl Wire for Heard {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        self.keep(&request);
        let answer = self.answer.clone();
        Box::pin(async move { Ok(answer) })
    }
}

/// Where a network is asked on its way from the first click to the last: whatever it does with `{}` for an answer.
async fn asked(given: &Given) -> Vec<String> {
    let heard = Heard::new("{}");
    let (cx, tokens) = (given.cx(), given.tokens());
    let hint = match given.network.about().asks {
        Asks::Nothing => None,
        _ => Some("name.example".to_owned()),
    };
    let start = Start { state: Secret::new("the-state"), hint, expected_person: None };
    if let Ok(begun) = given.network.begin(cx, &heard, &start).await {
        heard.at.lock().expect("one at a time").push(begun.url);
    }
    let callback = [("code", "c"), ("state", "s"), ("iss", "https://as.example")];
    let callback = callback.map(|(name, value)| (name.to_owned(), value.to_owned()));
    if let Ok(request) = given.network.exchange(cx, &given.memory(), &callback) {
        heard.keep(&request);
        let mut next = given.network.read_exchange(cx, &given.memory(), &callback, &heard.answer);
        if let Ok(Answer::AskAgain { request, .. }) = &mut next {
            heard.keep(request);
        }
    }
    given.network.renew(cx, &tokens).iter().chain(given.network.revoke(cx, &tokens).iter()).for_each(|request| heard.keep(request));
    heard.keep(&given.network.probe(cx, &tokens));
    let _ = given.network.discover(cx, &heard, &tokens).await;
    let by = Acting { cx, clock: &Still, wire: &heard, tokens: &tokens, target: place(given.network.about().name) };
    let _ = given.network.publish(by, &draft(given, 5)).await;
    let _ = given.network.comments(by, "1").await;
    let _ = given.network.comment(by, "1", None, "words").await;
    heard.at.into_inner().expect("one at a time")
}

fn host_of(url: &str) -> &str {
    url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or_default())
}

fn real(about: &'static About, given: &Given, key: &str) -> String {
    given.cx().endpoint(about, key).unwrap_or_default()
}

#[tokio::test]
async fn every_address_is_moved_by_the_base_url_and_by_its_own_key() {
    let mut moved_alone = 0;
    for network in networks::ALL.iter().copied() {
        let (about, name) = (network.about(), network.about().name);
        let mut given = Given::at(network);
        given.app.instance = if about.asks == Asks::Nothing { String::new() } else { "instance.example".into() };
        let before = asked(&given).await;
        assert!(before.len() > 3, "{name}: {before:?}");
        let hosts: Vec<String> = about.endpoints.iter().map(|endpoint| host_of(&real(about, &given, endpoint.key)).to_owned()).collect();
        // All at once, with their paths.
        let mut all = Given::at(network);
        all.app.instance.clone_from(&given.app.instance);
        all.app.base_url = Some("https://moved.example/here/".into());
        let after = asked(&all).await;
        assert_eq!(before.len(), after.len(), "{name}");
        for (was, is) in before.iter().zip(&after).filter(|(was, _)| hosts.iter().any(|host| host == host_of(was))) {
            let path = |url: &str| url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path.to_owned());
            // Signatures cover the address, and change with it.
            let (was, is) = (path(was).unwrap_or_default(), path(is).unwrap_or_default());
            assert_eq!(is.split('?').next(), Some(&*format!("here/{}", was.split('?').next().unwrap_or_default())), "{name}");
        }
        // One alone, and the others stay.
        for endpoint in about.endpoints {
            let (from, to) = (real(about, &given, endpoint.key), format!("https://{}.moved.example/x", endpoint.key.replace('_', "-")));
            let mut one = Given::at(network);
            one.app.instance.clone_from(&given.app.instance);
            one.app.endpoints.insert(endpoint.key.into(), to.clone());
            assert_eq!(one.cx().endpoint(about, endpoint.key).as_deref(), Some(to.as_str()), "{name}");
            let after = asked(&one).await;
            for (was, is) in before.iter().zip(&after) {
                if host_of(is).ends_with("moved.example") {
                    assert!(is.starts_with(&to) && was.starts_with(&from), "{name}, {}: {was} became {is}", endpoint.key);
                    moved_alone += 1;
                } else {
                    assert_eq!(host_of(was), host_of(is), "{name}, {}", endpoint.key);
                }
            }
            one.app.endpoints.insert(endpoint.key.into(), String::new());
            assert_eq!(one.cx().endpoint(about, endpoint.key), None, "{name}: it can be switched off");
        }
    }
    assert!(moved_alone > 80, "only {moved_alone}");
}

#[tokio::test]
async fn every_network_asks_for_the_scopes_that_are_set() {
    for network in networks::ALL.iter().copied() {
        let (about, name) = (network.about(), network.about().name);
        // XING has no scopes; at Bluesky and Mastodon they go to the server before the person does (twins).
        if about.scopes.is_empty() || about.registration != Registration::ByHand {
            continue;
        }
        let mut given = Given::at(network);
        given.app.scopes = vec!["one.of.ours".into(), "another".into()];
        let start = Start { state: Secret::new("the-state"), hint: None, expected_person: None };
        let begun = network.begin(given.cx(), &Heard::new("{}"), &start).await.expect("begins");
        let url = url::Url::parse(&begun.url).expect("an address");
        let asked = url.query_pairs().find(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned()).unwrap_or_default();
        assert_eq!(asked.split([' ', ',']).collect::<Vec<_>>(), ["one.of.ours", "another"], "{name}: {asked}");
    }
}

fn picture() -> Media {
    let url = Some("https://pictures.example/hut.jpg".to_owned());
    Media { url, content_type: "image/jpeg".into(), bytes: Bytes::from_static(b"picture"), alt: None }
}

/// What the network wants with a post: nothing, a picture or a film.
fn media(given: &Given) -> Vec<Media> {
    let film = Media { content_type: "video/mp4".into(), ..picture() };
    let fits = |media: &Vec<Media>| {
        let post = Post { text: "Huts".into(), title: Some("Huts".into()), media: media.clone(), ..Post::default() };
        given.network.check(&given.app, place(given.network.about().name), Draft::Post(&post)).is_ok()
    };
    [vec![], vec![picture()], vec![film]].into_iter().find(fits).unwrap_or_default()
}

#[tokio::test]
async fn a_further_parameter_of_the_login_page_can_be_set_and_none_of_the_protocol() {
    let mut seen = 0;
    for network in networks::ALL.iter().copied().filter(|network| network.about().registration == Registration::ByHand) {
        let name = network.about().name;
        let begin = async |options: &[(&str, &str)]| {
            let mut given = Given::at(network);
            given.app.options.extend(options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
            let start = Start { state: Secret::new("the-state"), hint: None, expected_person: None };
            let begun = network.begin(given.cx(), &Heard::new("{}"), &start).await.ok()?;
            Some(url::Url::parse(&begun.url).expect("an address"))
        };
        let Some(usual) = begin(&[]).await else { continue };
        if !network.about().takes_login_parameters() {
            let set = begin(&[("authorize.enable_fb_login", "0")]).await.expect("begins");
            assert!(set.query_pairs().all(|(name, _)| name != "enable_fb_login"), "{name}: has a place for it after all");
            continue;
        }
        let set =
            begin(&[("authorize.enable_fb_login", "0"), ("authorize.state", "theirs"), ("authorize.redirect_uri", "https://evil.example")]);
        let set = set.await.expect("begins");
        let of = |url: &url::Url| url.query_pairs().into_owned().collect::<Vec<(String, String)>>();
        let expected = [of(&usual), vec![("enable_fb_login".into(), "0".into())]].concat();
        assert_eq!(of(&set).iter().collect::<std::collections::BTreeSet<_>>(), expected.iter().collect(), "{name}");
        // What is usual gives way.
        let (name_of_one, _) = of(&usual).pop().expect("a parameter");
        if !["scope", "state", "code_challenge_method", "redirect_uri"].contains(&name_of_one.as_str()) {
            let other = begin(&[(format!("authorize.{name_of_one}").as_str(), "other")]).await.expect("begins");
            let values: Vec<_> = of(&other).into_iter().filter(|(name, _)| *name == name_of_one).collect();
            assert_eq!(values, [(name_of_one, "other".to_owned())], "{name}");
        }
        seen += 1;
    }
    assert!(seen >= 12, "only {seen}");
}

/// A draft that fits but for its length.
fn draft(given: &Given, length: usize) -> Post {
    Post { text: "x".repeat(length), title: Some("Huts".into()), media: media(given), ..Post::default() }
}

/// Where something is published to.
fn place(name: &str) -> Target<'static> {
    let kind = match name {
        "pinterest" => Kind::Board,
        "google_business" => Kind::Location,
        "linkedin" | "facebook" | "instagram_page" => Kind::Page,
        "youtube" => Kind::Channel,
        _ => Kind::Account,
    };
    Target { network_id: "1", kind, handle: Some("h") }
}

fn is_too_long(done: &Result<networks::acting::Fit, NotDone>) -> bool {
    matches!(done, Err(NotDone::Invalid { field: "text", .. }))
}

#[test]
fn every_length_of_a_text_can_be_set() {
    let mut seen = 0;
    for network in networks::ALL.iter().copied() {
        let name = network.about().name;
        let Can { publish, comment, reply, .. } = network.about().can;
        let mut given = Given::at(network);
        // Films at TikTok have a caption of a length of its own.
        for (key, far) in [("text_max", "90000"), ("caption_max", "90000"), ("bytes_max", "400000"), ("comment_max", "90000")] {
            given.app.options.insert(key.into(), far.into());
        }
        let check = |given: &Given, length: usize| network.check(&given.app, place(name), Draft::Post(&draft(given, length)));
        let say = |given: &Given, length: usize| {
            let text = "x".repeat(length);
            let draft = Draft::Comment { in_reply_to: if comment.is_yes() { None } else { Some("1") }, text: &text };
            network.check(&given.app, place(name), draft)
        };
        // What a network that was only begun cannot do yet has no length.
        if !publish.is_yes() {
            continue;
        }
        seen += 1;
        assert!(check(&given, 80_000).is_ok(), "{name}: more than usual: {:?}", check(&given, 80_000));
        let speaks = comment.is_yes() || reply.is_yes();
        assert!(!speaks || say(&given, 80_000).is_ok(), "{name}: {:?}", say(&given, 80_000));
        for key in ["text_max", "caption_max", "comment_max"] {
            given.app.options.insert(key.into(), "30".into());
        }
        assert!(is_too_long(&check(&given, 31)) && check(&given, 30).is_ok(), "{name}: {:?}", check(&given, 31));
        assert!(!speaks || (is_too_long(&say(&given, 31)) && say(&given, 30).is_ok()), "{name}: {:?}", say(&given, 31));
    }
    assert!(seen >= 16, "only {seen}");
}

#[test]
fn the_number_of_pictures_can_be_set() {
    let mut seen = 0;
    for network in networks::ALL.iter().copied() {
        let (name, mut given) = (network.about().name, Given::at(network));
        let many = |n: usize| Post { media: vec![picture(); n], ..draft(&given, 5) };
        if network.check(&given.app, place(name), Draft::Post(&many(1))).is_err() {
            continue;
        }
        seen += 1;
        let (twelve, thirty) = (many(12), many(30));
        let fits = |given: &Given, post: &Post| network.check(&given.app, place(name), Draft::Post(post)).is_ok();
        given.app.options.insert("pictures_max".into(), "30".into());
        assert!(fits(&given, &thirty), "{name}");
        given.app.options.insert("pictures_max".into(), "11".into());
        assert!(!fits(&given, &twelve), "{name}");
    }
    assert!(seen >= 6, "only {seen}");
}
