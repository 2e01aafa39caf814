//! A process that dies at a step of its own, and a step at which the disk fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use lifecycle::ledger::LedgerError;

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// EIO: what was written may be on the disk or not, and nothing more is believed.
    Broken,
    /// ENOSPC: nothing was written.
    Full,
    /// EROFS: the file system was mounted read-only while it was used, which the database reports as it reports EIO.
    ReadOnly,
}

impl Trouble {
    pub(crate) const ALL: [Self; 3] = [Self::Broken, Self::Full, Self::ReadOnly];

    pub(crate) fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Broken => 5,
            Self::Full => 28,
            Self::ReadOnly => 30,
        })
    }

    /// As the ledger says it.
    pub(crate) fn of_ledger(self) -> LedgerError {
        LedgerError { why: Box::new(self.error()), is_final: self != Self::Full }
    }
}

/// Everything at which a process can die: whatever touches the ledger, a disk or the network.
pub(crate) const STEPS: [&str; 23] = [
    "allocate",
    "blank",
    "book_calls",
    "catch_up",
    "claim",
    "claim_due",
    "commit",
    "committed",
    "extend",
    "intend",
    "intended",
    "list",
    "next_due",
    "read",
    "receive",
    "refused",
    "release",
    "remove",
    "rename",
    "see_evidence",
    "send",
    "unfinished",
    "write",
];

/// What is done over and over while nothing happens: tried once.
pub(crate) const POLLED: [&str; 7] = ["claim_due", "unfinished", "catch_up", "next_due", "list", "read", "extend"];

/// Counts the steps of a process, and ends it at one of them, or lets one of them fail.
#[derive(Default)]
pub(crate) struct Steps {
    taken: Mutex<BTreeMap<&'static str, usize>>,
    dies_at: Option<(&'static str, usize)>,
    is_dead: AtomicBool,
    pub(crate) names: Mutex<Vec<&'static str>>,
    /// How often each thing that touches a disk was done.
    pub(crate) touched: Mutex<BTreeMap<&'static str, usize>>,
    fails: Option<(&'static str, usize, Trouble)>,
    pub(crate) has_failed: AtomicBool,
}

impl Steps {
    /// The process dies when it is about to do that for the n-th time.
    pub(crate) fn dying_at(name: &'static str, nth: usize) -> Arc<Self> {
        Arc::new(Self { dies_at: Some((name, nth)), ..Self::default() })
    }

    /// The disk fails when that is done for the n-th time.
    pub(crate) fn failing_at(name: &'static str, nth: usize, trouble: Trouble) -> Arc<Self> {
        Arc::new(Self { fails: Some((name, nth, trouble)), ..Self::default() })
    }

    /// Counts something that touches a disk, and says when it fails.
    fn trouble(&self, name: &'static str) -> Option<Trouble> {
        let mut touched = self.touched.lock().unwrap();
        let count = touched.entry(name).or_default();
        *count += 1;
        let (_, _, trouble) = self.fails.filter(|(fails, nth, _)| *fails == name && nth == count)?;
        self.has_failed.store(true, Ordering::SeqCst);
        Some(trouble)
    }

    pub(crate) async fn ledger(&self, name: &'static str) -> Result<(), LedgerError> {
        self.step(name).await;
        self.trouble(name).map_or(Ok(()), |trouble| Err(trouble.of_ledger()))
    }

    pub(crate) fn disk(&self, name: &'static str) -> io::Result<()> {
        if !self.alive(name) {
            return Err(io::Error::other("the process is dead"));
        }
        self.trouble(name).map_or(Ok(()), |trouble| Err(trouble.error()))
    }

    /// Counts a step; `false` when the process is dead by now.
    fn alive(&self, name: &'static str) -> bool {
        assert!(STEPS.contains(&name), "{name} is not among the steps");
        let mut taken = self.taken.lock().unwrap();
        if self.is_dead() {
            return false;
        }
        let count = taken.entry(name).or_default();
        *count += 1;
        if self.dies_at == Some((name, *count)) {
            self.is_dead.store(true, Ordering::SeqCst);
            return false;
        }
        self.names.lock().unwrap().push(name);
        true
    }

    /// What a dead process does: nothing, for ever.
    pub(crate) async fn step(&self, name: &'static str) {
        if !self.alive(name) {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// Every step of this life, by how often it was taken.
    pub(crate) fn all(&self) -> Vec<(&'static str, usize)> {
        let taken = self.taken.lock().unwrap().clone();
        let times = |name, count| if POLLED.contains(&name) { 1 } else { count };
        taken.into_iter().flat_map(|(name, count)| (1..=times(name, count)).map(move |nth| (name, nth))).collect()
    }
}
