//! In which order profiles are listed, and where the next page of a list goes on.

use lifecycle::status::Status;

use crate::driver::Value;
use crate::profiles::{Profile, sort_key};

/// By what a list is sorted; then by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Column {
    /// Its name.
    #[default]
    Name,
    /// Its status, the worst first.
    Status,
    /// Its owner's name; profiles without one first.
    Owner,
    /// The day on which a person must come; profiles without one last.
    Deadline,
}

impl Column {
    /// Every column, as the list shows them.
    pub const ALL: [Self; 4] = [Self::Name, Self::Status, Self::Owner, Self::Deadline];

    /// The word in addresses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Status => "status",
            Self::Owner => "owner",
            Self::Deadline => "deadline",
        }
    }

    /// The column of a word; by name for any other.
    pub fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|column| column.word() == word).unwrap_or_default()
    }

    /// What comes before the name.
    const fn lead(self, called: &Called) -> Option<&'static str> {
        match self {
            Self::Name => None,
            Self::Status => Some("(CASE status WHEN 'disconnected' THEN 0 WHEN 'renew_soon' THEN 1 WHEN 'unverified' THEN 2 ELSE 3 END)"),
            Self::Owner => Some(called.owner),
            Self::Deadline => Some(called.day),
        }
    }
}

/// What lists are sorted by is called so where it stands; the indexes of migrations 30, 45 and 46 are made of the same words.
#[derive(Debug)]
pub(crate) struct Called {
    owner: &'static str,
    day: &'static str,
    name: &'static str,
    id: &'static str,
}

impl Called {
    /// In the rows of profiles.
    pub(crate) const OF_PROFILES: Self =
        Self { owner: "owner_name", day: "COALESCE(deadline, 9223372036854775807)", name: "sort_key", id: "id" };
    /// In the rows that say which teams they are in.
    pub(crate) const OF_TEAMS: Self = Self { owner: "its_owner_name", day: "its_day", name: "sorted_as", id: "profile_id" };
    /// The same, such that no index has it: what was found is sorted.
    pub(crate) const OF_TEAMS_GATHERED: Self =
        Self { owner: "its_owner_name || ''", day: "its_day + 0", name: "sorted_as || ''", id: "profile_id" };
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    /// By what.
    pub by: Column,
    /// The other way round.
    pub descending: bool,
}

/// The last profile of a page, as far as the order needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What comes before the name.
    pub lead: Lead,
    /// Its name's sort key.
    pub key: String,
    /// Its id.
    pub id: String,
}

/// What comes before the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lead {
    /// Nothing: the list is sorted by name.
    Nothing,
    /// A rank, or a moment.
    Number(i64),
    /// A name.
    Text(String),
}

impl Place {
    /// In a list that is sorted by name.
    pub fn by_name(key: String, id: String) -> Self {
        Self { lead: Lead::Nothing, key, id }
    }

    /// As one text, for an address.
    pub fn written(&self) -> String {
        let lead = match &self.lead {
            Lead::Nothing => String::new(),
            Lead::Number(number) => number.to_string(),
            Lead::Text(text) => text.clone(),
        };
        format!("{}~{}~{lead}{}", self.id, lead.len(), self.key)
    }
}

impl Sort {
    /// The worst first.
    pub(crate) const fn rank(status: Status) -> i64 {
        match status {
            Status::Disconnected => 0,
            Status::RenewSoon => 1,
            Status::Unverified => 2,
            Status::Connected => 3,
        }
    }

    /// Where a page ends.
    pub fn place(self, profile: &Profile, owner: &str) -> Place {
        let lead = match self.by {
            Column::Name => Lead::Nothing,
            Column::Status => Lead::Number(Self::rank(profile.standing.status)),
            Column::Owner => Lead::Text(owner.to_owned()),
            Column::Deadline => Lead::Number(profile.standing.deadline.map_or(i64::MAX, lifecycle::time::Timestamp::as_micros)),
        };
        Place { lead, key: sort_key(&profile.name), id: profile.id.to_string() }
    }

    /// Reads [`Place::written`] of a list in this order; `None` for anything else.
    pub fn read_place(self, text: &str) -> Option<Place> {
        let (id, rest) = text.split_once('~')?;
        let (length, rest) = rest.split_once('~')?;
        let (lead, key) = rest.split_at_checked(length.parse().ok()?)?;
        let lead = match self.by {
            Column::Name => Lead::Nothing,
            Column::Status | Column::Deadline => Lead::Number(lead.parse().ok()?),
            Column::Owner => Lead::Text(lead.to_owned()),
        };
        Some(Place { lead, key: key.to_owned(), id: id.to_owned() })
    }

    /// What the rows are ordered by.
    pub(crate) fn order(self, called: &Called) -> String {
        let way = if self.descending { " DESC" } else { "" };
        let all = self.by.lead(called).into_iter().chain([called.name, called.id]);
        all.map(|column| format!("{column}{way}")).collect::<Vec<_>>().join(", ")
    }

    /// What comes after a place, as a condition.
    pub(crate) fn after(self, place: &Place, called: &Called, values: &mut Vec<Value>) -> String {
        let lead = match &place.lead {
            Lead::Nothing => None,
            Lead::Number(number) => Some(Value::from(*number)),
            Lead::Text(text) => Some(Value::from(text)),
        };
        let columns: Vec<&str> = self.by.lead(called).filter(|_| lead.is_some()).into_iter().chain([called.name, called.id]).collect();
        let from = values.len() + 1;
        values.extend(lead);
        values.extend([Value::from(&place.key), Value::from(&place.id)]);
        let compared = if self.descending { '<' } else { '>' };
        format!("({}) {compared} ({})", columns.join(", "), crate::driver::placeholders(from, columns.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let lead = |column| match column {
            Column::Name => Lead::Nothing,
            Column::Owner => Lead::Text("Ärger~3~".into()),
            Column::Status | Column::Deadline => Lead::Number(i64::MAX),
        };
        for by in Column::ALL {
            let place = Place { lead: lead(by), key: "a~7~b".into(), id: "prf_1".into() };
            assert_eq!(Sort { by, descending: false }.read_place(&place.written()), Some(place));
        }
        for broken in ["", "prf_1", "prf_1~", "prf_1~9~a", "prf_1~1~ä", "prf_1~x~a"] {
            assert_eq!(Sort { by: Column::Status, descending: true }.read_place(broken), None, "{broken}");
        }
    }
}
