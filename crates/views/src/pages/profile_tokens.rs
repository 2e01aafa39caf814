//! `/settings/profiles/{id}/access-tokens`

use crate::kinds::{CauseKind, ClockKind, ClockSourceKind, ConfidenceKind, TokenStateKind};
use crate::pages::profile_general::ProfileHead;
use crate::parts::{Evidence, HistoryEntry, PersonRef, When};
use crate::samples;
use crate::words::Lang;

/// One of the three clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Which.
    pub kind: ClockKind,
    /// When it ends; `None`: no end is known.
    pub at: Option<When>,
    /// How that is known.
    pub source: ClockSourceKind,
    /// How much of its life is over, in percent; draws the bar.
    pub used_percent: Option<u8>,
    /// It is over.
    pub over: bool,
}

impl Clock {
    /// The colour of its bar: the last month of a year is amber, where a person is needed.
    pub(crate) fn tone(&self) -> &'static str {
        match (self.over, self.kind, self.used_percent) {
            (true, _, _) => "bad",
            (false, ClockKind::Human, Some(92..)) => "warn",
            _ => "good",
        }
    }
}

/// One person's access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who gave it; their role on this profile is in it.
    pub person: PersonRef,
    /// Where it stands.
    pub state: TokenStateKind,
    /// Why it does not work, where it does not.
    pub cause: Option<CauseKind>,
    /// How sure that is.
    pub confidence: Option<ConfidenceKind>,
    /// What it rests on.
    pub evidence: Option<Evidence>,
    /// The clocks, those that exist.
    pub clocks: Vec<Clock>,
    /// When the person last authorised.
    pub authorized: When,
    /// When the token was last renewed by the machine.
    pub renewed: Option<When>,
    /// The network's last proof.
    pub verified: Option<When>,
    /// The permissions granted, as the network names them.
    pub scopes: Vec<String>,
    /// How many other profiles hang on the same access token.
    pub other_profiles: u64,
}

/// Access tokens of a profile: who gave each, how long it lives, what happened. No forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileTokens {
    /// What the tabs share.
    pub head: ProfileHead,
    /// The accesses, working ones first.
    pub accesses: Vec<Access>,
    /// What happened, newest first.
    pub history: Vec<HistoryEntry>,
    /// Address of the older part of the history.
    pub history_next: Option<String>,
}

page!(ProfileTokens, "pages/profile_tokens.html");

impl ProfileTokens {
    /// Which tab this is.
    pub(crate) fn tab(&self) -> &'static str {
        "tokens"
    }

    /// Only one person holds the profile.
    pub(crate) fn only_one(&self) -> bool {
        self.accesses.len() == 1
    }

    fn access(lang: Lang) -> Access {
        Access {
            person: samples::jonas(),
            state: TokenStateKind::Working,
            cause: None,
            confidence: None,
            evidence: None,
            clocks: vec![
                Clock {
                    kind: ClockKind::Access,
                    at: Some(samples::in_an_hour(lang)),
                    source: ClockSourceKind::Answer,
                    used_percent: Some(30),
                    over: false,
                },
                Clock { kind: ClockKind::Refresh, at: None, source: ClockSourceKind::Endless, used_percent: None, over: false },
                Clock {
                    kind: ClockKind::Human,
                    at: Some(samples::next_year(lang)),
                    source: ClockSourceKind::Rule,
                    used_percent: Some(19),
                    over: false,
                },
            ],
            authorized: samples::earlier(lang),
            renewed: Some(samples::today(lang)),
            verified: Some(samples::just_now(lang)),
            scopes: vec!["openid".into(), "w_organization_social".into()],
            other_profiles: 2,
        }
    }

    /// One works, one needs its person.
    pub fn sample(lang: Lang) -> Self {
        let dead = Access {
            person: samples::mallory(),
            state: TokenStateKind::NeedsPerson,
            cause: Some(CauseKind::PasswordChanged),
            confidence: Some(ConfidenceKind::Likely),
            evidence: Some(samples::evidence(lang)),
            clocks: vec![
                Clock {
                    kind: ClockKind::Access,
                    at: Some(samples::earlier(lang)),
                    source: ClockSourceKind::Configured,
                    used_percent: Some(100),
                    over: true,
                },
                Clock {
                    kind: ClockKind::Human,
                    at: Some(samples::next_week(lang)),
                    source: ClockSourceKind::Rule,
                    used_percent: Some(98),
                    over: false,
                },
            ],
            renewed: None,
            verified: None,
            other_profiles: 0,
            ..Self::access(lang)
        };
        Self {
            head: ProfileHead::sample(lang),
            accesses: vec![Self::access(lang), dead],
            history: samples::history(lang, false),
            history_next: Some("/settings/profiles/prf_7Qm2/access-tokens?before=12".into()),
        }
    }

    /// Only one person, amber.
    pub fn sample_only_one(lang: Lang) -> Self {
        Self { head: ProfileHead::sample_amber(lang), accesses: vec![Self::access(lang)], history: vec![], history_next: None }
    }

    /// Each state once, red.
    pub fn sample_states(lang: Lang) -> Self {
        let access = |state: &TokenStateKind| Access { state: *state, ..Self::access(lang) };
        Self { head: ProfileHead::sample_red(lang), accesses: TokenStateKind::ALL.iter().map(access).collect(), ..Self::sample(lang) }
    }
}
