//! The steps from an empty database to the present schema.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use crate::dialect::Dialect;

/// What a step says to the database. `{binary}` is the only placeholder: the collation that compares bytes, so that both databases sort
/// alike whatever the machine's language is.
enum Script {
    /// The same to both.
    Same(&'static str),
    /// An index that each has in a form of its own; no table that is to be in a backup.
    Each { sqlite: &'static str, postgres: &'static str },
}

impl Script {
    const fn of(&self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Same(sql), _)
            | (Self::Each { sqlite: sql, .. }, Dialect::Sqlite)
            | (Self::Each { postgres: sql, .. }, Dialect::Postgres) => sql,
        }
    }
}

/// The migrations, oldest first. Forward only; a released one is never edited.
const MIGRATIONS: &[(i64, &str, Script)] = &[
    (1, "initial", Script::Same(include_str!("../../migrations/0001_initial.sql"))),
    (2, "assets and signals", Script::Same(include_str!("../../migrations/0002_assets_and_signals.sql"))),
    (3, "incidents and lists", Script::Same(include_str!("../../migrations/0003_incidents_and_lists.sql"))),
    (6, "authorisation", Script::Same(include_str!("../../migrations/0006_authorisation.sql"))),
    (7, "webhook endpoints", Script::Same(include_str!("../../migrations/0007_webhook_endpoints.sql"))),
    (8, "calendars and reminders", Script::Same(include_str!("../../migrations/0008_calendars_and_reminders.sql"))),
    (9, "app habits and missing scopes", Script::Same(include_str!("../../migrations/0009_app_habits.sql"))),
    (10, "acts", Script::Same(include_str!("../../migrations/0010_acts.sql"))),
    (11, "departures", Script::Same(include_str!("../../migrations/0011_departures.sql"))),
    (12, "people and links", Script::Same(include_str!("../../migrations/0012_people_and_links.sql"))),
    (14, "backlogs and call budgets", Script::Same(include_str!("../../migrations/0014_backlogs_and_call_budgets.sql"))),
    (15, "profiles left out and requests for deletion", Script::Same(include_str!("../../migrations/0015_left_out_and_deletions.sql"))),
    (18, "rotations", Script::Same(include_str!("../../migrations/0018_rotations.sql"))),
    (20, "also known as", Script::Same(include_str!("../../migrations/0020_also_known_as.sql"))),
    (21, "whole logins", Script::Same(include_str!("../../migrations/0021_whole_logins.sql"))),
    (22, "acts by post", Script::Same(include_str!("../../migrations/0022_acts_by_post.sql"))),
    (24, "notes of acts", Script::Same(include_str!("../../migrations/0024_notes_of_acts.sql"))),
    (25, "set aside logins", Script::Same(include_str!("../../migrations/0025_set_aside_logins.sql"))),
    (28, "incidents", Script::Same(include_str!("../../migrations/0028_incidents.sql"))),
    (29, "second factors", Script::Same(include_str!("../../migrations/0029_second_factors.sql"))),
    (30, "sorted lists", Script::Same(include_str!("../../migrations/0030_sorted_lists.sql"))),
    (31, "approvals by mail", Script::Same(include_str!("../../migrations/0031_approvals_by_mail.sql"))),
    (32, "large lists", Script::Same(include_str!("../../migrations/0032_large_lists.sql"))),
    (33, "across apps", Script::Same(include_str!("../../migrations/0033_across_apps.sql"))),
    (38, "seen meanwhile", Script::Same(include_str!("../../migrations/0038_seen_meanwhile.sql"))),
    (39, "permission sets", Script::Same(include_str!("../../migrations/0039_permission_sets.sql"))),
    (40, "presets of teams and start pages", Script::Same(include_str!("../../migrations/0040_presets_of_teams_and_start_pages.sql"))),
    (41, "counted with deadlines", Script::Same(include_str!("../../migrations/0041_counted_with_deadlines.sql"))),
    (42, "released incidents", Script::Same(include_str!("../../migrations/0042_released_incidents.sql"))),
    (
        43,
        "search by name",
        Script::Each {
            sqlite: include_str!("../../migrations/0043_search_by_name.sqlite.sql"),
            postgres: include_str!("../../migrations/0043_search_by_name.postgres.sql"),
        },
    ),
    (
        44,
        "search by few letters",
        Script::Each {
            sqlite: include_str!("../../migrations/0044_search_by_few_letters.sqlite.sql"),
            postgres: include_str!("../../migrations/0044_search_by_few_letters.postgres.sql"),
        },
    ),
    (
        45,
        "lists of a million",
        Script::Each {
            sqlite: include_str!("../../migrations/0045_lists_of_a_million.sqlite.sql"),
            postgres: include_str!("../../migrations/0045_lists_of_a_million.postgres.sql"),
        },
    ),
    (
        46,
        "lists of large teams",
        Script::Each {
            sqlite: include_str!("../../migrations/0046_lists_of_large_teams.sqlite.sql"),
            postgres: include_str!("../../migrations/0046_lists_of_large_teams.postgres.sql"),
        },
    ),
    (47, "tags", Script::Same(include_str!("../../migrations/0047_tags.sql"))),
];

/// What a migration copies from rows that other nodes may be writing, which are still of the older version: until its triggers stand, nobody
/// else changes these tables of PostgreSQL. SQLite has one writer.
const COPIES: &[(i64, &[&str])] = &[
    (45, &["users IN SHARE ROW EXCLUSIVE", "profiles IN ACCESS EXCLUSIVE", "profile_teams IN ACCESS EXCLUSIVE"]),
    (46, &["profiles IN ACCESS EXCLUSIVE", "profile_teams IN ACCESS EXCLUSIVE"]),
];

/// Takes tables for a migration. While it waits for one of them, it soon lets go of the others, so that transactions that hold the one and
/// want the others come to their end.
fn taking(tables: &[&str]) -> String {
    let locks: String = tables.iter().map(|table| format!("LOCK TABLE {table} MODE;\n")).collect();
    format!(
        "DO $$ DECLARE patience TEXT := current_setting('lock_timeout'); BEGIN LOOP\nBEGIN\n\
         PERFORM set_config('lock_timeout', '400ms', true);\n{locks}PERFORM set_config('lock_timeout', patience, true);\nEXIT;\n\
         EXCEPTION WHEN lock_not_available OR deadlock_detected THEN PERFORM pg_sleep(0.1);\nEND;\nEND LOOP; END $$;\n"
    )
}

/// The last migration of this version.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// The tables up to that migration, those that others refer to first: no database makes them in another order.
pub(crate) fn tables(last: i64) -> Vec<&'static str> {
    let of_both = |script: &Script| if let Script::Same(sql) = script { Some(*sql) } else { None };
    let texts = MIGRATIONS.iter().filter(|(version, ..)| *version <= last).filter_map(|(.., script)| of_both(script));
    let made = texts.flat_map(|sql| sql.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")));
    made.filter_map(|rest| rest.split([' ', '(']).next()).collect()
}

/// The migrations up to that one.
pub(crate) fn up_to(dialect: Dialect, last: i64) -> Migrator {
    let wanted = MIGRATIONS.iter().filter(|(version, ..)| *version <= last);
    let known = wanted.map(|(version, name, script)| {
        let text = script.of(dialect).replace("{binary}", dialect.binary());
        let said = |text: &str| sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(text));
        let mut migration = Migration::new(*version, (*name).into(), MigrationType::Simple, said(&text), false);
        if dialect == Dialect::Postgres
            && let Some((_, tables)) = COPIES.iter().find(|(copying, _)| copying == version)
        {
            // Known by its own text, however its tables are taken.
            migration.sql = said(&(taking(tables) + &text));
        }
        migration
    });
    Migrator::with_migrations(known.collect())
}

/// Brings a database of PostgreSQL up to that migration. One that had rows before is looked through for its planner, which knows nothing of
/// new tables and indexes otherwise until autovacuum comes round.
pub(crate) async fn bring_up_to(pool: &PgPool, last: i64) -> Result<(), MigrateError> {
    let had = has_run(pool).await?;
    up_to(Dialect::Postgres, last).run(pool).await?;
    if had > 0 && has_run(pool).await? > had {
        sqlx::query("ANALYZE").execute(pool).await?;
    }
    Ok(())
}

/// How many migrations a database has been through.
async fn has_run(pool: &PgPool) -> Result<i64, MigrateError> {
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(pool).await?;
    Ok(if is_there { sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(pool).await? } else { 0 })
}

#[cfg(test)]
mod tests;
