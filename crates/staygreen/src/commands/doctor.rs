//! `staygreen doctor`: one line each, with what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use keeper::ports::Clock as _;
use lifecycle::moment::written;
use lifecycle::time::Timestamp;
use networks::Network;
use networks::network::Registration;
use networks::wire::Wire as _;
use server::StartError;
use server::config::Config;
use server::outbox::mail::Mailer;
use server::time::SystemClock;
use server::wire::guard::Guard;
use server::wire::reach::{self, Reached};
use server::wire::{HttpWire, Limits};
use store::{OpenError, Tx, network_apps, users};

use super::ConfigArgs;
use crate::out::put;
use crate::swap;

/// How long the mail server is waited for.
const MAIL_PATIENCE: Duration = Duration::from_secs(10);

/// Check the installation.
#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was found so far.
struct Findings {
    good: bool,
}

impl Findings {
    fn say(&mut self, good: bool, what: &str, words: &str) -> anyhow::Result<()> {
        self.good &= good;
        put!("{}  {what:<24} {words}", if good { "ok  " } else { "FAIL" })
    }

    fn note(&self, what: &str, words: &str) -> anyhow::Result<()> {
        put!("note  {what:<24} {words}")
    }
}

/// The document that is our client id: the network's servers fetch it from outside, and refuse every renewal while they cannot.
async fn own_metadata(found: &mut Findings, title: &str, public_url: &str) -> anyhow::Result<()> {
    let url = format!("{}/oauth/client-metadata.json", public_url.trim_end_matches('/'));
    let seen = match HttpWire::new(Guard::new(vec![], std::slice::from_ref(&url)), Limits::ENDPOINTS) {
        Ok(wire) => match http::Request::get(&url).body(Bytes::new()) {
            Ok(request) => wire.send(request).await.map_err(|why| why.to_string()).and_then(|answer| is_metadata(&url, &answer)),
            Err(why) => Err(why.to_string()),
        },
        Err(why) => Err(why.to_string()),
    };
    let words = match &seen {
        Ok(()) => "needs no network app; our client metadata is found at its address".to_owned(),
        Err(why) => format!(
            "{url} {why}: the network's servers fetch it from the internet; start the server, and check server.public_url and the proxy"
        ),
    };
    found.say(seen.is_ok(), title, &words)
}

/// Whether an answer is our client metadata, which names its own address.
fn is_metadata(url: &str, answer: &http::Response<Bytes>) -> Result<(), String> {
    let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    match (answer.status().as_u16(), json["client_id"].as_str()) {
        (200, Some(id)) if id == url => Ok(()),
        (200, Some(id)) => Err(format!("names another address ({id})")),
        (200, None) => Err("is no client metadata".into()),
        (status, _) => Err(format!("answers with status {status}")),
    }
}

/// The networks for which somebody entered an app on the pages or in a shell.
async fn entered(tx: &mut Tx, config: &Config) -> anyhow::Result<BTreeSet<String>> {
    let (organisation, _) = users::first_organisation(tx, &config.server.organisation, SystemClock.now()).await?;
    let all = network_apps::list(tx, &organisation).await?;
    Ok(all.into_iter().filter(|(_, instance, _)| instance.is_empty()).map(|(network, ..)| network).collect())
}

/// A line for each network: whether people can log in there, whether it can be reached, and what of it comes to its end.
async fn networks_of(found: &mut Findings, config: &Config, entered: &BTreeSet<String>) -> anyhow::Result<()> {
    let by_config = |name: &str| config.networks.get(name).is_some_and(|set| set.client_id.is_some());
    let by_metadata = config.server.public_url.starts_with("https://");
    let is_used = |network: &&'static dyn Network| {
        let about = network.about();
        let is_set = config.networks.contains_key(about.name) || entered.contains(about.name);
        is_set || (about.registration == Registration::Metadata && by_metadata)
    };
    let used: Vec<_> = config.offered().filter(is_used).collect();
    let reached = reach::all(config, &used).await?;
    for network in config.offered() {
        let about = network.about();
        let has_app = by_config(about.name) || entered.contains(about.name);
        match about.registration {
            Registration::Metadata if !by_config(about.name) && by_metadata => {
                own_metadata(found, about.title, &config.server.public_url).await?;
            }
            Registration::Metadata | Registration::AtInstance => found.say(true, about.title, "needs no network app")?,
            Registration::ByHand if has_app => found.say(true, about.title, "network app is configured")?,
            Registration::ByHand if about.asks.replaces_app() => {
                found.note(about.title, "no network app: what is made there by hand can be connected, nobody can log in")?;
            }
            Registration::ByHand => found.note(about.title, "no network app: staygreen network-app set, or Settings, Network apps")?,
        }
        if let Some(reached) = reached.iter().find(|reached| reached.network == about.name) {
            tell_reached(found, about.title, reached)?;
        }
        let none = BTreeMap::new();
        let ends = network.ends(config.networks.get(about.name).map_or(&none, |set| &set.options));
        if let Some((at, words)) = ends.filter(|_| has_app) {
            let line = format!("on {}: {}", written(at).get(..10).unwrap_or_default(), words.en);
            if at <= SystemClock.now() {
                found.say(false, about.title, &line)?;
            } else {
                found.note(about.title, &line)?;
            }
        }
    }
    Ok(())
}

fn tell_reached(found: &mut Findings, title: &str, reached: &Reached) -> anyhow::Result<()> {
    for (origin, why) in &reached.failed {
        let set = format!("networks.{}.base_url or endpoints", reached.network);
        found.say(
            false,
            title,
            &format!("{origin} cannot be reached: {why}; check this machine's way out and name server, and {set} where set"),
        )?;
    }
    if reached.failed.is_empty() && !reached.origins.is_empty() {
        let hosts: Vec<_> = reached.origins.iter().map(|origin| origin.split_once("://").map_or(&**origin, |(_, host)| host)).collect();
        found.say(true, title, &format!("can be reached ({})", hosts.join(", ")))?;
    }
    Ok(())
}

/// A server works on the database: it is asked itself, at the addresses it should have.
async fn running(found: &mut Findings, config: &Config) -> anyhow::Result<()> {
    let mut listen = config.server.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let here = (listen.port() != 0).then(|| format!("http://{listen}"));
    let public = Some(config.server.public_url.clone()).filter(|url| !url.is_empty());
    let mut silent = vec![];
    for url in here.into_iter().chain(public) {
        match reach::readiness(&url).await {
            Ok(Ok(())) => return found.say(true, "database", &format!("is in use by a running Staygreen, which is ready ({url})")),
            Ok(Err(why)) => {
                return found.say(false, "database", &format!("is in use by a running Staygreen, which is not ready ({url}): {why}"));
            }
            Err(why) => silent.push(format!("{url} {why}")),
        }
    }
    if silent.is_empty() {
        return found
            .note("database", "is in use by a running Staygreen; where it listens is not configured (server.listen, server.public_url)");
    }
    let silent = silent.join("; ");
    found.say(
        false,
        "database",
        &format!(
            "is in use by a Staygreen that does not answer: {silent}. Another command may be at work, or the server has another --port"
        ),
    )
}

/// The database and its keys; which networks have an app in it.
async fn database(found: &mut Findings, config: &Config) -> anyhow::Result<BTreeSet<String>> {
    if let Err(why) = server::there(config) {
        let StartError::NothingThere(place) = why else { return Err(why.into()) };
        found.note("database", &format!("there is none yet ({place}); staygreen serve makes it, and its keys"))?;
        return Ok(BTreeSet::new());
    }
    match server::open_store(config).await {
        Ok(store) => {
            found.say(true, "database", store.describe())?;
            found.say(true, "keys", "open what is stored")?;
            entered(&mut store.write().await?, config).await
        }
        Err(StartError::Open(OpenError::InUse(_))) => {
            running(found, config).await?;
            entered(&mut store::snapshot(&config.database_url()).await?, config).await
        }
        Err(error) => {
            found.say(false, "database", &error.to_string())?;
            Ok(BTreeSet::new())
        }
    }
}

impl Doctor {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let mut found = Findings { good: true };
        found.say(true, "configuration", "can be read")?;
        let year_2026 = Timestamp::from_seconds(1_767_225_600);
        let clock = SystemClock.now() > year_2026;
        found.say(clock, "clock", if clock { "is plausible" } else { "is before 2026: set the machine's time" })?;
        let public = !config.server.public_url.is_empty();
        let url = if public { &config.server.public_url } else { "is not set: networks cannot send people back; set server.public_url" };
        found.say(public, "public_url", url)?;
        match Mailer::from_config(&config.mail) {
            Ok(Some(mailer)) => {
                let silent = |_| Err(format!("the server does not answer within {} s", MAIL_PATIENCE.as_secs()));
                let answer = tokio::time::timeout(MAIL_PATIENCE, mailer.test()).await.unwrap_or_else(silent);
                let words = answer.as_ref().map_or_else(|why| format!("{why}; check mail.smtp_url"), |()| "the server answers".to_owned());
                found.say(answer.is_ok(), "mail", &words)?;
            }
            Ok(None) => found.say(false, "mail", "is off: nobody can be told; set mail.smtp_url")?,
            Err(why) => found.say(false, "mail", &why)?,
        }
        match server::outbox::ping::check(&config).await {
            Some(Ok(host)) => found.say(true, "dead-man ping", &format!("{host} can be reached"))?,
            Some(Err(why)) => found.say(false, "dead-man ping", &format!("{why}; check monitoring.ping_url"))?,
            None => found.note("dead-man ping", "is not set: nobody notices when this server is gone; set monitoring.ping_url")?,
        }
        let swap = swap::in_plain();
        if !swap.is_empty() {
            found.note("swap", &swap::words(&swap))?;
        }
        let entered = database(&mut found, &config).await?;
        networks_of(&mut found, &config, &entered).await?;
        if found.good { Ok(()) } else { Err(anyhow::anyhow!("something needs attention (see FAIL above)")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_metadata_has_to_name_the_address_at_which_it_is_found() {
        let url = "https://staygreen.example/oauth/client-metadata.json";
        let says = |status: u16, body: String| {
            let answer = http::Response::builder().status(status).body(Bytes::from(body)).expect("an answer");
            is_metadata(url, &answer).map_err(|why| why.split(' ').next().unwrap_or_default().to_owned())
        };
        assert_eq!(says(200, format!(r#"{{"client_id":"{url}"}}"#)), Ok(()));
        assert_eq!(says(200, r#"{"client_id":"https://elsewhere.example/"}"#.into()), Err("names".into()));
        assert_eq!(says(200, "<html>Welcome</html>".into()), Err("is".into()));
        assert_eq!(says(301, String::new()), Err("answers".into()));
    }
}
