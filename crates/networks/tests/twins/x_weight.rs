//! How long a text is to X: adapter and twin count each in their own way, and both as X's open library does.

use std::collections::BTreeSet;

use networks::acting::{Draft, Post, Target};
use networks::network::Kind;

use crate::Bench;

/// Texts and what X's open library (twitter-text 3.1.0, its counting of 2018 and later) says they weigh.
const WEIGHTS: &[(&str, usize)] = &[
    ("Hello", 5),
    ("Grüße", 5),
    ("日本", 4),
    ("한국", 4),
    ("ไทย", 3),
    ("हिन्दी", 6),
    ("Ω", 1),
    ("𝒳", 2),
    ("ﬁ", 2),
    ("…", 2),
    ("—", 1),
    ("“q”", 3),
    ("€", 2),
    ("→", 2),
    ("e\u{301}", 1),
    ("u\u{308}", 1),
    ("a\u{300}\u{301}", 2),
    ("が", 2),
    ("か\u{3099}", 2),
    ("\u{200b}", 1),
    ("\u{feff}", 2),
    ("a\u{200d}b", 3),
    ("a\u{fe0f}", 3),
    ("👍", 2),
    ("👍\u{1f3fd}", 2),
    ("👍👍\u{1f3fd}", 4),
    ("x\u{1f3fd}", 3),
    ("\u{1f3fd}", 2),
    ("👨\u{200d}👩\u{200d}👧", 2),
    ("🏳\u{fe0f}\u{200d}🌈", 2),
    ("\u{1f1e9}\u{1f1ea}", 2),
    ("\u{1f1e9}", 2),
    ("\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}", 4),
    ("\u{1f1e9}\u{1f1ea}\u{1f1eb}", 4),
    ("☎", 2),
    ("☎\u{fe0f}", 2),
    ("❤\u{fe0f}", 2),
    ("©", 1),
    ("©\u{fe0f}", 2),
    ("‼\u{fe0f}", 2),
    ("™", 2),
    ("1\u{fe0f}\u{20e3}", 2),
    ("#\u{fe0f}\u{20e3}", 2),
    ("1", 1),
    ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", 2),
    ("a\r\nb", 4),
    ("See https://example.org/a/very/long/path?with=query now", 31),
    ("http://a.de", 23),
    ("HTTP://A.DE", 23),
    ("https://a.de.", 24),
    ("(https://a.de)", 25),
    ("https://a.de,b", 25),
    ("https://a.de/…", 25),
    ("https://example.org/日本", 27),
    ("https://example.org/a(b)c", 23),
    ("https://sub.example.org:8080/x?y#z!", 24),
    ("https://例え.jp/", 23),
    ("xhttps://a.de", 13),
    ("x:https://a.de", 25),
    ("https://localhost/x", 19),
    ("https://", 8),
    ("https://192.168.0.1/x", 21),
    ("https://a_b.de/x", 16),
    ("https://user@example.org/", 25),
    ("ftp://a.de", 10),
    ("example.com", 23),
    ("www.example.de", 23),
    ("mail@example.de", 15),
    ("a.b", 3),
    ("日本example.com", 27),
];

/// What makes counting hard: what is joined, what is joined to nothing, what looks like an address.
const PARTS: &[&str] = &[
    "a",
    "Z",
    "7",
    "#",
    "@",
    "$",
    " ",
    ".",
    ",",
    "-",
    "_",
    "/",
    "?",
    "(",
    ")",
    ":",
    "\n",
    "é",
    "\u{301}",
    "日",
    "ก",
    "…",
    "\u{200d}",
    "\u{fe0f}",
    "\u{20e3}",
    "\u{1f1e9}",
    "\u{1f1ea}",
    "\u{1f3fd}",
    "\u{e0067}",
    "👍",
    "👩",
    "❤",
    "©",
    "🏴",
    "https://",
    "http://",
    "HTTPS://",
    "a.de",
    "example.com",
    "example.com/",
    "www.",
    ".de",
    "/x?y=z",
    "https://b.ch/x",
    "例え.jp",
    "\u{1f9d1}\u{200d}\u{1f680}",
];

/// What the adapter counts.
fn counted(bench: &Bench, text: &str) -> usize {
    let account = Target { network_id: "1512345678901234567", kind: Kind::Account, handle: None };
    let mut app = bench.app.clone();
    app.options.insert("max_weight".into(), "25000".into());
    let post = Post { text: text.into(), ..Post::default() };
    bench.network.check(&app, account, Draft::Post(&post)).expect("fits").counted
}

/// Whether X takes each of these texts; each is said once.
async fn taken(texts: &[String]) -> Vec<bool> {
    let mut taken = vec![];
    // So many go into a window of calls.
    for texts in texts.chunks(100) {
        let bench = Bench::new("x");
        let tokens = bench.connect("jana_lindner").await;
        for text in texts {
            let request = http::Request::post("http://sandbox.test/x/2/tweets")
                .header("authorization", format!("Bearer {}", tokens.access_token.expose()))
                .body(bytes::Bytes::from(serde_json::json!({ "text": text }).to_string()))
                .expect("a request");
            let answer = bench.handle(&request);
            assert!([201, 400].contains(&answer.status().as_u16()), "{text:?} {answer:?}");
            taken.push(answer.status() == 201);
        }
    }
    taken
}

/// Filled up in front to the limit and one above it.
fn filled(text: &str, weight: usize) -> [String; 2] {
    [280, 281].map(|full| format!("{} {text}", "x".repeat(full - 1 - weight)))
}

#[test]
fn the_adapter_counts_as_the_open_library_does() {
    let bench = Bench::new("x");
    for (text, weight) in WEIGHTS {
        assert_eq!(counted(&bench, &format!("x {text}")), weight + 2, "{text:?}");
    }
}

#[tokio::test]
async fn the_twin_counts_as_the_open_library_does() {
    let texts: Vec<String> = WEIGHTS.iter().flat_map(|(text, weight)| filled(text, *weight)).collect();
    for (text, taken) in texts.chunks(2).zip(taken(&texts).await.chunks(2)) {
        assert_eq!(taken, [true, false], "at the limit and one above: {text:?}");
    }
}

/// Every pair of parts, and longer texts put together in an order that is the same at each run.
#[tokio::test]
async fn adapter_and_twin_agree_on_whatever_is_put_together() {
    let pairs = PARTS.iter().flat_map(|first| PARTS.iter().map(move |second| format!("{first}{second}")));
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        PARTS[usize::try_from(state >> 33).expect("31 bits") % PARTS.len()]
    };
    let longer: Vec<String> = (0..4_000).map(|n| (0..3 + n % 6).map(|_| next()).collect()).collect();
    let bench = Bench::new("x");
    // X takes one stock symbol in a post.
    let put_together: BTreeSet<String> = pairs.chain(longer).filter(|text| text.matches('$').count() < 2).collect();
    let texts: Vec<String> = put_together.iter().flat_map(|text| filled(text, counted(&bench, &format!("x {text}")) - 2)).collect();
    for (text, taken) in texts.chunks(2).zip(taken(&texts).await.chunks(2)) {
        assert_eq!(taken, [true, false], "at the adapter's limit and one above: {text:?}");
    }
}
