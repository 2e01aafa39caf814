//! `staygreen backup`, `restore`, `migrate-to`: everything into a file, back from it, into another database.

use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use keeper::ports::Clock as _;
use serde_json::json;
use server::time::SystemClock;
use store::backup::{self, BackupError};
use store::hold::{self, Why};

use super::ConfigArgs;
use crate::out::put;

/// `staygreen backup`
#[derive(Args)]
pub(crate) struct Backup {
    /// The file to write; an existing one is replaced when the new one is whole
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `staygreen restore`
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
    /// The server whose backup this is does not run any more and never will: renew tokens again at once, slowly
    #[arg(long)]
    original_is_stopped: bool,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `staygreen migrate-to`
#[derive(Args)]
pub(crate) struct MigrateTo {
    /// The new database: postgres://… or sqlite:PATH; it has to be empty
    url: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Says how far it is, on a terminal.
fn progress(what: &'static str) -> impl FnMut(u64) + Send {
    let shown = std::io::stderr().is_terminal();
    move |rows| {
        if shown {
            eprint!("\r{what} {rows} rows");
        }
    }
}

/// Only the user the server runs as reads it: names and mail addresses stand in the clear.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a backup beside its place and moves it there when it is whole and durable.
async fn write(url: &str, path: &Path) -> anyhow::Result<u64> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let file = private(&beside).with_context(|| format!("{} cannot be written", beside.display()))?;
    let mut out = BufWriter::new(file);
    let written = backup::write(url, &mut out, SystemClock.now(), &mut progress("backup:")).await;
    let done = match written {
        Ok(rows) => out.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all()).map(|()| rows),
        Err(error) => {
            // What is half is nothing.
            let _ = std::fs::remove_file(&beside);
            return Err(error.into());
        }
    };
    let rows = done.with_context(|| format!("{} cannot be written", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(rows)
}

impl Backup {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let rows = write(&config.database_url(), &self.file).await?;
        let (file, keys) = (self.file.display().to_string(), config.key_file().display().to_string());
        if self.json {
            put!("{}", json!({ "file": file, "rows": rows }))?;
        } else {
            put!(
                "{file}: {rows} rows. The tokens in it are sealed: keep a copy of the key file {keys} apart from it, without it they are lost"
            )?;
        }
        Ok(())
    }
}

/// Puts a checked backup into the configured database, and sees that the key file opens it.
async fn put(config: &server::config::Config, url: &str, path: &Path, hold: Option<Why>) -> anyhow::Result<u64> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut file = BufReader::new(file);
    backup::check(&mut file)?;
    file.rewind()?;
    let rows = backup::read(url, &mut file, hold, SystemClock.now(), &mut progress("restore:")).await?;
    let mut opened = config.clone();
    opened.database.url = url.to_owned();
    server::open_store(&opened).await.context("everything is in the database, but it cannot be used yet")?;
    Ok(rows)
}

impl Restore {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let folder = &config.server.data_dir;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        if !config.key_file().exists() {
            bail!(
                "there is no key file at {}: put the one of the original there first (keys.file); without it the tokens in the backup cannot be opened",
                config.key_file().display()
            );
        }
        let url = config.database_url();
        let rows = match put(&config, &url, &self.file, Some(Why::Restored)).await {
            Err(error) if error.downcast_ref::<BackupError>().is_some_and(|error| matches!(error, BackupError::NotEmpty)) => {
                return Err(error.context(format!("{} is not restored", self.file.display())));
            }
            other => other?,
        };
        if self.original_is_stopped {
            let store = server::open_store(&config).await?;
            let mut tx = store.write().await?;
            hold::release(&mut tx, SystemClock.now()).await?;
            tx.commit().await?;
        }
        if self.json {
            put!("{}", json!({ "rows": rows, "held": !self.original_is_stopped }))?;
        } else if self.original_is_stopped {
            put!("{rows} rows restored. Start the server: it renews one token per network first, then the others slowly")?;
        } else {
            put!(
                "{rows} rows restored. Start the server: it shows and checks everything, but renews no token that can be used only once. When the original is stopped for good, run: staygreen hold release"
            )?;
        }
        Ok(())
    }
}

impl MigrateTo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.load_existing()?;
        // Held open to the end: no server works on a SQLite file meanwhile.
        let old = server::open_store(&config).await?;
        let mut tx = old.read().await?;
        let busy = tx.one("SELECT id FROM grants WHERE lease_until > $1 LIMIT 1", &[SystemClock.now().into()]).await?.is_some();
        drop(tx);
        if busy {
            bail!(
                "a server still works on {}: stop every one of them first",
                config.database_url().split('@').next_back().unwrap_or_default()
            );
        }
        let between = config.server.data_dir.join("migrate-to.backup");
        let moved = async {
            write(&config.database_url(), &between).await?;
            put(&config, &self.url, &between, None).await
        };
        let moved = moved.await;
        let _ = std::fs::remove_file(&between);
        let rows = moved?;
        // Whoever starts the old one by mistake spends nothing.
        let mut tx = old.write().await?;
        hold::begin(&mut tx, Why::Left, SystemClock.now()).await?;
        tx.commit().await?;
        std::io::stderr().flush()?;
        if self.json {
            put!("{}", json!({ "rows": rows }))?;
        } else {
            put!(
                "{rows} rows moved. Set database.url to the new database and start the server; the old one is kept and renews nothing any more"
            )?;
        }
        Ok(())
    }
}
