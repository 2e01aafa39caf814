//! `/settings/users`

use crate::kinds::RoleKind;
use crate::parts::{Choice, When};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// Whether a user can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserState {
    /// They can.
    Active,
    /// They were invited and did not come yet.
    Invited {
        /// When the invitation ends; `None` when it has ended.
        expires: Option<When>,
    },
    /// They were disabled.
    Disabled,
    /// Too many wrong passwords, for a while.
    Locked {
        /// Until when.
        until: When,
    },
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// The role.
    pub role: RoleKind,
    /// The teams' names.
    pub teams: Vec<String>,
    /// How many profiles they own.
    pub profiles: u64,
    /// Whether they can sign in.
    pub state: UserState,
    /// When they were last here.
    pub seen: Option<When>,
    /// This is the reader.
    pub is_reader: bool,
}

/// An invitation that was just made; its link is shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// Where to.
    pub email: String,
    /// The link.
    pub link: String,
    /// It was mailed too.
    pub mailed: bool,
    /// When it ends.
    pub expires: When,
}

/// Users. Posts to `/settings/users`: `name`, `email`, `role`, `language`, `teams` (repeated) with the button `invite`; or one of the buttons
/// `make_admin`, `make_standard`, `disable`, `enable`, `invite_again`, whose value is the user's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// The users.
    pub users: Vec<UserRow>,
    /// Teams for the new one.
    pub teams: Vec<Choice>,
    /// The name that was typed before.
    pub name: String,
    /// The address that was typed before.
    pub email: String,
    /// What was wrong with the new one.
    pub error: Option<FormError>,
    /// An invitation that was just made.
    pub invited: Option<Invited>,
}

page!(Users, "pages/users.html");

impl Users {
    /// Roles to choose from.
    pub(crate) fn roles(&self) -> &'static [RoleKind] {
        &[RoleKind::StandardUser, RoleKind::CompanyAdmin]
    }

    /// Languages to choose from.
    pub(crate) fn languages(&self) -> &'static [Lang] {
        Lang::ALL
    }

    /// One of each state.
    pub fn sample(lang: Lang) -> Self {
        let user = |id: &str, name: &str, role: RoleKind, state: UserState| UserRow {
            id: id.into(),
            name: name.into(),
            email: format!("{id}@alpenblick.example"),
            role,
            teams: vec!["Social Media".into()],
            profiles: 3,
            state,
            seen: Some(samples::just_now(lang)),
            is_reader: id == "usr_1",
        };
        Self {
            users: vec![
                user("usr_1", "Clara Lindqvist", RoleKind::CompanyAdmin, UserState::Active),
                user("usr_2", "Tobias <Brandt>", RoleKind::StandardUser, UserState::Locked { until: samples::in_an_hour(lang) }),
                UserRow {
                    seen: None,
                    teams: vec![],
                    ..user("usr_3", "Aylin Demir", RoleKind::StandardUser, UserState::Invited { expires: Some(samples::next_week(lang)) })
                },
                UserRow { seen: None, ..user("usr_5", "Ida Holm", RoleKind::StandardUser, UserState::Invited { expires: None }) },
                user("usr_4", "Sunny \u{202e}ynnuS", RoleKind::CompanyAdmin, UserState::Disabled),
            ],
            teams: samples::teams(&[0]),
            name: String::new(),
            email: String::new(),
            error: None,
            invited: None,
        }
    }

    /// Just invited, mail is off.
    pub fn sample_invited(lang: Lang) -> Self {
        let link = "https://staygreen.example/invitation/inv_5pXc0V2mYt8wLq3kZ9bN7hRj4sDg1fAe".to_owned();
        Self {
            invited: Some(Invited { email: "aylin@alpenblick.example".into(), link, mailed: false, expires: samples::next_week(lang) }),
            ..Self::sample(lang)
        }
    }

    /// The address is taken.
    pub fn sample_error(lang: Lang) -> Self {
        Self { error: Some(FormError::Taken), name: "<script>".into(), email: "clara@alpenblick.example".into(), ..Self::sample(lang) }
    }
}
