//! People at networks: what each holds, what dies when they leave, who takes over, and giving up what they granted.

use std::collections::BTreeMap;

use lifecycle::access::Access;
use lifecycle::facts::Facts;
use lifecycle::grant::Grant;
use lifecycle::ids::{PersonId, ProfileId};
use lifecycle::permission::{Act, Frozen};
use lifecycle::repair::{Fate, fate_without};
use lifecycle::time::Timestamp;
use serde_json::json;
use store::grants::Person;
use store::people::{self, Held, Listed};
use store::profiles::Profile;
use store::renewal_links::Accepts;
use store::{forecast, freezes};

use super::{audited, invite};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// A profile that a person holds.
pub struct Holding {
    /// Which.
    pub profile: Profile,
    /// Their role there.
    pub role: String,
    /// What becomes of it without them.
    pub fate: Fate,
    /// Who holds it beside them.
    pub others: Vec<Person>,
    /// Who is known here, does not hold it and could.
    pub could: Vec<Person>,
}

/// A person, looked at as if they left.
pub struct Leaving {
    /// Who.
    pub listed: Listed,
    /// Everything they hold, by name.
    pub holdings: Vec<Holding>,
    /// Nobody acts through them.
    pub frozen: bool,
    /// Their present clocks and state; `None` when nothing of theirs is stored any more.
    pub grant: Option<Grant>,
}

impl Leaving {
    /// The profiles that have no access tokens once this person is gone.
    pub fn dying(&self) -> impl Iterator<Item = &Holding> {
        self.holdings.iter().filter(|holding| holding.fate == Fate::Dies)
    }
}

/// Looks at a person.
pub async fn look(app: &App, id: &str) -> Result<Leaving, Problem> {
    let id: PersonId = id.parse().map_err(|_| Problem::not_found())?;
    let now = app.now();
    let mut tx = app.store.read().await?;
    let listed = people::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
    let held = people::held_by(&mut tx, &app.organisation, &id).await?;
    let mut could = people::could_take_over(&mut tx, &id).await?;
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    let everybody: Vec<PersonId> = held.iter().flat_map(|held| &held.edges).map(|(_, grant)| grant.person.clone()).collect();
    let names = forecast::people(&mut tx, &app.organisation, &everybody).await?;
    drop(tx);
    let grant = held.iter().flat_map(|held| &held.edges).map(|(_, grant)| grant).find(|grant| grant.person == id).cloned();
    let holdings = held.into_iter().map(|held| holding(app, &id, held, &names, &mut could, now)).collect();
    Ok(Leaving { listed, holdings, frozen: Frozen::stops_person(&frozen, &id), grant })
}

fn holding(
    app: &App,
    person: &PersonId,
    held: Held,
    names: &BTreeMap<PersonId, Person>,
    could: &mut BTreeMap<ProfileId, Vec<Person>>,
    now: Timestamp,
) -> Holding {
    let pairs: Vec<(&Access, &Grant)> = held.edges.iter().map(|(access, grant)| (access, grant)).collect();
    let facts = networks::find(&held.profile.network).map_or_else(Facts::unknown, |network| app.directory.facts(network));
    let fate = fate_without(person, &held.profile.standing, &pairs, &facts, now);
    let theirs = held.edges.iter().find(|(_, grant)| grant.person == *person);
    let others = held.edges.iter().filter(|(_, grant)| grant.person != *person);
    Holding {
        role: theirs.map(|(access, _)| access.role.clone()).unwrap_or_default(),
        fate,
        others: others.filter_map(|(_, grant)| names.get(&grant.person).cloned()).collect(),
        could: could.remove(&held.profile.id).unwrap_or_default(),
        profile: held.profile,
    }
}

/// A link that asks for somebody else.
pub struct Asked {
    /// The link; told this once.
    pub link: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// The profiles it leads through.
    pub profiles: Vec<ProfileId>,
}

/// Asks an admin of these profiles at the network to hold them too: those named, or all that die without the person.
pub async fn ask_replacement(
    app: &App,
    caller: &Caller,
    id: &str,
    wanted: Option<&[ProfileId]>,
    email: Option<&str>,
) -> Result<Asked, Problem> {
    let leaving = look(app, id).await?;
    let chosen = |holding: &&Holding| wanted.map_or(holding.fate == Fate::Dies, |ids| ids.contains(&holding.profile.id));
    let profiles: Vec<Profile> = leaving.holdings.iter().filter(chosen).map(|holding| holding.profile.clone()).collect();
    if profiles.is_empty() || wanted.is_some_and(|ids| ids.len() != profiles.len()) {
        return Err(Problem::field("profile_ids", "names profiles that this person holds, one at least"));
    }
    let accepts = Accepts::AnyAdmin { instead_of: Some(leaving.listed.person.id.clone()) };
    let (link, expires_at) = invite::renewal_link(app, &profiles, &accepts, email, caller.lang, &caller.named).await?;
    Ok(Asked { link, expires_at, profiles: profiles.into_iter().map(|profile| profile.id).collect() })
}

/// Gives up everything a person granted; what was lost.
pub async fn give_up(app: &App, caller: &Caller, id: &str) -> Result<Leaving, Problem> {
    let leaving = look(app, id).await?;
    let network = super::connect::network_named(&leaving.listed.place.network)?;
    let (facts, now, person) = (app.directory.facts(network), app.now(), &leaving.listed.person);
    let mut tx = app.store.write().await?;
    let done = app.store.give_up_person(&mut tx, &app.organisation, &person.id, &facts, &caller.named, now).await?;
    if done.is_none() {
        let words = "Nothing of this person is stored any more.";
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, "nothing_granted", words));
    }
    let detail = json!({ "what": "given_up", "person": person.id.as_str(), "name": person.name, "network": leaving.listed.place.network, "profiles": leaving.holdings.len() });
    audited::note(&mut tx, app, &caller.named, Act::ManagePeople, detail).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(leaving)
}
