//! Which way a list is read.

use lifecycle::ids::OrganisationId;

use super::Filter;
use super::parts::{Part, Sees, seen};
use super::shape::{Way, conditions_by, from};
use crate::dialect::within;
use crate::driver::{StoreError, Tx, Value};
use crate::sorting::Column;

/// So many profiles are looked up one by one and sorted; of more, the list is read in order until the page is full.
pub(super) const FEW: i64 = 2_000;

/// Somebody who sees ten of a million profiles must not have the million read, nor somebody who looks for a rare name; and a team of
/// half of them, or a name that every second one has, must not be sorted.
pub(super) async fn way_of(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter, few: i64) -> Result<Way, StoreError> {
    if names_few(tx, filter, few).await? || sees_few(tx, organisation, filter, few).await? {
        return Ok(Way::FromFew);
    }
    let Some(text) = filter.text() else { return Ok(Way::InOrder) };
    Ok(if !is_common(tx, &text).await? && is_found_in_few(tx, &text, few).await? { Way::FromFound } else { Way::InOrder })
}

/// Whether a team or an owner names few.
pub(super) async fn names_few(tx: &mut Tx, filter: &Filter, few: i64) -> Result<bool, StoreError> {
    if let Some(team) = &filter.team
        && few_of(tx, "profile_teams WHERE team_id", team.as_str(), few + 1).await? <= few
    {
        return Ok(true);
    }
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
    let Some(seen) = seen(tx, narrow).await? else {
        let named = Filter { visible_to: Some(narrow.clone()), ..Filter::default() };
        return Ok(up_to(tx, Way::FromFew, organisation, &named, few + 1).await? <= few);
    };
    let mut all = 0;
    for sees in seen {
        all += match sees {
            Sees { owner: Some(owner), .. } => few_of(tx, "profiles WHERE owner_id", owner.as_str(), few + 1).await?,
            Sees { team: Some(team), .. } => few_of(tx, "profile_teams WHERE team_id", team.as_str(), few + 1).await?,
            // A network alone has an order, and is read in it.
            Sees { .. } => few + 1,
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
pub(super) async fn is_common(tx: &mut Tx, text: &str) -> Result<bool, StoreError> {
    let Some(sql) = tx.dialect().search_sample() else { return Ok(false) };
    let having = tx.one(sql, &[within(text).into(), SAMPLE.into()]).await?;
    Ok(having.map_or(Ok(0), |row| row.int("n"))? >= COMMON)
}

async fn is_found_in_few(tx: &mut Tx, text: &str, few: i64) -> Result<bool, StoreError> {
    let dialect = tx.dialect();
    let found = tx.one(dialect.search_count(text), &[dialect.searched(text).into(), (few + 1).into()]).await?;
    Ok(found.map_or(Ok(0), |row| row.int("n"))? <= few)
}

/// How many profiles a filter lets through, `most` at most.
pub(super) async fn up_to(tx: &mut Tx, way: Way, organisation: &OrganisationId, filter: &Filter, most: i64) -> Result<i64, StoreError> {
    let (conditions, mut values): (String, Vec<Value>) = conditions_by(tx.dialect(), way, organisation, &Part::of(filter.clone()));
    values.push(most.into());
    let from = from(tx.dialect(), way, filter);
    let sql = format!("SELECT COUNT(*) AS n FROM (SELECT id FROM {from} WHERE {conditions} LIMIT ${}) AS few", values.len());
    tx.one(&sql, &values).await?.map_or(Ok(0), |row| row.int("n"))
}
