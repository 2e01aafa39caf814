//! Page presets: the defaults a new profile gets, of the company or of a team, per network or for all networks.

use lifecycle::ids::{OrganisationId, TeamId, UserId};
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx, Value, to_json};

/// The defaults for one network; the network `""` stands for all that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// Whose: a team's, or the company's.
    pub team: Option<TeamId>,
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
        Self { team: None, network: String::new(), owner: None, teams: vec![], notify_no_access: true, notify_renew_soon: true }
    }
}

fn read(row: &Row, team: Option<TeamId>) -> Result<Preset, StoreError> {
    Ok(Preset {
        team,
        network: row.text("network")?,
        owner: row.opt_parsed("owner_id")?,
        teams: row.json("team_ids")?,
        notify_no_access: row.flag("notify_no_access")?,
        notify_renew_soon: row.flag("notify_renew_soon")?,
    })
}

/// What holds for a profile of that network in these teams: the team's preset before the network's before the company's. Of several
/// teams that have one the first by name counts, as [`list`] has them.
pub fn holding(all: &[Preset], network: &str, teams: &[TeamId]) -> Preset {
    let find = |of_team: bool, network: &str| {
        let is_theirs = |preset: &Preset| match &preset.team {
            Some(team) => of_team && teams.contains(team),
            None => !of_team,
        };
        all.iter().find(|preset| preset.network == network && is_theirs(preset))
    };
    let found = find(true, network).or_else(|| find(true, "")).or_else(|| find(false, network)).or_else(|| find(false, ""));
    found.cloned().unwrap_or_else(Preset::built_in)
}

/// All that were set: the company's by network, then the teams' by name and network.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<Preset>, StoreError> {
    let ours = [organisation.as_str().into()];
    let mut all = vec![];
    for row in tx.all("SELECT * FROM page_presets WHERE organisation_id = $1 ORDER BY network", &ours).await? {
        all.push(read(&row, None)?);
    }
    let sql = "SELECT team_presets.* FROM team_presets JOIN teams ON teams.id = team_presets.team_id \
               WHERE team_presets.organisation_id = $1 ORDER BY teams.name, team_presets.team_id, team_presets.network";
    for row in tx.all(sql, &ours).await? {
        all.push(read(&row, Some(row.parsed("team_id")?))?);
    }
    Ok(all)
}

/// Keeps others from setting any until the transaction ends.
pub async fn keep(tx: &mut Tx, organisation: &OrganisationId) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM organisations WHERE id = $1{}", tx.dialect().for_update());
    tx.one(&sql, &[organisation.as_str().into()]).await?;
    Ok(())
}

/// Sets the defaults of a network, for the company or a team of it.
pub async fn set(tx: &mut Tx, organisation: &OrganisationId, preset: &Preset, now: Timestamp) -> Result<(), StoreError> {
    let mut values: Vec<Value> = vec![
        organisation.as_str().into(),
        preset.network.as_str().into(),
        preset.owner.as_ref().map(UserId::as_str).into(),
        to_json(&preset.teams)?.into(),
        preset.notify_no_access.into(),
        preset.notify_renew_soon.into(),
        now.into(),
    ];
    let change = "DO UPDATE SET owner_id = excluded.owner_id, team_ids = excluded.team_ids, notify_no_access = excluded.notify_no_access, \
                  notify_renew_soon = excluded.notify_renew_soon, updated_at = excluded.updated_at";
    let columns = "network, owner_id, team_ids, notify_no_access, notify_renew_soon, updated_at";
    let sql = match &preset.team {
        None => format!(
            "INSERT INTO page_presets (organisation_id, {columns}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organisation_id, network) {change}"
        ),
        Some(team) => {
            values.push(team.as_str().into());
            format!(
                "INSERT INTO team_presets (organisation_id, {columns}, team_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (organisation_id, team_id, network) {change}"
            )
        }
    };
    tx.run(&sql, &values).await?;
    Ok(())
}

/// Takes back the defaults of a network: what comes after them holds again. `false` when none were set.
pub async fn remove(tx: &mut Tx, organisation: &OrganisationId, team: Option<&TeamId>, network: &str) -> Result<bool, StoreError> {
    let mut values: Vec<Value> = vec![organisation.as_str().into(), network.into()];
    let sql = match team {
        None => "DELETE FROM page_presets WHERE organisation_id = $1 AND network = $2",
        Some(team) => {
            values.push(team.as_str().into());
            "DELETE FROM team_presets WHERE organisation_id = $1 AND network = $2 AND team_id = $3"
        }
    };
    Ok(tx.run(sql, &values).await? == 1)
}

/// A team that is going to be deleted has no presets any more, and new profiles no longer get it.
pub(crate) async fn forget_team(tx: &mut Tx, organisation: &OrganisationId, team: &TeamId) -> Result<(), StoreError> {
    let theirs = "DELETE FROM team_presets WHERE organisation_id = $1 AND team_id = $2";
    tx.run(theirs, &[organisation.as_str().into(), team.as_str().into()]).await?;
    for mut preset in list(tx, organisation).await? {
        if preset.teams.contains(team) {
            preset.teams.retain(|of| of != team);
            let mut values: Vec<Value> = vec![organisation.as_str().into(), preset.network.as_str().into(), to_json(&preset.teams)?.into()];
            let sql = match &preset.team {
                None => "UPDATE page_presets SET team_ids = $3 WHERE organisation_id = $1 AND network = $2",
                Some(of) => {
                    values.push(of.as_str().into());
                    "UPDATE team_presets SET team_ids = $3 WHERE organisation_id = $1 AND network = $2 AND team_id = $4"
                }
            };
            tx.run(sql, &values).await?;
        }
    }
    Ok(())
}
