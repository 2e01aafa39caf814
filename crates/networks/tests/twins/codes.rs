//! Every code and subcode of Meta's error tables, from the twin's answer to what is concluded: a table that can be counted. From the
//! knowledge base: `facebook` sections 5 and 8, `instagram` 5 and 8, `threads` 5.

use lifecycle::diagnosis::Finding;
use networks::acting::{NotDone, Post};

use crate::{Bench, picture, target};

/// What publishing says of a code: a cause with its confidence, a field of the post, our app, or that it passes.
type Row = (&'static str, &'static str);

/// Dead tokens, by subcode alone: 452, 456 and 457, 461, 462, 465, 466, 468 and 490 are known from the field, the rest is official.
const SUBCODES: &[Row] = &[
    ("452", "password_changed guess"),
    ("456", "unknown guess"),
    ("457", "unknown guess"),
    ("458", "revoked_by_person certain"),
    ("459", "person_blocked certain"),
    ("460", "password_changed certain"),
    ("461", "expired certain"),
    ("462", "expired certain"),
    ("463", "expired certain"),
    ("464", "person_blocked certain"),
    ("465", "person_blocked guess"),
    ("466", "revoked_by_person certain"),
    ("467", "expired certain"),
    ("468", "expired certain"),
    ("490", "person_blocked certain"),
    ("492", "permission_lost certain"),
];

/// The other codes, at all four.
const CODES: &[Row] = &[
    ("190", "unknown guess"),
    ("102", "unknown guess"),
    ("1", "passes"),
    ("2", "passes"),
    ("3", "our app"),
    ("4", "passes"),
    ("10", "permission_lost likely"),
    ("17", "passes"),
    ("32", "passes"),
    ("100", "our app"),
    ("100/33", "permission_lost guess"),
    // Of a code at login; anywhere else our mistake.
    ("100/36007", "our app"),
    ("100/36008", "our app"),
    ("100/36009", "our app"),
    ("101", "our app"),
    ("104", "our app"),
    ("200", "permission_lost likely"),
    ("210", "permission_lost likely"),
    ("299", "permission_lost likely"),
    ("341", "passes"),
    ("368", "person_blocked likely"),
    ("368/4854002", "person_blocked likely"),
    ("368/1404082", "person_blocked likely"),
    ("506", "passes"),
    ("613", "passes"),
    ("1705", "our app"),
    ("1609005", "passes"),
    ("80001", "passes"),
    ("80002", "passes"),
];

/// What publishing at Facebook says beside these, or in other words.
const PAGES: &[Row] = &[
    ("506", "text"),
    ("1609005", "link"),
    ("100/1366046", "media"),
    ("100/1390008", "passes"),
    ("100/1346003", "text"),
    ("100/1404102", "text"),
    ("368/1404006", "person_blocked likely"),
    ("368/1404078", "person_blocked likely"),
    ("368/1404112", "person_blocked likely"),
    ("100/1363047", "passes"),
    ("100/1609010", "passes"),
    ("100/1366051", "media"),
    ("100/1609008", "link"),
    ("100/2061006", "link"),
    ("100/1349125", "text"),
];

/// What publishing at Instagram says beside these.
const MEDIA: &[Row] = &[
    ("25/2207050", "person_blocked likely"),
    ("4/2207051", "person_blocked likely"),
    ("9/2207042", "passes"),
    ("-1/2207001", "passes"),
    ("-1/2207053", "passes"),
    ("-2/2207003", "passes"),
    ("36000/2207004", "media"),
    ("24/2207006", "passes"),
    ("24/2207008", "passes"),
    ("36003/2207009", "media"),
    ("36004/2207010", "text"),
    ("24/2207020", "media"),
    ("352/2207023", "media"),
    ("352/2207026", "media"),
    ("100/2207028", "media"),
    ("100/2207032", "passes"),
    ("9004/2207052", "media"),
    ("100/2207057", "media"),
    ("36001", "media"),
    ("36003", "media"),
];

const THREADS: &[Row] =
    &[("10/4279013", "person_blocked likely"), ("4/2207051", "person_blocked likely"), ("1349026", "our app"), ("4476002", "our app")];

/// Every code that a network is documented to refuse with, and what is concluded from it.
fn table(own: &[Row]) -> Vec<(String, &'static str)> {
    let dead = SUBCODES.iter().flat_map(|(subcode, says)| ["190", "102", ""].map(|code| (format!("{code}/{subcode}"), *says)));
    let is_elsewhere = |code: &str| own.iter().any(|(known, _)| *known == code);
    let others = CODES.iter().filter(|(code, _)| !is_elsewhere(code)).chain(own);
    dead.chain(others.map(|(code, says)| ((*code).to_owned(), *says))).collect()
}

fn says(done: &NotDone) -> String {
    match done {
        NotDone::Invalid { field, words } => {
            assert!(!words.en.is_empty() && !words.de.is_empty() && words.en != words.de);
            (*field).to_owned()
        }
        NotDone::Refused(diagnosis) => match diagnosis.finding {
            Finding::Refused { cause, confidence, terminal: false } => {
                format!("{} {}", cause.as_str(), format!("{confidence:?}").to_lowercase())
            }
            Finding::Misconfigured => "our app".into(),
            Finding::Transient { .. } => "passes".into(),
            ref other => panic!("{other:?}"),
        },
        // After a 500 nobody knows.
        NotDone::Unclear(_) => "passes".into(),
        NotDone::NotSupported(words) => panic!("{words:?}"),
    }
}

#[tokio::test]
async fn every_documented_code_and_subcode_has_its_cause() {
    for (name, own) in [("facebook", PAGES), ("instagram", MEDIA), ("instagram_page", MEDIA), ("threads", THREADS)] {
        let table = table(own);
        let bench = Bench::new(name);
        let tokens = bench.connect(&bench.somebody()).await;
        let found = bench.discover(&tokens).await.expect("listed");
        let place = found.profiles.iter().find(|found| found.unusable.is_none()).expect("a place to publish");
        let post = Post { text: "Huts".into(), media: vec![picture()], ..Post::default() };
        let mut wrong = vec![];
        for (code, expected) in &table {
            bench.trouble(code);
            let refused = bench.network.publish(bench.acting(&tokens, target(place)), &post).await.expect_err("refused");
            let told = says(&refused);
            if told != *expected {
                wrong.push(format!("{name} {code}: {told}, not {expected}: {refused:?}"));
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        // The twin knows these and no others, so that none is forgotten on either side.
        let known = bench.troubles_known();
        let codes: Vec<&String> = known.iter().filter(|name| !name.contains(char::is_alphabetic)).collect();
        let missing: Vec<_> = codes.iter().filter(|code| !table.iter().any(|(known, _)| known == **code)).collect();
        assert!(
            missing.is_empty() && codes.len() == table.len(),
            "{name}: {} codes, {} in the table, without {missing:?}",
            codes.len(),
            table.len()
        );
    }
    assert_eq!((table(PAGES).len(), table(MEDIA).len(), table(THREADS).len()), (90, 97, 81));
}

/// Whatever number the adapters compare with is in the table.
#[test]
fn no_code_of_the_adapters_is_left_out() {
    let sources =
        [include_str!("../../src/meta.rs"), include_str!("../../src/meta/container.rs"), include_str!("../../src/facebook/refusals.rs")];
    // A kind of picture that Instagram's list has no line of its own for; what our own shape of errors calls 400.
    let known = ["2207005", "400"];
    let listed: Vec<&str> =
        SUBCODES.iter().chain(CODES).chain(PAGES).chain(MEDIA).chain(THREADS).flat_map(|(code, _)| code.split('/')).chain(known).collect();
    let mut seen = 0;
    for source in sources {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for line in source.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.contains("Span::")) {
            let numbers = line.split(|c: char| !c.is_ascii_digit() && c != '_').map(|number| number.replace('_', ""));
            // Status, sizes and lives are shorter, or stand with their units.
            for number in numbers.filter(|number| number.len() >= 3 && number.chars().all(|c| c.is_ascii_digit())) {
                if (461..=463).any(|n| number == n.to_string()) || number == "299" || number == "256" {
                    continue;
                }
                seen += 1;
                assert!(listed.contains(&number.as_str()), "{number} is compared with and not in the table: {line}");
            }
        }
    }
    assert!(seen > 60, "only {seen}");
}
