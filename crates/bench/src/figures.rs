//! `cargo xtask figures`: what a server with very many profiles costs while nothing is due, and how soon it serves again after it was
//! killed (goals: below 1 % of a core, below 150 MiB, serving within 2 s). A real process, watched from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::house;

/// How long the idle server is watched.
const WATCHED: Duration = Duration::from_secs(30);
/// How long it may settle before.
const SETTLES: Duration = Duration::from_secs(10);
/// How long its start may take.
const START_MAX: Duration = Duration::from_mins(2);
/// How often it is killed.
const KILLS: u32 = 5;

/// A server of its own, killed when it is dropped.
struct Server {
    process: Child,
    url: String,
    /// How long it took until it was ready.
    started_in: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start(binary: &Path, config: &Path, url: &str) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut server = Self { process, url: url.to_owned(), started_in: Duration::ZERO };
        let http = reqwest::Client::builder().no_proxy().build()?;
        while !is_ready(&http, &server.url).await {
            anyhow::ensure!(began.elapsed() < START_MAX, "the server was not ready within {} s", START_MAX.as_secs());
            anyhow::ensure!(server.process.try_wait()?.is_none(), "the server ended at once");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.started_in = began.elapsed();
        Ok(server)
    }

    /// Processor time so far, in hundredths of a second (proc(5)).
    #[cfg(target_os = "linux")]
    fn ticks(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
        let field = |at: usize| anyhow::Ok(fields.get(at).context("a field")?.parse::<u64>()?);
        Ok(field(11)? + field(12)?)
    }

    /// Memory in MiB that is its own: the most ever, and now (proc(5)).
    #[cfg(target_os = "linux")]
    fn memory(&self) -> anyhow::Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("a line")?;
            anyhow::Ok(line.split_whitespace().next().context("a number")?.parse::<u64>()? / 1024)
        };
        Ok((of("VmHWM:")?, of("VmRSS:")?))
    }
}

async fn is_ready(http: &reqwest::Client, url: &str) -> bool {
    http.get(format!("{url}/readyz")).send().await.is_ok_and(|answer| answer.status() == 200)
}

/// Each figure as a line.
pub(crate) async fn measure(binary: &Path, profiles: usize) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}");
    let network = house::bare(500).await?;
    let key = house::fill(folder.path(), profiles, &network).await?;
    let config = folder.path().join("staygreen.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"{url}\"\ndata_dir = \"{}\"\n\n\
         [networks.linkedin]\nclient_id = \"bench\"\nclient_secret = \"bench\"\nbase_url = \"{network}\"\n",
        folder.path().join("data").display()
    );
    std::fs::write(&config, text)?;
    let mut lines = vec![];
    let server = Server::start(binary, &config, &url).await?;
    lines.push(format!("ready for the first time after {:.2} s", server.started_in.as_secs_f64()));
    tokio::time::sleep(SETTLES).await;
    lines.extend(idle(&server).await?);
    drop(server);
    lines.push(again(binary, &config, &url, &key).await?);
    Ok(lines)
}

#[cfg(target_os = "linux")]
async fn idle(server: &Server) -> anyhow::Result<Vec<String>> {
    let before = server.ticks()?;
    tokio::time::sleep(WATCHED).await;
    let used = server.ticks()? - before;
    let (most, now) = server.memory()?;
    let share = f64::from(u32::try_from(used)?) / f64::from(u32::try_from(WATCHED.as_secs())?);
    Ok(vec![
        format!("while nothing is due: {share:.2} % of one core over {} s", WATCHED.as_secs()),
        format!("memory: {now} MiB, {most} MiB at the most"),
    ])
}

#[cfg(not(target_os = "linux"))]
async fn idle(_server: &Server) -> anyhow::Result<Vec<String>> {
    Ok(vec!["while nothing is due: not measured, only Linux tells what a process uses".to_owned()])
}

/// Killed while tokens are read from it, and started again: from the start of the process to the first token.
async fn again(binary: &Path, config: &Path, url: &str, key: &str) -> anyhow::Result<String> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let ask = async |path: &str| anyhow::Ok(http.get(format!("{url}{path}")).bearer_auth(key).send().await?.error_for_status()?);
    let mut took = vec![];
    for _ in 0..=KILLS {
        let began = Instant::now();
        let mut server = Server::start(binary, config, url).await?;
        let list: serde_json::Value = ask("/api/v1/profiles?limit=1").await?.json().await?;
        let token = format!("/api/v1/profiles/{}/access-token", list["items"][0]["id"].as_str().context("a profile")?);
        ask(&token).await?;
        took.push(began.elapsed().as_secs_f64());
        for _ in 0..50 {
            ask(&token).await?;
        }
        server.process.kill()?;
        server.process.wait()?;
    }
    // The first start came after an orderly end.
    let (least, most) = took[1..].iter().fold((f64::MAX, 0.0_f64), |(least, most), took| (least.min(*took), most.max(*took)));
    Ok(format!("killed (kill -9) {KILLS} times: the first token {least:.2} to {most:.2} s after the start"))
}
