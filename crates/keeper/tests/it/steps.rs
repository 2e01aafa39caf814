//! A process that dies at a step of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Counts the steps of a process, and ends it at one of them.
#[derive(Default)]
pub(crate) struct Steps {
    taken: AtomicUsize,
    dies_at: AtomicUsize,
    pub(crate) names: Mutex<Vec<&'static str>>,
}

impl Steps {
    pub(crate) fn dying_at(step: usize) -> Arc<Self> {
        Arc::new(Self { dies_at: AtomicUsize::new(step), ..Self::default() })
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
