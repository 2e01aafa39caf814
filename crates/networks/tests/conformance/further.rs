//! Further apps at a network that is shipped.

use std::collections::{BTreeMap, BTreeSet};

use networks::catalogue::define_like;

/// A method that is added to the trait with a usual answer would silently be answered as usual by a further app.
#[test]
fn everything_is_passed_on() {
    let names = |text: &'static str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("    fn "));
        lines.map(|line| line.split(['(', '<']).next().unwrap_or_default()).collect::<BTreeSet<_>>()
    };
    let asked = names(include_str!("../../src/network.rs").split("pub trait Network").nth(1).expect("the trait"));
    let passed_on = names(include_str!("../../src/another.rs").split("impl Network for Another").nth(1).expect("the adapter"));
    let missing: Vec<_> = asked.difference(&passed_on).copied().collect();
    assert!(asked.len() > 40 && missing.is_empty(), "{missing:?}");
}

#[test]
fn a_further_app_has_a_name_of_its_own() {
    for _ in 0..2 {
        assert_eq!(define_like("linkedin_of_pages", "LinkedIn pages", "linkedin"), Ok(()), "a configuration may be read again");
    }
    let known = networks::find("linkedin_of_pages").expect("it is known");
    let shipped = networks::find("linkedin").expect("shipped");
    assert_eq!((known.about().title, known.about().endpoints.len()), ("LinkedIn pages", shipped.about().endpoints.len()));
    let ends = known.ends(&BTreeMap::new()).expect("its version ends").1;
    let says = |words: &str| words.contains("networks.linkedin_of_pages.options.version");
    assert!(says(&ends.en) && says(&ends.de), "{ends:?}");
    for (name, like) in
        [("linkedin_of_pages", "x"), ("x", "linkedin"), ("more", "nowhere"), ("more", "mastodon"), ("more", "linkedin_of_pages")]
    {
        assert!(define_like(name, "More", like).is_err(), "{name} like {like}");
    }
}
