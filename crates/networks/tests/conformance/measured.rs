//! What a check says beforehand is what publishing does.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use networks::Network;
use networks::acting::{Acting, Draft, Media, NotDone, Post, Target};
use networks::network::Kind;
use networks::wire::{BoxFuture, Wire, WireError};
use proptest::prelude::*;

use crate::given::{Given, Still};

/// Counts what is sent, and carries nothing.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wire for Counter {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(WireError::NotSent("nothing goes out here".into())) })
    }
}

fn media() -> impl Strategy<Value = Media> {
    let kind = prop::sample::select(vec!["image/png", "image/gif", "video/mp4", "text/html"]);
    let url = prop::option::of(Just("https://p.example/p.png".to_owned()));
    (kind, url, 0..3_usize).prop_map(|(kind, url, size)| Media { url, content_type: kind.into(), bytes: vec![7; size].into(), alt: None })
}

fn posts() -> impl Strategy<Value = Post> {
    let text = prop_oneof![
        "[a-zäß日👍 ]{0,40}",
        (0..70_000_usize, prop::sample::select(vec!["a", "ü", "👍🏽", "日", "https://a.example/x "]))
            .prop_map(|(n, piece)| piece.repeat(n / piece.len()))
    ];
    let link =
        prop::option::of(prop::sample::select(vec!["https://a.example/x", "javascript:alert(1)", "nowhere", ""]).prop_map(str::to_owned));
    let title = prop::option::of("[a-z<]{0,120}");
    let key = Just("prf_1/k".to_owned());
    (text, link, title, prop::collection::vec(media(), 0..6), key).prop_map(|(text, link, title, media, key)| Post {
        text,
        link,
        title,
        media,
        key,
    })
}

async fn both(network: &'static dyn Network, kind: Kind, post: &Post) -> (Result<(), NotDone>, Result<(), NotDone>, usize) {
    let given = Given::at(network);
    let (cx, tokens, wire) = (given.cx(), given.tokens(), Counter::default());
    let target = Target { network_id: "1", kind, handle: Some("h") };
    let checked = network.check(&given.app, target, Draft::Post(post)).map(drop);
    let by = Acting { cx, clock: &Still, wire: &wire, tokens: &tokens, target };
    let published = network.publish(by, post).await.map(drop);
    let sent = wire.0.load(Ordering::Relaxed);
    (checked, published, sent)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What does not fit is refused with the same words and nothing is sent; what fits is sent.
    #[test]
    fn publishing_refuses_what_the_check_refuses(post in posts(), kind in prop::sample::select(vec![Kind::Page, Kind::Board])) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for network in networks::ALL {
            let name = network.about().name;
            let (checked, published, sent) = runtime.block_on(both(*network, kind, &post));
            match checked {
                Err(why) => {
                    prop_assert!(matches!(why, NotDone::Invalid { .. } | NotDone::NotSupported(_)), "{}: {:?}", name, why);
                    prop_assert_eq!((published, sent), (Err(why), 0), "{}", name);
                }
                // What only the network's own server knows may still be too long for it.
                Ok(()) => prop_assert!(sent > 0, "{}: {:?}", name, published),
            }
        }
    }

    #[test]
    fn commenting_refuses_what_the_check_refuses(text in posts().prop_map(|post| post.text), answers: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for network in networks::ALL {
            let given = Given::at(*network);
            let (cx, tokens, wire) = (given.cx(), given.tokens(), Counter::default());
            let target = Target { network_id: "1", kind: Kind::Page, handle: Some("h") };
            let in_reply_to = answers.then_some("2");
            let Err(why) = network.check(&given.app, target, Draft::Comment { in_reply_to, text: &text }) else { continue };
            let by = Acting { cx, clock: &Still, wire: &wire, tokens: &tokens, target };
            let said = runtime.block_on(network.comment(by, "1", in_reply_to, &text)).map(drop);
            prop_assert_eq!((said, wire.0.load(Ordering::Relaxed)), (Err(why), 0), "{}", network.about().name);
        }
    }
}

/// Lengths are those of the network, not ours.
#[test]
fn each_network_counts_in_its_own_way() {
    let counted = |name: &str, text: &str| {
        let network = networks::find(name).expect("a network");
        let target = Target { network_id: "1", kind: Kind::Page, handle: None };
        let post = Post { text: text.into(), ..Post::default() };
        network.check(&Given::at(network).app, target, Draft::Post(&post)).map(|fit| (fit.counted, fit.max))
    };
    let family = "👨‍👩‍👧";
    assert_eq!(counted("x", family), Ok((2, 280)));
    assert_eq!(counted("bluesky", family), Ok((1, 300)));
    assert_eq!(counted("xing", family), Ok((5, 420)));
    assert_eq!(counted("mastodon", "https://a.example/a/very/long/address/indeed"), Ok((23, 500)));
    assert_eq!(counted("x", "https://a.example/a/very/long/address/indeed"), Ok((23, 280)));
    assert!(matches!(counted("xing", &"ä".repeat(421)), Err(NotDone::Invalid { field: "text", .. })));
    // A server of one's own may take more: that is said, and not refused here.
    let mastodon = networks::find("mastodon").expect("a network");
    let target = Target { network_id: "1", kind: Kind::Account, handle: None };
    let post = Post { text: "ä".repeat(501), ..Post::default() };
    let fit = mastodon.check(&Given::at(mastodon).app, target, Draft::Post(&post)).expect("fits");
    assert!(fit.counted == 501 && fit.max == 500 && fit.note.is_some());
}
