//! A process that dies at a step of its own, and a step at which the disk fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lifecycle::ledger::LedgerError;

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// EIO: what was written may be on the disk or not, and nothing more is believed.
    Broken,
    /// ENOSPC: nothing was written.
    Full,
}

impl Trouble {
    pub(crate) const ALL: [Self; 2] = [Self::Broken, Self::Full];

    pub(crate) fn error(self) -> io::Error {
        io::Error::from_raw_os_error(if self == Self::Broken { 5 } else { 28 })
    }

    /// As the ledger says it.
    pub(crate) fn of_ledger(self) -> LedgerError {
        LedgerError { why: Box::new(self.error()), is_final: self == Self::Broken }
    }
}

/// Counts the steps of a process, and ends it at one of them, or lets one of them fail.
#[derive(Default)]
pub(crate) struct Steps {
    taken: AtomicUsize,
    dies_at: AtomicUsize,
    pub(crate) names: Mutex<Vec<&'static str>>,
    /// How often each thing that touches a disk was done.
    pub(crate) touched: Mutex<BTreeMap<&'static str, usize>>,
    fails: Option<(&'static str, usize, Trouble)>,
    pub(crate) has_failed: AtomicBool,
}

impl Steps {
    pub(crate) fn dying_at(step: usize) -> Arc<Self> {
        Arc::new(Self { dies_at: AtomicUsize::new(step), ..Self::default() })
    }

    /// The disk fails when that is done for the n-th time.
    pub(crate) fn failing_at(name: &'static str, nth: usize, trouble: Trouble) -> Arc<Self> {
        Arc::new(Self { fails: Some((name, nth, trouble)), ..Self::default() })
    }

    /// Counts something that touches a disk, and says when it fails.
    pub(crate) fn trouble(&self, name: &'static str) -> Option<Trouble> {
        let mut touched = self.touched.lock().unwrap();
        let count = touched.entry(name).or_default();
        *count += 1;
        let (_, _, trouble) = self.fails.filter(|(fails, nth, _)| *fails == name && nth == count)?;
        self.has_failed.store(true, Ordering::SeqCst);
        Some(trouble)
    }

    pub(crate) fn ledger(&self, name: &'static str) -> Result<(), LedgerError> {
        self.trouble(name).map_or(Ok(()), |trouble| Err(trouble.of_ledger()))
    }

    pub(crate) fn disk(&self, name: &'static str) -> io::Result<()> {
        self.trouble(name).map_or(Ok(()), |trouble| Err(trouble.error()))
    }

    /// Counts a step; `false` when the process is dead by now.
    pub(crate) fn alive(&self, name: &'static str) -> bool {
        let step = self.taken.fetch_add(1, Ordering::SeqCst) + 1;
        let dies = self.dies_at.load(Ordering::SeqCst);
        if dies == 0 || step < dies {
            self.names.lock().unwrap().push(name);
        }
        dies == 0 || step < dies
    }

    /// What a dead process does: nothing, for ever.
    pub(crate) async fn step(&self, name: &'static str) {
        if !self.alive(name) {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        let dies = self.dies_at.load(Ordering::SeqCst);
        dies != 0 && self.taken.load(Ordering::SeqCst) >= dies
    }
}
