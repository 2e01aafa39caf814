//! What somebody may see who may not see everything, as a condition: the same rule as [`lifecycle::permission::decide`].

use lifecycle::ids::{OrganisationId, ProfileId, TeamId, UserId};
use lifecycle::permission::Reach;

use crate::driver::{Value, placeholders};
use crate::tags;

/// What somebody may see who may not see everything.
#[derive(Debug, Clone)]
pub enum Narrow {
    /// What this user owns, and what is in their teams.
    User(UserId),
    /// What this user owns.
    Owner(UserId),
    /// What one of these reaches covers.
    Reaches(Vec<Reach>),
    /// What one of these lets through.
    Either(Vec<Narrow>),
}

impl Narrow {
    /// As a condition on a row of `profiles`, asked of one row where rows are read one by one, or such that what it names is gathered;
    /// what it compares with is added to `values`.
    pub(super) fn condition(&self, organisation: &OrganisationId, one_by_one: bool, values: &mut Vec<Value>) -> String {
        let any = |all: Vec<String>| if all.is_empty() { "1 = 0".to_owned() } else { format!("({})", all.join(" OR ")) };
        match self {
            Self::User(user) => {
                values.push(user.as_str().into());
                let n = values.len();
                if one_by_one {
                    return format!(
                        "(owner_id = ${n} OR EXISTS (SELECT 1 FROM profile_teams AS its_own JOIN team_members ON team_members.team_id = \
                         its_own.team_id WHERE its_own.profile_id = profiles.id AND team_members.user_id = ${n} LIMIT 1 OFFSET 0))"
                    );
                }
                format!(
                    "(owner_id = ${n} OR id IN (SELECT profile_id FROM profile_teams WHERE team_id IN (SELECT team_id FROM team_members WHERE user_id = ${n})))"
                )
            }
            Self::Owner(user) => {
                values.push(user.as_str().into());
                format!("owner_id = ${}", values.len())
            }
            Self::Reaches(reaches) => any(reaches.iter().map(|reach| covered(organisation, reach, one_by_one, values)).collect()),
            Self::Either(some) => any(some.iter().map(|one| one.condition(organisation, one_by_one, values)).collect()),
        }
    }
}

/// [`Reach::covers`] as a condition.
fn covered(organisation: &OrganisationId, reach: &Reach, one_by_one: bool, values: &mut Vec<Value>) -> String {
    let mut all = vec!["1 = 1".to_owned()];
    let mut within = |column: &str, list: Vec<String>| {
        if !list.is_empty() {
            all.push(column.replace('?', &placeholders(values.len() + 1, list.len())));
            values.extend(list.into_iter().map(Value::from));
        }
    };
    within("id IN (?)", reach.profiles.iter().map(ProfileId::to_string).collect());
    within("network IN (?)", reach.networks.clone());
    let in_teams = if one_by_one {
        "EXISTS (SELECT 1 FROM profile_teams AS its_own WHERE its_own.profile_id = profiles.id AND its_own.team_id IN (?) LIMIT 1 OFFSET 0)"
    } else {
        "id IN (SELECT profile_id FROM profile_teams WHERE team_id IN (?))"
    };
    within(in_teams, reach.teams.iter().map(TeamId::to_string).collect());
    within(in_teams, reach.tags.iter().map(|tag| tags::id(organisation, tag)).collect());
    format!("({})", all.join(" AND "))
}
