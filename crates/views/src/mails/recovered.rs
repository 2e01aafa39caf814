//! The all-clear.

use crate::mails::Mail;
use crate::mails::letter::Letter;
use crate::parts::{PersonRef, ProfileRef, When};
use crate::samples;
use crate::words::{Lang, words};

/// An access token works again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The recipient's name.
    pub to: String,
    /// The profile.
    pub profile: ProfileRef,
    /// When the episode began.
    pub since: When,
    /// When it ended.
    pub at: When,
    /// Whose access token works.
    pub person: Option<PersonRef>,
    /// The profile's page.
    pub link: String,
    /// Where such mails are switched off.
    pub settings_link: String,
}

impl Recovered {
    /// The mail.
    pub fn render(&self, lang: Lang) -> Mail {
        let words = words(lang);
        let (network, name) = (&self.profile.network.title, &self.profile.name);
        let subject = words.fill("mail.recovered.subject", &[("name", name), ("network", network)]);
        let title = words.fill("mail.recovered.title", &[("name", name)]);
        let mut letter = Letter::new(lang, "good", subject, title, ("mail.recovered.button", &self.link));
        letter.greeting = Some(words.fill("mail.greeting", &[("name", &self.to)]));
        letter.intro.push(words.get("mail.recovered.intro").to_owned());
        letter.profile(&self.profile);
        letter.fact("mail.out_since", &self.since.text);
        letter.fact("mail.back_since", &self.at.text);
        if let Some(person) = &self.person {
            letter.fact("mail.connected_by", &person.label());
        }
        letter.footer.push(words.fill("mail.recovered.why", &[("name", name)]));
        letter.settings(&self.settings_link);
        letter.mail()
    }

    /// Back after two hours.
    pub fn sample(lang: Lang) -> Self {
        Self {
            to: "Clara Lindqvist".into(),
            profile: samples::page(),
            since: samples::today(lang),
            at: samples::just_now(lang),
            person: Some(samples::miriam()),
            link: "https://staygreen.example/settings/profiles/prf_7Qm2".into(),
            settings_link: "https://staygreen.example/account".into(),
        }
    }
}
