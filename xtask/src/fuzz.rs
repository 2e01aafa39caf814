//! `cargo xtask fuzz [seconds]`: coverage-guided fuzzing of everything that reads what networks answer, on the stable
//! compiler. The fixtures of the adapters are the seeds. Needs a C++ compiler for the engine (LLVM's libFuzzer).

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{peers, root, target};

/// How long it runs where nothing is said, in seconds.
const SECONDS: u64 = 60;
/// The longest answer that is tried: beyond what adapters read.
const LEN_MAX: usize = 70 * 1024;

/// What tells the engine which branches were taken (what `cargo fuzz` sets, too).
const INSTRUMENT: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let seconds: u64 = match arguments.first() {
        Some(text) => text.parse().with_context(|| format!("{text:?}: seconds, as a number"))?,
        None => SECONDS,
    };
    peers::debian(&["g++"]);
    let host = host()?;
    let folder = target().join("fuzz");
    let (corpus, found) = (folder.join("corpus"), folder.join("found"));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&found)?;
    seed(&corpus)?;
    // A target of its own name: build scripts and macros are not instrumented then.
    crate::run(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target", &host, "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", INSTRUMENT),
    )?;
    crate::run(
        Command::new(folder.join(&host).join("release/answers"))
            .arg(&corpus)
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={LEN_MAX}"))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]),
    )
    .context("an answer that breaks a reader was found; it lies in the folder named above")
}

fn host() -> anyhow::Result<String> {
    let said = Command::new("rustc").arg("-vV").output().context("rustc")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    match said.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("rustc does not say for which machine it compiles"),
    }
}

/// The body of every fixture of every adapter as a seed. Network, call, status and kind are bytes before it; which ones matters
/// little, since the engine changes them first.
fn seed(corpus: &Path) -> anyhow::Result<()> {
    let mut count = 0_u32;
    for (network, file) in std::fs::read_dir(root().join("crates/networks/fixtures"))?.flatten().enumerate() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        for line in text.lines() {
            let Some((asked, _)) = line.split_once(" => ") else { continue };
            let mut parts = asked.splitn(3, ' ');
            let (Some(call), Some(status), Some(body)) = (parts.next(), parts.next(), parts.next()) else { continue };
            let byte = |text: &str| text.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
            let head = [u8::try_from(network % 256)?, byte(call), byte(status), 0];
            std::fs::write(corpus.join(format!("fixture-{count}")), [&head[..], body.as_bytes()].concat())?;
            count += 1;
        }
    }
    Ok(())
}
