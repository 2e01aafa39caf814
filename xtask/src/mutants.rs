//! `cargo xtask mutants`: five rules are broken, one at a time, by one line each in a copy of the sources, and the simulator has to
//! notice each of them. What it would not notice, it does not prove.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::{root, target};

/// One line of the product, or of what stands for its database and its mail server, broken on purpose.
struct Mutant {
    name: &'static str,
    file: &'static str,
    line: &'static str,
    broken: &'static str,
    /// What has to happen for it to matter: arguments of `simulate`.
    world: &'static [&'static str],
    /// How the promise begins that has to break.
    promise: &'static str,
}

impl Mutant {
    /// The file with its line broken.
    fn text(&self) -> anyhow::Result<String> {
        let text = std::fs::read_to_string(root().join(self.file)).with_context(|| self.file)?;
        let count = text.matches(self.line).count();
        ensure!(
            count == 1,
            "{}: its line is there {count} times in {}, not once: xtask/src/mutants.rs has to follow",
            self.name,
            self.file
        );
        Ok(text.replace(self.line, self.broken))
    }
}

const MUTANTS: [Mutant; 5] = [
    Mutant {
        name: "the fence",
        file: "crates/simulator/src/memory.rs",
        line: "let ours = row.fence == commit.lease.fence && row.lease.as_ref().is_some_and(|(node, _)| *node == commit.lease.node);",
        broken: "let ours = true;",
        world: &["--faults", "pauses", "--profiles", "96", "--years", "0.5", "--idle-check-every", "1d"],
        promise: "invariant_generations_only_grow",
    },
    Mutant {
        name: "the journal",
        file: "crates/lifecycle/src/renewal.rs",
        line: "Self { attempt, lease, generation, answer_timeout, at: At::Start }",
        broken: "Self { attempt, lease, generation, answer_timeout, at: At::Sent }",
        world: &["--faults", "none", "--profiles", "96", "--years", "0.1"],
        promise: "promise_2_sent_implies_journal",
    },
    Mutant {
        name: "the second refusal",
        file: "crates/lifecycle/src/grant/stepper.rs",
        line: "if terminal && !matches!(self.grant.state, State::NeedsPerson(_)) {",
        broken: "if !matches!(self.grant.state, State::NeedsPerson(_)) {",
        world: &["--faults", "noise", "--profiles", "96", "--years", "0.5", "--idle-check-every", "1d", "--probe-every", "2h"],
        promise: "promise_3_no_false_death",
    },
    Mutant {
        name: "the breaker",
        file: "crates/lifecycle/src/breaker.rs",
        line: "State::Normal if self.is_too_much(now) => {",
        broken: "State::Normal if self.is_too_much(now) && false => {",
        world: &["--faults", "outages", "--profiles", "96", "--years", "0.2", "--idle-check-every", "1d"],
        promise: "promise_2_nothing_spent_on_silence",
    },
    Mutant {
        name: "the outbox key",
        file: "crates/simulator/src/mail.rs",
        line: "let identity = letter.key.clone();",
        broken: "let identity = format!(\"{} {}\", letter.key, letter.tries);",
        world: &["--faults", "lost-answers", "--profiles", "96", "--years", "0.5"],
        promise: "promise_4_known_again",
    },
];

/// So many seeds are tried before a break counts as unnoticed.
const SEEDS: u64 = 8;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let wanted: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| arguments.is_empty() || arguments.iter().any(|word| mutant.name.contains(word.as_str()))).collect();
    ensure!(!wanted.is_empty(), "no break is called like that; they are {}", MUTANTS.map(|mutant| mutant.name).join(", "));
    let copy = Copy::make()?;
    let whole = target().join("mutants/whole");
    std::fs::copy(copy.build()?, &whole)?;
    println!("{:<20} {:>5}  promise that found it", "break", "seed");
    let mut unnoticed = vec![];
    for mutant in wanted {
        copy.break_line(mutant)?;
        let found = copy.build().and_then(|binary| first_break(&binary, mutant));
        copy.restore(mutant)?;
        let Some((seed, promise)) = found.with_context(|| mutant.name)? else {
            println!("{:<20}     -  nobody noticed in {SEEDS} seeds", mutant.name);
            unnoticed.push(mutant.name);
            continue;
        };
        println!("{:<20} {seed:>5}  {promise}", mutant.name);
        if !promise.starts_with(mutant.promise) {
            println!("{:<20}        and not {}", "", mutant.promise);
            unnoticed.push(mutant.name);
        }
        if let Some(promise) = broken_promise(&whole, mutant, seed)? {
            bail!("with this seed {promise} breaks in the sources as they are, too: look at that first");
        }
    }
    ensure!(unnoticed.is_empty(), "not noticed as it should be: {}", unnoticed.join(", "));
    Ok(())
}

/// The first seed in which a promise breaks, and which.
fn first_break(binary: &Path, mutant: &Mutant) -> anyhow::Result<Option<(u64, String)>> {
    for seed in 1..=SEEDS {
        if let Some(promise) = broken_promise(binary, mutant, seed)? {
            return Ok(Some((seed, promise)));
        }
    }
    Ok(None)
}

/// The promise that breaks with this seed: the expected one where it is among several.
fn broken_promise(binary: &Path, mutant: &Mutant, seed: u64) -> anyhow::Result<Option<String>> {
    let mut command = Command::new(binary);
    command.args(["simulate", "--seed", &seed.to_string(), "--threads", "2"]).args(mutant.world);
    let output = command.stdout(Stdio::null()).output().with_context(|| format!("{}: could not be started", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let broken: BTreeSet<&str> = said.lines().filter_map(|line| Some(line.split_once(" in world ")?.0)).collect();
    ensure!(output.status.success() || !broken.is_empty(), "simulate failed without a broken promise: {said}");
    let expected = broken.iter().find(|promise| promise.starts_with(mutant.promise));
    Ok(expected.or_else(|| broken.iter().next()).map(|promise| (*promise).to_owned()))
}

/// A copy of what git knows of the sources. The checkout itself is never touched.
struct Copy(PathBuf);

impl Copy {
    fn make() -> anyhow::Result<Self> {
        let tree = target().join("mutants/tree");
        let listed =
            Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(root()).output();
        let listed = listed.context("git")?;
        ensure!(listed.status.success(), "git ls-files failed");
        let names: Vec<String> = String::from_utf8(listed.stdout)?.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        ensure!(!names.is_empty(), "git knows no files here");
        for name in names {
            let (from, to) = (root().join(&name), tree.join(&name));
            let Ok(content) = std::fs::read(&from) else { continue };
            // What is the same stays as it is, so that cargo builds only what changed since the last time.
            if std::fs::read(&to).is_ok_and(|known| known == content) {
                continue;
            }
            std::fs::create_dir_all(to.parent().unwrap_or(&tree))?;
            std::fs::write(&to, content)?;
        }
        Ok(Self(tree))
    }

    fn break_line(&self, mutant: &Mutant) -> anyhow::Result<()> {
        Ok(std::fs::write(self.0.join(mutant.file), mutant.text()?)?)
    }

    fn restore(&self, mutant: &Mutant) -> anyhow::Result<()> {
        Ok(std::fs::write(self.0.join(mutant.file), std::fs::read(root().join(mutant.file))?)?)
    }

    /// The binary, in a folder of its own so that the checkout's stays whole.
    fn build(&self) -> anyhow::Result<PathBuf> {
        let built = target().join("mutants/target");
        let mut command = Command::new("cargo");
        command.args(["build", "--package", "staygreen", "--locked", "--quiet"]).current_dir(&self.0).env("CARGO_TARGET_DIR", &built);
        // What breaks a rule leaves names unused; that is no news here.
        let status = command.env("RUSTFLAGS", "-Awarnings").status().context("cargo")?;
        ensure!(status.success(), "a broken line does not compile: xtask/src/mutants.rs has to follow");
        Ok(built.join("debug/staygreen"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_broken_is_there_once() {
        for mutant in &MUTANTS {
            mutant.text().unwrap_or_else(|error| panic!("{error:#}"));
        }
    }
}
