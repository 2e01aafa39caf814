//! What can be set about a network without a build, and networks that are defined by configuration alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lifecycle::facts::{AfterVerdict, Facts, RenewalModel, Reuse};
use lifecycle::secret::Secret;
use serde::Deserialize;

use super::Length;

/// `[networks.NAME]`: our client there and everything about the network that may be set without a build.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// `false`: the network is not offered here.
    pub enabled: Option<bool>,
    /// The client id.
    pub client_id: Option<String>,
    /// The client secret.
    #[serde(deserialize_with = "super::secret")]
    pub client_secret: Option<Secret>,
    /// A file that holds the client secret instead.
    pub client_secret_file: Option<PathBuf>,
    /// Replaces scheme and host of every endpoint.
    pub base_url: Option<String>,
    /// Replaces single endpoints.
    pub endpoints: BTreeMap<String, String>,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// Further settings of this network.
    pub options: BTreeMap<String, String>,
    /// How often an unused token is looked at.
    pub probe_every: Option<Length>,
    /// The longest that a rotating token nobody uses goes without proof.
    pub idle_check_every: Option<Length>,
    /// How long renewals have to be refused without a reason before it is a verdict.
    pub doubt_for: Option<Length>,
    /// How long an access token lives where the network does not say.
    pub access_life: Option<Length>,
    /// How long a refresh token lives where the network does not say.
    pub refresh_life: Option<Length>,
    /// How long the network has to be out of reach until the owner hears of it.
    pub unreachable_after: Option<Length>,
    /// After how long the network demands a manual renewal.
    pub manual_renewal_every: Option<Length>,
    /// How many days ahead a manual renewal is announced, longest first.
    pub warn_days: Option<Vec<i64>>,
    /// How tokens are renewed: `rotating`, `stable` or `by_person`.
    pub renewal: Option<RenewalWord>,
    /// `false`: a token with a verdict is never sent again by itself.
    pub look_after_verdict: Option<bool>,
    /// The time between a refusal and the second look; 30 s at least at a real network.
    pub second_look_after: Option<Length>,
    /// How many calls our network app may make in a minute, over all servers, beside what people and tools ask for.
    pub calls_per_minute: Option<u32>,
    /// So many of them may come at once when there were few before.
    pub calls_burst: Option<u32>,
    /// How many calls each server has under way at the same time.
    pub calls_at_once: Option<u32>,
    /// After so many refused calls within ten minutes a server leaves the network in peace, before it bans the server's address.
    pub refused_calls_max: Option<u32>,
    /// `oauth2`: this network is not shipped but defined here.
    pub kind: Option<Kind>,
    /// This is a further app of ours at that shipped network, under the name of this section.
    pub like: Option<String>,
    /// What people call it; for a network or a further app that is defined here.
    pub title: Option<String>,
}

/// What a network that is not shipped speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// OAuth 2.0: authorization code with PKCE.
    #[serde(rename = "oauth2")]
    OAuth2,
}

/// How tokens are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenewalWord {
    /// Each renewal answers with a new refresh token.
    Rotating,
    /// The refresh token stays the same.
    Stable,
    /// Only the person can renew.
    ByPerson,
}

impl NetworkConfig {
    /// Whether it makes sense, in words otherwise.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        if self.kind.is_some() && self.like.is_some() {
            return Err("kind defines a network that is not shipped, like a further app at one that is: leave out one of them".into());
        }
        if self.kind.is_none() && self.like.is_none() && !networks::ALL.iter().any(|network| network.about().name == name) {
            let known: Vec<_> = networks::ALL.iter().map(|network| network.about().name).collect();
            return Err(format!(
                "there is no network \"{name}\"; the networks are {}. One that is not shipped is defined with kind = \"oauth2\"",
                known.join(", ")
            ));
        }
        for (key, url) in
            self.endpoints.iter().map(|(key, url)| (key.as_str(), url)).chain(self.base_url.iter().map(|url| ("base_url", url)))
        {
            if !url.is_empty() && url::Url::parse(&url.replace("{instance}", "instance.example")).is_err() {
                return Err(format!("{key} is not a URL; write it like https://api.example.com"));
            }
        }
        if self.kind.is_some() {
            let missing = networks::oauth2::NEEDED.iter().find(|key| !self.endpoints.contains_key(**key));
            if let Some(key) = missing {
                return Err(format!("endpoints.{key} is needed for a network that is defined here"));
            }
        } else if self.title.is_some() && self.like.is_none() {
            return Err("title belongs to what is defined here, with kind = \"oauth2\" or like = \"NETWORK\"".into());
        }
        Ok(())
    }

    /// Makes a network that is defined here known.
    pub(super) fn define(&self, name: &str) -> Result<(), String> {
        let title = self.title.as_deref().unwrap_or(name);
        match (self.kind, &self.like) {
            (Some(Kind::OAuth2), _) => networks::catalogue::define(name, title, &self.scopes),
            (None, Some(like)) => networks::catalogue::define_like(name, title, like),
            (None, None) => Ok(()),
        }
    }

    /// What is set here wins over what is known of the network.
    pub(super) fn apply(&self, facts: &mut Facts) {
        let span = |length: Option<Length>| length.map(Length::span);
        facts.probe_every = span(self.probe_every).unwrap_or(facts.probe_every);
        facts.idle_check_every = span(self.idle_check_every).unwrap_or(facts.idle_check_every);
        facts.doubt_for = span(self.doubt_for).unwrap_or(facts.doubt_for);
        let pace = &mut facts.pace;
        pace.per_minute = self.calls_per_minute.unwrap_or(pace.per_minute).max(1);
        pace.burst = self.calls_burst.unwrap_or(pace.burst).max(1);
        pace.at_once = self.calls_at_once.unwrap_or(pace.at_once).max(1);
        pace.refused_in_10_minutes = self.refused_calls_max.unwrap_or(pace.refused_in_10_minutes).max(1);
        facts.unreachable_after = span(self.unreachable_after).unwrap_or(facts.unreachable_after);
        facts.access_life = span(self.access_life).or(facts.access_life);
        facts.refresh_life = span(self.refresh_life).or(facts.refresh_life);
        facts.manual_renewal_every = span(self.manual_renewal_every).or(facts.manual_renewal_every);
        facts.second_look_after = span(self.second_look_after).unwrap_or(facts.second_look_after);
        facts.after_verdict = match self.look_after_verdict {
            Some(true) => AfterVerdict::LookRarely,
            Some(false) => AfterVerdict::LeaveAlone,
            None => facts.after_verdict,
        };
        if let Some(days) = &self.warn_days {
            facts.warn_days.clone_from(days);
            facts.warn_days.sort_unstable_by(|one, other| other.cmp(one));
        }
        facts.renewal = match self.renewal {
            Some(RenewalWord::Rotating) => RenewalModel::Rotating(Reuse::RevokesFamily),
            Some(RenewalWord::Stable) => RenewalModel::Stable,
            Some(RenewalWord::ByPerson) => RenewalModel::ByPerson,
            None => facts.renewal,
        };
    }
}
