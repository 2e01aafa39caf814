//! One flow for every network against its simulated twin: connect, check, renew, publish, comment, die by each cause,
//! diagnose, reconnect, revoke. Prints a matrix; nothing here knows a network but the table of what is known of each.
#![expect(clippy::unwrap_used, reason = "tests")]

mod house;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use house::{House, Outcome};
use lifecycle::words::{Cause, Confidence};
use networks::Network;
use networks::acting::{Acting, NotDone, Post, Target};
use networks::network::{Asks, Failure, Found, Renewal};
use serde_json::json;

/// A way to lose an access, with what the sandbox knows is the truth.
#[derive(Debug, Clone, Copy)]
enum Death {
    PasswordChanged,
    Revoked,
    Blocked,
    RoleLost,
    /// The day on which the person must log in again has passed.
    Due,
    /// The same, and only then a role is lost.
    RoleLostLate,
}

const DEATHS: [(Death, &str); 6] = [
    (Death::PasswordChanged, "password"),
    (Death::Revoked, "revoked"),
    (Death::Blocked, "blocked"),
    (Death::RoleLost, "role lost"),
    (Death::Due, "day due"),
    (Death::RoleLostLate, "role lost late"),
];

/// A person of the seeded world for each network, one who can act there.
fn somebody(house: &House, network: &str) -> Option<String> {
    let state = house.state();
    let people = state["people"].as_array().unwrap();
    let admin = |username: &str| {
        let pages = state["pages"].as_array().unwrap();
        let mut mine = pages.iter().filter(|page| page["network"] == network).peekable();
        mine.peek().is_none() || mine.any(|page| page["roles"].as_array().unwrap().iter().any(|role| role[0] == username))
    };
    let here = people.iter().filter(|person| person["network"] == network).map(|person| person["username"].as_str().unwrap());
    here.clone().find(|username| admin(username)).or_else(|| here.clone().next()).map(str::to_owned)
}

/// What was found out, for the matrix.
#[derive(Default)]
struct Tally {
    cells: BTreeMap<(&'static str, &'static str), String>,
    sure: u32,
    right: u32,
    wrong: Vec<String>,
}

impl Tally {
    fn note(&mut self, network: &'static str, column: &'static str, cell: impl Into<String>) {
        self.cells.insert((network, column), cell.into());
    }

    fn print(&self, columns: &[&'static str]) -> String {
        let mut text = format!("{:<18}", "");
        for column in columns {
            write!(text, "{column:<20}").unwrap();
        }
        for network in networks::ALL.iter().map(|network| network.about().name) {
            write!(text, "\n{network:<18}").unwrap();
            for column in columns {
                let cell = self.cells.get(&(network, *column)).map_or("", String::as_str);
                write!(text, "{cell:<20}").unwrap();
            }
        }
        text
    }
}

#[tokio::test]
async fn every_network_goes_the_whole_way() {
    let mut tally = Tally::default();
    for network in networks::ALL.iter().copied() {
        let name = network.about().name;
        if !sandbox::World::has(name) {
            tally.note(name, "connect", "no twin");
            continue;
        }
        let house = House::new(network);
        let username = somebody(&house, name).unwrap_or_else(|| panic!("nobody lives at {name}"));
        lives(&house, network, &username, &mut tally).await;
        for (death, column) in DEATHS {
            dies(network, &username, death, column, &mut tally).await;
        }
    }
    let columns = [
        "connect",
        "check",
        "renew",
        "publish",
        "comment",
        "read",
        "reply",
        "revoke",
        "password",
        "revoked",
        "blocked",
        "role lost",
        "day due",
        "role lost late",
    ];
    println!("{}\n\ncauses: {} of {} named with confidence are right", tally.print(&columns), tally.right, tally.sure);
    assert!(tally.wrong.is_empty(), "named with confidence, and wrong:\n{}", tally.wrong.join("\n"));
    assert!(tally.sure > 0 && f64::from(tally.right) >= 0.99 * f64::from(tally.sure));
}

async fn lives(house: &House, network: &'static dyn Network, username: &str, tally: &mut Tally) {
    let name = network.about().name;
    let mut held = house.connect(username).await.unwrap_or_else(|failure| panic!("{name}: {username} does not connect: {failure:?}"));
    let usable: Vec<Found> = held.discovery.profiles.iter().filter(|found| found.unusable.is_none()).cloned().collect();
    assert!(!usable.is_empty(), "{name}: {username} finds nothing to act as: {:?}", held.discovery.profiles);
    for refused in held.discovery.profiles.iter().filter_map(|found| found.unusable.as_ref()) {
        assert!(!refused.en.is_empty() && !refused.de.is_empty(), "{name}: a refusal says why in both languages");
    }
    let unusable = held.discovery.profiles.len() - usable.len();
    tally.note(name, "connect", if unusable > 0 { format!("{} (+{unusable} no)", usable.len()) } else { usable.len().to_string() });
    let seen = house.probe(&held.issued.tokens).await;
    assert!(matches!(seen, Outcome::Works), "{name}: {seen:?}");
    tally.note(name, "check", "yes");
    tally.note(name, "renew", "by person");
    if held.issued.renewable {
        for _ in 0..2 {
            house.pass(house.before_renewal());
            match house.renew(&held.issued.tokens).await {
                Some(Renewal::Renewed(issued)) => held.issued.tokens = issued.tokens.keeping_from(&held.issued.tokens),
                other => panic!("{name}: a good token is not renewed: {other:?}"),
            }
            let seen = house.probe(&held.issued.tokens).await;
            assert!(matches!(seen, Outcome::Works), "{name}: after a renewal: {seen:?}");
        }
        tally.note(name, "renew", "yes");
    }
    acts(house, network, username, &held, &usable, tally).await;
    let revoked = house.revoke(&held.issued.tokens).await;
    tally.note(
        name,
        "revoke",
        match revoked {
            None => "not offered",
            Some(true) => "yes",
            Some(false) => panic!("{name}: the network does not revoke"),
        },
    );
    if revoked == Some(true) {
        let seen = house.look(&held).await;
        assert!(matches!(seen, Outcome::Refused { .. }), "{name}: still works after it was revoked: {seen:?}");
    }
}

/// A picture of one pixel: some networks publish nothing without one.
fn picture() -> networks::acting::Media {
    networks::acting::Media {
        url: Some("https://pictures.example/pixel.png".into()),
        content_type: "image/png".into(),
        bytes: house::pixel(),
        alt: Some("a pixel".into()),
    }
}

/// A film, for networks that take nothing else.
fn film() -> networks::acting::Media {
    networks::acting::Media {
        url: Some("https://pictures.example/film.mp4".into()),
        content_type: "video/mp4".into(),
        bytes: house::pixel(),
        alt: None,
    }
}

fn as_target(found: &Found) -> Target<'_> {
    Target { network_id: &found.network_id, kind: found.kind, handle: found.handle.as_deref() }
}

async fn acts(house: &House, network: &'static dyn Network, username: &str, held: &house::Held, usable: &[Found], tally: &mut Tally) {
    let (name, can) = (network.about().name, network.about().can);
    let words = "Fernweh Outdoor opens a new hut";
    let post = |media| Post { text: words.into(), title: Some("A new hut".into()), link: None, media, key: "key-1".into() };
    let tries = [post(vec![]), post(vec![picture()]), post(vec![film()])];
    let by = |target| Acting { cx: house.cx(), clock: house, wire: house, tokens: &held.issued.tokens, target };
    let mut done = None;
    'published: for found in usable {
        let target = as_target(found);
        for post in &tries {
            match network.publish(by(target), post).await {
                Ok(posted) => {
                    done = Some((found, posted));
                    break 'published;
                }
                Err(NotDone::NotSupported(words)) => assert!(!can.publish.is_yes() && !words.de.is_empty(), "{name}: says it can publish"),
                Err(NotDone::Invalid { .. }) => {}
                Err(other) => panic!("{name}: {} does not publish {post:?}: {other:?}", found.name),
            }
        }
    }
    assert_eq!(done.is_some(), can.publish.is_yes(), "{name}: publishing is as it says");
    let Some((found, posted)) = done else {
        for column in ["publish", "comment", "read", "reply"] {
            tally.note(name, column, "no");
        }
        return;
    };
    tally.note(name, "publish", "yes");
    let state = house.state();
    let kept = state["posts"].as_array().unwrap().iter().filter(|post| post["network"] == name).count();
    assert_eq!(kept, 1, "{name}: published once: {state}");
    let (target, can) = (as_target(found), network.can_as(found.kind));
    let seen =
        house.state()["posts"].as_array().unwrap().iter().find(|post| post["network"] == name).unwrap()["id"].as_str().unwrap().to_owned();
    // Spoken to by name: there are networks where a tool may answer nobody else.
    let asks = format!("Where is it, @{username}?");
    house.control("/comments", &json!({ "network": name, "post": seen, "author": "Ada Visitor", "text": asks }));
    let mut under = posted.id.clone();
    let mut said = network.comments(by(target), &under).await;
    if can.read_comments.is_yes() && matches!(said, Err(NotDone::NotSupported(_))) {
        // Where posts have no comments, people speak about the profile itself (reviews of a location).
        under = target.network_id.to_owned();
        said = network.comments(by(target), &under).await;
    }
    let asked = match &said {
        Ok(list) if under == posted.id => {
            Some(list.iter().find(|comment| comment.text == asks).unwrap_or_else(|| panic!("{name}: {list:?}")).id.clone())
        }
        Ok(list) => list.first().map(|comment| comment.id.clone()),
        Err(NotDone::NotSupported(_)) => None,
        Err(other) => panic!("{name}: comments are not read: {other:?}"),
    };
    assert_eq!(said.is_ok(), can.read_comments.is_yes(), "{name}: reading comments is as it says");
    tally.note(name, "read", if said.is_ok() { "yes" } else { "no" });
    let own = network.comment(by(target), &posted.id, None, "Two hours from the station.").await;
    assert_eq!(own.is_ok(), can.comment.is_yes(), "{name}: commenting is as it says: {own:?}");
    tally.note(name, "comment", if own.is_ok() { "yes" } else { "no" });
    let to = asked.unwrap_or_else(|| "1".into());
    let reply = network.comment(by(target), &under, Some(&to), "In the valley.").await;
    assert_eq!(reply.is_ok(), can.reply.is_yes(), "{name}: replying is as it says: {reply:?}");
    tally.note(name, "reply", if reply.is_ok() { "yes" } else { "no" });
}

/// One death in a world of its own: what is diagnosed, against what the sandbox knows.
async fn dies(network: &'static dyn Network, username: &str, death: Death, column: &'static str, tally: &mut Tally) {
    let name = network.about().name;
    let house = House::new(network);
    let held = house.connect(username).await.unwrap_or_else(|failure| panic!("{name}: {username} does not connect: {failure:?}"));
    let Some(truth) = house.kill(&held, username, death) else { return tally.note(name, column, "-") };
    // A password that is changed or a day that passes does not end every network's tokens: the sandbox knows.
    let cell = match house.look(&held).await {
        Outcome::Works | Outcome::Harmless if house.is_alive(name, username) => "lives on".to_owned(),
        Outcome::Refused { cause, confidence } => {
            if confidence != Confidence::Guess {
                tally.sure += 1;
                if cause == truth || (truth == Cause::RenewalDue && cause == Cause::Expired) {
                    tally.right += 1;
                } else {
                    tally.wrong.push(format!("{name}, {column}: {cause} ({confidence}), the truth is {truth}"));
                }
            }
            format!("{}{}", cause.as_str(), if confidence == Confidence::Guess { "?" } else { "" })
        }
        other => panic!("{name}, {column}: the death is not seen: {other:?}"),
    };
    if cell != "lives on" {
        house.bring_back(username, death);
        let again = house.connect(username).await.unwrap_or_else(|failure| panic!("{name}: does not come back: {failure:?}"));
        assert_eq!(again.discovery.person.network_id, held.discovery.person.network_id, "{name}: the same person");
        let seen = house.look(&again).await;
        assert!(matches!(seen, Outcome::Works), "{name}, {column}: after coming back: {seen:?}");
    }
    tally.note(name, column, cell);
}

/// Promise 3, for every network in every mood: whatever a network in trouble answers, nothing of it speaks against a token.
#[tokio::test]
async fn promise_3_no_mood_of_a_network_is_a_false_alarm() {
    for network in networks::ALL.iter().copied().filter(|network| sandbox::World::has(network.about().name)) {
        let name = network.about().name;
        for mood in ["outage", "html", "error_after_commit", "cut_body", "rate_limited"] {
            let house = House::new(network);
            let username = somebody(&house, name).unwrap();
            let held = house.connect(&username).await.unwrap();
            house.pass(house.before_renewal());
            house.control("/mood", &json!({ "network": name, "mood": mood }));
            let seen = house.probe(&held.issued.tokens).await;
            // Half of an answer may still hold all that the check needs to know.
            assert!(
                matches!(seen, Outcome::Harmless) || (mood == "cut_body" && matches!(seen, Outcome::Works)),
                "{name}, {mood}: {seen:?}"
            );
            match house.renew(&held.issued.tokens).await {
                None | Some(Renewal::Unclear(_)) => {}
                Some(Renewal::Failed(diagnosis)) => assert!(diagnosis.is_harmless(), "{name}, {mood}: {diagnosis:?}"),
                // Limits of the API are none of the token endpoint's.
                Some(Renewal::Renewed(_)) if mood == "rate_limited" => {}
                Some(Renewal::Renewed(_)) => panic!("{name}, {mood}: a token set out of nothing"),
            }
            let listed = network.discover(house.cx(), &house, &held.issued.tokens).await;
            assert!(listed.as_ref().err().is_none_or(lifecycle::diagnosis::Diagnosis::is_harmless), "{name}, {mood}: {listed:?}");
            if mood == "outage" {
                acts_are_put_off(&house, network, &held).await;
                // Whose server a handle names is asked all over the world, where this house lets nobody go.
                if network.about().asks != Asks::Handle {
                    let again = house.connect(&username).await;
                    assert!(matches!(again, Err(Failure::Unavailable { .. })), "{name}, down: {:?}", again.err());
                }
            }
        }
    }
}

/// What is to be published or said while a network is down, in its own words, says nothing against the token either, and nothing seems done.
async fn acts_are_put_off(house: &House, network: &'static dyn Network, held: &house::Held) {
    let (name, can) = (network.about().name, network.about().can);
    let post = |media| Post { text: "Huts".into(), title: Some("Huts".into()), link: None, media, key: "key-2".into() };
    let tries = [post(vec![]), post(vec![picture()]), post(vec![film()])];
    let mut asked = 0;
    for found in held.discovery.profiles.iter().filter(|found| found.unusable.is_none()) {
        let by = || Acting { cx: house.cx(), clock: house, wire: house, tokens: &held.issued.tokens, target: as_target(found) };
        let mut done = vec![];
        for post in &tries {
            done.push(network.publish(by(), post).await.map(|_| ()));
        }
        done.push(network.comments(by(), "1").await.map(|_| ()));
        done.push(network.comment(by(), "1", Some("1"), "Huts").await.map(|_| ()));
        for done in done {
            match done {
                Err(NotDone::Refused(diagnosis)) => assert!(diagnosis.is_harmless(), "{name}: {diagnosis:?}"),
                Err(NotDone::Unclear(_)) => {}
                // Said before anything is sent.
                Err(NotDone::NotSupported(_) | NotDone::Invalid { .. }) => continue,
                Ok(()) => panic!("{name}: done while it was down"),
            }
            asked += 1;
        }
    }
    assert!(asked > 0 || !can.publish.is_yes(), "{name}: nothing was asked");
}
