//! One world: the loop that takes the next event, lets it happen, and looks at the promises.

use std::collections::BTreeMap;

use lifecycle::breaker::Breakers;
use lifecycle::budget::Budgets;
use lifecycle::ids::{GrantId, NodeId, ProfileId};
use lifecycle::ledger::Ledger;
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use networks::reading;
use sandbox::World;

use crate::dice::{Generator, SeededDice};
use crate::looks::Looks;
use crate::mail::Letters;
use crate::memory::{Books, Memory, Row};
use crate::options::{Options, Swarm};
use crate::pacing::Calls;
use crate::queue::{Came, Event, Queue};
use crate::report::Tally;
use crate::sessions::Sessions;
use crate::silence::Silences;
use crate::town::{Citizen, Client, is_of_page, settle};
use crate::truth::{Destroyed, Judge, Truth};
use crate::wire::{SandboxWire, at_once};
use crate::work::{Flight, Job, Work};

/// When simulated time begins.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// How long a lease lasts (the server's default).
pub(crate) const LEASE: Span = Span::seconds(180);
/// How often it is looked whether there is a backlog.
const CATCH_UP_EVERY: Span = Span::minutes(1);
/// How many grants a node works on at once.
const AT_ONCE: u32 = 16;
/// The longest sleep between two looks at the ledger.
pub(crate) const POLL_EVERY: Span = Span::seconds(5);

/// One generator per concern.
pub(crate) struct Dices {
    pub(crate) people: Generator,
    pub(crate) network: Generator,
    pub(crate) process: Generator,
    pub(crate) outages: Generator,
    pub(crate) clocks: Generator,
    pub(crate) mail: Generator,
    pub(crate) uses: Generator,
}

/// A server process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// How often it was started.
    pub(crate) life: u64,
    pub(crate) is_up: bool,
    pub(crate) paused_until: Timestamp,
    /// How wrong its clock is.
    pub(crate) clock: Span,
    /// What it knows of each network's health.
    pub(crate) breakers: Breakers,
    /// What it knows of the budgets of calls.
    pub(crate) budgets: Budgets,
    /// When it last looked for a backlog.
    pub(crate) caught_up_at: Option<Timestamp>,
}

/// One world and its servers.
pub(crate) struct Run {
    pub(crate) now: Timestamp,
    pub(crate) queue: Queue,
    pub(crate) wire: SandboxWire,
    pub(crate) memory: Memory,
    pub(crate) nodes: Vec<Node>,
    pub(crate) citizens: Vec<Citizen>,
    pub(crate) clients: BTreeMap<&'static str, Client>,
    pub(crate) jobs: BTreeMap<u64, Box<Job>>,
    pub(crate) flights: BTreeMap<u64, Box<Flight>>,
    pub(crate) judge: Judge,
    pub(crate) tally: Tally,
    pub(crate) swarm: Swarm,
    pub(crate) dice: Dices,
    pub(crate) adapter_dice: SeededDice,
    pub(crate) options: Options,
    pub(crate) is_healing: bool,
    pub(crate) calls: Calls,
    pub(crate) silences: Silences,
    pub(crate) letters: Letters,
    pub(crate) looks: Looks,
    pub(crate) sessions: Sessions,
    who_of: BTreeMap<GrantId, usize>,
    numbers: u64,
    wake_at: Option<Timestamp>,
}

impl Run {
    pub(crate) fn new(options: &Options, profiles: u32, seed: u64) -> Self {
        let root = Generator::new(seed);
        let swarm = Swarm::draw(options.faults, &mut root.branch("swarm"));
        let clients: BTreeMap<&'static str, Client> =
            networks::ALL.iter().map(|network| (network.about().name, Client::new(*network, options, swarm.pace))).collect();
        let mut world = World::empty();
        let citizens = settle(&mut world, &clients, profiles, options.admins, root.branch("town").next());
        let sessions = Sessions::begin(&mut world, &clients, swarm.session_days);
        let who_of = citizens.iter().enumerate().map(|(who, citizen)| (citizen.grant.clone(), who)).collect();
        let node = |n: usize| Node {
            id: NodeId::from_u128(n as u128 + 1),
            life: 0,
            is_up: true,
            paused_until: BEGINNING,
            clock: Span::ZERO,
            breakers: Breakers::default(),
            budgets: Budgets::default(),
            caught_up_at: None,
        };
        let clock_most = if swarm.clock_every.is_some() { swarm.clock_most } else { Span::ZERO };
        let mut judge = Judge::new(seed, options, clock_most);
        judge.unforeseen = sessions.unforeseen().collect();
        judge.look_every = clients.iter().map(|(name, client)| (*name, client.look_every())).collect();
        let dice = Dices {
            people: root.branch("people"),
            network: root.branch("network"),
            process: root.branch("process"),
            outages: root.branch("outages"),
            clocks: root.branch("clocks"),
            mail: root.branch("mail"),
            uses: root.branch("uses"),
        };
        Self {
            now: BEGINNING,
            queue: Queue::default(),
            wire: SandboxWire::new(world, swarm.clone(), root.branch("wire"), BEGINNING),
            memory: Memory::new(options.breaks),
            nodes: (0..swarm.nodes).map(node).collect(),
            citizens,
            clients,
            jobs: BTreeMap::new(),
            flights: BTreeMap::new(),
            judge,
            tally: Tally::default(),
            swarm,
            dice,
            adapter_dice: SeededDice::new(root.branch("adapters")),
            options: options.clone(),
            is_healing: false,
            calls: Calls::new(),
            silences: Silences::new(),
            letters: Letters::new(),
            looks: Looks::new(),
            sessions,
            who_of,
            numbers: 0,
            wake_at: None,
        }
    }

    /// The whole life of this world: with faults, then without.
    pub(crate) fn run(self) -> (Tally, Vec<crate::truth::Broken>, Span) {
        let (tally, broken, lasted, _) = self.live();
        (tally, broken, lasted)
    }

    /// The same, with what stands in the books in the end.
    pub(crate) fn live(mut self) -> (Tally, Vec<crate::truth::Broken>, Span, Books) {
        self.move_in();
        self.plan_faults();
        self.until(BEGINNING + self.options.lasting);
        self.heal();
        self.count();
        (self.tally, self.judge.broken, self.now.since(BEGINNING), self.memory.into_books())
    }

    fn count(&mut self) {
        let books = self.memory.books();
        self.tally.profiles = books.profiles.len() as u64;
        self.tally.grants = books.grants.len() as u64;
        for who in &self.citizens {
            if books.grants.get(&who.grant).is_none_or(|row| row.accesses.is_empty()) {
                *self.tally.never_connected.entry(who.network).or_default() += 1;
            }
        }
        let lasted = u64::try_from(self.now.since(BEGINNING).as_seconds()).unwrap_or(0);
        self.tally.grant_seconds = lasted * self.tally.grants;
        let rotating = books.grants.values().filter(|row| self.clients.get(row.network).is_some_and(Client::rotates)).count() as u64;
        self.tally.rotating_seconds = lasted * rotating;
        self.tally.superseded = books.superseded;
        self.tally.floor = self.judge.floor;
        self.tally.surprises = books.happenings.get("grant.surprise").copied().unwrap_or(0);
        self.tally.requests = self.wire.calls();
    }

    /// Lets everything happen that happens before that moment.
    pub(crate) fn until(&mut self, end: Timestamp) {
        while let Some((at, event)) = self.queue.pop_until(end) {
            self.now = at;
            self.wire.set_now(at);
            self.tally.events += 1;
            self.happen(event);
            self.plan_wake();
        }
        self.now = end;
        self.wire.set_now(end);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake => self.wake(),
            Event::Go(job) => self.go(job),
            Event::Beat(job) => self.beat(job),
            Event::Arrive(flight) => self.arrive(flight),
            Event::Answer(flight, came) => self.answer(flight, came),
            Event::Deed(who, deed) => self.deed(who, deed),
            Event::Start(node) => self.start(node),
            Event::Look(grant) => self.look(&grant),
            Event::Mood(network, mood) => self.mood(network, mood),
            Event::Outage(network) => self.outage(network),
            Event::Noise(network) => self.noise(network),
            Event::Clock(node) => self.clock(node),
            Event::Use(who) => self.use_token(who),
            Event::Used(node, held) => self.used(node, &held),
            Event::Seen(node, grant, seen) => self.seen(node, &grant, &seen),
            Event::Send(letter) => self.send_letter(letter),
            Event::HandOver(node, letter) => self.hand_over(node, letter),
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The moment by a node's own clock.
    pub(crate) fn now_at(&self, node: usize) -> Timestamp {
        self.now + self.nodes[node].clock
    }

    /// When some node will find something due, by its own clock.
    fn next_due(&self) -> Option<Timestamp> {
        let ahead = self.nodes.iter().filter(|node| node.is_up).map(|node| node.clock).max().unwrap_or(Span::ZERO);
        self.memory.books().next_claimable().map(|at| at - ahead)
    }

    fn plan_wake(&mut self) {
        let Some(next) = self.next_due() else { return };
        let next = next.max(self.now);
        if self.wake_at.is_some_and(|at| at <= next.max(self.now + POLL_EVERY) + Span::millis(200)) {
            return;
        }
        let at = next + self.dice.process.between(Span::millis(1), Span::millis(200));
        self.wake_at = Some(at);
        self.queue.push(at, Event::Wake);
    }

    /// The nodes that are well look at the ledger, whoever comes first, until one finds something.
    fn wake(&mut self) {
        if self.wake_at != Some(self.now) {
            // A later plan took this one's place.
            return;
        }
        self.wake_at = None;
        let mut well: Vec<usize> =
            (0..self.nodes.len()).filter(|node| self.nodes[*node].is_up && self.nodes[*node].paused_until <= self.now).collect();
        let first = usize::try_from(self.dice.process.below(well.len() as u64)).unwrap_or(0);
        well.rotate_left(first);
        let claimed = well.into_iter().any(|node| self.take_up_due(node) > 0);
        let is_due = self.next_due().is_some_and(|at| at <= self.now);
        if !claimed && is_due {
            // Nobody is well, or whoever looked thinks that it is earlier: the next look comes with the next poll.
            self.wake_at = Some(self.now + POLL_EVERY);
            self.queue.push(self.now + POLL_EVERY, Event::Wake);
        }
    }

    fn take_up_due(&mut self, node: usize) -> usize {
        let (id, now) = (self.nodes[node].id.clone(), self.now_at(node));
        if self.nodes[node].caught_up_at.is_none_or(|at| now.since(at) >= CATCH_UP_EVERY || now < at) {
            self.nodes[node].caught_up_at = Some(now);
            let _ = at_once(self.memory.catch_up(now));
        }
        let unfinished = at_once(self.memory.unfinished(&id, now, LEASE)).and_then(Result::ok).unwrap_or_default();
        let due = at_once(self.memory.claim_due(&id, now, LEASE, AT_ONCE)).and_then(Result::ok).unwrap_or_default();
        let count = unfinished.len() + due.len();
        for claim in unfinished.into_iter().chain(due) {
            let number = self.number();
            self.judge.claimed(&claim.grant.id, claim.lease.fence);
            if let Some(other) = self.judge.pending(&claim.grant.id) {
                // The fence has moved: what the other one holds will be superseded.
                let by = self.why_superseded(self.jobs.get(&other).is_some_and(|job| job.was_paused));
                self.destroyed(&claim.grant.id, Some(other), by);
            }
            self.judge.note(&claim.grant.id, self.now, || format!("job {number}: claimed by node {node}, open {:?}", claim.open));
            let server = reading::server_of(&claim);
            self.jobs.insert(number, Box::new(Job { node, claim, server, work: Work::Start, was_paused: false }));
            self.queue.push(self.now, Event::Go(number));
        }
        count
    }

    /// Looks at the truth about a grant, and lets the judge look.
    pub(crate) fn look(&mut self, grant: &GrantId) {
        let Some(truth) = self.truth(grant) else { return };
        self.judge.look(grant, &truth, self.now, &mut self.tally);
    }

    fn truth(&mut self, grant: &GrantId) -> Option<Truth> {
        let books = self.memory.books();
        let row = books.grants.get(grant)?;
        let world = self.wire.world();
        let mut profiles = vec![];
        // Each holder's tokens are asked about once, however many profiles hang on them.
        let mut known: Vec<(GrantId, bool)> = vec![];
        for access in &row.accesses {
            let holders = books.profiles.get(&access.profile).map(|profile| &profile.grants)?;
            let mut holds = |holder: &GrantId| match known.iter().find(|(asked, _)| asked == holder) {
                Some((_, holds)) => *holds,
                None => {
                    let holds = self.holds_power(&world, &books, holder);
                    known.push((holder.clone(), holds));
                    holds
                }
            };
            let able = holders.iter().filter(|holder| self.has_role(&books, holder, &access.profile) && holds(holder)).count();
            if holders.len() > 1 {
                self.judge.shared.insert(access.profile.clone());
                self.judge.able(&access.profile, able, self.now, &mut self.tally);
            }
            profiles.push((access.profile.clone(), able > 0));
        }
        let blocked = self.who_of.get(grant).is_some_and(|who| self.citizens[*who].blocked);
        Some(Truth { works: token_works(&world, self.now, row), blocked, profiles })
    }

    fn has_role(&self, books: &Books, holder: &GrantId, profile: &ProfileId) -> bool {
        let (Some(row), Some(who)) = (books.grants.get(holder), self.who_of.get(holder)) else { return false };
        let lost = &self.citizens[*who].without_role;
        let is_lost = |network_id: &str| lost.iter().any(|page| is_of_page(network_id, *page));
        row.accesses.iter().any(|access| access.profile == *profile && !is_lost(&access.network_id))
    }

    /// Whether somebody's tokens work, or their successors are on their way.
    fn holds_power(&self, world: &World, books: &Books, holder: &GrantId) -> bool {
        self.judge.pending(holder).is_some() || books.grants.get(holder).is_some_and(|row| token_works(world, self.now, row))
    }

    /// Whether the grant's person can still act as anything.
    pub(crate) fn works(&self, grant: &GrantId) -> bool {
        let books = self.memory.books();
        let Some(row) = books.grants.get(grant) else { return false };
        let world = self.wire.world();
        row.accesses.iter().any(|access| self.has_role(&books, grant, &access.profile)) && self.holds_power(&world, &books, grant)
    }

    /// What was put into the outbox reaches people and the judge.
    pub(crate) fn read_outbox(&mut self) {
        let messages = self.memory.books().take_outbox();
        for message in &messages {
            self.post(message.key.clone());
        }
        for (profile, news) in messages.into_iter().flat_map(|message| message.told) {
            self.judge.told(&profile, &news, self.now, &mut self.tally);
            match news {
                lifecycle::status::News::NoAccessTokens { .. } => {
                    self.look_at_cause(&profile);
                    self.people_hear(&profile, false);
                }
                // Each warning brings one in five; over four of them six in ten come before the day, the others let it come.
                lifecycle::status::News::RenewSoon { .. } if self.dice.people.chance(200_000) => self.people_hear(&profile, true),
                _ => {}
            }
        }
    }

    /// A successor will never arrive; the truth is looked at again when the access token is over, too.
    pub(crate) fn destroyed(&mut self, grant: &GrantId, job: Option<u64>, by: Destroyed) {
        self.judge.note(grant, self.now, || format!("job {job:?}: the successor is destroyed by {by:?}"));
        self.judge.destroyed(grant, job, by);
        let until = self.memory.books().grants.get(grant).and_then(|row| row.grant.clocks.access_until);
        if let Some(until) = until.filter(|until| *until > self.now) {
            self.queue.push(until + Span::millis(1), Event::Look(grant.clone()));
        }
        self.look(grant);
    }

    /// Sends a request on its way to the network.
    pub(crate) fn fly(&mut self, flight: Flight) -> u64 {
        let number = self.number();
        let fate = crate::faults::Fate::draw(&self.swarm, &mut self.dice.network);
        let (there, back) = (fate.there, fate.back);
        let deadline = flight.deadline;
        let mut flight = Flight { back, lose: fate.lose, ..flight };
        match fate.lose {
            crate::faults::Lose::Connection => {
                flight.has_arrived = true;
                self.queue.push(self.now + there, Event::Answer(number, Came::NotSent));
            }
            crate::faults::Lose::Request => {
                flight.has_arrived = true;
                self.queue.push((self.now + there).min(deadline), Event::Answer(number, Came::Cut));
            }
            _ => self.queue.push(self.now + there, Event::Arrive(number)),
        }
        self.queue.push(deadline, Event::Answer(number, Came::TimeUp));
        self.flights.insert(number, Box::new(flight));
        number
    }
}

/// Whether the network would take what the ledger holds.
pub(crate) fn token_works(world: &World, now: Timestamp, row: &Row) -> bool {
    let now = now.as_micros();
    let mut tokens = row.tokens.profile_tokens.values().chain([&row.tokens.access_token]);
    tokens.any(|token| world.access_works(now, row.network, token.expose())) || refresh_works(world, now, row)
}

pub(crate) fn refresh_works(world: &World, now: i64, row: &Row) -> bool {
    let refresh = row.tokens.refresh_token.as_ref().map_or("", Secret::expose);
    row.grant.renewable && world.refresh_works(now, row.network, refresh)
}
