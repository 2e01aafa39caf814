//! The invitation of a new user.

use crate::mails::Mail;
use crate::mails::letter::Letter;
use crate::parts::When;
use crate::samples;
use crate::words::{Lang, words};

/// Somebody is invited to work in Staygreen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The recipient's name.
    pub to: String,
    /// The organisation.
    pub organisation: String,
    /// Who invites.
    pub invited_by: String,
    /// Sets the password.
    pub link: String,
    /// When the link ends.
    pub expires: When,
}

impl Invitation {
    /// The mail.
    pub fn render(&self, lang: Lang) -> Mail {
        let words = words(lang);
        let subject = words.fill("mail.invitation.subject", &[("organisation", &self.organisation)]);
        let title = words.fill("mail.invitation.title", &[("organisation", &self.organisation)]);
        let mut letter = Letter::new(lang, "idle", subject, title, ("mail.invitation.button", &self.link));
        letter.greeting = Some(words.fill("mail.greeting", &[("name", &self.to)]));
        letter.intro.push(words.fill("mail.invitation.intro", &[("by", &self.invited_by), ("organisation", &self.organisation)]));
        letter.intro.push(words.get("mail.invitation.what").to_owned());
        letter.todo.push(words.fill("mail.invitation.todo", &[("when", &self.expires.text)]));
        letter.footer.push(words.get("mail.invitation.why").to_owned());
        letter.mail()
    }

    /// To a new user.
    pub fn sample(lang: Lang) -> Self {
        Self {
            to: "Aylin Demir".into(),
            organisation: "Alpenblick & Söhne <Reisen>".into(),
            invited_by: "Clara Lindqvist".into(),
            link: "https://staygreen.example/invitation/inv_5pXc0V2mYt8wLq3kZ9bN7hRj4sDg1fAe".into(),
            expires: samples::next_week(lang),
        }
    }
}
