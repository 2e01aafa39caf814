//! Who may do what. One place, deny by default: whatever is not said here is refused.

use crate::ids::{ApiKeyId, TeamId, UserId};
use crate::words::word_enum;

word_enum! {
    /// What a user is in the organisation; independent of any role at a network.
    Role {
        /// Sees and manages everything of the organisation.
        CompanyAdmin = "company_admin",
        /// Works with the profiles of their teams and with their own.
        StandardUser = "standard_user",
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
        /// Change owner, teams, notification choices.
        ManageProfile = "profiles:manage",
        /// Disconnect: revoke at the network and shred.
        DeleteProfile = "profiles:delete",
        /// Be handed a profile's access token.
        ReadToken = "tokens:read",
        /// Publish posts as a profile.
        Publish = "posts:write",
        /// Read what was said under a post.
        ReadComments = "comments:read",
        /// Comment and reply as a profile.
        Comment = "comments:write",
        /// See the event log.
        SeeEvents = "events:read",
        /// Page presets.
        ManagePresets = "presets:manage",
        /// Teams and their members.
        ManageTeams = "teams:manage",
        /// Users, invitations, roles.
        ManageUsers = "users:manage",
        /// The registered clients at networks.
        ManageNetworkApps = "network_apps:manage",
        /// API keys.
        ManageApiKeys = "api_keys:manage",
        /// Webhook endpoints and chat channels.
        ManageWebhooks = "webhooks:manage",
        /// The own account: name, language, notifications, password, sessions.
        ManageOwnAccount = "account:manage",
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
    },
    /// A tool with an API key.
    ApiKey {
        /// Which key.
        id: ApiKeyId,
        /// What it may do.
        may: Vec<Act>,
    },
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// The organisation as a whole.
    Organisation,
    /// One profile.
    Profile {
        /// Its owner.
        owner: Option<&'a UserId>,
        /// The teams it is in.
        teams: &'a [TeamId],
    },
}

/// The decision, with the reason in words when it is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Nobody signed in: ask for it.
    SignIn,
    /// It exists, but not for this actor; to be answered as if it did not exist.
    Hidden,
    /// Not allowed, and why.
    Deny(&'static str),
}

/// Decides whether `actor` may do `act` about `about`. Everything belongs to the actor's own organisation: the shell
/// loads nothing of another one.
pub fn decide(actor: &Actor, act: Act, about: About<'_>) -> Decision {
    match actor {
        Actor::Stranger => Decision::SignIn,
        Actor::ApiKey { may, .. } if may.contains(&act) => Decision::Allow,
        Actor::ApiKey { .. } => Decision::Deny("this API key does not have the permission"),
        Actor::User { role: Role::CompanyAdmin, .. } => Decision::Allow,
        Actor::User { id, role: Role::StandardUser, teams } => decide_for_standard_user(id, teams, act, about),
    }
}

fn decide_for_standard_user(id: &UserId, teams: &[TeamId], act: Act, about: About<'_>) -> Decision {
    match (act, about) {
        // Which profiles and events a list shows is narrowed by the store to the same teams and ownership as below.
        (Act::SeeNetworks | Act::ManageOwnAccount | Act::Connect | Act::SeeEvents | Act::SeeProfile, About::Organisation) => {
            Decision::Allow
        }
        (
            Act::SeeProfile
            | Act::RefreshConnection
            | Act::CheckProfile
            | Act::ManageProfile
            | Act::DeleteProfile
            | Act::Publish
            | Act::ReadComments
            | Act::Comment
            | Act::SeeEvents,
            About::Profile { owner, teams: of },
        ) => {
            let owns = owner == Some(id);
            if !owns && !of.iter().any(|team| teams.contains(team)) {
                Decision::Hidden
            } else if act == Act::DeleteProfile && !owns {
                Decision::Deny("only the profile owner or a company admin can delete a profile")
            } else {
                Decision::Allow
            }
        }
        _ => Decision::Deny("only a company admin can do this"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role, teams: Vec<TeamId>) -> Actor {
        Actor::User { id: UserId::from_u128(1), role, teams }
    }

    #[test]
    fn strangers_may_nothing() {
        for act in Act::ALL {
            assert_eq!(decide(&Actor::Stranger, *act, About::Organisation), Decision::SignIn, "{act}");
        }
    }

    #[test]
    fn a_key_may_what_it_carries_and_no_more() {
        let key = Actor::ApiKey { id: ApiKeyId::from_u128(1), may: vec![Act::SeeProfile] };
        for act in Act::ALL {
            let allowed = decide(&key, *act, About::Organisation) == Decision::Allow;
            assert_eq!(allowed, *act == Act::SeeProfile, "{act}");
        }
    }

    #[test]
    fn a_standard_user_sees_own_and_team_profiles_only() {
        let team = TeamId::from_u128(7);
        let other = TeamId::from_u128(8);
        let me = UserId::from_u128(1);
        let actor = user(Role::StandardUser, vec![team.clone()]);
        let of = |owner, teams| About::Profile { owner, teams };
        assert_eq!(decide(&actor, Act::SeeProfile, of(None, std::slice::from_ref(&team))), Decision::Allow);
        assert_eq!(decide(&actor, Act::SeeProfile, of(Some(&me), &[])), Decision::Allow);
        assert_eq!(decide(&actor, Act::SeeProfile, of(None, std::slice::from_ref(&other))), Decision::Hidden);
        assert_eq!(decide(&actor, Act::RefreshConnection, of(None, &[])), Decision::Hidden);
        assert!(matches!(decide(&actor, Act::ManageUsers, About::Organisation), Decision::Deny(_)));
        assert!(matches!(decide(&actor, Act::DeleteProfile, of(None, std::slice::from_ref(&team))), Decision::Deny(_)));
    }

    #[test]
    fn a_company_admin_may_everything() {
        for act in Act::ALL {
            assert_eq!(decide(&user(Role::CompanyAdmin, vec![]), *act, About::Profile { owner: None, teams: &[] }), Decision::Allow);
        }
    }
}
