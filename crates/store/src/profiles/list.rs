//! Lists of profiles: what is asked for, and how it is read so that a million profiles cost no more than the few that are shown.

use lifecycle::ids::{OrganisationId, TeamId, UserId};
use lifecycle::status::Status;
use lifecycle::words::Cause;

use super::{Narrow, OF_NAMED, Profile, read, sort_key, with_teams};
use crate::dialect::{Dialect, within};
use crate::driver::{StoreError, Tx, Value, kept_text};
use crate::sorting::{Place, Sort};

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
    /// The text that is looked for, in the form in which names are kept and searched.
    fn text(&self) -> Option<String> {
        self.q.as_deref().map(|q| kept_text(sort_key(q.trim()))).filter(|text| !text.is_empty())
    }

    /// Whether nothing else narrows the list.
    fn is_of_text_alone(&self) -> bool {
        let Self { network, status, cause, owner, team, q: _, visible_to, sort: _, after: _ } = self;
        network.is_none() && status.is_none() && cause.is_none() && owner.is_none() && team.is_none() && visible_to.is_none()
    }
}

/// One page of profiles, `limit` at most.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter, limit: u32) -> Result<Vec<Profile>, StoreError> {
    let way = way_of(tx, organisation, filter).await?;
    let (sql, values) = statement(way, organisation, filter, limit);
    let profiles = tx.all(&sql, &values).await?.iter().map(read).collect::<Result<_, _>>()?;
    with_teams(tx, profiles).await
}

/// The statement that reads a page of a list from what its text is found in, for whoever asks how it is read.
pub fn found_statement(tx: &Tx, organisation: &OrganisationId, filter: &Filter, limit: u32) -> (String, Vec<Value>) {
    statement(Way::FromFound(tx.dialect()), organisation, filter, limit)
}

fn statement(way: Way, organisation: &OrganisationId, filter: &Filter, limit: u32) -> (String, Vec<Value>) {
    let (conditions, mut values) = conditions_by(way, organisation, filter);
    values.push(limit.into());
    (format!("SELECT * FROM profiles WHERE {conditions} ORDER BY {} LIMIT ${}", filter.sort.order(), values.len()), values)
}

/// So many profiles are looked up one by one and sorted; of more, the list is read in order until the page is full.
const FEW: i64 = 2_000;

/// How a list is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In order, from an index.
    InOrder,
    /// From the few that a team, an owner or a reach names.
    FromFew,
    /// From the few in which the text is found.
    FromFound(Dialect),
}

/// Somebody who sees ten of a million profiles must not have the million read, nor somebody who looks for a rare name; and a team of
/// half of them, or a name that every second one has, must not be sorted.
async fn way_of(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter) -> Result<Way, StoreError> {
    let named = Filter { team: filter.team.clone(), visible_to: filter.visible_to.clone(), ..Filter::default() };
    if (named.team.is_some() || named.visible_to.is_some()) && up_to(tx, Way::FromFew, organisation, &named, FEW + 1).await? <= FEW {
        return Ok(Way::FromFew);
    }
    let Some(text) = filter.text() else { return Ok(Way::InOrder) };
    Ok(if !is_common(tx, &text).await? && is_of_few(tx, &text).await? { Way::FromFound(tx.dialect()) } else { Way::InOrder })
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

async fn is_of_few(tx: &mut Tx, text: &str) -> Result<bool, StoreError> {
    let dialect = tx.dialect();
    let found = tx.one(dialect.search_count(text), &[dialect.searched(text).into(), (FEW + 1).into()]).await?;
    Ok(found.map_or(Ok(0), |row| row.int("n"))? <= FEW)
}

/// How many profiles a filter lets through, `most` at most.
async fn up_to(tx: &mut Tx, way: Way, organisation: &OrganisationId, filter: &Filter, most: i64) -> Result<i64, StoreError> {
    let (conditions, mut values) = conditions_by(way, organisation, filter);
    values.push(most.into());
    let sql = format!("SELECT COUNT(*) AS n FROM (SELECT id FROM profiles WHERE {conditions} LIMIT ${}) AS few", values.len());
    tx.one(&sql, &values).await?.map_or(Ok(0), |row| row.int("n"))
}

/// So far is counted: nobody reads on in a list that is longer.
pub const COUNTED_MAX: i64 = 10_000;

/// How many profiles a filter lets through, on whatever page of the list; one more than [`COUNTED_MAX`] stands for any number above it.
pub async fn matching(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter) -> Result<i64, StoreError> {
    let way = match (way_of(tx, organisation, filter).await?, filter.text()) {
        // Many, but perhaps not so many that counting in order would come to its end before the last profile.
        (Way::InOrder, Some(text)) if filter.is_of_text_alone() && !is_common(tx, &text).await? => Way::FromFound(tx.dialect()),
        (way, _) => way,
    };
    up_to(tx, way, organisation, &Filter { after: None, ..filter.clone() }, COUNTED_MAX + 1).await
}

pub(super) fn conditions(organisation: &OrganisationId, filter: &Filter) -> (String, Vec<Value>) {
    conditions_by(Way::InOrder, organisation, filter)
}

fn conditions_by(way: Way, organisation: &OrganisationId, filter: &Filter) -> (String, Vec<Value>) {
    let mut text = String::from(if way == Way::InOrder { "organisation_id = $1" } else { OF_NAMED });
    let mut values: Vec<Value> = vec![organisation.as_str().into()];
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        text.push_str(" AND ");
        text.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(network) = &filter.network {
        add("network = ?", network.into());
    }
    if let Some(status) = filter.status {
        add("status = ?", status.as_str().into());
    }
    if let Some(cause) = filter.cause {
        add("cause = ?", cause.as_str().into());
    }
    if let Some(owner) = &filter.owner {
        add("owner_id = ?", owner.as_str().into());
    }
    if let Some(team) = &filter.team {
        add("id IN (SELECT profile_id FROM profile_teams WHERE team_id = ?)", team.as_str().into());
    }
    if let Some(q) = filter.text() {
        if let Way::FromFound(dialect) = way {
            add(dialect.search(&q), dialect.searched(&q).into());
        }
        add("(sort_key LIKE ? ESCAPE '\\' OR LOWER(COALESCE(handle, '')) LIKE ? ESCAPE '\\')", within(&q).into());
    }
    if let Some(narrow) = &filter.visible_to {
        let sees = narrow.condition(&mut values);
        text.push_str(&format!(" AND {sees}"));
    }
    if let Some(place) = &filter.after {
        text.push_str(&format!(" AND {}", filter.sort.after(place, &mut values)));
    }
    (text, values)
}
