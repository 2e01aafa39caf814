//! Acting as a profile: only what the network allows, by a person's token that works, and written into the log before the
//! token is used (promise 7: no row, no act).

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use keeper::Checked;
use keeper::ports::NetworkApp;
use lifecycle::access::AccessState;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::State;
use lifecycle::ids::{ApiKeyId, GrantId, PersonId};
use lifecycle::ledger::Ledger as _;
use lifecycle::permission::{Act, Actor, Frozen, Permission, Why};
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::{Span, Timestamp};
use networks::acting::{Acting, Comments, NotDone, Target};
use networks::network::Kind;
use serde_json::{Value, json};
use store::acts::id_of;
use store::audit::Entry;
use store::events::{self, About};
use store::grants::{Holder, SealedTokens, holders_of, sealed_tokens};
use store::profiles::Profile;
use store::{StoreError, Tx, api_keys};

use super::finish::shown;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::{evidence, rfc3339};
use crate::state::App;

/// A token that ends sooner than this is renewed before it is used for an act of ours.
pub(crate) const SPARE: Span = Span::seconds(60);

/// How long, and how often, somebody waits for a renewal that is under way.
const WAIT: Duration = Duration::from_millis(100);
const WAITS: u32 = 100;

/// What stops an act where tokens work and every one of them is a frozen person's.
pub(crate) const PEOPLE_FROZEN: &str =
    "everybody whose token this profile has is frozen; a company admin can thaw them, and nobody has to log in anew";

/// What stops a token from being handed out that is of no use outside.
pub(crate) const BOUND: &str =
    "Tokens of this network are bound to a key that never leaves this server, so they are of no use outside. Act through the API instead.";

/// A profile, ready to act through the token of one person.
pub(crate) struct Ready {
    /// Our client.
    pub(crate) client: Arc<NetworkApp>,
    /// Whose grant.
    pub(crate) grant: GrantId,
    /// The token set.
    pub(crate) tokens: TokenSet,
    holder: PersonId,
    /// Which token set of it.
    pub(crate) generation: i64,
    person: String,
    until: Option<Timestamp>,
}

/// What is asked of a token.
pub struct Wanted {
    /// How long it lives at least.
    pub min_ttl: Span,
    /// Which scopes it must have; more than the person granted is refused.
    pub scopes: Vec<String>,
    /// The way it was asked for, for the audit.
    pub door: &'static str,
}

/// An access token on its way to a tool.
pub struct Lent {
    /// The token: the profile's own where the network issues one.
    pub access_token: Secret,
    /// When it ends, where that is known.
    pub until: Option<Timestamp>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whose it is.
    pub person: String,
}

/// What is done, for the log.
pub(crate) struct Deed<'a> {
    /// What.
    pub(crate) act: Act,
    /// Its name in the history.
    pub(crate) kind: &'static str,
    /// The call of the network's API.
    pub(crate) call: Option<(String, String)>,
    /// Whether it stands in the profile's history, and not in the audit alone: what was said there does; what tools read all day would
    /// bury it.
    pub(crate) in_history: bool,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// As whom.
    pub(crate) profile: &'a Profile,
    /// What exactly.
    pub(crate) detail: Value,
    /// The user who approved it, where a permission asks for that.
    pub(crate) approved_by: Option<&'a events::Actor>,
}

/// Lists what was said under a post.
pub async fn comments(app: &App, caller: &Caller, profile: &Profile, post: &str) -> Result<Comments, Problem> {
    let ready = ready(app, caller, profile, SPARE).await?;
    let detail = json!({ "post": post });
    let deed = Deed { act: Act::ReadComments, kind: "comments", call: None, in_history: false, caller, profile, detail, approved_by: None };
    begin(app, &deed, &ready).await?;
    let done = ready.client.network.comments(ready.acting(app, profile), post).await.map_err(|not_done| match not_done {
        // Nothing is done by reading, whatever became of the answer.
        NotDone::Unclear(seen) => NotDone::Refused(Diagnosis::transient(seen, None)),
        other => other,
    });
    end(app, &deed, &ready, done, |list| json!({ "post": post, "count": list.len() })).await
}

/// Hands out an access token that lives at least that long, renewed first where it must be. The row is committed before the
/// token leaves.
pub async fn lend(app: &App, caller: &Caller, profile: &Profile, wanted: &Wanted) -> Result<Lent, Problem> {
    let min_ttl = wanted.min_ttl;
    let ready = choose(app, caller, profile, min_ttl.max(SPARE), &wanted.scopes).await?;
    if ready.tokens.token_type != TokenType::Bearer {
        return Err(
            Problem::new(StatusCode::CONFLICT, "token_is_bound", BOUND).with(json!({ "token_type": ready.tokens.token_type.as_str() }))
        );
    }
    if let Some(until) = ready.until.filter(|until| *until < app.now() + min_ttl) {
        let words = "Nobody's token of this profile lives that long at this moment. Ask with a smaller min_ttl, or later.";
        return Err(Problem::new(StatusCode::CONFLICT, "min_ttl_not_available", words).with(json!({ "expires_at": rfc3339(until) })));
    }
    if let Some(missing) = wanted.scopes.iter().find(|scope| !ready.tokens.scopes.contains(scope)) {
        let words = format!("The person did not grant the scope \"{missing}\"; nothing wider than their consent is handed out.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_scope", words).with(json!({ "scopes": ready.tokens.scopes })));
    }
    let own = ready.tokens.profile_tokens.get(&profile.network_id).cloned();
    let access_token = own.unwrap_or_else(|| ready.tokens.access_token.clone());
    // A token that turns up where it should not be can be traced to its hand-outs; the name tells nobody else anything.
    let detail = json!({ "expires_at": ready.until.map(rfc3339), "token": app.store.fingerprint(&access_token), "door": wanted.door });
    let deed = Deed { act: Act::ReadToken, kind: "token", call: None, in_history: false, caller, profile, detail, approved_by: None };
    begin(app, &deed, &ready).await?;
    Ok(Lent { access_token, until: ready.until, scopes: ready.tokens.scopes.clone(), person: ready.person })
}

impl Ready {
    pub(super) fn acting<'a>(&'a self, app: &'a App, profile: &'a Profile) -> Acting<'a> {
        let wire = app.wire.of(&profile.network);
        let cx = self.client.cx(app.now(), &*app.dice);
        Acting { cx, clock: &*app.clock, wire, tokens: &self.tokens, target: target(profile) }
    }
}

/// A profile as adapters see it.
pub(crate) fn target(profile: &Profile) -> Target<'_> {
    let kind = Kind::parse(&profile.kind).unwrap_or(Kind::Account);
    Target { network_id: &profile.network_id, kind, handle: profile.handle.as_deref() }
}

/// Chooses a token: the people whose access works, the freshest proof first. One whose life is over is renewed first.
pub(crate) async fn ready(app: &App, caller: &Caller, profile: &Profile, spare: Span) -> Result<Ready, Problem> {
    choose(app, caller, profile, spare, &[]).await
}

/// The same, with these scopes. Where the first one's does not live that long, or carries less, the next person's is taken that does;
/// where nobody's does, the first one's.
async fn choose(app: &App, caller: &Caller, profile: &Profile, spare: Span, scopes: &[String]) -> Result<Ready, Problem> {
    if !profile.enabled {
        return Err(Problem::new(StatusCode::CONFLICT, "profile_switched_off", "This profile is switched off in its settings."));
    }
    let network = super::connect::network_named(&profile.network)?;
    let client = app.network_app(network, &profile.instance).await.ok_or_else(|| unavailable(profile))?;
    let mut holders = holders(app, profile).await?;
    let mut lesser = None;
    for grant in in_order(&holders, &caller.frozen, app.now()) {
        let mut found = holders.iter().find(|(holder, _)| holder.grant.id == grant);
        // Once there is one, nobody else's is renewed that would end too soon all the same.
        let helps = |holder: &Holder| lesser.is_none() || lives(holder).is_none_or(|life| life >= spare);
        let is_due = |holder: &Holder| ends_within(holder, app.now() + SPARE) || !is_young(app, holder) && helps(holder);
        if let Some((holder, _)) = found.filter(|(holder, _)| ends_within(holder, app.now() + spare) && is_due(holder)) {
            renew(app, holder).await?;
            // What was known of all of them is old now.
            holders = self::holders(app, profile).await?;
            found = holders.iter().find(|(holder, _)| holder.grant.id == grant);
        }
        let Some((holder, sealed)) = found else { continue };
        if let Some(ready) = from(app, &client, holder, sealed.as_ref())? {
            let long = ready.until.is_none_or(|until| until >= app.now() + spare);
            if long && scopes.iter().all(|scope| ready.tokens.scopes.contains(scope)) {
                return Ok(ready);
            }
            lesser.get_or_insert(ready);
        }
    }
    if let Some(ready) = lesser {
        return Ok(ready);
    }
    if are_all_frozen(&holders, &caller.frozen) {
        return Err(Problem::forbidden(PEOPLE_FROZEN).with(json!({ "reason": Why::Frozen })));
    }
    tracing::info!(profile = %profile.id, caller = ?caller.named, "act: no access token is available");
    Err(unavailable(profile))
}

/// Who holds access tokens for a profile, each with the token set.
type Holders = Arc<Vec<(Holder, Option<SealedTokens>)>>;

async fn holders(app: &App, profile: &Profile) -> Result<Holders, StoreError> {
    let read = async |tx: &mut Tx| {
        let mut all = vec![];
        for holder in holders_of(tx, &profile.id).await? {
            let sealed = sealed_tokens(tx, &holder.grant.id).await?;
            all.push((holder, sealed));
        }
        Ok(Some(Arc::new(all)))
    };
    Ok(app.store.known(format!("holders of {}", profile.id), read).await?.unwrap_or_default())
}

/// Who holds a token that works.
fn working(holders: &Holders) -> impl Iterator<Item = &Holder> {
    let works = |holder: &&Holder| !matches!(holder.access.state, AccessState::Lost { .. }) && holder.grant.verdict().is_none();
    holders.iter().map(|(holder, _)| holder).filter(works)
}

/// Whether there are tokens that work, and each is passed over because its person is frozen: nobody has to log in anew then.
fn are_all_frozen(holders: &Holders, frozen: &[Frozen]) -> bool {
    let mut working = working(holders).peekable();
    working.peek().is_some() && working.all(|holder| Frozen::stops_person(frozen, &holder.person.id))
}

/// The same of a profile, for whoever only asks.
pub(super) async fn is_stopped_by_people(app: &App, profile: &Profile, frozen: &[Frozen]) -> Result<bool, Problem> {
    let somebody = frozen.iter().any(|one| matches!(one, Frozen::Person(_)));
    Ok(somebody && are_all_frozen(&holders(app, profile).await?, frozen))
}

/// Whose access works, in the order in which they are taken.
fn in_order(holders: &Holders, frozen: &[Frozen], now: Timestamp) -> Vec<GrantId> {
    let thawed = |holder: &&Holder| !Frozen::stops_person(frozen, &holder.person.id);
    let mut order: Vec<&Holder> = working(holders).filter(thawed).collect();
    // Somebody whose token is under suspicion, or to be looked at in this moment, comes last: another person's is taken meanwhile.
    let suspect = |holder: &Holder| matches!(holder.grant.state, State::Suspect(_)) || holder.grant.probe_at.is_some_and(|at| at <= now);
    order.sort_by_key(|holder| (suspect(holder), std::cmp::Reverse(holder.grant.verified_at)));
    order.into_iter().map(|holder| holder.grant.id.clone()).collect()
}

/// Whether the access token ends by then, and can be renewed.
fn ends_within(holder: &Holder, by: Timestamp) -> bool {
    holder.grant.renewable && holder.grant.clocks.access_until.is_some_and(|until| until <= by)
}

/// Whether the access token came only just now: whoever asks again and again for one that lives as long as any does must not spend a
/// refresh token with each call.
fn is_young(app: &App, holder: &Holder) -> bool {
    let least = app.config.server.renew_on_demand_after.span();
    let least = lives(holder).map_or(least, |life| least.min(life.times(1, 10)));
    app.now().since(holder.grant.issued_at) < least
}

/// How long its access tokens live.
fn lives(holder: &Holder) -> Option<Span> {
    holder.grant.clocks.access_until.map(|until| until.since(holder.grant.issued_at))
}

fn from(app: &App, client: &Arc<NetworkApp>, holder: &Holder, sealed: Option<&SealedTokens>) -> Result<Option<Ready>, Problem> {
    let over = holder.grant.clocks.access_until.is_some_and(|until| until <= app.now());
    if over || holder.grant.verdict().is_some() {
        return Ok(None);
    }
    let Some(tokens) = sealed.map(|sealed| app.store.unseal_tokens(sealed)).transpose()? else { return Ok(None) };
    let person = shown(&holder.person.name, holder.person.handle.as_deref());
    Ok(Some(Ready {
        client: Arc::clone(client),
        grant: holder.grant.id.clone(),
        tokens,
        holder: holder.person.id.clone(),
        generation: holder.grant.generation,
        person,
        until: holder.grant.clocks.access_until,
    }))
}

/// One renewal at a time: whoever comes while another is under way waits for its result and reads, and never sends (RF-10).
pub(super) async fn renew(app: &App, holder: &Holder) -> Result<(), Problem> {
    for _ in 0..WAITS {
        if app.keeper.renew_if(&holder.grant.id, holder.grant.generation).await? == Checked::Done {
            return Ok(());
        }
        tokio::time::sleep(WAIT).await;
    }
    Ok(())
}

pub(crate) fn unavailable(profile: &Profile) -> Problem {
    let standing = &profile.standing;
    Problem::new(
        StatusCode::CONFLICT,
        "no_access_tokens_available",
        "No access token of this profile works at this moment. Refresh the connection, or try again when the network can be reached.",
    )
    .with(json!({ "profile_status": standing.status, "cause": standing.cause }))
}

fn about(deed: &Deed<'_>, ready: &Ready) -> About {
    About { profile: Some(deed.profile.id.clone()), grant: Some(ready.grant.clone()), ..About::default() }
}

/// The row that must be durable before the token leaves.
pub(crate) async fn begin(app: &App, deed: &Deed<'_>, ready: &Ready) -> Result<(), Problem> {
    let mut tx = app.store.note().await?;
    let begun = begin_in(&mut tx, app, deed, ready).await;
    if !tx.is_stale() {
        begun?;
        match tx.commit().await {
            Err(StoreError::Stale) => {}
            done => return Ok(done?),
        }
    }
    // Something was changed while this was decided.
    let mut tx = app.store.write().await?;
    begin_in(&mut tx, app, deed, ready).await?;
    Ok(tx.commit().await?)
}

/// The same in a transaction that has more to write: nothing leaves before that is committed.
pub(super) async fn begin_in(tx: &mut Tx, app: &App, deed: &Deed<'_>, ready: &Ready) -> Result<(), Problem> {
    let mut detail = deed.detail.clone();
    detail["through"] = json!(ready.person);
    let call = deed.call.as_ref().map(|(method, path)| (method.as_str(), path.as_str()));
    let standing = auth::anew(tx, app, deed.caller, deed.profile, deed.act, call).await?;
    if Frozen::stops_person(&standing.frozen, &ready.holder) {
        return Err(Problem::forbidden(Why::Frozen.words()).with(json!({ "reason": Why::Frozen })));
    }
    // Whose approval is needed may have changed since it was given.
    let approved = deed.approved_by.map(id_of);
    let approval = standing.under.as_ref().and_then(|under| under.approval.as_ref());
    if let Some(user) = approval.filter(|user| approved != Some(user.as_str())) {
        let words = "This needs an approval by a named user. Nothing was sent.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "approval_needed", words).with(json!({ "approval_by": user.as_str() })));
    }
    if let Some(by) = deed.approved_by {
        detail["approved_by"] = json!(by);
    }
    if let (Actor::ApiKey { id, .. }, Some(under)) = (&deed.caller.actor, &standing.under) {
        count(tx, app, id, under).await?;
        detail["under"] = json!(under.to_string());
    }
    if deed.in_history {
        let kind = format!("act.{}.begun", deed.kind);
        events::append(tx, &app.organisation, app.now(), &kind, &deed.caller.named, &about(deed, ready), &detail).await?;
    }
    // Which consent it rests on: whose, for what, in which generation of the token set; and who gave the permission.
    detail["consent"] = json!({ "person": ready.holder.as_str(), "scopes": ready.tokens.scopes, "generation": ready.generation });
    detail["given_by"] = json!(standing.given_by);
    let entry = Entry {
        at: app.now(),
        organisation: &app.organisation,
        actor: &deed.caller.named,
        act: deed.act.as_str(),
        profile: Some(&deed.profile.id),
        grant: Some(&ready.grant),
        under: standing.under.as_ref().map(Permission::to_string),
        detail,
    };
    app.store.audit(tx, entry).await?;
    Ok(())
}

/// How often was said with the permission.
async fn count(tx: &mut Tx, app: &App, key: &ApiKeyId, under: &Permission) -> Result<(), Problem> {
    let (Some(rate), now) = (under.rate, app.now()) else { return Ok(()) };
    if api_keys::count_use(tx, key, under, rate, now).await? {
        return Ok(());
    }
    let seconds = rate.window(now).1.since(now).as_seconds().max(1);
    let words = format!(
        "This API key may do that {} times in {} seconds, and has. Try again in {seconds} seconds.",
        rate.count,
        rate.per.as_seconds()
    );
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "permission_used_up", words).with(json!({ "retry_after": seconds })))
}

/// How it ended, for the log and for whoever asked.
pub(super) async fn end<T>(
    app: &App,
    deed: &Deed<'_>,
    ready: &Ready,
    done: Result<T, NotDone>,
    words: impl Fn(&T) -> Value,
) -> Result<T, Problem> {
    let (ending, detail) = match &done {
        Ok(done) => ("done", words(done)),
        Err(NotDone::NotSupported(_)) => ("not_supported", Value::Null),
        Err(NotDone::Invalid { field, .. }) => ("invalid", json!({ "field": field })),
        Err(NotDone::Refused(diagnosis)) => ("refused", json!({ "evidence": diagnosis.evidence })),
        Err(NotDone::Unclear(evidence)) => ("unclear", json!({ "evidence": evidence })),
    };
    // What was done was done: a log that cannot be written now must not turn it into an error that invites a second try.
    if note(app, deed, ready, ending, &detail, &done).await.is_err() {
        tracing::error!(grant = %ready.grant, act = deed.kind, ending, "act: how it ended could not be written");
    }
    done.map_err(|not_done| told(deed.caller.lang, ready.client.network.about().title, not_done))
}

/// Why an act was not done, for whoever asked.
pub(super) fn told(lang: Lang, title: &str, not_done: NotDone) -> Problem {
    match not_done {
        NotDone::NotSupported(words) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_supported_by_network", lang.pick(&words.en, &words.de))
        }
        NotDone::Invalid { field, words } => Problem::field(field, lang.pick(&words.en, &words.de)),
        NotDone::Refused(diagnosis) => {
            let detail = format!("{title} refused it: {}", diagnosis.evidence.words);
            Problem::new(StatusCode::BAD_GATEWAY, "refused_by_network", detail).with(json!({ "evidence": evidence(&diagnosis.evidence) }))
        }
        NotDone::Unclear(seen) => {
            let detail = format!("{title} gave no clear answer: it may have been done. Look there before you repeat it.");
            Problem::new(StatusCode::BAD_GATEWAY, "unclear", detail).with(json!({ "evidence": evidence(&seen) }))
        }
    }
}

/// Writes how it ended. A refusal is evidence: it starts a look at once, at the token, or at the roles where it is about what was acted
/// as.
async fn note<T>(
    app: &App,
    deed: &Deed<'_>,
    ready: &Ready,
    ending: &str,
    detail: &Value,
    done: &Result<T, NotDone>,
) -> Result<(), Problem> {
    if deed.in_history {
        let mut tx = app.store.note().await?;
        let kind = format!("act.{}.{ending}", deed.kind);
        events::append(&mut tx, &app.organisation, app.now(), &kind, &deed.caller.named, &about(deed, ready), detail).await?;
        tx.commit().await?;
    }
    if let Err(NotDone::Refused(diagnosis)) = done
        && (!diagnosis.is_harmless() || diagnosis.is_about_target())
    {
        app.store.see_evidence(&ready.grant, diagnosis, &ready.client.facts, app.now()).await?;
        app.keeper.wake();
    }
    Ok(())
}
