//! What a digest says: everything that waited for it, by what it asks of the reader. What has settled by itself meanwhile is
//! left out.

use std::collections::BTreeMap;

use lifecycle::time::Timestamp;
use serde_json::Value;
use store::outbox::Letter;

use super::frame::{esc, link, page};
use super::letter::{Composed, one_line, text, title_of};
use crate::i18n::Lang;
use crate::show;

/// The sections, most urgent first.
const SECTIONS: [&str; 6] = ["reminder", "renew_soon", "last_remaining", "recovered", "renewed", "new_profiles"];

struct Line {
    name: String,
    says: String,
    url: String,
}

/// Writes a digest.
pub(super) fn compose(letter: &Letter, lang: Lang, public_url: &str) -> Composed {
    let sections: Vec<(&str, Vec<Line>)> = SECTIONS.map(|mail| (mail, lines(letter, mail, lang, public_url))).into();
    let sections: Vec<_> = sections.into_iter().filter(|(_, lines)| !lines.is_empty()).collect();
    let counts =
        sections.iter().map(|(mail, lines)| lang.fill(&format!("mail.digest.count.{mail}"), &[("count", &lines.len().to_string())]));
    let counts: Vec<String> = counts.collect();
    let what = if counts.is_empty() { lang.t("mail.digest.count.settled").to_owned() } else { counts.join(", ") };
    let subject = one_line(&lang.fill("mail.digest.subject", &[("what", &what)]));
    let every = letter.payload["every"].as_str().unwrap_or("daily");
    let why = lang.t(&format!("mail.digest.footer.{every}"));
    let (settings, off) = (format!("{public_url}/account"), letter.link.as_ref().map(|link| link.to_string()).unwrap_or_default());
    let (change, switch_off) = (lang.t("mail.digest.settings"), lang.t("mail.digest.unsubscribe"));
    let settled = sections.is_empty().then(|| lang.fill("mail.digest.settled", &[("names", &names(letter))]));
    let mut parts: Vec<String> = settled.iter().cloned().collect();
    let mut body: String = settled.iter().map(|words| super::frame::paragraph(words)).collect();
    for (mail, lines) in &sections {
        let title = lang.t(&format!("mail.digest.title.{mail}"));
        let said = lines.iter().map(|line| format!("- {}: {}\n  {}", line.name, line.says, line.url));
        parts.push(format!("{title}\n\n{}", said.collect::<Vec<_>>().join("\n")));
        body.push_str(&format!(
            "<h2 style=\"margin:22px 0 8px;font-size:17px\">{}</h2><ul style=\"margin:0;padding-left:20px\">",
            esc(title)
        ));
        for line in lines {
            let (name, says) = (link(&line.name, &line.url), esc(&line.says));
            body.push_str(&format!(
                "<li style=\"margin:0 0 8px\">{name}<br><span class=\"soft\" style=\"color:#5b6a61\">{says}</span></li>"
            ));
        }
        body.push_str("</ul>");
    }
    parts.push(format!("-- \n{why}\n{change}: {settings}\n{switch_off}: {off}"));
    let footer = format!("{}<br>{} · {}", esc(why), link(change, &settings), link(switch_off, &off));
    let html = page(lang, &subject, &body, &footer);
    Composed { subject, text: parts.join("\n\n"), html, unsubscribe: Some(off) }
}

fn names(letter: &Letter) -> String {
    let profiles = letter.payload["profiles"].as_array().into_iter().flatten();
    profiles.map(|profile| text(&profile["name"])).collect::<Vec<_>>().join(", ")
}

/// One line per profile, by name; what was said last of it.
fn lines(letter: &Letter, mail: &str, lang: Lang, public_url: &str) -> Vec<Line> {
    let zone = letter.payload["zone"].as_str().unwrap_or("UTC");
    let mut found: BTreeMap<(String, String), Line> = BTreeMap::new();
    for item in letter.payload["items"].as_array().into_iter().flatten().filter(|item| item["mail"] == mail) {
        let said = &item["said"];
        for profile in said["profiles"].as_array().into_iter().flatten().filter(|profile| still(letter, mail, said, profile)) {
            let (network, id) = (text(&profile["network"]), text(&profile["id"]));
            let title = title_of(&network);
            let person = said["person"]["name"].as_str().map_or_else(|| lang.t("person.somebody").to_owned(), str::to_owned);
            let day = |at: &Value| at.as_i64().map(|at| show::date(Timestamp::from_micros(at), zone, lang)).unwrap_or_default();
            let values =
                [("person", person.as_str()), ("network", &title), ("date", &day(&said["deadline"])), ("since", &day(&said["episode"]))];
            let came_along = mail == "new_profiles" && !id.is_empty();
            let words = if came_along { "mail.digest.line.came_along".to_owned() } else { format!("mail.digest.line.{mail}") };
            let says = lang.fill(&words, &values);
            let url = match mail {
                "new_profiles" if id.is_empty() => format!("{public_url}/settings/profiles/add/{network}"),
                "new_profiles" => format!("{public_url}/settings/profiles/{id}"),
                "recovered" | "renewed" => format!("{public_url}/settings/profiles/{id}"),
                "last_remaining" => format!("{public_url}/settings/profiles/{id}/access-tokens"),
                _ => format!("{public_url}/settings/profiles/{id}/refresh"),
            };
            let name = one_line(&format!("{} ({title})", text(&profile["name"])));
            found.insert((name.clone(), id), Line { name, says: one_line(&says), url });
        }
    }
    found.into_values().collect()
}

/// Whether it is still true when the digest leaves.
fn still(letter: &Letter, mail: &str, said: &Value, profile: &Value) -> bool {
    let known = letter.payload["now"].as_array().into_iter().flatten().find(|now| now["id"] == profile["id"]);
    let Some(known) = known.filter(|_| mail != "new_profiles") else { return mail == "new_profiles" };
    let is_dead = known["status"] == "disconnected";
    match mail {
        "reminder" => is_dead,
        "renew_soon" => !is_dead && known["deadline"] == said["deadline"],
        "last_remaining" => !is_dead && known["good"] == 1,
        _ => !is_dead,
    }
}

#[cfg(test)]
mod tests;
