//! The time zones people choose from: the places of the IANA database that is compiled in, whatever the machine has.

use std::sync::LazyLock;

use jiff::tz::TimeZoneDatabase;

use crate::error::Problem;

static ALL: LazyLock<Vec<String>> = LazyLock::new(|| {
    // Places and UTC: the others are old names, abbreviations and offsets whose sign is the other way round.
    let is_place = |name: &str| name == "UTC" || (name.contains('/') && !name.starts_with("Etc/") && !name.starts_with("SystemV/"));
    let mut all: Vec<String> =
        TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).filter(|name| is_place(name)).collect();
    all.sort();
    all
});

/// As options of a select; what somebody has already stays one of them.
pub(crate) fn options(chosen: &str) -> Vec<(String, String, bool)> {
    let other = (!ALL.iter().any(|name| name == chosen)).then(|| chosen.to_owned());
    let names = other.into_iter().chain(ALL.iter().cloned());
    names.map(|name| (name.clone(), name.replace('_', " "), name == chosen)).collect()
}

/// A zone as it is stored: one of those to choose from, or what somebody has already.
pub(crate) fn read(typed: &str, now: &str) -> Result<String, Problem> {
    let known = ALL.iter().find(|name| *name == typed).map(String::as_str).or((typed == now).then_some(now));
    known.map(str::to_owned).ok_or_else(|| Problem::field("time_zone", "is not a time zone; write it like Europe/Berlin"))
}

#[cfg(test)]
mod tests {
    use super::{ALL, options, read};

    #[test]
    fn places_are_offered_and_nothing_else_is_taken() {
        assert!(ALL.len() > 300 && ALL.iter().any(|name| name == "Europe/Berlin") && ALL.iter().any(|name| name == "UTC"));
        assert!(ALL.iter().all(|name| jiff::tz::TimeZone::get(name).is_ok()), "what is offered is known");
        assert_eq!(read("Europe/Berlin", "UTC").ok().as_deref(), Some("Europe/Berlin"));
        assert_eq!(read("CET", "CET").ok().as_deref(), Some("CET"), "an older choice stays");
        for wrong in ["", "CET", "europe/berlin", "Mars/Olympus", "../etc/passwd", "Etc/GMT+1"] {
            assert!(read(wrong, "UTC").is_err(), "{wrong}");
        }
        assert_eq!(options("CET").iter().filter(|option| option.2).count(), 1);
        assert_eq!(
            options("Europe/Berlin").iter().filter(|option| option.2).map(|option| option.1.as_str()).collect::<Vec<_>>(),
            ["Europe/Berlin"]
        );
    }
}
