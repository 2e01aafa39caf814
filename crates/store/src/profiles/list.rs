//! Lists of profiles: what is asked for, and how it is read so that a million profiles cost no more than the few that are shown.

use lifecycle::ids::{OrganisationId, TeamId, UserId};
use lifecycle::status::Status;
use lifecycle::tag::Tag;
use lifecycle::words::Cause;

use super::parts::{Part, parts};
use super::shape::{Way, conditions_by, statement};
use super::ways::{FEW, counts_found, gathers_found, up_to, up_to_together, way_of};
use super::{Narrow, Profile, read, sort_key, with_groups};
use crate::driver::{Row, StoreError, Tx, Value, kept_text};
use crate::sorting::{Column, Lead, Place, Sort};

/// What a list should hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this network.
    pub network: Option<String>,
    /// Only with this status.
    pub status: Option<Status>,
    /// Only with this cause.
    pub cause: Option<Cause>,
    /// Only of this owner.
    pub owner: Option<UserId>,
    /// Only in this team.
    pub team: Option<TeamId>,
    /// Only with this tag.
    pub tag: Option<Tag>,
    /// Only with this text in name or handle.
    pub q: Option<String>,
    /// Narrowed to what somebody may see; `None` sees everything.
    pub visible_to: Option<Narrow>,
    /// In this order.
    pub sort: Sort,
    /// After this place: the last one seen.
    pub after: Option<Place>,
}

impl Filter {
    /// What this and another filter let through, from the first page and in this one's order; where both say something of the same, this
    /// one is followed.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            network: self.network.clone().or_else(|| other.network.clone()),
            status: self.status.or(other.status),
            cause: self.cause.or(other.cause),
            owner: self.owner.clone().or_else(|| other.owner.clone()),
            team: self.team.clone().or_else(|| other.team.clone()),
            tag: self.tag.clone().or_else(|| other.tag.clone()),
            q: self.q.clone().or_else(|| other.q.clone()),
            visible_to: self.visible_to.clone().or_else(|| other.visible_to.clone()),
            sort: self.sort,
            after: None,
        }
    }

    /// The text that is looked for, in the form in which names are kept and searched.
    pub(super) fn text(&self) -> Option<String> {
        self.q.as_deref().map(|q| kept_text(sort_key(q.trim()))).filter(|text| !text.is_empty())
    }

    /// Whether anything but a text narrows the list.
    pub(super) fn narrows(&self) -> bool {
        let Self { network, status, cause, owner, team, tag, q: _, visible_to, sort: _, after: _ } = self;
        let is_in_any = team.is_some() || tag.is_some();
        network.is_some() || status.is_some() || cause.is_some() || owner.is_some() || is_in_any || visible_to.is_some()
    }
}

/// A row of a list, and where it stands in it.
struct Found {
    place: Place,
    profile: Profile,
}

impl Found {
    fn of(row: &Row, sort: Sort) -> Result<Self, StoreError> {
        let profile = read(row)?;
        let owner = if sort.by == Column::Owner { row.text("owner_name")? } else { String::new() };
        Ok(Self { place: Place { key: row.text("sort_key")?, ..sort.place(&profile, &owner) }, profile })
    }
}

/// One page of profiles, `limit` at most.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter, limit: u32) -> Result<Vec<Profile>, StoreError> {
    list_from(tx, organisation, filter, limit, FEW).await
}

/// The same where as many as `few` are looked up one by one, for whoever compares the ways.
pub async fn list_from(
    tx: &mut Tx,
    organisation: &OrganisationId,
    filter: &Filter,
    limit: u32,
    few: i64,
) -> Result<Vec<Profile>, StoreError> {
    let filter = plainly_sorted(filter);
    plan_for_these(tx).await?;
    let way = way_of(tx, organisation, &filter, few).await?;
    let found = if way == Way::InOrder {
        by_order_alone(tx, true).await?;
        let found = in_order(tx, organisation, &filter, limit, few).await?;
        by_order_alone(tx, false).await?;
        found
    } else {
        read_page(tx, way, organisation, &Part::of(organisation, filter), limit).await?
    };
    with_groups(tx, found.into_iter().map(|found| found.profile).collect()).await
}

/// Whoever plans a list has to know what it is narrowed to: a network may have half of a million profiles, or ten.
async fn plan_for_these(tx: &mut Tx) -> Result<(), StoreError> {
    let Some(sql) = tx.dialect().plan_for_values() else { return Ok(()) };
    tx.run(sql, &[]).await.map(drop)
}

/// What is read in order is not to be gathered and sorted.
async fn by_order_alone(tx: &mut Tx, alone: bool) -> Result<(), StoreError> {
    let Some(sql) = tx.dialect().plan_by_order() else { return Ok(()) };
    tx.run(sql, &[if alone { "off" } else { "on" }.into()]).await.map(drop)
}

/// A list of one owner's profiles is sorted by name where it is to be sorted by owner, and one of a single status likewise.
fn plainly_sorted(filter: &Filter) -> Filter {
    let mut plain = filter.clone();
    let one = match filter.sort.by {
        Column::Owner => filter.owner.is_some(),
        Column::Status => filter.status.is_some(),
        Column::Name | Column::Deadline => false,
    };
    if one {
        plain.sort.by = Column::Name;
        plain.after = plain.after.map(|place| Place { lead: Lead::Nothing, ..place });
    }
    plain
}

/// Read from indexes that have the order of the list, status by status where it is sorted by status, and for each of the reaches of
/// somebody who may not see everything.
async fn in_order(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter, limit: u32, few: i64) -> Result<Vec<Found>, StoreError> {
    let mut page = vec![];
    let gathers_found = gathers_found(tx, filter, few).await?;
    for filter in by_status(filter) {
        let left = limit.saturating_sub(u32::try_from(page.len()).unwrap_or(limit));
        if left == 0 {
            break;
        }
        let parts = parts(tx, organisation, &filter).await?;
        let several = parts.len() > 1;
        let mut some = vec![];
        for mut part in parts {
            part.gathers_found = gathers_found;
            let way = part.way(tx, few).await?;
            some.extend(read_page(tx, way, organisation, &part, left).await?);
        }
        if several {
            merge(&mut some, filter.sort);
            some.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        page.extend(some);
    }
    Ok(page)
}

/// The lists, each of one status and by name, that are one list by status together; the filter itself where it is sorted otherwise.
fn by_status(filter: &Filter) -> Vec<Filter> {
    if filter.sort.by != Column::Status {
        return vec![filter.clone()];
    }
    let mut ranks: Vec<(i64, Status)> = Status::ALL.iter().map(|status| (Sort::rank(*status), *status)).collect();
    ranks.sort_unstable_by_key(|(rank, _)| if filter.sort.descending { -rank } else { *rank });
    let reached = |rank: i64| match filter.after.as_ref().map(|place| &place.lead) {
        Some(Lead::Number(last)) => {
            if filter.sort.descending {
                rank <= *last
            } else {
                rank >= *last
            }
        }
        _ => true,
    };
    let one = |(rank, status)| Filter {
        status: Some(status),
        sort: Sort { by: Column::Name, ..filter.sort },
        after: filter.after.clone().filter(|place| place.lead == Lead::Number(rank)).map(|place| Place { lead: Lead::Nothing, ..place }),
        ..filter.clone()
    };
    ranks.into_iter().filter(|(rank, _)| reached(*rank)).map(one).collect()
}

/// In the list's order, each once.
fn merge(found: &mut Vec<Found>, sort: Sort) {
    found.sort_unstable_by(|one, other| {
        let order = one.place.cmp(&other.place);
        if sort.descending { order.reverse() } else { order }
    });
    found.dedup_by(|one, other| one.profile.id == other.profile.id);
}

async fn read_page(tx: &mut Tx, way: Way, organisation: &OrganisationId, part: &Part, limit: u32) -> Result<Vec<Found>, StoreError> {
    let (sql, values) = statement(tx.dialect(), way, organisation, part, limit);
    let rows = tx.all(&sql, &values).await?;
    let mut found = rows.iter().map(|row| Found::of(row, part.filter.sort)).collect::<Result<Vec<_>, _>>()?;
    if way.is_of_team() {
        merge(&mut found, part.filter.sort);
    }
    Ok(found)
}

/// The statement that reads a page of a list from what its text is found in, for whoever asks how it is read.
pub fn found_statement(tx: &Tx, organisation: &OrganisationId, filter: &Filter, limit: u32) -> (String, Vec<Value>) {
    statement(tx.dialect(), Way::FromFound, organisation, &Part::of(organisation, filter.clone()), limit)
}

/// The statement that reads a page of a list in its order, for whoever asks how it is read.
pub fn ordered_statement(tx: &Tx, organisation: &OrganisationId, filter: &Filter, limit: u32) -> (String, Vec<Value>) {
    let part = Part::of(organisation, plainly_sorted(filter));
    let way = if part.groups.is_empty() { Way::InOrder } else { Way::OfTeam };
    statement(tx.dialect(), way, organisation, &part, limit)
}

/// So far is counted: nobody reads on in a list that is longer.
pub const COUNTED_MAX: i64 = 10_000;

/// How many profiles a filter lets through, on whatever page of the list; one more than [`COUNTED_MAX`] stands for any number above it.
pub async fn matching(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter) -> Result<i64, StoreError> {
    plan_for_these(tx).await?;
    // Counted from the index that has the most of the filters, whatever the list is sorted by.
    let filter = Filter { after: None, sort: Sort::default(), ..filter.clone() };
    let way = match (way_of(tx, organisation, &filter, FEW).await?, filter.text()) {
        (Way::InOrder, Some(text)) if counts_found(tx, &text).await? => Way::FromFound,
        (way, _) => way,
    };
    let most = COUNTED_MAX + 1;
    if way != Way::InOrder {
        return up_to(tx, way, organisation, &Part::of(organisation, filter), most).await;
    }
    let mut some = vec![];
    let gathers_found = gathers_found(tx, &filter, FEW).await?;
    for mut part in parts(tx, organisation, &filter).await? {
        part.gathers_found = gathers_found;
        // Most of a team is counted where it stands by its network, or by its owner.
        let way = if part.groups.is_empty() { Way::Counted } else { Way::OfTeamGathered };
        let n = up_to(tx, way, organisation, &part, most).await?;
        if n == most {
            return Ok(n);
        }
        if n > 0 {
            some.push((n, way, part));
        }
    }
    match some.as_slice() {
        [] => Ok(0),
        [(n, ..)] => Ok(*n),
        some => {
            let some: Vec<_> = some.iter().map(|(_, way, part)| (*way, part)).collect();
            up_to_together(tx, organisation, &some, most).await
        }
    }
}

/// What a filter lets through, as a condition that is asked of one row of `profiles` after the other.
pub(crate) fn conditions_of_each(organisation: &OrganisationId, filter: &Filter) -> (String, Vec<Value>) {
    conditions_by(crate::dialect::Dialect::Sqlite, Way::InOrder, organisation, &Part::of(organisation, filter.clone()))
}

/// The same, such that what is named is gathered.
pub(crate) fn conditions(organisation: &OrganisationId, filter: &Filter) -> (String, Vec<Value>) {
    // No text: whichever database it is.
    conditions_by(crate::dialect::Dialect::Sqlite, Way::Whole, organisation, &Part::of(organisation, filter.clone()))
}
