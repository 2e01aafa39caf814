//! What somebody may see who may not see everything, as a condition: the same rule as [`lifecycle::permission::decide`].

use lifecycle::ids::{ProfileId, TeamId, UserId};
use lifecycle::permission::Reach;

use crate::driver::{Value, placeholders};

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
    /// As a condition on a row of `profiles`; what it compares with is added to `values`.
    pub(super) fn condition(&self, values: &mut Vec<Value>) -> String {
        let any = |all: Vec<String>| if all.is_empty() { "1 = 0".to_owned() } else { format!("({})", all.join(" OR ")) };
        match self {
            Self::User(user) => {
                values.push(user.as_str().into());
                let n = values.len();
                format!(
                    "(owner_id = ${n} OR id IN (SELECT profile_id FROM profile_teams WHERE team_id IN (SELECT team_id FROM team_members WHERE user_id = ${n})))"
                )
            }
            Self::Owner(user) => {
                values.push(user.as_str().into());
                format!("owner_id = ${}", values.len())
            }
            Self::Reaches(reaches) => any(reaches.iter().map(|reach| covered(reach, values)).collect()),
            Self::Either(some) => any(some.iter().map(|one| one.condition(values)).collect()),
        }
    }
}

/// [`Reach::covers`] as a condition.
fn covered(reach: &Reach, values: &mut Vec<Value>) -> String {
    let mut all = vec!["1 = 1".to_owned()];
    let mut within = |column: &str, list: Vec<&str>| {
        if !list.is_empty() {
            all.push(column.replace('?', &placeholders(values.len() + 1, list.len())));
            values.extend(list.into_iter().map(Value::from));
        }
    };
    within("id IN (?)", reach.profiles.iter().map(ProfileId::as_str).collect());
    within("network IN (?)", reach.networks.iter().map(String::as_str).collect());
    within("id IN (SELECT profile_id FROM profile_teams WHERE team_id IN (?))", reach.teams.iter().map(TeamId::as_str).collect());
    format!("({})", all.join(" AND "))
}
