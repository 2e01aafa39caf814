//! Teams: groups of users that work with the same profiles. Rows that have a tag are none: see [`crate::tags`].

use lifecycle::ids::{OrganisationId, TeamId, UserId};
use lifecycle::time::Timestamp;

use crate::driver::{StoreError, Tx};
use crate::ids::fresh;
use crate::presets;

/// A team with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Which.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// Who is in it.
    pub members: Vec<UserId>,
}

/// All teams, by name.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<Team>, StoreError> {
    let mut teams = vec![];
    for row in tx
        .all("SELECT id, name FROM teams WHERE organisation_id = $1 AND tag IS NULL ORDER BY name, id", &[organisation.as_str().into()])
        .await?
    {
        teams.push(Team { id: row.parsed("id")?, name: row.text("name")?, members: vec![] });
    }
    let sql =
        "SELECT team_id, user_id FROM team_members WHERE team_id IN (SELECT id FROM teams WHERE organisation_id = $1) ORDER BY user_id";
    for row in tx.all(sql, &[organisation.as_str().into()]).await? {
        let id: TeamId = row.parsed("team_id")?;
        if let Some(team) = teams.iter_mut().find(|team| team.id == id) {
            team.members.push(row.parsed("user_id")?);
        }
    }
    Ok(teams)
}

/// Makes a team; a name that is taken is [`StoreError::is_duplicate`].
pub async fn create(tx: &mut Tx, organisation: &OrganisationId, name: &str, now: Timestamp) -> Result<TeamId, StoreError> {
    let id: TeamId = fresh();
    tx.run(
        "INSERT INTO teams (id, organisation_id, name, created_at) VALUES ($1, $2, $3, $4)",
        &[id.as_str().into(), organisation.as_str().into(), name.into(), now.into()],
    )
    .await?;
    Ok(id)
}

/// Sets who is in a team; users of other organisations are left out. `false` when there is no such team here.
pub async fn set_members(tx: &mut Tx, organisation: &OrganisationId, team: &TeamId, members: &[UserId]) -> Result<bool, StoreError> {
    if tx
        .one("SELECT id FROM teams WHERE id = $1 AND organisation_id = $2", &[team.as_str().into(), organisation.as_str().into()])
        .await?
        .is_none()
    {
        return Ok(false);
    }
    tx.run("DELETE FROM team_members WHERE team_id = $1", &[team.as_str().into()]).await?;
    for member in members {
        let sql = "INSERT INTO team_members (team_id, user_id) SELECT $1, id FROM users WHERE id = $2 AND organisation_id = $3 ON CONFLICT DO NOTHING";
        tx.run(sql, &[team.as_str().into(), member.as_str().into(), organisation.as_str().into()]).await?;
    }
    Ok(true)
}

/// Renames a team; a name that is taken is [`StoreError::is_duplicate`]. `false` when there is no such team here.
pub async fn rename(tx: &mut Tx, organisation: &OrganisationId, team: &TeamId, name: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE teams SET name = $3 WHERE id = $1 AND organisation_id = $2";
    Ok(tx.run(sql, &[team.as_str().into(), organisation.as_str().into(), name.into()]).await? == 1)
}

/// Deletes a team: its profiles, users and presets stay, without it. `false` when there is no such team here.
pub async fn delete(tx: &mut Tx, organisation: &OrganisationId, team: &TeamId) -> Result<bool, StoreError> {
    let found = "SELECT id FROM teams WHERE id = $1 AND organisation_id = $2";
    if tx.one(found, &[team.as_str().into(), organisation.as_str().into()]).await?.is_none() {
        return Ok(false);
    }
    presets::forget_team(tx, organisation, team).await?;
    for sql in [
        "DELETE FROM profile_teams WHERE team_id = $1",
        "DELETE FROM team_members WHERE team_id = $1",
        "DELETE FROM given_sets WHERE team_id = $1",
        "DELETE FROM teams WHERE id = $1",
    ] {
        tx.run(sql, &[team.as_str().into()]).await?;
    }
    Ok(true)
}

/// The teams a user belongs to.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<TeamId>, StoreError> {
    tx.all("SELECT team_id FROM team_members WHERE user_id = $1 ORDER BY team_id", &[user.as_str().into()])
        .await?
        .iter()
        .map(|row| row.parsed("team_id"))
        .collect()
}

/// Keeps others from changing any until the transaction ends.
pub async fn keep(tx: &mut Tx, organisation: &OrganisationId) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM teams WHERE organisation_id = $1 AND tag IS NULL ORDER BY id{}", tx.dialect().for_update());
    tx.all(&sql, &[organisation.as_str().into()]).await?;
    Ok(())
}
