//! *No access tokens available*: to the profile owner, once per episode.

use crate::kinds::{CauseKind, ConfidenceKind};
use crate::mails::Mail;
use crate::mails::letter::Letter;
use crate::parts::{Evidence, PersonRef, ProfileRef, When};
use crate::samples;
use crate::words::{Lang, join, words};

/// A profile has no access tokens available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAccessTokens {
    /// The recipient's name.
    pub to: String,
    /// The profile.
    pub profile: ProfileRef,
    /// Since when.
    pub since: When,
    /// Why.
    pub cause: CauseKind,
    /// How sure that is.
    pub confidence: ConfidenceKind,
    /// What it rests on.
    pub evidence: Option<Evidence>,
    /// Who can repair it, the one who must act first.
    pub people: Vec<PersonRef>,
    /// Other profiles that the same login repairs, by name.
    pub also: Vec<String>,
    /// Begins the renewal.
    pub link: String,
    /// Where such mails are switched off.
    pub settings_link: String,
}

impl NoAccessTokens {
    /// The mail.
    pub fn render(&self, lang: Lang) -> Mail {
        let words = words(lang);
        let (network, name) = (&self.profile.network.title, &self.profile.name);
        let subject = words.fill("mail.no_access.subject", &[("name", name), ("network", network)]);
        let title = words.fill("mail.no_access.title", &[("name", name)]);
        let mut letter = Letter::new(lang, "bad", subject, title, ("mail.no_access.button", &self.link));
        letter.greeting = Some(words.fill("mail.greeting", &[("name", &self.to)]));
        letter.intro.push(words.fill("mail.no_access.intro", &[("name", name), ("network", network)]));
        letter.profile(&self.profile);
        letter.fact("mail.since", &self.since.text);
        letter.fact("mail.cause", &format!("{} ({})", self.cause.title(lang), self.confidence.text(lang)));
        letter.people(&self.people);
        if let Some(evidence) = &self.evidence {
            letter.evidence(evidence);
        }
        letter.todo.push(self.cause.what_happened(lang).to_owned());
        letter.todo.push(self.cause.what_to_do(lang).to_owned());
        if !self.also.is_empty() {
            letter.after.push(words.fill("mail.no_access.also", &[("names", &join(lang, &self.also))]));
        }
        letter.after.push(words.get("mail.private_window").to_owned());
        letter.footer.push(words.fill("mail.no_access.why", &[("name", name)]));
        letter.settings(&self.settings_link);
        letter.mail()
    }

    /// A changed password.
    pub fn sample(lang: Lang) -> Self {
        Self {
            to: "Clara Lindqvist".into(),
            profile: samples::page(),
            since: samples::just_now(lang),
            cause: CauseKind::PasswordChanged,
            confidence: ConfidenceKind::Likely,
            evidence: Some(samples::evidence(lang)),
            people: vec![samples::miriam(), samples::jonas()],
            also: vec!["Miriam Okafor".into(), "Alpenblick Hotels".into()],
            link: "https://staygreen.example/settings/profiles/prf_7Qm2/refresh".into(),
            settings_link: "https://staygreen.example/account".into(),
        }
    }

    /// Hostile names, cause unknown.
    pub fn sample_hostile(lang: Lang) -> Self {
        let evil = crate::parts::ProfileRef {
            name: "Evil\r\nBcc: everybody@example.com <script>alert(1)</script>\u{202e}".into(),
            ..samples::script()
        };
        Self {
            profile: evil,
            cause: CauseKind::Unknown,
            confidence: ConfidenceKind::Guess,
            evidence: None,
            people: vec![samples::mallory()],
            also: vec![],
            ..Self::sample(lang)
        }
    }
}
