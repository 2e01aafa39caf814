//! What the operator has to know and do. An alarm is written to the log when it begins and when it is over, and shown as long as it
//! lasts: what it is, and what differs each time, of which whoever shows it makes a line in the reader's language.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifecycle::time::{Span, Timestamp};
use networks::network::Words;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The machine's clock was set by so much while the server ran.
    ClockSet(Span),
    /// The database cannot be asked.
    DatabaseAway,
    /// The database does not take renewed tokens.
    NotStored,
    /// A disk of this machine failed.
    DiskFailed,
    /// There is no room for an answer, and so nothing is renewed; why, in the system's words.
    NoRoom(String),
    /// An answer could not be written beside the database; why, in the system's words.
    NotKept(String),
    /// A renewed token set waits for a network app that is gone.
    NoNetworkApp,
    /// A network refused so many calls within ten minutes that it may ban this server.
    Refusing {
        /// The network's title.
        title: String,
        /// How many calls.
        most: u32,
    },
    /// Something of our settings at a network ends.
    Ending {
        /// The network's name.
        network: String,
        /// When.
        at: Timestamp,
        /// What ends, and what to do.
        words: Words,
    },
    /// A network does not let the roles be listed.
    Unlisted {
        /// The network's name.
        network: String,
        /// Its title.
        title: String,
        /// Its own words.
        said: String,
    },
    /// Renewals are held; the word for why.
    Held(&'static str),
}

impl Alarm {
    /// Under which it stands: one of each at a time.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::ClockSet(_) => "clock",
            Self::DatabaseAway => "ledger",
            Self::NotStored => "commit",
            Self::DiskFailed => "disk",
            Self::NoRoom(_) => "spool.room",
            Self::NotKept(_) => "spool.write",
            Self::NoNetworkApp => "spool.app",
            Self::Refusing { .. } => "refused",
            Self::Ending { network, .. } => return format!("ending.{network}"),
            Self::Unlisted { network, .. } => return format!("listing.{network}"),
            Self::Held(_) => "hold",
        };
        name.to_owned()
    }
}

/// The alarms of this node that are on at this moment.
pub struct Alarms {
    on: Mutex<BTreeMap<String, Alarm>>,
    say: fn(&Alarm) -> String,
}

impl Alarms {
    /// None yet. `say` makes the line that the log gets.
    #[must_use]
    pub fn new(say: fn(&Alarm) -> String) -> Self {
        Self { on: Mutex::default(), say }
    }

    fn on(&self) -> MutexGuard<'_, BTreeMap<String, Alarm>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is wrong. Written to the log once, however often it is raised.
    pub fn raise(&self, alarm: Alarm) {
        let (name, line) = (alarm.name(), (self.say)(&alarm));
        if self.on().insert(name.clone(), alarm).is_none() {
            tracing::error!(alarm = name, "{line}");
        }
    }

    /// It is over.
    pub fn clear(&self, name: &str) {
        if self.on().remove(name).is_some() {
            tracing::warn!(alarm = name, "over: {name}");
        }
    }

    /// All that are on at this moment, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Alarm> {
        self.on().values().cloned().collect()
    }

    /// Every line that stands at this moment, as in the log.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.all().iter().map(self.say).collect()
    }
}
