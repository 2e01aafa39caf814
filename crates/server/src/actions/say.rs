//! Saying something as a profile, at most once. Each act has a row of its own under its author's key: it goes from one state to the
//! next in the same transaction that writes the audit, so that of a retry, a second node and a crash none says it a second time.

use axum::http::StatusCode;
use lifecycle::ids::{ActId, UserId};
use lifecycle::permission::{self, Decision};
use lifecycle::time::{Span, Timestamp};
use lifecycle::waiting::State;
use networks::acting::{Acting, Posted};
use networks::network::Words;
use serde_json::{Value, json};
use store::acts::{self, Act, Change, NewAct};
use store::events::Actor;
use store::ids;
use store::profiles::Profile;
use tokio::time::Instant;

use super::act::{self, Deed, Ready, SPARE};
use super::draft::{self, Content};
use super::under_way::UnderWay;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// How long an act waits where nothing else was said.
pub const WAITS: Span = Span::hours(72);

/// The most characters of a key.
pub const KEY_MAX: usize = 255;

/// The most profiles that one post goes to.
pub const PROFILES_MAX: usize = 100;

/// A network's clock may be that far behind ours.
pub(super) const CLOCKS_DIFFER: Span = Span::minutes(5);

/// What somebody wants to say, and how.
pub struct Wish<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// As whom.
    pub profile: &'a Profile,
    /// What.
    pub content: &'a Content,
    /// Their key for it: the same again is the same act.
    pub key: &'a str,
    /// Wait for an access token instead of failing.
    pub hold: bool,
    /// Until when it waits.
    pub until: Timestamp,
}

/// What became of it.
#[derive(Debug)]
pub enum Said {
    /// The network has it.
    Done {
        /// The act.
        act: ActId,
        /// Its id and address there.
        posted: Posted,
        /// What people have to know of it: it is shown to nobody, it was rejected meanwhile.
        note: Option<Words>,
    },
    /// It waits until the profile has an access token.
    Held {
        /// The act.
        act: ActId,
        /// Until when.
        until: Timestamp,
    },
    /// It waits for an approval.
    Waiting {
        /// The act.
        act: ActId,
        /// Whose.
        approver: Option<UserId>,
        /// Until when.
        until: Timestamp,
    },
}

impl Wish<'_> {
    fn new_act<'a>(&'a self, app: &'a App, bytes: &'a [u8], approver: Option<&'a UserId>) -> NewAct<'a> {
        NewAct {
            organisation: &app.organisation,
            profile: &self.profile.id,
            kind: self.content.kind(),
            author: &self.caller.named,
            key: self.key,
            content: bytes,
            approver,
            ends_at: self.until,
        }
    }

    fn deed<'a>(&'a self, kind: &'static str, approved_by: Option<&'a Actor>) -> Deed<'a> {
        let detail = match self.content {
            Content::Post { post, .. } => {
                json!({ "characters": post.text.chars().count(), "link": post.link, "media": post.media.len() })
            }
            Content::Comment { under, in_reply_to, .. } => json!({ "post": under, "in_reply_to": in_reply_to }),
        };
        let (act, caller, profile) = (self.content.act(), self.caller, self.profile);
        Deed { act, kind, call: None, in_history: true, caller, profile, detail, approved_by }
    }
}

fn conflict(code: &'static str, words: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, words)
}

fn still_running() -> Problem {
    conflict("still_running", "The same request is being worked on at this moment. Ask again in a few seconds.")
}

/// Says it, or has it wait. Asked again with the same key it is never said a second time.
pub async fn say(app: &App, wish: &Wish<'_>) -> Result<Said, Problem> {
    if wish.key.is_empty() || wish.key.len() > KEY_MAX {
        return Err(Problem::field("key", "has 1 to 255 characters"));
    }
    if wish.hold && matches!(&wish.caller.actor, permission::Actor::ApiKey { id, .. } if ids::is_lent(id)) {
        let words = "cannot be hold for a command on this machine, whose key ends with it: ask a server that runs, with an API key";
        return Err(Problem::field("when_disconnected", words));
    }
    draft::check(app, wish.caller.lang, wish.profile, wish.content).await?;
    let mut tx = app.store.read().await?;
    let known = acts::by_key(&mut tx, &app.organisation, &wish.caller.named, &wish.profile.id, wish.key).await?;
    drop(tx);
    match known {
        None => start(app, wish, None).await,
        Some(known) => again(app, wish, &known).await,
    }
}

async fn again(app: &App, wish: &Wish<'_>, known: &Act) -> Result<Said, Problem> {
    if !known.says(&wish.content.bytes()?) {
        let words = "This Idempotency-Key was sent with another request. Use a new one.";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", words));
    }
    match known.state {
        State::Refused => start(app, wish, Some(known)).await,
        State::Unclear => repeat(app, wish, known).await,
        State::Begun => {
            super::waiting::settle_overdue(app).await?;
            let now = acts::get(&mut app.store.read().await?, &app.organisation, &known.id).await?;
            Err(if now.is_some_and(|act| act.state == State::Begun) { still_running() } else { unclear(&known.id) })
        }
        State::Expired => Err(conflict("expired", "This waited too long and was not sent. Send it with a new key if it is still wanted.")),
        State::Withdrawn => Err(conflict("withdrawn", "This was withdrawn and not sent.")),
        State::Declined => Err(conflict("declined", "This was not approved and not sent.")),
        State::Done | State::Held | State::Waiting => Ok(said(known)),
    }
}

/// An act that stands where it can be told as it is.
pub(super) fn said(act: &Act) -> Said {
    match act.state {
        State::Held => Said::Held { act: act.id.clone(), until: act.ends_at },
        State::Waiting => Said::Waiting { act: act.id.clone(), approver: act.approver.clone(), until: act.ends_at },
        _ => {
            let posted = Posted { id: act.post.clone().unwrap_or_default(), url: act.url.clone() };
            Said::Done { act: act.id.clone(), posted, note: act.note.as_ref().map(noted) }
        }
    }
}

/// A note as it is kept with an act.
pub(crate) fn noted(note: &Value) -> Words {
    let text = |lang: &str| note[lang].as_str().unwrap_or_default();
    Words::new(text("en"), text("de"))
}

async fn start(app: &App, wish: &Wish<'_>, known: Option<&Act>) -> Result<Said, Problem> {
    let approver = match wish.caller.decide(wish.content.act(), auth::about(wish.profile)) {
        Decision::Allow(under) => under.and_then(|under| under.approval),
        no => return Err(auth::refused(&no)),
    };
    if approver.is_some() {
        return put_down(app, wish, known, State::Waiting, approver.as_ref()).await;
    }
    match act::ready(app, wish.caller, wish.profile, SPARE).await {
        Ok(ready) => carry_out(app, wish, known, &ready, None).await,
        Err(problem) if wish.hold && problem.code == "no_access_tokens_available" => put_down(app, wish, known, State::Held, None).await,
        Err(problem) => Err(problem),
    }
}

/// Notes an act that waits.
async fn put_down(app: &App, wish: &Wish<'_>, known: Option<&Act>, state: State, approver: Option<&UserId>) -> Result<Said, Problem> {
    let bytes = wish.content.bytes()?;
    let mut tx = app.store.write().await?;
    let noted = match known {
        None => app.store.note_act(&mut tx, &wish.new_act(app, &bytes, approver), state, app.now()).await?,
        Some(known) => {
            let change = Change { approver, content: Some(&bytes), ..Change::default() };
            let moved = app.store.move_act(&mut tx, &app.organisation, known, state, change, app.now()).await?;
            moved.then(|| known.id.clone())
        }
    };
    let act = noted.ok_or_else(still_running)?;
    super::waiting::note(&mut tx, app, &wish.caller.named, &wish.profile.id, wish.content.kind(), state, &act).await?;
    if let Some(approver) = approver {
        super::waiting::ask(&mut tx, app, approver, &act).await?;
    }
    tx.commit().await?;
    app.told.notify_one();
    let until = known.map_or(wish.until, |known| known.ends_at);
    Ok(match state {
        State::Held => Said::Held { act, until },
        _ => Said::Waiting { act, approver: approver.cloned(), until },
    })
}

/// Sends it. The row, the audit and the history are one transaction, before anything leaves.
pub(super) async fn carry_out(
    app: &App,
    wish: &Wish<'_>,
    known: Option<&Act>,
    ready: &Ready,
    approved_by: Option<&Actor>,
) -> Result<Said, Problem> {
    let (bytes, post) = (wish.content.bytes()?, wish.content.for_network()?);
    let deed = wish.deed(wish.content.kind(), approved_by);
    let (since, began) = (app.now(), Instant::now());
    let mut tx = app.store.write().await?;
    let id = match known {
        None => app.store.note_act(&mut tx, &wish.new_act(app, &bytes, None), State::Begun, since).await?,
        Some(known) => {
            let change = Change { decided_by: approved_by, content: Some(&bytes), ..Change::default() };
            let moved = app.store.move_act(&mut tx, &app.organisation, known, State::Begun, change, since).await?;
            moved.then(|| known.id.clone())
        }
    };
    let id = id.ok_or_else(still_running)?;
    act::begin_in(&mut tx, app, &deed, ready).await?;
    tx.commit().await?;
    let (network, by) = (ready.client.network, ready.acting(app, wish.profile));
    let under_way = UnderWay::new(app, &id, since, began, by.wire);
    let by = Acting { wire: &under_way, ..by };
    let sent = async {
        match wish.content {
            Content::Post { .. } => network.publish(by, &post).await,
            Content::Comment { under, in_reply_to, text } => network.comment(by, under, in_reply_to.as_deref(), text).await,
        }
    };
    let done = under_way.wait(sent).await;
    let told = |posted: &Posted| match wish.content {
        Content::Post { .. } => json!({ "post": posted.id, "url": posted.url }),
        Content::Comment { under, .. } => json!({ "post": under, "comment": posted.id }),
    };
    let ended = act::end(app, &deed, ready, done, told).await;
    settle(app, &id, since, wish.content, &ended).await;
    let posted = ended.map_err(|problem| named(problem, &id))?;
    let note = standing(app, &id, wish.content, network.standing(by, &posted.id)).await;
    Ok(Said::Done { act: id, posted, note })
}

/// What the network says of a post once it has it. That it has it is written already: whatever fails here changes nothing.
async fn standing(app: &App, id: &ActId, content: &Content, asked: networks::acting::Done<'_, Option<Words>>) -> Option<Words> {
    let Content::Post { .. } = content else { return None };
    let words = asked.await.ok().flatten()?;
    let kept = async {
        let mut tx = app.store.write().await?;
        app.store.note_standing(&mut tx, &app.organisation, id, &json!({ "en": words.en, "de": words.de })).await?;
        Ok::<(), Problem>(tx.commit().await?)
    };
    if kept.await.is_err() {
        tracing::error!(act = %id, "act: what the network says of it could not be written");
    }
    Some(words)
}

/// How it ended, for the row. What was done was done: a row that cannot be written now is found as begun, and then nobody knows.
async fn settle(app: &App, id: &ActId, since: Timestamp, content: &Content, ended: &Result<Posted, Problem>) {
    let settled = async {
        let short = content.shortened().bytes()?;
        let mut tx = app.store.write().await?;
        let Some(act) = acts::get(&mut tx, &app.organisation, id).await? else { return Ok(()) };
        // Taken for dead over it, and somebody else is at it by now: how that ends is theirs to say.
        if act.state == State::Begun && act.changed_at != since {
            return Ok(());
        }
        let why = ended.as_ref().err().map(why);
        let (state, change) = match ended {
            Ok(posted) => {
                let change = Change { post: Some(&posted.id), url: posted.url.as_deref(), content: Some(&short), ..Change::default() };
                (State::Done, change)
            }
            // It may have to be compared, and sent again, word by word.
            Err(problem) if problem.code == "unclear" => (State::Unclear, Change { problem: why.as_ref(), ..Change::default() }),
            Err(_) => (State::Refused, Change { problem: why.as_ref(), content: Some(&short), ..Change::default() }),
        };
        app.store.move_act(&mut tx, &app.organisation, &act, state, change, app.now()).await?;
        Ok::<(), Problem>(tx.commit().await?)
    };
    if settled.await.is_err() {
        tracing::error!(act = %id, "act: how it ended could not be written");
    }
}

/// A problem as it is kept with an act.
pub(super) fn why(problem: &Problem) -> Value {
    json!({ "code": problem.code, "detail": problem.detail, "field": problem.more.get("field") })
}

/// Nobody knows whether it was done: the network is asked before it is sent again. Where it cannot be asked, a person has to look.
pub(super) async fn repeat(app: &App, wish: &Wish<'_>, known: &Act) -> Result<Said, Problem> {
    let Content::Post { .. } = wish.content else { return Err(unclear(&known.id)) };
    let ready = act::ready(app, wish.caller, wish.profile, SPARE).await?;
    let (post, since) = (wish.content.for_network()?, known.created_at - CLOCKS_DIFFER);
    let mut deed = wish.deed("look", known.decided_by.as_ref().filter(|_| known.approver.is_some()));
    deed.detail["look"] = json!(true);
    act::begin(app, &deed, &ready).await?;
    let found = ready.client.network.look(ready.acting(app, wish.profile), &post, since).await;
    match act::end(app, &deed, &ready, found, |found| json!({ "post": found.as_ref().map(|posted| &posted.id) })).await {
        Ok(Some(posted)) => {
            let short = wish.content.shortened().bytes()?;
            let change = Change { post: Some(&posted.id), url: posted.url.as_deref(), content: Some(&short), ..Change::default() };
            let mut tx = app.store.write().await?;
            let moved = app.store.move_act(&mut tx, &app.organisation, known, State::Done, change, app.now()).await?;
            tx.commit().await?;
            if moved { Ok(Said::Done { act: known.id.clone(), posted, note: None }) } else { Err(still_running()) }
        }
        Ok(None) => carry_out(app, wish, Some(known), &ready, deed.approved_by).await,
        Err(cannot) if cannot.code == "not_supported_by_network" => {
            let problem = unclear(&known.id);
            Err(Problem { detail: format!("{} {}", cannot.detail, problem.detail), ..problem })
        }
        Err(_) => Err(unclear(&known.id)),
    }
}

fn unclear(act: &ActId) -> Problem {
    let words = "It may have been done. Look there: withdraw this if it is there, and send it with a new key if it is not.";
    named(conflict("unclear", words), act)
}

/// What is unclear names the act: it is what one withdraws, or repeats.
fn named(mut problem: Problem, act: &ActId) -> Problem {
    if problem.code == "unclear" {
        problem.more["act"] = act.as_str().into();
    }
    problem
}
