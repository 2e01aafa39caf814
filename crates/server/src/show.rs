//! Moments as people read them.

use jiff::tz::TimeZone;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Evidence;
use serde_json::{Value, json};

use crate::i18n::Lang;

fn local(at: Timestamp, zone: &str) -> jiff::civil::DateTime {
    let stamp = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    TimeZone::get(zone).unwrap_or(TimeZone::UTC).to_datetime(stamp)
}

/// RFC 3339 in UTC, to the second.
pub fn rfc3339(at: Timestamp) -> String {
    let stamp = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.to_string()
}

/// What happened, as tools read it. Rows keep moments as numbers of microseconds; outside they are written like all others. A number
/// is a moment by the name it stands under, and by being far larger than anything that is counted.
pub fn told(detail: &Value) -> Value {
    match detail {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match value.as_i64() {
                Some(micros) if is_moment(name) && micros > COUNTED_MAX => (name.clone(), rfc3339(Timestamp::from_micros(micros)).into()),
                _ => (name.clone(), told(value)),
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(told).collect(),
        other => other.clone(),
    }
}

/// The autumn of 1973, in microseconds: no moment of ours is earlier, and nothing is counted as far.
const COUNTED_MAX: i64 = 120_000_000_000_000;

fn is_moment(name: &str) -> bool {
    matches!(name, "at" | "until" | "since" | "deadline" | "episode") || name.ends_with("_at") || name.ends_with("_until")
}

/// What a network said, as tools read it.
pub fn evidence(seen: &Evidence) -> Value {
    let mut shown = json!({ "at": rfc3339(seen.at), "source": seen.source, "words": seen.words });
    if let Some(status) = seen.http_status {
        shown["http_status"] = status.into();
    }
    if let Some(code) = &seen.code {
        shown["code"] = code.as_str().into();
    }
    shown
}

/// A day.
pub fn date(at: Timestamp, zone: &str, lang: Lang) -> String {
    local(at, zone).strftime(lang.pick("%-d %b %Y", "%d.%m.%Y")).to_string()
}

/// The day on which a moment falls in a zone.
pub fn day(at: Timestamp, zone: &str) -> jiff::civil::Date {
    local(at, zone).date()
}

/// The moment at which a day, written as 2027-01-01, begins in a zone.
pub fn day_begins(day: &str, zone: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let begins = TimeZone::get(zone).unwrap_or(TimeZone::UTC).to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    Some(Timestamp::from_micros(begins.as_microsecond()))
}

/// A day and a time.
pub fn moment(at: Timestamp, zone: &str, lang: Lang) -> String {
    local(at, zone).strftime(lang.pick("%-d %b %Y, %H:%M", "%d.%m.%Y, %H:%M")).to_string()
}

/// So many of one unit; minutes at least.
fn in_one_unit(seconds: u64, lang: Lang) -> (String, &'static str) {
    let (n, unit) = match seconds {
        0..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    (n.to_string(), lang.t(&format!("time.{unit}{}", if n == 1 { "" } else { "s" })))
}

/// How long something took.
pub fn length(span: Span, lang: Lang) -> String {
    let seconds = span.as_micros().unsigned_abs() / 1_000_000;
    if seconds < 60 {
        return lang.t("time.under_a_minute").to_owned();
    }
    let (n, unit) = in_one_unit(seconds, lang);
    lang.fill("time.length", &[("n", &n), ("unit", unit)])
}

/// How far away a moment is, in one unit.
pub fn relative(at: Timestamp, now: Timestamp, lang: Lang) -> String {
    let span = at.since(now);
    let past = span < Span::ZERO;
    let seconds = span.as_micros().unsigned_abs() / 1_000_000;
    if seconds < 60 {
        return lang.t("time.now").to_owned();
    }
    let (n, unit) = in_one_unit(seconds, lang);
    lang.fill(if past { "time.ago" } else { "time.in" }, &[("n", &n), ("unit", unit)])
}

/// For how long something has been so, in one unit.
fn lasting(since: Timestamp, now: Timestamp, lang: Lang) -> String {
    let seconds = now.since(since).as_micros().max(0).unsigned_abs() / 1_000_000;
    if seconds < 60 {
        return lang.t("time.lasting_now").to_owned();
    }
    let (n, unit) = in_one_unit(seconds, lang);
    lang.fill("time.lasting", &[("n", &n), ("unit", unit)])
}

/// A moment for a page: `<time>` wants all three.
#[derive(Debug, Clone)]
pub struct When {
    /// In the user's zone.
    pub text: String,
    /// RFC 3339.
    pub iso: String,
    /// "3 hours ago".
    pub relative: String,
    /// "for 3 hours": of what has been so since then.
    pub lasting: String,
}

impl When {
    /// A moment as this user reads it.
    pub fn new(at: Timestamp, now: Timestamp, zone: &str, lang: Lang) -> Self {
        Self { text: moment(at, zone, lang), iso: rfc3339(at), relative: relative(at, now, lang), lasting: lasting(at, now, lang) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_a_detail_are_told_like_all_others_and_counts_stay() {
        let kept = json!({
            "deadline": 1_796_045_400_000_000_i64, "days": 30, "at": 7, "generation": 1_796_045_400_000_000_i64, "until": null,
            "evidence": { "at": 1_796_045_400_000_000_i64, "words": "no" }, "list": [{ "began_at": 1_796_045_400_123_456_i64 }],
        });
        let moment = "2026-11-30T13:30:00Z";
        let expected = json!({
            "deadline": moment, "days": 30, "at": 7, "generation": 1_796_045_400_000_000_i64, "until": null,
            "evidence": { "at": moment, "words": "no" }, "list": [{ "began_at": moment }],
        });
        assert_eq!(told(&kept), expected);
    }
}
