//! A list is read in parts where somebody sees several things that have an order each: what they own, and what is in each of their teams.

use lifecycle::ids::{OrganisationId, TeamId};
use lifecycle::permission::Reach;

use super::shape::Way;
use super::ways::{few_of, names_few};
use super::{Filter, Narrow, of_team};
use crate::driver::{StoreError, Tx};
use crate::tags;

/// In so many parts a list is read at the most; what has more is read in order, and each profile asked whether it may be seen.
const PARTS: usize = 8;
/// Up to so many profiles it is counted which of several teams has fewest, and further where all have more.
const WEIGHED: [i64; 3] = [2_000, 20_000, 80_000];

/// A list that is read by one statement.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What it holds.
    pub(super) filter: Filter,
    /// What it is in all of, teams and tags alike, as `profile_teams` names them; it is read from the rows of the first.
    pub(super) groups: Vec<String>,
    /// Those in which its text is found are gathered, where it is read from something else.
    pub(super) gathers_found: bool,
}

impl Part {
    pub(super) fn of(organisation: &OrganisationId, filter: Filter) -> Self {
        let team = filter.team.iter().map(TeamId::to_string);
        let groups = team.chain(filter.tag.iter().map(|tag| tags::id(organisation, tag))).collect();
        Self { filter, groups, gathers_found: false }
    }

    /// What a part has where somebody sees no more than that; `None` where that is nothing.
    fn within(&self, sees: &Sees) -> Option<Self> {
        let mut part = self.clone();
        if let Some(owner) = &sees.owner {
            part.filter.owner.get_or_insert_with(|| owner.clone());
        }
        if let Some(network) = &sees.network {
            part.filter.network.get_or_insert_with(|| network.clone());
        }
        for group in &sees.groups {
            if !part.groups.contains(group) {
                part.groups.push(group.clone());
            }
        }
        let fits =
            (sees.owner.is_none() || sees.owner == part.filter.owner) && (sees.network.is_none() || sees.network == part.filter.network);
        fits.then_some(part)
    }

    /// Whether it is read from the rows of a team or a tag, from the few that an owner names, or from the index of its filters.
    pub(super) async fn way(&self, tx: &mut Tx, few: i64) -> Result<Way, StoreError> {
        if let Some(group) = self.groups.first() {
            return of_team::way(tx, group, &self.filter, few).await;
        }
        Ok(if names_few(tx, &self.filter, few).await? { Way::FromFew } else { Way::InOrder })
    }

    /// What is in several of them is read from the smallest.
    async fn beginning_with_smallest(mut self, tx: &mut Tx) -> Result<Self, StoreError> {
        if self.groups.len() < 2 {
            return Ok(self);
        }
        for most in WEIGHED {
            let mut sizes = vec![];
            for group in &self.groups {
                sizes.push(few_of(tx, "profile_teams WHERE team_id", group, most).await?);
            }
            let smallest = (0..sizes.len()).min_by_key(|at| sizes[*at]).unwrap_or(0);
            self.groups.swap(0, smallest);
            if sizes[smallest] < most {
                break;
            }
        }
        Ok(self)
    }
}

/// One thing that somebody sees: what all of these let through.
#[derive(Debug, Clone, Default)]
pub(super) struct Sees {
    pub(super) owner: Option<lifecycle::ids::UserId>,
    pub(super) groups: Vec<String>,
    pub(super) network: Option<String>,
}

/// The parts of a list; itself alone where it has none, or too many.
pub(super) async fn parts(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter) -> Result<Vec<Part>, StoreError> {
    let seen = match &filter.visible_to {
        Some(narrow) => seen(tx, organisation, narrow).await?,
        None => None,
    };
    let Some(seen) = seen else { return Ok(vec![Part::of(organisation, filter.clone()).beginning_with_smallest(tx).await?]) };
    let open = Part::of(organisation, Filter { visible_to: None, ..filter.clone() });
    let mut parts = vec![];
    for part in seen.iter().filter_map(|sees| open.within(sees)) {
        parts.push(part.beginning_with_smallest(tx).await?);
    }
    Ok(parts)
}

/// What somebody sees, thing by thing; `None` where that is too much to tell.
pub(super) async fn seen(tx: &mut Tx, organisation: &OrganisationId, narrow: &Narrow) -> Result<Option<Vec<Sees>>, StoreError> {
    let (mut seen, mut open) = (vec![], vec![narrow]);
    while let Some(narrow) = open.pop() {
        match narrow {
            Narrow::User(user) => {
                seen.push(Sees { owner: Some(user.clone()), ..Sees::default() });
                let most = i64::try_from(PARTS).unwrap_or(i64::MAX);
                let sql = "SELECT team_id FROM team_members WHERE user_id = $1 LIMIT $2";
                for row in tx.all(sql, &[user.as_str().into(), most.into()]).await? {
                    seen.push(Sees { groups: vec![row.text("team_id")?], ..Sees::default() });
                }
            }
            Narrow::Owner(user) => seen.push(Sees { owner: Some(user.clone()), ..Sees::default() }),
            Narrow::Reaches(reaches) => {
                if reaches.iter().any(|reach| !reach.profiles.is_empty()) || reaches.iter().any(|reach| things(reach) > PARTS) {
                    return Ok(None);
                }
                seen.extend(reaches.iter().flat_map(|reach| of_reach(organisation, reach)));
            }
            Narrow::Either(some) => open.extend(some),
        }
    }
    Ok((seen.len() <= PARTS).then_some(seen))
}

/// How many things a reach is about, each network with each team and each tag.
fn things(reach: &Reach) -> usize {
    [reach.networks.len(), reach.teams.len(), reach.tags.len()].into_iter().fold(1, |all, some| all.saturating_mul(some.max(1)))
}

/// Each network with each team and each tag.
fn of_reach(organisation: &OrganisationId, reach: &Reach) -> Vec<Sees> {
    fn each<T: Clone>(all: &[T]) -> Vec<Option<T>> {
        if all.is_empty() { vec![None] } else { all.iter().cloned().map(Some).collect() }
    }
    let teams: Vec<String> = reach.teams.iter().map(TeamId::to_string).collect();
    let tags: Vec<String> = reach.tags.iter().map(|tag| tags::id(organisation, tag)).collect();
    let mut all = vec![];
    for network in each(&reach.networks) {
        for team in each(&teams) {
            let with = |tag: Option<String>| team.iter().cloned().chain(tag).collect();
            all.extend(each(&tags).into_iter().map(|tag| Sees { owner: None, groups: with(tag), network: network.clone() }));
        }
    }
    all
}
