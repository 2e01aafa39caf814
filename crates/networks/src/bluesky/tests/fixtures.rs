//! Answers as they came over the wire, each with what it has to be read as in its first lines:
//!
//! ```text
//! # call: renew | probe | exchange
//! # reads: one of the readings below
//! # what it is
//! HTTP/1.1 400 Bad Request
//! ```

use std::path::Path;

use lifecycle::diagnosis::{Diagnosis, Finding};
use proptest::prelude::*;

use super::*;
use crate::network::{Answer, Failure, Renewal};

fn finding(diagnosis: &Diagnosis) -> String {
    match &diagnosis.finding {
        Finding::Works => "works".into(),
        Finding::Transient { retry_after: None } => "transient".into(),
        Finding::Transient { retry_after: Some(wait) } => format!("transient, wait {}", wait.as_seconds()),
        Finding::Misconfigured => "misconfigured".into(),
        Finding::Refused { cause, confidence, terminal } => {
            format!("refused {cause} {confidence}{}", if *terminal { " terminal" } else { "" })
        }
    }
}

fn read(call: &str, answer: &Response<Bytes>) -> String {
    let house = House::public();
    let tokens = house.tokens();
    match call {
        "renew" => match Bluesky.read_renew(house.cx(), &tokens, answer) {
            Answer::AskAgain { .. } => "ask again".into(),
            Answer::Done(Renewal::Renewed(_)) => "renewed".into(),
            Answer::Done(Renewal::Unclear(_)) => "unclear".into(),
            Answer::Done(Renewal::Failed(diagnosis)) => finding(&diagnosis),
        },
        "probe" => match Bluesky.read_probe(house.cx(), &tokens, answer) {
            Answer::AskAgain { .. } => "ask again".into(),
            Answer::Done(diagnosis) => finding(&diagnosis),
        },
        "exchange" => {
            let memory = Session::of(&tokens).map(|session| session.memory()).unwrap_or_default();
            let callback = callback(&[("code", "c"), ("iss", "https://as.example")]);
            match Bluesky.read_exchange(house.cx(), &memory, &callback, answer) {
                Ok(Answer::AskAgain { .. }) => "ask again".into(),
                Ok(Answer::Done(_)) => "issued".into(),
                Err(Failure::Unavailable { .. }) => "unavailable".into(),
                Err(Failure::StaleCode { .. }) => "stale code".into(),
                Err(Failure::Misconfigured { .. }) => "misconfigured".into(),
                Err(Failure::Suspicious { .. }) => "suspicious".into(),
                Err(other) => format!("{other:?}"),
            }
        }
        other => panic!("{other} is no call"),
    }
}

use super::super::session::Session;

#[test]
fn every_fixture_reads_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bluesky");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path()) {
        let text = std::fs::read_to_string(&entry).expect("text");
        let head = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix("# ")?.strip_prefix(name))
                .unwrap_or_else(|| panic!("{name} is missing in {}", entry.display()))
        };
        let wire = text.lines().skip_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let (top, body) = wire.split_once("\n\n").unwrap_or((&wire, ""));
        let mut lines = top.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).expect("a status");
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        assert_eq!(read(head("call: "), &answer(status, &headers, body)), head("reads: "), "{}", entry.display());
        count += 1;
    }
    assert!(count >= 25, "only {count} fixtures were found");
}

#[test]
fn an_answer_larger_than_it_may_be_says_nothing() {
    let body = format!(r#"{{"error":"invalid_grant","error_description":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(read("renew", &answer(400, &[], &body)), "transient");
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(read("probe", &answer(200, &[], &deep)), "transient");
    assert_eq!(read("renew", &answer(200, &[], &deep)), "unclear");
}

proptest! {
    #[test]
    fn nonsense_is_never_a_refusal_and_never_a_panic(status in 200_u16..600, header in "[ -~]{0,60}", body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let answer = Response::builder().status(status).header("www-authenticate", header).body(Bytes::from(body)).expect("an answer");
        for call in ["renew", "probe", "exchange"] {
            let reading = read(call, &answer);
            prop_assert!(!reading.starts_with("refused"), "{call}: {reading}");
        }
    }

    #[test]
    fn cut_answers_are_never_a_refusal(cut in 0_usize..120) {
        let whole = r#"{"error":"AccountTakedown","message":"Account has been taken down","more":["and","so","on","and","so","on"]}"#;
        let body = &whole[..cut.min(whole.len() - 1)];
        prop_assert!(!read("probe", &answer(401, &[], body)).starts_with("refused"));
    }
}
