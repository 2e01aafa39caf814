//! `/settings/teams`

use crate::parts::Choice;
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// All users; its members chosen.
    pub members: Vec<Choice>,
    /// How many profiles are in it.
    pub profiles: u64,
    /// What was wrong.
    pub error: Option<FormError>,
}

impl Team {
    /// How many members it has.
    pub(crate) fn member_count(&self) -> usize {
        self.members.iter().filter(|member| member.chosen).count()
    }
}

/// Teams. Posts to `/settings/teams`: `name` with the button `create`; or `name`, `members` (repeated) with the button `save` whose value is
/// the team's id; or the button `delete` with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teams {
    /// The teams.
    pub teams: Vec<Team>,
    /// The new name that was typed before.
    pub new_name: String,
    /// What was wrong with the new one.
    pub error: Option<FormError>,
}

page!(Teams, "pages/teams.html");

impl Teams {
    /// Three teams.
    pub fn sample(_lang: Lang) -> Self {
        let team = |(i, choice): (usize, Choice)| Team {
            id: choice.value,
            name: choice.label,
            members: samples::users(i),
            profiles: [12, 1, 0][i],
            error: (i == 2).then_some(FormError::Taken),
        };
        Self { teams: samples::teams(&[]).into_iter().enumerate().map(team).collect(), new_name: String::new(), error: None }
    }

    /// None yet, and a wrong name.
    pub fn sample_empty(_lang: Lang) -> Self {
        Self { teams: vec![], new_name: "<script>".into(), error: Some(FormError::TooLong) }
    }
}
