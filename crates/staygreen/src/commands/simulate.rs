//! `staygreen simulate`

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use lifecycle::time::Span;
use serde_json::{Value, json};
use simulator::{Faults, Options, Report, simulate};

use crate::out::{self, put};

/// The commit this was built from, where there was one.
const COMMIT: Option<&str> = option_env!("STAYGREEN_COMMIT");

/// Simulate years of keeping, with faults, and check every promise.
#[derive(Args)]
pub(crate) struct Simulate {
    /// About how many profiles: logins and pages are counted together, and pages come three at a time with all their admins; the report tells
    /// how many there are
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    profiles: u32,
    /// For how many years
    #[arg(long, default_value_t = 2.0)]
    years: f64,
    /// Where chance begins; the same seed gives the same history
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong: none, swarm, crashes, lost-answers, slow-answers, outages, noise, pauses, storage, clocks, everything
    #[arg(long, default_value = "swarm", value_name = "NAME")]
    faults: Faults,
    /// How often an idle token is looked at (30m, 6h, 1d)
    #[arg(long, default_value = "6h", value_parser = span, value_name = "SPAN")]
    probe_every: Span,
    /// How long a rotating token that nobody uses goes without proof; each proof costs a rotation
    #[arg(long, default_value = "5256m", value_parser = span, value_name = "SPAN")]
    idle_check_every: Span,
    /// How many days ahead a manual renewal is announced
    #[arg(long, value_delimiter = ',', default_value = "30,14,7,1", value_name = "DAYS")]
    warn_days: Vec<i64>,
    /// How many people are admins of each page
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20), value_name = "N")]
    admins: u32,
    /// How many worlds are simulated at once; the outcome is the same
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256), value_name = "N")]
    threads: u32,
    /// Show what happened before a promise broke
    #[arg(long)]
    history: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const YEARS_MAX: f64 = 100.0;

impl Simulate {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = self.options()?;
        let (seed, is_terminal) = (self.seed, std::io::stderr().is_terminal());
        let begun = Instant::now();
        let work = move || simulate(&options, seed, &|done, all| show_progress(is_terminal, done, all));
        let report = tokio::task::spawn_blocking(work).await.context("the simulation stopped")?;
        let real_seconds = begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let speed = report.simulated_seconds as f64 / real_seconds.max(0.001);
        let shown = self.show(&report, real_seconds, speed);
        // A broken promise is a failure, whether somebody reads on or not.
        self.judge(&report)?;
        shown
    }

    fn show(&self, report: &Report, real_seconds: f64, speed: f64) -> anyhow::Result<()> {
        if self.json {
            let mut value = serde_json::to_value(report)?;
            value["real_seconds"] = json!(real_seconds);
            value["simulated_per_real_second"] = json!(speed);
            value["kept"] = Value::from(report.is_good());
            value["commit"] = COMMIT.into();
            return put!("{value:#}");
        }
        put!("{:<34} {}, at commit {}", "seed", self.seed, commit())?;
        out::bytes(report.to_string().as_bytes())?;
        put!("{:<34} {real_seconds:.1} s, {speed:.0} simulated seconds in each", "took")
    }

    fn options(&self) -> anyhow::Result<Options> {
        ensure!(self.years > 0.0 && self.years <= YEARS_MAX, "--years: more than 0 and at most {YEARS_MAX}");
        ensure!(self.warn_days.iter().all(|days| (1..=364).contains(days)), "--warn-days: days from 1 to 364, as in 30,14,7,1");
        #[expect(clippy::cast_possible_truncation, reason = "at most a hundred years of hours")]
        let lasting = Span::hours((self.years * 365.0 * 24.0).ceil() as i64);
        Ok(Options {
            profiles: self.profiles,
            lasting,
            faults: self.faults,
            probe_every: self.probe_every,
            idle_check_every: self.idle_check_every,
            warn_days: self.warn_days.clone(),
            admins: self.admins,
            threads: usize::try_from(self.threads).unwrap_or(1),
            history: self.history,
            breaks: None,
        })
    }

    fn judge(&self, report: &Report) -> anyhow::Result<()> {
        if report.is_good() {
            return Ok(());
        }
        // Who closed stderr too hears the exit code.
        let mut err = std::io::stderr().lock();
        for broken in report.broken.iter().take(20) {
            let _ = writeln!(err, "{} in world {} after {} s: {}", broken.promise, broken.world, broken.at_seconds, broken.what);
            for line in &broken.history {
                let _ = writeln!(err, "    {line}");
            }
        }
        drop(err);
        bail!("{} promises broke at commit {}. Replay there with: {}", report.broken.len(), commit(), self.replay());
    }

    /// What makes the same happen again, with its history.
    fn replay(&self) -> String {
        let days: Vec<String> = self.warn_days.iter().map(ToString::to_string).collect();
        format!(
            "staygreen simulate --profiles {} --years {} --seed {} --faults {} --probe-every {}s --idle-check-every {}s --warn-days {} --admins {} --history",
            self.profiles,
            self.years,
            self.seed,
            self.faults.name(),
            self.probe_every.as_seconds(),
            self.idle_check_every.as_seconds(),
            days.join(","),
            self.admins
        )
    }
}

/// Which sources have to be built to see the same.
fn commit() -> &'static str {
    COMMIT.unwrap_or("(not known: built outside a checkout)")
}

fn show_progress(is_terminal: bool, done: u32, all: u32) {
    if is_terminal {
        let end = if done == all { "\n" } else { "" };
        // A progress line that cannot be written is no trouble.
        let _ = write!(std::io::stderr(), "\r{done} of {all} worlds{end}");
    }
}

/// A length of time as people write it: a number and s, m, h or d.
fn span(text: &str) -> Result<Span, String> {
    let wrong = || "a number with s, m, h or d, from one minute to 30 days, as in 6h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let span = match unit {
        "s" => Span::seconds(number),
        "m" => Span::minutes(number),
        "h" => Span::hours(number),
        "d" => Span::days(number),
        _ => return Err(wrong()),
    };
    if (Span::minutes(1)..=Span::days(30)).contains(&span) { Ok(span) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        simulate: Simulate,
    }

    fn read(line: &str) -> Simulate {
        // The two words before the options are one program name here.
        Line::try_parse_from(line.split(' ').skip(1)).unwrap().simulate
    }

    #[test]
    fn the_line_that_replays_means_the_same_history() {
        let given = "staygreen simulate --profiles 192 --years 0.25 --seed 9000000000000000001 --faults lost-answers --probe-every 30m \
                     --idle-check-every 5256m --warn-days 9,3 --admins 5 --threads 2";
        let given = read(&given.split_whitespace().collect::<Vec<_>>().join(" "));
        let replayed = read(&given.replay());
        assert_eq!((replayed.seed, replayed.threads, replayed.history), (given.seed, 1, true), "threads change nothing");
        let same = |simulate: &Simulate| format!("{:?}", Options { threads: 1, history: false, ..simulate.options().unwrap() });
        assert_eq!(same(&replayed), same(&given));
        assert_ne!(same(&replayed), same(&read("staygreen simulate")), "the options say something");
    }

    #[test]
    fn the_commit_is_one_or_none() {
        assert!(COMMIT.is_none_or(|commit| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())), "{COMMIT:?}");
    }
}
