//! What is coming, by week, day by day and by person, and the calendar feed of it.

mod months;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::civil::{Date, Weekday};
use lifecycle::forecast::{Basis, levelled};
use lifecycle::permission::Act;
use lifecycle::time::{Span, Timestamp};
use serde::Deserialize;
use store::calendars;
use store::renewal_links::OpenLink;

use self::months::Month;
use super::view::{badge_of, title_of, zone};
use super::{Fields, Page, Shell, for_people, go, show};
use crate::actions::explanation::name_of;
use crate::actions::forecast::{Appointment, look};
use crate::actions::renewal_links;
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::{self, When};
use crate::state::App;
use crate::time::fresh_secret;

struct Item {
    person: String,
    network: String,
    network_title: String,
    badge: String,
    why: String,
    /// How sure the day is; empty where it is over.
    basis: String,
    when: When,
    /// Id and name.
    profiles: Vec<(String, String)>,
    more: usize,
    /// The profile through which this person is asked, by whoever may: one login renews everything they hold.
    ask: Option<String>,
}

struct Week {
    label: String,
    count: usize,
    items: Vec<Item>,
    /// Of the bar in the chart, in units of its view box.
    x: usize,
    y: usize,
    height: usize,
}

struct Person {
    name: String,
    /// In which week of a levelled campaign they are asked, in words.
    week: String,
    items: Vec<Item>,
    /// Their logins, to be asked for together by whoever may.
    ids: Vec<String>,
    /// What one link would lead through, in words.
    one_link: String,
}

/// A renewal link that can be used.
struct LinkView {
    id: String,
    /// The profiles it leads through.
    what: String,
    words: String,
    who: String,
    /// Why the mail with it did not arrive.
    not_arrived: Option<String>,
    until: When,
}

#[derive(Template)]
#[template(path = "forecast.html")]
struct Forecast {
    s: Shell,
    weeks_ahead: usize,
    choices: [usize; 3],
    by: By,
    /// Each with the key of its words.
    ways: [(By, &'static str); 3],
    /// The days of the week, whole and short.
    weekdays: Vec<(&'static str, String)>,
    months: Vec<Month>,
    over: Vec<Item>,
    weeks: Vec<Week>,
    people: Vec<Person>,
    /// How the campaign is levelled, where there is one.
    levelled: Option<String>,
    width: usize,
    /// Whether anything is coming.
    any: bool,
    /// The days at which the chart begins and ends.
    axis: [String; 2],
    summary: String,
    by_rule: Option<String>,
    unpredictable: Option<String>,
    cut: bool,
    feed: Option<When>,
    link: Option<String>,
    /// The renewal link that was just made.
    made: Option<String>,
    links: Vec<LinkView>,
}

/// How it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Week,
    Day,
    Person,
}

impl By {
    fn of(word: &str) -> Self {
        match word {
            "person" => Self::Person,
            "day" => Self::Day,
            _ => Self::Week,
        }
    }

    /// What an address carries for it.
    fn query(self) -> &'static str {
        match self {
            Self::Week => "",
            Self::Day => "&by=day",
            Self::Person => "&by=person",
        }
    }
}

/// What the address asks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    weeks: Option<usize>,
    by: String,
}

const CHOICES: [usize; 3] = [13, 26, 53];
const NAMES: usize = 5;
const BAR: usize = 22;
const TALL: usize = 100;

fn item(caller: &Caller, appointment: &Appointment, now: Timestamp) -> Item {
    let lang = caller.lang;
    let title = title_of(&appointment.network);
    let named = appointment.profiles.iter().take(NAMES).map(|profile| (profile.id.to_string(), profile.name.clone()));
    let cause = appointment.cause.map(|cause| lang.t(&format!("cause.{cause}.title")).to_owned());
    Item {
        person: appointment.person_name.clone(),
        network: appointment.network.clone(),
        badge: badge_of(&appointment.network),
        network_title: title,
        why: cause.unwrap_or_default(),
        basis: if appointment.at > now { lang.t(&format!("forecast.basis.{}", appointment.basis)).to_owned() } else { String::new() },
        when: When::new(appointment.at, now, zone(caller), lang),
        profiles: named.collect(),
        more: appointment.profiles.len().saturating_sub(NAMES),
        ask: appointment.within(caller, Act::RefreshConnection).next().map(|profile| profile.id.to_string()),
    }
}

fn monday(at: Timestamp, zone: &str) -> Date {
    let day = show::day(at, zone);
    day.saturating_sub(jiff::Span::new().days(i64::from(day.weekday().since(Weekday::Monday))))
}

fn weeks(caller: &Caller, coming: &[&Appointment], now: Timestamp, ahead: usize) -> Vec<Week> {
    let first = monday(now, zone(caller));
    let mut found: BTreeMap<Date, Vec<&Appointment>> = BTreeMap::new();
    for appointment in coming {
        found.entry(monday(appointment.at, zone(caller))).or_default().push(appointment);
    }
    let most = found.values().map(|week| logins(week)).max().unwrap_or(0).max(1);
    (0..=ahead)
        .map(|n| {
            let begins = first.saturating_add(jiff::Span::new().weeks(i64::try_from(n).unwrap_or(0)));
            let week = found.remove(&begins).unwrap_or_default();
            let count = logins(&week);
            let height = if count == 0 { 0 } else { (count * TALL / most).max(4) };
            Week {
                label: begins.strftime(caller.lang.pick("%-d %b %Y", "%d.%m.%Y")).to_string(),
                count,
                items: week.iter().map(|appointment| item(caller, appointment, now)).collect(),
                x: n * BAR + 4,
                y: TALL + 16 - height,
                height,
            }
        })
        .collect()
}

fn calendar_of(caller: &Caller, coming: &[&Appointment], now: Timestamp, until: Timestamp) -> Vec<Month> {
    let zone = zone(caller);
    let dated = coming.iter().map(|appointment| (appointment.at, item(caller, appointment, now)));
    months::months(caller.lang, show::day(now, zone), show::day(until, zone), months::by_day(dated, zone))
}

fn logins(week: &[&Appointment]) -> usize {
    week.len()
}

/// The last week that is over before that day, counted from this one: who is asked in it comes in time.
fn last_whole_week(at: Timestamp, now: Timestamp, zone: &str) -> usize {
    let days = monday(at, zone).since(monday(now, zone)).map_or(0, |span| span.get_days());
    usize::try_from(days / 7 - 1).unwrap_or(0)
}

/// By person, in the order of a levelled campaign; and how many it asks in its fullest week.
fn people(caller: &Caller, all: &[Appointment], now: Timestamp) -> (Vec<Person>, usize) {
    let (lang, zone) = (caller.lang, zone(caller));
    let mut found: BTreeMap<&str, Vec<&Appointment>> = BTreeMap::new();
    for appointment in all {
        found.entry(&appointment.person_name).or_default().push(appointment);
    }
    let first = |items: &[&Appointment]| items.iter().map(|item| item.at).min().unwrap_or(now);
    let latest: Vec<usize> = found.values().map(|items| last_whole_week(first(items), now, zone)).collect();
    let comes = levelled(&latest);
    let fullest = comes.iter().map(|week| comes.iter().filter(|other| *other == week).count()).max().unwrap_or(0);
    let person = |(name, items): (&str, Vec<&Appointment>), week: usize| {
        let asked =
            |appointment: &&Appointment| (appointment.person.to_string(), appointment.within(caller, Act::RefreshConnection).count());
        let asked: Vec<(String, usize)> = items.iter().map(asked).filter(|(_, profiles)| *profiles > 0).collect();
        let profiles: usize = asked.iter().map(|(_, profiles)| profiles).sum();
        let ids: BTreeSet<&String> = asked.iter().map(|(id, _)| id).collect();
        let begins = monday(now, zone).saturating_add(jiff::Span::new().weeks(i64::try_from(week).unwrap_or(0)));
        let begins = begins.strftime(lang.pick("%-d %b %Y", "%d.%m.%Y")).to_string();
        Person {
            name: name.to_owned(),
            week: if week == 0 { lang.t("forecast.ask_now").to_owned() } else { lang.fill("forecast.ask_in", &[("week", &begins)]) },
            ids: ids.into_iter().cloned().collect(),
            one_link: lang.fill("forecast.one_link", &[("logins", &asked.len().to_string()), ("n", &profiles.to_string())]),
            items: items.into_iter().map(|appointment| item(caller, appointment, now)).collect(),
        }
    };
    let mut people: Vec<(usize, Person)> = found.into_iter().zip(comes).map(|(found, week)| (week, person(found, week))).collect();
    people.sort_by_key(|(week, _)| *week);
    (people.into_iter().map(|(_, person)| person).collect(), fullest)
}

/// What was just made and is shown once.
#[derive(Default)]
struct Once {
    /// The address of the calendar feed.
    calendar: Option<String>,
    /// A renewal link.
    renewal: Option<String>,
}

fn ahead_of(asked: &Asked, now: Timestamp) -> (usize, Timestamp) {
    let ahead = asked.weeks.filter(|weeks| CHOICES.contains(weeks)).unwrap_or(CHOICES[0]);
    (ahead, now + Span::days(7 * i64::try_from(ahead).unwrap_or(13)))
}

async fn links(app: &App, caller: &Caller) -> Result<Vec<LinkView>, Problem> {
    let (lang, now) = (caller.lang, app.now());
    let view = |link: &OpenLink| LinkView {
        id: link.hash.clone(),
        what: if link.steps > 1 { format!("{} (+{})", link.first, link.steps - 1) } else { link.first.clone() },
        words: lang.fill("renew.progress", &[("done", &link.done.to_string()), ("n", &link.steps.to_string())]),
        who: match &link.email {
            Some(email) => lang.fill("link.sent_to", &[("who", email)]),
            None => lang.fill("link.made_by", &[("who", &name_of(lang, &link.created_by))]),
        },
        not_arrived: link.not_arrived.as_ref().map(|why| lang.fill("link.not_arrived", &[("words", why)])),
        until: When::new(link.expires_at, now, zone(caller), lang),
    };
    Ok(renewal_links::open(app, caller).await?.iter().map(view).collect())
}

async fn page(app: &App, caller: &Caller, asked: &Asked, once: Once) -> Page {
    let now = app.now();
    let (ahead, until) = ahead_of(asked, now);
    let outlook = look(app, caller.narrowed_to(Act::SeeProfile).as_ref(), until).await?;
    let (over, coming): (Vec<&Appointment>, Vec<&Appointment>) = outlook.appointments.iter().partition(|item| item.at <= now);
    let feed = match &caller.user {
        Some(user) => calendars::of_user(&mut app.store.read().await?, &user.id).await?,
        None => None,
    };
    let by_rule = coming.iter().filter(|item| item.basis == Basis::NetworkRule).count();
    let by = By::of(&asked.by);
    let undated = usize::try_from(outlook.unpredictable).unwrap_or_default();
    let (people, fullest) = people(caller, &outlook.appointments, now);
    let summary = match (coming.is_empty(), over.is_empty()) {
        (true, true) => "forecast.none",
        (true, false) => "forecast.none_beside",
        (false, _) => "forecast.summary",
    };
    let lang = caller.lang;
    show(&Forecast {
        s: Shell::new(caller, "forecast"),
        weeks_ahead: ahead,
        choices: CHOICES,
        by,
        ways: [(By::Week, "forecast.by_week"), (By::Day, "forecast.by_day"), (By::Person, "forecast.by_person")],
        weekdays: months::heads(lang),
        months: if by == By::Day { calendar_of(caller, &coming, now, until) } else { vec![] },
        over: over.iter().map(|appointment| item(caller, appointment, now)).collect(),
        weeks: weeks(caller, &coming, now, ahead),
        levelled: (people.len() > 1).then(|| lang.fill("forecast.levelled", &[("n", &fullest.to_string())])),
        people,
        any: !coming.is_empty(),
        width: (ahead + 1) * BAR + 8,
        axis: [now, until].map(|at| show::date(at, zone(caller), lang)),
        summary: lang.count(summary, coming.len(), &[("weeks", &ahead.to_string())]),
        by_rule: (by_rule > 0).then(|| lang.count("forecast.by_rule", by_rule, &[])),
        unpredictable: (undated > 0).then(|| lang.count("forecast.unpredictable", undated, &[])),
        cut: outlook.cut,
        feed: feed.map(|at| When::new(at, now, zone(caller), caller.lang)),
        link: once.calendar,
        made: once.renewal,
        links: if caller.may(Act::RefreshConnection) { links(app, caller).await? } else { vec![] },
    })
}

/// POST /forecast/renewal-links: one link through everything of somebody's logins that is due in the chosen span.
pub async fn ask(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let made = async {
        let asked = Asked { weeks: fields.get("weeks").parse().ok(), by: "person".into() };
        let email = Some(fields.get("email")).filter(|email| !email.is_empty());
        let until = ahead_of(&asked, app.now()).1;
        let made = renewal_links::for_people(&app, &caller, &fields.ids("person"), until, email).await?;
        page(&app, &caller, &asked, Once { renewal: Some(made.link), ..Once::default() }).await
    };
    for_people(&caller, made.await)
}

/// POST /forecast/renewal-links/{id}/withdraw
pub async fn withdraw(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let done = async {
        renewal_links::withdraw(&app, &caller, &id).await?;
        go("/forecast?by=person")
    };
    for_people(&caller, done.await)
}

/// GET /forecast
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = page(&app, &caller, &asked, Once::default()).await;
    for_people(&caller, page)
}

/// POST /forecast/calendar: a new address for the feed; the one before it ends.
pub async fn calendar(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let made = async {
        let user = caller.user.as_ref().ok_or_else(|| Problem::forbidden("A calendar belongs to a user."))?;
        let secret = fresh_secret(&*app.dice, "");
        let mut tx = app.store.write().await?;
        calendars::create(&mut tx, &user.id, &secret, app.now()).await?;
        tx.commit().await?;
        let link = format!("{}/calendar/{}.ics", app.public_url, secret.expose());
        page(&app, &caller, &Asked::default(), Once { calendar: Some(link), ..Once::default() }).await
    };
    for_people(&caller, made.await)
}

/// POST /forecast/calendar/revoke
pub async fn revoke(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let revoked = async {
        let user = caller.user.as_ref().ok_or_else(|| Problem::forbidden("A calendar belongs to a user."))?;
        let mut tx = app.store.write().await?;
        calendars::revoke(&mut tx, &user.id).await?;
        tx.commit().await?;
        page(&app, &caller, &Asked::default(), Once::default()).await
    };
    for_people(&caller, revoked.await)
}
