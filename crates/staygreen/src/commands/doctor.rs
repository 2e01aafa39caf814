//! `staygreen doctor`: one line each, with what to do.

use clap::Args;
use keeper::ports::Clock as _;
use lifecycle::time::Timestamp;
use networks::network::Registration;
use server::outbox::mail::Mailer;
use server::time::SystemClock;
use store::{network_apps, users};

use super::ConfigArgs;

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
        match server::open_store(&config).await {
            Ok(store) => {
                good &= say(true, "database", store.describe());
                good &= say(true, "keys", "open what is stored");
                let mut tx = store.write().await?;
                let (organisation, _) = users::first_organisation(&mut tx, &config.server.organisation, SystemClock.now()).await?;
                for network in config.offered() {
                    let about = network.about();
                    let by_config = config.networks.get(about.name).is_some_and(|set| set.client_id.is_some());
                    let stored = network_apps::get(&mut tx, store.keys(), &organisation, about.name, "").await?.is_some();
                    let (mark, words) = match about.registration {
                        Registration::Metadata | Registration::AtInstance => ("ok  ", "needs no network app"),
                        Registration::ByHand if by_config || stored => ("ok  ", "network app is configured"),
                        Registration::ByHand => ("note", "no network app: staygreen network-app set, or Settings, Network apps"),
                    };
                    println!("{mark}  {:<24} {words}", about.title);
                }
            }
            Err(error) => good &= say(false, "database", &error.to_string()),
        }
        if good { Ok(()) } else { Err(anyhow::anyhow!("something needs attention (see FAIL above)")) }
    }
}
