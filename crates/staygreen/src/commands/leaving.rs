//! `staygreen export` and `import`: leaving, and arriving.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use server::actions::arrive::files::{Format, read};
use server::actions::arrive::{AppKey, Line, house, keep, look};
use server::api::local::Door;
use tempfile::TempDir;

use super::ConfigArgs;
use super::way::Server;
use crate::out::put;

/// `staygreen export`
#[derive(Args)]
pub(crate) struct Export {
    /// One list as comma-separated values, safe to open in a spreadsheet; everything as JSON lines when left out
    #[arg(long, value_enum)]
    csv: Option<List>,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, ValueEnum)]
enum List {
    Profiles,
    People,
    Users,
    Events,
}

impl Export {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let list = self.csv.and_then(|list| list.to_possible_value());
        let query: Vec<(&str, String)> = list.map(|list| ("list", list.get_name().to_owned())).into_iter().collect();
        self.server.copy("/export", &query).await
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum From {
    Csv,
    Nango,
    Postiz,
    Mixpost,
    Staygreen,
}

/// `staygreen import`
#[derive(Args)]
pub(crate) struct Import {
    /// What wrote the file
    #[arg(long, value_enum)]
    from: From,
    /// The file
    file: PathBuf,
    /// Look at everything, store nothing
    #[arg(long)]
    dry_run: bool,
    /// A file with the APP_KEY of the installation that the table comes from (Mixpost seals its tokens)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Whose token sets, where the file holds those of several tenants
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn words(line: &Line) -> String {
    let name = if line.name.is_empty() { "-" } else { &line.name };
    let rest = match (&line.why, &line.person) {
        (Some(why), _) => why.clone(),
        (None, Some(person)) => format!("{} as {person}", line.profiles.join(", ")),
        (None, None) => String::new(),
    };
    format!("{:>5}  {:<12} {:<18} {name}: {rest}", line.row, line.network, line.outcome)
}

impl Import {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let bytes = read_file(&self.file)?;
        let format = match self.from {
            From::Csv => Format::Csv,
            From::Nango => Format::Nango,
            From::Postiz => Format::Postiz,
            From::Mixpost => Format::Mixpost,
            From::Staygreen => return self.house(&bytes).await,
        };
        let key = self.key_file.as_deref().map(key).transpose()?;
        // Read before anything is opened: a file that is refused touches nothing.
        let rows =
            read(format, &bytes, key.as_ref(), self.tenant.as_deref()).context("the file is refused as a whole; nothing was taken")?;
        let (_moment, door) = self.open().await?;
        let looked = look(&door.app, rows, progress).await.context("the file is refused as a whole; nothing was taken")?;
        let name = self.from.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let added = if self.dry_run {
            0
        } else {
            keep(&door.app, &looked, &name).await.map_err(|problem| anyhow::anyhow!("{}", problem.detail))?
        };
        self.show(&looked.lines, added)
    }

    /// Tells what became of each row. Where nothing of the file works here, that is a failure.
    fn show(&self, lines: &[Line], added: usize) -> anyhow::Result<()> {
        let count = |outcome: &str| lines.iter().filter(|line| line.outcome == outcome).count();
        let (all, works) = (lines.len(), count("works"));
        if self.json {
            put!("{}", json!({ "dry_run": self.dry_run, "rows": lines, "works": works, "profiles": added }))?;
        } else {
            for line in lines {
                put!("{}", words(line))?;
            }
        }
        if all == 0 {
            bail!("there is no row in {}; nothing was taken", self.file.display());
        }
        if works + count("connected_already") == 0 {
            bail!("none of the {all} rows works; nothing was taken. Why stands with each of them");
        }
        if self.json {
            return Ok(());
        }
        if self.dry_run {
            return put!("{works} of {all} rows work. Nothing was stored (--dry-run)");
        }
        put!("{works} of {all} rows work; {added} profiles are connected. Stop the other tool: two that renew the same tokens destroy them")
    }

    /// The installation; one for the moment, where a dry run finds none and is to leave none.
    async fn open(&self) -> anyhow::Result<(Option<TempDir>, Door)> {
        let mut config = self.config.load()?;
        let mut moment = None;
        if self.dry_run && server::there(&config).is_err() {
            let folder = tempfile::tempdir().context("no temporary folder can be made")?;
            config.server.data_dir = folder.path().to_owned();
            (config.database.url, config.keys.file, config.keeper.spool_dir) = (String::new(), PathBuf::new(), PathBuf::new());
            moment = Some(folder);
        }
        let door = Door::open(config).await.context("the installation cannot be opened; stop its server first where it works on SQLite")?;
        Ok((moment, door))
    }

    async fn house(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let (_moment, door) = self.open().await?;
        let moved = house(&door.app, bytes, self.dry_run).await.map_err(|problem| anyhow::anyhow!("{}", problem.detail));
        let moved = moved.context("the file is refused as a whole; nothing was taken")?;
        if self.json {
            put!("{}", json!({ "dry_run": self.dry_run, "moved": moved }))?;
            return Ok(());
        }
        let would = if self.dry_run { "would be new (--dry-run)" } else { "are new" };
        put!(
            "{} users, {} teams, {} permission sets, {} page presets, {} profiles {would}. Users choose a password by an invitation; profiles wait until somebody logs in",
            moved.users,
            moved.teams,
            moved.permission_sets,
            moved.page_presets,
            moved.profiles
        )?;
        for one in &moved.anew {
            put!("to be entered anew: {one}")?;
        }
        Ok(())
    }
}

/// Says how far it is, on a terminal.
fn progress(done: usize, all: usize) {
    if std::io::stderr().is_terminal() {
        eprint!("\rlooked at {done} of {all} logins{}", if done == all { "\n" } else { "" });
    }
}

fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn key(path: &Path) -> anyhow::Result<AppKey> {
    let text = String::from_utf8(read_file(path)?).unwrap_or_default();
    let Some(key) = AppKey::read(&text) else { bail!("{} holds no APP_KEY, as in base64:…", path.display()) };
    Ok(key)
}
