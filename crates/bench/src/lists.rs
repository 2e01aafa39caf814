//! `cargo xtask bench lists`: how long the first and the second page of each list of a million profiles take, through the functions that
//! the server calls, in one transaction that reads. Filled once: in a folder that is named, or a PostgreSQL database, it is found again.

mod fill;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use lifecycle::ids::{OrganisationId, UserId};
use lifecycle::permission::Reach;
use lifecycle::status::Status;
use lifecycle::tag::Tag;
use lifecycle::words::Cause;
use store::profiles::{self, Filter, Narrow, Profile};
use store::seal::Keyring;
use store::sorting::{Column, Sort};
use store::{Store, users};

use fill::House;

/// How often each list is read, after a few times that do not count.
const TIMES: usize = 10;
const BEFORE: usize = 3;
/// What a page holds, and one more, which says whether there is another.
const LIMIT: u32 = 51;
/// A list that takes longer is read less often, in milliseconds.
const LONG: f64 = 100.0;

/// One way to narrow a list: by what, to what.
type Narrowed = (&'static str, String, Filter);

/// What lists of one kind took, in milliseconds.
#[derive(Default)]
struct Kind {
    lists: usize,
    /// Every reading.
    times: Vec<f64>,
    /// The middle of the slowest list, and which it was.
    slowest: (f64, String),
    /// The same of what is counted.
    counted: (f64, String),
}

/// Measures all lists of a file in that folder, or of the PostgreSQL database at `url`, the keys of which are kept there.
///
/// # Errors
/// What the database says.
pub(crate) async fn measure(folder: &Path, url: Option<&str>, profiles: usize, tell: impl Fn(&str)) -> anyhow::Result<()> {
    let began = Instant::now();
    let file = || Some(format!("sqlite:{}", folder.join("lists.db").to_str()?));
    let url = url.map(str::to_owned).or_else(file).context("a folder's name")?;
    let store = Store::open(&url, Keyring::open_or_create(&folder.join("lists.key"))?).await?;
    let house = fill::fill(&store, profiles).await?;
    tell(&format!("{}, ready after {:.0} s", store.describe(), began.elapsed().as_secs_f64()));
    let names = names(&store, &house.organisation).await?;
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (kind, name, filter) in all(&house) {
        let into = kinds.entry(kind).or_default();
        for by in Column::ALL {
            // The other way round the same indexes are read.
            for descending in if by == Column::Name { &[false, true][..] } else { &[false] } {
                let descending = *descending;
                let filter = Filter { sort: Sort { by, descending }, ..filter.clone() };
                into.measure(&store, &house.organisation, filter, &name, &names).await?;
            }
        }
        let counted = took(&store, async |tx| Ok(profiles::matching(tx, &house.organisation, &filter).await.map(drop)?)).await?;
        into.counted = worse(std::mem::take(&mut into.counted), middle(&counted), name);
    }
    tell("| narrowed by | lists | p50 ms | p95 ms | slowest list, ms | which | slowest count, ms | of |");
    for (name, mut kind) in kinds {
        kind.times.sort_unstable_by(f64::total_cmp);
        let most = kind.times[(kind.times.len() * 95).div_ceil(100) - 1];
        let ((slowest, which), (counted, of)) = (kind.slowest, kind.counted);
        let middle = middle(&kind.times);
        tell(&format!("| {name} | {} | {middle:.1} | {most:.1} | {slowest:.1} | {which} | {counted:.1} | {of} |", kind.lists));
    }
    Ok(())
}

impl Kind {
    async fn measure(
        &mut self,
        store: &Store,
        organisation: &OrganisationId,
        mut filter: Filter,
        name: &str,
        names: &BTreeMap<UserId, String>,
    ) -> anyhow::Result<()> {
        for page in 1..=if filter.sort.by == Column::Name { 2 } else { 1 } {
            let mut found: Vec<Profile> = vec![];
            let times = took(store, async |tx| {
                found = profiles::list(tx, organisation, &filter, LIMIT).await?;
                Ok(())
            })
            .await?;
            let way = if filter.sort.descending { " descending" } else { "" };
            self.lists += 1;
            let of = format!("{name}, by {}{way}, page {page}", filter.sort.by.word());
            self.slowest = worse(std::mem::take(&mut self.slowest), middle(&times), of);
            self.times.extend(times);
            let Some(last) = found.get(LIMIT as usize - 2) else { break };
            let owner = last.owner.as_ref().and_then(|owner| names.get(owner)).map_or("", String::as_str);
            filter.after = Some(filter.sort.place(last, owner));
        }
        Ok(())
    }
}

fn worse(before: (f64, String), now: f64, name: String) -> (f64, String) {
    if now > before.0 { (now, name) } else { before }
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

/// How long it took each time, in milliseconds, sorted.
async fn took(store: &Store, mut ask: impl AsyncFnMut(&mut store::Tx) -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    let mut all = vec![];
    for time in 0..TIMES + BEFORE {
        let began = Instant::now();
        let mut tx = store.read().await?;
        ask(&mut tx).await?;
        drop(tx);
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        if time >= BEFORE || took > LONG {
            all.push(took);
        }
        if all.len() > 2 && took > LONG {
            break;
        }
    }
    all.sort_unstable_by(f64::total_cmp);
    Ok(all)
}

async fn names(store: &Store, organisation: &OrganisationId) -> anyhow::Result<BTreeMap<UserId, String>> {
    let mut tx = store.read().await?;
    Ok(users::list(&mut tx, organisation).await?.into_iter().map(|user| (user.id, user.name)).collect())
}

/// Nothing, each filter alone, each two of them together, and some two of them within a team, or what a member sees.
fn all(house: &House) -> Vec<(String, String, Filter)> {
    let single = single(house);
    let mut all = vec![("nothing".to_owned(), "everything".to_owned(), Filter::default())];
    for (at, (kind, name, filter)) in single.iter().enumerate() {
        all.push(((*kind).to_owned(), name.clone(), filter.clone()));
        for (other, also, more) in &single[at + 1..] {
            if other != kind {
                all.push((format!("{kind} and {other}"), format!("{name}, {also}"), filter.with(more)));
            }
        }
    }
    let some = |names: &[&str]| single.iter().filter(|(_, name, _)| names.contains(&name.as_str())).collect::<Vec<_>>();
    let others = some(&["linkedin", "tumblr", "connected", "disconnected", "expired", "owner 0", "owner 20", "\"okapi\"", "\"mouse\""]);
    for (kind, within, wide) in some(&["team 0", "team 3", "team 10", "of a large team", "of four teams"]) {
        for (at, (first, one, filter)) in others.iter().enumerate() {
            for (second, other, more) in others[at + 1..].iter().filter(|(second, ..)| first != second) {
                let text = if *second == "text" { " and a text" } else { "" };
                all.push((format!("{kind} and two{text}"), format!("{within}, {one}, {other}"), wide.with(filter).with(more)));
            }
        }
    }
    all
}

fn single(house: &House) -> Vec<Narrowed> {
    let nothing = Filter::default;
    let mut all: Vec<Narrowed> = vec![];
    for network in ["linkedin", "facebook", "x", "bluesky", "tumblr"] {
        all.push(("network", network.to_owned(), Filter { network: Some(network.to_owned()), ..nothing() }));
    }
    for status in Status::ALL.iter().copied() {
        all.push(("status", status.as_str().to_owned(), Filter { status: Some(status), ..nothing() }));
    }
    for cause in [Cause::Expired, Cause::RenewalDue, Cause::AppBlocked] {
        all.push(("cause", cause.as_str().to_owned(), Filter { cause: Some(cause), ..nothing() }));
    }
    for owner in [0, 1, 2, 5, 20, 1_000] {
        all.push(("owner", format!("owner {owner}"), Filter { owner: Some(house.owners[owner].clone()), ..nothing() }));
    }
    for team in [0, 2, 3, 10, 40, 250] {
        all.push(("team", format!("team {team}"), Filter { team: Some(house.teams[team].clone()), ..nothing() }));
    }
    for (word, _) in fill::TAGS {
        all.push(("tag", format!("tag {word}"), Filter { tag: word.parse().ok(), ..nothing() }));
    }
    for (name, narrow) in sights(house) {
        all.push(("sight", name.to_owned(), Filter { visible_to: Some(narrow), ..nothing() }));
    }
    for text in
        ["quokka", "wombat", "tapir", "okapi", "lynx", "ibis", "zebra", "mouse", "e", "qu", "berlinmünchen pageshop", "café page quokka"]
    {
        all.push(("text", format!("\"{text}\""), Filter { q: Some(text.to_owned()), ..nothing() }));
    }
    all
}

/// What somebody may see.
fn sights(house: &House) -> Vec<(&'static str, Narrow)> {
    let user = |at: usize| Narrow::User(house.owners[at].clone());
    let reach = |networks: &[&str], teams: &[usize]| Reach {
        networks: networks.iter().map(|network| (*network).to_owned()).collect(),
        teams: teams.iter().map(|team| house.teams[*team].clone()).collect(),
        ..Reach::default()
    };
    let tag = |word: &str| word.parse::<Tag>().into_iter().collect::<Vec<_>>();
    vec![
        ("of few", user(1_000)),
        ("of some", user(20)),
        ("of the town", user(30)),
        ("of three teams", user(2_000)),
        ("of a large team", user(3_000)),
        ("of four teams", user(4_000)),
        ("of many", user(0)),
        ("key of a rare network", Narrow::Reaches(vec![reach(&["tumblr"], &[])])),
        ("key of two networks", Narrow::Reaches(vec![reach(&["linkedin", "x"], &[])])),
        ("key of a team at a network", Narrow::Reaches(vec![reach(&["facebook"], &[3])])),
        ("key of a tag", Narrow::Reaches(vec![Reach { tags: tag("launch"), ..Reach::default() }])),
        ("own and a team's", Narrow::Either(vec![Narrow::Owner(house.owners[20].clone()), Narrow::Reaches(vec![reach(&[], &[3])])])),
    ]
}
