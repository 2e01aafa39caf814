//! Whole simulated worlds on the real databases: what a world asked of its ledger in memory is asked here once more, and after
//! every step both have said the same and keep the same. Ids, jitter and moments come from the seed; nothing here reads a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lifecycle::access::Access;
use lifecycle::grant::{Clocks, Grant};
use lifecycle::ids::{ConnectionId, GrantId, NodeId, OrganisationId, UserId};
use lifecycle::ledger::{Ledger, Phase};
use lifecycle::permission::Role;
use lifecycle::secret::Secret;
use lifecycle::status::Standing;
use lifecycle::time::Span;
use simulator::script::{Asked, Kept, Known, Login, Script, of_claims, of_tokens, record};
use simulator::{Faults, Options};
use store::connect::Authorized;
use store::connections::{self, Begun, Discovered};
use store::events::Actor;
use store::grants::Place;
use store::users::{self, NewUser};
use store::{Row, Store, Tx, ids};

use crate::loops::T0;
use crate::{Fixture, each};

/// What the simulated ledger takes for its one organisation.
const ORGANISATION: u128 = 1;
/// One of so many looks that find nothing is asked.
const LOOKS: u32 = 16;
/// How many steps before the one that differs are shown.
const SHOWN: usize = 8;

struct World {
    store: Store,
    organisation: OrganisationId,
    /// Whoever looks after a network's profiles: each hears little, so that nobody's messages are gathered in a storm.
    owners: BTreeMap<String, UserId>,
}

impl World {
    async fn new(store: Store) -> Self {
        let organisation = OrganisationId::from_u128(ORGANISATION);
        let mut tx = store.write().await.unwrap();
        let sql = "INSERT INTO organisations (id, name, created_at) VALUES ($1, 'Simulated', $2)";
        tx.run(sql, &[organisation.as_str().into(), T0.into()]).await.unwrap();
        tx.commit().await.unwrap();
        Self { store, organisation, owners: BTreeMap::new() }
    }

    async fn ask(&mut self, asked: &Asked) -> String {
        let store = self.store.clone();
        match asked {
            Asked::Unfinished(node, now, lease) => of_claims(&store.unfinished(node, *now, *lease).await.unwrap()),
            Asked::ClaimDue(node, now, lease, limit) => of_claims(&store.claim_due(node, *now, *lease, *limit).await.unwrap()),
            Asked::Intend(intent) => format!("{:?}", store.intend(intent).await.unwrap()),
            Asked::Commit(commit) => format!("{:?}", store.commit(commit).await.unwrap()),
            Asked::Release(lease, again_at) => {
                store.release(lease, *again_at).await.unwrap();
                String::new()
            }
            Asked::Extend(lease, now, until) => format!("{:?}", store.extend(lease, *now, *until).await.unwrap()),
            Asked::CatchUp(now) => format!("{:?}", store.catch_up(*now).await.unwrap()),
            Asked::BookCalls(app, pace, want, need, now) => {
                format!("{:?}", store.book_calls(app, pace, *want, *need, *now).await.unwrap())
            }
            Asked::Refused(organisation, network, around) => {
                format!("{:?}", store.refused(organisation, network, "", *around).await.unwrap())
            }
            Asked::SeeEvidence(grant, diagnosis, facts, now) => {
                store.see_evidence(grant, diagnosis, facts, *now).await.unwrap();
                String::new()
            }
            Asked::Authorized(login) => {
                self.authorized(login).await;
                String::new()
            }
            Asked::Reclaim(node) => {
                store.reclaim_leases(node).await.unwrap();
                String::new()
            }
        }
    }

    async fn owner(&mut self, network: &str, tx: &mut Tx) -> UserId {
        if let Some(known) = self.owners.get(network) {
            return known.clone();
        }
        let email = format!("{network}@example.com");
        let new = NewUser { email: &email, name: network, role: Role::CompanyAdmin, language: "en", password_hash: None };
        let owner = users::insert(tx, &self.organisation, &new, T0).await.unwrap();
        self.owners.insert(network.to_owned(), owner.clone());
        owner
    }

    async fn authorized(&mut self, login: &Login) {
        let store = self.store.clone();
        let mut tx = store.write().await.unwrap();
        if let Some((grant, accesses)) = &login.born {
            self.insert(&mut tx, login, grant, accesses).await;
        }
        let place = Place { network: login.network.into(), instance: String::new() };
        let begun = Begun { by: Actor::System, browser_hash: None, expected_people: vec![], profile: None, return_to: None };
        let id: ConnectionId = ids::fresh();
        let state = Secret::new(id.to_string());
        store
            .open_connection(&mut tx, &id, &self.organisation, &place, &begun, &state, &BTreeMap::new(), login.now, Span::minutes(30))
            .await
            .unwrap();
        let connection = connections::get(&mut tx, &self.organisation, &id).await.unwrap().unwrap();
        let discovered: Vec<Discovered> = login
            .found
            .iter()
            .cloned()
            .map(|found| Discovered {
                network_id: found.network_id,
                kind: found.kind.as_str().into(),
                name: found.name,
                handle: found.handle,
                avatar: found.avatar,
                role: found.role,
                parent: found.parent,
                unusable: found.unusable.map(|why| (why.en, why.de)),
            })
            .collect();
        let authorized = Authorized {
            tokens: &login.tokens,
            clocks: login.clocks,
            renewable: login.renewable,
            person_network_id: &login.person_network_id,
            person_name: &login.person_network_id,
            person_handle: None,
            person_across_apps: None,
            discovered: &discovered,
            comes_along: false,
        };
        store.authorized(&mut tx, &connection, &authorized, &login.facts, login.now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The rows under the ids that the seed gave them: whatever a login finds here already keeps its id.
    async fn insert(&mut self, tx: &mut Tx, login: &Login, grant: &Grant, accesses: &[Access]) {
        let (organisation, network, now) = (self.organisation.clone(), login.network, login.now);
        let owner = self.owner(network, tx).await;
        let sql = "INSERT INTO people (id, organisation_id, network, instance, network_id, name, created_at, updated_at) VALUES ($1, $2, $3, '', $4, $4, $5, $5)";
        let person = [
            grant.person.as_str().into(),
            organisation.as_str().into(),
            network.into(),
            login.person_network_id.as_str().into(),
            now.into(),
        ];
        tx.run(sql, &person).await.unwrap();
        let sql = "INSERT INTO grants (id, organisation_id, person_id, network, instance, generation, state, renewable, authorized_at, issued_at, failures, created_at) \
                   VALUES ($1, $2, $3, $4, '', 0, '{\"is\":\"fresh\"}', 0, $5, $5, 0, $5)";
        tx.run(sql, &[grant.id.as_str().into(), organisation.as_str().into(), grant.person.as_str().into(), network.into(), now.into()])
            .await
            .unwrap();
        for access in accesses {
            let standing = Standing::unborn(grant.issued_at);
            let sql = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, owner_id, notify_no_access, notify_renew_soon, enabled, \
                       status, status_since, standing, sort_key, created_at) VALUES ($1, $2, $3, '', $4, 'page', $4, $5, 1, 1, 1, $6, $7, $8, $4, $7) ON CONFLICT (id) DO NOTHING";
            let profile = [
                access.profile.as_str().into(),
                organisation.as_str().into(),
                network.into(),
                access.network_id.as_str().into(),
                owner.as_str().into(),
                standing.status.as_str().into(),
                now.into(),
                serde_json::to_string(&standing).unwrap().into(),
            ];
            tx.run(sql, &profile).await.unwrap();
            let sql =
                "INSERT INTO accesses (id, grant_id, profile_id, role, state, seen_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $6)";
            let state = serde_json::to_string(&access.state).unwrap();
            let edge = [
                access.id.as_str().into(),
                grant.id.as_str().into(),
                access.profile.as_str().into(),
                access.role.as_str().into(),
                state.into(),
                now.into(),
            ];
            tx.run(sql, &edge).await.unwrap();
        }
    }

    /// What is kept of a grant.
    async fn kept(&self, id: &GrantId) -> Kept {
        let mut tx = self.store.read().await.unwrap();
        let row = tx.one("SELECT * FROM grants WHERE id = $1", &[id.as_str().into()]).await.unwrap().expect("the grant");
        let open = "SELECT id, phase FROM attempts WHERE grant_id = $1 AND ended_at IS NULL";
        let open = tx.all(open, &[id.as_str().into()]).await.unwrap();
        let standings = "SELECT id, standing FROM profiles WHERE id IN (SELECT profile_id FROM accesses WHERE grant_id = $1)";
        let standings = tx.all(standings, &[id.as_str().into()]).await.unwrap();
        let tokens = self.store.tokens_for_use(&mut tx, id).await.unwrap().expect("its tokens");
        Kept {
            grant: grant_of(&row),
            tokens: of_tokens(&tokens),
            due_at: row.opt_time("due_at").unwrap(),
            lost_at: row.opt_time("lost_at").unwrap(),
            fence: row.int("fence").unwrap(),
            lease: row.opt_parsed::<NodeId>("lease_node").unwrap().map(|node| (node, row.time("lease_until").unwrap())),
            open: open.iter().map(|row| (row.parsed("id").unwrap(), Phase::parse(&row.text("phase").unwrap()).unwrap())).collect(),
            accesses: store::grants::accesses_of(&mut tx, id).await.unwrap(),
            profiles: standings.iter().map(|row| (row.parsed("id").unwrap(), row.json("standing").unwrap())).collect(),
        }
    }

    /// What was put into the outbox about the profiles, and how often the log says what.
    async fn told(&self) -> (BTreeSet<Known>, BTreeMap<String, i64>) {
        let mut tx = self.store.read().await.unwrap();
        let sql = "SELECT kind, dedupe, payload FROM outbox WHERE kind IN ('no_access_tokens', 'recovered', 'renew_soon', 'last_remaining', 'out_of_reach', 'storm')";
        let told = tx.all(sql, &[]).await.unwrap().iter().map(known).collect();
        let sql = "SELECT kind, COUNT(*) AS n FROM events WHERE kind LIKE 'grant.%' OR kind LIKE 'access.%' OR kind LIKE 'network.%' GROUP BY kind";
        let counts = tx.all(sql, &[]).await.unwrap();
        (told, counts.iter().map(|row| (row.text("kind").unwrap(), row.int("n").unwrap())).collect())
    }
}

fn grant_of(row: &Row) -> Grant {
    Grant {
        id: row.parsed("id").unwrap(),
        person: row.parsed("person_id").unwrap(),
        generation: row.int("generation").unwrap(),
        state: row.json("state").unwrap(),
        clocks: Clocks {
            access_until: row.opt_time("access_until").unwrap(),
            refresh_until: row.opt_time("refresh_until").unwrap(),
            human_until: row.opt_time("human_until").unwrap(),
        },
        renewable: row.flag("renewable").unwrap(),
        authorized_at: row.time("authorized_at").unwrap(),
        issued_at: row.time("issued_at").unwrap(),
        verified_at: row.opt_time("verified_at").unwrap(),
        unreachable_since: row.opt_time("unreachable_since").unwrap(),
        failures: u32::try_from(row.int("failures").unwrap()).unwrap(),
        probe_at: row.opt_time("probe_at").unwrap(),
        renew_at: row.opt_time("renew_at").unwrap(),
    }
}

/// The key of a message is `mail:grant:occasion:reader:channel:digest`; an occasion may have colons of its own.
fn known(row: &Row) -> Known {
    let (dedupe, payload) = (row.text("dedupe").unwrap(), row.json::<serde_json::Value>("payload").unwrap());
    let (about, _) = dedupe.split_once(&format!(":{}", UserId::PREFIX)).expect("a reader");
    let mut parts = about.splitn(3, ':');
    let mut next = || parts.next().expect("three parts").to_owned();
    let (_, grant, occasion) = (next(), next(), next());
    let profiles = payload["profiles"].as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap().parse().unwrap());
    (row.text("kind").unwrap(), grant.parse().unwrap(), occasion, profiles.collect())
}

/// Asks the database everything the script has, and compares after each step.
async fn compare(script: &Script, store: Store, which: &str) {
    let name = store.describe().to_owned();
    let mut world = World::new(store).await;
    let mut looks = 0;
    for (number, step) in script.steps.iter().enumerate() {
        let is_look = matches!(step.asked, Asked::CatchUp(_) | Asked::Unfinished(..) | Asked::ClaimDue(..));
        if is_look && step.after.is_empty() {
            // Most looks find nothing; that they do is asked now and then.
            looks += 1;
            if looks % LOOKS != 0 {
                continue;
            }
        }
        let answered = world.ask(&step.asked).await;
        let mut after = vec![];
        for kept in &step.after {
            after.push(world.kept(&kept.grant.id).await);
        }
        if answered != step.answered || after != step.after {
            let before: Vec<_> = script.steps[number.saturating_sub(SHOWN)..number].iter().map(|step| &step.asked).collect();
            panic!(
                "{which}, step {number}: memory and {name} differ after {:#?}\nmemory said {}\n{name} said {answered}\nmemory keeps {:#?}\n\
                 {name} keeps {after:#?}\nbefore that: {before:#?}",
                step.asked, step.answered, step.after
            );
        }
    }
    for kept in &script.kept {
        assert_eq!(*kept, world.kept(&kept.grant.id).await, "{which}: in the end, {name} (right) keeps something else");
    }
    let (told, counts) = world.told().await;
    assert_eq!(script.messages, told, "{which}: {name} (right) told something else");
    let of_rules = |(kind, _): &(&String, &i64)| *kind != "grant.authorized";
    let (left, right): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (script.happenings.iter().filter(of_rules).collect(), counts.iter().filter(of_rules).collect());
    assert_eq!(left, right, "{which}: the log of {name} (right) says something else");
}

/// A small world: fewer grants than a node takes up at once, so that which of several equally urgent ones comes first is nobody's
/// choice. Rotations are many and early warnings begin soon after the login, so that months are enough.
fn small(faults: Faults) -> Options {
    let (probe_every, idle_check_every) = (Span::days(5), Span::days(3));
    Options {
        profiles: 9,
        lasting: Span::days(110),
        faults,
        probe_every,
        idle_check_every,
        warn_days: vec![355, 340],
        ..Options::default()
    }
}

/// The worlds of every run, chosen for what happens in them; or those of one seed that somebody wants to see.
fn worlds() -> Vec<(Faults, u64)> {
    match std::env::var("STAYGREEN_TEST_SEED").ok().map(|seed| seed.parse().expect("STAYGREEN_TEST_SEED is a number")) {
        Some(seed) => Faults::ALL.iter().map(|(faults, _)| (*faults, seed)).collect(),
        None => vec![(Faults::Everything, 24), (Faults::Everything, 5)],
    }
}

/// What the worlds have in them, so that a comparison of nothing is noticed.
#[derive(Debug, Default)]
struct Seen {
    renewals: u64,
    kinds: BTreeSet<String>,
    superseded: usize,
    left_sent: usize,
    not_held: usize,
    extended: usize,
    counted: usize,
    seen_in_use: usize,
    crashes: u64,
}

impl Seen {
    fn note(&mut self, script: &Script) {
        self.renewals += script.report.renewals;
        self.crashes += script.report.crashes;
        self.kinds.extend(script.messages.iter().map(|(kind, ..)| kind.clone()));
        for step in &script.steps {
            match (&step.asked, step.answered.as_str()) {
                (Asked::Commit(_), "Superseded") => self.superseded += 1,
                (Asked::Unfinished(..), claims) if !claims.is_empty() => self.left_sent += 1,
                (Asked::Intend(_) | Asked::Extend(..), "false") => self.not_held += 1,
                (Asked::Extend(..), _) => self.extended += 1,
                (Asked::Refused(..), _) => self.counted += 1,
                (Asked::SeeEvidence(..), _) => self.seen_in_use += 1,
                _ => {}
            }
        }
    }

    fn is_rich(&self) -> bool {
        let all = [self.superseded, self.left_sent, self.not_held, self.extended, self.counted, self.seen_in_use];
        let told = ["no_access_tokens", "recovered", "renew_soon"];
        self.renewals > 100 && self.crashes > 0 && all.iter().all(|times| *times > 0) && told.iter().all(|kind| self.kinds.contains(*kind))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_worlds_end_the_same_on_the_real_ledgers() {
    let (mut seen, mut all) = (Seen::default(), tokio::task::JoinSet::new());
    for (faults, seed) in worlds() {
        let script = Arc::new(record(&small(faults), seed));
        seen.note(&script);
        let which = format!(
            "seed {seed} with {} (again: STAYGREEN_TEST_SEED={seed} cargo test --workspace --test it -- simulated_worlds)",
            faults.name()
        );
        for Fixture { store, folder } in each().await {
            let (script, which) = (Arc::clone(&script), which.clone());
            all.spawn(async move {
                compare(&script, store, &which).await;
                drop(folder);
            });
        }
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert!(std::env::var("STAYGREEN_TEST_SEED").is_ok() || seen.is_rich(), "too little happens in these worlds: {seen:?}");
}
