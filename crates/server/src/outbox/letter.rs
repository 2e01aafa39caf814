//! What a mail says: the same words as the pages, a text part and an HTML part, in the recipient's language.

use lifecycle::time::Timestamp;
use lifecycle::words::Cause;
use serde_json::Value;
use store::outbox::Letter;

use super::frame;
use crate::actions::explain;
use crate::i18n::{self, Lang, MISSING};
use crate::pages::view;
use crate::show;

/// A mail, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// One line, without control characters.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The link that switches such mails off; digests only.
    pub unsubscribe: Option<String>,
}

/// What is said, before it takes the shape of a mail or of a chat's message.
pub(super) struct Draft {
    /// One line.
    pub(super) subject: String,
    /// The rest.
    pub(super) paragraphs: Vec<String>,
    /// In the network's own words.
    pub(super) quote: Option<String>,
    /// The one thing to do: words and address.
    pub(super) button: Option<(String, String)>,
    footer: String,
}

/// Writes a mail.
pub fn compose(letter: &Letter, public_url: &str) -> Composed {
    let lang = Lang::from_code(&letter.language);
    if letter.kind == "digest" {
        return super::digest::compose(letter, lang, public_url);
    }
    render(lang, &draft(letter, lang, public_url))
}

/// The words of an event are those of the mail about it.
fn words_of(letter: &Letter) -> &str {
    let refused = letter.payload["incident"] == "refused";
    match letter.kind.as_str() {
        "profile.disconnected" => "no_access_tokens",
        "incident_began" | "network.incident_began" if refused => "refused_began",
        "incident_ended" | "network.incident_ended" if refused => "refused_ended",
        other => {
            let of_event = ["profile.", "endpoint.", "network."].into_iter().find_map(|family| other.strip_prefix(family));
            of_event.unwrap_or(other)
        }
    }
}

/// Finds the words for a message.
pub(super) fn draft(letter: &Letter, lang: Lang, public_url: &str) -> Draft {
    let said = Said::of(letter, lang, public_url);
    let mut paragraphs = said.paragraphs();
    if said.names.len() > 1 {
        paragraphs.push(format!("{} {}", lang.t("mail.all_profiles"), said.names.join(", ")));
    }
    Draft { subject: one_line(&said.own("subject")), paragraphs, quote: said.quote(), button: said.button(), footer: said.footer() }
}

/// A day and an hour. Whose hours they are is said where they are nobody's own: to outsiders, in channels, and to whoever chose no place.
fn hour(at: Timestamp, zone: &str, lang: Lang) -> String {
    let words = show::moment(at, zone, lang);
    if zone == "UTC" { format!("{words} (UTC)") } else { words }
}

/// What a message speaks of, put into words.
struct Said<'a> {
    letter: &'a Letter,
    lang: Lang,
    public_url: &'a str,
    /// Which words are used: `mail.{kind}.…`.
    kind: &'a str,
    /// The profiles it names, with their networks.
    names: Vec<String>,
    /// The first of them: its id and its network.
    id: String,
    first_network: String,
    values: Vec<(&'static str, String)>,
}

impl<'a> Said<'a> {
    fn of(letter: &'a Letter, lang: Lang, public_url: &'a str) -> Self {
        let payload = &letter.payload;
        let profiles: Vec<&Value> = payload["profiles"].as_array().into_iter().flatten().collect();
        let name = |profile: &&Value| format!("{} ({})", text(&profile["name"]), title_of(&text(&profile["network"])));
        let names: Vec<String> = profiles.iter().map(name).collect();
        let first_network = text(profiles.first().map_or(&payload["network"], |profile| &profile["network"]));
        let moment = |name: &str| payload[name].as_i64().map(Timestamp::from_micros);
        let zone = letter.zone.as_deref().unwrap_or("UTC");
        let number = |name: &str| payload[name].as_i64().unwrap_or_default().to_string();
        let person = match &payload["person"] {
            Value::Null => lang.t("person.somebody").to_owned(),
            person => text(&person["name"]),
        };
        let values = vec![
            ("name", shown(lang, &names)),
            ("person", person),
            ("network", place(&first_network, payload["server"].as_str())),
            ("date", moment("deadline").map(|at| show::date(at, zone, lang)).unwrap_or_default()),
            ("networks", networks_of(&profiles)),
            ("since", moment("since").map(|at| hour(at, zone, lang)).unwrap_or_default()),
            ("until", moment("expires_at").map(|at| hour(at, zone, lang)).unwrap_or_default()),
            ("days", number("days")),
            ("count", number("count")),
            ("organisation", payload["organisation"].as_str().unwrap_or("Staygreen").to_owned()),
            ("reader", text(&payload["reader"])),
            ("asks", text(&payload["asks"])),
            ("to", text(&payload["to"])),
        ];
        let id = profiles.first().map(|profile| text(&profile["id"])).unwrap_or_default();
        Self { letter, lang, public_url, kind: words_of(letter), names, id, first_network, values }
    }

    fn filled(&self, words: &str) -> String {
        let values: Vec<(&str, &str)> = self.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        i18n::filled(words, &values)
    }

    /// Of one day or one thing it is said in words of their own (`key.one`), where there are any.
    fn fill(&self, key: &str) -> String {
        let words = self.lang.t(key);
        let number = if words.contains("{days}") { "days" } else { "count" };
        let of_one = self.lang.t(&format!("{key}.one"));
        let is_one = self.letter.payload[number] == 1 && of_one != MISSING;
        self.filled(if is_one { of_one } else { words })
    }

    /// Words of this kind of message alone.
    fn own(&self, part: &str) -> String {
        self.fill(&format!("mail.{}.{part}", self.kind))
    }

    fn with_link(&self, key: &str, path: &str) -> String {
        self.lang.fill(key, &[("link", &format!("{}{path}", self.public_url))])
    }

    /// What ended the access, in our words.
    fn happened(&self) -> String {
        let words = match Cause::parse(self.letter.payload["cause"].as_str().unwrap_or_default()) {
            _ if self.letter.payload["lost_in_rotation"] == Value::Bool(true) => self.lang.t("lost.happened").to_owned(),
            cause => explain::sentence(self.lang, &self.first_network, cause.unwrap_or(Cause::Unknown), "happened"),
        };
        self.filled(&words)
    }

    fn is_added(&self) -> bool {
        self.letter.payload["added"] == Value::Bool(true)
    }

    fn paragraphs(&self) -> Vec<String> {
        let mut all = vec![self.own("body")];
        match self.kind {
            "no_access_tokens" => all.extend([self.happened(), self.fill("mail.must_act")]),
            "reminder" => {
                let quiet = self.with_link("mail.reminder.quiet", &format!("/settings/profiles/{}/notifications", self.id));
                all.extend([self.happened(), self.fill("mail.must_act"), quiet]);
            }
            "renew_soon" => all.push(self.fill("mail.must_act")),
            "last_remaining" => all.extend([self.happened(), self.own("todo")]),
            "out_of_reach" => all.push(self.own("todo")),
            "deleted" => all.extend(view::end_of_access(self.lang, &self.first_network)),
            "new_profiles" if self.letter.payload["full"] == Value::Bool(true) => all.push(self.own("full")),
            "new_profiles" => all.push(self.own(if self.is_added() { "added" } else { "todo" })),
            _ => {}
        }
        all
    }

    /// The network's own words, or the mail server's.
    fn quote(&self) -> Option<String> {
        if let Some(why) = self.letter.payload["why"].as_str() {
            return Some(self.lang.fill("mail.not_arrived.why", &[("words", why)]));
        }
        let words =
            self.letter.payload["evidence"]["words"].as_str().filter(|words| self.kind == "no_access_tokens" && !words.is_empty())?;
        let network = &self.values.iter().find(|(name, _)| *name == "network")?.1;
        Some(self.lang.fill("mail.evidence", &[("network", network), ("words", words)]))
    }

    fn button(&self) -> Option<(String, String)> {
        let profile = format!("/settings/profiles/{}", self.id);
        let to = |key: &str, path: &str| Some((self.fill(key), format!("{}{path}", self.public_url)));
        match self.kind {
            "no_access_tokens" | "reminder" | "renew_soon" => to("mail.renew_button", &format!("{profile}/refresh")),
            "storm" => to("mail.storm.button", "/settings/profiles?status=disconnected"),
            "out_of_reach" => to("mail.out_of_reach.button", &profile),
            "last_remaining" => to("mail.last_remaining.button", &format!("{profile}/access-tokens")),
            "recovered" | "renewed" | "connected" => to("mail.recovered.button", &profile),
            "new_profiles" if self.is_added() => to("mail.recovered.button", &profile),
            "new_profiles" => to("mail.new_profiles.button", &format!("/settings/profiles/add/{}", self.first_network)),
            "unreached" => to("mail.unreached.button", &format!("{profile}/notifications")),
            "incident_began" | "incident_ended" | "refused_began" | "refused_ended" => to("mail.incident.button", "/"),
            "cannot_be_checked" => to("mail.cannot_be_checked.button", "/settings/profiles?status=unverified"),
            "checked_again" => to("mail.cannot_be_checked.button", "/settings/profiles"),
            "approval_wanted" | "approvals_wanted" => to("mail.approval_wanted.button", "/compose"),
            "test_mail" => to("mail.test_mail.button", "/account"),
            "test" => to("mail.test.button", "/settings/webhooks"),
            "invitation_not_arrived" => to("mail.invitation_not_arrived.button", "/settings/users"),
            "link_not_arrived" => to("mail.link_not_arrived.button", &format!("{profile}/renewal-link")),
            _ => self.letter.link.as_ref().map(|link| (self.own("button"), link.to_string())),
        }
    }

    /// Why the reader gets it, and where that is changed.
    fn footer(&self) -> String {
        let payload = &self.letter.payload;
        if let Some(to) = payload["undelivered"]["to"].as_str() {
            return self.lang.fill("mail.footer.undelivered", &[("to", to)]);
        }
        if let Some(reason) = payload["rerouted"]["reason"].as_str() {
            return self.with_link(&format!("mail.footer.{reason}"), &format!("/settings/profiles/{}", self.id));
        }
        if self.letter.link.is_some() {
            return self.fill("mail.footer_link");
        }
        let words = match self.kind {
            "new_profiles" => "mail.footer.new_profiles",
            "approval_wanted" | "approvals_wanted" => "mail.footer.approval_wanted",
            "incident_began" | "incident_ended" | "refused_began" | "refused_ended" | "unreached" => "mail.footer.admins",
            "test_mail" => "mail.footer.asked",
            "invitation_not_arrived" | "link_not_arrived" => "mail.footer.sent",
            _ => "mail.footer",
        };
        self.with_link(words, "/account")
    }
}

/// The first profile, and how many more there are.
fn shown(lang: Lang, names: &[String]) -> String {
    let first = names.first().cloned().unwrap_or_default();
    match names.len().saturating_sub(1) {
        0 => first,
        1 => lang.fill("mail.and_more.one", &[("name", &first)]),
        more => lang.fill("mail.and_more", &[("name", &first), ("count", &more.to_string())]),
    }
}

/// Where somebody has to log in for these profiles, each network once.
fn networks_of(profiles: &[&Value]) -> String {
    let mut titles: Vec<String> = vec![];
    for title in profiles.iter().map(|profile| title_of(&text(&profile["network"]))) {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    titles.join(", ")
}

/// A network, and which of its servers, where it has many.
pub fn place(network: &str, server: Option<&str>) -> String {
    let title = title_of(network);
    match server.filter(|server| !server.is_empty()) {
        Some(server) => format!("{title} ({})", server.trim_start_matches("https://")),
        None => title,
    }
}

/// Names come from networks: no line break leaves a subject (NT-28).
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(180).collect()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn title_of(network: &str) -> String {
    networks::find(network).map_or(network, |network| network.about().title).to_owned()
}

fn render(lang: Lang, draft: &Draft) -> Composed {
    let subject = draft.subject.clone();
    let quote = draft.quote.iter().map(|quote| format!("> {quote}"));
    let button = draft.button.iter().map(|(label, url)| format!("{label}:\n{url}"));
    let text: Vec<String> = draft.paragraphs.iter().cloned().chain(quote).chain(button).chain([format!("-- \n{}", draft.footer)]).collect();
    let mut body: String = draft.paragraphs.iter().map(|text| frame::paragraph(text)).collect();
    body.extend(draft.quote.iter().map(|words| frame::quote(words)));
    body.extend(draft.button.iter().map(|(label, url)| frame::button(label, url)));
    let html = frame::page(lang, &subject, &body, &frame::esc(&draft.footer));
    Composed { subject, text: text.join("\n\n"), html, unsubscribe: None }
}

#[cfg(test)]
impl Draft {
    /// A draft of one paragraph.
    pub(super) fn for_tests(subject: &str, paragraph: &str, button: (&str, &str)) -> Self {
        let button = Some((button.0.to_owned(), button.1.to_owned()));
        Self { subject: subject.into(), paragraphs: vec![paragraph.into()], quote: None, button, footer: String::new() }
    }
}

#[cfg(test)]
mod tests;
