//! `staygreen audit follow`: every row of the audit as it is written, on stdout, also over breaks of the line and of this process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use staygreen_client::{Client, Error};

use super::stop_on_signal;
use super::way::{Server, Way};
use crate::out;

/// After how long a line that broke is opened again.
const COME_BACK: Duration = Duration::from_secs(2);
/// A line without a word for so long is dead, whoever cut it: a quiet server sends an empty line four times as often.
const SILENT_MAX: Duration = Duration::from_mins(1);
/// The most bytes of a row: what is longer is none of ours.
const ROW_MAX: usize = 1024 * 1024;

/// Follows until it is told to stop.
pub(crate) async fn follow(server: &Server, after: Option<i64>, state: Option<PathBuf>) -> anyhow::Result<()> {
    let Way::Remote(client) = server.way().await? else {
        bail!("only a running server can be followed: give --url and an API key (--api-key-file, or STAYGREEN_API_KEY)");
    };
    let kept = state.as_deref().map(read).transpose()?.flatten();
    let stop = stop_on_signal();
    let mut position = kept.or(after);
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            ended = line(&client, &mut position, state.as_deref()) => ended,
        };
        match ended {
            Ok(()) | Err(Broken::Off) => {}
            Err(Broken::For(error)) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(COME_BACK) => {}
        }
    }
}

/// Why nothing comes any more.
enum Broken {
    /// The line or the server is away for a while.
    Off,
    /// For good.
    For(anyhow::Error),
}

/// One line to the server, for as long as it holds.
async fn line(client: &Client, position: &mut Option<i64>, state: Option<&Path>) -> Result<(), Broken> {
    let query: Vec<(&str, String)> = position.iter().map(|position| ("after", position.to_string())).collect();
    let mut answer = client.stream("/audit/stream", &query).await.map_err(|error| match error {
        Error::Problem(problem) if problem.status < 500 => Broken::For(Error::Problem(problem).into()),
        Error::Address(_) | Error::NotStaygreen => Broken::For(error.into()),
        _ => Broken::Off,
    })?;
    let mut left = vec![];
    loop {
        let more = tokio::time::timeout(SILENT_MAX, answer.chunk()).await.map_err(|_| Broken::Off)?;
        let Some(more) = more.map_err(|_| Broken::Off)? else { return Ok(()) };
        left.extend_from_slice(&more);
        // What came of a row that is not whole comes again.
        let Some(end) = left.iter().rposition(|byte| *byte == b'\n') else {
            if left.len() > ROW_MAX {
                return Err(Broken::For(anyhow::anyhow!("what is sent there is no audit")));
            }
            continue;
        };
        let rest = left.split_off(end + 1);
        let rows = without_empty_lines(&std::mem::replace(&mut left, rest));
        if !rows.is_empty() {
            *position = Some(print(&rows, state).map_err(Broken::For)?);
        }
    }
}

/// The rows alone: an empty line says only that the line is alive.
fn without_empty_lines(lines: &[u8]) -> Vec<u8> {
    lines.split_inclusive(|byte| *byte == b'\n').filter(|line| *line != b"\n").flatten().copied().collect()
}

/// Prints whole rows, and only then remembers the last of them: what is seen twice after a crash is told by its position, and nothing is
/// missed.
fn print(rows: &[u8], state: Option<&Path>) -> anyhow::Result<i64> {
    let last = rows.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let last: Value = serde_json::from_slice(last).context("what is sent there is no audit")?;
    let position = last["position"].as_i64().context("what is sent there is no audit")?;
    out::bytes(rows)?;
    if let Some(state) = state {
        let beside = state.with_extension("new");
        let written = std::fs::write(&beside, format!("{position}\n")).and_then(|()| std::fs::rename(&beside, state));
        written.with_context(|| format!("{} cannot be written", state.display()))?;
    }
    Ok(position)
}

/// The position that was remembered; none the first time.
fn read(state: &Path) -> anyhow::Result<Option<i64>> {
    match std::fs::read_to_string(state) {
        Ok(text) => text.trim().parse().map(Some).with_context(|| format!("{} holds no position", state.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", state.display())),
    }
}
