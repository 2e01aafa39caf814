//! A million profiles as a large house could have them: one network has two fifths of them, one owner fifty thousand and most a few, one
//! team three of ten. Where a row goes is drawn, from the same numbers each time.

use anyhow::Context as _;
use lifecycle::ids::{OrganisationId, ProfileId, TeamId, UserId};
use lifecycle::permission::Role;
use lifecycle::status::{Standing, Status};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Cause;
use store::profiles::sort_key;
use store::users::NewUser;
use store::{Store, Tx, Value, ids, tags, teams, users};

/// How many profiles of a million are at each network.
const NETWORKS: [(&str, u64); 12] = [
    ("linkedin", 400_000),
    ("facebook", 200_000),
    ("instagram", 120_000),
    ("tiktok", 90_000),
    ("pinterest", 60_000),
    ("x", 50_000),
    ("xing", 40_000),
    ("youtube", 20_000),
    ("threads", 10_000),
    ("bluesky", 5_500),
    ("mastodon", 3_500),
    ("tumblr", 1_000),
];
/// How many of a million have such a word in their name.
const WORDS: [(&str, u64); 9] = [
    ("Quokka", 2),
    ("Wombat", 250),
    ("Tapir", 1_900),
    ("Okapi", 3_500),
    ("Lynx", 6_000),
    ("Ibis", 12_000),
    ("Heron", 25_000),
    ("Camel", 60_000),
    ("Mouse", 250_000),
];
const PARTS: [&str; 20] = [
    "ber", "lin", "mün", "chen", "ham", "burg", "col", "ogne", "page", "shop", "café", "news", "auto", "haus", "bank", "reise", "buch",
    "blu", "men", "foto",
];
/// How many people own profiles, and how many teams there are.
const OWNERS: usize = 10_000;
const TEAMS: usize = 300;
/// The owner and the team that belong together with something else: all at one network, all with names at the end of the alphabet, all
/// disconnected; and a team of a town, whose name begins the names of its profiles.
const AT_ONE_NETWORK: usize = 1;
const AT_THE_END: usize = 2;
const ALL_DISCONNECTED: usize = 5;
const OF_A_TOWN: usize = 3;
/// Tags, each on the profiles of a team.
pub(super) const TAGS: [(&str, usize); 2] = [("launch", 1), ("q4", 10)];
/// So many rows go into one statement, and so many into one transaction.
const ROWS: usize = 250;
const TOGETHER: usize = 10_000;
/// When the house began.
const T0: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// What the lists are narrowed to.
pub(super) struct House {
    pub(super) organisation: OrganisationId,
    /// From the one who owns most.
    pub(super) owners: Vec<UserId>,
    /// From the largest.
    pub(super) teams: Vec<TeamId>,
}

/// Numbers that look drawn, and are the same each time (SplitMix64).
fn dice(of: u64) -> u64 {
    let mut z = of.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Which of several parts of a million was drawn; `None` for what is left of it.
fn drawn<T: Copy>(parts: impl IntoIterator<Item = (T, u64)>, of: u64) -> Option<T> {
    let mut left = dice(of) % 1_000_000;
    parts.into_iter().find_map(|(part, size)| match left.checked_sub(size) {
        Some(less) => {
            left = less;
            None
        }
        None => Some(part),
    })
}

/// Finds what was filled in before.
async fn found(tx: &mut Tx) -> anyhow::Result<Option<House>> {
    let Some(row) = tx.one("SELECT id FROM organisations WHERE name = 'Million'", &[]).await? else { return Ok(None) };
    let organisation: OrganisationId = row.parsed("id")?;
    let mut house = House { organisation, owners: vec![], teams: vec![] };
    for row in tx.all("SELECT id FROM users ORDER BY email_key", &[]).await? {
        house.owners.push(row.parsed("id")?);
    }
    for row in tx.all("SELECT id FROM teams WHERE tag IS NULL ORDER BY name", &[]).await? {
        house.teams.push(row.parsed("id")?);
    }
    Ok(Some(house))
}

/// Fills a database that has no profiles; finds again what was filled in before.
pub(super) async fn fill(store: &Store, profiles: usize) -> anyhow::Result<House> {
    let mut tx = store.read().await?;
    if let Some(house) = found(&mut tx).await? {
        return Ok(house);
    }
    drop(tx);
    let mut tx = store.write().await?;
    let organisation: OrganisationId = ids::fresh();
    let sql = "INSERT INTO organisations (id, name, created_at) VALUES ($1, 'Million', 0)";
    tx.run(sql, &[organisation.as_str().into()]).await?;
    let mut house = House { organisation, owners: vec![], teams: vec![] };
    for n in 0..OWNERS {
        // A few have the same name.
        let name = format!("Owner {:04}", dice(u64::try_from(n)?) % 9_000);
        let email = format!("owner{n:05}@example.com");
        let new = NewUser { email: &email, name: &name, role: Role::StandardUser, language: "en", password_hash: None };
        house.owners.push(users::insert(&mut tx, &house.organisation, &new, T0).await?);
    }
    for n in 0..TEAMS {
        house.teams.push(teams::create(&mut tx, &house.organisation, &format!("Team {n:03}"), T0).await?);
    }
    members(&mut tx, &house).await?;
    tx.commit().await?;
    let indexes = without_indexes(store).await?;
    let shares = Shares::new();
    for first in (0..profiles).step_by(TOGETHER) {
        let mut tx = store.write().await?;
        for begin in (first..profiles.min(first + TOGETHER)).step_by(ROWS) {
            some(&mut tx, &house, &shares, begin..profiles.min(begin + ROWS)).await?;
        }
        tx.commit().await?;
    }
    tag(store, &house).await?;
    for index in indexes {
        run(store, &index).await?;
    }
    if !store.describe().contains("SQLite") {
        // What the server does by itself after some minutes.
        let mut tx = store.write().await?;
        tx.run("ANALYZE profiles", &[]).await?;
        tx.run("ANALYZE profile_teams", &[]).await?;
        tx.run("ANALYZE users", &[]).await?;
        tx.commit().await?;
    }
    Ok(house)
}

/// The first profile of a team by the front door, the rest in one statement.
async fn tag(store: &Store, house: &House) -> anyhow::Result<()> {
    let mut tx = store.write().await?;
    for (word, team) in TAGS {
        let team = house.teams[team].as_str();
        let first = tx.one("SELECT profile_id FROM profile_teams WHERE team_id = $1 LIMIT 1", &[team.into()]).await?;
        let Some(first) = first else { continue };
        tags::set(&mut tx, &house.organisation, &first.parsed("profile_id")?, &[word.parse()?], T0).await?;
        let sql = "INSERT INTO profile_teams (profile_id, team_id) SELECT profile_id, (SELECT id FROM teams WHERE tag = $1) \
                   FROM profile_teams WHERE team_id = $2 AND profile_id <> $3";
        tx.run(sql, &[word.into(), team.into(), first.text("profile_id")?.into()]).await?;
    }
    Ok(tx.commit().await?)
}

/// Who sees few profiles, some, many, and those of the town.
async fn members(tx: &mut Tx, house: &House) -> anyhow::Result<()> {
    let members = [
        (1_000, &[250, 120][..]),
        (20, &[40, 80]),
        (0, &[0]),
        (30, &[OF_A_TOWN]),
        (2_000, &[1, 2, 4]),
        (3_000, &[0]),
        (4_000, &[0, 10, 40, 250]),
    ];
    for (owner, in_teams) in members {
        for team in in_teams {
            let sql = "INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)";
            tx.run(sql, &[house.teams[*team].as_str().into(), house.owners[owner].as_str().into()]).await?;
        }
    }
    Ok(())
}

async fn run(store: &Store, sql: &str) -> anyhow::Result<()> {
    let mut tx = store.write().await?;
    tx.run(sql, &[]).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes away the indexes that are quicker made anew than kept; how they are made.
async fn without_indexes(store: &Store) -> anyhow::Result<Vec<String>> {
    let sql = if store.describe().contains("SQLite") {
        "SELECT name, sql AS made FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('profiles', 'profile_teams') AND sql IS NOT NULL"
    } else {
        "SELECT indexname::text AS name, indexdef AS made FROM pg_indexes WHERE tablename IN ('profiles', 'profile_teams') AND indexdef NOT LIKE 'CREATE UNIQUE%'"
    };
    let mut tx = store.write().await?;
    let mut made = vec![];
    for row in tx.all(sql, &[]).await? {
        made.push(row.text("made")?);
        tx.run(&format!("DROP INDEX {}", row.text("name")?), &[]).await?;
    }
    tx.commit().await?;
    Ok(made)
}

/// How many of a million each owner and each team has.
struct Shares {
    owners: Vec<u64>,
    teams: Vec<u64>,
}

impl Shares {
    fn new() -> Self {
        let of = |whole: u64, part: usize| whole / u64::try_from(part).unwrap_or(u64::MAX);
        let teams = (0..TEAMS).map(|team| if team == OF_A_TOWN { 0 } else { of(300_000, (team + 1) * (team + 1).isqrt()) });
        let owners = (0..OWNERS).map(|owner| of(50_000, owner + 1));
        Self { owners: owners.collect(), teams: teams.collect() }
    }
}

/// A few profiles, with their teams, in two statements.
async fn some(tx: &mut Tx, house: &House, shares: &Shares, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let (mut rows, mut values, mut in_teams, mut of_teams) = (vec![], vec![], vec![], vec![]);
    let mut n = 1;
    for number in numbers {
        let (row, teams) = profile(house, shares, number)?;
        rows.push(format!("({})", (n..n + row.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")));
        n += row.len();
        let Some(Value::Text(Some(id))) = row.first() else { anyhow::bail!("no id") };
        for team in teams {
            of_teams.extend([Value::from(id), Value::from(house.teams[team].as_str())]);
            in_teams.push(format!("(${}, ${})", of_teams.len() - 1, of_teams.len()));
        }
        values.extend(row);
    }
    let sql = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, handle, owner_id, notify_no_access, \
               notify_renew_soon, enabled, status, cause, status_since, deadline, standing, sort_key, created_at) VALUES ";
    tx.run(&format!("{sql}{}", rows.join(", ")), &values).await?;
    tx.run(&format!("INSERT INTO profile_teams (profile_id, team_id) VALUES {}", in_teams.join(", ")), &of_teams).await?;
    Ok(())
}

/// One profile's columns, and its teams.
fn profile(house: &House, shares: &Shares, number: usize) -> anyhow::Result<(Vec<Value>, Vec<usize>)> {
    let of = |what: u64| dice(u64::try_from(number).unwrap_or_default() * 16 + what);
    let owner = drawn((0..).zip(shares.owners.iter().copied()), of(1));
    let network = if owner == Some(AT_ONE_NETWORK) { "linkedin" } else { drawn(NETWORKS, of(2)).context("a network")? };
    let is_in = |(team, share): &(u64, &u64)| dice(of(3) ^ (team << 32)) % 1_000_000 < **share;
    let mut teams: Vec<usize> = (0_u64..).zip(&shares.teams).filter(is_in).filter_map(|(team, _)| usize::try_from(team).ok()).collect();
    let mut name = name(of(4), of(5));
    if of(6).is_multiple_of(20) {
        teams.push(OF_A_TOWN);
        name = format!("Zürich {name}");
    } else if owner == Some(AT_THE_END) {
        name = format!("Zoo {name}");
    } else if of(7).is_multiple_of(160) {
        name = format!("Zebra {name}");
    }
    let status = if owner == Some(ALL_DISCONNECTED) {
        Some(Status::Disconnected)
    } else {
        drawn([(Status::Disconnected, 15_000), (Status::RenewSoon, 10_000), (Status::Unverified, 5_000)], of(8))
    };
    let mut standing = Standing::unborn(T0);
    standing.status = status.unwrap_or(Status::Connected);
    let causes =
        [(Cause::Expired, 500_000), (Cause::RevokedByPerson, 300_000), (Cause::PasswordChanged, 100_000), (Cause::PermissionLost, 99_000)];
    standing.cause = match standing.status {
        Status::Disconnected => Some(drawn(causes, of(9)).unwrap_or(Cause::AppBlocked)),
        Status::RenewSoon => Some(Cause::RenewalDue),
        _ => None,
    };
    let days = i64::try_from(of(10) % 400)?;
    standing.deadline = match standing.status {
        Status::RenewSoon => Some(T0 + Span::days(days % 14)),
        // One network names no day.
        Status::Connected if network != "facebook" && days % 5 < 3 => Some(T0 + Span::days(14 + days)),
        _ => None,
    };
    let id: ProfileId = ids::fresh();
    let handle = (number.is_multiple_of(2)).then(|| format!("@{}", sort_key(&name).replace(' ', "").chars().take(10).collect::<String>()));
    let row = vec![
        id.as_str().into(),
        house.organisation.as_str().into(),
        network.into(),
        "".into(),
        number.to_string().into(),
        "page".into(),
        Value::from(&name),
        handle.into(),
        owner.map(|owner| house.owners[owner].as_str()).into(),
        true.into(),
        true.into(),
        true.into(),
        standing.status.as_str().into(),
        standing.cause.map(Cause::as_str).into(),
        T0.into(),
        standing.deadline.into(),
        serde_json::to_string(&standing)?.into(),
        sort_key(&name).into(),
        T0.into(),
    ];
    Ok((row, teams))
}

fn name(parts: u64, word: u64) -> String {
    let part = |at: u32| PARTS[usize::try_from((parts >> (at * 8)) % 20).unwrap_or_default()];
    let word = drawn(WORDS, word);
    let town = if word.is_none() { part(4) } else { "" };
    format!("{}{}{} {}{town}{}", part(0), part(1), part(2), part(3), word.map(|word| format!(" {word}")).unwrap_or_default())
}
