//! What tools do all day: read a token, call a network through us.

use std::time::Duration;

use anyhow::Context as _;

use crate::house::{self, House};
use crate::load::Load;

/// How many callers read tokens at once at the most: those who wait share one sync.
pub(crate) const MANY: usize = 256;
/// How often in a second tokens are read evenly.
const RATE: u32 = 1_000;
/// How long each call is repeated.
const EACH: Duration = Duration::from_secs(3);

/// Each figure as a line: tokens read (key, permission, unsealing, an audit row committed before the answer) beside a bare server that
/// answers as many bytes; what the proxy adds to a call, each caller waiting for its answer before the next; and tokens read evenly while
/// the network cannot be reached.
pub(crate) async fn measure(house: &House) -> anyhow::Result<Vec<String>> {
    let listed: serde_json::Value = serde_json::from_slice(&house.body("/api/v1/profiles?limit=1").await?)?;
    let profile = listed["items"][0]["id"].as_str().context("a profile")?;
    let token = format!("/api/v1/profiles/{profile}/access-token");
    let bare = house::bare(house.get(&token).await?).await?;
    let mut lines = vec![];
    for callers in [1, 4, 64, MANY] {
        let plain = Load::run(&bare, None, callers, EACH).await?;
        let ours = Load::run(&house.url(&token), Some(house.credential(false)), callers, EACH).await?;
        lines.push(format!(
            "{:<42} {:>11.0} {:>9.2} {:>9.2} {:>9.2} {:>8.0} %",
            format!("read a token, {callers} at once"),
            ours.per_second(),
            ours.percentile(50),
            ours.percentile(95),
            ours.percentile(99),
            100.0 * ours.per_second() / plain.per_second()
        ));
    }
    let direct = Load::run(&house.network, None, 1, EACH).await?;
    let through = format!("/api/v1/profiles/{profile}/proxy/rest/me");
    let passed = Load::run(&house.url(&through), Some(house.credential(false)), 1, EACH).await?;
    lines.push(format!(
        "call a network through the proxy: p50 {:.2} ms, the same directly {:.2} ms: {:.2} ms more",
        passed.percentile(50),
        direct.percentile(50),
        passed.percentile(50) - direct.percentile(50)
    ));
    house.cut_off();
    let anew = reqwest::Client::builder().no_proxy().build()?.get(&house.network).send().await;
    anyhow::ensure!(anew.is_err(), "the network is still there");
    let evenly = Load::paced(&house.url(&token), Some(house.credential(false)), RATE, EACH).await?;
    lines.push(format!(
        "read a token {RATE} times a second, the network down: {:.0} per second, p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
        evenly.per_second(),
        evenly.percentile(50),
        evenly.percentile(95),
        evenly.percentile(99)
    ));
    Ok(lines)
}
