//! A temporary PostgreSQL cluster, run as an unprivileged user, gone with the test process's folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Cluster {
    /// Where its programs are.
    pub(crate) bin: PathBuf,
    /// The folder of its socket, its log and its data.
    pub(crate) socket: PathBuf,
    count: AtomicU32,
}

fn binaries() -> Option<PathBuf> {
    if let Some(bin) = std::env::var_os("STAYGREEN_TEST_POSTGRES_BIN") {
        return Some(bin.into());
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// Says loudly that something was not run; `cargo xtask test` repeats it at the end.
fn skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
    if let Some(file) = std::env::var_os("STAYGREEN_TEST_SKIPS") {
        use std::io::Write as _;
        if let Ok(mut file) = std::fs::File::options().append(true).create(true).open(file) {
            let _ = writeln!(file, "{what}");
        }
    }
}

impl Cluster {
    /// Starts one; `None`, loudly, when there is no PostgreSQL here.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = binaries() else {
            skipped(
                "the store's tests on PostgreSQL: no server binaries found (install Debian's postgresql, or set STAYGREEN_TEST_POSTGRES_BIN)",
            );
            return None;
        };
        let folder = tempfile::Builder::new().prefix("sg-pg-").tempdir().ok()?.keep();
        let data = folder.join("data");
        std::fs::create_dir(&data).ok()?;
        let run = |command: &mut Command| command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("-R").arg("nobody").arg(&folder));
        }
        let made = run(as_nobody(&bin.join("initdb")).args(["-A", "trust", "-U", "staygreen", "--no-sync", "-D"]).arg(&data));
        let options = format!("-c listen_addresses='' -c unix_socket_directories={} -c max_connections=200", folder.display());
        let started = made
            && run(as_nobody(&bin.join("pg_ctl"))
                .args(["-w", "-l"])
                .arg(folder.join("log"))
                .arg("-D")
                .arg(&data)
                .args(["-o", &options, "start"]));
        assert!(started, "PostgreSQL is installed but did not start");
        stop_with_this_process(&bin, &data, &folder);
        Some(Self { bin, socket: folder, count: AtomicU32::new(0) })
    }

    /// The address of a new, empty database.
    pub(crate) fn new_database(&self) -> String {
        let name = format!("test{}", self.count.fetch_add(1, Ordering::SeqCst));
        let made = Command::new(self.bin.join("createdb")).args(["-U", "staygreen", "-h"]).arg(&self.socket).arg(&name).status();
        assert!(made.is_ok_and(|status| status.success()), "a database could not be made");
        format!("postgres://staygreen@localhost/{name}?host={}", self.socket.display())
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

pub(crate) fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]).arg(program);
    command
}

/// A watcher stops the cluster and removes its folder when this process is gone, however it ends.
fn stop_with_this_process(bin: &Path, data: &Path, folder: &Path) {
    let script = "while kill -0 \"$1\" 2>/dev/null; do sleep 1; done; if [ \"$(id -u)\" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups \"$2/pg_ctl\" -m immediate -D \"$3\" stop; else \"$2/pg_ctl\" -m immediate -D \"$3\" stop; fi; rm -rf \"$4\"";
    let pid = std::process::id().to_string();
    let watcher = Command::new("sh")
        .args(["-c", script, "watch", &pid])
        .arg(bin)
        .arg(data)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    assert!(watcher.is_ok(), "the watcher of the cluster did not start");
}
