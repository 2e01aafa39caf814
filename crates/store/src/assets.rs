//! What a person can act as at a network, as it was last listed: new, vanished and demoted assets become events.

use lifecycle::grant::Grant;
use lifecycle::ids::{GrantId, OrganisationId, ProfileId};
use lifecycle::ledger::Asset;
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::driver::{Row, StoreError, Tx};
use crate::events::{self, About, Actor};
use crate::profiles::sort_key;

fn read(row: &Row) -> Result<Asset, StoreError> {
    Ok(Asset {
        network_id: row.text("network_id")?,
        kind: row.text("kind")?,
        name: row.text("name")?,
        role: row.text("role")?,
        usable: row.flag("usable")?,
        parent: None,
        comes_along: false,
    })
}

/// What a grant's person could act as when the network was last asked, by network id.
pub async fn of_grant(tx: &mut Tx, grant: &GrantId) -> Result<Vec<Asset>, StoreError> {
    let sql = "SELECT * FROM assets WHERE grant_id = $1 AND vanished_at IS NULL ORDER BY network_id";
    tx.all(sql, &[grant.as_str().into()]).await?.iter().map(read).collect()
}

/// Compares a complete listing with the one before and keeps it; what is new and can be connected. The first listing of a grant
/// is not news.
pub(crate) async fn compare(
    tx: &mut Tx,
    organisation: &OrganisationId,
    grant: &Grant,
    listed: &[Asset],
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<Asset>, StoreError> {
    let sql = "SELECT * FROM assets WHERE grant_id = $1 ORDER BY network_id";
    let rows = tx.all(sql, &[grant.id.as_str().into()]).await?;
    let mut known = vec![];
    for row in &rows {
        known.push((read(row)?, row.opt_time("vanished_at")?.is_some()));
    }
    let mut drift = Drift { tx, organisation, grant, actor, now, is_first: known.is_empty(), appeared: vec![] };
    for asset in listed {
        let asset = &with_known_name(asset, &known);
        match known.iter().find(|(before, _)| before.network_id == asset.network_id) {
            Some((before, false)) if asset.is_as_before(before) => {}
            before => drift.keep(asset, before).await?,
        }
    }
    for (gone, vanished) in known.iter().filter(|(before, _)| !listed.iter().any(|asset| asset.network_id == before.network_id)) {
        if !vanished {
            drift.gone(gone).await?;
        }
    }
    Ok(drift.appeared)
}

/// Where a name was not read, the id stands in for it, and the name that is known stays.
fn with_known_name(asset: &Asset, known: &[(Asset, bool)]) -> Asset {
    let before = known.iter().find(|(before, _)| asset.name == asset.network_id && before.network_id == asset.network_id);
    Asset { name: before.map_or(&asset.name, |(before, _)| &before.name).clone(), ..asset.clone() }
}

struct Drift<'a> {
    tx: &'a mut Tx,
    organisation: &'a OrganisationId,
    grant: &'a Grant,
    actor: &'a Actor,
    now: Timestamp,
    is_first: bool,
    /// What is new and can be connected.
    appeared: Vec<Asset>,
}

impl Drift<'_> {
    async fn keep(&mut self, asset: &Asset, before: Option<&(Asset, bool)>) -> Result<(), StoreError> {
        let sql = "INSERT INTO assets (grant_id, network_id, kind, name, role, usable, first_seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                   ON CONFLICT (grant_id, network_id) DO UPDATE SET kind = excluded.kind, name = excluded.name, role = excluded.role, \
                   usable = excluded.usable, vanished_at = NULL";
        let values = [
            self.grant.id.as_str().into(),
            asset.network_id.as_str().into(),
            asset.kind.as_str().into(),
            asset.name.as_str().into(),
            asset.role.as_str().into(),
            asset.usable.into(),
            self.now.into(),
        ];
        self.tx.run(sql, &values).await?;
        match before {
            None if self.is_first => Ok(()),
            None | Some((_, true)) => {
                self.appeared.extend(asset.usable.then(|| asset.clone()));
                self.tell("asset.appeared", asset, None).await
            }
            Some((before, false)) => {
                if before.role != asset.role || before.usable != asset.usable {
                    self.tell("asset.role_changed", asset, Some(&before.role)).await?;
                }
                if before.name != asset.name {
                    self.rename(asset).await?;
                    self.tell("asset.renamed", asset, Some(&before.name)).await?;
                }
                Ok(())
            }
        }
    }

    async fn gone(&mut self, asset: &Asset) -> Result<(), StoreError> {
        let sql = "UPDATE assets SET vanished_at = $3 WHERE grant_id = $1 AND network_id = $2";
        self.tx.run(sql, &[self.grant.id.as_str().into(), asset.network_id.as_str().into(), self.now.into()]).await?;
        self.tell("asset.vanished", asset, None).await
    }

    /// The profile of this asset, where it is connected through this grant.
    async fn profile(&mut self, asset: &Asset) -> Result<Option<ProfileId>, StoreError> {
        let sql = "SELECT profiles.id FROM profiles JOIN accesses ON accesses.profile_id = profiles.id WHERE accesses.grant_id = $1 AND profiles.network_id = $2";
        let row = self.tx.one(sql, &[self.grant.id.as_str().into(), asset.network_id.as_str().into()]).await?;
        row.map(|row| row.parsed("id")).transpose()
    }

    /// People know a profile by the name it has at the network.
    async fn rename(&mut self, asset: &Asset) -> Result<(), StoreError> {
        let Some(profile) = self.profile(asset).await? else { return Ok(()) };
        let values = [profile.as_str().into(), asset.name.as_str().into(), sort_key(&asset.name).into()];
        self.tx.run("UPDATE profiles SET name = $2, sort_key = $3 WHERE id = $1", &values).await?;
        Ok(())
    }

    async fn tell(&mut self, kind: &str, asset: &Asset, before: Option<&str>) -> Result<(), StoreError> {
        let about = About {
            profile: self.profile(asset).await?,
            grant: Some(self.grant.id.clone()),
            person: Some(self.grant.person.clone()),
            ..About::default()
        };
        let detail = json!({ "network_id": asset.network_id, "kind": asset.kind, "name": asset.name, "role": asset.role, "usable": asset.usable, "before": before });
        events::append(self.tx, self.organisation, self.now, kind, self.actor, &about, &detail).await
    }
}
