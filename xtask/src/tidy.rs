//! Rules that no compiler knows. Each finding says where and what to do.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::root;

const LINES_MAX: usize = 500;
const LIB_LINES_MAX: usize = 150;

/// Files that are longer for now. This list may only shrink: a file on it that is short enough again is a finding.
const LONG: &[&str] = &[];

/// Words that one of the two databases does not know, or that take time and chance from the database. Those that are
/// also Rust's or English words are looked for in the migrations only.
const SQL_BANNED: [&str; 3] = ["CURRENT_TIMESTAMP", "AUTOINCREMENT", "RANDOM()"];
const SQL_BANNED_IN_MIGRATIONS: [&str; 4] = ["NOW()", "SERIAL", "BOOLEAN", "TRIGGER"];

const NETWORKS: [&str; 13] = [
    "linkedin",
    "tiktok",
    "pinterest",
    "xing",
    "bluesky",
    "facebook",
    "instagram",
    "youtube",
    "google_business",
    "mastodon",
    "reddit",
    "tumblr",
    "discord",
];

/// Where a network may be called by its name: its own files, the lists, the demo, docs and tests.
const NETWORKS_NAMED: [&str; 11] = [
    "crates/bench/",
    "crates/networks/",
    "crates/sandbox/",
    "crates/e2e/",
    "crates/server/static/",
    // Examples in the description of the API.
    "crates/server/src/api/described/",
    "crates/server/src/pages/view.rs",
    "crates/staygreen/src/commands/",
    // Chat channels that messages go to, which are something else than the networks of that name.
    "crates/store/src/webhooks.rs",
    "xtask/",
    "docs/",
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines, counted as editors do.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests")
    }

    fn finding(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn sources() -> anyhow::Result<Vec<Source>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("git ls-files")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
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
        (join(&["crates", ".io/"]), "no host of a package registry"),
        (join(&["registry.npmjs", ".org"]), "no host of a package registry"),
        (join(&["pypi", ".org"]), "no host of a package registry"),
        (join(&["files.pythonhosted", ".org"]), "no host of a package registry"),
    ]
}

fn banned_words(source: &Source) -> Vec<String> {
    let needles = banned();
    let hit = |line: &str| needles.iter().find(|(needle, _)| line.contains(needle.as_str())).cloned();
    let found = source.lines().filter_map(|(n, line)| hit(line).map(|hit| (n, hit)));
    found.map(|(n, (needle, advice))| source.finding(n, &format!("\"{needle}\": {advice}"))).collect()
}

/// The rules and the adapters are functions of what they are handed.
fn impure(source: &Source) -> Vec<String> {
    let pure = ["crates/lifecycle/src", "crates/networks/src"].iter().any(|folder| source.path.starts_with(folder));
    if !pure || !source.is_rust() {
        return vec![];
    }
    let touches =
        |line: &str| ["SystemTime::now", "Instant::now", "tokio::"].iter().any(|word| line.contains(word)) && !line.contains("tokio::test");
    let found = source.lines().filter(|(_, line)| touches(line));
    found.map(|(n, _)| source.finding(n, "this crate reads no clock and knows no runtime; let it be handed in")).collect()
}

/// Whether a word stands in a line on its own, whatever its case.
fn has_word(line: &str, word: &str) -> bool {
    let line = line.to_uppercase();
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

/// One SQL text for both databases; time, ids and chance come from the caller.
fn sql(source: &Source) -> Vec<String> {
    let migration = source.path.starts_with("crates/store/migrations/");
    // An index that each database has in a form of its own (docs/decisions/0001).
    if [".sqlite.sql", ".postgres.sql"].iter().any(|of_one| source.path.ends_with(of_one)) {
        return vec![];
    }
    let code = source.path.starts_with("crates/store/src/") && !source.path.ends_with("/dialect.rs");
    // The migrator's own table is made as it makes it itself.
    if (!migration && !code) || source.path.ends_with("sqlite/schema.rs") {
        return vec![];
    }
    let words = SQL_BANNED.iter().chain(SQL_BANNED_IN_MIGRATIONS.iter().filter(|_| migration));
    let hit = |line: &str| words.clone().find(|word| has_word(line, word));
    let comment = |line: &str| ["--", "//"].iter().any(|mark| line.trim_start().starts_with(mark));
    let found = source.lines().filter(|(_, line)| !comment(line)).filter_map(|(n, line)| hit(line).map(|word| (n, word)));
    found
        .map(|(n, word)| {
            source.finding(n, &format!("{word} is outside what both databases share; time, ids and chance come from the caller"))
        })
        .collect()
}

fn length(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return vec![];
    }
    let lines = source.text.lines().count();
    let limit = if source.path.ends_with("src/lib.rs") { LIB_LINES_MAX } else { LINES_MAX };
    let excepted = LONG.contains(&source.path.as_str());
    match (lines > limit, excepted) {
        (true, false) => vec![source.finding(limit + 1, &format!("{lines} lines, {limit} at most; split it by sense"))],
        (false, true) => vec![source.finding(1, "short enough again; take it off the list LONG in xtask/src/tidy.rs")],
        _ => vec![],
    }
}

/// A network's name stands only in its own files, the lists, the demo, docs and tests.
fn network_names(source: &Source) -> Vec<String> {
    if !source.is_rust() || source.is_test() || NETWORKS_NAMED.iter().any(|prefix| source.path.starts_with(prefix)) {
        return vec![];
    }
    let names_one =
        |line: &str| NETWORKS.into_iter().find(|name| line.contains(&format!("\"{name}\"")) || line.contains(&format!("{name}::")));
    let code = source.lines().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    let found = code.filter(|(_, line)| !line.trim_start().starts_with("//")).filter_map(|(n, line)| names_one(line).map(|name| (n, name)));
    found.map(|(n, name)| source.finding(n, &format!("names the network {name}; ask the adapter instead"))).collect()
}

/// Paths in backticks in a page exist, seen from the project's root.
fn dead_paths(page: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = vec![];
    for (n, line) in page.lines() {
        for word in line.split('`').skip(1).step_by(2) {
            let path = word.split("::").next().unwrap_or(word);
            let ours = ["crates/", "docs/", "xtask/", ".ci/", ".cargo/"].iter().any(|folder| path.starts_with(folder));
            let pattern = path.contains(['*', '{', '<', ' ']) || path.contains("...");
            if ours && !pattern && !exists(path) {
                findings.push(page.finding(n, &format!("`{path}` does not exist; name where it went")));
            }
        }
    }
    findings
}

fn check(source: &Source) -> Vec<String> {
    let locked = source.path.ends_with("Cargo.lock") || source.path.ends_with("package-lock.json");
    if locked {
        return vec![];
    }
    let mut findings = vec![];
    for rule in [banned_words, impure, sql, length, network_names] {
        findings.extend(rule(source));
    }
    if ["README.md", "CONTRIBUTING.md", "docs/architecture.md"].contains(&source.path.as_str()) {
        findings.extend(dead_paths(source, |path| root().join(path).exists()));
    }
    findings
}

pub(crate) fn run() -> anyhow::Result<()> {
    let sources = sources()?;
    let per_file: Vec<Vec<String>> = sources.iter().map(check).collect();
    let mut findings: Vec<String> = per_file.iter().flatten().cloned().collect();
    let failed = per_file.iter().filter(|found| !found.is_empty()).count();
    for gone in LONG.iter().chain(&["docs/architecture.md"]).filter(|path| !sources.iter().any(|source| source.path == **path)) {
        findings.push(format!("{gone} is missing"));
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    println!("tidy: {} passed, {failed} failed", sources.len() - failed);
    if findings.is_empty() { Ok(()) } else { bail!("the sources need tidying ({} findings)", findings.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn lines_of(findings: &[String]) -> Vec<&str> {
        findings.iter().map(|finding| finding.split(": ").next().unwrap_or_default()).collect()
    }

    #[test]
    fn every_banned_word_is_found_in_its_line() {
        for (needle, advice) in banned() {
            let found = check(&source("README.md", &format!("fine\nbad {needle} here\n")));
            assert_eq!(found, [format!("README.md:2: \"{needle}\": {advice}")]);
        }
    }

    #[test]
    fn the_pure_crates_read_no_clock() {
        let text = "let now = SystemTime::now();\n#[tokio::test]\nlet task = tokio::spawn(x);\n";
        assert_eq!(
            lines_of(&check(&source("crates/lifecycle/src/a.rs", text))),
            ["crates/lifecycle/src/a.rs:1", "crates/lifecycle/src/a.rs:3"]
        );
        assert!(check(&source("crates/server/src/a.rs", text)).is_empty());
    }

    #[test]
    fn sql_keeps_to_what_both_databases_share() {
        let text = "-- serial numbers\nid BIGSERIALX,\nid serial,\nmade_at BIGINT DEFAULT now()\n";
        assert_eq!(
            lines_of(&check(&source("crates/store/migrations/0009.sql", text))),
            ["crates/store/migrations/0009.sql:3", "crates/store/migrations/0009.sql:4"]
        );
        let code = "let at = clock.now();\nlet sql = \"VALUES (current_timestamp)\";\n";
        assert_eq!(lines_of(&check(&source("crates/store/src/users.rs", code))), ["crates/store/src/users.rs:2"]);
        assert!(check(&source("crates/store/src/dialect.rs", code)).is_empty());
    }

    #[test]
    fn files_stay_short() {
        assert!(check(&source("crates/store/src/users.rs", &"\n".repeat(500))).is_empty());
        assert_eq!(check(&source("crates/store/src/users.rs", &"\n".repeat(501))).len(), 1);
        assert!(check(&source("crates/store/src/lib.rs", &"\n".repeat(150))).is_empty());
        assert_eq!(check(&source("crates/store/src/lib.rs", &"\n".repeat(151))).len(), 1);
    }

    #[test]
    fn networks_are_named_in_their_own_files_only() {
        let text = "// like \"xing\"\nif name == \"xing\" {}\nlinkedin::ask();\n#[cfg(test)]\nlet name = \"xing\";\n";
        assert_eq!(lines_of(&check(&source("crates/keeper/src/a.rs", text))), ["crates/keeper/src/a.rs:2", "crates/keeper/src/a.rs:3"]);
        assert!(check(&source("crates/networks/src/xing.rs", text)).is_empty());
        assert!(check(&source("crates/store/tests/it/a.rs", text)).is_empty());
    }

    #[test]
    fn pages_name_paths_that_exist() {
        let page = source("docs/architecture.md", "`crates/a.rs` and `crates/b.rs`\n`crates/*` `x/y.rs` `crates/a.rs::run`\n");
        assert_eq!(
            dead_paths(&page, |path| path == "crates/a.rs"),
            ["docs/architecture.md:1: `crates/b.rs` does not exist; name where it went"]
        );
    }
}
