//! The dry run: may this key do that, and why not. The same decision as the real one, and nothing is done.

use lifecycle::permission::{Act, Actor, Decision, Permission, Question, Why, decide};
use store::api_keys::ApiKey;
use store::freezes;
use store::profiles::Profile;

use super::act;
use crate::auth;
use crate::error::Problem;
use crate::state::App;

/// What is asked.
pub struct Asked<'a> {
    /// What would be done.
    pub act: Act,
    /// With which profile.
    pub profile: Option<&'a Profile>,
    /// The call of the network's API, for `api:call`.
    pub call: Option<(&'a str, &'a str)>,
}

/// What would stop it although the permission is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum But {
    /// Everybody whose token the profile has is frozen.
    PeopleFrozen,
}

/// What a dry run comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the permissions say.
    pub decision: Decision,
    /// What stops it all the same.
    pub but: Option<But>,
}

impl Verdict {
    /// Whether it would be done.
    pub const fn is_yes(&self) -> bool {
        self.decision.is_yes() && self.but.is_none()
    }

    /// The permission under which it would be done.
    pub fn under(&self) -> Option<&Permission> {
        match (&self.decision, &self.but) {
            (Decision::Allow(Some(under)), None) => Some(under),
            _ => None,
        }
    }

    /// Why not, in one word that stays.
    pub fn reason(&self) -> Option<&'static str> {
        match (&self.decision, &self.but) {
            (Decision::Allow(_), None) => None,
            (Decision::Allow(_), Some(But::PeopleFrozen)) => Some(Why::Frozen.as_str()),
            (Decision::Deny(why), _) => Some(why.as_str()),
            (Decision::Hidden, _) => Some("hidden"),
            (Decision::SignIn, _) => Some("sign_in"),
        }
    }

    /// The answer in words.
    pub fn words(&self) -> String {
        match (&self.decision, &self.but) {
            (Decision::Allow(_), Some(But::PeopleFrozen)) => format!("no: {}", act::PEOPLE_FROZEN),
            (Decision::Allow(Some(under)), None) => format!("yes, under \"{under}\""),
            (Decision::Allow(None), None) => "yes".into(),
            (Decision::SignIn, _) => "nobody is signed in".into(),
            (Decision::Hidden, _) => "no: nothing carried here is about this profile; it is answered as if there were none".into(),
            (Decision::Deny(why), _) => format!("no: {}", why.words()),
        }
    }
}

/// The decision for an actor, at this moment.
pub async fn may(app: &App, actor: &Actor, asked: &Asked<'_>) -> Result<Verdict, Problem> {
    let mut tx = app.store.read().await?;
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    drop(tx);
    let about = match asked.profile {
        Some(profile) => auth::about(profile),
        None => auth::any(asked.act),
    };
    let decision = decide(actor, &Question { act: asked.act, about, call: asked.call, now: app.now(), frozen: &frozen });
    let but = match asked.profile.filter(|_| decision.is_yes() && asked.act.is_deed()) {
        Some(profile) if act::is_stopped_by_people(app, profile, &frozen).await? => Some(But::PeopleFrozen),
        _ => None,
    };
    Ok(Verdict { decision, but })
}

/// A key as an actor.
pub fn actor_of(key: ApiKey) -> Actor {
    Actor::ApiKey { id: key.id, permissions: key.permissions, until: key.expires_at }
}
