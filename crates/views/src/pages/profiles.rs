//! `/settings/profiles`

use crate::kinds::StatusKind;
use crate::parts::{Choice, Counts, Paging, ProfileRef, Status, When};
use crate::samples::{self, amber, bluesky, board, green, grey, next_week, next_year, page, pinterest, red, script, tiktok, turned, xing};
use crate::words::Lang;

/// Which tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Every profile of the organisation; company admins only. `/settings/profiles`
    Company,
    /// The reader's own and those of their teams. `/settings/profiles?tab=my`
    My,
}

/// What the list was narrowed to. GET `/settings/profiles` with `tab` (from the address), `q`, `network`, `status`, `owner`, `team`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Text in name or handle.
    pub q: String,
    /// Networks; the chosen one marked.
    pub networks: Vec<Choice>,
    /// The status.
    pub status: Option<StatusKind>,
    /// Owners.
    pub owners: Vec<Choice>,
    /// Teams.
    pub teams: Vec<Choice>,
}

impl Filter {
    /// Whether it shows only that status.
    pub(crate) fn shows(&self, kind: StatusKind) -> bool {
        self.status == Some(kind)
    }

    /// Whether anything narrows the list.
    pub(crate) fn active(&self) -> bool {
        let any = |choices: &[Choice]| choices.iter().any(|choice| choice.chosen);
        !self.q.is_empty() || self.status.is_some() || any(&self.networks) || any(&self.owners) || any(&self.teams)
    }
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The profile.
    pub profile: ProfileRef,
    /// What it shows.
    pub status: Status,
    /// The profile owner's name.
    pub owner: Option<String>,
    /// The teams' names.
    pub teams: Vec<String>,
    /// The day on which a person must come.
    pub deadline: Option<When>,
    /// The network's last proof.
    pub verified: Option<When>,
    /// Switched on; a board can be switched off.
    pub enabled: bool,
    /// The reader may refresh, change and delete it.
    pub may_manage: bool,
    /// Boards of this account.
    pub boards: Vec<Row>,
}

/// The list of profiles. Menu: GET `/settings/profiles/{id}/refresh`, GET `/settings/profiles/{id}`, GET
/// `/settings/profiles/{id}/renewal-link`, POST `/settings/profiles/{id}/check` (no fields), GET `/settings/profiles/{id}/delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles {
    /// Which tab.
    pub tab: Tab,
    /// How many Company Profiles; `None` hides that tab.
    pub company_count: Option<u64>,
    /// How many My Profiles.
    pub my_count: u64,
    /// How many show what, before filtering.
    pub counts: Counts,
    /// The filter.
    pub filter: Filter,
    /// The lines.
    pub rows: Vec<Row>,
    /// Paging.
    pub paging: Paging,
    /// The reader may add profiles.
    pub may_add: bool,
    /// Used and allowed number of profiles, when the operator set a limit.
    pub limit: Option<(u64, u64)>,
}

page!(Profiles, "pages/profiles.html");

impl Profiles {
    /// The word of the tab in addresses.
    pub(crate) fn tab_word(&self) -> &'static str {
        if self.tab == Tab::Company { "company" } else { "my" }
    }

    /// Every status.
    pub(crate) fn statuses(&self) -> &'static [StatusKind] {
        StatusKind::ALL
    }

    fn row(lang: Lang, profile: ProfileRef, status: Status) -> Row {
        Row {
            profile,
            status,
            owner: Some("Clara Lindqvist".into()),
            teams: vec!["Social Media".into()],
            deadline: None,
            verified: Some(samples::just_now(lang)),
            enabled: true,
            may_manage: true,
            boards: vec![],
        }
    }

    /// A page of the list.
    pub fn sample(lang: Lang) -> Self {
        let row = |profile, status| Self::row(lang, profile, status);
        let boards = vec![
            row(board("prf_b1", "Winterurlaub im Tannheimer Tal mit der ganzen Familie"), green(lang)),
            Row { enabled: false, owner: None, teams: vec![], ..row(board("prf_b2", "<Archiv> 2019"), green(lang)) },
        ];
        Self {
            tab: Tab::Company,
            company_count: Some(18),
            my_count: 4,
            counts: Counts { connected: 14, renew_soon: 2, unverified: 1, disconnected: 1 },
            filter: Filter { networks: samples::networks(), owners: samples::users(9), teams: samples::teams(&[]), ..Filter::default() },
            rows: vec![
                Row { teams: vec!["Social Media".into(), "Press & <PR>".into()], ..row(page(), red(lang)) },
                Row { deadline: Some(next_year(lang)), owner: None, ..row(script(), green(lang)) },
                Row { boards, ..row(pinterest(), green(lang)) },
                Row { deadline: Some(next_week(lang)), ..row(tiktok(), amber(lang)) },
                Row { may_manage: false, teams: vec![], ..row(turned(), green(lang)) },
                row(xing(), grey(lang)),
                row(bluesky(), green(lang)),
            ],
            paging: Paging { first: None, next: Some("/settings/profiles?cursor=abc&tab=company".into()) },
            may_add: true,
            limit: Some((18, 25)),
        }
    }

    /// A standard user, filtered to nothing.
    pub fn sample_filtered(lang: Lang) -> Self {
        let filter = Filter { q: "\"><script>x".into(), status: Some(StatusKind::Disconnected), ..Self::sample(lang).filter };
        Self { tab: Tab::My, company_count: None, filter, rows: vec![], paging: Paging::default(), limit: None, ..Self::sample(lang) }
    }

    /// Nothing there yet.
    pub fn sample_empty(lang: Lang) -> Self {
        let empty =
            Self { company_count: Some(0), my_count: 0, counts: Counts::default(), filter: Filter::default(), ..Self::sample(lang) };
        Self { rows: vec![], paging: Paging::default(), limit: None, ..empty }
    }
}
