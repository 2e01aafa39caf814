//! Which way a list is read.

use lifecycle::ids::OrganisationId;

use super::Filter;
use super::parts::{Part, Sees, seen};
use super::shape::{Way, ids};
use crate::dialect::within;
use crate::driver::{StoreError, Tx};
use crate::sorting::Column;

/// So many profiles are looked up one by one and sorted; of more, the list is read in order until the page is full.
pub(super) const FEW: i64 = 2_000;

/// What somebody may see, where it is not more than a part of the few, is looked up; of more, each thing that they see has an order.
const SEEN: i64 = 10;

/// Somebody who sees ten of a million profiles must not have the million read, nor somebody who looks for a rare name; and a team of
/// half of them, or a name that every second one has, must not be sorted.
pub(super) async fn way_of(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter, few: i64) -> Result<Way, StoreError> {
    if sees_few(tx, organisation, filter, few / SEEN).await? {
        return Ok(Way::FromFew);
    }
    let Some(text) = filter.text() else { return Ok(Way::InOrder) };
    Ok(if !is_common(tx, &text).await? && is_found_in(tx, &text, few).await? { Way::FromFound } else { Way::InOrder })
}

/// Those in which a text is found are gathered, where they are not many times the few, to be asked for in a list that something else is
/// read for: names would be read one by one until a page of those that have it is full.
const FOUND: i64 = 4;

/// Whether those in which a list's text is found are gathered where it is read in order.
pub(super) async fn gathers_found(tx: &mut Tx, filter: &Filter, few: i64) -> Result<bool, StoreError> {
    // All names in their order stand in one index with the handles.
    let reads_each = filter.narrows() || filter.sort.by != Column::Name;
    let Some(text) = filter.text().filter(|text| reads_each && tx.dialect().among_found(text, "id").is_some()) else {
        return Ok(false);
    };
    is_found_in(tx, &text, few * FOUND).await
}

/// Up to so many are counted where the text is found: of more, so many have it that reading in order comes to the end of counting soon.
const FOUND_COUNTED: i64 = 90_000;

/// Whether a list is counted where its text is found.
pub(super) async fn counts_found(tx: &mut Tx, text: &str) -> Result<bool, StoreError> {
    Ok(!is_common(tx, text).await? && is_found_in(tx, text, FOUND_COUNTED).await?)
}

/// Whether an owner names few.
pub(super) async fn names_few(tx: &mut Tx, filter: &Filter, few: i64) -> Result<bool, StoreError> {
    // By name an owner's profiles are in order anyway.
    if let Some(owner) = filter.owner.as_ref().filter(|_| filter.sort.by != Column::Name)
        && few_of(tx, "profiles WHERE owner_id", owner.as_str(), few + 1).await? <= few
    {
        return Ok(true);
    }
    Ok(false)
}

/// Whether somebody who may not see everything sees few.
async fn sees_few(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter, few: i64) -> Result<bool, StoreError> {
    let Some(narrow) = &filter.visible_to else { return Ok(false) };
    let Some(seen) = seen(tx, organisation, narrow).await? else {
        let named = Filter { visible_to: Some(narrow.clone()), ..Filter::default() };
        return Ok(up_to(tx, Way::FromFew, organisation, &Part::of(organisation, named), few + 1).await? <= few);
    };
    let mut all = 0;
    for sees in seen {
        all += match sees {
            Sees { owner: Some(owner), .. } => few_of(tx, "profiles WHERE owner_id", owner.as_str(), few + 1).await?,
            Sees { groups, .. } => match groups.first() {
                Some(group) => few_of(tx, "profile_teams WHERE team_id", group, few + 1).await?,
                // A network alone has an order, and is read in it.
                None => few + 1,
            },
        };
        if all > few {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many rows a table has of that column, `most` at most, from its index.
pub(super) async fn few_of(tx: &mut Tx, of: &str, value: &str, most: i64) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) AS n FROM (SELECT 1 FROM {of} = $1 LIMIT $2) AS few");
    tx.one(&sql, &[value.into(), most.into()]).await?.map_or(Ok(0), |row| row.int("n"))
}

/// So many profiles are looked at for how common a text is.
const SAMPLE: i64 = 500;
/// So many of them have a common text: a page of a list in order is full soon.
const COMMON: i64 = 10;

/// Whether a text is so common that gathering all that have it would cost more than any list of them.
async fn is_common(tx: &mut Tx, text: &str) -> Result<bool, StoreError> {
    let Some(sql) = tx.dialect().search_sample() else { return Ok(false) };
    let having = tx.one(sql, &[within(text).into(), SAMPLE.into()]).await?;
    Ok(having.map_or(Ok(0), |row| row.int("n"))? >= COMMON)
}

/// Whether a text is found in no more than so many.
async fn is_found_in(tx: &mut Tx, text: &str, few: i64) -> Result<bool, StoreError> {
    let dialect = tx.dialect();
    let found = tx.one(dialect.search_count(text), &[dialect.searched(text).into(), (few + 1).into()]).await?;
    Ok(found.map_or(Ok(0), |row| row.int("n"))? <= few)
}

/// How many profiles a part has, `most` at most.
pub(super) async fn up_to(tx: &mut Tx, way: Way, organisation: &OrganisationId, part: &Part, most: i64) -> Result<i64, StoreError> {
    up_to_together(tx, organisation, &[(way, part)], most).await
}

/// How many profiles several parts have together, `most` at most.
pub(super) async fn up_to_together(
    tx: &mut Tx,
    organisation: &OrganisationId,
    parts: &[(Way, &Part)],
    most: i64,
) -> Result<i64, StoreError> {
    let (dialect, mut values) = (tx.dialect(), vec![]);
    let each = |(at, (way, part)): (usize, &(Way, &Part))| {
        format!("SELECT id FROM ({}) AS part{at}", ids(dialect, *way, organisation, part, most, &mut values))
    };
    let ids = parts.iter().enumerate().map(each).collect::<Vec<_>>().join(" UNION ");
    values.push(most.into());
    let sql = format!("SELECT COUNT(*) AS n FROM (SELECT id FROM ({ids}) AS several LIMIT ${}) AS few", values.len());
    tx.one(&sql, &values).await?.map_or(Ok(0), |row| row.int("n"))
}
