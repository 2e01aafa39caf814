//! Rules that no compiler knows. Each finding says where and what to do.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::root;

const LINES_MAX: usize = 500;
const LIB_LINES_MAX: usize = 150;

/// Files that are longer for now. This list may only shrink.
const LONG: &[&str] = &["crates/server/src/i18n"];

struct Source {
    path: String,
    text: String,
}

fn sources() -> anyhow::Result<Vec<Source>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("git ls-files")?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(names
        .lines()
        .filter_map(|path| std::fs::read_to_string(root().join(path)).ok().map(|text| Source { path: path.to_owned(), text }))
        .collect())
}

/// Needles are put together here so that this file does not contain them.
fn banned() -> Vec<(String, &'static str)> {
    let join = |parts: &[&str]| parts.concat();
    vec![
        (join(&["TO", "DO"]), "finish it or open an issue"),
        (join(&["FIX", "ME"]), "finish it or open an issue"),
        (join(&["dbg", "!("]), "remove it"),
        (join(&["to", "do!("]), "build it"),
        (join(&["un", "implemented!("]), "build it"),
        (join(&["/wo", "rk/"]), "no path of a machine"),
        (join(&["/ro", "ot/"]), "no path of a machine"),
        (join(&["/ho", "me/"]), "no path of a machine"),
        (join(&["static.crates", ".io"]), "no host of a package registry"),
        (join(&["registry.npmjs", ".org"]), "no host of a package registry"),
        (join(&["files.pythonhosted", ".org"]), "no host of a package registry"),
    ]
}

const SQL_BANNED: [&str; 7] = ["NOW()", "CURRENT_TIMESTAMP", "AUTOINCREMENT", "SERIAL", "RANDOM()", "BOOLEAN", "TRIGGER"];

fn check(source: &Source, findings: &mut Vec<String>) {
    let Source { path, text } = source;
    let is_rust = path.ends_with(".rs");
    if path == "Cargo.lock" || path.ends_with("package-lock.json") {
        return;
    }
    for (n, line) in text.lines().enumerate() {
        for (needle, advice) in banned() {
            if line.contains(&needle) && !path.starts_with("xtask/src/tidy") {
                findings.push(format!("{path}:{}: \"{needle}\": {advice}", n + 1));
            }
        }
        let pure = path.starts_with("crates/lifecycle/src") || path.starts_with("crates/networks/src");
        if pure
            && is_rust
            && ["SystemTime::now", "Instant::now", "tokio::"].iter().any(|word| line.contains(word))
            && !line.contains("tokio::test")
        {
            findings.push(format!("{path}:{}: this crate reads no clock and knows no runtime; let it be handed in", n + 1));
        }
        if path.starts_with("crates/store/migrations") && SQL_BANNED.iter().any(|word| line.to_uppercase().contains(word)) {
            findings.push(format!(
                "{path}:{}: outside the dialect that both databases share; time, ids and chance come from the caller",
                n + 1
            ));
        }
    }
    let lines = text.lines().count();
    let limit = if path.ends_with("src/lib.rs") { LIB_LINES_MAX } else { LINES_MAX };
    let tests = path.contains("/tests");
    if is_rust && lines > limit && !tests && !LONG.iter().any(|long| path.starts_with(long)) {
        findings.push(format!("{path}: {lines} lines, {limit} at most; split it by sense"));
    }
}

/// Paths in backticks in the architecture page exist.
fn check_docs(findings: &mut Vec<String>) {
    let page = root().join("docs/architecture.md");
    let Ok(text) = std::fs::read_to_string(&page) else {
        findings.push("docs/architecture.md is missing".into());
        return;
    };
    for word in text.split('`').skip(1).step_by(2) {
        let path = word.split("::").next().unwrap_or(word).split(' ').next().unwrap_or(word);
        let looks_like_path = path.contains('/') && Path::new(path).extension().is_some() && !path.starts_with("http");
        if looks_like_path && !root().join(path).exists() && !root().join("crates").join(path).exists() {
            findings.push(format!("docs/architecture.md: `{path}` does not exist"));
        }
    }
}

/// A network's name stands only in its own files, the lists, docs and tests.
fn check_network_names(sources: &[Source], findings: &mut Vec<String>) {
    let names = ["linkedin", "tiktok", "pinterest", "xing", "bluesky"];
    let allowed: [&str; 8] = [
        "crates/networks/",
        "crates/sandbox/",
        "crates/e2e/",
        "crates/server/static/",
        "crates/server/src/pages/view.rs",
        "crates/staygreen/src/commands/",
        "xtask/",
        "docs/",
    ];
    for source in
        sources.iter().filter(|source| source.path.ends_with(".rs") && !allowed.iter().any(|prefix| source.path.starts_with(prefix)))
    {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (n, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let quoted = names.iter().find(|name| line.contains(&format!("\"{name}\"")));
            if let Some(name) = quoted.filter(|_| !source.path.contains("/tests")) {
                findings.push(format!("{}:{}: names the network {name}; ask the adapter instead", source.path, n + 1));
            }
        }
    }
}

pub(crate) fn run() -> anyhow::Result<()> {
    let sources = sources()?;
    let mut findings = vec![];
    for source in &sources {
        check(source, &mut findings);
    }
    check_docs(&mut findings);
    check_network_names(&sources, &mut findings);
    for finding in &findings {
        eprintln!("{finding}");
    }
    println!("tidy: {} passed, {} failed", sources.len(), findings.len());
    if findings.is_empty() { Ok(()) } else { bail!("the sources need tidying") }
}
