//! What is asked and answered. Every type takes fields it does not know: servers grow.

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// Which profiles are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this network.
    pub network: Option<String>,
    /// With this status: `connected`, `renew_soon`, `unverified`, `disconnected`.
    pub status: Option<String>,
    /// For this cause: `expired`, `password_changed`, `permission_lost` and the others of the API's description.
    pub cause: Option<String>,
    /// Of this owner, by the user's id.
    pub owner: Option<String>,
    /// In this team, by its id.
    pub team: Option<String>,
    /// With this tag, however it is written.
    pub tag: Option<String>,
    /// With this in the name or handle.
    pub q: Option<String>,
}

impl Filter {
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("network", &self.network),
            ("status", &self.status),
            ("cause", &self.cause),
            ("owner", &self.owner),
            ("team", &self.team),
            ("tag", &self.tag),
            ("q", &self.q),
        ];
        let given = given.into_iter().filter_map(|(name, value)| value.clone().map(|value| (name, value)));
        std::iter::once(("limit", "200".to_owned())).chain(given).collect()
    }
}

/// A profile in a list. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its id here.
    pub id: String,
    /// The network.
    pub network: String,
    /// The server, for networks that have many; empty otherwise.
    pub instance: String,
    /// `member`, `page`, `account`, `board`, `channel`, `location`.
    pub kind: String,
    /// Its id at the network.
    pub network_id: String,
    /// Its name there.
    pub name: String,
    /// Its handle there.
    pub handle: Option<String>,
    /// `connected`, `renew_soon`, `unverified`, `disconnected`.
    pub status: String,
    /// Why it is not simply connected.
    pub cause: Option<String>,
    /// Since when it has this status.
    pub since: String,
    /// The day on which a person must come, if one is known.
    pub deadline: Option<String>,
    /// When the network last proved it.
    pub verified_at: Option<String>,
    /// The user responsible for it.
    pub owner_id: Option<String>,
    /// The teams it is in.
    pub team_ids: Vec<String>,
    /// Its tags, by name; none from servers that know no tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A profile with everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeProfile {
    /// What a list says.
    #[serde(flatten)]
    pub profile: Profile,
    /// What happened, who must act, what to do.
    pub explanation: Explanation,
    /// Who holds access tokens for it.
    pub accesses: Vec<Access>,
    /// After a check: another look was under way, and its outcome is still to come.
    #[serde(default)]
    pub being_checked: bool,
}

/// What happened, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// In a few words.
    pub title: String,
    /// What happened.
    pub happened: String,
    /// Who must act.
    pub who_must_act: Option<String>,
    /// What they do.
    pub what_to_do: Option<String>,
}

/// One person's access to a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Who.
    pub person: Person,
    /// The role they hold there.
    pub role: Option<String>,
    /// `fresh`, `due`, `needs_person`, `role_lost` …
    pub state: String,
    /// Why it does not work.
    pub cause: Option<String>,
}

/// A login at a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Its id here.
    pub id: String,
    /// The name there.
    pub name: String,
    /// The handle there.
    pub handle: Option<String>,
}

/// A token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct AccessToken {
    /// The token itself.
    pub access_token: String,
    /// How it is presented.
    pub token_type: String,
    /// When it ends, where that is known.
    pub expires_at: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whose it is.
    pub person: String,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("token_type", &self.token_type).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What is to be published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Post {
    /// The words.
    pub text: String,
    /// An address that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A title, where the network has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Pictures and films, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// What happens when nobody's token works for the profile; to fail, where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_disconnected: Option<WhenDisconnected>,
}

/// What happens when nobody's token works for the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenDisconnected {
    /// A [`Problem`](crate::Problem) of code `no_access_tokens_available`.
    Fail,
    /// The post waits until the profile is connected again.
    Hold,
}

/// A picture or film: where it lies, or itself as Base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Media {
    /// Where the network can fetch it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What kind it is, as in `image/jpeg`.
    pub content_type: String,
    /// The bytes as Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What it shows, for those who do not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// What was published or said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Posted {
    /// Its id at the network.
    pub id: String,
    /// Where people see it, where that is known.
    pub url: Option<String>,
    /// What people have to know of it: the network shows it to nobody, still examines it, rejected it meanwhile.
    #[serde(default)]
    pub note: Option<String>,
}

/// What became of a post or comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// The network has it.
    Posted(Posted),
    /// It is not sent yet.
    Waits(Waits),
}

impl Said {
    /// What the network has; `None` of what waits.
    pub fn posted(&self) -> Option<&Posted> {
        match self {
            Self::Posted(posted) => Some(posted),
            Self::Waits(_) => None,
        }
    }
}

/// What waits: for an access token, or for somebody's approval.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Waits {
    /// For what: `held` until the profile is connected, or `waiting` for an approval.
    pub result: String,
    /// The act, for [`Client::act`](crate::Client::act).
    pub act: String,
    /// The user who has to approve it, where it waits for that.
    pub approval_by: Option<String>,
    /// Until when; after that it is not sent any more.
    pub until: String,
}

/// A post or comment made through the server, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Act {
    /// Its id here.
    pub id: String,
    /// `post` or `comment`.
    pub kind: String,
    /// `held`, `waiting`, `begun`, `done`, `refused`, `unclear`, `expired`, `withdrawn`, `declined`.
    pub state: String,
    /// What it says; of one that is over the beginning.
    pub text: String,
    /// Its id at the network, once it is done.
    pub network_id: Option<String>,
    /// Where people see it, where that is known.
    pub url: Option<String>,
    /// Until when it waits.
    pub until: String,
}

/// What was said under a post. The texts are strangers': escape them where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// Its id at the network.
    pub id: String,
    /// Who said it.
    pub author: String,
    /// What was said.
    pub text: String,
    /// When, where the network says so.
    pub at: Option<String>,
    /// The comment it answers.
    pub in_reply_to: Option<String>,
}
