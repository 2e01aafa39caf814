//! Page presets: the defaults a new profile gets, per network.

use lifecycle::ids::{OrganisationId, TeamId, UserId};
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx, to_json};

/// The defaults for one network; the network `""` stands for all that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// The network, or `""`.
    pub network: String,
    /// The profile owner.
    pub owner: Option<UserId>,
    /// The teams.
    pub teams: Vec<TeamId>,
    /// *No access tokens available.*
    pub notify_no_access: bool,
    /// Early warnings.
    pub notify_renew_soon: bool,
}

impl Preset {
    /// What holds when nobody set anything: no owner, no team, every notification on.
    pub fn built_in() -> Self {
        Self { network: String::new(), owner: None, teams: vec![], notify_no_access: true, notify_renew_soon: true }
    }
}

fn read(row: &Row) -> Result<Preset, StoreError> {
    Ok(Preset {
        network: row.text("network")?,
        owner: row.opt_parsed("owner_id")?,
        teams: row.json("team_ids")?,
        notify_no_access: row.flag("notify_no_access")?,
        notify_renew_soon: row.flag("notify_renew_soon")?,
    })
}

/// What a new profile of that network gets.
pub async fn for_network(tx: &mut Tx, organisation: &OrganisationId, network: &str) -> Result<Preset, StoreError> {
    let sql = "SELECT * FROM page_presets WHERE organisation_id = $1 AND network IN ($2, '') ORDER BY network DESC LIMIT 1";
    let row = tx.one(sql, &[organisation.as_str().into(), network.into()]).await?;
    row.as_ref().map_or_else(|| Ok(Preset::built_in()), read)
}

/// All that were set.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<Preset>, StoreError> {
    tx.all("SELECT * FROM page_presets WHERE organisation_id = $1 ORDER BY network", &[organisation.as_str().into()])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Keeps others from setting any until the transaction ends.
pub async fn keep(tx: &mut Tx, organisation: &OrganisationId) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM organisations WHERE id = $1{}", tx.dialect().for_update());
    tx.one(&sql, &[organisation.as_str().into()]).await?;
    Ok(())
}

/// Sets the defaults of a network.
pub async fn set(tx: &mut Tx, organisation: &OrganisationId, preset: &Preset, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO page_presets (organisation_id, network, owner_id, team_ids, notify_no_access, notify_renew_soon, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (organisation_id, network) DO UPDATE SET owner_id = excluded.owner_id, team_ids = excluded.team_ids, notify_no_access = excluded.notify_no_access, \
               notify_renew_soon = excluded.notify_renew_soon, updated_at = excluded.updated_at";
    let values = [
        organisation.as_str().into(),
        preset.network.as_str().into(),
        preset.owner.as_ref().map(UserId::as_str).into(),
        to_json(&preset.teams)?.into(),
        preset.notify_no_access.into(),
        preset.notify_renew_soon.into(),
        now.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}

/// Takes back the defaults of a network: those of all networks hold again. `false` when none were set.
pub async fn remove(tx: &mut Tx, organisation: &OrganisationId, network: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM page_presets WHERE organisation_id = $1 AND network = $2";
    Ok(tx.run(sql, &[organisation.as_str().into(), network.into()]).await? == 1)
}

/// New profiles no longer get a team that is going to be deleted.
pub(crate) async fn forget_team(tx: &mut Tx, organisation: &OrganisationId, team: &TeamId) -> Result<(), StoreError> {
    for preset in list(tx, organisation).await? {
        if preset.teams.contains(team) {
            let left: Vec<&TeamId> = preset.teams.iter().filter(|of| *of != team).collect();
            let sql = "UPDATE page_presets SET team_ids = $3 WHERE organisation_id = $1 AND network = $2";
            tx.run(sql, &[organisation.as_str().into(), preset.network.as_str().into(), to_json(&left)?.into()]).await?;
        }
    }
    Ok(())
}
