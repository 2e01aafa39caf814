//! Sealing everything anew after another key has become the first. Row by row beside all other work: a row that somebody writes
//! meanwhile is sealed with the new key by that. What lives for a day at most (answers to repeated requests, what a connection
//! remembers, letters, the generation before) is left to end by itself.

use std::collections::BTreeMap;

use crate::driver::{Row, StoreError, Tx};
use crate::seal::{Context, Keyring, from_text, to_text};
use crate::{OpenError, Store, dialect, first_admin, installation};

/// Rows of one transaction.
const PAGE: u32 = 100;

/// A column with sealed values.
struct Column {
    table: &'static str,
    column: &'static str,
    /// Sealed for a generation of its row.
    of_generation: bool,
    /// Sealed anew; otherwise it ends by itself.
    lasts: bool,
}

const fn column(table: &'static str, column: &'static str) -> Column {
    Column { table, column, of_generation: false, lasts: true }
}

const COLUMNS: [Column; 11] = [
    Column { of_generation: true, ..column("grants", "sealed_tokens") },
    column("network_apps", "sealed_secret"),
    column("webhook_endpoints", "sealed_secrets"),
    column("revocations", "sealed_tokens"),
    column("acts", "sealed_content"),
    column("second_factors", "sealed_secret"),
    Column { lasts: false, ..column("grants", "previous_sealed_tokens") },
    Column { lasts: false, ..column("outbox", "sealed_payload") },
    Column { lasts: false, ..column("connections", "sealed_memory") },
    Column { lasts: false, ..column("connections", "sealed_login") },
    Column { lasts: false, ..column("idempotency_keys", "answer") },
];

/// A row's id, what is stored, and the same sealed anew.
type Swap = (String, Vec<u8>, Vec<u8>);

/// Values of the installation that are sealed, as text.
const OF_INSTALLATION: [&str; 3] = ["key_check", "audit_key", first_admin::NAME];

fn of_installation(name: &str) -> Context<'_> {
    Context { table: "installation", column: "value", row: name, organisation: "", generation: None }
}

impl Store {
    /// Seals everything that lasts with the first key. `done` hears how many rows were sealed anew so far. May be stopped and
    /// begun again at any moment. A row that does not open is left as it is.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn reseal(&self, mut done: impl FnMut(u64) + Send) -> Result<u64, StoreError> {
        let mut count = 0;
        for name in OF_INSTALLATION {
            let mut tx = self.write().await?;
            let stored = installation::get(&mut tx, name).await?.as_deref().and_then(from_text);
            if let Some(again) = stored.and_then(|sealed| again(self.keys(), &of_installation(name), &sealed)) {
                installation::set(&mut tx, name, &to_text(&again)).await?;
                tx.commit().await?;
                count += 1;
            }
        }
        for column in COLUMNS.iter().filter(|column| column.lasts) {
            let mut last = String::new();
            while let Some((id, sealed)) = self.reseal_page(column, &last).await? {
                (last, count) = (id, count + sealed);
                done(count);
            }
        }
        Ok(count)
    }

    /// The next rows after that id; the last id and how many were sealed anew.
    async fn reseal_page(&self, what: &Column, last: &str) -> Result<Option<(String, u64)>, StoreError> {
        let Column { table, column, of_generation, .. } = what;
        let generation = if *of_generation { "generation" } else { "0" };
        let sql = format!(
            "SELECT id, organisation_id, {generation} AS generation, {column} AS sealed FROM {table} WHERE id > $1 AND {column} IS NOT NULL ORDER BY id LIMIT {PAGE}"
        );
        let mut look = self.read().await?;
        let rows = look.all(&sql, &[last.into()]).await?;
        drop(look);
        let Some(end) = rows.last().map(|row| row.text("id")).transpose()? else { return Ok(None) };
        let changed = rows.iter().map(|row| self.sealed_again(what, row)).collect::<Result<Vec<_>, StoreError>>()?;
        let mut count = 0;
        let changed: Vec<_> = changed.into_iter().flatten().collect();
        if !changed.is_empty() {
            let mut tx = self.write().await?;
            // Who wrote the row since has sealed it with the new key.
            let swap = format!("UPDATE {table} SET {column} = $2 WHERE id = $1 AND {column} = $3");
            for (id, before, after) in changed {
                count += tx.run(&swap, &[id.into(), after.into(), before.into()]).await?;
            }
            tx.commit().await?;
        }
        Ok(Some((end, count)))
    }

    fn sealed_again(&self, what: &Column, row: &Row) -> Result<Option<Swap>, StoreError> {
        let (id, organisation, before) = (row.text("id")?, row.text("organisation_id")?, row.bytes("sealed")?);
        let generation = if what.of_generation { Some(row.int("generation")?) } else { None };
        let context = Context { table: what.table, column: what.column, row: &id, organisation: &organisation, generation };
        let after = again(self.keys(), &context, &before);
        Ok(after.map(|after| (id, before, after)))
    }
}

/// The same under the first key; `None` when it is already, or does not open.
fn again(keys: &Keyring, context: &Context<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
    if Keyring::sealed_with(sealed) == Some(keys.seals_with()) {
        return None;
    }
    match keys.open(context, sealed) {
        Ok(plain) => Some(keys.seal(context, &plain)),
        Err(error) => {
            tracing::error!(table = context.table, row = context.row, error = %error, "store: a sealed value does not open and stays as it is");
            None
        }
    }
}

/// How many values are sealed with each key of the file, by its id; those of no key of the file stand under `?`. Also while a
/// server works on the database.
///
/// # Errors
/// The database cannot be opened or read.
pub async fn counts(url: &str, keys: &Keyring) -> Result<BTreeMap<String, i64>, OpenError> {
    let mut tx = dialect::snapshot(url).await?;
    Ok(count(&mut tx, keys).await?)
}

async fn count(tx: &mut Tx, keys: &Keyring) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut all: BTreeMap<String, i64> = keys.ids().map(|id| (id.to_owned(), 0)).collect();
    for name in OF_INSTALLATION {
        if let Some(sealed) = installation::get(tx, name).await?.as_deref().and_then(from_text) {
            *all.entry(Keyring::sealed_with(&sealed).unwrap_or("?").to_owned()).or_default() += 1;
        }
    }
    for Column { table, column, .. } in &COLUMNS {
        let whole = format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} IS NOT NULL");
        let mut left = tx.one(&whole, &[]).await?.map(|row| row.int("n")).transpose()?.unwrap_or(0);
        for id in keys.ids() {
            let head = Keyring::head(id);
            let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE substr({column}, 1, {}) = $1", head.len());
            let with = tx.one(&sql, &[head.into()]).await?.map(|row| row.int("n")).transpose()?.unwrap_or(0);
            left -= with;
            *all.entry(id.to_owned()).or_default() += with;
        }
        if left > 0 {
            *all.entry("?".into()).or_default() += left;
        }
    }
    Ok(all)
}
