//! The forecast: who has to come, by when, for which profiles. The rules are [`lifecycle::forecast`]'s; here their answers are
//! put together by person, since one login renews everything that person holds.

use std::collections::BTreeMap;

use lifecycle::forecast::{Basis, Need, of_profile};
use lifecycle::grant::Grant;
use lifecycle::ids::{PersonId, ProfileId, TeamId, UserId};
use lifecycle::permission::{About, Act};
use lifecycle::tag::Tag;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Cause;
use store::forecast::{self, Held};
use store::profiles::{self, Narrow};

use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// The most profiles that are looked at.
const LOOK_MAX: u32 = 5000;

/// The furthest day that can be asked for.
pub const FURTHEST: Span = Span::days(2 * 365);

/// A profile that depends on an appointment.
#[derive(Debug, Clone)]
pub struct Depends {
    /// Which.
    pub id: ProfileId,
    /// Its name. Hostile text.
    pub name: String,
    /// Its owner.
    pub owner: Option<UserId>,
    /// Its teams.
    pub teams: Vec<TeamId>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// One login that has to happen by a day.
#[derive(Debug, Clone)]
pub struct Appointment {
    /// The same as long as it is about the same login; another one once the person has come.
    pub occasion: String,
    /// Who.
    pub person: PersonId,
    /// Their name at the network. Hostile text.
    pub person_name: String,
    /// Where.
    pub network: String,
    /// By when; in the past when it is over already.
    pub at: Timestamp,
    /// What the day rests on.
    pub basis: Basis,
    /// Why.
    pub cause: Option<Cause>,
    /// What depends on it.
    pub profiles: Vec<Depends>,
}

impl Appointment {
    /// Those of its profiles with which the caller may do something.
    pub fn within(&self, caller: &Caller, act: Act) -> impl Iterator<Item = &Depends> {
        self.profiles.iter().filter(move |of| {
            let about = About::Profile { id: &of.id, network: &self.network, owner: of.owner.as_ref(), teams: &of.teams, tags: &of.tags };
            caller.decide(act, about).is_yes()
        })
    }
}

/// What is coming.
pub struct Outlook {
    /// Soonest first.
    pub appointments: Vec<Appointment>,
    /// How many connected profiles have no day that could be known.
    pub unpredictable: i64,
    /// There are more than were looked at.
    pub cut: bool,
}

/// Looks ahead to a day.
pub async fn look(app: &App, visible_to: Option<&Narrow>, until: Timestamp) -> Result<Outlook, Problem> {
    let mut tx = app.store.read().await?;
    let held = forecast::ending(&mut tx, &app.organisation, visible_to, until, LOOK_MAX).await?;
    let dateless = profiles::without_deadline(&mut tx, &app.organisation, visible_to).await?;
    let cut = held.len() >= LOOK_MAX as usize;
    let mut by_login: BTreeMap<String, Appointment> = BTreeMap::new();
    let mut dated_without_deadline = 0;
    for held in &held {
        let Some((need, at)) = need_of(app, held).and_then(|need| need.at.map(|at| (need, at))) else { continue };
        if held.profile.standing.deadline.is_none() && held.profile.standing.status != lifecycle::status::Status::Disconnected {
            dated_without_deadline += 1;
        }
        if at > until {
            continue;
        }
        let occasion = occasion(held, &need);
        let appointment = by_login.entry(occasion.clone()).or_insert_with(|| Appointment {
            occasion,
            person: need.person.clone(),
            person_name: String::new(),
            network: held.profile.network.clone(),
            at,
            basis: need.basis,
            cause: need.cause,
            profiles: vec![],
        });
        appointment.at = appointment.at.min(at);
        let (id, name, owner) = (held.profile.id.clone(), held.profile.name.clone(), held.profile.owner.clone());
        appointment.profiles.push(Depends { id, name, owner, teams: held.profile.teams.clone(), tags: held.profile.tags.clone() });
    }
    let mut appointments: Vec<Appointment> = by_login.into_values().collect();
    let ids: Vec<PersonId> = appointments.iter().map(|appointment| appointment.person.clone()).collect();
    let people = forecast::people(&mut tx, &app.organisation, &ids).await?;
    for appointment in &mut appointments {
        appointment.person_name = people.get(&appointment.person).map(|person| person.name.clone()).unwrap_or_default();
        appointment.profiles.sort_by(|a, b| a.name.cmp(&b.name));
    }
    appointments.sort_by_key(|appointment| appointment.at);
    Ok(Outlook { appointments, unpredictable: (dateless - dated_without_deadline).max(0), cut })
}

fn need_of(app: &App, held: &Held) -> Option<Need> {
    let network = networks::find(&held.profile.network)?;
    let edges: Vec<_> = held.edges.iter().map(|(access, grant)| (access, grant)).collect();
    of_profile(&edges, &app.directory.facts(network))
}

/// One login of one person; a lost role is about its profile alone.
fn occasion(held: &Held, need: &Need) -> String {
    let login: Option<&Grant> = held.edges.iter().map(|(_, grant)| grant).find(|grant| grant.person == need.person);
    let since = login.map_or(0, |grant| grant.authorized_at.as_seconds());
    if need.cause == Some(Cause::PermissionLost) {
        return format!("{}-{since}-{}", need.person, held.profile.id);
    }
    format!("{}-{since}", need.person)
}
