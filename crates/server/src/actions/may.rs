//! The dry run: may this key do that, and why not. The same decision as the real one, and nothing is done.

use lifecycle::permission::{Act, Actor, Decision, Permission, Question, Why, decide};
use networks::network::{Ability, Kind};
use store::api_keys::{self, ApiKey};
use store::freezes;
use store::profiles::Profile;

use super::act;
use super::connect::network_named;
use crate::auth;
use crate::error::Problem;
use crate::i18n::Lang;
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
    /// The network allows it to nobody, for that kind of profile.
    NotSupported(Ability),
    /// The network's tokens are bound to a key of ours, and never handed out.
    TokenIsBound,
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
    /// Who gave the permission under which it would be done: a user or key by its id, or [`api_keys::OPERATOR`]. `None`: it is somebody's
    /// role, or nobody did.
    pub given_by: Option<String>,
}

impl But {
    /// In one word that stays: that of the problem which the real thing is answered with.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::NotSupported(_) => "not_supported_by_network",
            Self::TokenIsBound => "token_is_bound",
            Self::PeopleFrozen => Why::Frozen.as_str(),
        }
    }

    /// In words.
    pub fn words(&self, lang: Lang) -> String {
        match self {
            Self::NotSupported(Ability::No { en, de }) => lang.pick(en, de).to_owned(),
            Self::NotSupported(Ability::Yes) => String::new(),
            Self::TokenIsBound => lang.problem(&Problem::forbidden(act::BOUND)),
            Self::PeopleFrozen => lang.problem(&Problem::forbidden(act::PEOPLE_FROZEN)),
        }
    }
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
            (Decision::Allow(_), Some(but)) => Some(but.as_str()),
            (Decision::Deny(why), _) => Some(why.as_str()),
            (Decision::Hidden, _) => Some("hidden"),
            (Decision::SignIn, _) => Some("sign_in"),
        }
    }

    /// The answer in words.
    pub fn words(&self) -> String {
        match (&self.decision, &self.but) {
            (Decision::Allow(_), Some(but)) => format!("no: {}", but.words(Lang::En)),
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
    let key = match actor {
        Actor::ApiKey { id, .. } => api_keys::by_id(&mut tx, &app.organisation, id).await?,
        _ => None,
    };
    drop(tx);
    let about = match asked.profile {
        Some(profile) => auth::about(profile),
        None => auth::any(asked.act),
    };
    let decision = decide(actor, &Question { act: asked.act, about, call: asked.call, now: app.now(), frozen: &frozen });
    let but = match asked.profile.filter(|_| decision.is_yes() && asked.act.is_deed()) {
        Some(profile) => match refused_by_network(asked.act, profile)? {
            None if act::is_stopped_by_people(app, profile, &frozen).await? => Some(But::PeopleFrozen),
            but => but,
        },
        None => None,
    };
    let given_by = key.filter(|_| decision.is_yes() && but.is_none()).map(|key| key.given_by().to_owned());
    Ok(Verdict { decision, but, given_by })
}

/// What a network does for nobody with such a profile, whatever a key carries.
fn refused_by_network(act: Act, profile: &Profile) -> Result<Option<But>, Problem> {
    let network = network_named(&profile.network)?;
    let can = network.can_as(Kind::parse(&profile.kind).unwrap_or(Kind::Account));
    let ability = match act {
        Act::Publish => can.publish,
        Act::ReadComments => can.read_comments,
        // Either of them is a comment.
        Act::Comment if can.reply.is_yes() => can.reply,
        Act::Comment => can.comment,
        Act::ReadToken if network.about().binds_tokens() => return Ok(Some(But::TokenIsBound)),
        _ => Ability::Yes,
    };
    Ok((!ability.is_yes()).then_some(But::NotSupported(ability)))
}

/// A key as an actor.
pub fn actor_of(key: ApiKey) -> Actor {
    Actor::ApiKey { id: key.id, permissions: key.permissions, until: key.expires_at }
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_are_bound_where_each_call_is_proven_or_signed() {
        let bound = networks::ALL.iter().map(|network| network.about()).filter(|about| about.binds_tokens());
        let mut names: Vec<&str> = bound.map(|about| about.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["bluesky", "xing"]);
    }
}
