//! The return from the network: the code is exchanged at once, inside the callback, never from a queue.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Request;
use keeper::ports::NetworkApp;
use lifecycle::ids::{ProfileId, TeamId};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Evidence, Source};
use networks::Network;
use networks::network::{Answer, Callback, Discovery, Failure, Found, Issued, Registration};
use serde_json::json;
use store::connect::{Authorized, Chosen};
use store::connections::{self, Connection, Discovered, Failed, Taken};
use store::events::{self, About};
use store::grants::{self, Person, holders_of};
use store::network_apps::{self, Client};
use store::profiles::Profile;
use store::renewal_links::{self, Accepts};
use store::teams::{self, Team};
use store::{StoreError, across_apps, profiles, renewed, scopes};

use super::room::{fitting, room_for};
use super::set_aside;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// What came of a callback.
pub enum Finished {
    /// It belongs to a connection of ours, which says where it stands.
    Connection(Box<Connection>),
    /// It belongs to none that can be continued: the code says why.
    NotOurs(&'static str),
}

/// Takes a callback, at the address of that instance (empty: of the network). Whatever goes wrong, nothing that is stored gets worse.
pub async fn finish(
    app: &App,
    network: &'static dyn Network,
    at: &str,
    callback: &Callback,
    browser: Option<&Secret>,
) -> Result<Finished, Problem> {
    let now = app.now();
    let Some(state) = network.returned_state(callback) else { return Ok(Finished::NotOurs("state_missing")) };
    let mut tx = app.store.write().await?;
    let hash = browser.map(store::seal::hash);
    let taken = app.store.take_connection(&mut tx, network.about().name, &Secret::new(state), hash.as_deref(), now).await?;
    let (connection, memory) = match taken {
        Taken::Ours(connection, memory) => (connection, memory),
        Taken::Foreign => {
            events::append(
                &mut tx,
                &app.organisation,
                now,
                "connection.refused",
                &events::Actor::System,
                &About::default(),
                &json!({ "reason": "state_foreign", "network": network.about().name }),
            )
            .await?;
            tx.commit().await?;
            return Ok(Finished::NotOurs("state_foreign"));
        }
        Taken::Used(connection) => return refuse(app, tx, &connection, "state_used").await,
        Taken::Expired(connection) => return refuse(app, tx, &connection, "state_expired").await,
        Taken::OtherBrowser(connection) => return refuse(app, tx, &connection, "other_browser").await,
    };
    tx.commit().await?;
    let mut memory = memory;
    let outcome = if is_from(network, &connection, at) {
        exchange(app, network, &connection, &mut memory, callback).await
    } else {
        // One server's code must never be shown to another (RFC 9700 4.4).
        let words = "the answer came to the address of another server than the one that was asked";
        Err(failed("suspicious", Some(Evidence::new(app.now(), Source::Signal, None, Some("mix_up"), words))))
    };
    let id = connection.id.clone();
    if let Err(failed) = outcome {
        // Where the tokens are kept and only the profile is missing, what was made is in use.
        let left = network.made_by_login(&memory).filter(|_| failed.code != "role_missing");
        fail(app, &connection, &failed, left).await?;
    }
    let mut tx = app.store.read().await?;
    let connection = connections::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Finished::Connection(Box::new(connection)))
}

/// Whether an answer came back to where the connection leads: to the instance that was asked, where we are registered at each.
fn is_from(network: &dyn Network, connection: &Connection, at: &str) -> bool {
    let expected = if network.about().registration == Registration::AtInstance { connection.place.instance.as_str() } else { "" };
    at == expected
}

async fn refuse(app: &App, mut tx: store::Tx, connection: &Connection, reason: &'static str) -> Result<Finished, Problem> {
    let about = About { connection: Some(connection.id.clone()), ..About::default() };
    events::append(
        &mut tx,
        &app.organisation,
        app.now(),
        "connection.refused",
        &events::Actor::System,
        &about,
        &json!({ "reason": reason }),
    )
    .await?;
    tx.commit().await?;
    Ok(Finished::NotOurs(reason))
}

pub(super) async fn fail(app: &App, connection: &Connection, failed: &Failed, left: Option<TokenSet>) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    if let Some(tokens) = left {
        app.store.owe_revocation(&mut tx, &app.organisation, &connection.place, &tokens, app.now()).await?;
    }
    connections::set_failed(&mut tx, &connection.id, failed).await?;
    let about = About { connection: Some(connection.id.clone()), profile: connection.begun.profile.clone(), ..About::default() };
    let detail = json!({ "reason": failed.code, "evidence": failed.evidence, "expected": failed.expected, "came": failed.came });
    events::append(&mut tx, &app.organisation, app.now(), "connection.failed", &connection.begun.by, &about, &detail).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(())
}

pub(super) fn failed(code: &str, evidence: Option<Evidence>) -> Failed {
    Failed { code: code.into(), evidence, expected: vec![], came: None, words: None }
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        Self(match failure {
            Failure::Denied { evidence } => failed("denied", Some(evidence)),
            Failure::Unavailable { evidence } => failed("network_unavailable", Some(evidence)),
            Failure::Misconfigured { evidence } => failed("network_refused", Some(evidence)),
            Failure::StaleCode { evidence } => failed("stale_code", Some(evidence)),
            Failure::Suspicious { evidence } => failed("suspicious", Some(evidence)),
            Failure::Refused { evidence, .. } => failed("person_refused", Some(evidence)),
            Failure::BadHint { words } => Failed { words: Some((words.en, words.de)), ..failed("bad_hint", None) },
        })
    }
}

struct Reason(Failed);

async fn exchange(
    app: &App,
    network: &'static dyn Network,
    connection: &Connection,
    memory: &mut BTreeMap<String, Secret>,
    callback: &Callback,
) -> Result<(), Failed> {
    let Some(client) = app.network_app(network, &connection.place.instance).await else { return Err(failed("network_app_missing", None)) };
    let issued = ask(app, &client, memory, callback).await.map_err(|failure| Reason::from(failure).0)?;
    match set_aside::list(app, &client, &issued.tokens).await {
        Ok(found) => take(app, &client, connection, memory, &issued, &found).await,
        // There are networks at which this login has just ended the tokens that are stored: it is not thrown away.
        Err(why) if set_aside::keep(app, connection, memory, &issued, &why).await => Ok(()),
        Err(why) => Err(set_aside::no_list(&why)),
    }
}

/// Everything that follows once it is known what the tokens lead to.
pub(super) async fn take(
    app: &App,
    client: &NetworkApp,
    connection: &Connection,
    memory: &mut BTreeMap<String, Secret>,
    issued: &Issued,
    found: &Discovery,
) -> Result<(), Failed> {
    if issued.person_network_id.as_ref().is_some_and(|id| *id != found.person.network_id) {
        let words = Evidence::new(app.now(), Source::Discovery, None, None, "the token and the account list name different people");
        return Err(failed("suspicious", Some(words)));
    }
    let replaces = client.network.made_by_login(memory).is_some();
    if let Err(wrong) = check_person(app, connection, found).await {
        if keep_for_them(app, client, connection, issued, found, replaces).await {
            // What was made is in use.
            memory.clear();
        }
        return Err(wrong);
    }
    keep(app, client, connection, issued, found, replaces)
        .await
        .map_err(|problem| Failed { words: Some((problem.detail.clone(), problem.detail.clone())), ..failed(problem.code, None) })
}

/// How many calls an exchange may take: Meta's takes four and one more for each hundred pages, and a DPoP nonce may be asked for on top.
const ASK_AGAIN_MAX: usize = 24;

/// Sends the exchange, once; again only in the form the network asks for (a DPoP nonce, a long-lived token). What was learned on
/// the way stays in the memory, also when it comes to nothing.
async fn ask(app: &App, client: &NetworkApp, memory: &mut BTreeMap<String, Secret>, callback: &Callback) -> Result<Issued, Failure> {
    let mut request: Request<Bytes> = client.network.exchange(client.cx(app.now(), &*app.dice), memory, callback)?;
    let mut newer = BTreeMap::new();
    for _ in 0..ASK_AGAIN_MAX {
        let answer = app
            .wire
            .of(client.network.about().name)
            .send(request)
            .await
            .map_err(|error| networks::oauth::unavailable(app.now(), &error))?;
        match client.network.read_exchange(client.cx(app.now(), &*app.dice), memory, callback, &answer)? {
            Answer::Done(mut issued) => {
                for (name, value) in newer {
                    issued.tokens.notes.entry(name).or_insert(value);
                }
                return Ok(issued);
            }
            Answer::AskAgain { request: next, notes, secrets } => {
                request = *next;
                memory.extend(notes.iter().map(|(name, value)| (name.clone(), Secret::new(value))));
                newer.extend(notes);
                memory.extend(secrets);
            }
        }
    }
    Err(Failure::Unavailable {
        evidence: Evidence::new(app.now(), Source::Signal, None, None, "the network asked for the same again and again"),
    })
}

/// Promise 6: another login never overwrites a token. It is refused before anything is stored.
async fn check_person(app: &App, connection: &Connection, found: &Discovery) -> Result<(), Failed> {
    let expected = &connection.begun.expected_people;
    let broken = |_| failed("storage_unavailable", None);
    let leaving = who_leaves(app, connection).await.map_err(broken)?.map(|person| person.network_id);
    if is_among(app, connection, found, leaving.as_slice()).await.map_err(broken)? {
        let came = shown(&found.person.name, found.person.handle.as_deref());
        return Err(Failed { came: Some(came), ..failed("same_person", None) });
    }
    if expected.is_empty() || is_among(app, connection, found, expected).await.map_err(broken)? {
        return Ok(());
    }
    let names = match &connection.begun.profile {
        Some(profile) => names_of_holders(app, profile).await,
        None => vec![],
    };
    Err(Failed { expected: names, came: Some(shown(&found.person.name, found.person.handle.as_deref())), ..failed("wrong_person", None) })
}

/// Whether whoever came is one of these: by the id that the network shows to our app, or, where the app was changed meanwhile, by the one
/// that is the same in all of them.
async fn is_among(app: &App, connection: &Connection, found: &Discovery, network_ids: &[String]) -> Result<bool, StoreError> {
    if network_ids.contains(&found.person.network_id) {
        return Ok(true);
    }
    let Some(across_apps) = found.person.across_apps.as_deref().filter(|_| !network_ids.is_empty()) else { return Ok(false) };
    let mut tx = app.store.read().await?;
    across_apps::is_one_of(&mut tx, &app.organisation, &connection.place, across_apps, network_ids).await
}

/// Whose place is to be taken, where the renewal link was made for that.
async fn who_leaves(app: &App, connection: &Connection) -> Result<Option<Person>, StoreError> {
    let Some(hash) = link_of(connection) else { return Ok(None) };
    let mut tx = app.store.read().await?;
    match renewal_links::by_hash(&mut tx, hash, app.now()).await?.map(|link| link.accepts) {
        Some(Accepts::AnyAdmin { instead_of: Some(person) }) => grants::person(&mut tx, &person).await,
        _ => Ok(None),
    }
}

/// The hash of the renewal link with which a connection was begun.
pub fn link_of(connection: &Connection) -> Option<&str> {
    connection.begun.return_to.as_deref()?.strip_prefix("renewal-link:")
}

async fn names_of_holders(app: &App, profile: &ProfileId) -> Vec<String> {
    let Ok(mut tx) = app.store.read().await else { return vec![] };
    let holders = holders_of(&mut tx, profile).await.unwrap_or_default();
    holders.iter().map(|holder| shown(&holder.person.name, holder.person.handle.as_deref())).collect()
}

/// A person's name with the handle, for people.
pub fn shown(name: &str, handle: Option<&str>) -> String {
    match handle {
        Some(handle) if handle != name => format!("{name} ({handle})"),
        _ => name.to_owned(),
    }
}

/// Our client, as what is known of it is kept.
pub fn client_of(client: &NetworkApp) -> Client<'_> {
    Client { network: client.network.about().name, instance: &client.app.instance, client_id: &client.app.client_id }
}

/// What was found, as it is stored.
pub(super) fn discovered(found: &Discovery) -> Vec<Discovered> {
    let one = |found: &Found| Discovered {
        network_id: found.network_id.clone(),
        kind: found.kind.as_str().into(),
        name: found.name.clone(),
        handle: found.handle.clone(),
        avatar: found.avatar.clone(),
        role: found.role.clone(),
        parent: found.parent.clone(),
        unusable: found.unusable.clone().map(|words| (words.en, words.de)),
    };
    found.profiles.iter().map(one).collect()
}

/// What an authorisation brought, as it is stored.
pub(super) fn authorized<'a>(issued: &'a Issued, found: &'a Discovery, discovered: &'a [Discovered]) -> Authorized<'a> {
    Authorized {
        tokens: &issued.tokens,
        clocks: issued.clocks,
        renewable: issued.renewable,
        person_network_id: &found.person.network_id,
        person_name: &found.person.name,
        person_handle: found.person.handle.as_deref(),
        person_across_apps: found.person.across_apps.as_deref(),
        discovered,
        comes_along: found.all_come_along,
    }
}

/// Somebody else came than was asked for. Where they have an access token of their own here, this is its successor, and there are
/// networks that ended the earlier one by this very login (X): it is kept for them, and for nothing else. Whether it was.
async fn keep_for_them(
    app: &App,
    client: &NetworkApp,
    connection: &Connection,
    issued: &Issued,
    found: &Discovery,
    replaces: bool,
) -> bool {
    let kept = async {
        let mut tx = app.store.write().await?;
        if !grants::is_held_by(&mut tx, &connection.organisation, &connection.place, &found.person.network_id).await? {
            return Ok(false);
        }
        if replaces {
            app.store.owe_replaced(&mut tx, &app.organisation, &connection.place, &found.person.network_id, app.now()).await?;
        }
        let discovered = discovered(found);
        let authorized = authorized(issued, found, &discovered);
        app.store.authorized(&mut tx, connection, &authorized, &client.facts, app.now()).await?;
        tx.commit().await?;
        Ok(true)
    };
    let kept: Result<bool, store::StoreError> = kept.await;
    app.told.notify_one();
    kept.unwrap_or_else(|error| {
        tracing::error!(error = %error, "connect: the token of another login could not be kept");
        false
    })
}

async fn keep(
    app: &App,
    client: &NetworkApp,
    connection: &Connection,
    issued: &Issued,
    found: &Discovery,
    replaces: bool,
) -> Result<(), Problem> {
    let now = app.now();
    let discovered = discovered(found);
    let authorized = authorized(issued, found, &discovered);
    let mut tx = app.store.write().await?;
    if replaces {
        app.store.owe_replaced(&mut tx, &app.organisation, &connection.place, &found.person.network_id, now).await?;
    }
    let reached = app.store.authorized(&mut tx, connection, &authorized, &client.facts, now).await?;
    if client.network.refresh_tokens().is_some() {
        network_apps::saw_refresh_token(&mut tx, &app.organisation, client_of(client), issued.renewable, now).await?;
    }
    if !issued.missing_scopes.is_empty() {
        let about = About { connection: Some(connection.id.clone()), ..About::default() };
        events::append(
            &mut tx,
            &app.organisation,
            now,
            "connection.scopes_missing",
            &connection.begun.by,
            &about,
            &json!({ "missing": issued.missing_scopes }),
        )
        .await?;
        let warning = Failed { expected: issued.missing_scopes.clone(), ..failed("scopes_missing", None) };
        connections::set_warning(&mut tx, &connection.id, &warning).await?;
    }
    let connection = connections::get(&mut tx, &app.organisation, &connection.id).await?.ok_or_else(Problem::not_found)?;
    if let Some(person) = &connection.person {
        scopes::set_missing(&mut tx, person, &issued.missing_scopes).await?;
    }
    if let Some(profile) = &connection.begun.profile {
        if let Some(name) = renew(app, &mut tx, client, &connection, profile, &reached).await? {
            // The login was right, the role on this profile is not: the token stays, the profile stays red.
            tx.commit().await?;
            return Err(Problem::new(axum::http::StatusCode::CONFLICT, "role_missing", name));
        }
    } else if found.all_come_along {
        let fits = fitting(app, &mut tx, &connection.place, &discovered).await?;
        if let Some(refused) = fits.refused() {
            return Err(refused);
        }
        if let Some(warning) = fits.warning() {
            // Permissions that are missing are said beside it.
            let warning = Failed { words: warning.words.clone(), ..connection.failure.clone().unwrap_or(warning) };
            connections::set_warning(&mut tx, &connection.id, &warning).await?;
        }
        app.store.add_profiles(&mut tx, &connection, fits.ids.as_slice().into(), &client.facts, &connection.begun.by, now).await?;
    }
    tx.commit().await?;
    app.told.notify_one();
    Ok(())
}

/// Renews what was asked for with the token that came; the name of the profile where the person's role is not enough for it.
async fn renew(
    app: &App,
    tx: &mut store::Tx,
    client: &NetworkApp,
    connection: &Connection,
    profile: &ProfileId,
    reached: &[ProfileId],
) -> Result<Option<String>, Problem> {
    let now = app.now();
    let asked = profiles::get(tx, &app.organisation, profile).await?.ok_or_else(Problem::not_found)?;
    let name = asked.name.clone();
    let mut repaired = wanted(tx, app, connection, asked).await?;
    let usable =
        |profile: &Profile| connection.discovered.iter().any(|found| found.network_id == profile.network_id && found.unusable.is_none());
    if !repaired.iter().any(usable) {
        return Ok(Some(name));
    }
    // One login repairs every profile that hangs on that person, and those that were asked for.
    for id in reached {
        repaired.extend(profiles::get(tx, &app.organisation, id).await?);
    }
    repaired.retain(usable);
    let again: BTreeSet<String> = repaired.iter().map(|profile| profile.network_id.clone()).collect();
    let again: Vec<String> = again.into_iter().collect();
    app.store.add_profiles(tx, connection, again.as_slice().into(), &client.facts, &connection.begun.by, now).await?;
    if let Some(link) = link_of(connection) {
        let done: Vec<ProfileId> = repaired.into_iter().map(|profile| profile.id).collect();
        renewed::tell(tx, link, connection.person.as_ref(), &done, now).await?;
        renewal_links::done(tx, link, &done, now).await?;
    }
    Ok(None)
}

/// What was asked for: one profile; by a link for any admin everything at that network that the link still leads through, since
/// whoever comes may hold some of it only.
async fn wanted(tx: &mut store::Tx, app: &App, connection: &Connection, asked: Profile) -> Result<Vec<Profile>, Problem> {
    let Some(hash) = link_of(connection) else { return Ok(vec![asked]) };
    let link = renewal_links::by_hash(tx, hash, app.now()).await?;
    let Some(link) = link.filter(|link| link.accepts != Accepts::Holders) else { return Ok(vec![asked]) };
    let mut all = vec![];
    for step in link.steps.iter().filter(|step| step.done_at.is_none()) {
        all.extend(profiles::get(tx, &app.organisation, &step.profile).await?);
    }
    all.retain(|profile| profile.network == connection.place.network && profile.instance == connection.place.instance);
    if all.is_empty() {
        all.push(asked);
    }
    Ok(all)
}

/// Adds the profiles that were chosen.
pub async fn choose(app: &App, connection: &Connection, chosen: Chosen<'_>, by: &events::Actor) -> Result<Vec<ProfileId>, Problem> {
    let network = super::connect::network_named(&connection.place.network)?;
    let unusable =
        chosen.ids.iter().find(|id| !connection.discovered.iter().any(|found| found.network_id == **id && found.unusable.is_none()));
    if let Some(id) = unusable {
        return Err(Problem::field("ids", &format!("\"{id}\" was not discovered, or cannot be connected")));
    }
    if chosen.ids.is_empty() {
        return Err(Problem::field("ids", "choose one profile at least"));
    }
    let facts = app.directory.facts(network);
    let mut tx = app.store.write().await?;
    let wanted: Vec<_> = chosen.ids.iter().map(|id| (&connection.place, id.as_str())).collect();
    room_for(app, &mut tx, &wanted).await?;
    let added = app.store.add_profiles(&mut tx, connection, chosen, &facts, by, app.now()).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(added)
}

/// The teams for which somebody connects profiles: their own; for company admins and tools that connect every profile, all.
pub async fn offered_teams(app: &App, caller: &Caller) -> Result<Vec<Team>, Problem> {
    let mut all = teams::list(&mut app.store.read().await?, &app.organisation).await?;
    if let (Some(user), false) = (&caller.user, caller.is_company_admin()) {
        all.retain(|team| team.members.contains(&user.id));
    }
    Ok(all)
}

/// The team that somebody names is one of those.
pub async fn check_team(app: &App, caller: &Caller, team: Option<&TeamId>) -> Result<(), Problem> {
    let Some(team) = team else { return Ok(()) };
    let known = offered_teams(app, caller).await?.iter().any(|known| known.id == *team);
    known.then_some(()).ok_or_else(|| Problem::field("team_id", "is no team of yours"))
}
