//! The frame around every page: header, navigation, cog, user menu, messages.

use crate::words::{Lang, words};

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the browser prefers.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::Light, Self::Dark];

    /// The word as it is stored and stands in `data-theme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the word back; anything else is [`Theme::Auto`].
    pub fn parse(word: &str) -> Self {
        Self::ALL.iter().copied().find(|theme| theme.as_str() == word).unwrap_or_default()
    }

    /// What people read.
    pub fn text(self, lang: Lang) -> &'static str {
        words(lang).get(match self {
            Self::Auto => "theme.auto",
            Self::Light => "theme.light",
            Self::Dark => "theme.dark",
        })
    }
}

/// Where in the product a page is; what the navigation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Section {
    /// Nowhere in the navigation: sign-in, errors.
    #[default]
    None,
    /// `/`
    Dashboard,
    /// `/settings/profiles`
    Profiles,
    /// `/settings/page-presets`
    PagePresets,
    /// `/settings/teams`
    Teams,
    /// `/settings/users`
    Users,
    /// `/settings/network-apps`
    NetworkApps,
    /// `/settings/api-keys`
    ApiKeys,
    /// `/account`
    Account,
}

/// One entry of the settings navigation.
pub(crate) struct SettingsLink {
    pub(crate) href: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) key: &'static str,
    pub(crate) section: Section,
}

const SETTINGS: &[(SettingsLink, bool)] = &[
    (SettingsLink { href: "/settings/profiles", icon: "profiles", key: "nav.profiles", section: Section::Profiles }, false),
    (SettingsLink { href: "/settings/page-presets", icon: "presets", key: "nav.page_presets", section: Section::PagePresets }, true),
    (SettingsLink { href: "/settings/teams", icon: "teams", key: "nav.teams", section: Section::Teams }, true),
    (SettingsLink { href: "/settings/users", icon: "user", key: "nav.users", section: Section::Users }, true),
    (SettingsLink { href: "/settings/network-apps", icon: "plug", key: "nav.network_apps", section: Section::NetworkApps }, true),
    (SettingsLink { href: "/settings/api-keys", icon: "key", key: "nav.api_keys", section: Section::ApiKeys }, true),
];

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellUser {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// A company admin: sees every settings section.
    pub is_admin: bool,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashKind {
    /// It worked.
    Good,
    /// Worth knowing.
    Info,
    /// Look at this.
    Warning,
    /// It did not work.
    Bad,
}

impl FlashKind {
    pub(crate) const fn tone(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Info => "idle",
            Self::Warning => "warn",
            Self::Bad => "bad",
        }
    }

    pub(crate) const fn icon(self) -> &'static str {
        match self {
            Self::Good => "check",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Bad => "cross",
        }
    }
}

/// A message at the top of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// What it is.
    pub kind: FlashKind,
    /// What it says.
    pub text: String,
}

/// The messages the product has after an act; [`Notice::flash`] gives the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Settings were saved.
    Saved,
    /// A profile was deleted; `name`.
    ProfileDeleted,
    /// Looked now, all is well; `name`.
    CheckedGood,
    /// Looked now, no access tokens available; `name`.
    CheckedBad,
    /// Looked now, the network did not answer; `name`.
    CheckedUnverified,
    /// The profile's connection was refreshed; `name`.
    Refreshed,
    /// A renewal link was mailed; `name` is the address.
    LinkSent,
    /// A renewal link was taken back.
    LinkWithdrawn,
    /// A user was invited; `name` is the address.
    Invited,
    /// A user was changed; `name`.
    UserChanged,
    /// A team was made; `name`.
    TeamCreated,
    /// A team was deleted; `name`.
    TeamDeleted,
    /// An API key was revoked; `name`.
    KeyRevoked,
    /// The password was changed; other sessions ended.
    PasswordChanged,
    /// Sessions were ended.
    SessionsEnded,
    /// The user signed out.
    SignedOut,
    /// The session ended by itself.
    SessionExpired,
    /// The page presets of a network were set back to the defaults; `name` is the network.
    PresetsReset,
}

impl Notice {
    /// Every notice.
    pub const ALL: &'static [Self] = &[
        Self::Saved,
        Self::ProfileDeleted,
        Self::CheckedGood,
        Self::CheckedBad,
        Self::CheckedUnverified,
        Self::Refreshed,
        Self::LinkSent,
        Self::LinkWithdrawn,
        Self::Invited,
        Self::UserChanged,
        Self::TeamCreated,
        Self::TeamDeleted,
        Self::KeyRevoked,
        Self::PasswordChanged,
        Self::SessionsEnded,
        Self::SignedOut,
        Self::SessionExpired,
        Self::PresetsReset,
    ];

    /// The message; `name` fills the placeholder of those that have one.
    pub fn flash(self, lang: Lang, name: &str) -> Flash {
        let (kind, key) = match self {
            Self::Saved => (FlashKind::Good, "notice.saved"),
            Self::ProfileDeleted => (FlashKind::Good, "notice.profile_deleted"),
            Self::CheckedGood => (FlashKind::Good, "notice.checked_good"),
            Self::CheckedBad => (FlashKind::Bad, "notice.checked_bad"),
            Self::CheckedUnverified => (FlashKind::Warning, "notice.checked_unverified"),
            Self::Refreshed => (FlashKind::Good, "notice.refreshed"),
            Self::LinkSent => (FlashKind::Good, "notice.link_sent"),
            Self::LinkWithdrawn => (FlashKind::Good, "notice.link_withdrawn"),
            Self::Invited => (FlashKind::Good, "notice.invited"),
            Self::UserChanged => (FlashKind::Good, "notice.user_changed"),
            Self::TeamCreated => (FlashKind::Good, "notice.team_created"),
            Self::TeamDeleted => (FlashKind::Good, "notice.team_deleted"),
            Self::KeyRevoked => (FlashKind::Good, "notice.key_revoked"),
            Self::PasswordChanged => (FlashKind::Good, "notice.password_changed"),
            Self::SessionsEnded => (FlashKind::Good, "notice.sessions_ended"),
            Self::SignedOut => (FlashKind::Info, "notice.signed_out"),
            Self::SessionExpired => (FlashKind::Info, "notice.session_expired"),
            Self::PresetsReset => (FlashKind::Good, "notice.presets_reset"),
        };
        Flash { kind, text: words(lang).fill(key, &[("name", &name)]) }
    }
}

/// What a form has to say about a field that was filled in wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormError {
    /// Something needed is empty.
    Missing,
    /// Not a mail address.
    Email,
    /// The name or address is taken.
    Taken,
    /// Longer than allowed.
    TooLong,
    /// Nothing was chosen.
    NothingChosen,
    /// What was chosen is not there any more.
    Gone,
    /// The password is shorter than 12 characters.
    PasswordShort,
    /// The password is one of those everybody tries.
    PasswordCommon,
    /// The two passwords differ.
    PasswordsDiffer,
    /// The present password is wrong.
    PasswordWrong,
    /// The last company admin cannot be disabled or made a standard user.
    LastAdmin,
    /// The mail could not be sent; the operator has to look at the mail settings.
    MailFailed,
    /// Mail is not configured.
    MailOff,
    /// What was typed is not a possible handle or instance.
    Hint,
    /// The network cannot be reached.
    NetworkDown,
    /// The network refuses our network app.
    AppRefused,
    /// The operator's limit of profiles is reached.
    ProfileLimit,
    /// No network app is configured.
    AppMissing,
}

impl FormError {
    /// Every error.
    pub const ALL: &'static [Self] = &[
        Self::Missing,
        Self::Email,
        Self::Taken,
        Self::TooLong,
        Self::NothingChosen,
        Self::Gone,
        Self::PasswordShort,
        Self::PasswordCommon,
        Self::PasswordsDiffer,
        Self::PasswordWrong,
        Self::LastAdmin,
        Self::MailFailed,
        Self::MailOff,
        Self::Hint,
        Self::NetworkDown,
        Self::AppRefused,
        Self::ProfileLimit,
        Self::AppMissing,
    ];

    /// The key of its words.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Missing => "form_error.missing",
            Self::Email => "form_error.email",
            Self::Taken => "form_error.taken",
            Self::TooLong => "form_error.too_long",
            Self::NothingChosen => "form_error.nothing_chosen",
            Self::Gone => "form_error.gone",
            Self::PasswordShort => "form_error.password_short",
            Self::PasswordCommon => "form_error.password_common",
            Self::PasswordsDiffer => "form_error.passwords_differ",
            Self::PasswordWrong => "form_error.password_wrong",
            Self::LastAdmin => "form_error.last_admin",
            Self::MailFailed => "form_error.mail_failed",
            Self::MailOff => "form_error.mail_off",
            Self::Hint => "form_error.hint",
            Self::NetworkDown => "form_error.network_down",
            Self::AppRefused => "form_error.app_refused",
            Self::ProfileLimit => "form_error.profile_limit",
            Self::AppMissing => "form_error.app_missing",
        }
    }

    /// What people read.
    pub fn text(self, lang: Lang) -> &'static str {
        words(lang).get(self.key())
    }
}

/// The frame around every page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shell {
    /// The reader's language.
    pub lang: Lang,
    /// The reader's colours.
    pub theme: Theme,
    /// Who is signed in; `None` shows the narrow frame without navigation.
    pub user: Option<ShellUser>,
    /// Where we are.
    pub section: Section,
    /// A message.
    pub flash: Option<Flash>,
    /// The organisation's name.
    pub organisation: String,
}

impl Shell {
    /// A frame for somebody who is not signed in.
    pub fn public(lang: Lang) -> Self {
        Self { lang, ..Self::default() }
    }

    /// Whether the user is a company admin.
    pub(crate) fn is_admin(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.is_admin)
    }

    /// Whether the page belongs to the settings, where the cog leads.
    pub(crate) fn in_settings(&self) -> bool {
        !matches!(self.section, Section::None | Section::Dashboard | Section::Account)
    }

    /// The settings sections this user sees.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &'static SettingsLink> {
        let admin = self.is_admin();
        SETTINGS.iter().filter(move |(_, admins_only)| admin || !admins_only).map(|(link, _)| link)
    }
}
