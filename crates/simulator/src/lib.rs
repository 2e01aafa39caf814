//! Whole years of keeping, in memory and in minutes: the real rules, the real adapters and the simulated networks, with
//! faults drawn from a seed, and the promises checked against the truth after every step.
//!
//! One seed, one history: there is no clock, no thread and no order of a map that could be another inside a world. More profiles than fit into
//! one world are more worlds, each with faults of its own.

mod backlog;
mod causes;
mod dice;
mod faults;
mod heal;
mod ledger;
mod looks;
mod mail;
mod memory;
mod options;
mod pacing;
mod promises;
mod queue;
mod remaining;
mod report;
mod run;
pub mod script;
mod sessions;
mod silence;
mod town;
mod truth;
mod uses;
mod wire;
mod work;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use lifecycle::time::Span;

pub use options::{Break, Faults, Options};
pub use report::{Delay, Report};
pub use truth::{Broken, Destroyed, Why};

use crate::dice::Generator;
use crate::report::Tally;
use crate::run::Run;
use crate::town::PROFILES_OF_A_WORLD;

/// How far a simulation is: worlds done, of so many.
pub type Progress<'a> = &'a (dyn Fn(u32, u32) + Sync);

/// What one world came to.
type Outcome = (Tally, Vec<Broken>, Span);

/// Simulates. The same options and seed give the same report, however many threads work on it.
pub fn simulate(options: &Options, seed: u64, progress: Progress<'_>) -> Report {
    let worlds = options.profiles.max(1).div_ceil(PROFILES_OF_A_WORLD);
    let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let outcomes: Mutex<Vec<(u32, Outcome)>> = Mutex::new(vec![]);
    let work = || {
        loop {
            let world = next.fetch_add(1, Ordering::Relaxed);
            if world >= worlds {
                break;
            }
            let outcome = one_world(options, seed, world);
            outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((world, outcome));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, worlds);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcomes.sort_by_key(|(world, _)| *world);
    let (mut tally, mut broken, mut seconds) = (Tally::default(), vec![], 0);
    for (_, (one, more, lasted)) in outcomes {
        tally.add(&one);
        broken.extend(more);
        seconds += lasted.as_seconds();
    }
    Report::new(seed, u64::from(worlds), seconds, tally, broken)
}

fn one_world(options: &Options, seed: u64, world: u32) -> Outcome {
    let mut generator = Generator::new(seed).branch(&format!("world {world}"));
    let left = options.profiles.max(1) - world * PROFILES_OF_A_WORLD;
    Run::new(options, left.min(PROFILES_OF_A_WORLD), generator.next()).run()
}
