use serde_json::{Value, json};
use store::outbox::Letter;
use zeroize::Zeroizing;

use super::super::letter::compose;

fn profile(n: u8, name: &str, network: &str) -> Value {
    json!({ "id": format!("prf_{n:032}"), "name": name, "network": network, "kind": "page" })
}

fn item(mail: &str, profiles: &[&Value]) -> Value {
    let said = json!({
        "profiles": profiles, "person": { "name": "Jana Lindner", "handle": null },
        "deadline": 1_800_000_000_000_000_i64, "episode": 1_799_000_000_000_000_i64, "days": 14
    });
    json!({ "mail": mail, "at": 0, "said": said })
}

fn letter(language: &str, items: &[Value], now: &[(&Value, &str)]) -> Letter {
    let now: Vec<Value> =
        now.iter().map(|(one, status)| json!({ "id": one["id"], "status": status, "deadline": 1_800_000_000_000_000_i64 })).collect();
    let profiles: Vec<&Value> = items.iter().flat_map(|item| item["said"]["profiles"].as_array().unwrap()).collect();
    Letter {
        id: store::ids::fresh(),
        organisation: store::ids::fresh(),
        kind: "digest".into(),
        channel: "mail".into(),
        recipient: "tom@example.com".into(),
        user: None,
        language: language.into(),
        zone: None,
        payload: json!({ "items": items, "profiles": profiles, "now": now, "zone": "Europe/Berlin", "every": "daily" }),
        link: Some(Zeroizing::new("https://sg.example/unsubscribe/sgu_x".into())),
        tries: 1,
        created_at: lifecycle::time::Timestamp::from_seconds(0),
    }
}

fn whole(language: &str) -> Letter {
    let (outdoor, travel, video) =
        (profile(1, "Fernweh Outdoor", "linkedin"), profile(2, "Fernweh Travel", "linkedin"), profile(3, "Gipfel & Co", "tiktok"));
    let new = json!({ "id": null, "name": "Fernweh Winter", "network": "linkedin", "kind": "page" });
    let items = [
        item("recovered", &[&travel]),
        item("renew_soon", &[&video]),
        item("reminder", &[&outdoor, &travel]),
        item("reminder", &[&outdoor]),
        item("new_profiles", &[&new]),
    ];
    letter(language, &items, &[(&outdoor, "disconnected"), (&travel, "connected"), (&video, "renew_soon")])
}

#[test]
fn a_digest_in_both_languages() {
    for language in ["en", "de"] {
        let mail = compose(&whole(language), "https://sg.example");
        insta::assert_snapshot!(format!("digest.{language}.txt"), format!("{}\n\n{}", mail.subject, mail.text));
        insta::assert_snapshot!(format!("digest.{language}.html"), mail.html.replace("><", ">\n<"));
        assert!(!mail.html.contains(crate::i18n::MISSING) && !mail.text.contains('{'), "{}", mail.text);
        assert_eq!(mail.unsubscribe.as_deref(), Some("https://sg.example/unsubscribe/sgu_x"));
    }
}

#[test]
fn what_has_settled_is_left_out_and_what_was_said_twice_is_said_once() {
    let mail = compose(&whole("en"), "https://sg.example");
    assert_eq!(mail.text.matches("Fernweh Outdoor (LinkedIn)").count(), 1, "two reminders, one line: {}", mail.text);
    assert_eq!(mail.text.matches("Fernweh Travel (LinkedIn)").count(), 1, "connected again, so no reminder: {}", mail.text);
    let (gone, renewed) = (profile(1, "Gone", "linkedin"), profile(2, "Renewed", "tiktok"));
    let settled = letter("en", &[item("reminder", &[&gone]), item("renew_soon", &[&renewed])], &[(&renewed, "disconnected")]);
    let mail = compose(&settled, "https://sg.example");
    assert!(mail.subject.contains("all is well") && mail.text.contains("Gone, Renewed"), "{} {}", mail.subject, mail.text);
}

#[test]
fn nt_28_names_break_neither_header_nor_markup() {
    let evil = profile(1, "Evil\r\nBcc: x@y.z <script>", "linkedin");
    let mail = compose(&letter("en", &[item("recovered", &[&evil])], &[(&evil, "connected")]), "https://sg.example");
    assert!(
        !mail.subject.contains(['\r', '\n']) && !mail.html.contains("<script>") && mail.html.contains("&#60;script&#62;"),
        "{}",
        mail.html
    );
}
