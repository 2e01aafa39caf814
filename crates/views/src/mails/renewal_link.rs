//! The renewal link, to a network admin who has no account here.

use crate::mails::Mail;
use crate::mails::letter::Letter;
use crate::parts::{PersonRef, ProfileRef, When};
use crate::samples;
use crate::words::{Lang, words};

/// Somebody asks a network admin to renew a profile's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalLink {
    /// Who asks: the organisation.
    pub organisation: String,
    /// Who asks: the user.
    pub asked_by: String,
    /// The profile.
    pub profile: ProfileRef,
    /// Who can do it.
    pub people: Vec<PersonRef>,
    /// The link.
    pub link: String,
    /// When it ends.
    pub expires: When,
}

impl RenewalLink {
    /// The mail.
    pub fn render(&self, lang: Lang) -> Mail {
        let words = words(lang);
        let (network, name) = (&self.profile.network.title, &self.profile.name);
        let subject = words.fill("mail.renewal_link.subject", &[("by", &self.asked_by), ("name", name), ("network", network)]);
        let title = words.fill("mail.renewal_link.title", &[("name", name), ("network", network)]);
        let mut letter = Letter::new(lang, "idle", subject, title, ("mail.renewal_link.button", &self.link));
        letter.greeting = Some(words.get("mail.hello").to_owned());
        letter.intro.push(words.fill(
            "mail.renewal_link.intro",
            &[("by", &self.asked_by), ("organisation", &self.organisation), ("name", name), ("network", network)],
        ));
        letter.profile(&self.profile);
        letter.people(&self.people);
        letter.fact("mail.link_until", &self.expires.text);
        letter.todo.push(words.fill("mail.renewal_link.todo", &[("network", network)]));
        letter.after.push(words.get("mail.private_window").to_owned());
        letter.footer.push(words.fill("mail.renewal_link.why", &[("by", &self.asked_by)]));
        letter.mail()
    }

    /// To the admin of a LinkedIn page.
    pub fn sample(lang: Lang) -> Self {
        Self {
            organisation: "Alpenblick Reisen".into(),
            asked_by: "Clara Lindqvist".into(),
            profile: samples::page(),
            people: vec![samples::miriam()],
            link: "https://staygreen.example/renew/rnw_5pXc0V2mYt8wLq3kZ9bN7hRj4sDg1fAe".into(),
            expires: samples::next_week(lang),
        }
    }
}
