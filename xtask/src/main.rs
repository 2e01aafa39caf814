//! `cargo xtask`: work on the Staygreen source.

mod fuzz;
mod mutants;
mod new_network;
mod peers;
mod soak;
mod supply;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};

const HELP: &str = "cargo xtask <command>

  test [filter]   install what the tests need, then run them all; says plainly what could not be run
  tidy            look over the sources: banned words, machine paths, file lengths, paths named in the docs
  supply-chain    licences, bans, sources and advisories of the dependencies
  new-network NAME  a working adapter and its simulated twin to begin with (docs/adding-a-network.md)
  bench [profiles]  speed as ratios to a bare baseline in the same run; `bench acts` tokens and the proxy alone
  bench lists [profiles] [folder] [postgres://…]  every list of a million profiles, each two filters and each order; kept in the folder
  figures [profiles]  what a server with 100,000 profiles costs while nothing is due, and how soon it serves after kill -9
  fuzz [seconds]  coverage-guided fuzzing of everything that reads networks' answers (60 s where nothing is said)
  mutants [name]  breaks five rules, one at a time, in a copy of the sources; the simulator has to notice each
  soak [refreshes]  seed after seed through the simulator, 10,000,000 refreshes where nothing is said; goes on where it was
  generate        write docs/networks.md, docs/api/openapi.json and the rendered mails anew from the code
  gallery         pictures of every page into target/gallery, in both languages, light and dark, wide and narrow
  screenshots     pictures of every page into target/screenshots (runs the browser test)
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "test" => test::run(&rest),
        "tidy" => tidy::run(),
        "supply-chain" => supply::run(),
        "new-network" => new_network::run(&rest),
        "bench" => run(Command::new("cargo").args(["run", "--release", "--package", "bench", "--"]).args(&rest)),
        "figures" => figures(&rest),
        "fuzz" => fuzz::run(&rest),
        "mutants" => mutants::run(&rest),
        "soak" => soak::run(&rest),
        "generate" => generate(),
        "gallery" => test::gallery(),
        "screenshots" => test::run(&["story".to_owned()]),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes what is generated from the code; the same tests fail when it is not up to date.
fn generate() -> anyhow::Result<()> {
    let write = |arguments: &[&str]| run(Command::new("cargo").arg("test").args(arguments).env("STAYGREEN_GENERATE", "1"));
    write(&["--package", "networks", "--test", "table"])?;
    run(Command::new("cargo").args(["test", "--package", "server", "--lib", "outbox"]).env("INSTA_UPDATE", "always"))?;
    write(&["--package", "e2e", "--test", "it", "--", "the_committed_description_is_up_to_date"])
}

/// The released binary, watched from outside.
fn figures(rest: &[String]) -> anyhow::Result<()> {
    // One after the other: together their dependencies would get other features, and all of them be built anew.
    run(Command::new("cargo").args(["build", "--release", "--package", "staygreen"]))?;
    run(Command::new("cargo").args(["build", "--release", "--package", "bench"]))?;
    let folder = root().join("target/release");
    run(Command::new(folder.join("bench")).arg("figures").arg(folder.join("staygreen")).args(rest))
}

/// The project's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// Where build results go.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a command in the project's root; an exit code other than 0 is an error.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    let status = command.current_dir(root()).status().with_context(|| format!("{shown} could not be started"))?;
    if status.success() { Ok(()) } else { bail!("{shown} failed ({status})") }
}
