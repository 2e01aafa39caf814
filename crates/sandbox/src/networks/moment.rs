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

#[cfg(test)]
mod tests {
    #[test]
    fn moments_are_written_as_they_are() {
        assert_eq!(super::rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::rfc3339(1_709_208_000_250_000), "2024-02-29T12:00:00.250Z");
        assert_eq!(super::rfc3339(1_793_577_599_000_000), "2026-11-01T23:59:59.000Z");
    }
}
