//! `cargo xtask bench`: Staygreen's speed as ratios to a bare baseline, measured in the same run on the same machine. A
//! figure without its baseline says more about the machine than about us.

mod acts;
mod durable;
mod figures;
mod house;
mod lists;
mod load;
mod pages;
mod timing;

use std::time::Duration;

use anyhow::Context as _;
use house::House;
use load::Load;

/// How long each call is repeated.
const EACH: Duration = Duration::from_secs(3);
/// What a page is to take at the most, in milliseconds.
const PAGE_WITHIN_MS: f64 = 20.0;
/// How many callers at once.
const CALLERS: usize = 4;

/// The same as the server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise| arguments.get(at).map_or(Ok(otherwise), |text| text.parse());
    if let [first, binary, ..] = arguments.as_slice()
        && first == "figures"
    {
        let profiles = number(2, 100_000).context("how many profiles")?;
        print(&format!("{profiles} profiles in SQLite, nothing of them due, a server of its own:\n"));
        for line in figures::measure(std::path::Path::new(binary), profiles).await? {
            print(&line);
        }
        return Ok(());
    }
    if let [first, ..] = arguments.as_slice()
        && first == "lists"
    {
        let profiles = number(1, 1_000_000).context("how many profiles")?;
        let folder = tempfile::tempdir()?;
        let kept = arguments.get(2).map_or_else(|| folder.path().to_owned(), std::path::PathBuf::from);
        return lists::measure(&kept, arguments.get(3).map(String::as_str), profiles, print).await;
    }
    let only_acts = arguments.first().is_some_and(|first| first == "acts");
    let profiles = number(usize::from(only_acts), 10_000).context("how many profiles")?;
    let folder = tempfile::tempdir()?;
    let house = House::start(folder.path(), profiles).await?;
    if only_acts {
        return act(&house).await;
    }
    print(&format!("{profiles} profiles, {CALLERS} callers, {} s each; ratios to a bare server of the same framework\n", EACH.as_secs()));
    print("call                                        per second    p50 ms    p95 ms    p99 ms   of bare");
    for (name, path, as_page) in [
        ("list 50 profiles (API)", "/api/v1/profiles?limit=50", false),
        ("list 50 disconnected profiles (API)", "/api/v1/profiles?limit=50&status=disconnected", false),
        ("search a name (API)", "/api/v1/profiles?limit=50&q=page%2077", false),
        ("search a rare name (API)", "/api/v1/profiles?limit=50&q=page%201234%203", false),
        ("search a name that all have (API)", "/api/v1/profiles?limit=50&q=page&status=connected", false),
        ("page: profiles", "/settings/profiles", true),
        ("page: profiles with a name", "/settings/profiles?q=page%2077", true),
        ("page: dashboard", "/", true),
    ] {
        let bytes = if as_page { house.page(path).await? } else { house.get(path).await? };
        let bare = Load::run(&house::bare(bytes).await?, None, CALLERS, EACH).await?;
        let ours = Load::run(&house.url(path), Some(house.credential(as_page)), CALLERS, EACH).await?;
        print(&format!(
            "{name:<42} {:>11.0} {:>9.2} {:>9.2} {:>9.2} {:>8.0} %",
            ours.per_second(),
            ours.percentile(50),
            ours.percentile(95),
            ours.percentile(99),
            100.0 * ours.per_second() / bare.per_second()
        ));
    }
    let pages = pages::measure(&house).await?;
    let quick = pages.iter().filter(|page| page.p95 < PAGE_WITHIN_MS).count();
    print(&format!("\n{quick} of {} pages answer within {PAGE_WITHIN_MS} ms (p95, one caller); the slowest:", pages.len()));
    for page in pages.iter().take(10) {
        print(&format!("{:<42} {:>11.1} ms", page.path, page.p95));
    }
    act(&house).await?;
    let durable = durable::measure(&house, folder.path()).await?;
    print(&format!(
        "\ndurable renewals (journal, tokens, event, standing; synchronous FULL), of {:.0} bare SQLite commits per second:",
        durable.bare
    ));
    for (how, ours) in [("one after the other", durable.alone), ("16 at once", durable.together)] {
        print(&format!("{how:<42} {ours:>11.0} per second {:>8.0} %", 100.0 * ours / durable.bare));
    }
    let t = timing::measure(&house).await?.abs();
    print(&format!("\nwrong API keys, close to a right one or not, a million refusals: t = {t:.1} (below 4.5 nobody can tell them apart)"));
    Ok(())
}

/// What tools do all day.
async fn act(house: &House) -> anyhow::Result<()> {
    print(&format!("\nacting, up to {} callers at once:", acts::MANY));
    for line in acts::measure(house).await? {
        print(&line);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn print(text: &str) {
    println!("{text}");
}
