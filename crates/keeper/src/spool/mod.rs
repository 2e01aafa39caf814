//! Room for answers outside the database. Before a token is spent a slot is reserved here whose bytes are really on the disk;
//! the network's answer is sealed into it and synced before anybody reads it. Whatever happens to the database or to this
//! process afterwards, the new token set is found again (RF-13, RF-16, RF-19, RF-20).

pub mod disk;
mod page;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lifecycle::ids::{AttemptId, GrantId};

use self::disk::Disk;
use self::page::Content;
pub use self::page::{Kept, Ticket};
use crate::ports::Sealer;

/// An answer of 64 KiB with its head and its seal.
const SLOT_LEN: usize = 80 * 1024;

/// Answers nobody could read that are kept for a later version.
const ASIDE_MAX: usize = 64;

/// How long a grant has to be out of reach until its answer is given up: it was deleted then.
const GONE_AFTER: Duration = Duration::from_hours(1);

/// The spool of one node.
pub struct Spool {
    disk: Arc<dyn Disk>,
    sealer: Arc<dyn Sealer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    free: Vec<String>,
    made: u32,
    aside: usize,
    held: BTreeMap<AttemptId, Held>,
    /// A write or its sync failed: what lies in that file nobody knows.
    failed: bool,
}

struct Held {
    kept: Kept,
    /// Where it stands, with how many bytes; nowhere when the disk did not take it.
    slot: Option<(String, usize)>,
    /// Nobody is working on it: it has to be claimed anew.
    loose: bool,
    missed_since: Option<Instant>,
}

/// A reserved slot; given back when dropped.
pub struct Slot {
    spool: Arc<Spool>,
    name: Option<String>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            self.spool.state().free.push(name);
        }
    }
}

impl Spool {
    /// Reads what an earlier life left and makes room for so many answers.
    ///
    /// # Errors
    /// The folder cannot be listed or read. That there is no room is no error here: then nothing is spent.
    pub fn open(disk: Arc<dyn Disk>, sealer: Arc<dyn Sealer>, slots: usize) -> io::Result<Arc<Self>> {
        let mut state = State::default();
        for name in disk.list()? {
            let bytes = disk.read(&name)?;
            let number = name.strip_prefix("slot-").and_then(|number| number.parse::<u32>().ok());
            state.made = state.made.max(number.unwrap_or(0));
            match page::read(&bytes, &*sealer) {
                // Written twice, because the first write was reported as failed: one is enough.
                Content::Kept(kept) if state.held.contains_key(&kept.ticket.attempt) => state.free.push(name),
                Content::Kept(kept) => {
                    let held = Held { kept: *kept, slot: Some((name, bytes.len())), loose: true, missed_since: None };
                    state.held.insert(held.kept.ticket.attempt.clone(), held);
                }
                Content::Unreadable(ticket) if number.is_some() => {
                    tracing::error!(grant = %ticket.grant, slot = name, "spool: an answer does not open (cut off in writing, or another key file); it is kept aside");
                    disk.rename(&name, &format!("unreadable-{}", ticket.attempt))?;
                }
                Content::Empty if number.is_some() && bytes.len() >= SLOT_LEN => state.free.push(name),
                // Half made, before anything was written into it.
                Content::Empty if number.is_some() => disk.remove(&name)?,
                Content::Unreadable(_) | Content::Empty => state.aside += 1,
            }
        }
        let spool = Arc::new(Self { disk, sealer, state: Mutex::new(state) });
        while spool.state().free.len() < slots {
            match spool.make() {
                Ok(name) => spool.state().free.push(name),
                Err(error) => {
                    tracing::error!(error = %error, "spool: there is no room for {slots} answers");
                    break;
                }
            }
        }
        Ok(spool)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self) -> io::Result<String> {
        let number = {
            let mut state = self.state();
            state.made += 1;
            state.made
        };
        let name = format!("slot-{number:04}");
        self.disk.allocate(&name, SLOT_LEN)?;
        Ok(name)
    }

    /// Reserves room for one answer.
    ///
    /// # Errors
    /// There is none: nothing may be spent.
    pub async fn reserve(self: &Arc<Self>) -> io::Result<Slot> {
        let free = self.state().free.pop();
        let name = match free {
            Some(name) => name,
            None => self.blocking(Self::make).await?,
        };
        Ok(Slot { spool: Arc::clone(self), name: Some(name) })
    }

    /// Keeps an answer, in memory in any case. `Ok` when it is durable.
    ///
    /// # Errors
    /// The disk took it neither into its slot nor into a new one.
    pub async fn keep(self: &Arc<Self>, mut slot: Slot, kept: Kept) -> io::Result<()> {
        let attempt = kept.ticket.attempt.clone();
        let bytes = page::write(&kept, &*self.sealer);
        let held = Held { kept, slot: None, loose: false, missed_since: None };
        self.state().held.insert(attempt.clone(), held);
        // A slot that failed is not given back: what was not written once is not trusted again.
        let Some(first) = slot.name.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let len = bytes.len();
        let written = self
            .blocking(move |spool| {
                let Err(error) = spool.disk.write(&first, &bytes) else { return Ok(first) };
                spool.state().failed = true;
                tracing::error!(error = %error, slot = first, "spool: a slot cannot be written; trying another one");
                let second = spool.make()?;
                spool.disk.write(&second, &bytes)?;
                Ok(second)
            })
            .await?;
        if let Some(held) = self.state().held.get_mut(&attempt) {
            held.slot = Some((written, len));
        }
        Ok(())
    }

    /// Writes an answer that no disk has taken yet once more, into a file of its own. `Ok` when it is durable, also where it was before.
    ///
    /// # Errors
    /// No disk takes it.
    pub async fn keep_again(self: &Arc<Self>, attempt: &AttemptId) -> io::Result<()> {
        let kept = {
            let state = self.state();
            let held = state.held.get(attempt).ok_or(io::ErrorKind::NotFound)?;
            if held.slot.is_some() {
                return Ok(());
            }
            held.kept.clone()
        };
        let bytes = page::write(&kept, &*self.sealer);
        let len = bytes.len();
        let written = self
            .blocking(move |spool| {
                let name = spool.make()?;
                spool.disk.write(&name, &bytes)?;
                Ok(name)
            })
            .await?;
        if let Some(held) = self.state().held.get_mut(attempt) {
            held.slot = Some((written, len));
        }
        Ok(())
    }

    /// Whether the disk failed to take an answer in this life of the process.
    pub fn has_failed(&self) -> bool {
        self.state().failed
    }

    /// The answer that is held for a grant, if there is one.
    pub fn kept(&self, grant: &GrantId) -> Option<Kept> {
        self.state().held.values().find(|held| held.kept.ticket.grant == *grant).map(|held| held.kept.clone())
    }

    /// How many answers are held.
    pub fn held(&self) -> usize {
        self.state().held.len()
    }

    /// The answers nobody is working on.
    pub fn loose(&self) -> Vec<Ticket> {
        self.state().held.values().filter(|held| held.loose).map(|held| held.kept.ticket.clone()).collect()
    }

    /// Somebody else has the grant: the answer stays, to be brought in under a claim of its own (RF-09).
    pub fn let_loose(&self, attempt: &AttemptId) {
        if let Some(held) = self.state().held.get_mut(attempt) {
            held.loose = true;
        }
    }

    /// The grant of a loose answer could not be claimed; `true` when that has been so for so long that it is gone.
    pub fn missed(&self, attempt: &AttemptId) -> bool {
        let mut state = self.state();
        let Some(held) = state.held.get_mut(attempt) else { return false };
        held.missed_since.get_or_insert_with(Instant::now).elapsed() > GONE_AFTER
    }

    /// The answer is stored, or nothing worth keeping: its slot is blank and free again.
    pub async fn done(self: &Arc<Self>, attempt: &AttemptId) {
        let Some((name, len)) = self.state().held.remove(attempt).and_then(|held| held.slot) else { return };
        let result = self
            .blocking(move |spool| {
                if !name.starts_with("slot-") {
                    return spool.disk.remove(&name);
                }
                spool.disk.blank(&name, len)?;
                spool.state().free.push(name);
                Ok(())
            })
            .await;
        if let Err(error) = result {
            tracing::warn!(error = %error, "spool: a slot could not be made blank; it is looked at again at the next start");
        }
    }

    /// The answer was a success that nobody understood: kept for the next start, which may be that of a version that does.
    pub async fn set_aside(self: &Arc<Self>, attempt: &AttemptId) {
        let aside = {
            let mut state = self.state();
            let room = state.aside < ASIDE_MAX;
            room.then(|| state.held.remove(attempt)).flatten().and_then(|held| held.slot)
        };
        let Some((name, _)) = aside else { return self.done(attempt).await };
        let aside = format!("unread-{attempt}");
        match self.blocking(move |spool| spool.disk.rename(&name, &aside)).await {
            Ok(()) => self.state().aside += 1,
            Err(error) => tracing::error!(error = %error, "spool: an answer could not be put aside"),
        }
    }

    async fn blocking<T: Send + 'static>(self: &Arc<Self>, work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let spool = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&spool)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}
