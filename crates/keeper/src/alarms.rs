//! What the operator has to know and do, one line each. An alarm is written to the log when it begins and when it is over,
//! and shown as long as it lasts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The alarms of this node that are on at this moment.
#[derive(Debug, Default)]
pub struct Alarms(Mutex<BTreeMap<String, String>>);

impl Alarms {
    fn on(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is wrong: the line says what, and what to do. Said once, however often it is raised.
    pub fn raise(&self, name: &str, line: impl Into<String>) {
        let line = line.into();
        if self.on().insert(name.to_owned(), line.clone()).is_none() {
            tracing::error!(alarm = name, "{line}");
        }
    }

    /// It is over.
    pub fn clear(&self, name: &str) {
        if self.on().remove(name).is_some() {
            tracing::warn!(alarm = name, "over: {name}");
        }
    }

    /// Every line that stands at this moment.
    pub fn lines(&self) -> Vec<String> {
        self.on().values().cloned().collect()
    }
}
