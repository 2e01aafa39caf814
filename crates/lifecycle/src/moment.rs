//! Moments as networks write them in JSON (RFC 3339).

use crate::time::{Span, Timestamp};

/// Reads `2026-11-23T21:30:00.000Z`, also with an offset, which Meta's networks write without its colon (`+0000`). `None` for anything else.
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => return None,
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let micros: i64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").get(..6)?.parse().ok()? };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_seconds(offset)?;
    Some(Timestamp::from_seconds(seconds) + Span::micros(micros))
}

fn offset_seconds(offset: &str) -> Option<i64> {
    let sign = match offset.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return (offset.len() == 1).then_some(0),
    };
    let offset = offset.get(1..)?;
    let (hours, minutes) = offset.split_once(':').or_else(|| offset.split_at_checked(2).filter(|(_, minutes)| minutes.len() == 2))?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Writes a moment as `2026-11-23T21:30:00.000Z`.
pub fn written(at: Timestamp) -> String {
    let seconds = at.as_seconds();
    let (day, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The inverse of `days`: eras of 400 years, years that begin in March.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year + era * 400) } else { (month - 9, year + era * 400 + 1) };
    let millis = at.as_micros().rem_euclid(1_000_000) / 1_000;
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{millis:03}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; years begin in March, so that the leap day comes last.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for seconds in (0..4_102_444_800).step_by(7_776_123) {
            let at = Timestamp::from_seconds(seconds) + Span::millis(250);
            assert_eq!(rfc3339(&written(at)), Some(at), "{}", written(at));
        }
        assert_eq!(written(Timestamp::from_seconds(1_709_208_000)), "2024-02-29T12:00:00.000Z");
    }

    #[test]
    fn moments_are_read_and_nonsense_is_not() {
        let seconds = |text| rfc3339(text).map(Timestamp::as_seconds);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2024-02-29T12:00:00.000Z"), Some(1_709_208_000));
        assert_eq!(seconds("2024-02-29T14:00:00+02:00"), Some(1_709_208_000));
        assert_eq!((seconds("2024-02-29T12:00:00+0000"), seconds("2024-02-29T10:30:00-0130")), (Some(1_709_208_000), Some(1_709_208_000)));
        assert_eq!(rfc3339("2024-02-29T12:00:00.25Z").map(Timestamp::as_micros), Some(1_709_208_000_250_000));
        for nonsense in [
            "",
            "now",
            "2024-02-29",
            "2024-02-29T12:00:00",
            "2024-13-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00é",
            "2024-01-01T00:00:00+00",
            "2024-01-01T00:00:00+000",
            "2024-01-01T00:00:00+00000",
            "2024-01-01T00:00:00+0é0",
        ] {
            assert_eq!(rfc3339(nonsense), None, "{nonsense}");
        }
    }
}
