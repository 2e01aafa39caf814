//! Who lives in a simulated world, what they hold, and what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use lifecycle::access::{Access, AccessState};
use lifecycle::budget::Pace;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::grant::{Clocks, Grant, State};
use lifecycle::ids::{AccessId, GrantId, PersonId, ProfileId};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use networks::network::{Answer, App, Asks, Cx, Discovery, Issued, Network, Registration, Start};
use sandbox::World;
use serde_json::{Value, json};

use crate::dice::SeededDice;
use crate::options::Options;
use crate::queue::Event;
use crate::run::Run;
use crate::script::Login;
use crate::truth::Why;
use crate::wire::at_once;

/// A network with our client there.
pub(crate) struct Client {
    pub(crate) network: &'static dyn Network,
    pub(crate) app: App,
    pub(crate) facts: Arc<Facts>,
}

impl Client {
    pub(crate) fn new(network: &'static dyn Network, options: &Options, pace: Option<Pace>) -> Self {
        let name = network.about().name;
        // Where there are many instances we register at one when the first person comes.
        let instance = network.instance(Some("social.example")).unwrap_or_default();
        let (client_id, client_secret) = match network.about().registration {
            Registration::ByHand => (format!("sandbox-{name}"), Some(Secret::new(format!("sandbox-{name}-secret")))),
            // A document that says who we are.
            Registration::Metadata => ("https://staygreen.example/oauth/client-metadata.json".to_owned(), None),
            Registration::AtInstance => (String::new(), None),
        };
        let app = App {
            client_id,
            client_secret,
            instance,
            redirect_uri: format!("https://staygreen.example/oauth/callback/{name}"),
            scopes: vec![],
            base_url: Some(format!("{SANDBOX}/{name}")),
            endpoints: BTreeMap::new(),
            options: BTreeMap::from(
                [("username", "fernweh_outdoor"), ("allow_http_loopback", "true")].map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
        };
        let (probe_every, idle_check_every, warn_days) = (options.probe_every, options.idle_check_every, options.warn_days.clone());
        let facts = network.facts();
        let pace = pace.unwrap_or(facts.pace);
        let facts = Arc::new(Facts { probe_every, idle_check_every, warn_days, pace, ..facts });
        Self { network, app, facts }
    }

    /// Whether each renewal answers with another refresh token.
    pub(crate) fn rotates(&self) -> bool {
        matches!(self.facts.renewal, RenewalModel::Rotating(_))
    }

    /// How long a death can go unseen by the rules.
    pub(crate) fn look_every(&self) -> Span {
        if self.rotates() { self.facts.probe_every.max(self.facts.idle_check_every) } else { self.facts.probe_every }
    }

    pub(crate) fn cx<'a>(&'a self, now: lifecycle::time::Timestamp, dice: &'a SeededDice) -> Cx<'a> {
        Cx { app: &self.app, facts: &self.facts, now, dice }
    }
}

/// A person with a login at one network.
#[derive(Debug)]
pub(crate) struct Citizen {
    pub(crate) network: &'static str,
    pub(crate) username: String,
    pub(crate) grant: GrantId,
    pub(crate) person: PersonId,
    pub(crate) pages: Vec<u64>,
    pub(crate) blocked: bool,
    /// Pages on which the role was taken away.
    pub(crate) without_role: BTreeSet<u64>,
    /// The same, also where it came back, until the next login.
    pub(crate) roles_lost: BTreeSet<u64>,
    /// On the way to come and log in.
    pub(crate) is_coming: bool,
}

/// What a person does, or what happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    ChangePassword,
    Revoke,
    Block,
    Unblock,
    LoseRole(u64),
    RegainRole(u64),
    /// Log in and allow.
    Consent,
}

const PAGES_OF_A_TEAM: u64 = 3;
/// Where the networks are: nowhere but in this process, and so on this machine.
const SANDBOX: &str = "http://127.0.0.1";
/// How soon somebody logs in again who has just been made an admin once more.
const SOON: Span = Span::minutes(5);
/// Numbers of pages are longer than those of people.
const FIRST_PAGE: u64 = 200_001;
/// The most profiles in one world: more are more worlds.
pub(crate) const PROFILES_OF_A_WORLD: u32 = 48;

/// Settles so many profiles, in turns over the networks from the `first` on; pages come with all their admins.
pub(crate) fn settle(world: &mut World, clients: &BTreeMap<&'static str, Client>, profiles: u32, admins: u32, first: u64) -> Vec<Citizen> {
    let mut citizens: Vec<Citizen> = vec![];
    let mut left = i64::from(profiles);
    let mut pages = 0;
    // Small worlds begin with different networks, so that each has its turn over a few seeds.
    let mut turns: Vec<&'static str> = clients.keys().copied().filter(|name| World::knows_tokens(name)).collect();
    let begin = first.checked_rem(turns.len() as u64).unwrap_or(0);
    turns.rotate_left(usize::try_from(begin).unwrap_or(0));
    for network in turns.iter().cycle() {
        if left <= 0 || turns.is_empty() {
            break;
        }
        let fullest = World::roles(network).first();
        let (team, own) = if fullest.is_some() { (admins.max(1), PAGES_OF_A_TEAM) } else { (1, 0) };
        let ids: Vec<u64> = (0..own).map(|n| FIRST_PAGE + pages + n).collect();
        pages += own;
        for page in &ids {
            world.add_page(network, *page);
        }
        for _ in 0..team {
            let number = citizens.len() as u128 + 1;
            let (username, id) = named(network, number);
            world.add_person(network, &username, &id);
            for page in &ids {
                control(world, "roles", &json!({ "page": page, "username": username, "role": fullest }));
            }
            citizens.push(Citizen {
                network,
                username,
                grant: GrantId::from_u128(number),
                person: PersonId::from_u128(number),
                pages: ids.clone(),
                blocked: false,
                without_role: BTreeSet::new(),
                roles_lost: BTreeSet::new(),
                is_coming: false,
            });
        }
        left -= i64::from(team) + i64::try_from(own).unwrap_or(0);
    }
    citizens
}

/// Under which name and id somebody lives: where people go by a handle, in the form that is taken there (a domain, and a DID).
fn named(network: &str, number: u128) -> (String, String) {
    let by_handle = networks::find(network).is_some_and(|network| network.about().asks == Asks::Handle);
    if by_handle {
        let letters: String = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
        (format!("person{number}.test"), format!("did:plc:{letters:x>24}"))
    } else {
        (format!("person{number}"), format!("id{number}"))
    }
}

/// Makes something happen at the networks, by their control API.
pub(crate) fn control(world: &mut World, path: &str, body: &Value) -> Option<Value> {
    let request = Request::post(format!("{SANDBOX}/control/api/{path}"))
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .ok()?;
    let answer = world.handle(0, &request);
    serde_json::from_slice(answer.body()).ok().filter(|_| answer.status().is_success())
}

impl Run {
    /// Everybody comes once in the first month, and from then on things happen to them.
    pub(crate) fn move_in(&mut self) {
        for who in 0..self.citizens.len() {
            let when = self.dice.people.between(Span::ZERO, Span::days(30));
            self.queue.push(self.now + when, Event::Deed(who, Deed::Consent));
            self.plan_deed(who, when);
            self.plan_use(who);
        }
    }

    fn plan_deed(&mut self, who: usize, after: Span) {
        let dice = &mut self.dice.people;
        let wait = dice.around(Span::days(250));
        let pages = &self.citizens[who].pages;
        let page = pages.get(usize::try_from(dice.below(pages.len() as u64)).unwrap_or(0)).copied();
        let deed = match (dice.below(5), page) {
            (0, _) => Deed::ChangePassword,
            (1, _) => Deed::Revoke,
            (2, _) => Deed::Block,
            (_, Some(page)) => Deed::LoseRole(page),
            (3, None) => Deed::ChangePassword,
            (_, None) => Deed::Revoke,
        };
        self.queue.push(self.now + after + wait, Event::Deed(who, deed));
    }

    pub(crate) fn deed(&mut self, who: usize, deed: Deed) {
        let citizen = &mut self.citizens[who];
        let account = format!("people/{}/{}", citizen.network, citizen.username);
        let grant = citizen.grant.clone();
        let role = |page: u64, role: Option<&str>| json!({ "page": page, "username": citizen.username, "role": role });
        let why = match deed {
            Deed::Consent => return self.come(who),
            Deed::ChangePassword => (format!("{account}/change-password"), json!({}), Some(Why::PasswordChanged)),
            Deed::Revoke => (format!("{account}/revoke"), json!({}), Some(Why::Revoked)),
            Deed::Block => (format!("{account}/block"), json!({}), None),
            Deed::Unblock => (format!("{account}/unblock"), json!({}), None),
            Deed::LoseRole(page) => ("roles".into(), role(page, None), None),
            Deed::RegainRole(page) => ("roles".into(), role(page, World::roles(citizen.network).first().copied()), None),
        };
        let (path, body, ends) = why;
        if control(&mut self.wire.world(), &path, &body).is_none() {
            // The sandbox refused: then it did not happen.
            return;
        }
        match deed {
            Deed::Block => citizen.blocked = true,
            Deed::Unblock => citizen.blocked = false,
            Deed::LoseRole(page) => {
                citizen.without_role.insert(page);
                citizen.roles_lost.insert(page);
            }
            Deed::RegainRole(page) => {
                citizen.without_role.remove(&page);
                // Where pages are ticked one by one, a page that comes back is not among those ticked before: its admin logs in again.
                if !citizen.is_coming {
                    citizen.is_coming = true;
                    self.queue.push(self.now + SOON, Event::Deed(who, Deed::Consent));
                }
            }
            _ => {}
        }
        self.judge.note(&grant, self.now, || format!("{deed:?}"));
        if let Deed::LoseRole(page) | Deed::RegainRole(page) = deed {
            for profile in self.memory.books().profiles_of(&grant, page) {
                self.judge.role_changed(&profile, matches!(deed, Deed::RegainRole(_)), self.now);
            }
        }
        if let Some(why) = ends {
            self.judge.ended(&grant, why, self.now);
        }
        self.look(&grant);
        if deed == Deed::Block {
            let until = self.dice.people.between(Span::hours(1), Span::days(30));
            self.queue.push(self.now + until, Event::Deed(who, Deed::Unblock));
        }
        if !matches!(deed, Deed::Unblock | Deed::RegainRole(_)) && !self.is_healing {
            self.plan_deed(who, Span::ZERO);
        }
    }

    /// Somebody who was told comes and repairs, sooner or later; one in twenty never does.
    pub(crate) fn people_hear(&mut self, profile: &ProfileId, must: bool) {
        let holders: Vec<usize> = (0..self.citizens.len()).filter(|who| self.holds(*who, profile)).collect();
        for who in holders {
            let grant = &self.citizens[who].grant;
            let is_over = self.memory.books().grants.get(grant).is_some_and(|row| row.grant.verdict().is_some());
            let dice = &mut self.dice.people;
            let (wait, comes) = (dice.between(Span::minutes(5), Span::days(12)), !dice.chance(50_000));
            if (is_over || must) && comes && !self.citizens[who].is_coming {
                self.citizens[who].is_coming = true;
                self.queue.push(self.now + wait, Event::Deed(who, Deed::Consent));
            }
            let books = self.memory.books();
            let grant = &self.citizens[who].grant;
            let lost = self.citizens[who].without_role.iter().copied();
            let lost: Vec<u64> = lost.filter(|page| books.profiles_of(grant, *page).contains(profile)).collect();
            drop(books);
            for page in lost {
                self.queue.push(self.now + wait, Event::Deed(who, Deed::RegainRole(page)));
            }
        }
    }

    fn holds(&self, who: usize, profile: &ProfileId) -> bool {
        let books = self.memory.books();
        books.profiles.get(profile).is_some_and(|row| row.grants.contains(&self.citizens[who].grant))
    }

    /// A person comes, logs in and allows. What goes wrong on the way is tried again an hour later.
    fn come(&mut self, who: usize) {
        self.citizens[who].is_coming = false;
        if self.citizens[who].blocked {
            self.citizens[who].is_coming = true;
            self.queue.push(self.now + Span::days(2), Event::Deed(who, Deed::Consent));
            return;
        }
        let Some((issued, discovery)) = self.consent(who) else {
            self.citizens[who].is_coming = true;
            self.queue.push(self.now + Span::hours(1), Event::Deed(who, Deed::Consent));
            return;
        };
        self.tally.consents += 1;
        let citizen = &mut self.citizens[who];
        citizen.roles_lost.clone_from(&citizen.without_role);
        self.keep(who, issued, &discovery);
    }

    /// The whole way of a connection, through the real adapter.
    fn consent(&mut self, who: usize) -> Option<(Issued, Discovery)> {
        let citizen = &self.citizens[who];
        let client = self.clients.get_mut(citizen.network)?;
        let network = client.network;
        let hint = match network.about().asks {
            Asks::Handle => Some(citizen.username.clone()),
            _ => Some(client.app.instance.clone()).filter(|instance| !instance.is_empty()),
        };
        let start = Start { state: Secret::new(format!("state{}", self.dice.people.next())), hint, expected_person: None };
        let begun = at_once(network.begin(client.cx(self.now, &self.adapter_dice), &self.wire, &start))?.ok()?;
        if let Some(registered) = begun.registered {
            client.app.client_id = registered.client_id;
            client.app.client_secret = Some(registered.client_secret);
        }
        let cx = client.cx(self.now, &self.adapter_dice);
        let body = json!({ "authorize_url": begun.url, "username": citizen.username });
        let request = Request::post(format!("{SANDBOX}/control/api/consent")).body(Bytes::from(body.to_string())).ok()?;
        let answer = self.wire.world().handle(self.now.as_micros(), &request);
        let redirect: Value = serde_json::from_slice(answer.body()).ok()?;
        let callback = query(redirect.get("redirect_to")?.as_str()?);
        let mut memory = begun.memory;
        let mut request = network.exchange(cx, &memory, &callback).ok()?;
        let issued = loop {
            let answer = at_once(networks::wire::Wire::send(&self.wire, request))?.ok()?;
            match network.read_exchange(cx, &memory, &callback, &answer).ok()? {
                Answer::Done(issued) => break issued,
                Answer::AskAgain { request: again, secrets, .. } => {
                    request = *again;
                    memory.extend(secrets);
                }
            }
        };
        let discovery = at_once(network.discover(cx, &self.wire, &issued.tokens))?.ok()?;
        Some((issued, discovery))
    }

    fn keep(&mut self, who: usize, issued: Issued, discovery: &Discovery) {
        let citizen = &self.citizens[who];
        let (grant, network) = (citizen.grant.clone(), citizen.network);
        let Some(client) = self.clients.get(network) else { return };
        let usable: Vec<_> = discovery.profiles.iter().filter(|found| found.unusable.is_none()).collect();
        let mut books = self.memory.books();
        let mut born = None;
        if !books.grants.contains_key(&grant) {
            if usable.is_empty() {
                // Who finds nothing to connect goes away again (a personal account at Instagram).
                return;
            }
            let blank = Grant::born(grant.clone(), citizen.person.clone(), issued.clocks, issued.renewable, &client.facts, self.now).grant;
            let blank = Grant { generation: 0, state: State::Fresh, clocks: Clocks::default(), verified_at: None, ..blank };
            let accesses = usable.iter().map(|found| access(&grant, &found.network_id, &found.role, self.now)).collect();
            born = Some((blank, accesses));
        }
        books.authorized(&Login {
            grant: grant.clone(),
            network,
            person_network_id: discovery.person.network_id.clone(),
            born,
            tokens: issued.tokens,
            clocks: issued.clocks,
            renewable: issued.renewable,
            found: discovery.profiles.clone(),
            facts: Facts::clone(&client.facts),
            now: self.now,
        });
        drop(books);
        self.judge.note(&grant, self.now, || "authorized".into());
        // The day on which they must come again: as the network says (how our client is known there may decide), by its rule, or when it ends
        // the login of itself.
        let by_rule = || client.facts.manual_renewal_every.map(|every| self.now + every);
        let year_over = issued.clocks.human_until.or_else(by_rule).or_else(|| self.sessions.end_of(network, self.now));
        self.judge.authorized(&grant, network, year_over, self.now);
        if let Some(over) = year_over {
            self.queue.push(over + Span::seconds(1), Event::Look(grant.clone()));
        }
        self.look(&grant);
        self.read_outbox();
    }
}

fn access(grant: &GrantId, network_id: &str, role: &str, now: lifecycle::time::Timestamp) -> Access {
    let profile = profile_id(network_id);
    Access {
        id: AccessId::from_u128(number(&format!("{grant}/{network_id}"))),
        grant: grant.clone(),
        profile,
        network_id: network_id.into(),
        role: role.into(),
        state: AccessState::Working,
        seen_at: Some(now),
    }
}

/// The same profile at the network is the same profile here, whoever connects it.
pub(crate) fn profile_id(network_id: &str) -> ProfileId {
    ProfileId::from_u128(number(network_id))
}

/// Whether a profile is that page: every network writes the page's number at the end of its id, in a dress of its own.
pub(crate) fn is_of_page(network_id: &str, page: u64) -> bool {
    network_id.ends_with(&page.to_string())
}

fn number(text: &str) -> u128 {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    hash
}

/// The query of an address, in order. The sandbox writes it so that only the usual escapes occur.
fn query(url: &str) -> Vec<(String, String)> {
    let text = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = more.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
