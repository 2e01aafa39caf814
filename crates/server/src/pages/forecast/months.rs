//! What is coming as a calendar: months of whole weeks, Monday first, and on each day who has to log in.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use lifecycle::time::Timestamp;

use super::Item;
use crate::actions::wishes::WEEKDAYS;
use crate::i18n::Lang;

/// One day of a month.
pub(super) struct Day {
    /// Of the month.
    pub(super) number: i8,
    /// Whether it is today.
    pub(super) today: bool,
    /// Who has to log in until then.
    pub(super) items: Vec<Item>,
}

/// A month.
pub(super) struct Month {
    /// Its name, with the year.
    pub(super) title: String,
    /// Its weeks of seven days; `None`: a day of another month.
    pub(super) weeks: Vec<[Option<Day>; 7]>,
}

/// The names of the days of the week: whole, and as short as they stand over a column.
pub(super) fn heads(lang: Lang) -> Vec<(&'static str, String)> {
    let whole = WEEKDAYS.map(|day| lang.t(&format!("weekday.{day}")));
    whole.into_iter().map(|name| (name, name.chars().take(2).collect())).collect()
}

/// The months from one day to another, with what falls on each day in between.
pub(super) fn months(lang: Lang, first: Date, last: Date, mut found: BTreeMap<Date, Vec<Item>>) -> Vec<Month> {
    let mut months = vec![];
    let mut next = Some(first.first_of_month());
    while let Some(begins) = next.filter(|begins| *begins <= last) {
        let name = lang.t(&format!("month.{}", begins.month()));
        let mut month = Month { title: format!("{name} {}", begins.year()), weeks: vec![] };
        for number in 1..=begins.days_in_month() {
            let day = begins.saturating_add(i64::from(number - 1).days());
            let column = usize::try_from(day.weekday().since(Weekday::Monday)).unwrap_or_default();
            if column == 0 || month.weeks.is_empty() {
                month.weeks.push(Default::default());
            }
            if let Some(week) = month.weeks.last_mut() {
                week[column] = Some(Day { number, today: day == first, items: found.remove(&day).unwrap_or_default() });
            }
        }
        months.push(month);
        next = begins.checked_add(1.month()).ok();
    }
    months
}

/// What falls on which day, as a reader's zone has it.
pub(super) fn by_day(all: impl Iterator<Item = (Timestamp, Item)>, zone: &str) -> BTreeMap<Date, Vec<Item>> {
    let mut found: BTreeMap<Date, Vec<Item>> = BTreeMap::new();
    for (at, item) in all {
        found.entry(crate::show::day(at, zone)).or_default().push(item);
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn every_day_stands_in_its_column_once() {
        let months = months(Lang::De, date(2026, 11, 28), date(2027, 3, 1), BTreeMap::new());
        let titles: Vec<&str> = months.iter().map(|month| month.title.as_str()).collect();
        assert_eq!(titles, ["November 2026", "Dezember 2026", "Januar 2027", "Februar 2027", "März 2027"]);
        let lengths: Vec<usize> = months.iter().map(|month| month.weeks.iter().flatten().flatten().count()).collect();
        assert_eq!(lengths, [30, 31, 31, 28, 31]);
        let column = |month: usize, number: i8| {
            let week = months[month]
                .weeks
                .iter()
                .find_map(|week| week.iter().position(|day| day.as_ref().is_some_and(|day| day.number == number)));
            week.map(|column| heads(Lang::En)[column].0)
        };
        assert_eq!((column(0, 1), column(0, 28), column(3, 1)), (Some("Sunday"), Some("Saturday"), Some("Monday")));
        assert_eq!(months[3].weeks.len(), 4, "a February of four weeks from Monday on");
        let today = months.iter().flat_map(|month| month.weeks.iter().flatten().flatten()).filter(|day| day.today).count();
        assert_eq!(today, 1);
    }

    #[test]
    fn the_last_year_that_there_is_has_an_end() {
        assert_eq!(months(Lang::En, date(9999, 12, 5), date(9999, 12, 31), BTreeMap::new()).len(), 1);
    }
}
