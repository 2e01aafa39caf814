//! `cargo xtask soak [refreshes]`: the tests that take minutes; then seed after seed through the simulator, in worlds that renew often,
//! until so many refreshes are done. What is done of those is kept beside the build results, by commit: a run that was broken off goes on
//! where it was.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::{peers, root, target};

/// How many refreshes where nothing is said.
const REFRESHES: u64 = 10_000_000;
/// Every network in each of four worlds, an hour between two proofs of an idle token: as many rotations as can be had.
const WORLDS: [&str; 12] =
    ["--profiles", "192", "--years", "0.25", "--idle-check-every", "60m", "--probe-every", "1d", "--faults", "swarm", "--threads", "2"];
/// What is counted, as the report calls it.
const COUNTED: [&str; 9] = [
    "renewals",
    "losses_avoidable",
    "losses_floor",
    "false_deaths",
    "false_alarms",
    "notifications_missed",
    "notifications_doubled",
    "notifications_repeated",
    "crashes",
];
/// What must stay nothing.
const NEVER: [&str; 5] = ["losses_avoidable", "false_deaths", "false_alarms", "notifications_missed", "notifications_doubled"];

/// What all seeds came to so far.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    seeds: u64,
    account_years: f64,
    seconds: f64,
    unavoidable: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Sum {
    /// Adds one report.
    fn add(&mut self, report: &Value) {
        self.seeds += 1;
        self.account_years += report["account_years"].as_f64().unwrap_or(0.0);
        self.seconds += report["real_seconds"].as_f64().unwrap_or(0.0);
        let unavoidable = report["losses_unavoidable"].as_object().into_iter().flat_map(|losses| losses.values());
        self.unavoidable += unavoidable.filter_map(Value::as_u64).sum::<u64>();
        for name in COUNTED {
            *self.counts.entry(name).or_default() += report[name].as_u64().unwrap_or(0);
        }
    }

    fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    fn print(&self, commit: &str) {
        println!("\n{:<34} {commit}", "commit");
        println!("{:<34} {}", "seeds", self.seeds);
        println!("{:<34} {:.0}", "account-years", self.account_years);
        println!("{:<34} {}", "losses unavoidable", self.unavoidable);
        for name in COUNTED {
            println!("{:<34} {}", name.replace('_', " "), self.count(name));
        }
        println!("{:<34} {:.0} s", "took", self.seconds);
    }
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let wanted: u64 = match arguments.first() {
        Some(text) => text.parse().with_context(|| format!("{text:?}: how many refreshes, as a number"))?,
        None => REFRESHES,
    };
    crate::run(Command::new("cargo").args(["build", "--release", "--package", "staygreen", "--locked"]))?;
    let binary = target().join("release/staygreen");
    long_tests(&binary)?;
    let commit = commit()?;
    let kept = target().join("soak").join(format!("{commit}.jsonl"));
    std::fs::create_dir_all(target().join("soak"))?;
    let mut sum = Sum::default();
    for line in std::fs::read_to_string(&kept).unwrap_or_default().lines() {
        // A line that a kill cut off is a seed that is done again.
        if let Ok(report) = serde_json::from_str(line) {
            sum.add(&report);
        }
    }
    if sum.seeds > 0 {
        println!("goes on after {} seeds and {} refreshes, from {}", sum.seeds, sum.count("renewals"), kept.display());
    }
    while sum.count("renewals") < wanted {
        let report = one_seed(&binary, sum.seeds + 1, &commit)?;
        let mut file = std::fs::File::options().create(true).append(true).open(&kept)?;
        // After a cut line a new one begins.
        file.write_all(format!("{report}\n").as_bytes())?;
        sum.add(&report);
        let (done, rate) = (sum.count("renewals"), per_second(sum.count("renewals"), sum.seconds));
        println!("seed {:>5}: {done:>10} of {wanted} refreshes, {rate:.0} in a second", sum.seeds);
    }
    sum.print(&commit);
    let broken: Vec<&str> = NEVER.into_iter().filter(|name| sum.count(name) > 0).collect();
    ensure!(broken.is_empty(), "not 0: {}", broken.join(", "));
    Ok(())
}

/// The end-to-end tests that nobody waits for every day.
fn long_tests(binary: &Path) -> anyhow::Result<()> {
    ensure!(peers::debian(&["postgresql"]), "the long tests need Debian's postgresql");
    let mut tests = Command::new("cargo");
    tests.args(["test", "--package", "e2e", "--test", "it", "--locked", "--", "--ignored", "--nocapture"]);
    crate::run(tests.env("STAYGREEN_BIN", binary))
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(0.001)
}

fn one_seed(binary: &Path, seed: u64, commit: &str) -> anyhow::Result<Value> {
    let mut command = Command::new(binary);
    command.args(["simulate", "--json", "--seed", &seed.to_string()]).args(WORLDS).stderr(Stdio::piped());
    let output = command.output().with_context(|| format!("{}: could not be started", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "seed {seed} at {commit}:\n{said}");
    serde_json::from_slice(&output.stdout).context("the report of simulate")
}

/// What is tested; with a mark where the checkout differs from it.
fn commit() -> anyhow::Result<String> {
    let git = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git").args(arguments).current_dir(root()).output().context("git")?;
        ensure!(output.status.success(), "git {} failed", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(format!("{}{}", git(&["rev-parse", "--short=12", "HEAD"])?, if changed { "-changed" } else { "" }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_all_seeds_came_to_is_the_sum_of_their_reports() {
        let report = json!({
            "account_years": 1.5, "real_seconds": 2.0, "renewals": 10, "false_deaths": 1,
            "losses_unavoidable": { "answer_lost": 2, "too_late": 1 }
        });
        let mut sum = Sum::default();
        sum.add(&report);
        sum.add(&report);
        assert_eq!((sum.seeds, sum.unavoidable, sum.count("renewals"), sum.count("false_deaths")), (2, 6, 20, 2));
        assert!(NEVER.iter().all(|name| COUNTED.contains(name)), "what must stay nothing is counted");
    }
}
