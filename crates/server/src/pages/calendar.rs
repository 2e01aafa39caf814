//! The forecast as a calendar feed (RFC 5545), for one user, behind a secret address.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use lifecycle::permission::Act;
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use store::calendars::{self, Due, Entry};
use store::users::{self, User};

use super::view::title_of;
use crate::actions::forecast::{Appointment, look};
use crate::auth;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show;
use crate::state::App;

/// How far a calendar looks ahead: a year, and what is announced at its end.
const AHEAD: Span = Span::days(400);

/// GET /calendar/{secret}.ics
pub async fn get(State(app): State<Arc<App>>, Path(file): Path<String>) -> Response {
    match feed(&app, &file).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/calendar; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn feed(app: &App, file: &str) -> Result<String, Problem> {
    let secret = file.strip_suffix(".ics").ok_or_else(Problem::not_found)?;
    let mut tx = app.store.read().await?;
    let (feed, user) = calendars::find(&mut tx, &Secret::new(secret)).await?.ok_or_else(Problem::not_found)?;
    let user = users::by_id(&mut tx, &user).await?.filter(|user| user.disabled_at.is_none()).ok_or_else(Problem::not_found)?;
    let actor = auth::actor_of(&mut tx, &user).await?;
    drop(tx);
    let now = app.now();
    let sees = auth::narrow(&actor, Act::SeeProfile, now);
    let outlook = look(app, sees.as_ref(), now + AHEAD).await?;
    let due: Vec<Due> = outlook.appointments.iter().map(|appointment| due(app, &user, appointment)).collect();
    let mut tx = app.store.write().await?;
    let entries = calendars::refresh(&mut tx, &feed, &due, now).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(write(&user, &entries, &app.public_url))
}

fn due(app: &App, user: &User, appointment: &Appointment) -> Due {
    let lang = Lang::from_code(&user.language);
    let network = title_of(&appointment.network);
    let values = [("network", network.as_str()), ("person", &appointment.person_name)];
    let words = |key| lang.count(key, appointment.profiles.len(), &values);
    let names: Vec<&str> = appointment.profiles.iter().take(20).map(|profile| profile.name.as_str()).collect();
    let ask = appointment.profiles.first().map(|profile| format!("{}/settings/profiles/{}/refresh", app.public_url, profile.id));
    Due {
        uid: appointment.occasion.clone(),
        at: appointment.at,
        summary: words("calendar.summary"),
        description: format!("{}\n{}\n{}", words("calendar.description"), names.join(", "), ask.unwrap_or_default()),
    }
}

/// RFC 5545 3.3.11: names are hostile text, and text it stays (NT-28).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// RFC 5545 3.1: lines of 75 octets, folded between characters.
fn fold(line: &str, out: &mut String) {
    let mut room = 75;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = 74;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

fn stamp(at: Timestamp) -> String {
    show::rfc3339(at).replace(['-', ':'], "")
}

fn write(user: &User, entries: &[Entry], public_url: &str) -> String {
    let lang = Lang::from_code(&user.language);
    let host = url::Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let name = escaped(lang.t("calendar.name"));
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".into(),
        "PRODID:-//Staygreen//Forecast//EN".into(),
        "METHOD:PUBLISH".into(),
        format!("NAME:{name}"),
        format!("X-WR-CALNAME:{name}"),
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H".into(),
    ];
    for entry in entries {
        let day = show::day(entry.due.at, &user.time_zone);
        lines.extend([
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}@{host}", entry.due.uid),
            format!("DTSTAMP:{}", stamp(entry.changed_at)),
            format!("LAST-MODIFIED:{}", stamp(entry.changed_at)),
            format!("SEQUENCE:{}", entry.sequence),
            format!("DTSTART;VALUE=DATE:{}", day.strftime("%Y%m%d")),
            format!("SUMMARY:{}", escaped(&entry.due.summary)),
            format!("DESCRIPTION:{}", escaped(&entry.due.description)),
            format!("URL:{public_url}/forecast"),
            format!("STATUS:{}", if entry.cancelled { "CANCELLED" } else { "CONFIRMED" }),
            "TRANSP:TRANSPARENT".into(),
            "END:VEVENT".into(),
        ]);
    }
    lines.push("END:VCALENDAR".into());
    let mut out = String::new();
    for line in lines {
        fold(&line, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nt_28_text_stays_text_and_lines_are_folded() {
        let evil = "Evil\r\nBEGIN:VALARM;x,y\\ ".to_owned() + &"ü".repeat(80);
        let mut out = String::new();
        fold(&format!("SUMMARY:{}", escaped(&evil)), &mut out);
        assert!(out.split("\r\n").all(|line| line.len() <= 75), "{out}");
        assert!(out.ends_with("\r\n") && !out.contains("\nBEGIN"));
        let unfolded = out.replace("\r\n ", "");
        assert!(unfolded.starts_with("SUMMARY:Evil \\nBEGIN:VALARM\\;x\\,y\\\\ ü"), "{unfolded}");
        assert!(unfolded.trim_end().ends_with(&"ü".repeat(80)), "no character is torn");
    }
}
