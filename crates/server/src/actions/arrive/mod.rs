//! Arriving from another tool: token sets out of its files. Each is looked at with its access token, which spends nothing, before
//! anything is stored; a profile is green only because its network said so just now.

pub mod files;
mod house;
mod laravel;

use std::collections::BTreeMap;

use lifecycle::diagnosis::Finding;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::grant::Clocks;
use lifecycle::ids::ConnectionId;
use lifecycle::permission::Act;
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::Span;
use networks::Network;
use networks::network::{Discovery, Issued};
use serde::Serialize;
use serde_json::json;
use store::connections::{self, Begun};
use store::events::Actor;
use store::grants::{self, Place};
use store::people;

use self::files::{Refused, Row};
use super::audited;
use super::finish::discovered;
use super::room::room_for;
use crate::error::Problem;
use crate::state::App;
use crate::time::fresh_secret;

pub use house::{Moved, house};
pub use laravel::AppKey;

/// What became of one row.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Which row of the file, counted from 1.
    pub row: usize,
    /// The network, as we or the file call it.
    pub network: String,
    /// What the file calls it.
    pub name: String,
    /// `works`, `connected_already`, `refused`, `unreachable`, `not_possible`.
    pub outcome: &'static str,
    /// Why it is not brought along.
    pub why: Option<String>,
    /// Whose token it is, as the network says.
    pub person: Option<String>,
    /// The profiles it brings.
    pub profiles: Vec<String>,
}

/// A login that works and waits to be stored.
struct Login {
    network: &'static dyn Network,
    place: Place,
    issued: Issued,
    facts: Facts,
    found: Discovery,
    chosen: Vec<String>,
}

/// What was found when everything was looked at.
pub struct Looked {
    /// One line for each row.
    pub lines: Vec<Line>,
    logins: Vec<Login>,
}

/// Looks at every token set with its access token; `progress` hears how many of how many were looked at.
///
/// # Errors
/// A row whose token belongs to somebody else than it says: then nothing of the file is taken.
pub async fn look(app: &App, rows: Vec<Row>, progress: impl Fn(usize, usize)) -> Result<Looked, Refused> {
    let mut by_token: BTreeMap<(String, String, String), Vec<Row>> = BTreeMap::new();
    for row in rows {
        let token = row.access_token.as_ref().map_or("", Secret::expose).to_owned();
        by_token.entry((row.called.clone(), row.instance.clone().unwrap_or_default(), token)).or_default().push(row);
    }
    let mut looked = Looked { lines: vec![], logins: vec![] };
    let all = by_token.len();
    for (done, rows) in by_token.into_values().enumerate() {
        progress(done + 1, all);
        let (lines, login) = look_at(app, &rows).await?;
        looked.lines.extend(lines);
        looked.logins.extend(login);
    }
    looked.lines.sort_by_key(|line| line.row);
    Ok(looked)
}

fn lines(rows: &[Row], outcome: &'static str, why: Option<&str>) -> Vec<Line> {
    let line = |row: &Row| Line {
        row: row.at,
        network: row.network.unwrap_or(&row.called).to_owned(),
        name: row.name.clone(),
        outcome,
        why: why.map(str::to_owned),
        person: None,
        profiles: vec![],
    };
    rows.iter().map(line).collect()
}

/// Looks at one token set, which several rows may be about.
async fn look_at(app: &App, rows: &[Row]) -> Result<(Vec<Line>, Option<Login>), Refused> {
    let row = &rows[0];
    let not_possible = |why: &str| Ok((lines(rows, "not_possible", Some(why)), None));
    let Some(network) = row.network.and_then(networks::find) else {
        return not_possible("nothing of this network can be brought along; connect it anew");
    };
    let Some(access_token) = row.access_token.clone() else { return not_possible("there is no access token") };
    let instance = match network.instance(row.instance.as_deref()) {
        Ok(instance) => instance,
        Err(words) => return not_possible(&words.en),
    };
    let Some(client) = app.network_app(network, &instance).await else {
        return not_possible("no network app is configured; enter the one the other tool used, or nothing can be renewed");
    };
    let mut tokens = TokenSet::bearer(access_token, row.refresh_token.clone(), row.scopes.clone());
    if let Some(secret) = row.token_secret.clone() {
        (tokens.token_type, tokens.token_secret) = (TokenType::OAuth1, Some(secret));
    }
    let found = match client.discover(app.now(), &*app.dice, app.wire.of(network.about().name), &tokens).await {
        Ok(found) => found,
        Err(diagnosis) => {
            let outcome = if matches!(diagnosis.finding, Finding::Refused { .. }) { "refused" } else { "unreachable" };
            let words = format!("{}: {}", network.about().title, diagnosis.evidence.words);
            return Ok((lines(rows, outcome, Some(&words)), None));
        }
    };
    let place = Place { network: network.about().name.into(), instance };
    let taken = connected_already(app, &place, &found.person.network_id).await;
    if taken.map_err(|error| failed(row, &error))? {
        return Ok((lines(rows, "connected_already", Some("this login is connected and keeps the token it has")), None));
    }
    let chosen = chosen(rows, &found)?;
    let names = |row: &Row| -> Vec<String> {
        let mine = found.profiles.iter().filter(|profile| chosen.contains(&profile.network_id));
        mine.filter(|profile| row.network_id.as_ref().is_none_or(|id| is_same(id, &profile.network_id)))
            .map(|profile| profile.name.clone())
            .collect()
    };
    let mut lines = lines(rows, "works", None);
    for (line, row) in lines.iter_mut().zip(rows) {
        (line.person, line.profiles) = (Some(found.person.name.clone()), names(row));
    }
    let issued = issued(row, tokens, &client.facts);
    Ok((lines, Some(Login { network, place, issued, facts: client.facts.clone(), found, chosen })))
}

fn failed(row: &Row, error: &store::StoreError) -> Refused {
    Refused { at: Some(row.at), field: "row", what: format!("could not be looked up: {error}") }
}

/// What the file knows about the lives of a token set; where it knows less, the network's rule from the day of the consent.
fn issued(row: &Row, tokens: TokenSet, facts: &Facts) -> Issued {
    let human_until = row.since.zip(facts.manual_renewal_every).map(|(since, every)| since + every);
    let renewable = tokens.refresh_token.is_some() || matches!(facts.renewal, RenewalModel::Extending(_));
    let clocks = Clocks { access_until: row.expires_at, refresh_until: None, human_until };
    Issued { tokens, clocks, renewable, person_network_id: None, missing_scopes: vec![] }
}

/// A token that works is never replaced by one out of a file (promise 6).
async fn connected_already(app: &App, place: &Place, network_id: &str) -> Result<bool, store::StoreError> {
    let mut tx = app.store.read().await?;
    let known = people::at(&mut tx, &app.organisation, place, network_id).await?;
    let Some(person) = known else { return Ok(false) };
    Ok(grants::of_person(&mut tx, &person.id).await?.is_some_and(|grant| grant.verdict().is_none()))
}

/// Tools write ids with and without what stands before them, and some leave signs out.
fn is_same(theirs: &str, ours: &str) -> bool {
    let core = |id: &str| {
        id.rsplit([':', '/']).next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
    };
    theirs == ours || (!core(theirs).is_empty() && core(theirs) == core(ours))
}

/// The profiles that the rows are about; of a row that names none, everything the login may act as.
fn chosen(rows: &[Row], found: &Discovery) -> Result<Vec<String>, Refused> {
    let usable: Vec<&str> =
        found.profiles.iter().filter(|profile| profile.unusable.is_none()).map(|profile| profile.network_id.as_str()).collect();
    let mut chosen: Vec<String> = vec![];
    for row in rows {
        let Some(id) = &row.network_id else {
            chosen.extend(usable.iter().map(|id| (*id).to_owned()));
            continue;
        };
        let known = found.profiles.iter().find(|profile| is_same(id, &profile.network_id)).map(|profile| profile.network_id.as_str());
        let is_person = is_same(id, &found.person.network_id);
        match known {
            Some(known) if usable.contains(&known) => chosen.push(known.to_owned()),
            // The row is about the login itself, which may not be a profile here.
            _ if is_person => chosen.extend(usable.iter().map(|id| (*id).to_owned())),
            Some(_) => {}
            None => {
                let what = "the network says that the token belongs to somebody else";
                return Err(Refused { at: Some(row.at), field: "network_id", what: what.into() });
            }
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

/// Stores what works, all of it or nothing.
///
/// # Errors
/// When the storage fails, or there is no room for so many profiles.
pub async fn keep(app: &App, looked: &Looked, from: &str) -> Result<usize, Problem> {
    let now = app.now();
    let mut tx = app.store.write().await?;
    let (by, mut profiles) = (Actor::System, 0);
    let wanted = looked.logins.iter().flat_map(|login| login.chosen.iter().map(|id| (&login.place, id.as_str())));
    room_for(app, &mut tx, &wanted.collect::<Vec<_>>()).await?;
    for login in &looked.logins {
        let id: ConnectionId = store::ids::fresh();
        let begun = Begun { by: by.clone(), browser_hash: None, expected_people: vec![], profile: None, return_to: None };
        // Nobody comes back to it: the state is known to nobody.
        let state = fresh_secret(&*app.dice, "");
        app.store
            .open_connection(&mut tx, &id, &app.organisation, &login.place, &begun, &state, &BTreeMap::new(), now, Span::minutes(1))
            .await?;
        let connection = connections::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
        let listed = discovered(&login.found);
        let authorized = super::finish::authorized(&login.issued, &login.found, &listed);
        app.store.authorized(&mut tx, &connection, &authorized, &login.facts, now).await?;
        let connection = connections::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
        profiles += app.store.add_profiles(&mut tx, &connection, login.chosen.as_slice().into(), &login.facts, &by, now).await?.len();
        tracing::info!(network = login.network.about().name, "import: a login was brought along");
    }
    let detail = json!({ "what": "imported", "from": from, "logins": looked.logins.len(), "profiles": profiles });
    audited::note(&mut tx, app, &by, Act::Connect, detail).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(profiles)
}
