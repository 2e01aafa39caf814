//! Acts that wait: seen, approved, declined, withdrawn, and sent as soon as they can be. Whoever wanted one is asked about anew at that
//! moment: what they may, what is frozen. What may have been done is never repeated by itself.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use lifecycle::ids::{ActId, ProfileId, UserId};
use lifecycle::permission::{Act as Wanted, Actor, Role};
use lifecycle::waiting::State;
use serde_json::{Value, json};
use store::acts::{self, Act, Change, Filter, Of};
use store::audit::Entry;
use store::events::{self, About};
use store::profiles::Profile;
use store::{StoreError, Tx, api_keys, freezes, profiles, telling, users};
use tokio_util::sync::CancellationToken;

use super::act::{self, SPARE};
use super::draft::Content;
use super::say::{self, Said, Wish};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::rfc3339;
use crate::state::App;

/// How many acts one round takes.
const ROUND: u32 = 50;

/// An act with what it says and as whom.
pub struct Seen {
    /// The act.
    pub act: Act,
    /// As whom.
    pub profile: Profile,
    /// What it says; of one that is over the beginning.
    pub content: Content,
}

/// The acts that a caller may see, those that changed last first.
pub async fn list(app: &App, caller: &Caller, states: &[State], kind: Option<&str>, limit: u32) -> Result<Vec<Seen>, Problem> {
    let of = match &caller.actor {
        Actor::User { role: Role::CompanyAdmin, .. } => None,
        Actor::User { id, .. } => Some(Of::User(id)),
        Actor::ApiKey { id, .. } => Some(Of::Key(id.as_str())),
        Actor::Stranger | Actor::RenewalLink { .. } => return Ok(vec![]),
    };
    let mut tx = app.store.read().await?;
    let mut seen = vec![];
    for act in acts::list(&mut tx, &app.organisation, &Filter { states, kind, of }, limit).await? {
        seen.extend(whole(&mut tx, app, act).await?);
    }
    Ok(seen)
}

async fn whole(tx: &mut Tx, app: &App, act: Act) -> Result<Option<Seen>, Problem> {
    let Some(profile) = profiles::get(tx, &app.organisation, &act.profile).await? else { return Ok(None) };
    let content = Content::read(&app.store.act_content(tx, &app.organisation, &act.id).await?)?;
    Ok(Some(Seen { act, profile, content }))
}

/// One act, if the caller may see it: it is theirs, they may approve it, or they may do the same as that profile.
pub async fn one(app: &App, caller: &Caller, id: &str) -> Result<Seen, Problem> {
    let seen = any(app, id).await?;
    if may_see(caller, &seen) { Ok(seen) } else { Err(Problem::not_found()) }
}

/// One act as above, or something that is published already at a profile whose comments the caller may read.
pub async fn published(app: &App, caller: &Caller, id: &str) -> Result<Seen, Problem> {
    let seen = any(app, id).await?;
    let is_out = seen.act.state == State::Done && caller.decide(Wanted::ReadComments, auth::about(&seen.profile)).is_yes();
    if is_out || may_see(caller, &seen) { Ok(seen) } else { Err(Problem::not_found()) }
}

async fn any(app: &App, id: &str) -> Result<Seen, Problem> {
    let id: ActId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.read().await?;
    let act = acts::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
    whole(&mut tx, app, act).await?.ok_or_else(Problem::not_found)
}

fn may_see(caller: &Caller, seen: &Seen) -> bool {
    let is_users = matches!(caller.actor, Actor::User { .. });
    let theirs = acts::id_of(&seen.act.author) == acts::id_of(&caller.named) || is_approver(caller, &seen.act);
    theirs || (is_users && caller.decide(seen.content.act(), auth::about(&seen.profile)).is_yes())
}

/// Whether it waits for this caller's approval.
pub fn is_approver(caller: &Caller, act: &Act) -> bool {
    matches!(&caller.actor, Actor::User { id, .. } if act.approver.as_ref() == Some(id))
}

/// Writes into history what became of an act that was not sent.
pub(super) async fn note(
    tx: &mut Tx,
    app: &App,
    by: &events::Actor,
    profile: &ProfileId,
    kind: &str,
    state: State,
    act: &ActId,
) -> Result<(), StoreError> {
    let about = About { profile: Some(profile.clone()), ..About::default() };
    let kind = format!("act.{kind}.{state}");
    events::append(tx, &app.organisation, app.now(), &kind, by, &about, &json!({ "act": act.as_str() })).await
}

/// Asks whoever has to approve an act. Whoever cannot sign in any more never will: that is said at once, and nothing waits for them.
pub(super) async fn ask(tx: &mut Tx, app: &App, approver: &UserId, act: &ActId) -> Result<(), Problem> {
    let known = users::by_id(tx, approver).await?;
    if known.is_none_or(|user| user.disabled_at.is_some() || user.organisation != app.organisation) {
        let words = "The user who has to approve this is switched off or deleted. Have the permission name another one.";
        return Err(Problem::new(StatusCode::CONFLICT, "approver_gone", words));
    }
    let Some(act) = acts::get(tx, &app.organisation, act).await? else { return Ok(()) };
    let asks = match &act.author {
        events::Actor::User { name, .. } | events::Actor::ApiKey { name, .. } => name.as_str(),
        events::Actor::Keeper | events::Actor::System | events::Actor::RenewalLink => "",
    };
    telling::ask_for_approval(tx, &app.organisation, approver, &act, asks, app.now()).await?;
    Ok(())
}

/// A decision about somebody's act, for the audit: with both names.
async fn decided(tx: &mut Tx, app: &App, caller: &Caller, seen: &Seen, what: &str) -> Result<(), Problem> {
    let entry = Entry {
        at: app.now(),
        organisation: &app.organisation,
        actor: &caller.named,
        act: seen.content.act().as_str(),
        profile: Some(&seen.profile.id),
        grant: None,
        under: None,
        detail: json!({ "decided": what, "wanted_by": seen.act.author, "act": seen.act.id.as_str() }),
    };
    Ok(app.store.audit(tx, entry).await?)
}

fn not_waiting(state: State) -> Problem {
    let words = "This does not wait any more.";
    Problem::new(StatusCode::CONFLICT, "not_waiting", words).with(json!({ "state": state }))
}

fn for_approver(caller: &Caller, seen: &Seen) -> Result<(), Problem> {
    if !is_approver(caller, &seen.act) {
        return Err(Problem::forbidden("Only the user whom the permission names can approve or decline this."));
    }
    let decision = caller.decide(seen.content.act(), lifecycle::permission::About::Profiles);
    if !decision.is_yes() {
        return Err(auth::refused(&decision));
    }
    if seen.act.state == State::Waiting { Ok(()) } else { Err(not_waiting(seen.act.state)) }
}

/// Approves: it is sent at once, or as soon as the profile has an access token.
pub async fn approve(app: &App, caller: &Caller, id: &str) -> Result<Said, Problem> {
    let seen = one(app, caller, id).await?;
    for_approver(caller, &seen)?;
    let mut tx = app.store.write().await?;
    decided(&mut tx, app, caller, &seen, "approved").await?;
    tx.commit().await?;
    deliver(app, &seen, Some(&caller.named)).await
}

/// Declines: it is not sent.
pub async fn decline(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    let seen = one(app, caller, id).await?;
    for_approver(caller, &seen)?;
    put_away(app, caller, &seen, State::Declined).await
}

/// Takes back what was not sent; of what may have been sent says that somebody looked there, so that nobody sends it again.
pub async fn withdraw(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    let seen = one(app, caller, id).await?;
    put_away(app, caller, &seen, State::Withdrawn).await
}

async fn put_away(app: &App, caller: &Caller, seen: &Seen, state: State) -> Result<(), Problem> {
    let short = seen.content.shortened().bytes()?;
    let change = Change { decided_by: Some(&caller.named), content: Some(&short), ..Change::default() };
    let mut tx = app.store.write().await?;
    if !app.store.move_act(&mut tx, &app.organisation, &seen.act, state, change, app.now()).await? {
        return Err(not_waiting(seen.act.state));
    }
    note(&mut tx, app, &caller.named, &seen.profile.id, seen.content.kind(), state, &seen.act.id).await?;
    decided(&mut tx, app, caller, seen, state.as_str()).await?;
    Ok(tx.commit().await?)
}

/// Asks the network whether an act that may have been done is there, and sends it where the network says that it is not.
pub async fn repeat(app: &App, caller: &Caller, id: &str) -> Result<Said, Problem> {
    let seen = one(app, caller, id).await?;
    if seen.act.state != State::Unclear {
        return Err(not_waiting(seen.act.state));
    }
    let author = author_of(app, &seen.act).await?;
    // It goes out in the author's name: who had it sent once more stands beside it.
    let mut tx = app.store.write().await?;
    decided(&mut tx, app, caller, &seen, "repeated").await?;
    tx.commit().await?;
    say::repeat(app, &wish(&author, &seen), &seen.act).await
}

fn wish<'a>(author: &'a Caller, seen: &'a Seen) -> Wish<'a> {
    // Its row is known, so that the key is not asked for any more.
    Wish { caller: author, profile: &seen.profile, content: &seen.content, key: "", hold: true, until: seen.act.ends_at }
}

/// Whoever wanted an act, as things stand now. What they may is decided anew in the transaction that writes it down.
async fn author_of(app: &App, act: &Act) -> Result<Caller, Problem> {
    let mut tx = app.store.read().await?;
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    let gone = || Problem::forbidden("Whoever wanted this may not any more: the account or API key is switched off.");
    let caller =
        |actor, user, lang| Caller { actor, named: act.author.clone(), user, session: None, lang, at: app.now(), frozen, brake: None };
    match &act.author {
        events::Actor::User { id, .. } => {
            let id = id.parse().map_err(|_| gone())?;
            let user = users::by_id(&mut tx, &id).await?.filter(|user| user.disabled_at.is_none()).ok_or_else(gone)?;
            let actor = auth::actor_of(&mut tx, &user).await?;
            let lang = Lang::from_code(&user.language);
            Ok(caller(actor, Some(user), lang))
        }
        events::Actor::ApiKey { id, .. } => {
            let id = id.parse().map_err(|_| gone())?;
            let key = api_keys::by_id(&mut tx, &app.organisation, &id).await?.filter(|key| key.revoked_at.is_none()).ok_or_else(gone)?;
            Ok(caller(super::may::actor_of(key), None, Lang::En))
        }
        _ => Err(gone()),
    }
}

/// Sends an act that waited, if its author still may.
async fn deliver(app: &App, seen: &Seen, approved_by: Option<&events::Actor>) -> Result<Said, Problem> {
    let sent = async {
        let author = author_of(app, &seen.act).await?;
        let wish = wish(&author, seen);
        match act::ready(app, &author, &seen.profile, SPARE).await {
            Ok(ready) => say::carry_out(app, &wish, Some(&seen.act), &ready, approved_by).await,
            Err(problem) if problem.code == "no_access_tokens_available" => keep(app, seen, approved_by).await,
            Err(problem) => Err(problem),
        }
    };
    let sent = sent.await;
    if let Err(problem) = &sent
        && !is_for_later(problem)
    {
        refuse(app, seen, problem).await?;
    }
    sent
}

/// What has no access token yet waits on, approved where it was.
async fn keep(app: &App, seen: &Seen, approved_by: Option<&events::Actor>) -> Result<Said, Problem> {
    let until = seen.act.ends_at;
    if seen.act.state == State::Waiting {
        let mut tx = app.store.write().await?;
        let change = Change { decided_by: approved_by, ..Change::default() };
        if !app.store.move_act(&mut tx, &app.organisation, &seen.act, State::Held, change, app.now()).await? {
            return Err(not_waiting(seen.act.state));
        }
        tx.commit().await?;
    }
    Ok(Said::Held { act: seen.act.id.clone(), until })
}

/// A freeze, a used-up rate and trouble of our own pass: the act waits on meanwhile.
fn is_for_later(problem: &Problem) -> bool {
    problem.more.get("reason").is_some_and(|reason| reason == "frozen")
        || matches!(problem.code, "permission_used_up" | "storage_unavailable" | "still_running" | "not_waiting")
}

/// Where it still waits, it does not any more, and its list says why. What was sent has its own ending.
async fn refuse(app: &App, seen: &Seen, problem: &Problem) -> Result<(), Problem> {
    let (why, short) = (say::why(problem), seen.content.shortened().bytes()?);
    let mut tx = app.store.write().await?;
    let change = Change { problem: Some(&why), content: Some(&short), ..Change::default() };
    if app.store.move_act(&mut tx, &app.organisation, &seen.act, State::Refused, change, app.now()).await? {
        note(&mut tx, app, &events::Actor::System, &seen.profile.id, seen.content.kind(), State::Refused, &seen.act.id).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Sends what waited for a connection, and ends what waited too long, until the token is cancelled.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let every = app.config.keeper.poll_every.duration().min(Duration::from_secs(5));
    while !stop.is_cancelled() {
        if round(&app).await.is_err() {
            tracing::warn!("acts: what waits could not be looked at; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

async fn round(app: &App) -> Result<(), Problem> {
    settle_overdue(app).await?;
    let mut tx = app.store.read().await?;
    if !acts::is_held(&mut tx, &app.organisation, app.now()).await? {
        return Ok(());
    }
    drop(tx);
    let mut tx = app.store.write().await?;
    let claimed = acts::claim_held(&mut tx, &app.organisation, app.now(), ROUND).await?;
    tx.commit().await?;
    for act in claimed {
        let mut tx = app.store.read().await?;
        let seen = whole(&mut tx, app, act).await;
        drop(tx);
        let Ok(Some(seen)) = seen else { continue };
        let approved_by = seen.act.decided_by.as_ref().filter(|_| seen.act.approver.is_some());
        match deliver(app, &seen, approved_by).await {
            Ok(Said::Done { act, .. }) => tracing::info!(act = %act, profile = %seen.profile.id, "acts: what was held is sent"),
            Ok(_) => {}
            Err(problem) => tracing::info!(act = %seen.act.id, code = problem.code, "acts: what was held was not sent"),
        }
    }
    Ok(())
}

/// Ends what waited too long, and says of what was begun and never ended that nobody knows.
pub(crate) async fn settle_overdue(app: &App) -> Result<(), Problem> {
    let mut tx = app.store.read().await?;
    let overdue = acts::overdue(&mut tx, &app.organisation, app.now(), ROUND).await?;
    drop(tx);
    for act in overdue {
        let (state, why) = if act.state == State::Begun {
            let words = "The server stopped while it was sent: it may have been done.";
            (State::Unclear, json!({ "code": "unclear", "detail": words }))
        } else {
            (State::Expired, Value::Null)
        };
        let mut tx = app.store.write().await?;
        let change = Change { problem: Some(&why).filter(|why| !why.is_null()), ..Change::default() };
        if app.store.move_act(&mut tx, &app.organisation, &act, state, change, app.now()).await? {
            note(&mut tx, app, &events::Actor::System, &act.profile, &act.kind, state, &act.id).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// An act as the API shows it.
pub fn shown(lang: Lang, seen: &Seen) -> Value {
    let Seen { act, profile, content } = seen;
    let (under, in_reply_to) = match content {
        Content::Post { .. } => (None, None),
        Content::Comment { under, in_reply_to, .. } => (Some(under), in_reply_to.as_ref()),
    };
    let note = act.note.as_ref().map(say::noted).map(|words| lang.pick(&words.en, &words.de).to_owned());
    json!({
        "id": act.id.as_str(), "kind": act.kind, "state": act.state, "text": content.text(), "under": under, "in_reply_to": in_reply_to,
        "profile": { "id": profile.id.as_str(), "name": profile.name, "network": profile.network, "status": profile.standing.status },
        "wanted_by": act.author, "approval_by": act.approver.as_ref().map(lifecycle::ids::UserId::as_str), "decided_by": act.decided_by,
        "network_id": act.post, "url": act.url, "problem": act.problem, "note": note,
        "created_at": rfc3339(act.created_at), "changed_at": rfc3339(act.changed_at), "until": rfc3339(act.ends_at),
    })
}
