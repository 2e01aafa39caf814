//! Who may do what. One place, deny by default: whatever is not said here is refused.

mod carried;
mod freeze;

use std::sync::Arc;

use crate::ids::{ApiKeyId, ProfileId, TeamId, UserId};
use crate::tag::Tag;
use crate::time::Timestamp;
use crate::words::word_enum;

pub use carried::{Calls, METHODS, NotAPermission, Permission, Rate, Reach};
pub use freeze::{Frozen, NotFreezable};

word_enum! {
    /// What a user is in the organisation; independent of any role at a network.
    Role {
        /// Sees and manages everything of the organisation.
        CompanyAdmin = "company_admin",
        /// Works with the profiles of their teams and with their own.
        StandardUser = "standard_user",
        /// Looks at the profiles of their teams and at their own, and renews their own. More only by permission sets.
        Viewer = "viewer",
    }
}

word_enum! {
    /// Everything that can be asked for. An API key carries a set of these.
    Act {
        /// See networks and their rules.
        SeeNetworks = "networks:read",
        /// See profiles, their status, history and explanation.
        SeeProfile = "profiles:read",
        /// Begin to connect new profiles.
        Connect = "profiles:connect",
        /// Begin a renewal, or send a renewal link.
        RefreshConnection = "profiles:refresh",
        /// Look now.
        CheckProfile = "profiles:check",
        /// Change owner, teams, tags, notification choices.
        ManageProfile = "profiles:manage",
        /// Disconnect: revoke at the network and shred.
        DeleteProfile = "profiles:delete",
        /// Be handed a profile's access token.
        ReadToken = "tokens:read",
        /// Call the network's API with a profile's token, which the caller never sees.
        CallApi = "api:call",
        /// Publish posts as a profile.
        Publish = "posts:write",
        /// Read what was said under a post.
        ReadComments = "comments:read",
        /// Comment and reply as a profile.
        Comment = "comments:write",
        /// See the event log.
        SeeEvents = "events:read",
        /// Page presets, of the company or of a team.
        ManagePresets = "presets:manage",
        /// Teams and their members.
        ManageTeams = "teams:manage",
        /// Users, invitations, roles.
        ManageUsers = "users:manage",
        /// People at networks: what each holds, what dies without them, replacements, giving up what they granted.
        ManagePeople = "people:manage",
        /// The registered clients at networks.
        ManageNetworkApps = "network_apps:manage",
        /// Freeze and thaw: users, API keys, people, profiles, networks, everything.
        Freeze = "freezes:manage",
        /// Search, verify and export the audit.
        SeeAudit = "audit:read",
        /// Take everything but secrets out.
        Export = "export:read",
        /// How many of what there is and happens, for monitoring.
        SeeMetrics = "metrics:read",
        /// API keys.
        ManageApiKeys = "api_keys:manage",
        /// Webhook endpoints and chat channels.
        ManageWebhooks = "webhooks:manage",
        /// Say that a mail came back.
        ReportBounces = "bounces:report",
        /// The own account: name, language, notifications, password, sessions.
        ManageOwnAccount = "account:manage",
    }
}

impl Act {
    /// Whether it is done with single profiles, so that a permission can be narrowed to some of them.
    pub const fn is_about_profiles(self) -> bool {
        matches!(
            self,
            Self::SeeProfile | Self::RefreshConnection | Self::CheckProfile | Self::ManageProfile | Self::DeleteProfile | Self::SeeEvents
        ) || self.is_deed()
    }

    /// Whether it is done with single teams, so that a permission can be narrowed to some of them.
    pub const fn is_about_teams(self) -> bool {
        matches!(self, Self::ManageTeams | Self::ManagePresets)
    }

    /// Whether a permission set may hold it. Tokens, calls of a network's API and mails that came back are for tools; the own account is
    /// everybody's.
    pub const fn can_be_given(self) -> bool {
        !matches!(self, Self::ReadToken | Self::CallApi | Self::ReportBounces | Self::ManageOwnAccount | Self::SeeNetworks)
    }

    /// Whether it is done through a person's token: these are counted, written into the audit before, and stopped by a freeze.
    pub const fn is_deed(self) -> bool {
        matches!(self, Self::ReadToken | Self::CallApi | Self::Publish | Self::ReadComments | Self::Comment)
    }

    /// Whether it can wait until somebody approves it.
    pub const fn can_wait(self) -> bool {
        matches!(self, Self::Publish | Self::Comment)
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who signed in.
    Stranger,
    /// A signed-in user.
    User {
        /// Who.
        id: UserId,
        /// What they are here.
        role: Role,
        /// The teams they belong to.
        teams: Vec<TeamId>,
        /// What their permission sets add to their role.
        given: Arc<[Permission]>,
    },
    /// A tool with an API key.
    ApiKey {
        /// Which key.
        id: ApiKeyId,
        /// What it may do.
        permissions: Arc<[Permission]>,
        /// When it ends.
        until: Option<Timestamp>,
    },
    /// Somebody with a renewal link: may refresh that one connection, and nothing else.
    RenewalLink {
        /// The link's profile.
        profile: ProfileId,
    },
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// The organisation as a whole.
    Organisation,
    /// Some profiles: which ones is decided, or narrowed, one by one later. Asks whether there can be any.
    Profiles,
    /// Some teams, as above.
    Teams,
    /// One team.
    Team(&'a TeamId),
    /// One profile.
    Profile {
        /// Which.
        id: &'a ProfileId,
        /// Its network.
        network: &'a str,
        /// Its owner.
        owner: Option<&'a UserId>,
        /// The teams it is in.
        teams: &'a [TeamId],
        /// Its tags.
        tags: &'a [Tag],
    },
}

/// A question: may this be done, now, as things stand?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is to be done.
    pub act: Act,
    /// With what.
    pub about: About<'a>,
    /// The call of the network's API: method and path. `None` for everything but [`Act::CallApi`].
    pub call: Option<(&'a str, &'a str)>,
    /// The moment.
    pub now: Timestamp,
    /// What is frozen at this moment.
    pub frozen: &'a [Frozen],
}

word_enum! {
    /// Why not.
    Why {
        /// The key has no such permission.
        NoPermission = "no_permission",
        /// The key has it for other profiles.
        OtherProfiles = "other_profiles",
        /// The key has it for other calls.
        OtherCalls = "other_calls",
        /// The permission is over.
        PermissionEnded = "permission_ended",
        /// The key is over.
        KeyEnded = "key_ended",
        /// It is frozen.
        Frozen = "frozen",
        /// Only company admins may.
        NotCompanyAdmin = "not_company_admin",
        /// Neither their role nor a permission set says so.
        NotGiven = "not_given",
        /// Only the owner or a company admin may.
        NotOwner = "not_owner",
        /// Only tools call the network's API.
        OnlyByApiKey = "only_by_api_key",
        /// A renewal link is for one renewal.
        OnlyRenewal = "only_renewal",
    }
}

impl Why {
    /// In words, with what to do where there is something.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoPermission => "this API key does not have the permission",
            Self::OtherProfiles => "this API key has the permission for other profiles only",
            Self::OtherCalls => "this API key has the permission for other methods or paths only",
            Self::PermissionEnded => "this permission of the API key has ended; an admin can create a new key",
            Self::KeyEnded => "this API key has ended; an admin can create a new one",
            Self::Frozen => "this is frozen; a company admin can thaw it",
            Self::NotCompanyAdmin => "only a company admin, or somebody with a permission set for it, can do this",
            Self::NotGiven => "neither your role nor your permission sets allow this; a company admin can give you more",
            Self::NotOwner => "only the profile owner or a company admin can delete a profile",
            Self::OnlyByApiKey => "the network's API is called with an API key that carries api:call",
            Self::OnlyRenewal => "a renewal link is for renewing its own connection",
        }
    }
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go on: as somebody's role or link has it, or under this permission of a key, with its rate and approval.
    Allow(Option<Box<Permission>>),
    /// Nobody signed in: ask for it.
    SignIn,
    /// It exists, but not for this actor; to be answered as if it did not exist.
    Hidden,
    /// Not allowed, and why.
    Deny(Why),
}

impl Decision {
    /// Whether it is yes.
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

/// Decides. Everything belongs to the actor's own organisation: the shell loads nothing of another one.
pub fn decide(actor: &Actor, question: &Question<'_>) -> Decision {
    let admitted = admit(actor, question.now, question.frozen);
    if !admitted.is_yes() {
        return admitted;
    }
    if is_frozen(question) {
        return Decision::Deny(Why::Frozen);
    }
    match actor {
        Actor::Stranger => Decision::SignIn,
        Actor::ApiKey { permissions, .. } => decide_for_key(permissions, question),
        Actor::User { .. } if question.act == Act::CallApi => Decision::Deny(Why::OnlyByApiKey),
        Actor::User { id, role, teams, given } => decide_for_user(id, *role, teams, given, question),
        Actor::RenewalLink { profile } => match question.about {
            About::Profile { id, .. } if id != profile => Decision::Hidden,
            About::Profile { .. } if question.act == Act::RefreshConnection => Decision::Allow(None),
            _ => Decision::Deny(Why::OnlyRenewal),
        },
    }
}

/// Whether somebody is heard at all, whatever they ask for: not where they are frozen themselves, or over. For what is theirs without
/// any permission; everything else asks [`decide`].
pub fn admit(actor: &Actor, now: Timestamp, frozen: &[Frozen]) -> Decision {
    let stopped = frozen.iter().any(|frozen| match (frozen, actor) {
        (Frozen::User(stopped), Actor::User { id, .. }) => id == stopped,
        (Frozen::ApiKey(stopped), Actor::ApiKey { id, .. }) => id == stopped,
        _ => false,
    });
    match actor {
        Actor::Stranger => Decision::SignIn,
        _ if stopped => Decision::Deny(Why::Frozen),
        Actor::ApiKey { until, .. } if until.is_some_and(|until| until <= now) => Decision::Deny(Why::KeyEnded),
        Actor::User { .. } | Actor::ApiKey { .. } | Actor::RenewalLink { .. } => Decision::Allow(None),
    }
}

fn is_frozen(question: &Question<'_>) -> bool {
    let deed = question.act.is_deed();
    question.frozen.iter().any(|frozen| match frozen {
        Frozen::Everything => deed,
        Frozen::Profile(stopped) => deed && matches!(question.about, About::Profile { id, .. } if id == stopped),
        Frozen::Network(stopped) => deed && matches!(question.about, About::Profile { network, .. } if network == stopped),
        // Somebody themselves: asked by [`admit`]. Which person's token is used is chosen later, among those that are not stopped.
        Frozen::User(_) | Frozen::ApiKey(_) | Frozen::Person(_) => false,
    })
}

/// Permission sets only ever add to what a role allows.
fn decide_for_user(id: &UserId, role: Role, teams: &[TeamId], given: &[Permission], question: &Question<'_>) -> Decision {
    let by_role = decide_by_role(id, role, teams, question);
    if by_role.is_yes() {
        return by_role;
    }
    match decide_for_key(given, question) {
        Decision::Allow(_) => Decision::Allow(None),
        // What one of their sets is about is no secret to them.
        Decision::Deny(_) if by_role == Decision::Hidden => Decision::Deny(Why::NotGiven),
        _ => by_role,
    }
}

fn decide_by_role(id: &UserId, role: Role, teams: &[TeamId], question: &Question<'_>) -> Decision {
    match role {
        Role::CompanyAdmin => Decision::Allow(None),
        Role::StandardUser => decide_for_standard_user(id, teams, question),
        Role::Viewer => decide_for_viewer(id, teams, question),
    }
}

fn decide_for_key(permissions: &[Permission], question: &Question<'_>) -> Decision {
    let within = |permission: &Permission| match question.about {
        About::Organisation => permission.reach.is_everything(),
        About::Profiles | About::Teams => true,
        About::Team(id) => permission.reach.covers_team(id),
        About::Profile { id, network, teams, tags, .. } => permission.reach.covers(id, network, teams, tags),
    };
    if matches!(question.about, About::Profile { .. }) && !permissions.iter().any(|any| any.act.is_about_profiles() && within(any)) {
        return Decision::Hidden;
    }
    if matches!(question.about, About::Team(_)) && !permissions.iter().any(|any| any.act.is_about_teams() && within(any)) {
        return Decision::Hidden;
    }
    let alive = |permission: &&Permission| permission.until.is_none_or(|until| until > question.now);
    let called = |permission: &&Permission| match (&permission.calls, question.call) {
        (Some(calls), Some((method, path))) => calls.covers(method, path),
        // Whether there can be such a call at all is asked before the call is known.
        (Some(_), None) => question.about == About::Profiles,
        (None, call) => call.is_none(),
    };
    // The reason told is that of the first sieve which lets nothing through.
    let mut left: Vec<&Permission> = permissions.iter().collect();
    let mut sift = |why, sieve: &dyn Fn(&&Permission) -> bool| {
        left.retain(|permission| sieve(permission));
        if left.is_empty() { Err(why) } else { Ok(()) }
    };
    let sifted = sift(Why::NoPermission, &|permission| permission.act == question.act)
        .and_then(|()| sift(Why::OtherProfiles, &|permission| within(permission)))
        .and_then(|()| sift(Why::OtherCalls, &called))
        .and_then(|()| sift(Why::PermissionEnded, &alive));
    if let Err(why) = sifted {
        return Decision::Deny(why);
    }
    // Permissions add up: where several allow it, the one that asks for least is used.
    let often = |permission: &Permission| permission.rate.map(|rate| i64::from(rate.count) * 1_000_000 / rate.per.as_seconds().max(1));
    let least = |permission: &&Permission| (permission.approval.is_some(), often(permission).map_or(i64::MIN, |often| -often));
    left.into_iter().min_by_key(least).map_or(Decision::Deny(Why::NoPermission), |under| Decision::Allow(Some(Box::new(under.clone()))))
}

fn decide_for_standard_user(id: &UserId, teams: &[TeamId], question: &Question<'_>) -> Decision {
    let act = question.act;
    let with_profiles = matches!(
        act,
        Act::SeeProfile
            | Act::RefreshConnection
            | Act::CheckProfile
            | Act::ManageProfile
            | Act::DeleteProfile
            | Act::Publish
            | Act::ReadComments
            | Act::Comment
            | Act::SeeEvents
    );
    match question.about {
        About::Organisation if matches!(act, Act::SeeNetworks | Act::ManageOwnAccount | Act::Connect) => Decision::Allow(None),
        // Which profiles and events a list shows is narrowed by the store to the same teams and ownership as below.
        About::Profiles if with_profiles => Decision::Allow(None),
        About::Team(_) => Decision::Hidden,
        About::Profile { owner, teams: of, .. } => {
            let owns = owner == Some(id);
            if !owns && !of.iter().any(|team| teams.contains(team)) {
                Decision::Hidden
            } else if !with_profiles {
                Decision::Deny(Why::NotCompanyAdmin)
            } else if act == Act::DeleteProfile && !owns {
                Decision::Deny(Why::NotOwner)
            } else {
                Decision::Allow(None)
            }
        }
        _ => Decision::Deny(Why::NotCompanyAdmin),
    }
}

/// Whoever is responsible for a profile can always repair it: the mail that asks for it leads to a page that works.
fn decide_for_viewer(id: &UserId, teams: &[TeamId], question: &Question<'_>) -> Decision {
    let act = question.act;
    let looks = matches!(act, Act::SeeProfile | Act::SeeEvents);
    let repairs = matches!(act, Act::RefreshConnection | Act::CheckProfile);
    match question.about {
        About::Organisation if matches!(act, Act::SeeNetworks | Act::ManageOwnAccount) => Decision::Allow(None),
        About::Profiles if looks || repairs => Decision::Allow(None),
        About::Team(_) => Decision::Hidden,
        About::Profile { owner, teams: of, .. } => {
            let owns = owner == Some(id);
            if !owns && !of.iter().any(|team| teams.contains(team)) {
                Decision::Hidden
            } else if looks || (repairs && owns) {
                Decision::Allow(None)
            } else {
                Decision::Deny(Why::NotGiven)
            }
        }
        _ => Decision::Deny(Why::NotGiven),
    }
}

impl Actor {
    /// Whether they may give this on: nobody gives what they do not have, nor for longer. What a standard user has by being in a team
    /// is not theirs to give.
    pub fn may_give(&self, permission: &Permission) -> bool {
        let (own, ends) = match self {
            Self::User { role: Role::CompanyAdmin, .. } => return true,
            Self::User { given, .. } => (given, None),
            Self::ApiKey { permissions, until, .. } => (permissions, *until),
            Self::Stranger | Self::RenewalLink { .. } => return false,
        };
        own.iter().any(|had| had.ending(ends).includes(permission))
    }

    /// Whether they may let this, which others carry, reach one more profile: nobody widens what somebody may, themselves least of all,
    /// beyond what they could give for that very profile as it is, nor for longer. What their role lets them do with it themselves they
    /// may share. `about`: the profile before.
    pub fn may_widen(&self, permission: &Permission, about: About<'_>) -> bool {
        let About::Profile { id, network, teams, tags, .. } = about else { return false };
        let (own, ends) = match self {
            Self::User { id, role, teams, given } => {
                let by_role = Question { act: permission.act, about, call: None, now: Timestamp::from_micros(0), frozen: &[] };
                if decide_by_role(id, *role, teams, &by_role).is_yes() {
                    return true;
                }
                (given, None)
            }
            Self::ApiKey { permissions, until, .. } => (permissions, *until),
            Self::Stranger | Self::RenewalLink { .. } => return false,
        };
        own.iter().filter(|had| had.reach.covers(id, network, teams, tags)).any(|had| {
            let there = Permission { reach: had.reach.clone(), ..permission.clone() };
            had.ending(ends).includes(&there)
        })
    }
}

#[cfg(test)]
mod tests;
