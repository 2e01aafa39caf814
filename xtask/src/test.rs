//! `cargo xtask test`: installs what the tests need while cargo builds, runs them all, and repeats at the end what could
//! not be run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::Context as _;

use crate::{peers, target};

/// What was installed, and what is missing in words.
#[derive(Default)]
struct Peers {
    smtp_python: Option<PathBuf>,
    oauth1_python: Option<PathBuf>,
    google: Option<PathBuf>,
    schemathesis: Option<PathBuf>,
    mcp_python: Option<PathBuf>,
    generator: Option<PathBuf>,
    typescript: Option<PathBuf>,
    axe: Option<PathBuf>,
    pds: Option<PathBuf>,
    oidc: Option<PathBuf>,
    faketime: Option<PathBuf>,
    missing: Vec<String>,
}

fn install() -> Peers {
    let mut found = Peers::default();
    if !peers::debian(&["chromium", "chromium-driver", "postgresql", "libfaketime"]) {
        found.missing.push("Debian's chromium, chromium-driver, postgresql and libfaketime".to_owned());
    }
    found.faketime = faketime();
    match peers::venv("smtp", include_str!("../../crates/e2e/peers/smtp-requirements.txt")) {
        Ok(folder) => found.smtp_python = Some(folder.join("bin/python")),
        Err(error) => found.missing.push(format!("the SMTP peer ({error:#})")),
    }
    match peers::venv("oauth1", include_str!("../../crates/e2e/peers/oauth1-requirements.txt")) {
        Ok(folder) => found.oauth1_python = Some(folder.join("bin/python")),
        Err(error) => found.missing.push(format!("PyPI's oauthlib ({error:#})")),
    }
    match peers::venv("google", include_str!("../../crates/e2e/peers/google-requirements.txt")).and_then(|folder| documents(&folder)) {
        Ok(folder) => found.google = Some(folder),
        Err(error) => found.missing.push(format!("Google's discovery documents ({error:#})")),
    }
    match peers::venv("schemathesis", include_str!("../../crates/e2e/peers/schemathesis-requirements.txt")) {
        Ok(folder) => found.schemathesis = Some(folder.join("bin/schemathesis")),
        Err(error) => found.missing.push(format!("PyPI's schemathesis ({error:#})")),
    }
    match peers::venv("mcp", include_str!("../../crates/e2e/peers/mcp-requirements.txt")) {
        Ok(folder) => found.mcp_python = Some(folder.join("bin/python")),
        Err(error) => found.missing.push(format!("PyPI's client of the Model Context Protocol ({error:#})")),
    }
    match peers::venv("generated-client", include_str!("../../crates/e2e/peers/generated-client-requirements.txt")) {
        Ok(folder) => found.generator = Some(folder.join("bin")),
        Err(error) => found.missing.push(format!("PyPI's openapi-python-client ({error:#})")),
    }
    match peers::npm_of("typescript", include_str!("../../examples/typescript/package.json")) {
        Ok(folder) => found.typescript = Some(folder),
        Err(error) => found.missing.push(format!("npm's typescript ({error:#})")),
    }
    match peers::npm("axe", "axe-core@4.14.1") {
        Ok(folder) => found.axe = Some(folder.join("node_modules/axe-core/axe.min.js")),
        Err(error) => found.missing.push(format!("axe-core ({error:#})")),
    }
    match peers::oidc_provider() {
        Ok(cache) => found.oidc = Some(cache),
        Err(error) => found.missing.push(format!("npm's oidc-provider ({error:#})")),
    }
    match peers::bluesky_pds() {
        Ok(cache) => found.pds = Some(cache),
        Err(error) if peers::npm_answers() => found.missing.push(format!("the real Bluesky PDS ({error:#})")),
        Err(error) => found.missing.push(format!("the real Bluesky PDS: npm does not answer ({error:#})")),
    }
    found
}

/// Where a Python environment keeps Google's discovery documents; the folder above is named after the version of Python.
fn documents(environment: &Path) -> anyhow::Result<PathBuf> {
    let pythons = std::fs::read_dir(environment.join("lib"))?.flatten();
    let documents = pythons.map(|python| python.path().join("site-packages/googleapiclient/discovery_cache/documents"));
    documents.into_iter().find(|folder| folder.exists()).context("the package has none")
}

/// Debian's libfaketime; its folder is named after the processor.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

/// Pictures of every page, and where to look at them.
pub(crate) fn gallery() -> anyhow::Result<()> {
    let folder = target().join("gallery");
    let _ = std::fs::remove_dir_all(&folder);
    if !peers::debian(&["chromium", "chromium-driver"]) {
        anyhow::bail!("pictures need Debian's chromium and chromium-driver");
    }
    crate::run(Command::new("cargo").args(["build", "--workspace", "--all-targets", "--locked"]))?;
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace", "--locked", "--test", "it", "--", "every_page_fits_on_a_phone"]);
    crate::run(tests.env("STAYGREEN_BIN", target().join("debug/staygreen")).env("STAYGREEN_GALLERY", "1"))?;
    println!("{}", folder.join("index.html").display());
    Ok(())
}

/// What proptest begins with.
const SEED: &str = "PROPTEST_RNG_SEED";

/// The seed of the property tests: whoever sets one gets that, else each state of the sources has its own. The same sources are tested
/// with the same values everywhere, and every change with others. `None` outside of a repository: proptest throws its own dice.
fn seed() -> Option<String> {
    if let Ok(given) = std::env::var(SEED) {
        return Some(given);
    }
    let tree = Command::new("git").args(["rev-parse", "HEAD^{tree}"]).current_dir(crate::root()).output().ok()?;
    let hash = String::from_utf8(tree.stdout).ok()?;
    u64::from_str_radix(hash.get(..15)?, 16).ok().map(|seed| seed.to_string())
}

/// Installs, builds, tests.
pub(crate) fn run(filter: &[String]) -> anyhow::Result<()> {
    let skips = target().join("skipped-tests.txt");
    let _ = std::fs::remove_file(&skips);
    std::fs::create_dir_all(target())?;
    let installing = thread::spawn(install);
    // Everything in one go, so that the binary and the tests share each dependency.
    crate::run(Command::new("cargo").args(["build", "--workspace", "--all-targets", "--locked"]))?;
    let Ok(mut found) = installing.join() else { anyhow::bail!("installing what the tests need broke off") };
    // One PDS for the tests of the adapter; the end-to-end tests start their own.
    let pds = found.pds.as_deref().map(peers::Pds::start).transpose();
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests.env("STAYGREEN_BIN", target().join("debug/staygreen")).env("STAYGREEN_TEST_SKIPS", &skips);
    if let Some(seed) = seed() {
        println!("property tests begin with PROPTEST_RNG_SEED={seed}");
        tests.env(SEED, seed);
    }
    let named = [
        ("STAYGREEN_TEST_SMTP_PYTHON", &found.smtp_python),
        ("STAYGREEN_TEST_OAUTHLIB_PYTHON", &found.oauth1_python),
        ("STAYGREEN_TEST_GOOGLE", &found.google),
        ("STAYGREEN_TEST_SCHEMATHESIS", &found.schemathesis),
        ("STAYGREEN_TEST_MCP_PYTHON", &found.mcp_python),
        ("STAYGREEN_TEST_GENERATOR", &found.generator),
        ("STAYGREEN_TEST_TYPESCRIPT", &found.typescript),
        ("STAYGREEN_TEST_AXE", &found.axe),
        ("STAYGREEN_TEST_PDS", &found.pds),
        ("STAYGREEN_TEST_OIDC", &found.oidc),
        ("STAYGREEN_TEST_FAKETIME", &found.faketime),
    ];
    for (variable, path) in named {
        path.as_ref().map(|path| tests.env(variable, path));
    }
    match &pds {
        Ok(Some(pds)) => drop(tests.env("STAYGREEN_TEST_PDS_URL", &pds.url).env("STAYGREEN_TEST_PLC_URL", &pds.plc)),
        Ok(None) => {}
        Err(error) => found.missing.push(format!("the real Bluesky PDS ({error:#})")),
    }
    if !filter.is_empty() {
        tests.arg("--").args(filter);
    }
    let result = crate::run(&mut tests);
    drop(pds);
    let skipped = std::fs::read_to_string(&skips).unwrap_or_default();
    for what in found.missing.iter().map(String::as_str).chain(skipped.lines()) {
        println!("NOT RUN: {what}");
    }
    result
}
