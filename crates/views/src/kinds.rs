//! The kinds of things pages speak about: each a word of the design page with its texts in both languages.

use crate::words::{Lang, words};

/// Declares an enum whose variants are words; `$prefix.WORD` is the key of each variant's text.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident in $prefix:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every kind, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as tables, API and events have it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word back.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            /// The key of its text.
            pub(crate) const fn key(self) -> &'static str {
                match self { $(Self::$variant => concat!($prefix, ".", $word),)* }
            }

            /// Its text for people.
            pub fn text(self, lang: Lang) -> &'static str {
                words(lang).get(self.key())
            }
        }
    };
}

/// Like `kinds!`, with further texts under `$prefix.WORD.PART`.
macro_rules! kinds_with_parts {
    ($(#[$doc:meta])* $name:ident in $prefix:literal ($($part:ident $suffix:literal),*) { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every kind, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as tables, API and events have it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word back.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            kinds_with_parts!(@parts $prefix; [$($part $suffix),*]; [$($variant $word),*]);
        }
    };
    (@parts $prefix:literal; [$($part:ident $suffix:literal),*]; $variants:tt) => {
        $(kinds_with_parts!(@one $prefix $part $suffix $variants);)*
    };
    (@one $prefix:literal $part:ident $suffix:literal [$($variant:ident $word:literal),*]) => {
        #[doc = concat!("Its text `", $suffix, "`.")]
        pub fn $part(self, lang: Lang) -> &'static str {
            words(lang).get(match self { $(Self::$variant => concat!($prefix, ".", $word, ".", $suffix),)* })
        }
    };
}

kinds! {
    /// What a profile shows.
    StatusKind in "status" {
        /// Green check mark: an access token works.
        Connected = "connected",
        /// It works, and a person must come before a known day.
        RenewSoon = "renew_soon",
        /// The network cannot be reached; what was true stays true.
        Unverified = "unverified",
        /// No access tokens available.
        Disconnected = "disconnected",
    }
}

impl StatusKind {
    /// The icon that stands before the words.
    pub(crate) const fn icon(self) -> &'static str {
        match self {
            Self::Connected => "check",
            Self::RenewSoon => "clock",
            Self::Unverified => "question",
            Self::Disconnected => "cross",
        }
    }

    /// The colour of the words.
    pub(crate) const fn tone(self) -> &'static str {
        match self {
            Self::Connected => "good",
            Self::RenewSoon => "warn",
            Self::Unverified => "idle",
            Self::Disconnected => "bad",
        }
    }
}

kinds_with_parts! {
    /// Why an access does not work; each with a title, what happened and what to do.
    CauseKind in "cause" (title "title", what_happened "what", what_to_do "todo") {
        /// A life known beforehand is over.
        Expired = "expired",
        /// The network demands a manual renewal and its day has come.
        RenewalDue = "renewal_due",
        /// The person changed the password.
        PasswordChanged = "password_changed",
        /// The person lost the role on the page, board or channel.
        PermissionLost = "permission_lost",
        /// The network blocked, banned or removed the person's account.
        PersonBlocked = "person_blocked",
        /// The person removed our app at the network.
        RevokedByPerson = "revoked_by_person",
        /// The network refuses our network app.
        AppBlocked = "app_blocked",
        /// The person did not grant a scope that is needed.
        ScopeMissing = "scope_missing",
        /// Somebody else logged in than the one required.
        WrongPerson = "wrong_person",
        /// The network does not say.
        Unknown = "unknown",
    }
}

kinds! {
    /// How sure a cause is.
    ConfidenceKind in "confidence" {
        /// The network said so in a code made for it, or our own clock knows.
        Certain = "certain",
        /// The network's answer has this as its usual meaning.
        Likely = "likely",
        /// One of several meanings the network does not tell apart.
        Guess = "guess",
    }
}

kinds! {
    /// Where a piece of evidence comes from.
    SourceKind in "source" {
        /// A renewal was answered.
        Renewal = "renewal",
        /// The network's cheap validity check was answered.
        Probe = "probe",
        /// The list of what the person may act as was read.
        Discovery = "discovery",
        /// Real use.
        Use = "use",
        /// The network told us by itself.
        Signal = "signal",
        /// Our own clock.
        Clock = "clock",
    }
}

kinds! {
    /// What a profile is.
    ProfileKind in "kind" {
        /// A human's own profile.
        Member = "member",
        /// A company, organisation or fan page.
        Page = "page",
        /// An account that is not a human's own profile.
        Account = "account",
        /// A board of an account.
        Board = "board",
        /// A channel.
        Channel = "channel",
        /// A business location.
        Location = "location",
        /// An advertising account.
        AdAccount = "ad_account",
    }
}

kinds! {
    /// What a network may allow.
    AbilityKind in "ability" {
        /// Connect profiles.
        Connect = "connect",
        /// Publish posts.
        Publish = "publish",
        /// Write comments under own posts.
        Comment = "comment",
        /// Read comments.
        ReadComments = "read_comments",
        /// Reply to incoming comments.
        Reply = "reply",
    }
}

kinds_with_parts! {
    /// Where an access token stands.
    TokenStateKind in "token_state" (title "title", explanation "text") {
        /// It works.
        Working = "working",
        /// It is being renewed, or is due to be.
        Renewing = "renewing",
        /// A renewal's answer never arrived; it is being found out.
        Unsure = "unsure",
        /// The network refused once; a second look decides.
        Suspect = "suspect",
        /// Nothing but a person helps.
        NeedsPerson = "needs_person",
        /// The network has trouble of its own; nothing is judged meanwhile.
        Held = "held",
        /// The token works, but the person's role on this profile is gone.
        RoleLost = "role_lost",
    }
}

impl TokenStateKind {
    /// The icon that stands before the words.
    pub(crate) const fn icon(self) -> &'static str {
        match self {
            Self::Working => "check",
            Self::Renewing | Self::Unsure => "refresh",
            Self::Suspect | Self::Held => "question",
            Self::NeedsPerson | Self::RoleLost => "cross",
        }
    }

    /// The colour of the words.
    pub(crate) const fn tone(self) -> &'static str {
        match self {
            Self::Working => "good",
            Self::Renewing | Self::Held => "idle",
            Self::Unsure | Self::Suspect => "warn",
            Self::NeedsPerson | Self::RoleLost => "bad",
        }
    }
}

kinds_with_parts! {
    /// The three clocks of an access token.
    ClockKind in "clock" (title "title", explanation "text") {
        /// End of the access token's life.
        Access = "access",
        /// End of the refresh token's life.
        Refresh = "refresh",
        /// The day on which the person must come again.
        Human = "human",
    }
}

kinds! {
    /// How a clock's time is known.
    ClockSourceKind in "clock_source" {
        /// The network said so when it issued the token.
        Answer = "answer",
        /// The network's documentation has it as a rule.
        Rule = "rule",
        /// The operator configured it.
        Configured = "configured",
        /// The network names no end.
        Endless = "endless",
    }
}

kinds! {
    /// What a user is in the organisation; independent of any role at a network.
    RoleKind in "role" {
        /// Manages everything of the organisation.
        CompanyAdmin = "company_admin",
        /// Works with the profiles of their teams and with their own.
        StandardUser = "standard_user",
    }
}

kinds! {
    /// What an API key may do. The words are those of the API.
    PermissionKind in "permission" {
        /// See networks and their rules.
        SeeNetworks = "networks:read",
        /// See profiles, their status, history and explanation.
        SeeProfile = "profiles:read",
        /// Begin to connect new profiles.
        Connect = "profiles:connect",
        /// Begin a renewal, or send a renewal link.
        RefreshConnection = "profiles:refresh",
        /// Look now.
        CheckProfile = "profiles:check",
        /// Change owner, teams, notification choices.
        ManageProfile = "profiles:manage",
        /// Disconnect.
        DeleteProfile = "profiles:delete",
        /// See the event log.
        SeeEvents = "events:read",
        /// Page presets.
        ManagePresets = "presets:manage",
        /// Teams and their members.
        ManageTeams = "teams:manage",
        /// Users, invitations, roles.
        ManageUsers = "users:manage",
        /// The registered clients at networks.
        ManageNetworkApps = "network_apps:manage",
        /// API keys.
        ManageApiKeys = "api_keys:manage",
        /// The own account.
        ManageOwnAccount = "account:manage",
    }
}

kinds! {
    /// What happened, in a history.
    HistoryKind in "history" {
        /// A person authorised.
        Authorized = "grant.authorized",
        /// The machine renewed an access token.
        Renewed = "grant.renewed",
        /// The network refused once.
        Suspected = "grant.suspected",
        /// The second look found nothing wrong.
        Cleared = "grant.cleared",
        /// A renewal's answer never arrived.
        Unsure = "grant.unsure",
        /// Nothing but a person helps.
        NeedsPerson = "grant.needs_person",
        /// It works again.
        CameBack = "grant.came_back",
        /// A stored token could not be opened.
        Unreadable = "grant.unreadable",
        /// Something that should be impossible.
        Surprise = "grant.surprise",
        /// A role was lost.
        RoleLost = "access.lost",
        /// A role came back.
        RoleRegained = "access.regained",
        /// A role is another now.
        RoleChanged = "access.role_changed",
        /// The network cannot be reached.
        NetworkUnreachable = "network.unreachable",
        /// The network can be reached again.
        NetworkReachable = "network.reachable",
        /// The network refuses our network app or request.
        NetworkMisconfigured = "network.misconfigured",
        /// Status: connected.
        Connected = "profile.connected",
        /// Status: a person must come before a known day.
        RenewSoon = "profile.renew_soon",
        /// Status: cannot be verified.
        Unverified = "profile.unverified",
        /// Status: no access tokens available.
        Disconnected = "profile.disconnected",
        /// Status: green again.
        Recovered = "profile.recovered",
        /// Settings changed.
        Changed = "profile.changed",
        /// Somebody asked for a look.
        Checked = "profile.checked",
        /// The profile was deleted.
        Deleted = "profile.deleted",
        /// A connection was begun.
        ConnectionBegun = "connection.begun",
        /// A connection is complete.
        ConnectionCompleted = "connection.completed",
        /// A connection failed.
        ConnectionFailed = "connection.failed",
        /// A renewal link was made.
        LinkCreated = "renewal_link.created",
        /// A renewal link was used.
        LinkUsed = "renewal_link.used",
        /// A renewal link was taken back.
        LinkWithdrawn = "renewal_link.withdrawn",
        /// A mail was sent.
        NotificationSent = "notification.sent",
        /// A mail could not be sent.
        NotificationFailed = "notification.failed",
        /// Nobody would have been reached.
        NotificationNobody = "notification.nobody",
    }
}

impl HistoryKind {
    /// The colour of its dot.
    pub(crate) const fn tone(self) -> &'static str {
        match self {
            Self::Authorized
            | Self::CameBack
            | Self::Connected
            | Self::Recovered
            | Self::RoleRegained
            | Self::ConnectionCompleted
            | Self::Cleared => "good",
            Self::RenewSoon
            | Self::Suspected
            | Self::Unsure
            | Self::NetworkMisconfigured
            | Self::NotificationFailed
            | Self::NotificationNobody
            | Self::Unreadable => "warn",
            Self::NeedsPerson | Self::Disconnected | Self::RoleLost | Self::ConnectionFailed => "bad",
            _ => "idle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for cause in CauseKind::ALL {
            assert_eq!(CauseKind::parse(cause.as_str()), Some(*cause));
        }
        for kind in HistoryKind::ALL {
            assert_eq!(HistoryKind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(StatusKind::parse("green"), None);
    }
}
