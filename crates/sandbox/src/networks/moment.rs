//! Moments as networks write them in JSON (RFC 3339).

/// `2026-11-23T21:30:00.000Z`.
pub(crate) fn rfc3339(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Eras of 400 years of which each begins on the first of March.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let millis = micros.rem_euclid(1_000_000) / 1000;
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// As Meta's networks write them: `2026-11-23T21:30:00+0000`, to the second.
pub(crate) fn with_offset(micros: i64) -> String {
    format!("{}+0000", &rfc3339(micros)[..19])
}

/// A moment as clients write it, in µs: `2026-11-23T21:30:00Z`, with or without seconds and their parts, with `Z` or an offset. `None`:
/// it is none.
pub(crate) fn read(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let offset_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(offset_at);
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?);
    let second = parts.next().map_or(Some(0), |second| second.split('.').next()?.parse::<i64>().ok())?;
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let offset = match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => 0,
        Some((sign, rest)) => {
            let (h, m) = rest.split_once(':').or_else(|| rest.split_at_checked(2))?;
            let ahead = h.parse::<i64>().ok()? * 3600 + m.parse::<i64>().ok()? * 60;
            if sign == "-" { -ahead } else { ahead }
        }
    };
    // Years that begin in March, in eras of 400 of them.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1_000_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn moments_are_written_as_they_are() {
        assert_eq!(super::rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::rfc3339(1_709_208_000_250_000), "2024-02-29T12:00:00.250Z");
        assert_eq!(super::rfc3339(1_793_577_599_000_000), "2026-11-01T23:59:59.000Z");
    }
    #[test]
    fn moments_are_read_as_they_were_written() {
        for seconds in [0, 951_782_400, 1_709_208_000, 1_793_577_599, 4_102_444_800, 253_402_300_799] {
            let micros = seconds * 1_000_000;
            assert_eq!(super::read(&super::rfc3339(micros)), Some(micros), "{seconds}");
        }
        let noon = Some(1_709_208_000_000_000);
        for text in
            ["2024-02-29T12:00:00Z", "2024-02-29T12:00Z", "2024-02-29 13:30:00+01:30", "2024-02-29T07:00:00.5-0500", "2024-02-29T12:00:00"]
        {
            assert_eq!(super::read(text), noon, "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2024-02-29",
            "2024-13-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00Zulu",
            "2024-01-01T00:00:00+1",
        ] {
            assert_eq!(super::read(text), None, "{text}");
        }
    }
}
