//! Lists of a team, or of a tag, which is stored as one, read from what its own rows say of their profiles (migration 46): copies of what
//! lists ask, which triggers keep.

use lifecycle::ids::OrganisationId;

use super::parts::Part;
use super::shape::{Conditions, Way, is_ailing};
use super::{Filter, OF_NAMED};
use crate::dialect::Dialect;
use crate::driver::{StoreError, Tx, Value};
use crate::sorting::{Called, Column};

/// As many times the few that are looked up one by one are gathered and sorted from an index.
const GATHERED: i64 = 5;

/// Whether a list of a team is read in its order, or what is left of the team gathered and sorted: an owner has no order by day there, a
/// network none but that.
pub(super) async fn way(tx: &mut Tx, team: &str, filter: &Filter, few: i64) -> Result<Way, StoreError> {
    if is_of_ailing(filter) || filter.text().is_some() {
        return Ok(Way::OfTeam);
    }
    let by_day = filter.sort.by == Column::Deadline;
    let left = match (&filter.owner, &filter.network) {
        (Some(owner), _) if by_day => {
            of_both(tx, team, "its_owner_name = (SELECT name FROM users WHERE users.id = $2) AND its_owner", owner.as_str(), few).await?
        }
        (None, Some(network)) if !by_day => of_both(tx, team, "its_network", network, few).await?,
        _ => return Ok(Way::OfTeam),
    };
    Ok(if left { Way::OfTeamGathered } else { Way::OfTeam })
}

/// Whether few of a team are something else as well.
async fn of_both(tx: &mut Tx, team: &str, what: &str, value: &str, few: i64) -> Result<bool, StoreError> {
    let most = few * GATHERED;
    let sql = format!("SELECT COUNT(*) AS n FROM (SELECT 1 FROM profile_teams WHERE team_id = $1 AND {what} = $2 LIMIT $3) AS left_over");
    let found = tx.one(&sql, &[team.into(), value.into(), (most + 1).into()]).await?;
    Ok(found.map_or(Ok(0), |row| row.int("n"))? <= most)
}

/// Whether a list is of the few profiles that have indexes of their own.
fn is_of_ailing(filter: &Filter) -> bool {
    filter.cause.is_some() || filter.status.is_some_and(is_ailing)
}

/// The index that has a list of a team in its order, or what is gathered of it. SQLite is told, PostgreSQL finds it.
fn index(way: Way, filter: &Filter) -> &'static str {
    let gathered = way == Way::OfTeamGathered;
    let Filter { network, owner, sort, .. } = filter;
    // One owner's are in the order of names, where all are in the order of owners.
    match (is_of_ailing(filter), sort.by) {
        (true, Column::Deadline) => "profile_teams_ailing_by_day",
        (true, Column::Owner) => "profile_teams_ailing_by_owner_name",
        (true, _) if owner.is_some() => "profile_teams_ailing_by_owner_name",
        (true, _) => "profile_teams_ailing_by_name",
        (false, by) if owner.is_some() && (gathered || by != Column::Deadline) => "profile_teams_by_owner_name",
        (false, by) if network.is_some() && (gathered || by == Column::Deadline) => "profile_teams_by_network_and_day",
        (false, Column::Deadline) => "profile_teams_by_day",
        (false, Column::Owner) => "profile_teams_by_owner_name",
        (false, _) => "profile_teams_by_name",
    }
}

/// The statement that reads a page of a part in a team, in no order, and its values: what is on the page is found in the team's rows, and
/// read then.
pub(super) fn statement(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part, limit: u32) -> (String, Vec<Value>) {
    let mut values = vec![organisation.as_str().into()];
    let (from, conditions) = rows(dialect, way, organisation, part, &mut values);
    values.push(limit.into());
    let order = part.filter.sort.order(if way == Way::OfTeamGathered { &Called::OF_TEAMS_GATHERED } else { &Called::OF_TEAMS });
    let sql = format!(
        "SELECT profiles.* FROM (SELECT profile_id AS of_page FROM {from} WHERE {conditions} ORDER BY {order} LIMIT ${}) AS page \
         CROSS JOIN profiles WHERE profiles.id = of_page AND {OF_NAMED}",
        values.len()
    );
    (sql, values)
}

/// Where the rows of a part in a team are read from, and under which conditions.
pub(super) fn rows(dialect: Dialect, way: Way, organisation: &OrganisationId, part: &Part, values: &mut Vec<Value>) -> (String, String) {
    let Part { filter, groups, gathers_found } = part;
    // What it is in stands in the part.
    let Filter { network, status, cause, owner, team: _, tag: _, q: _, visible_to, sort, after } = filter;
    let (first, also) = groups.split_first().map_or((None, &[][..]), |(first, also)| (Some(first.as_str()), also));
    let text = filter.text();
    let mut from = String::from("profile_teams");
    if dialect == Dialect::Sqlite {
        from = format!("{from} INDEXED BY {}", index(way, filter));
    }
    let mut all = Conditions::new("profile_teams.team_id = ?", first, values);
    if let Some(network) = network {
        all.add("its_network = ?", network);
    }
    if let Some(status) = status {
        all.add("its_status = ?", status.as_str());
        if is_ailing(*status) {
            // Said as the indexes say it.
            all.and("its_status <> 'connected'");
        }
    }
    if let Some(cause) = cause {
        all.add("its_cause = ?", cause.as_str());
    }
    if let Some(owner) = owner {
        all.add("its_owner = ?", owner.as_str());
        all.add("its_owner_name = (SELECT name FROM users WHERE users.id = ?)", owner.as_str());
    }
    for group in also {
        all.add(IN_TEAM_TOO, group);
    }
    if text.is_some() || visible_to.is_some() {
        // What a team's rows do not say.
        from.push_str(" CROSS JOIN profiles");
        all.and("profiles.id = profile_teams.profile_id");
    }
    if let Some(text) = text {
        if *gathers_found && let Some(found) = dialect.among_found(&text, "profile_teams.profile_id") {
            all.add(&found, dialect.searched(&text));
        }
        all.holding(&text);
    }
    if let Some(narrow) = visible_to {
        let sees = narrow.condition(organisation, true, all.values);
        all.and(&sees);
    }
    if let Some(place) = after {
        let after = sort.after(place, &Called::OF_TEAMS, all.values);
        all.and(&after);
    }
    (from, all.text)
}

/// In another team, or with another tag, as well, asked of one row of a team.
const IN_TEAM_TOO: &str = "EXISTS (SELECT 1 FROM profile_teams AS its_own WHERE its_own.profile_id = profile_teams.profile_id \
     AND its_own.team_id = ? LIMIT 1 OFFSET 0)";
