//! People who asked, through their network, that what is stored about them is deleted: taken once, answered by a code that
//! names nobody, carried out when a look has confirmed it ([`lifecycle::erasure`]).
//!
//! What goes: their token sets, their name, handle and id, profiles that are themselves, and their name in the history and in
//! messages. What stays: pages and channels of others, and the audit, which can't be changed by anybody and is kept as
//! evidence (GDPR Art. 17(3)(e)).

use lifecycle::erasure::{Erasure, decide};
use lifecycle::facts::Facts;
use lifecycle::grant::Grant;
use lifecycle::ids::{GrantId, OrganisationId, ProfileId};
use lifecycle::status::Standing;
use lifecycle::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::Store;
use crate::driver::{Row, StoreError, Tx, to_json};
use crate::events::{self, About, Actor};
use crate::grants::{self, Person};
use crate::standing::settle_profiles;

lifecycle::word_enum! {
    /// How a request ended.
    Outcome {
        /// What was stored about the person was deleted.
        Deleted = "deleted",
        /// Nothing was stored about them.
        NothingStored = "nothing_stored",
        /// The network says that their login still stands, or they logged in again.
        StillConnected = "still_connected",
    }
}

/// A request, as the person may follow it: nothing in it is about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The network it came through.
    pub network: String,
    /// When it came.
    pub received_at: Timestamp,
    /// How it ended; `None` while it waits.
    pub ended: Option<(Outcome, Timestamp)>,
}

/// A request that waits.
#[derive(Debug, Clone)]
pub struct Open {
    code: String,
    organisation: OrganisationId,
    /// The network it came through.
    pub network: String,
    network_id: String,
    received_at: Timestamp,
}

/// Takes a request; the same code is one request, however often it is told.
pub async fn ask(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    person: &str,
    code: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO deletion_requests (code, organisation_id, network, person_network_id, received_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (code) DO NOTHING";
    tx.run(sql, &[code.into(), organisation.as_str().into(), network.into(), person.into(), now.into()]).await?;
    Ok(())
}

/// A request by the code that the person was given.
pub async fn find(tx: &mut Tx, code: &str) -> Result<Option<Request>, StoreError> {
    let Some(row) = tx.one("SELECT * FROM deletion_requests WHERE code = $1", &[code.into()]).await? else { return Ok(None) };
    let outcome = row.opt_text("outcome")?.as_deref().and_then(Outcome::parse);
    Ok(Some(Request {
        network: row.text("network")?,
        received_at: row.time("received_at")?,
        ended: outcome.zip(row.opt_time("ended_at")?),
    }))
}

/// The oldest requests that wait.
pub async fn open(tx: &mut Tx, limit: u32) -> Result<Vec<Open>, StoreError> {
    let sql = "SELECT * FROM deletion_requests WHERE ended_at IS NULL ORDER BY received_at LIMIT $1";
    let read = |row: &Row| {
        Ok(Open {
            code: row.text("code")?,
            organisation: row.parsed("organisation_id")?,
            network: row.text("network")?,
            network_id: row.text("person_network_id")?,
            received_at: row.time("received_at")?,
        })
    };
    tx.all(sql, &[limit.into()]).await?.iter().map(read).collect()
}

impl Store {
    /// Carries a request out, where it is time; how it ended, or `None` while it waits.
    pub async fn settle_deletion(&self, open: &Open, facts: &Facts, now: Timestamp) -> Result<Option<Outcome>, StoreError> {
        let mut tx = self.write().await?;
        let sql =
            "SELECT * FROM people WHERE organisation_id = $1 AND network = $2 AND (network_id = $3 OR also_known_as = $3) ORDER BY id";
        let rows = tx.all(sql, &[open.organisation.as_str().into(), open.network.as_str().into(), open.network_id.as_str().into()]).await?;
        let people = rows.iter().map(grants::read_person).collect::<Result<Vec<_>, _>>()?;
        let mut held = vec![];
        for person in &people {
            held.extend(grants::of_person(&mut tx, &person.id).await?);
        }
        let outcome = match decide(&held, open.received_at, now) {
            Erasure::Wait => {
                // Nothing was written. What is dropped is taken back some time later at PostgreSQL, and whoever claims would pass over the rows.
                tx.commit().await?;
                return Ok(None);
            }
            Erasure::StillConnected => Outcome::StillConnected,
            Erasure::Erase if people.is_empty() => Outcome::NothingStored,
            Erasure::Erase => {
                for person in &people {
                    let grant = held.iter().find(|grant| grant.person == person.id);
                    self.erase(&mut tx, open, person, grant, facts, now).await?;
                }
                Outcome::Deleted
            }
        };
        let sql = "UPDATE deletion_requests SET outcome = $2, ended_at = $3, person_network_id = NULL WHERE code = $1";
        tx.run(sql, &[open.code.as_str().into(), outcome.as_str().into(), now.into()]).await?;
        let about = About { person: people.first().map(|person| person.id.clone()), ..About::default() };
        let detail = json!({ "network": open.network, "code": open.code, "outcome": outcome });
        events::append(&mut tx, &open.organisation, now, "deletion.ended", &Actor::System, &about, &detail).await?;
        tx.commit().await?;
        Ok(Some(outcome))
    }

    async fn erase(
        &self,
        tx: &mut Tx,
        open: &Open,
        person: &Person,
        grant: Option<&Grant>,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let organisation = &open.organisation;
        let names = Names::of(person);
        let mut others = vec![];
        if let Some(grant) = grant {
            let held = profiles_of(tx, &grant.id).await?;
            let (own, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|(_, network_id)| *network_id == person.network_id);
            others = rest.into_iter().map(|(profile, _)| profile).collect();
            forget_in_history(tx, grant, &others, &names).await?;
            for (profile, _) in own {
                self.delete_profile(tx, organisation, &profile, &Actor::System, now).await?;
            }
            tx.run("DELETE FROM accesses WHERE grant_id = $1", &[grant.id.as_str().into()]).await?;
            self.give_up_grant(tx, organisation, &grant.id, now).await?;
        }
        // Nobody can be led back to the person by it, and a login of theirs makes a new person.
        let sql = "UPDATE people SET name = '', handle = NULL, also_known_as = NULL, across_apps = NULL, network_id = $2, updated_at = $3 WHERE id = $1";
        tx.run(sql, &[person.id.as_str().into(), format!("deleted:{}", person.id).into(), now.into()]).await?;
        let sql = "UPDATE connections SET discovered = NULL, failure = NULL, left_out = NULL WHERE person_id = $1";
        tx.run(sql, &[person.id.as_str().into()]).await?;
        forget_in_messages(tx, organisation, &names).await?;
        name_nobody(tx, &others, person).await?;
        settle_profiles(tx, &others, facts, now, &Actor::System, person.id.as_str()).await?;
        let about = About { person: Some(person.id.clone()), ..About::default() };
        events::append(tx, organisation, now, "person.deleted", &Actor::System, &about, &json!({ "network": open.network })).await
    }
}

/// The profiles that a grant reaches, with their ids at the network.
async fn profiles_of(tx: &mut Tx, grant: &GrantId) -> Result<Vec<(ProfileId, String)>, StoreError> {
    let sql = "SELECT profiles.id, profiles.network_id FROM profiles JOIN accesses ON accesses.profile_id = profiles.id WHERE accesses.grant_id = $1 ORDER BY profiles.id";
    let rows = tx.all(sql, &[grant.as_str().into()]).await?;
    rows.iter().map(|row| Ok((row.parsed("id")?, row.text("network_id")?))).collect()
}

/// Whoever stood behind these profiles stands there no more.
async fn name_nobody(tx: &mut Tx, profiles: &[ProfileId], person: &Person) -> Result<(), StoreError> {
    for profile in profiles {
        let Some(row) = tx.one("SELECT standing FROM profiles WHERE id = $1", &[profile.as_str().into()]).await? else { continue };
        let mut standing: Standing = row.json("standing")?;
        if standing.person.as_ref() == Some(&person.id) {
            standing.person = None;
            tx.run("UPDATE profiles SET standing = $2 WHERE id = $1", &[profile.as_str().into(), to_json(&standing)?.into()]).await?;
        }
    }
    Ok(())
}

/// What a person is called in texts of ours.
struct Names(Vec<String>);

/// Stands where a name was.
const GONE: &str = "(deleted)";

impl Names {
    fn of(person: &Person) -> Self {
        let (name, handle) = (person.name.clone(), person.handle.clone());
        let both = handle.as_ref().map(|handle| format!("{name} ({handle})"));
        Self([both, Some(name), handle].into_iter().flatten().filter(|name| !name.is_empty()).collect())
    }

    /// Takes the names out of a value; whether there were any. Only whole values: a name may be a word of everyday.
    fn forget(&self, value: &mut Json) -> bool {
        match value {
            Json::String(text) if self.0.contains(text) => {
                GONE.clone_into(text);
                true
            }
            Json::Array(all) => all.iter_mut().fold(false, |any, each| self.forget(each) | any),
            Json::Object(all) => all.values_mut().fold(false, |any, each| self.forget(each) | any),
            _ => false,
        }
    }

    async fn forget_in(&self, tx: &mut Tx, rows: &[Row], key: &str, column: &str, update: &str) -> Result<(), StoreError> {
        for row in rows {
            let mut detail: Json = row.json(column)?;
            if self.forget(&mut detail) {
                tx.run(update, &[row.text(key)?.into(), to_json(&detail)?.into()]).await?;
            }
        }
        Ok(())
    }
}

/// The history of the grant, and of the profiles it reached, without the person's name.
async fn forget_in_history(tx: &mut Tx, grant: &Grant, profiles: &[ProfileId], names: &Names) -> Result<(), StoreError> {
    events::write_noted(tx).await?;
    let update = "UPDATE events SET detail = $2 WHERE id = $1";
    let rows = tx.all("SELECT id, detail FROM events WHERE grant_id = $1", &[grant.id.as_str().into()]).await?;
    names.forget_in(tx, &rows, "id", "detail", update).await?;
    for profile in profiles {
        let rows = tx.all("SELECT id, detail FROM events WHERE profile_id = $1", &[profile.as_str().into()]).await?;
        names.forget_in(tx, &rows, "id", "detail", update).await?;
    }
    Ok(())
}

/// Messages that were sent or wait, without the person's name. Rare enough to look through all of them.
async fn forget_in_messages(tx: &mut Tx, organisation: &OrganisationId, names: &Names) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let sql = "SELECT id, payload FROM outbox WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT 500";
        let rows = tx.all(sql, &[organisation.as_str().into(), after.as_str().into()]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.text("id")?;
        names.forget_in(tx, &rows, "id", "payload", "UPDATE outbox SET payload = $2 WHERE id = $1").await?;
    }
}
