use std::collections::BTreeSet;

use serde_json::json;
use store::ids::fresh;
use store::webhooks::SUBSCRIBABLE;

use super::*;

/// Every kind of message but the digest, whose snapshots stand beside its code.
const KINDS: [&str; 26] = [
    "approval_wanted",
    "approvals_wanted",
    "cannot_be_checked",
    "checked_again",
    "connected",
    "deleted",
    "incident_began",
    "incident_ended",
    "invitation",
    "invitation_not_arrived",
    "last_remaining",
    "link_not_arrived",
    "new_profiles",
    "no_access_tokens",
    "out_of_reach",
    "recovered",
    "refused_began",
    "refused_ended",
    "reminder",
    "renew_soon",
    "renewal_link",
    "renewed",
    "storm",
    "test",
    "test_mail",
    "unreached",
];

/// As it lies in the outbox.
fn letter(kind: &str, language: &str, name: &str) -> Letter {
    let of_incident = ["incident_began", "incident_ended", "refused_began", "refused_ended"].contains(&kind);
    let mut profiles = vec![json!({ "id": "prf_00000000000000000000000000000001", "name": name, "network": "linkedin", "kind": "page" })];
    if ["storm", "cannot_be_checked", "checked_again"].contains(&kind) {
        let network = if kind == "storm" { "tiktok" } else { "linkedin" };
        profiles.push(json!({ "id": "prf_00000000000000000000000000000002", "name": "Gipfel & Co", "network": network, "kind": "member" }));
    }
    if of_incident || ["invitation", "invitation_not_arrived", "test", "test_mail"].contains(&kind) {
        profiles.clear();
    }
    Letter {
        id: fresh(),
        organisation: fresh(),
        kind: kind.replace("refused_", "incident_"),
        channel: "mail".into(),
        recipient: "tom@example.com".into(),
        user: None,
        language: language.into(),
        zone: None,
        payload: json!({
            "profiles": profiles,
            "cause": "password_changed", "evidence": { "at": 0, "source": "probe", "words": "revoked by the user" },
            "person": { "name": "Jana Lindner", "handle": null }, "deadline": 1_800_000_000_000_000_i64, "days": 14,
            "organisation": "Fernweh", "asks": "Tom", "reader": "Mira Sato", "expires_at": 1_799_300_000_000_000_i64,
            "network": "linkedin", "server": "", "since": 1_799_000_000_000_000_i64, "count": 12,
            "to": "lena@example.com", "why": kind.ends_with("not_arrived").then_some("550 5.1.1 User unknown"),
            "incident": if kind.starts_with("refused") { "refused" } else { "away" },
        }),
        link: matches!(kind, "invitation" | "renewal_link").then(|| zeroize::Zeroizing::new("https://sg.example/renew/x".to_owned())),
        tries: 1,
        created_at: Timestamp::from_seconds(0),
    }
}

/// `cargo xtask generate` writes them anew.
#[test]
fn rendered_mails_are_those_that_were_read_by_somebody() {
    for kind in KINDS {
        for language in ["en", "de"] {
            let mail = compose(&letter(kind, language, "Fernweh Outdoor"), "https://sg.example");
            // Braces in the styles are no holes.
            let (_, html) = mail.html.split_once("</style>").expect("styles");
            for part in [mail.subject.as_str(), &mail.text, html] {
                assert!(!part.contains(crate::i18n::MISSING) && !part.contains('{'), "{kind} {language}: {part}");
            }
            assert!(mail.text.contains("https://sg.example/") && mail.html.contains("https://sg.example/"), "{kind}: one link");
            insta::assert_snapshot!(format!("{kind}.{language}.txt"), format!("{}\n\n{}", mail.subject, mail.text));
            if language == "en" {
                insta::assert_snapshot!(format!("{kind}.{language}.html"), html.replace("><", ">\n<"));
            }
        }
    }
    let mail = compose(&letter("no_access_tokens", "en", "Fernweh Outdoor"), "https://sg.example");
    assert!(mail.text.contains("Jana Lindner") && mail.text.contains("revoked by the user") && mail.text.contains("password"));
}

/// The table in docs/notifications.md names every kind of message that has words, and every event that leaves the house, each once,
/// with when, to whom, through what, and how to switch it off.
#[test]
fn the_table_of_notifications_is_complete() {
    let words = include_str!("../../i18n/en.toml");
    let kinds = words.lines().filter_map(|line| line.strip_prefix("\"mail.")?.split_once(".subject\"")).map(|(kind, _)| kind);
    let kinds: BTreeSet<&str> = kinds.collect();
    assert_eq!(kinds, KINDS.into_iter().chain(["digest"]).collect(), "a kind of mail without a snapshot, or the other way round");
    let page = include_str!("../../../../../docs/notifications.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| --- |"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let (mut named, mut events) = (vec![], vec![]);
    for row in &rows {
        assert!(row.len() == 5 && row.iter().all(|column| !column.is_empty()), "five columns: {row:?}");
        assert!(!quoted(row[0]).is_empty() || row[0].contains("in the words of"), "which kinds: {row:?}");
        named.extend(quoted(row[0]));
        events.extend(quoted(row[3]));
    }
    named.sort();
    events.sort();
    assert_eq!(named, kinds.into_iter().map(str::to_owned).collect::<Vec<_>>(), "each kind in one row");
    assert_eq!(events.into_iter().collect::<BTreeSet<_>>(), SUBSCRIBABLE.iter().map(|event| (*event).to_owned()).collect());
}

#[test]
fn nt_28_names_break_neither_header_nor_markup() {
    let mail = compose(&letter("no_access_tokens", "en", "Evil\r\nBcc: x@y.z <script>"), "https://sg.example");
    assert!(!mail.subject.contains('\n') && !mail.subject.contains('\r'));
    assert!(!mail.html.contains("<script>"));
}

#[test]
fn days_and_hours_are_told_in_the_readers_zone_and_utc_is_named() {
    let told = |kind: &str, language: &str, zone: Option<&str>| {
        let letter = Letter { zone: zone.map(str::to_owned), ..letter(kind, language, "Fernweh Outdoor") };
        compose(&letter, "https://sg.example").text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // It began on 3 January 2027 at 18:13 UTC.
    for (zone, words) in [
        (None, "since 3 Jan 2027, 18:13 (UTC)"),
        (Some("UTC"), "since 3 Jan 2027, 18:13 (UTC)"),
        (Some("Europe/Berlin"), "since 3 Jan 2027, 19:13."),
        (Some("Asia/Tokyo"), "since 4 Jan 2027, 03:13."),
    ] {
        let text = told("incident_began", "en", zone);
        assert!(text.contains(words), "{zone:?}: {text}");
    }
    let german = told("incident_began", "de", Some("Asia/Tokyo"));
    assert!(german.contains("seit 04.01.2027, 03:13 nicht"), "{german}");
    // Due on 15 January 2027 at 08:00 UTC, which is the day before on Hawaii's clocks.
    assert!(told("renew_soon", "en", Some("Europe/Berlin")).contains("before 15 Jan 2027"));
    assert!(told("renew_soon", "en", Some("Pacific/Honolulu")).contains("before 14 Jan 2027"));
}

#[test]
fn an_incident_at_one_of_many_servers_names_it() {
    let mut at_one = letter("incident_began", "en", "");
    at_one.payload["server"] = "https://pds.example".into();
    assert!(compose(&at_one, "https://sg.example").subject.contains("LinkedIn (pds.example)"));
}

#[test]
fn one_day_and_one_thing_are_no_plural() {
    let said = |kind: &str, language: &str| {
        let mut one = letter(kind, language, "Fernweh Outdoor");
        one.payload["days"] = 1.into();
        one.payload["count"] = 1.into();
        let mail = compose(&one, "https://sg.example");
        format!("{} {}", mail.subject, mail.text.split("\n\n").next().unwrap_or_default())
    };
    for (kind, english, german) in [
        ("renew_soon", "Renew within one day", "Binnen einem Tag erneuern"),
        ("reminder", "no access tokens after a day", "Seit einem Tag keine"),
        ("approvals_wanted", "one more post or comment", "ein weiterer Beitrag"),
        ("incident_began", "One profile could not", "Ein Profil konnte"),
        ("storm", "and one more", "und ein weiteres"),
    ] {
        for (language, words) in [("en", english), ("de", german)] {
            let said = said(kind, language);
            assert!(said.contains(words) && !said.contains("1 "), "{kind}: {said}");
        }
    }
}

/// Whoever has no account reads where to log in, for which of several networks, and until when the link works.
#[test]
fn a_renewal_link_says_where_and_until_when() {
    let mut asked = letter("renewal_link", "en", "Fernweh Outdoor");
    let more = json!({ "id": "prf_00000000000000000000000000000002", "name": "Karl Voss", "network": "xing", "kind": "member" });
    asked.payload["profiles"].as_array_mut().expect("profiles").push(more);
    let text = compose(&asked, "https://sg.example").text;
    assert!(text.contains("by logging in at LinkedIn, XING") && text.contains("until 7 Jan 2027, 05:33 (UTC)"), "{text}");
}
