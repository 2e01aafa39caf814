//! The configuration: a TOML file, every key also as environment variable `STAYGREEN_SECTION__KEY` (secrets also as
//! `..._FILE`). A wrong key or type is refused with the line it stands on.

mod environment;
mod networks;
mod span;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use lifecycle::facts::Facts;
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use serde::Deserialize;

pub use networks::NetworkConfig;
pub use span::Length;

/// Everything that can be configured. Each field's default is what a first start without a file uses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[database]`
    pub database: DatabaseConfig,
    /// `[keys]`
    pub keys: KeysConfig,
    /// `[mail]`
    pub mail: MailConfig,
    /// `[keeper]`
    pub keeper: KeeperConfig,
    /// `[monitoring]`
    pub monitoring: MonitoringConfig,
    /// `[networks.NAME]`
    pub networks: BTreeMap<String, NetworkConfig>,
}

/// `[server]`: where it listens and how it is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address under which browsers and networks reach this server; empty: `http://` and what it listens on.
    pub public_url: String,
    /// Folder for everything that is stored; made on first start.
    pub data_dir: PathBuf,
    /// Name of the organisation made on first start.
    pub organisation: String,
    /// Address ranges that user-named hosts may resolve to, besides public ones.
    pub allow_private_networks: Vec<IpNet>,
    /// Origins (`https://tool.example`) to which a tool may have people sent back after it began a connection (`return_to`).
    pub return_origins: Vec<String>,
    /// A browser's session ends after that long without a request.
    pub session_idle: Length,
    /// A browser's session ends after that long in any case.
    pub session_max: Length,
    /// How long a connection may take from the first click to the return from the network.
    pub connection_max: Length,
    /// How long a renewal link is valid.
    pub renewal_link_max: Length,
    /// So old is an access token at least when it is renewed because somebody asks for one that lives longer than it still does; a tenth of its
    /// life where that is less.
    pub renew_on_demand_after: Length,
    /// How long a request's head may take, and its body when next to nothing of it comes.
    pub slow_after: Length,
    /// The most MiB of a request, and of an answer, that are passed through to a network and back.
    pub proxy_mib_max: NonZeroU32,
    /// The most profiles that can be connected; 0: no limit.
    pub profile_limit: u64,
    /// Of whom a second factor is demanded.
    pub second_factor: SecondFactor,
    /// Whether settings are changed over REST only by whoever says which version they have read (`If-Match`).
    pub demand_if_match: bool,
}

/// Of whom a second factor is demanded at sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Of nobody; everybody may set one up.
    #[default]
    Optional,
    /// Of company admins.
    Admins,
    /// Of every user.
    Everyone,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            public_url: String::new(),
            data_dir: PathBuf::from("staygreen-data"),
            organisation: "My organisation".into(),
            allow_private_networks: vec![],
            return_origins: vec![],
            session_idle: Length::minutes(30),
            session_max: Length::hours(24),
            connection_max: Length::minutes(30),
            renewal_link_max: Length::hours(72),
            renew_on_demand_after: Length::minutes(10),
            slow_after: Length::seconds(30),
            proxy_mib_max: NonZeroU32::new(512).unwrap_or(NonZeroU32::MAX),
            profile_limit: 0,
            second_factor: SecondFactor::Optional,
            demand_if_match: false,
        }
    }
}

/// `[database]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://...`; empty: SQLite in the data folder.
    pub url: String,
}

/// `[keys]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// The key file; empty: `keys.toml` in the data folder. Made on first start, readable by its owner only.
    pub file: PathBuf,
}

/// `[mail]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// `smtp://` (STARTTLS when offered), `smtp+starttls://` (STARTTLS or nothing), `smtps://`, with user and password
    /// where needed; empty: mail is off and messages wait in the outbox.
    #[serde(deserialize_with = "secret")]
    pub smtp_url: Option<Secret>,
    /// A file that holds the URL instead.
    pub smtp_url_file: Option<PathBuf>,
    /// The sender.
    pub from: String,
    /// A file with further certificate authorities (PEM) for the mail server.
    pub ca_file: Option<PathBuf>,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self { smtp_url: None, smtp_url_file: None, from: "Staygreen <staygreen@localhost>".into(), ca_file: None }
    }
}

/// `[monitoring]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitoringConfig {
    /// Asked after each full pass of the keeper, at most once a minute: whoever watches it notices when we are gone (NF-06). A
    /// secret, since whoever knows it can pretend that all is well.
    #[serde(deserialize_with = "secret")]
    pub ping_url: Option<Secret>,
    /// A file that holds the URL instead.
    pub ping_url_file: Option<PathBuf>,
}

/// `[keeper]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeeperConfig {
    /// The longest sleep between two looks at what is due.
    pub poll_every: Length,
    /// How often an unused token is looked at, for every network that sets nothing else.
    pub probe_every: Option<Length>,
    /// The longest that a rotating token nobody uses goes without proof, for every network that sets nothing else. Sooner costs
    /// more rotations, each of which can go wrong.
    pub idle_check_every: Option<Length>,
    /// How long renewals have to be refused without a reason, where nobody can be asked about the person, before it is a verdict; for
    /// every network that sets nothing else. Shorter takes a network's own trouble for a death.
    pub doubt_for: Option<Length>,
    /// How many grants are worked on at once.
    pub concurrency: usize,
    /// How long a node that does not move keeps a grant to itself. Shorter makes others take over sooner, and waits less long
    /// for a slow network: an answer is waited for 30 s less than this (half of it where that is little), and at most 90 s.
    pub lease: Length,
    /// Folder in which a network's answer is kept until the database has it; best on another disk than the database, and one
    /// per server. Empty: `spool` in the data folder.
    pub spool_dir: PathBuf,
}

impl Default for KeeperConfig {
    fn default() -> Self {
        Self {
            poll_every: Length::seconds(5),
            probe_every: None,
            idle_check_every: None,
            doubt_for: None,
            concurrency: 16,
            lease: Length::seconds(180),
            spool_dir: PathBuf::new(),
        }
    }
}

impl KeeperConfig {
    /// How long an answer is waited for: within the lease, with room for storing it (RF-07, RF-15).
    pub fn answer_timeout(&self) -> Length {
        let lease = self.lease.span();
        Length::of((lease - Span::seconds(30)).max(lease.times(1, 2)).min(Span::seconds(90)))
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Some(String::deserialize(from)?).filter(|text| !text.is_empty()).map(Secret::new))
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file has a mistake.
    #[error("{path}, line {line}: {message}")]
    Mistake {
        /// Which file.
        path: String,
        /// On which line.
        line: usize,
        /// What is wrong, in words.
        message: String,
    },
    /// An environment variable has a mistake.
    #[error("environment variable STAYGREEN_…: {0}")]
    Environment(String),
    /// A value cannot be used.
    #[error("{key}: {message}")]
    Value {
        /// Which key.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
}

impl Config {
    /// Reads the file, if one is given, and the environment over it.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut table = toml::Table::new();
        if let Some(path) = file {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
            // Read as configuration first: this error knows its line.
            Self::parse(&shown, &text)?;
            table = toml::from_str(&text).map_err(|error| mistake(&shown, &text, &error))?;
        }
        environment::apply(&mut table, std::env::vars())?;
        let mut config: Self = table.try_into().map_err(|error: toml::de::Error| ConfigError::Environment(error.message().to_owned()))?;
        config.read_secret_files()?;
        config.validate()?;
        Ok(config)
    }

    fn parse(path: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| mistake(path, text, &error))?;
        for (name, network) in &config.networks {
            let at = |message| {
                let line = text.lines().position(|line| line.contains(&format!("networks.{name}"))).map_or(1, |at| at + 1);
                ConfigError::Mistake { path: path.into(), line, message }
            };
            network.check(name).map_err(at)?;
        }
        Ok(config)
    }

    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        if let Some(path) = &self.mail.smtp_url_file {
            self.mail.smtp_url = Some(secret_from(path, "mail.smtp_url_file")?);
        }
        if let Some(path) = &self.monitoring.ping_url_file {
            self.monitoring.ping_url = Some(secret_from(path, "monitoring.ping_url_file")?);
        }
        for (name, network) in &mut self.networks {
            if let Some(path) = &network.client_secret_file {
                network.client_secret = Some(secret_from(path, &format!("networks.{name}.client_secret_file"))?);
            }
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if !self.server.public_url.is_empty() && url::Url::parse(&self.server.public_url).is_err() {
            return Err(value("server.public_url", "is not a URL; write it like https://staygreen.example.com"));
        }
        for origin in &self.server.return_origins {
            let same = url::Url::parse(origin).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == *origin);
            if !same {
                return Err(value(
                    "server.return_origins",
                    &format!("{origin:?} is no origin; write it like https://tool.example, without a path"),
                ));
            }
        }
        let is_web = |url: url::Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
        if let Some(url) = &self.monitoring.ping_url
            && !url::Url::parse(url.expose()).is_ok_and(is_web)
        {
            return Err(value("monitoring.ping_url", "is not a URL; write it like https://hc.example.com/ping/0f1e..."));
        }
        for (name, network) in &self.networks {
            network.check(name).map_err(|message| value(&format!("networks.{name}"), &message))?;
            network.define(name).map_err(|message| value(&format!("networks.{name}"), &message))?;
        }
        Ok(())
    }

    /// The database's address, with the default in the data folder.
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite:{}", self.server.data_dir.join("staygreen.db").display())
        } else {
            self.database.url.clone()
        }
    }

    /// The key file, with the default in the data folder.
    pub fn key_file(&self) -> PathBuf {
        if self.keys.file.as_os_str().is_empty() { self.server.data_dir.join("keys.toml") } else { self.keys.file.clone() }
    }

    /// The spool, with the default in the data folder.
    pub fn spool_dir(&self) -> PathBuf {
        let set = &self.keeper.spool_dir;
        if set.as_os_str().is_empty() { self.server.data_dir.join("spool") } else { set.clone() }
    }

    /// The networks that are offered here.
    pub fn offered(&self) -> impl Iterator<Item = &'static dyn ::networks::Network> {
        let off = |name: &str| self.networks.get(name).and_then(|set| set.enabled) == Some(false);
        ::networks::all().into_iter().filter(move |network| !off(network.about().name))
    }

    /// Whether somebody decided how long an idle rotating token goes without proof.
    pub fn sets_idle_checks(&self, network: &str) -> bool {
        self.keeper.idle_check_every.is_some() || self.networks.get(network).is_some_and(|set| set.idle_check_every.is_some())
    }

    /// What pictures and films a network takes, with the numbers that are set here; `None` where it is not told.
    pub fn takes(&self, network: &dyn ::networks::Network) -> Option<::networks::media::Takes> {
        let set = self.networks.get(network.about().name);
        network.takes().map(|takes| set.map_or(*takes, |set| takes.as_set(&set.options)))
    }

    /// The facts of a network after configuration.
    pub fn facts(&self, network: &dyn ::networks::Network) -> Facts {
        let mut facts = network.facts();
        facts.answer_timeout = facts.answer_timeout.min(self.keeper.answer_timeout().span());
        let probe_every = self.keeper.probe_every.map_or(facts.probe_every, Length::span);
        // Where each look is paid for, only what is said of that network alone makes them more frequent.
        facts.probe_every = if facts.calls_cost { facts.probe_every.max(probe_every) } else { probe_every };
        facts.idle_check_every = self.keeper.idle_check_every.map_or(facts.idle_check_every, Length::span);
        facts.doubt_for = self.keeper.doubt_for.map_or(facts.doubt_for, Length::span);
        if let Some(set) = self.networks.get(network.about().name) {
            set.apply(&mut facts);
        }
        facts
    }
}

fn value(key: &str, message: &str) -> ConfigError {
    ConfigError::Value { key: key.into(), message: message.into() }
}

fn secret_from(path: &Path, key: &str) -> Result<Secret, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| value(key, &format!("{} cannot be read: {error}", path.display())))?;
    Ok(Secret::new(text.trim()))
}

fn mistake(path: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    ConfigError::Mistake { path: path.into(), line, message: error.message().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse("staygreen.toml", text).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_wrong_key_says_which_line_and_which_keys_there_are() {
        let said = error("[server]\nlisten = \"127.0.0.1:1\"\nlisen = 3\n");
        assert!(said.contains("line 3") && said.contains("lisen") && said.contains("listen"), "{said}");
    }

    #[test]
    fn a_wrong_type_says_which_line() {
        let said = error("[keeper]\n\nconcurrency = \"many\"\n");
        assert!(said.contains("line 3") && said.contains("invalid type"), "{said}");
        let said = error("[server]\nsession_idle = \"soon\"\n");
        assert!(said.contains("line 2") && said.contains("30 min"), "{said}");
    }

    #[test]
    fn a_general_wish_to_look_often_does_not_make_paid_calls() {
        let config = |more: &str| Config::parse("f", &format!("[keeper]\nprobe_every = \"8 s\"\n{more}")).expect("valid");
        let every = |config: &Config, name: &str| ::networks::find(name).map(|network| config.facts(network).probe_every);
        let general = config("");
        assert_eq!(every(&general, "linkedin"), Some(Span::seconds(8)));
        assert_eq!(every(&general, "x"), Some(Span::hours(24)), "X charges for each call");
        assert_eq!(every(&config("[networks.x]\nprobe_every = \"1 h\"\n"), "x"), Some(Span::hours(1)), "said of it alone");
    }

    #[test]
    fn an_unknown_network_is_named() {
        let said = error("[mail]\n[networks.myspace]\nclient_id = \"x\"\n");
        assert!(said.contains("line 2") && said.contains("myspace"), "{said}");
    }

    #[test]
    fn a_secret_does_not_show() {
        let config = Config::parse("f", "[mail]\nsmtp_url = \"smtp://user:canary@localhost\"\n").expect("valid");
        assert!(!format!("{config:?}").contains("canary"));
    }
}
