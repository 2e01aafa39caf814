//! `refreshes COUNT TREE`: so many simulated refreshes, none of which may lose a token that could be kept or end one that works
//! (G1, G5). Begins with a seed taken from `TREE`, the name of the source tree, so that each change is tried on a history nobody has seen,
//! and the same tree always on the same; then goes on with the seeds 1, 2, 3 ... Ends with 1 and the command that replays what broke.

use std::process::ExitCode;
use std::time::Instant;

use lifecycle::time::Span;
use simulator::{Faults, Options, Report, simulate};

/// Every network in each of four worlds, an hour between two proofs of an idle token: as many rotations as can be had.
const REPLAY: &str = "--profiles 192 --years 0.25 --idle-check-every 60m --probe-every 1d --faults swarm --threads 2 --history";

fn options() -> Options {
    Options {
        profiles: 192,
        lasting: Span::hours(2190),
        idle_check_every: Span::hours(1),
        probe_every: Span::days(1),
        faults: Faults::Swarm,
        threads: 2,
        ..Options::default()
    }
}

/// The seed of a tree: the beginning of its name, as a number.
fn seed_of(tree: &str) -> Option<u64> {
    u64::from_str_radix(tree.get(..12)?, 16).ok()
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let wanted: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let tree = arguments.next().unwrap_or_default();
    let fresh = seed_of(&tree);
    match fresh {
        Some(seed) => println!("seed {seed} is that of the tree {tree}"),
        None => println!("no tree is named: fixed seeds alone"),
    }
    let begun = Instant::now();
    let (mut done, mut unavoidable, mut seeds, mut account_years) = (0, 0, 0, 0.0);
    for seed in fresh.into_iter().chain(1..) {
        let report = simulate(&options(), seed, &|_, _| {});
        if !is_good(&report) {
            return broken(&report, &tree);
        }
        done += report.renewals;
        unavoidable += report.losses_unavoidable.values().sum::<u64>();
        account_years += report.account_years;
        seeds += 1;
        println!("seed {seed:>15}: {done:>9} of {wanted} refreshes after {:>4} s", begun.elapsed().as_secs());
        if done >= wanted {
            break;
        }
    }
    println!(
        "{done} refreshes over {account_years:.0} account-years from {seeds} seeds: 0 avoidable losses, 0 false deaths, \
         0 notifications missed or doubled; {unavoidable} losses with an answer that was lost outside"
    );
    ExitCode::SUCCESS
}

fn is_good(report: &Report) -> bool {
    let never = [report.losses_avoidable, report.false_deaths, report.notifications_missed, report.notifications_doubled];
    report.is_good() && never == [0; 4]
}

fn broken(report: &Report, tree: &str) -> ExitCode {
    for broken in report.broken.iter().take(20) {
        eprintln!("{} in world {} after {} s: {}", broken.promise, broken.world, broken.at_seconds, broken.what);
    }
    eprintln!("{} promises broke in the tree {tree}. Replay with: staygreen simulate --seed {} {REPLAY}", report.broken.len(), report.seed);
    ExitCode::FAILURE
}
