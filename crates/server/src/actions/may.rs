//! The dry run: may this key do that, and why not. The same decision as the real one, and nothing is done.

use lifecycle::permission::{Act, Actor, Decision, Question, decide};
use store::api_keys::ApiKey;
use store::freezes;
use store::profiles::Profile;

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

/// The decision for an actor, at this moment.
pub async fn may(app: &App, actor: &Actor, asked: &Asked<'_>) -> Result<Decision, Problem> {
    let mut tx = app.store.read().await?;
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    let about = match asked.profile {
        Some(profile) => auth::about(profile),
        None => auth::any(asked.act),
    };
    Ok(decide(actor, &Question { act: asked.act, about, call: asked.call, now: app.now(), frozen: &frozen }))
}

/// A key as an actor.
pub fn actor_of(key: ApiKey) -> Actor {
    Actor::ApiKey { id: key.id, permissions: key.permissions, until: key.expires_at }
}

/// The answer in words.
pub fn words(decision: &Decision) -> String {
    match decision {
        Decision::Allow(Some(under)) => format!("yes, under \"{under}\""),
        Decision::Allow(None) => "yes".into(),
        Decision::SignIn => "nobody is signed in".into(),
        Decision::Hidden => "no: nothing carried here is about this profile; it is answered as if there were none".into(),
        Decision::Deny(why) => format!("no: {}", why.words()),
    }
}
