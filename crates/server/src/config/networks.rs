//! What can be set about a network without a build, and networks that are defined by configuration alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lifecycle::facts::{AfterVerdict, Facts, RenewalModel, Reuse};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use networks::oauth2::Definition;
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
    /// Further settings of this network; numbers and yes or no may be written as such.
    #[serde(deserialize_with = "texts")]
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
    /// How tokens are renewed: `rotating`, `stable`, `extending` or `by_person`.
    pub renewal: Option<RenewalWord>,
    /// What the network does with a refresh token that was used, where they rotate: `ends_family` (assumed), `refused`, `grace` or
    /// `until_used`.
    pub reuse: Option<ReuseWord>,
    /// How long a used one is taken again (`reuse = "grace"`).
    pub reuse_grace: Option<Length>,
    /// How old an access token has to be before it can be extended (`renewal = "extending"`; a day).
    pub extend_after: Option<Length>,
    /// What people must know before they leave; for a network that is defined here.
    pub rules: Vec<RuleWords>,
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

/// Texts by name, also where a number, `true` or `false` stands for one.
fn texts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let written = BTreeMap::<String, toml::Value>::deserialize(from)?;
    let text = |(name, value): (String, toml::Value)| match value {
        toml::Value::String(text) => Ok((name, text)),
        toml::Value::Integer(number) => Ok((name, number.to_string())),
        toml::Value::Boolean(yes) => Ok((name, yes.to_string())),
        _ => Err(serde::de::Error::custom(format!("options.{name} is a text or a number"))),
    };
    written.into_iter().map(text).collect()
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
    /// The access token itself is extended.
    Extending,
    /// Only the person can renew.
    ByPerson,
}

/// What the network does with a refresh token that was used already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReuseWord {
    /// It ends everything that came from the same login.
    EndsFamily,
    /// It is refused, and nothing else happens.
    Refused,
    /// It is taken again for a while.
    Grace,
    /// It is taken again until its successor is used.
    UntilUsed,
}

/// A rule in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleWords {
    /// In English.
    pub en: String,
    /// In German.
    pub de: String,
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
        self.check_endpoints(name)?;
        self.check_login_page(name)?;
        if self.kind.is_some() {
            networks::oauth2::check(&self.options, &self.endpoints)?;
            let extends = self.renewal == Some(RenewalWord::Extending);
            if extends != self.endpoints.contains_key("extend") {
                return Err("renewal = \"extending\" and endpoints.extend belong together".into());
            }
        } else if self.title.is_some() && self.like.is_none() {
            return Err("title belongs to what is defined here, with kind = \"oauth2\" or like = \"NETWORK\"".into());
        } else if !self.rules.is_empty() {
            return Err("rules belong to a network that is defined here, with kind = \"oauth2\"".into());
        }
        self.check_renewal()
    }

    /// An address under a key that nobody asks for would be set and never used.
    fn check_endpoints(&self, name: &str) -> Result<(), String> {
        let shipped = self.like.as_deref().unwrap_or(name);
        let Some(network) = networks::ALL.iter().find(|network| network.about().name == shipped).filter(|_| self.kind.is_none()) else {
            return Ok(());
        };
        let known: Vec<&str> = network.about().endpoints.iter().map(|endpoint| endpoint.key).collect();
        match self.endpoints.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(format!("there is no endpoints.{key}; the endpoints of {shipped} are {}", known.join(", "))),
            None => Ok(()),
        }
    }

    /// A parameter of the login page that is the protocol's own would be set and never sent.
    fn check_login_page(&self, name: &str) -> Result<(), String> {
        let shipped = networks::ALL.iter().map(|network| network.about()).find(|about| about.name == self.like.as_deref().unwrap_or(name));
        for (key, parameter) in self.options.keys().filter_map(|key| Some((key, key.strip_prefix("authorize.")?))) {
            if parameter.trim().is_empty() {
                return Err(format!("options.\"{key}\" has to end in the name of a parameter of the login page"));
            }
            if let Some(instead) = networks::oauth::instead_of(parameter) {
                return Err(format!("options.\"{key}\": that parameter is Staygreen's own; {instead}"));
            }
            if let Some(about) = shipped.filter(|about| self.kind.is_none() && !about.takes_login_parameters()) {
                let name = about.name;
                return Err(format!("options.\"{key}\": the login page of {name} has no place for a further parameter; leave it out"));
            }
        }
        Ok(())
    }

    fn check_renewal(&self) -> Result<(), String> {
        if self.extend_after.is_some() && self.renewal != Some(RenewalWord::Extending) {
            return Err("extend_after belongs to renewal = \"extending\"".into());
        }
        let rotates = self.renewal == Some(RenewalWord::Rotating);
        if (self.reuse.is_some() || self.reuse_grace.is_some()) && !rotates {
            return Err("reuse and reuse_grace belong to renewal = \"rotating\"".into());
        }
        if (self.reuse == Some(ReuseWord::Grace)) != self.reuse_grace.is_some() {
            return Err("reuse = \"grace\" and reuse_grace, how long it lasts, belong together".into());
        }
        Ok(())
    }

    /// Makes a network that is defined here known.
    pub(super) fn define(&self, name: &str) -> Result<(), String> {
        let title = self.title.as_deref().unwrap_or(name);
        match (self.kind, &self.like) {
            (Some(Kind::OAuth2), _) => networks::catalogue::define(Definition {
                name: name.to_owned(),
                title: title.to_owned(),
                scopes: self.scopes.clone(),
                rules: self.rules.iter().map(|rule| (rule.en.clone(), rule.de.clone())).collect(),
                has_profiles: self.endpoints.contains_key("profiles"),
            }),
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
            Some(RenewalWord::Rotating) => RenewalModel::Rotating(match (self.reuse, self.reuse_grace) {
                (Some(ReuseWord::Refused), _) => Reuse::Refused,
                (Some(ReuseWord::UntilUsed), _) => Reuse::UntilUsed,
                (Some(ReuseWord::Grace), Some(grace)) => Reuse::Grace(grace.span()),
                _ => Reuse::RevokesFamily,
            }),
            Some(RenewalWord::Extending) => RenewalModel::Extending(span(self.extend_after).unwrap_or(Span::days(1))),
            Some(RenewalWord::Stable) => RenewalModel::Stable,
            Some(RenewalWord::ByPerson) => RenewalModel::ByPerson,
            None => facts.renewal,
        };
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::facts::{AfterVerdict, RenewalModel, Reuse};
    use lifecycle::time::Span;

    use crate::config::Config;

    const DOCUMENT: &str = include_str!("../../../../docs/own-network.md");

    fn parsed(text: &str) -> Result<Config, String> {
        Config::parse("staygreen.toml", text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_examples_of_the_documentation_are_taken() {
        let examples: Vec<String> =
            DOCUMENT.split("```toml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect();
        assert_eq!(examples.len(), 3);
        for example in examples {
            let kept: Vec<&str> = example.lines().filter(|line| !line.starts_with("client_secret_file")).collect();
            let config = parsed(&kept.join("\n")).unwrap_or_else(|why| panic!("{why}: {example}"));
            for (name, network) in &config.networks {
                network.define(name).expect("defined");
            }
        }
        let fancy = networks::find("fancy").expect("defined");
        assert!(fancy.has_roles() && fancy.about().rules[0].de.contains("Redakteur"));
        for option in ["client_auth", "profiles_next", "limit_reset_header", "error.STATUS.CODE", "bearer", "refresh_life_name", "token_at"]
        {
            assert!(DOCUMENT.contains(&format!("`{option}`")), "{option} is documented");
        }
    }

    #[test]
    fn renewals_are_described_or_refused() {
        let own = |more: &str, endpoints: &str| {
            let needed = "authorize = \"https://a.example\"\ntoken = \"https://b.example\"\nuserinfo = \"https://c.example\"\n";
            format!(
                "[networks.described]\nkind = \"oauth2\"\ntitle = \"Described\"\n{more}[networks.described.endpoints]\n{needed}{endpoints}"
            )
        };
        let model = |more: &str| {
            let config = parsed(&own(more, "")).expect("taken");
            config.networks["described"].define("described").expect("defined");
            config.facts(networks::find("described").expect("defined")).renewal
        };
        assert_eq!(model(""), RenewalModel::Rotating(Reuse::RevokesFamily), "nothing is known");
        assert_eq!(model("renewal = \"rotating\"\nreuse = \"refused\"\n"), RenewalModel::Rotating(Reuse::Refused));
        assert_eq!(model("renewal = \"rotating\"\nreuse = \"until_used\"\n"), RenewalModel::Rotating(Reuse::UntilUsed));
        let grace = "renewal = \"rotating\"\nreuse = \"grace\"\nreuse_grace = \"60 s\"\n";
        assert_eq!(model(grace), RenewalModel::Rotating(Reuse::Grace(Span::seconds(60))));
        assert_eq!(model("renewal = \"stable\"\n"), RenewalModel::Stable);
        let refused = |more: &str, endpoints: &str| parsed(&own(more, endpoints)).expect_err("refused");
        assert!(refused("renewal = \"stable\"\nreuse = \"refused\"\n", "").contains("rotating"));
        assert!(refused("renewal = \"rotating\"\nreuse = \"grace\"\n", "").contains("reuse_grace"));
        assert!(refused("renewal = \"extending\"\n", "").contains("endpoints.extend"));
        assert!(refused("extend_after = \"1 h\"\n", "").contains("extending"));
        assert!(refused("", "revok = \"https://d.example\"\n").contains("endpoints.revok"));
        assert!(refused("options = { pkce = \"s256\" }\n", "").contains("S256, plain, hex, none"));
        assert!(parsed("[networks.x]\nrules = [{ en = \"a\", de = \"b\" }]\n").expect_err("refused").contains("defined here"));
    }
    const EVERYTHING: &str = r#"
        [networks.x]
        enabled = true
        client_id = "ours"
        client_secret = "secret"
        base_url = "https://proxy.example/x"
        scopes = ["tweet.read"]
        access_life = "1 h"
        refresh_life = "90 d"
        manual_renewal_every = "200 d"
        warn_days = [3, 21]
        probe_every = "2 h"
        idle_check_every = "5 d"
        doubt_for = "40 min"
        second_look_after = "90 s"
        look_after_verdict = false
        unreachable_after = "9 d"
        calls_per_minute = 7
        calls_burst = 3
        calls_at_once = 2
        refused_calls_max = 11
        renewal = "rotating"
        reuse = "grace"
        reuse_grace = "45 s"
        options = { text_max = 25000, pictures_max = "2", confidential = true }
        [networks.x.endpoints]
        token = "https://api.x.com/3/oauth2/token"
    "#;

    #[test]
    fn everything_known_of_a_shipped_network_can_be_set() {
        let config = parsed(EVERYTHING).expect("taken");
        let network = networks::find("x").expect("shipped");
        let (usual, set) = (network.facts(), config.facts(network));
        let lives = (set.access_life, set.refresh_life, set.manual_renewal_every);
        assert_eq!(lives, (Some(Span::hours(1)), Some(Span::days(90)), Some(Span::days(200))));
        assert_eq!(set.warn_days, [21, 3], "longest first");
        assert_eq!((set.probe_every, set.idle_check_every, set.doubt_for), (Span::hours(2), Span::days(5), Span::minutes(40)));
        assert_eq!((set.second_look_after, set.unreachable_after), (Span::seconds(90), Span::days(9)));
        assert_eq!((set.after_verdict, set.renewal), (AfterVerdict::LeaveAlone, RenewalModel::Rotating(Reuse::Grace(Span::seconds(45)))));
        let pace = (set.pace.per_minute, set.pace.burst, set.pace.at_once, set.pace.refused_in_10_minutes);
        assert_eq!(pace, (7, 3, 2, 11));
        assert!(usual.access_life != set.access_life && usual.pace != set.pace && usual.renewal != set.renewal, "it was otherwise before");
        let x = &config.networks["x"];
        assert_eq!((x.base_url.as_deref(), x.scopes.as_slice()), (Some("https://proxy.example/x"), &["tweet.read".to_owned()][..]));
        assert_eq!(x.endpoints["token"], "https://api.x.com/3/oauth2/token");
        let options: Vec<_> = x.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(options, ["confidential=true", "pictures_max=2", "text_max=25000"], "numbers need no quotation marks");
        let takes = config.takes(networks::find("linkedin").expect("shipped")).expect("told");
        let fewer = parsed("[networks.linkedin]\noptions = { pictures_max = 3 }\n").expect("taken");
        let fewer = fewer.takes(networks::find("linkedin").expect("shipped")).expect("told");
        assert_eq!((takes.pictures, fewer.pictures), (20, 3), "and is told so");
    }

    #[test]
    fn every_key_of_a_network_is_documented_and_tried() {
        let keys = parsed("[networks.x]\nthere_is_no_such_key = 1\n").expect_err("refused");
        let keys: Vec<&str> = keys.split('`').skip(1).step_by(2).filter(|key| *key != "there_is_no_such_key").collect();
        assert!(keys.len() > 25, "{keys:?}");
        for key in keys {
            let is_documented = DOCUMENT.contains(&format!("`{key}`")) || DOCUMENT.contains(&format!("`{key}."));
            assert!(is_documented, "{key} is not documented");
            // What only a network that is defined here has, and what is a file, are tried elsewhere.
            let elsewhere = ["client_secret_file", "extend_after", "rules", "kind", "like", "title"];
            assert!(
                elsewhere.contains(&key) || EVERYTHING.contains(&format!("{key} =")) || EVERYTHING.contains(&format!("x.{key}]")),
                "{key}"
            );
        }
    }

    #[test]
    fn an_address_under_a_key_that_nobody_asks_for_is_refused() {
        let wrong = parsed("[networks.x.endpoints]\ntokn = \"https://a.example\"\n").expect_err("refused");
        assert!(wrong.contains("endpoints.tokn") && wrong.contains("authorize, token"), "{wrong}");
        let wrong = parsed("[networks.further]\nlike = \"x\"\n[networks.further.endpoints]\ntokn = \"https://a.example\"\n");
        assert!(wrong.expect_err("refused").contains("the endpoints of x"));
        assert!(parsed("[networks.x.options]\ntext_max = [1]\n").expect_err("refused").contains("options.text_max"));
        let off = parsed("[networks.x.endpoints]\nrevoke = \"\"\n").expect("taken: there is none");
        assert_eq!(off.networks["x"].endpoints["revoke"], "");
    }

    #[test]
    fn a_parameter_of_the_protocol_is_not_the_operators_to_set() {
        let set = |network: &str, name: &str| parsed(&format!("[networks.{network}.options]\n\"authorize.{name}\" = \"x\"\n"));
        let words = |name: &str| set("instagram", name).expect_err("refused");
        for name in [
            "redirect_uri",
            "client_id",
            "client_key",
            "response_type",
            "response_mode",
            "state",
            "scope",
            "code_challenge",
            "code_challenge_method",
            "nonce",
            "request",
            "request_uri",
            "Redirect_URI",
        ] {
            let said = words(name);
            assert!(said.contains(&format!("authorize.{name}")) && said.contains("Staygreen's own; "), "{said}");
        }
        assert!(words("redirect_uri").contains("server.public_url"));
        assert!(words("scope").contains("set scopes") && words("client_id").contains("set client_id"));
        assert!(words("").contains("name of a parameter"));
        for network in networks::ALL.iter().map(|network| network.about()) {
            let refused = matches!(network.name, "xing" | "bluesky");
            let set = set(network.name, "prompt");
            assert_eq!(set.as_ref().is_err_and(|words| words.contains("no place")), refused, "{}: {:?}", network.name, set.err());
        }
        let further = "[networks.further]\nlike = \"bluesky\"\n[networks.further.options]\n\"authorize.prompt\" = \"x\"\n";
        assert!(parsed(further).expect_err("refused").contains("no place"));
        assert!(set("instagram", "force_reauth").is_ok() && set("x", "lang").is_ok());
        let own = "[networks.own]\nkind = \"oauth2\"\n[networks.own.options]\n\"authorize.nonce\" = \"x\"\n[networks.own.endpoints]\n\
                   authorize = \"https://a.example\"\ntoken = \"https://a.example\"\nuserinfo = \"https://a.example\"\n";
        assert!(parsed(own).expect_err("refused").contains("Staygreen's own"));
    }
}
