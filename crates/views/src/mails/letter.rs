//! The letter from which both parts of a mail are made.

use askama::Template;

use crate::html::plain;
use crate::kinds::SourceKind;
use crate::mails::Mail;
use crate::parts::{Evidence, PersonRef, ProfileRef};
use crate::words::{Lang, Words, join, words};

/// The most characters of a subject; mail programs cut off much earlier.
const SUBJECT_MAX: usize = 180;

/// What a mail says, in order. Every text is plain: one line, without direction marks.
#[derive(Template)]
#[template(path = "mails/letter.html")]
pub(super) struct Letter {
    pub(super) lang: Lang,
    pub(super) subject: String,
    /// The colour of the mark at the top: good, warn, bad, idle.
    pub(super) tone: &'static str,
    /// The sign in the mark.
    pub(super) sign: &'static str,
    pub(super) greeting: Option<String>,
    pub(super) title: String,
    pub(super) intro: Vec<String>,
    pub(super) facts: Vec<(&'static str, String)>,
    /// What the network said: caption and words.
    pub(super) quote: Option<(String, String)>,
    /// What to do, before the button.
    pub(super) todo: Vec<String>,
    /// The one thing to do.
    pub(super) button: (String, String),
    /// After the button.
    pub(super) after: Vec<String>,
    /// Why this mail came.
    pub(super) footer: Vec<String>,
    /// Where to switch such mails off.
    pub(super) settings: Option<(String, String)>,
}

impl Letter {
    /// A letter with what every letter has.
    pub(super) fn new(lang: Lang, tone: &'static str, subject: String, title: String, button: (&'static str, &str)) -> Self {
        let sign = match tone {
            "good" => "✓",
            "warn" => "!",
            "bad" => "✕",
            _ => "→",
        };
        Self {
            lang,
            subject,
            tone,
            sign,
            greeting: None,
            title,
            intro: vec![],
            facts: vec![],
            quote: None,
            todo: vec![],
            button: (words(lang).get(button.0).to_owned(), button.1.to_owned()),
            after: vec![],
            footer: vec![],
            settings: None,
        }
    }

    fn words(&self) -> Words {
        words(self.lang)
    }

    /// Adds a fact unless it is empty.
    pub(super) fn fact(&mut self, key: &'static str, value: &str) {
        if !value.is_empty() {
            self.facts.push((self.words().get(key), plain(value)));
        }
    }

    /// Adds what the profile is.
    pub(super) fn profile(&mut self, profile: &ProfileRef) {
        self.fact("mail.profile", &profile.name);
        self.fact("mail.network", &format!("{}, {}", profile.network.title, profile.kind.text(self.lang)));
    }

    /// Adds who must act.
    pub(super) fn people(&mut self, people: &[PersonRef]) {
        let names: Vec<String> = people.iter().map(PersonRef::label).collect();
        let joined = if names.len() > 1 { names.join(", ") } else { join(self.lang, &names) };
        self.fact(if names.len() > 1 { "mail.people" } else { "mail.person" }, &joined);
    }

    /// Adds what the network said.
    pub(super) fn evidence(&mut self, evidence: &Evidence) {
        let status = evidence.http_status.map(|status| format!("HTTP {status}"));
        let code = evidence.code.as_deref().map(plain);
        let said: Vec<String> =
            status.into_iter().chain(code).chain(Some(plain(&evidence.words)).filter(|words| !words.trim().is_empty())).collect();
        if said.is_empty() {
            return;
        }
        let key = if evidence.source == SourceKind::Clock { "mail.by_our_clock" } else { "mail.in_its_words" };
        self.quote = Some((self.words().fill(key, &[("when", &evidence.at.text)]), said.join(" · ")));
    }

    /// Adds where such mails are switched off.
    pub(super) fn settings(&mut self, href: &str) {
        self.settings = Some((self.words().get("mail.settings").to_owned(), href.to_owned()));
    }

    /// Both parts.
    pub(super) fn mail(self) -> Mail {
        let subject: String = plain(&self.subject).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SUBJECT_MAX).collect();
        let html = self.render().expect("writing to a string does not fail");
        Mail { subject, text: self.text(), html }
    }

    /// The plain-text part.
    fn text(&self) -> String {
        let mut out = format!("{}\n{}\n", self.title, "=".repeat(self.title.chars().count().min(72)));
        let paragraphs = |out: &mut String, lines: &[String]| lines.iter().for_each(|line| out.push_str(&format!("\n{line}\n")));
        paragraphs(&mut out, self.greeting.as_slice());
        paragraphs(&mut out, &self.intro);
        if !self.facts.is_empty() {
            out.push('\n');
            let width = self.facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
            for (label, value) in &self.facts {
                out.push_str(&format!("{label}:{:pad$} {value}\n", "", pad = width - label.chars().count()));
            }
        }
        if let Some((caption, said)) = &self.quote {
            out.push_str(&format!("\n{caption}\n> {said}\n"));
        }
        paragraphs(&mut out, &self.todo);
        out.push_str(&format!("\n{}:\n{}\n", self.button.0, self.button.1));
        paragraphs(&mut out, &self.after);
        out.push_str("\n-- \n");
        for line in &self.footer {
            out.push_str(&format!("{line}\n"));
        }
        if let Some((label, href)) = &self.settings {
            out.push_str(&format!("{label}: {href}\n"));
        }
        out
    }

    /// Colours of the mark: background, foreground.
    fn colours(&self) -> (&'static str, &'static str) {
        match self.tone {
            "good" => ("#dff3e6", "#14663a"),
            "warn" => ("#fdf0d2", "#7a4a00"),
            "bad" => ("#fde6e4", "#9c1c16"),
            _ => ("#e6ebf0", "#3d4a57"),
        }
    }
}
