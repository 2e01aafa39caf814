//! Installing what the tests talk to: Debian packages, Python wheels, npm packages. Nothing is installed twice, and what
//! cannot be had is said.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

use crate::{root, run, target};

/// Runs a command without its output; whether it succeeded.
fn quiet(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Whether a folder holds exactly what is wanted; the mark is written last, so that an install cut short is begun again.
fn has(folder: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(folder.join("installed")).is_ok_and(|installed| installed == wanted)
}

/// A Python environment of that name under `target/peers`, with what a requirements file lists.
pub(crate) fn venv(name: &str, requirements: &str) -> anyhow::Result<PathBuf> {
    let folder = target().join("peers").join(format!("venv-{name}"));
    if has(&folder, requirements) {
        return Ok(folder);
    }
    let make = || run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).stdout(Stdio::null()));
    if make().is_err() {
        // Debian's own Python comes without its venv module.
        debian(&["python3", "python3-venv"]);
        make().context("python3 with venv is needed")?;
    }
    let list = folder.join("requirements.txt");
    std::fs::write(&list, requirements)?;
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&list))?;
    std::fs::write(folder.join("installed"), requirements)?;
    Ok(folder)
}

/// A folder of that name under `target/peers` with this npm package, for the system's Node.
pub(crate) fn npm(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    npm_install(name, package, "{\"private\":true}\n", &[package])
}

/// The same with what a `package.json` asks for.
pub(crate) fn npm_of(name: &str, manifest: &str) -> anyhow::Result<PathBuf> {
    npm_install(name, manifest, manifest, &[])
}

fn npm_install(name: &str, wanted: &str, manifest: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = target().join("peers").join(format!("npm-{name}"));
    if has(&folder, wanted) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), manifest)?;
    run(Command::new("npm")
        .arg("install")
        .arg("--prefix")
        .arg(&folder)
        .args(["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
        .args(packages))?;
    std::fs::write(folder.join("installed"), wanted)?;
    Ok(folder)
}

/// Whether npm gets an answer from its registry: tells "not to be had here" from "does not install".
pub(crate) fn npm_answers() -> bool {
    quiet(Command::new("npm").args(["view", "@atproto/pds", "version"]))
}

/// Debian packages, where this is a Debian and we are root; says the command otherwise.
pub(crate) fn debian(packages: &[&str]) -> bool {
    let installed = |package: &str| {
        let asked = Command::new("dpkg-query").args(["-W", "-f=${Status}", package]).stderr(Stdio::null()).output();
        asked.is_ok_and(|output| output.stdout == b"install ok installed")
    };
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return true;
    }
    let names = missing.join(" ");
    println!("installing Debian packages: {names}");
    let install = || {
        quiet(
            Command::new("apt-get")
                .args(["install", "-y", "-qq", "--no-install-recommends"])
                .args(&missing)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    // The list of a new machine may be empty or old.
    let done = install() || (quiet(Command::new("apt-get").args(["update", "-qq"])) && install());
    if !done {
        println!("could not be installed; by hand: sudo apt-get install {names}");
    }
    done
}

/// The real Bluesky PDS, installed from npm by its own script under `target/peers`.
pub(crate) fn bluesky_pds() -> anyhow::Result<PathBuf> {
    let cache = target().join("peers");
    std::fs::create_dir_all(&cache)?;
    // Its SQLite binding is compiled here.
    debian(&["g++", "make"]);
    run(Command::new("bash").arg(pds_script()).arg("install").env("PEER_CACHE", &cache))?;
    Ok(cache)
}

/// npm's oidc-provider, a certified authorization server, by the script that also starts it.
pub(crate) fn oidc_provider() -> anyhow::Result<PathBuf> {
    let cache = target().join("peers");
    std::fs::create_dir_all(&cache)?;
    let script = root().join("crates/e2e/peers/oidc-provider.sh");
    run(Command::new("bash").arg(script).arg("install").env("PEER_CACHE", &cache).stderr(Stdio::null()))?;
    Ok(cache)
}

fn pds_script() -> PathBuf {
    root().join("crates/e2e/peers/bluesky-pds.sh")
}

/// A PDS with its PLC directory, which ends with this value.
pub(crate) struct Pds {
    child: Child,
    data: PathBuf,
    /// Where the PDS answers.
    pub(crate) url: String,
    /// Where its PLC directory answers.
    pub(crate) plc: String,
}

impl Pds {
    /// Starts one from where it is installed, on ports that are free now.
    pub(crate) fn start(cache: &Path) -> anyhow::Result<Self> {
        let port = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map(|at| at.port().to_string());
        let data = cache.join(format!("pds-data-{}", std::process::id()));
        std::fs::create_dir_all(&data)?;
        let mut child = Command::new("bash")
            .arg(pds_script())
            .env("PEER_CACHE", cache)
            .env("PEER_DATA", &data)
            .env("PDS_PORT", port()?)
            .env("PLC_PORT", port()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        // One flat line of JSON; its two addresses hold no quotes.
        let text = |field: &str| line.split(&format!("\"{field}\":\"")).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        let (Some(url), Some(plc)) = (text("pds"), text("plc")) else {
            let _ = child.kill();
            bail!("the PDS did not get ready: {line:?}");
        };
        Ok(Self { child, data, url, plc })
    }
}

impl Drop for Pds {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
