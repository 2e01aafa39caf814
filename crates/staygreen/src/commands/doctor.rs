//! `staygreen doctor`: one line each, with what to do.

use std::collections::BTreeMap;

use bytes::Bytes;
use clap::Args;
use keeper::ports::Clock as _;
use lifecycle::moment::written;
use lifecycle::time::Timestamp;
use networks::network::Registration;
use networks::wire::Wire as _;
use server::config::Config;
use server::outbox::mail::Mailer;
use server::time::SystemClock;
use server::wire::guard::Guard;
use server::wire::{HttpWire, Limits};
use store::{Store, network_apps, users};

use super::ConfigArgs;
use crate::swap;

/// Check the installation.
#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    config: ConfigArgs,
}

fn say(good: bool, what: &str, words: &str) -> bool {
    println!("{}  {what:<24} {words}", if good { "ok  " } else { "FAIL" });
    good
}

/// The document that is our client id: the network's servers fetch it from outside, and refuse every renewal while they cannot.
async fn own_metadata(title: &str, public_url: &str) -> bool {
    let url = format!("{}/oauth/client-metadata.json", public_url.trim_end_matches('/'));
    let found = match HttpWire::new(Guard::new(vec![], std::slice::from_ref(&url)), Limits::ENDPOINTS) {
        Ok(wire) => match http::Request::get(&url).body(Bytes::new()) {
            Ok(request) => wire.send(request).await.map_err(|why| why.to_string()).and_then(|answer| is_metadata(&url, &answer)),
            Err(why) => Err(why.to_string()),
        },
        Err(why) => Err(why.to_string()),
    };
    let words = match &found {
        Ok(()) => "needs no network app; our client metadata is found at its address".to_owned(),
        Err(why) => format!(
            "{url} {why}: the network's servers fetch it from the internet; start the server, and check server.public_url and the proxy"
        ),
    };
    say(found.is_ok(), title, &words)
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

/// A line for each network: whether people can log in there, and what of it comes to its end.
async fn networks_of(config: &Config, store: &Store) -> anyhow::Result<bool> {
    let mut good = true;
    let mut tx = store.write().await?;
    let (organisation, _) = users::first_organisation(&mut tx, &config.server.organisation, SystemClock.now()).await?;
    for network in config.offered() {
        let about = network.about();
        let by_config = config.networks.get(about.name).is_some_and(|set| set.client_id.is_some());
        let stored = network_apps::get(&mut tx, store.keys(), &organisation, about.name, "").await?.is_some();
        let (mark, words) = match about.registration {
            Registration::Metadata if !by_config && config.server.public_url.starts_with("https://") => {
                good &= own_metadata(about.title, &config.server.public_url).await;
                continue;
            }
            Registration::Metadata | Registration::AtInstance => ("ok  ", "needs no network app"),
            Registration::ByHand if by_config || stored => ("ok  ", "network app is configured"),
            Registration::ByHand if about.asks.replaces_app() => {
                ("note", "no network app: what is made there by hand can be connected, nobody can log in")
            }
            Registration::ByHand => ("note", "no network app: staygreen network-app set, or Settings, Network apps"),
        };
        println!("{mark}  {:<24} {words}", about.title);
        let none = BTreeMap::new();
        let ends = network.ends(config.networks.get(about.name).map_or(&none, |set| &set.options));
        if let Some((at, words)) = ends.filter(|_| by_config || stored) {
            let line = format!("on {}: {}", written(at).get(..10).unwrap_or_default(), words.en);
            if at <= SystemClock.now() {
                good &= say(false, about.title, &line);
            } else {
                println!("note  {:<24} {line}", about.title);
            }
        }
    }
    Ok(good)
}

impl Doctor {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let mut good = say(true, "configuration", "can be read");
        let year_2026 = Timestamp::from_seconds(1_767_225_600);
        let clock = SystemClock.now() > year_2026;
        good &= say(clock, "clock", if clock { "is plausible" } else { "is before 2026: set the machine's time" });
        let public = !config.server.public_url.is_empty();
        good &= say(
            public,
            "public_url",
            if public { &config.server.public_url } else { "is not set: networks cannot send people back; set server.public_url" },
        );
        match Mailer::from_config(&config.mail) {
            Ok(Some(mailer)) => {
                let answer = mailer.test().await;
                good &= say(
                    answer.is_ok(),
                    "mail",
                    &answer.err().map_or_else(|| "the server answers".to_owned(), |why| format!("{why}; check mail.smtp_url")),
                );
            }
            Ok(None) => good &= say(false, "mail", "is off: nobody can be told; set mail.smtp_url"),
            Err(why) => good &= say(false, "mail", &why),
        }
        match server::outbox::ping::check(&config).await {
            Some(Ok(host)) => good &= say(true, "dead-man ping", &format!("{host} can be reached")),
            Some(Err(why)) => good &= say(false, "dead-man ping", &format!("{why}; check monitoring.ping_url")),
            None => println!("note  {:<24} is not set: nobody notices when this server is gone; set monitoring.ping_url", "dead-man ping"),
        }
        let swap = swap::in_plain();
        if !swap.is_empty() {
            println!("note  {:<24} {}", "swap", swap::words(&swap));
        }
        match server::open_store(&config).await {
            Ok(store) => {
                good &= say(true, "database", store.describe());
                good &= say(true, "keys", "open what is stored");
                good &= networks_of(&config, &store).await?;
            }
            Err(error) => good &= say(false, "database", &error.to_string()),
        }
        if good { Ok(()) } else { Err(anyhow::anyhow!("something needs attention (see FAIL above)")) }
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
