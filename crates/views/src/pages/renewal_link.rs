//! `/settings/profiles/{id}/renewal-link`

use crate::parts::{PersonRef, ProfileRef, Status, When};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// A link that was just made; shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedLink {
    /// The link.
    pub link: String,
    /// When it ends.
    pub expires: When,
    /// Where it was mailed to.
    pub sent_to: Option<String>,
}

/// A link that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLink {
    /// Its id, sent back as `withdraw`.
    pub id: String,
    /// Who made it.
    pub by: String,
    /// Where it was mailed to.
    pub sent_to: Option<String>,
    /// When it was made.
    pub created: When,
    /// When it ends.
    pub expires: When,
}

/// Asking a network admin who has no account here. Posts to `/settings/profiles/{id}/renewal-link`: either `via=link`, or `via=email`
/// with `email` and `language`; or `withdraw` with a link's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalLink {
    /// The profile.
    pub profile: ProfileRef,
    /// What it shows.
    pub status: Status,
    /// Who can use the link.
    pub people: Vec<PersonRef>,
    /// How many hours a link lives.
    pub life_hours: u64,
    /// A link that was just made.
    pub created: Option<CreatedLink>,
    /// Links that can still be used.
    pub open: Vec<OpenLink>,
    /// Mail is configured.
    pub mail_on: bool,
    /// The address that was typed before.
    pub email: String,
    /// What was wrong.
    pub error: Option<FormError>,
}

page!(RenewalLink, "pages/renewal_link.html");

impl RenewalLink {
    /// A fresh form.
    pub fn sample(lang: Lang) -> Self {
        Self {
            profile: samples::page(),
            status: samples::red(lang),
            people: vec![samples::miriam(), samples::jonas()],
            life_hours: 72,
            created: None,
            open: vec![OpenLink {
                id: "rl_1".into(),
                by: "Tobias <Brandt>".into(),
                sent_to: Some("miriam@alpenblick.example".into()),
                created: samples::today(lang),
                expires: samples::next_week(lang),
            }],
            mail_on: true,
            email: String::new(),
            error: None,
        }
    }

    /// Just made.
    pub fn sample_created(lang: Lang) -> Self {
        let link = "https://staygreen.example/renew/rnw_5pXc0V2mYt8wLq3kZ9bN7hRj4sDg1fAe".to_owned();
        Self { created: Some(CreatedLink { link, expires: samples::next_week(lang), sent_to: None }), open: vec![], ..Self::sample(lang) }
    }

    /// Just mailed.
    pub fn sample_sent(lang: Lang) -> Self {
        let created =
            Self::sample_created(lang).created.map(|created| CreatedLink { sent_to: Some("miriam@alpenblick.example".into()), ..created });
        Self { created, profile: samples::script(), ..Self::sample(lang) }
    }

    /// Mail is off, the address is wrong.
    pub fn sample_error(lang: Lang) -> Self {
        Self {
            error: Some(FormError::Email),
            email: "miriam\"><script>".into(),
            people: vec![samples::mallory()],
            open: vec![],
            ..Self::sample(lang)
        }
    }

    /// Mail is not configured.
    pub fn sample_mail_off(lang: Lang) -> Self {
        Self { mail_on: false, ..Self::sample(lang) }
    }
}
