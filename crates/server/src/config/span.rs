//! Lengths of time as people write them: `30s`, `5 min`, `6h`, `30 days`.

use lifecycle::time::Span;
use serde::Deserialize;

/// A length of time in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(Span);

impl Length {
    /// That many seconds.
    pub const fn seconds(n: i64) -> Self {
        Self(Span::seconds(n))
    }

    /// That many minutes.
    pub const fn minutes(n: i64) -> Self {
        Self(Span::minutes(n))
    }

    /// That many hours.
    pub const fn hours(n: i64) -> Self {
        Self(Span::hours(n))
    }

    /// A length that was worked out.
    pub(super) const fn of(span: Span) -> Self {
        Self(span)
    }

    /// As the rules want it.
    pub const fn span(self) -> Span {
        self.0
    }

    /// As the runtime wants it.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0.as_micros()).unwrap_or(0))
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let wrong = || format!("\"{text}\" is not a length of time; write it like \"30 s\", \"30 min\", \"6 h\" or \"30 d\"");
        let n: i64 = number.parse().map_err(|_| wrong())?;
        match unit.trim() {
            "ms" => Ok(Self(Span::millis(n))),
            "s" | "sec" | "second" | "seconds" => Ok(Self(Span::seconds(n))),
            "m" | "min" | "minute" | "minutes" => Ok(Self(Span::minutes(n))),
            "h" | "hour" | "hours" => Ok(Self(Span::hours(n))),
            "d" | "day" | "days" => Ok(Self(Span::days(n))),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_write_them() {
        for (text, span) in [("30s", Span::seconds(30)), ("5 min", Span::minutes(5)), ("6h", Span::hours(6)), ("30 days", Span::days(30))] {
            assert_eq!(Length::try_from(text.to_owned()).map(Length::span), Ok(span));
        }
        for wrong in ["", "30", "h", "-1s", "1y", "1.5h"] {
            assert!(Length::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
