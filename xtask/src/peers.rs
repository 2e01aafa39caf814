//! Installing what the tests talk to: Debian packages, Python wheels, npm packages. Nothing is installed twice, and what
//! cannot be had is said.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::{root, run, target};

/// A Python environment of that name under `target/peers`, with these packages.
pub(crate) fn venv(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = target().join("peers").join(format!("venv-{name}"));
    let mark = folder.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == packages.join(" ")) {
        return Ok(folder);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).context("python3 with venv is needed")?;
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(packages))?;
    std::fs::write(mark, packages.join(" "))?;
    Ok(folder)
}

/// A folder of that name under `target/peers` with these npm packages, for the system's Node.
pub(crate) fn npm(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = target().join("peers").join(format!("npm-{name}"));
    let mark = folder.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == packages.join(" ")) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), "{\"private\":true}\n")?;
    run(Command::new("npm")
        .arg("install")
        .arg("--prefix")
        .arg(&folder)
        .args(["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
        .args(packages))?;
    std::fs::write(mark, packages.join(" "))?;
    Ok(folder)
}

/// Debian packages, where this is a Debian and we are root; says the command otherwise.
pub(crate) fn debian(packages: &[&str]) -> bool {
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let missing: Vec<&&str> = packages.iter().filter(|package| !quiet(Command::new("dpkg").arg("-s").arg(package))).collect();
    if missing.is_empty() {
        return true;
    }
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    println!("installing Debian packages: {}", names.join(" "));
    let install = |update: bool| {
        let updated = !update || quiet(Command::new("apt-get").args(["update", "-qq"]));
        updated
            && quiet(
                Command::new("apt-get")
                    .args(["install", "-y", "-qq", "--no-install-recommends"])
                    .args(&names)
                    .env("DEBIAN_FRONTEND", "noninteractive"),
            )
    };
    let done = install(false) || install(true);
    if !done {
        println!("could not be installed; by hand: sudo apt-get install {}", names.join(" "));
    }
    done
}

/// The real Bluesky PDS, installed from npm by its own script under `target/peers`.
pub(crate) fn bluesky_pds() -> anyhow::Result<PathBuf> {
    let cache = target().join("peers");
    std::fs::create_dir_all(&cache)?;
    let script = root().join("crates/e2e/peers/bluesky-pds.sh");
    run(Command::new("bash").arg(script).arg("install").env("PEER_CACHE", &cache))?;
    Ok(cache)
}
