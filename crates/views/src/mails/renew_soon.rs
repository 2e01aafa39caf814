//! The early warning: 30, 14, 7 and 1 days ahead.

use crate::mails::Mail;
use crate::mails::letter::Letter;
use crate::parts::{PersonRef, ProfileRef, When};
use crate::samples;
use crate::words::{Lang, words};

/// A person must come before a known day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewSoon {
    /// The recipient's name.
    pub to: String,
    /// The profile.
    pub profile: ProfileRef,
    /// Days left.
    pub days: u64,
    /// The day.
    pub deadline: When,
    /// Who can come.
    pub people: Vec<PersonRef>,
    /// Begins the renewal.
    pub link: String,
    /// Where such mails are switched off.
    pub settings_link: String,
}

impl RenewSoon {
    /// The mail.
    pub fn render(&self, lang: Lang) -> Mail {
        let words = words(lang);
        let (network, name) = (&self.profile.network.title, &self.profile.name);
        let days = words.count("count.days", &self.days);
        let subject = words.fill("mail.renew_soon.subject", &[("name", name), ("network", network), ("days", &days)]);
        let title = words.fill("mail.renew_soon.title", &[("name", name), ("days", &days)]);
        let mut letter = Letter::new(lang, "warn", subject, title, ("mail.renew_soon.button", &self.link));
        letter.greeting = Some(words.fill("mail.greeting", &[("name", &self.to)]));
        letter.intro.push(words.fill("mail.renew_soon.intro", &[("network", network)]));
        letter.profile(&self.profile);
        letter.fact("mail.deadline", &self.deadline.text);
        letter.people(&self.people);
        letter.todo.push(words.get("mail.renew_soon.todo").to_owned());
        letter.after.push(words.get("mail.private_window").to_owned());
        letter.footer.push(words.fill("mail.renew_soon.why", &[("name", name)]));
        letter.settings(&self.settings_link);
        letter.mail()
    }

    /// Some days ahead.
    pub fn sample(lang: Lang, days: u64) -> Self {
        Self {
            to: "Clara Lindqvist".into(),
            profile: samples::tiktok(),
            days,
            deadline: samples::next_week(lang),
            people: vec![samples::miriam()],
            link: "https://staygreen.example/settings/profiles/prf_1kZp/refresh".into(),
            settings_link: "https://staygreen.example/account".into(),
        }
    }
}
