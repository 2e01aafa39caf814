//! Posts and comments made through us: those that wait, and a journal of the others, by which the same key is never carried out
//! twice. What is to be said lies sealed. Every change names the state it starts from, so that of two who change the same act one
//! is too late.

use lifecycle::ids::{ActId, OrganisationId, ProfileId, UserId};
use lifecycle::time::{Span, Timestamp};
use lifecycle::waiting::State;
use zeroize::Zeroizing;

use crate::driver::{Row, StoreError, Tx, Value, placeholders, to_json};
use crate::events::Actor;
use crate::ids::{self, fresh};
use crate::seal::{Context, digest};
use crate::{Dialect, Store, api_keys};

/// How long an act that is over is known.
pub(crate) const KEPT: Span = Span::days(90);
/// An act that was begun and of which nobody has said for so long that it is still under way ([`Store::still_begun`]) never ends: its
/// process died over it. As long as a lease of the keeper.
pub const ABANDONED_AFTER: Span = Span::minutes(3);
/// How long a held act that could not be sent is left alone.
const AGAIN_AFTER: Span = Span::seconds(30);

/// What somebody wants to say.
#[derive(Debug, Clone, Copy)]
pub struct NewAct<'a> {
    /// Of which organisation.
    pub organisation: &'a OrganisationId,
    /// As whom.
    pub profile: &'a ProfileId,
    /// `post` or `comment`.
    pub kind: &'a str,
    /// Who wants it.
    pub author: &'a Actor,
    /// The author's key for it: the same again is the same act.
    pub key: &'a str,
    /// What exactly.
    pub content: &'a [u8],
    /// Who has to approve it.
    pub approver: Option<&'a UserId>,
    /// Until when it waits.
    pub ends_at: Timestamp,
}

/// An act as it stands.
#[derive(Debug, Clone)]
pub struct Act {
    /// Which.
    pub id: ActId,
    /// As whom.
    pub profile: ProfileId,
    /// `post` or `comment`.
    pub kind: String,
    /// Who wanted it.
    pub author: Actor,
    /// Where it stands.
    pub state: State,
    /// Who has to approve it.
    pub approver: Option<UserId>,
    /// Who approved, declined or withdrew it.
    pub decided_by: Option<Actor>,
    /// Its id at the network.
    pub post: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// Why it was not done.
    pub problem: Option<serde_json::Value>,
    /// What there is to know of it since the network took it: the sentence, by language.
    pub note: Option<serde_json::Value>,
    /// Since when it is known.
    pub created_at: Timestamp,
    /// Since when it stands so.
    pub changed_at: Timestamp,
    /// Until when it waits.
    pub ends_at: Timestamp,
    content_hash: String,
}

impl Act {
    /// Whether it says the same.
    pub fn says(&self, content: &[u8]) -> bool {
        self.content_hash == digest(content)
    }
}

/// What changes with a state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Who has to approve it.
    pub approver: Option<&'a UserId>,
    /// Who decided it.
    pub decided_by: Option<&'a Actor>,
    /// Its id at the network.
    pub post: Option<&'a str>,
    /// Where people see it.
    pub url: Option<&'a str>,
    /// Why it was not done.
    pub problem: Option<&'a serde_json::Value>,
    /// What is left of the content: of what is over only the beginning of its words.
    pub content: Option<&'a [u8]>,
}

/// Which acts a list holds.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// Only those in one of these states; empty: in any.
    pub states: &'a [State],
    /// Only of this kind.
    pub kind: Option<&'a str>,
    /// Only with one of these profiles, by this author, or to be approved by this user; `None`: all.
    pub of: Option<Of<'a>>,
}

/// Whose acts somebody may see who may not see all.
#[derive(Debug, Clone)]
pub enum Of<'a> {
    /// What this API key wanted.
    Key(&'a str),
    /// What this user wanted, may approve, or what is done as a profile they own or that is in their teams.
    User(&'a UserId),
}

fn read(row: &Row) -> Result<Act, StoreError> {
    let decided = row.opt_text("decided_by")?;
    let problem = row.opt_text("problem")?;
    let broken = |error: serde_json::Error| StoreError::Broken(error.to_string());
    let state = row.text("state")?;
    Ok(Act {
        id: row.parsed("id")?,
        profile: row.parsed("profile_id")?,
        kind: row.text("kind")?,
        author: row.json("author")?,
        state: State::parse(&state).ok_or_else(|| StoreError::Broken(format!("state {state}")))?,
        approver: row.opt_parsed("approver_id")?,
        decided_by: decided.map(|text| serde_json::from_str(&text)).transpose().map_err(broken)?,
        post: row.opt_text("post_id")?,
        url: row.opt_text("url")?,
        problem: problem.map(|text| serde_json::from_str(&text)).transpose().map_err(broken)?,
        note: row.opt_text("note")?.map(|text| serde_json::from_str(&text)).transpose().map_err(broken)?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        ends_at: row.time("ends_at")?,
        content_hash: row.text("content_hash")?,
    })
}

/// The id of whoever acts. Commands of the operator's act as one, whichever key each was lent: what one did is not done again by the next.
pub fn id_of(author: &Actor) -> &str {
    match author {
        Actor::ApiKey { id, .. } if ids::is_of_lent(id) => api_keys::OPERATOR,
        Actor::User { id, .. } | Actor::ApiKey { id, .. } => id,
        Actor::Keeper | Actor::System | Actor::RenewalLink => "",
    }
}

/// When somebody looks at an act of that state by itself.
fn next_look(state: State, ends_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    match state {
        State::Held => Some(now.min(ends_at)),
        State::Waiting => Some(ends_at),
        State::Begun => Some(now + ABANDONED_AFTER),
        _ => None,
    }
}

impl Store {
    fn act_context<'a>(organisation: &'a OrganisationId, id: &'a str) -> Context<'a> {
        Context { table: "acts", column: "sealed_content", row: id, organisation: organisation.as_str(), generation: None }
    }

    /// Notes an act. `None` when its author's key is known for this profile already: nothing was noted then.
    pub async fn note_act(&self, tx: &mut Tx, new: &NewAct<'_>, state: State, now: Timestamp) -> Result<Option<ActId>, StoreError> {
        let id: ActId = fresh();
        let sealed = self.keys().seal(&Self::act_context(new.organisation, id.as_str()), new.content);
        let sql = "INSERT INTO acts (id, organisation_id, profile_id, kind, author, author_id, key_hash, content_hash, sealed_content, state, \
                   approver_id, created_at, changed_at, ends_at, try_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14) \
                   ON CONFLICT (organisation_id, author_id, profile_id, key_hash) DO NOTHING";
        let values = [
            id.as_str().into(),
            new.organisation.as_str().into(),
            new.profile.as_str().into(),
            new.kind.into(),
            to_json(new.author)?.into(),
            id_of(new.author).into(),
            digest(new.key.as_bytes()).into(),
            digest(new.content).into(),
            sealed.into(),
            state.as_str().into(),
            new.approver.map(UserId::as_str).into(),
            now.into(),
            new.ends_at.into(),
            next_look(state, new.ends_at, now).into(),
        ];
        Ok((tx.run(sql, &values).await? == 1).then_some(id))
    }

    /// What the process before this one had begun is over at this moment, because it died over it, and so are the requests it worked on.
    /// One file serves one server, so that whatever is begun while it starts is its; where several share a database, another may be
    /// at work on it, and [`ABANDONED_AFTER`] is waited for.
    pub async fn end_begun(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        if tx.dialect() == Dialect::Sqlite {
            tx.run("UPDATE acts SET try_at = $1 WHERE state = 'begun' AND try_at > $1", &[now.into()]).await?;
            crate::idempotency::end_begun(&mut tx, now).await?;
        }
        tx.commit().await
    }

    /// An act that was begun at `since` is still under way: whoever works on it lives. `false` when it is theirs no more: they were taken
    /// for dead meanwhile, and what became of it is somebody else's to say.
    pub async fn still_begun(
        &self,
        organisation: &OrganisationId,
        id: &ActId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE acts SET try_at = $4 WHERE id = $1 AND organisation_id = $2 AND state = 'begun' AND changed_at = $3";
        let values = [id.as_str().into(), organisation.as_str().into(), since.into(), (now + ABANDONED_AFTER).into()];
        let is_theirs = tx.run(sql, &values).await? == 1;
        tx.commit().await?;
        Ok(is_theirs)
    }

    /// Takes an act from a state into another. `false` when it is not in that state any more, or may not become that.
    pub async fn move_act(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        act: &Act,
        to: State,
        change: Change<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if !act.state.may_become(to) {
            return Ok(false);
        }
        let sealed = change.content.map(|content| self.keys().seal(&Self::act_context(organisation, act.id.as_str()), content));
        let sql = "UPDATE acts SET state = $4, changed_at = $5, try_at = $6, decided_by = COALESCE($7, decided_by), post_id = COALESCE($8, post_id), \
                   url = COALESCE($9, url), problem = $10, sealed_content = COALESCE($11, sealed_content), approver_id = COALESCE($12, approver_id) \
                   WHERE id = $1 AND organisation_id = $2 AND state = $3";
        let values = [
            act.id.as_str().into(),
            organisation.as_str().into(),
            act.state.as_str().into(),
            to.as_str().into(),
            now.into(),
            next_look(to, act.ends_at, now).into(),
            change.decided_by.map(to_json).transpose()?.into(),
            change.post.into(),
            change.url.into(),
            change.problem.map(to_json).transpose()?.into(),
            sealed.into(),
            change.approver.map(UserId::as_str).into(),
        ];
        Ok(tx.run(sql, &values).await? == 1)
    }

    /// Notes what there is to know of an act that was done.
    pub async fn note_standing(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        id: &ActId,
        note: &serde_json::Value,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE acts SET note = $3 WHERE id = $1 AND organisation_id = $2 AND state = 'done'";
        tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), to_json(note)?.into()]).await.map(drop)
    }

    /// What an act says; of one that is over only the beginning of its words.
    pub async fn act_content(&self, tx: &mut Tx, organisation: &OrganisationId, id: &ActId) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let sql = "SELECT sealed_content FROM acts WHERE id = $1 AND organisation_id = $2";
        let row = tx.one(sql, &[id.as_str().into(), organisation.as_str().into()]).await?;
        let Some(sealed) = row.map(|row| row.opt_bytes("sealed_content")).transpose()?.flatten() else { return Ok(Zeroizing::default()) };
        Ok(self.keys().open(&Self::act_context(organisation, id.as_str()), &sealed)?)
    }
}

/// The act that an author's key stands for, as that profile.
pub async fn by_key(
    tx: &mut Tx,
    organisation: &OrganisationId,
    author: &Actor,
    profile: &ProfileId,
    key: &str,
) -> Result<Option<Act>, StoreError> {
    let sql = "SELECT * FROM acts WHERE organisation_id = $1 AND author_id = $2 AND profile_id = $3 AND key_hash = $4";
    let values = [organisation.as_str().into(), id_of(author).into(), profile.as_str().into(), digest(key.as_bytes()).into()];
    tx.one(sql, &values).await?.as_ref().map(read).transpose()
}

/// One act.
pub async fn get(tx: &mut Tx, organisation: &OrganisationId, id: &ActId) -> Result<Option<Act>, StoreError> {
    let sql = "SELECT * FROM acts WHERE id = $1 AND organisation_id = $2";
    tx.one(sql, &[id.as_str().into(), organisation.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// Posts that a network took as that profile, under one of these ids there.
pub async fn posted(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    profile: &str,
    ids: &[String],
) -> Result<Vec<Act>, StoreError> {
    let mut values: Vec<Value> = vec![organisation.as_str().into(), network.into(), profile.into()];
    values.extend(ids.iter().map(|id| Value::from(id.as_str())));
    let sql = format!(
        "SELECT acts.* FROM acts JOIN profiles ON profiles.id = acts.profile_id WHERE profiles.organisation_id = $1 AND profiles.network = $2 \
         AND profiles.network_id = $3 AND acts.kind = 'post' AND acts.state = 'done' AND acts.post_id IN ({}) ORDER BY acts.id",
        placeholders(4, ids.len())
    );
    tx.all(&sql, &values).await?.iter().map(read).collect()
}

/// What a network tells of a post that it took: the id that lasts, where people see it, or why they do not. `false` when it is not
/// known any more.
pub async fn told(tx: &mut Tx, organisation: &OrganisationId, act: &Act, change: Change<'_>) -> Result<bool, StoreError> {
    let sql = "UPDATE acts SET post_id = COALESCE($3, post_id), url = COALESCE($4, url), problem = $5 WHERE id = $1 AND organisation_id = $2 AND state = 'done'";
    let values = [
        act.id.as_str().into(),
        organisation.as_str().into(),
        change.post.into(),
        change.url.into(),
        change.problem.map(to_json).transpose()?.into(),
    ];
    Ok(tx.run(sql, &values).await? == 1)
}

/// The acts that changed last, the newest first.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId, filter: &Filter<'_>, limit: u32) -> Result<Vec<Act>, StoreError> {
    let mut values: Vec<Value> = vec![organisation.as_str().into()];
    let mut sql = String::from("SELECT * FROM acts WHERE organisation_id = $1");
    if !filter.states.is_empty() {
        sql.push_str(&format!(" AND state IN ({})", placeholders(values.len() + 1, filter.states.len())));
        values.extend(filter.states.iter().map(|state| Value::from(state.as_str())));
    }
    if let Some(kind) = filter.kind {
        values.push(kind.into());
        sql.push_str(&format!(" AND kind = ${}", values.len()));
    }
    match &filter.of {
        None => {}
        Some(Of::Key(key)) => {
            values.push((*key).into());
            sql.push_str(&format!(" AND author_id = ${}", values.len()));
        }
        Some(Of::User(user)) => {
            values.push(user.as_str().into());
            let sees = "(author_id = $N OR approver_id = $N OR profile_id IN (SELECT id FROM profiles WHERE owner_id = $N \
                        UNION SELECT profile_id FROM profile_teams WHERE team_id IN (SELECT team_id FROM team_members WHERE user_id = $N)))";
            sql.push_str(&format!(" AND {}", sees.replace("$N", &format!("${}", values.len()))));
        }
    }
    values.push(limit.into());
    sql.push_str(&format!(" ORDER BY changed_at DESC, id DESC LIMIT ${}", values.len()));
    tx.all(&sql, &values).await?.iter().map(read).collect()
}

/// Held acts whose profile may have an access token again, each of them claimed: nobody else gets it for a while.
pub async fn claim_held(tx: &mut Tx, organisation: &OrganisationId, now: Timestamp, limit: u32) -> Result<Vec<Act>, StoreError> {
    let sql = "SELECT * FROM acts WHERE organisation_id = $1 AND state = 'held' AND try_at <= $2 AND ends_at > $2 \
               AND profile_id IN (SELECT id FROM profiles WHERE status <> 'disconnected') ORDER BY try_at, id LIMIT $3";
    let found: Vec<Act> =
        tx.all(sql, &[organisation.as_str().into(), now.into(), limit.into()]).await?.iter().map(read).collect::<Result<_, _>>()?;
    let mut claimed = vec![];
    for act in found {
        let sql = "UPDATE acts SET try_at = $3 WHERE id = $1 AND state = 'held' AND try_at <= $2";
        if tx.run(sql, &[act.id.as_str().into(), now.into(), (now + AGAIN_AFTER).into()]).await? == 1 {
            claimed.push(act);
        }
    }
    Ok(claimed)
}

/// Acts that wait no longer, because their time is over, and those whose process died over them.
pub async fn overdue(tx: &mut Tx, organisation: &OrganisationId, now: Timestamp, limit: u32) -> Result<Vec<Act>, StoreError> {
    let sql = "SELECT * FROM acts WHERE organisation_id = $1 AND try_at <= $2 AND (state = 'begun' OR (state IN ('held', 'waiting') AND ends_at <= $2)) \
               ORDER BY try_at, id LIMIT $3";
    tx.all(sql, &[organisation.as_str().into(), now.into(), limit.into()]).await?.iter().map(read).collect()
}

/// How many posts and comments of a profile and of what belongs to it still wait: for a token, or for an approval.
pub async fn waiting_of(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS n FROM acts WHERE organisation_id = $1 AND state IN ('held', 'waiting') \
               AND profile_id IN (SELECT id FROM profiles WHERE id = $2 OR parent_id = $2)";
    let row = tx.one(sql, &[organisation.as_str().into(), profile.as_str().into()]).await?;
    row.map_or(Ok(0), |row| row.int("n"))
}

/// Whether there is anything to claim: asked first, because reading costs nobody anything.
pub async fn is_held(tx: &mut Tx, organisation: &OrganisationId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM acts WHERE organisation_id = $1 AND state = 'held' AND try_at <= $2 AND ends_at > $2 \
               AND profile_id IN (SELECT id FROM profiles WHERE status <> 'disconnected') LIMIT 1";
    Ok(tx.one(sql, &[organisation.as_str().into(), now.into()]).await?.is_some())
}
