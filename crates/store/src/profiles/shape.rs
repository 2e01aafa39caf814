//! The statements of lists.

use lifecycle::ids::OrganisationId;
use lifecycle::status::Status;

use super::parts::Part;
use super::{Filter, OF_NAMED};
use crate::dialect::{Dialect, within};
use crate::driver::Value;
use crate::sorting::Column;

/// How a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In order, from an index.
    InOrder,
    /// In order, from the names of a team.
    OfTeam,
    /// From the few that a team, an owner or a reach names.
    FromFew,
    /// From the few in which the text is found.
    FromFound,
    /// All of it, for what is counted.
    Whole,
}

/// The statement that reads a page of a part, and its values.
pub(super) fn statement(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part, limit: u32) -> (String, Vec<Value>) {
    let (conditions, mut values) = conditions_by(dialect, way, organisation, part);
    values.push(limit.into());
    let sort = part.filter.sort;
    let from = from(dialect, way, &part.filter);
    let order = if way == Way::OfTeam { sort.order_of(&["sorted_as", "profile_id"]) } else { sort.order() };
    (format!("SELECT profiles.* FROM {from} WHERE {conditions} ORDER BY {order} LIMIT ${}", values.len()), values)
}

/// Where profiles are read from.
pub(super) fn from(dialect: Dialect, way: Way, filter: &Filter) -> String {
    match way {
        Way::OfTeam => "profile_teams CROSS JOIN profiles".to_owned(),
        Way::InOrder if dialect == Dialect::Sqlite => format!("profiles INDEXED BY {}", index(filter)),
        _ => "profiles".to_owned(),
    }
}

/// The index that has a list in its order, with the most of its filters before it. SQLite knows nothing of how common a value is, and
/// is told; PostgreSQL knows.
fn index(filter: &Filter) -> &'static str {
    let Filter { network, status, cause, owner, .. } = filter;
    let ailing = status.is_some_and(is_ailing);
    let by_network = network.is_some();
    match filter.sort.by {
        Column::Name | Column::Status => match (cause, owner) {
            (Some(_), _) => "profiles_by_cause",
            (None, Some(_)) if ailing => "profiles_ailing_by_owner",
            (None, Some(_)) => "profiles_by_owner",
            (None, None) if by_network && status.is_some() => "profiles_by_network_and_status",
            (None, None) if by_network => "profiles_by_network",
            (None, None) if status.is_some() => "profiles_by_status",
            (None, None) => "profiles_searched",
        },
        Column::Deadline if cause.is_some() => "profiles_by_cause_and_day",
        Column::Deadline if owner.is_none() && ailing => "profiles_ailing_by_day",
        Column::Deadline if owner.is_some() => "profiles_by_owner_and_day",
        Column::Deadline if by_network => "profiles_by_network_and_day",
        Column::Deadline => "profiles_by_day",
        Column::Owner if cause.is_some() => "profiles_by_cause_and_owner_name",
        Column::Owner if ailing => "profiles_ailing_by_owner_name",
        Column::Owner => "profiles_by_owner_name",
    }
}

/// Whether a status is one of the few that have indexes of their own.
fn is_ailing(status: Status) -> bool {
    status != Status::Connected
}

/// Conditions and what they compare with, numbered as they come.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.and(&condition.replace('?', &format!("${}", self.values.len())));
    }

    fn and(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }
}

/// What a part holds, as a condition on `profiles`.
pub(super) fn conditions_by(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part) -> (String, Vec<Value>) {
    let Part { filter, also } = part;
    // PostgreSQL begins with the names of a team by itself, and knows how many organisations there are.
    let of_all = matches!(way, Way::InOrder | Way::Whole) || (way == Way::OfTeam && dialect == Dialect::Postgres);
    let text = String::from(if of_all { "organisation_id = $1" } else { OF_NAMED });
    let mut all = Conditions { text, values: vec![organisation.as_str().into()] };
    if let Some(network) = &filter.network {
        all.add("network = ?", network);
    }
    if let Some(status) = filter.status {
        all.add("status = ?", status.as_str());
        if is_ailing(status) {
            // Said as the indexes say it.
            all.and("status <> 'connected'");
        }
    }
    if let Some(cause) = filter.cause {
        all.add("cause = ?", cause.as_str());
    }
    if let Some(owner) = &filter.owner {
        all.add("owner_id = ?", owner.as_str());
        if filter.sort.by == Column::Owner {
            // Theirs alone, in the order of all.
            all.add("owner_name = (SELECT name FROM users WHERE users.id = ?)", owner.as_str());
        }
    }
    if let Some(team) = &filter.team {
        let condition = match way {
            Way::OfTeam => "profiles.id = profile_teams.profile_id AND profile_teams.team_id = ?",
            Way::InOrder => IN_TEAM,
            Way::FromFew | Way::FromFound | Way::Whole => "id IN (SELECT profile_id FROM profile_teams WHERE team_id = ?)",
        };
        all.add(condition, team.as_str());
    }
    for team in also {
        all.add(IN_TEAM, team.as_str());
    }
    if let Some(q) = filter.text() {
        if way == Way::FromFound {
            all.add(dialect.search(&q), dialect.searched(&q));
        }
        all.add("(sort_key LIKE ? ESCAPE '\\' OR LOWER(COALESCE(handle, '')) LIKE ? ESCAPE '\\')", within(&q));
    }
    if let Some(narrow) = &filter.visible_to {
        let sees = narrow.condition(way == Way::InOrder, &mut all.values);
        all.and(&sees);
    }
    if let Some(place) = &filter.after {
        let name = if way == Way::OfTeam { ["sorted_as", "profile_id"] } else { ["sort_key", "id"] };
        let after = filter.sort.after(place, &name, &mut all.values);
        all.and(&after);
    }
    (all.text, all.values)
}

/// In a team, asked of one profile: the rows of a large team are never gathered first, neither by SQLite, which makes a list of them for
/// `IN`, nor by PostgreSQL, which joins what has no `OFFSET`.
const IN_TEAM: &str =
    "EXISTS (SELECT 1 FROM profile_teams AS its_own WHERE its_own.profile_id = profiles.id AND its_own.team_id = ? LIMIT 1 OFFSET 0)";
