//! The same random history on both databases: what can be read afterwards must be the same.

use std::collections::BTreeMap;

use lifecycle::access::{self, Seen};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::{GrantId, OrganisationId};
use lifecycle::ledger::Ledger;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::events::{self, Actor};
use store::grants::holders_of;
use store::profiles::{self, Filter};
use store::{Store, ids};

use crate::each;
use crate::loops::{T0, commit_of, connect, facts, organisation};

const PEOPLE: [&str; 2] = ["jana", "piet"];
const PAGES: [&str; 3] = ["1", "2", "3"];

#[derive(Debug, Clone, Copy)]
enum Look {
    Works,
    Refused,
    Over,
    Outage,
    Lost,
    Renewed,
    Clock,
}

#[derive(Debug, Clone)]
enum Op {
    Connect { person: usize, pages: usize },
    Look { person: usize, look: Look },
    Role { person: usize, page: usize, there: bool },
    Use { person: usize, works: bool },
    Switch { page: usize, on: bool },
    Send { fails: bool },
    Delete { page: usize },
}

fn ops() -> impl Strategy<Value = Vec<(i64, Op)>> {
    let look = prop::sample::select(vec![Look::Works, Look::Refused, Look::Over, Look::Outage, Look::Lost, Look::Renewed, Look::Clock]);
    let op = prop_oneof![
        3 => (0..2_usize, 1..=3_usize).prop_map(|(person, pages)| Op::Connect { person, pages }),
        6 => (0..2_usize, look).prop_map(|(person, look)| Op::Look { person, look }),
        4 => (0..2_usize, 0..3_usize, any::<bool>()).prop_map(|(person, page, there)| Op::Role { person, page, there }),
        1 => (0..2_usize, any::<bool>()).prop_map(|(person, works)| Op::Use { person, works }),
        1 => (0..3_usize, any::<bool>()).prop_map(|(page, on)| Op::Switch { page, on }),
        2 => any::<bool>().prop_map(|fails| Op::Send { fails }),
        1 => (0..3_usize).prop_map(|page| Op::Delete { page }),
    ];
    prop::collection::vec((prop::sample::select(vec![1, 40, 3_600, 90_000, 900_000]), op), 5..25)
}

struct World {
    store: Store,
    organisation: OrganisationId,
    /// Ids are different on each database: they are read by their natural names, also those that are gone by now.
    names: BTreeMap<String, String>,
}

impl World {
    async fn grant(&self, person: usize) -> Option<GrantId> {
        let mut tx = self.store.read().await.unwrap();
        let sql = "SELECT id FROM grants WHERE person_id = (SELECT id FROM people WHERE network_id = $1)";
        tx.one(sql, &[PEOPLE[person].into()]).await.unwrap().map(|row| row.parsed("id").unwrap())
    }

    async fn learn_names(&mut self) {
        let mut tx = self.store.read().await.unwrap();
        for table in ["people", "profiles"] {
            for row in tx.all(&format!("SELECT id, network_id FROM {table}"), &[]).await.unwrap() {
                self.names.insert(row.text("id").unwrap(), format!("{table}/{}", row.text("network_id").unwrap()));
            }
        }
    }

    async fn step(&self, person: usize, look: Look, now: Timestamp) -> String {
        let Some(id) = self.grant(person).await else { return "no grant".into() };
        let held = self.store.claim(&ids::fresh(), &id, now, Span::seconds(180)).await.unwrap().expect("nobody else is here");
        let evidence = Evidence::new(now, Source::Probe, Some(401), Some("code"), "words");
        let event = match look {
            Look::Works => Event::Probed(Diagnosis::works(evidence)),
            Look::Refused => Event::Probed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence)),
            Look::Over => Event::Probed(Diagnosis::over(Cause::RevokedByPerson, evidence)),
            Look::Outage => Event::Probed(Diagnosis::transient(evidence, None)),
            Look::Lost => Event::RenewLost(evidence),
            Look::Renewed => Event::Renewed { clocks: Clocks { human_until: Some(now + Span::days(35)), ..Clocks::default() } },
            Look::Clock => Event::DeadlineReached,
        };
        let mut commit = commit_of(&held, &event, now);
        if matches!(look, Look::Renewed) {
            let text = format!("token at {}", now.as_seconds());
            commit.tokens = Some(TokenSet::bearer(Secret::new(text), None, vec![]).keeping_from(&held.tokens));
        }
        format!("{:?}", self.store.commit(&commit).await.unwrap())
    }

    async fn role(&self, person: usize, page: usize, there: bool, now: Timestamp) -> String {
        let Some(id) = self.grant(person).await else { return "no grant".into() };
        let held = self.store.claim(&ids::fresh(), &id, now, Span::seconds(180)).await.unwrap().expect("nobody else is here");
        let mut commit = commit_of(&held, &Event::DeadlineReached, now);
        let seen = if there {
            Seen::Usable { role: "EDITOR".into() }
        } else {
            Seen::Missing { evidence: Evidence::new(now, Source::Discovery, Some(200), None, "not in the list") }
        };
        let of_page = held.accesses.iter().filter(|access| access.network_id == PAGES[page]);
        commit.accesses = of_page.map(|access| access::step(access, &seen, &facts(), now)).collect();
        format!("{:?}", self.store.commit(&commit).await.unwrap())
    }

    async fn page(&self, page: usize) -> Option<lifecycle::ids::ProfileId> {
        let mut tx = self.store.read().await.unwrap();
        let row = tx.one("SELECT id FROM profiles WHERE network_id = $1", &[PAGES[page].into()]).await.unwrap();
        row.map(|row| row.parsed("id").unwrap())
    }

    async fn send(&self, fails: bool, now: Timestamp) -> String {
        let letters = self.store.claim_letters(now, 100).await.unwrap();
        for letter in &letters {
            if fails {
                self.store.letter_failed(letter, "450 later", now).await.unwrap();
            } else {
                self.store.letter_sent(letter, now).await.unwrap();
            }
        }
        format!("{} messages", letters.len())
    }

    async fn apply(&mut self, op: &Op, now: Timestamp) -> String {
        let said = match *op {
            Op::Connect { person, pages } => {
                let added = connect(&self.store, &self.organisation, PEOPLE[person], &PAGES[..pages], now).await.added.len();
                format!("{added} added")
            }
            Op::Look { person, look } => self.step(person, look, now).await,
            Op::Role { person, page, there } => self.role(person, page, there, now).await,
            Op::Use { person, works } => {
                let evidence = Evidence::new(now, Source::Use, Some(200), None, "used");
                let diagnosis =
                    if works { Diagnosis::works(evidence) } else { Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence) };
                if let Some(id) = self.grant(person).await {
                    self.store.see_evidence(&id, &diagnosis, &facts(), now).await.unwrap();
                }
                "seen".into()
            }
            Op::Switch { page, on } => {
                if let Some(id) = self.page(page).await {
                    let mut tx = self.store.write().await.unwrap();
                    profiles::set_enabled(&mut tx, &self.organisation, &id, on).await.unwrap();
                    tx.commit().await.unwrap();
                }
                "switched".into()
            }
            Op::Send { fails } => self.send(fails, now).await,
            Op::Delete { page } => {
                let Some(id) = self.page(page).await else { return "no page".into() };
                let mut tx = self.store.write().await.unwrap();
                let done = self.store.delete_profile(&mut tx, &self.organisation, &id, &Actor::System, now).await.unwrap();
                tx.commit().await.unwrap();
                format!("deleted {done}")
            }
        };
        self.learn_names().await;
        said
    }

    /// Everything that can be read, in words that are the same on both databases. What is jittered by a grant's id (when to
    /// look next) is left out.
    async fn read(&self) -> Vec<String> {
        let mut lines = vec![];
        let mut tx = self.store.read().await.unwrap();
        for profile in profiles::list(&mut tx, &self.organisation, &Filter::default(), 100).await.unwrap() {
            let standing = serde_json::to_string(&profile.standing).unwrap();
            lines.push(format!("profile {} {} enabled {} {standing}", profile.network_id, profile.name, profile.enabled));
            let mut holders: Vec<_> = holders_of(&mut tx, &profile.id)
                .await
                .unwrap()
                .into_iter()
                .map(|holder| {
                    let (access, grant) = (holder.access, holder.grant);
                    format!(
                        "  held by {} as {} {:?} seen {:?}; generation {} {:?} {:?} verified {:?} out of reach {:?} failures {} due {}",
                        holder.person.network_id,
                        access.role,
                        access.state,
                        access.seen_at,
                        grant.generation,
                        grant.state,
                        grant.clocks,
                        grant.verified_at,
                        grant.unreachable_since,
                        grant.failures,
                        grant.probe_at.is_some()
                    )
                })
                .collect();
            holders.sort();
            lines.extend(holders);
        }
        lines.push(format!(
            "{:?}",
            profiles::counts(&mut tx, &self.organisation, None).await.unwrap().into_iter().collect::<BTreeMap<_, _>>()
        ));
        for event in events::after(&mut tx, &self.organisation, 0, 10_000).await.unwrap() {
            lines.push(format!(
                "event {} {} {} {:?} {:?} {}",
                event.position,
                event.at.as_micros(),
                event.kind,
                event.actor,
                event.profile,
                event.detail
            ));
        }
        let sql =
            "SELECT kind, recipient, language, payload, tries, due_at, sent_at, gave_up_at, last_error FROM outbox ORDER BY created_at, id";
        let mut letters = vec![];
        for row in tx.all(sql, &[]).await.unwrap() {
            letters.push(format!(
                "letter {} {} {} {} {} {:?} {:?} {:?} {:?}",
                row.text("kind").unwrap(),
                row.text("recipient").unwrap(),
                row.text("language").unwrap(),
                row.text("payload").unwrap(),
                row.int("tries").unwrap(),
                row.opt_int("due_at").unwrap(),
                row.opt_int("sent_at").unwrap(),
                row.opt_int("gave_up_at").unwrap(),
                row.opt_text("last_error").unwrap()
            ));
        }
        drop(tx);
        lines.extend(letters);
        for (person, name) in PEOPLE.iter().enumerate() {
            if let Some(id) = self.grant(person).await {
                let held = self.store.claim(&ids::fresh(), &id, T0 + Span::days(4_000), Span::seconds(1)).await.unwrap().unwrap();
                lines.push(format!("tokens of {name}: {} {:?}", held.tokens.access_token.expose(), held.tokens.scopes));
            }
        }
        lines.into_iter().map(|line| self.named(line)).collect()
    }

    fn named(&self, mut line: String) -> String {
        for (id, name) in &self.names {
            line = line.replace(id, name);
        }
        line
    }
}

/// One history on every database that is here; what each says at each step and in the end.
async fn histories(ops: &[(i64, Op)]) -> Vec<(String, Vec<String>)> {
    let mut all = vec![];
    for fixture in each().await {
        let (organisation, _) = organisation(&fixture.store).await;
        let mut world = World { store: fixture.store.clone(), organisation, names: BTreeMap::new() };
        let (mut now, mut lines) = (T0, vec![]);
        for (seconds, op) in ops {
            now = now + Span::seconds(*seconds);
            let said = world.apply(op, now).await;
            lines.push(format!("{op:?}: {said}"));
        }
        lines.extend(world.read().await);
        all.push((world.store.describe().to_owned(), lines));
    }
    all
}

#[test]
fn the_same_history_reads_the_same_on_both_databases() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 16, max_shrink_iters: 60, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&ops(), |ops| {
        let all = runtime.block_on(histories(&ops));
        let (first, rest) = all.split_first().expect("SQLite is always here");
        prop_assert!(first.1.len() > ops.len());
        for other in rest {
            for (a, b) in first.1.iter().zip(&other.1) {
                prop_assert_eq!(a, b, "{} and {} differ", &first.0, &other.0);
            }
            prop_assert_eq!(first.1.len(), other.1.len());
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
