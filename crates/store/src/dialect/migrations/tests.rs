//! Databases of older versions, filled, and brought up to date: on SQLite always, on PostgreSQL where its server's binaries are found.

#[path = "../../../tests/it/postgres.rs"]
mod postgres;

use std::sync::OnceLock;
use std::time::Duration;

use crate::dialect::{Db, Dialect};

/// The PostgreSQL cluster of this run, where its binaries are found.
fn cluster() -> Option<&'static postgres::Cluster> {
    static CLUSTER: OnceLock<Option<postgres::Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(postgres::Cluster::start).as_ref()
}

/// The addresses of an empty database of each kind that is here; the first is a file in that folder.
fn each(folder: &tempfile::TempDir) -> Vec<String> {
    let file = format!("sqlite:{}", folder.path().join("test.db").display());
    [file].into_iter().chain(cluster().map(postgres::Cluster::new_database)).collect()
}

/// Statements that are durable together.
async fn run(db: &Db, statements: &[&str]) {
    let mut tx = db.begin(true).await.unwrap();
    for sql in statements {
        tx.run(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn number(db: &Db, sql: &str) -> i64 {
    let mut tx = db.begin(false).await.unwrap();
    tx.one(sql, &[]).await.unwrap().unwrap().int("n").unwrap()
}

#[tokio::test]
async fn profiles_of_an_older_version_are_found_by_name() {
    for last in [42, 43] {
        let folder = tempfile::tempdir().unwrap();
        for url in each(&folder) {
            let old = Db::open_up_to(&url, last).await.unwrap();
            let sql = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, handle, notify_no_access, \
                       notify_renew_soon, enabled, status, status_since, standing, sort_key, created_at) VALUES \
                       ('profile', 'org', 'x', '', '1', 'account', 'Café Berlin', '@Mitte', 1, 1, 1, 'connected', 0, '{}', 'café berlin', 0)";
            run(&old, &["INSERT INTO organisations (id, name, created_at) VALUES ('org', 'Test', 0)", sql]).await;
            drop(old);
            let new = Db::open(&url).await.unwrap();
            let mut tx = new.begin(false).await.unwrap();
            for (text, found) in [("fé b", 1), ("mitte", 1), ("hamburg", 0), ("é ", 1), ("te", 1), ("e", 1), ("x", 0), ("eb", 0)] {
                let condition = tx.dialect().search(text).replace('?', "$1");
                let sql = format!("SELECT id FROM profiles WHERE {condition}");
                let values = [tx.dialect().searched(text).into()];
                assert_eq!(tx.all(&sql, &values).await.unwrap().len(), found, "{text} from {last}: {}", new.describe());
            }
        }
    }
}

/// A planner that knows nothing of new tables takes them for empty, and reads a list of a large team row by row.
#[tokio::test]
async fn the_planner_of_postgresql_knows_what_an_update_brought() {
    let Some(url) = cluster().map(postgres::Cluster::new_database) else { return };
    let unknown = "SELECT COUNT(*) AS n FROM pg_class WHERE relkind = 'r' AND reltuples < 0 AND relnamespace = 'public'::regnamespace";
    let old = Db::open_up_to(&url, 44).await.unwrap();
    run(&old, &["INSERT INTO organisations (id, name, created_at) VALUES ('org', 'Test', 0)"]).await;
    assert!(number(&old, unknown).await > 0);
    drop(old);
    let new = Db::open(&url).await.unwrap();
    assert_eq!(number(&new, unknown).await, 0);
}

/// An owner of a profile in a team, as each version since 42 writes them.
const OWNED: &[&str] = &[
    "INSERT INTO organisations (id, name, created_at) VALUES ('org', 'Test', 0)",
    "INSERT INTO users (id, organisation_id, email, email_key, name, role, language, time_zone, theme, notify_no_access, \
     notify_renew_soon, created_at) VALUES \
     ('user', 'org', 'mira@example.com', 'mira@example.com', 'Mira', 'standard_user', 'en', 'UTC', 'auto', 1, 1, 0)",
    "INSERT INTO users (id, organisation_id, email, email_key, name, role, language, time_zone, theme, notify_no_access, \
     notify_renew_soon, created_at) VALUES \
     ('other', 'org', 'bo@example.com', 'bo@example.com', 'Bo', 'standard_user', 'en', 'UTC', 'auto', 1, 1, 0)",
    "INSERT INTO teams (id, organisation_id, name, created_at) VALUES ('team', 'org', 'Team', 0)",
    "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, owner_id, notify_no_access, \
     notify_renew_soon, enabled, status, cause, status_since, deadline, standing, sort_key, created_at) VALUES \
     ('profile', 'org', 'x', '', '1', 'account', 'Café', 'user', 1, 1, 1, 'renew_soon', 'renewal_due', 0, 7, '{}', 'café', 0)",
    "INSERT INTO profile_teams (profile_id, team_id) VALUES ('profile', 'team')",
];

/// Rows of teams that do not say what their profile is, or whose profile does not say what its owner is called.
const DIFFER: &str = "SELECT COUNT(*) AS n FROM profile_teams JOIN profiles ON profiles.id = profile_id \
    LEFT JOIN users ON users.id = owner_id WHERE sorted_as <> sort_key OR its_network <> network OR its_status <> profiles.status \
    OR its_cause IS DISTINCT FROM cause OR its_owner IS DISTINCT FROM owner_id OR its_owner_name <> owner_name \
    OR its_day <> COALESCE(deadline, 9223372036854775807) OR owner_name <> COALESCE(users.name, '')";

#[tokio::test]
async fn teams_of_an_older_version_say_what_their_profiles_are() {
    for last in [44, 45] {
        let folder = tempfile::tempdir().unwrap();
        for url in each(&folder) {
            let old = Db::open_up_to(&url, last).await.unwrap();
            // What has no owner, cause or day.
            let bare = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, notify_no_access, \
                        notify_renew_soon, enabled, status, status_since, standing, sort_key, created_at) VALUES \
                        ('bare', 'org', 'x', '', '2', 'account', 'Bare', 1, 1, 1, 'connected', 0, '{}', 'bare', 0)";
            run(&old, OWNED).await;
            run(&old, &[bare, "INSERT INTO profile_teams (profile_id, team_id) VALUES ('bare', 'team')"]).await;
            drop(old);
            let new = Db::open(&url).await.unwrap();
            let sql = "SELECT COUNT(*) AS n FROM profile_teams WHERE sorted_as = 'café' AND its_network = 'x' AND its_status = 'renew_soon' \
                       AND its_cause = 'renewal_due' AND its_owner = 'user' AND its_owner_name = 'Mira' AND its_day = 7";
            assert_eq!(number(&new, sql).await, 1, "from {last}: {}", new.describe());
            assert_eq!(number(&new, DIFFER).await, 0, "from {last}: {}", new.describe());
        }
    }
}

/// A node that is still of the older version writes while another updates the database, and goes on afterwards.
#[tokio::test]
async fn what_an_older_node_writes_meanwhile_is_in_what_lists_are_read_from() {
    let Some(cluster) = cluster() else { return };
    let (renamed, owned) = ("UPDATE users SET name = 'Zoë' WHERE id = 'user'", "UPDATE profiles SET owner_id = 'other'");
    let (status, sorted) = ("UPDATE profiles SET status = 'disconnected', cause = 'expired'", "UPDATE profiles SET sort_key = 'zz'");
    for (last, meanwhile, then) in [
        (44, renamed, ""),
        (44, renamed, OWNED[5]),
        (44, owned, renamed),
        (44, "DELETE FROM profile_teams", sorted),
        (45, status, ""),
        (45, owned, OWNED[5]),
        (45, renamed, ""),
        (45, "DELETE FROM profile_teams", status),
    ] {
        writes_while_another_updates(&cluster.new_database(), last, meanwhile, then).await;
    }
}

async fn writes_while_another_updates(url: &str, last: i64, meanwhile: &'static str, then: &'static str) {
    let of = format!("{meanwhile}; {then}, from {last}");
    let old = Db::open_up_to(url, last).await.unwrap();
    run(&old, OWNED).await;
    let mut tx = old.begin(true).await.unwrap();
    tx.run(meanwhile, &[]).await.unwrap();
    let to_be_updated = url.to_owned();
    let updating = tokio::spawn(async move { Db::open_postgres(&to_be_updated, i64::MAX).await });
    let waiting = "SELECT COUNT(*) AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database \
                   WHERE datname = current_database())";
    while number(&old, waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if !then.is_empty() {
        // It waits for nothing that waits for it in turn.
        tx.run(&then.replace("')", "') ON CONFLICT DO NOTHING"), &[]).await.expect(&of);
    }
    tx.commit().await.unwrap();
    let new = updating.await.unwrap().expect(&of);
    assert_eq!(number(&new, DIFFER).await, 0, "{of}");
    run(&old, &["UPDATE users SET name = 'Eve'", "UPDATE profiles SET owner_id = 'user', sort_key = 'eve'"]).await;
    run(&old, &["DELETE FROM profile_teams", OWNED[5], "UPDATE profiles SET deadline = 9"]).await;
    assert_eq!(number(&new, DIFFER).await, 0, "afterwards, {of}");
}

/// SQLite promises no order in which the triggers of one change fire.
#[tokio::test]
async fn copies_are_right_in_whatever_order_triggers_fire() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
    assert!(matches!(db.begin(false).await.unwrap().dialect(), Dialect::Sqlite));
    run(&db, OWNED).await;
    for _ in 0..2 {
        let mut tx = db.begin(true).await.unwrap();
        let all = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid DESC";
        for row in tx.all(all, &[]).await.unwrap() {
            tx.run(&format!("DROP TRIGGER {}", row.text("name").unwrap()), &[]).await.unwrap();
            tx.run(&row.text("sql").unwrap(), &[]).await.unwrap();
        }
        tx.commit().await.unwrap();
        for owner in ["'other'", "NULL", "'user'"] {
            run(&db, &[&format!("UPDATE profiles SET owner_id = {owner}")]).await;
            assert_eq!(number(&db, DIFFER).await, 0, "{owner}");
        }
    }
}

/// A node that is still of the older version reads whole rows of a table that has more columns now.
#[tokio::test]
async fn what_an_older_node_has_prepared_does_not_fail_for_ever() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.new_database();
    let old = Db::open_up_to(&url, 44).await.unwrap();
    run(&old, OWNED).await;
    let whole = async || {
        let mut tx = old.begin(false).await.unwrap();
        tx.all("SELECT * FROM profiles WHERE id = $1", &["profile".into()]).await
    };
    for _ in 0..10 {
        assert_eq!(whole().await.unwrap().len(), 1);
    }
    drop(Db::open(&url).await.unwrap());
    let mut failed = 0;
    for _ in 0..40 {
        if let Err(error) = whole().await {
            assert!(error.is_conflict(), "the same again may go through: {error:?}");
            failed += 1;
        }
    }
    assert!(failed <= 16, "once for each connection: {failed}");
}
