//! What goes wrong: requests and answers that get lost, processes that die or stand still, networks that are away or refuse
//! without reason, clocks that are wrong.

use lifecycle::breaker::Breakers;
use lifecycle::budget::Budgets;
use lifecycle::ids::NodeId;
use lifecycle::time::Span;
use serde_json::json;

use crate::dice::Generator;
use crate::options::Swarm;
use crate::queue::Event;
use crate::run::Run;
use crate::town::control;
use crate::truth::Destroyed;

/// What gets lost of one request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lose {
    Nothing,
    /// The connection is refused: the request never left.
    Connection,
    /// The request leaves and never arrives.
    Request,
    /// The answer.
    Answer,
    /// The answer says 500 although everything was done.
    Truth,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) there: Span,
    pub(crate) back: Span,
    pub(crate) lose: Lose,
}

impl Fate {
    pub(crate) fn draw(swarm: &Swarm, dice: &mut Generator) -> Self {
        let mut way = || {
            let slow = dice.chance(swarm.slow);
            dice.between(Span::millis(10), if slow { Span::seconds(300) } else { Span::millis(250) })
        };
        let (there, back) = (way(), way());
        let chances = [
            (swarm.not_sent, Lose::Connection),
            (swarm.lost_on_the_way, Lose::Request),
            (swarm.lost_answer, Lose::Answer),
            (swarm.error_after_commit, Lose::Truth),
        ];
        let lose = chances.into_iter().find(|(chance, _)| dice.chance(*chance)).map_or(Lose::Nothing, |(_, lose)| lose);
        Self { there, back, lose }
    }
}

impl Run {
    pub(crate) fn plan_faults(&mut self) {
        let networks: Vec<&'static str> = self.clients.keys().copied().collect();
        for network in networks {
            self.plan(self.swarm.outage_every, Event::Outage(network));
            self.plan(self.swarm.noise_every, Event::Noise(network));
        }
        for node in 0..self.nodes.len() {
            self.plan(self.swarm.clock_every, Event::Clock(node));
        }
    }

    fn plan(&mut self, every: Option<Span>, event: Event) {
        if let Some(every) = every {
            self.queue.push(self.now + self.dice.outages.around(every), event);
        }
    }

    pub(crate) fn mood(&mut self, network: &'static str, mood: &'static str) {
        // Where there is no such network in the sandbox, nothing happens.
        let _ = control(&mut self.wire.world(), "mood", &json!({ "network": network, "mood": mood }));
    }

    pub(crate) fn outage(&mut self, network: &'static str) {
        let lasts = self.dice.outages.between(Span::minutes(1), self.swarm.outage_longest);
        let mood = if self.dice.outages.chance(300_000) { "html" } else { "outage" };
        self.tally.outages += 1;
        self.spell(network, mood, lasts);
        self.plan(self.swarm.outage_every, Event::Outage(network));
    }

    pub(crate) fn noise(&mut self, network: &'static str) {
        let lasts = self.dice.outages.between(Span::seconds(10), self.swarm.noise_longest);
        self.tally.noises += 1;
        self.spell(network, "invalid_grant_noise", lasts);
        self.plan(self.swarm.noise_every, Event::Noise(network));
    }

    fn spell(&mut self, network: &'static str, mood: &'static str, lasts: Span) {
        self.mood(network, mood);
        // Waiting after trouble grows to a quarter of an hour; nobody has to be told sooner than that.
        self.judge.trouble(network, self.now + lasts + Span::minutes(20));
        self.queue.push(self.now + lasts, Event::Mood(network, "normal"));
    }

    pub(crate) fn clock(&mut self, node: usize) {
        let most = self.swarm.clock_most;
        let wrong = self.dice.clocks.between(Span::ZERO - most, most);
        self.nodes[node].clock = if self.dice.clocks.chance(400_000) { Span::ZERO } else { wrong };
        self.plan(self.swarm.clock_every, Event::Clock(node));
    }

    /// Between two actions a process may die or stand still. True when it did, and the job does not go on now.
    pub(crate) fn edge(&mut self, node: usize) -> bool {
        let dice = &mut self.dice.process;
        if dice.chance(self.swarm.crash) {
            let seldom = dice.chance(50_000);
            let down = dice.between(Span::seconds(1), if seldom { Span::hours(6) } else { Span::minutes(2) });
            self.crash(node, down);
            return true;
        }
        if dice.chance(self.swarm.pause) {
            let seldom = dice.chance(100_000);
            let lasts = dice.between(Span::seconds(1), if seldom { Span::hours(1) } else { Span::minutes(5) });
            self.pause(node, lasts);
            return true;
        }
        false
    }

    pub(crate) fn crash(&mut self, node: usize, down: Span) {
        self.tally.crashes += 1;
        self.nodes[node].is_up = false;
        if self.nodes.iter().all(|node| !node.is_up) {
            self.judge.trouble_everywhere(self.now + down);
        }
        let lost: Vec<u64> = self.jobs.iter().filter(|(_, job)| job.node == node).map(|(number, _)| *number).collect();
        for number in lost {
            let Some(job) = self.jobs.remove(&number) else { continue };
            for flight in self.flights.values_mut().filter(|flight| flight.job == Some(number)) {
                flight.orphaned = Some(Destroyed::ProcessDied);
                flight.job = None;
            }
            if self.judge.pending(&job.claim.grant.id) == Some(number) {
                self.destroyed(&job.claim.grant.id, Some(number), Destroyed::ProcessDied);
            }
        }
        self.queue.push(self.now + down, Event::Start(node));
    }

    pub(crate) fn pause(&mut self, node: usize, lasts: Span) {
        self.tally.pauses += 1;
        self.nodes[node].paused_until = self.now + lasts;
        for job in self.jobs.values_mut().filter(|job| job.node == node) {
            job.was_paused = true;
        }
    }

    pub(crate) fn start(&mut self, node: usize) {
        let number = self.number();
        let alone = self.nodes.len() == 1;
        let node = &mut self.nodes[node];
        if node.is_up {
            return;
        }
        node.is_up = true;
        node.life += 1;
        node.breakers = Breakers::default();
        node.budgets = Budgets::default();
        node.caught_up_at = None;
        node.paused_until = self.now;
        if alone {
            self.memory.books().reclaim_leases(&node.id);
        } else {
            node.id = NodeId::from_u128(u128::from(number) + 1000);
        }
    }
}
