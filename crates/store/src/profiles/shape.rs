//! The statements of lists.

use lifecycle::ids::OrganisationId;
use lifecycle::status::Status;

use super::parts::Part;
use super::{Filter, OF_NAMED, of_team};
use crate::dialect::{Dialect, within};
use crate::driver::Value;
use crate::sorting::{Called, Column};

/// How a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In order, from an index.
    InOrder,
    /// In order, from what the rows of a team say.
    OfTeam,
    /// The same where few of a team are left: they are gathered and sorted.
    OfTeamGathered,
    /// From the few that an owner or a reach names.
    FromFew,
    /// From the few in which the text is found.
    FromFound,
    /// From the same indexes as in order, for how many there are.
    Counted,
    /// All of it, for what is counted by kind.
    Whole,
}

impl Way {
    /// Whether it is read from the rows of a team.
    pub(super) fn is_of_team(self) -> bool {
        matches!(self, Self::OfTeam | Self::OfTeamGathered)
    }
}

/// The statement that reads a page of a part, and its values. What is read from a team comes in no order.
pub(super) fn statement(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part, limit: u32) -> (String, Vec<Value>) {
    if way.is_of_team() {
        return of_team::statement(dialect, way, organisation, part, limit);
    }
    let (conditions, mut values) = conditions_by(dialect, way, organisation, part);
    values.push(limit.into());
    let (from, order) = (from(dialect, way, &part.filter), part.filter.sort.order(&Called::OF_PROFILES));
    (format!("SELECT profiles.* FROM {from} WHERE {conditions} ORDER BY {order} LIMIT ${}", values.len()), values)
}

/// The statement that reads the ids of a part, `most` at most and in no order, and its values, which follow those that are there.
pub(super) fn ids(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part, most: i64, values: &mut Vec<Value>) -> String {
    let (id, from, conditions) = if way.is_of_team() {
        let (from, conditions) = of_team::rows(dialect, way, organisation, part, values);
        ("profile_id AS id", from, conditions)
    } else {
        let conditions = conditions_after(dialect, way, organisation, part, values);
        ("id", from(dialect, way, &part.filter), conditions)
    };
    values.push(most.into());
    format!("SELECT {id} FROM {from} WHERE {conditions} LIMIT ${}", values.len())
}

/// Where profiles are read from.
fn from(dialect: Dialect, way: Way, filter: &Filter) -> String {
    match way {
        Way::InOrder | Way::Counted if dialect == Dialect::Sqlite => format!("profiles INDEXED BY {}", index(filter)),
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
pub(super) fn is_ailing(status: Status) -> bool {
    status != Status::Connected
}

/// Conditions, numbered as they come, and what they compare with.
pub(super) struct Conditions<'a> {
    pub(super) text: String,
    pub(super) values: &'a mut Vec<Value>,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(condition: &str, value: impl Into<Value>, values: &'a mut Vec<Value>) -> Self {
        values.push(value.into());
        Self { text: condition.replace('?', &format!("${}", values.len())), values }
    }

    pub(super) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.and(&condition.replace('?', &format!("${}", self.values.len())));
    }

    pub(super) fn and(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }

    /// With a text in name or handle, asked of a profile.
    pub(super) fn holding(&mut self, text: &str) {
        self.add("(sort_key LIKE ? ESCAPE '\\' OR LOWER(COALESCE(handle, '')) LIKE ? ESCAPE '\\')", within(text));
    }
}

/// What a part holds, as a condition on `profiles`.
pub(super) fn conditions_by(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part) -> (String, Vec<Value>) {
    let mut values = vec![];
    let conditions = conditions_after(dialect, way, organisation, part, &mut values);
    (conditions, values)
}

fn conditions_after(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part, values: &mut Vec<Value>) -> String {
    let Part { filter, groups, gathers_found: _ } = part;
    let of = match (way, &filter.owner) {
        // An owner's profiles are their organisation's: an index of owners alone says how many they are.
        (Way::Counted, Some(owner)) => {
            values.push(owner.as_str().into());
            format!("? = (SELECT organisation_id FROM users WHERE users.id = ${})", values.len())
        }
        (Way::InOrder | Way::Counted | Way::Whole, _) => "organisation_id = ?".to_owned(),
        _ => OF_NAMED.replace("$1", "?"),
    };
    let mut all = Conditions::new(&of, organisation.as_str(), values);
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
    let in_team = match way {
        Way::FromFew | Way::Whole => "id IN (SELECT profile_id FROM profile_teams WHERE team_id = ?)",
        _ => IN_TEAM,
    };
    for group in groups {
        all.add(in_team, group);
    }
    if let Some(q) = filter.text() {
        if way == Way::FromFound {
            all.add(dialect.search(&q), dialect.searched(&q));
        } else if part.gathers_found
            && let Some(found) = dialect.among_found(&q, "id")
        {
            all.add(&found, dialect.searched(&q));
        }
        all.holding(&q);
    }
    if let Some(narrow) = &filter.visible_to {
        let sees = narrow.condition(organisation, matches!(way, Way::InOrder | Way::Counted | Way::FromFound), all.values);
        all.and(&sees);
    }
    if let Some(place) = &filter.after {
        let after = filter.sort.after(place, &Called::OF_PROFILES, all.values);
        all.and(&after);
    }
    all.text
}

/// In a team, asked of one profile: the rows of a large team are never gathered first, neither by SQLite, which makes a list of them for
/// `IN`, nor by PostgreSQL, which joins what has no `OFFSET`.
const IN_TEAM: &str =
    "EXISTS (SELECT 1 FROM profile_teams AS its_own WHERE its_own.profile_id = profiles.id AND its_own.team_id = ? LIMIT 1 OFFSET 0)";
