//! How long every page takes, as the table of routes names them.

use std::time::Duration;

use anyhow::Context as _;
use axum::http::StatusCode;
use server::routes::PAGES;

use crate::house::House;
use crate::load::Load;

/// How long each page is asked for, again and again.
const EACH: Duration = Duration::from_millis(500);

/// The time that a page's answer takes, 95 of 100 of them.
pub(crate) struct Timed {
    pub(crate) path: &'static str,
    pub(crate) p95: f64,
}

/// Every page that shows itself to a company admin, one caller at once; the slowest first. Left out is what stands behind a secret.
pub(crate) async fn measure(house: &House) -> anyhow::Result<Vec<Timed>> {
    let (profile, person) = (first(house, "/api/v1/profiles").await?, first(house, "/api/v1/people").await?);
    let mut timed = vec![];
    for (path, ..) in PAGES {
        let id = if path.starts_with("/settings/people/") { &person } else { &profile };
        let filled = path.replace("{id}", id).replace("{network}", "linkedin");
        if filled.contains('{') || house.status(&filled).await? != StatusCode::OK {
            continue;
        }
        let load = Load::run(&house.url(&filled), Some(house.credential(true)), 1, EACH).await?;
        timed.push(Timed { path, p95: load.percentile(95) });
    }
    timed.sort_by(|one, other| other.p95.total_cmp(&one.p95));
    Ok(timed)
}

/// The id of the first in a list of the API.
async fn first(house: &House, path: &str) -> anyhow::Result<String> {
    let list: serde_json::Value = serde_json::from_slice(&house.body(path).await?)?;
    let rows = list.as_object().and_then(|list| list.values().find_map(serde_json::Value::as_array));
    let id = rows.and_then(|rows| rows.first()?["id"].as_str());
    id.map(str::to_owned).with_context(|| format!("{path} lists nothing"))
}
