//! The dead-man signal (NF-06): a configured address is asked after each full pass of the keeper. Silence there means that this
//! server is down, which it cannot say itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use networks::wire::Wire as _;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::config::Config;
use crate::state::App;
use crate::wire::guard::Guard;
use crate::wire::{HttpWire, Limits};

/// At most one ping in so long, however often the keeper passes.
const APART: Duration = Duration::from_mins(1);

/// What is asked, and the way there. The operator named the host: it is trusted like a network's.
struct Pinger {
    wire: HttpWire,
    address: Url,
}

impl Pinger {
    fn open(config: &Config) -> Result<Option<Self>, String> {
        let Some(set) = &config.monitoring.ping_url else { return Ok(None) };
        // The address is a secret: no error shows it.
        let address = Url::parse(set.expose()).map_err(|_| "is not a URL".to_owned())?;
        let guard = Guard::new(config.server.allow_private_networks.clone(), &[address.to_string()]);
        let wire = HttpWire::new(guard, Limits::ENDPOINTS).map_err(|error| error.to_string())?;
        Ok(Some(Self { wire, address }))
    }

    async fn ping(&self) -> Result<(), String> {
        let request = Request::get(self.address.as_str()).body(Bytes::new()).map_err(|_| "is not a URL".to_owned())?;
        let answer = self.wire.send(request).await.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("answered {}", answer.status().as_u16())) }
    }
}

/// Pings until the token is cancelled, where an address is configured. What goes wrong is logged and tried again with the next
/// pass: whoever watches notices by the silence.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let pinger = match Pinger::open(&app.config) {
        Ok(Some(pinger)) => pinger,
        Ok(None) => return,
        Err(why) => return tracing::error!(error = %why, "ping: monitoring.ping_url cannot be used"),
    };
    let mut passes = app.keeper.passes();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            passed = passes.changed() => if passed.is_err() { return },
        }
        if let Err(error) = pinger.ping().await {
            tracing::warn!(error = %error, "ping: the dead-man address could not be reached; trying again in a minute");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(APART) => {}
        }
    }
}

/// Whether the dead-man address can be reached, without asking it: a ping from elsewhere would say that the server lives. `None`
/// when none is configured.
pub async fn check(config: &Config) -> Option<Result<String, String>> {
    let pinger = match Pinger::open(config) {
        Ok(pinger) => pinger?,
        Err(why) => return Some(Err(why)),
    };
    let host = pinger.address.host_str().unwrap_or_default().to_owned();
    if let Err(why) = pinger.wire.check(&pinger.address) {
        return Some(Err(why.to_string()));
    }
    let port = pinger.address.port_or_known_default().unwrap_or(443);
    // An IPv6 address stands in brackets in a URL.
    let place = (host.trim_matches(['[', ']']).to_owned(), port);
    let connected = tokio::time::timeout(Duration::from_secs(10), tokio::net::TcpStream::connect(place)).await;
    Some(match connected {
        Ok(Ok(_)) => Ok(host),
        Ok(Err(error)) => Err(format!("no connection to {host}: {error}")),
        Err(_) => Err(format!("{host} does not answer")),
    })
}
