//! `cargo xtask test`: installs what the tests need, runs them all, and repeats at the end what could not be run.

use std::process::Command;

use crate::{peers, target};

/// In CI a missing peer is a failure, not a note.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

pub(crate) fn run(filter: &[String]) -> anyhow::Result<()> {
    let skips = target().join("skipped-tests.txt");
    let _ = std::fs::remove_file(&skips);
    std::fs::create_dir_all(target())?;
    let mut missing = vec![];
    if !peers::debian(&["chromium", "chromium-driver", "postgresql", "libfaketime"]) {
        missing.push("Debian's chromium, chromium-driver, postgresql and libfaketime".to_owned());
    }
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace", "--locked"]).env("STAYGREEN_TEST_SKIPS", &skips);
    // Debian puts libraries into a folder named after the machine's architecture.
    let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    if let Some(library) = libraries.map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.exists()) {
        tests.env("STAYGREEN_TEST_FAKETIME", library);
    }
    match peers::venv("smtp", &["aiosmtpd==1.4.6", "cryptography"]) {
        Ok(folder) => drop(tests.env("STAYGREEN_TEST_SMTP_PYTHON", folder.join("bin/python"))),
        Err(error) => missing.push(format!("the SMTP peer ({error:#})")),
    }
    match peers::npm("axe", &["axe-core@4"]) {
        Ok(folder) => drop(tests.env("STAYGREEN_TEST_AXE", folder.join("node_modules/axe-core/axe.min.js"))),
        Err(error) => missing.push(format!("axe-core ({error:#})")),
    }
    // The PDS may be missing without failing: its packages come from npm alone.
    match peers::bluesky_pds() {
        Ok(cache) => drop(tests.env("STAYGREEN_TEST_PDS", cache)),
        Err(error) => note(&skips, &format!("the real Bluesky PDS: {error:#}")),
    }
    // The binary that the end-to-end tests start.
    crate::run(Command::new("cargo").args(["build", "--package", "staygreen", "--locked"]))?;
    tests.env("STAYGREEN_BIN", target().join("debug/staygreen"));
    if !filter.is_empty() {
        tests.arg("--").args(filter);
    }
    let result = crate::run(&mut tests);
    let skipped = std::fs::read_to_string(&skips).unwrap_or_default();
    for what in skipped.lines().map(str::to_owned).chain(missing.clone()) {
        println!("NOT RUN: {what}");
    }
    result?;
    if in_ci() && !missing.is_empty() {
        anyhow::bail!("in CI every peer but the PDS must be there: {}", missing.join("; "));
    }
    Ok(())
}

fn note(file: &std::path::Path, what: &str) {
    use std::io::Write as _;
    if let Ok(mut file) = std::fs::File::options().append(true).create(true).open(file) {
        let _ = writeln!(file, "{what}");
    }
}
