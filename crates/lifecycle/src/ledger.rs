//! What is claimed, intended and committed, as plain data, and the one storage trait of the project. `store`
//! implements it in SQL; a simulation implements it in memory.

use std::fmt;
use std::future::Future;

use crate::access::{Access, AccessHappening};
use crate::budget::{AppKey, Booked, Need, Pace};
use crate::diagnosis::{Diagnosis, Finding};
use crate::facts::Facts;
use crate::grant::{Grant, Happening};
use crate::ids::{AttemptId, GrantId, NodeId, OrganisationId};
use crate::incident::Seen;
use crate::secret::TokenSet;
use crate::time::{Span, Timestamp};
use crate::words::{Evidence, Source, word_enum};

/// The right to judge and write one grant, for a while. Whoever holds no valid lease writes nothing, deletes
/// nothing, judges nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which grant.
    pub grant: GrantId,
    /// Who holds it.
    pub node: NodeId,
    /// Grows with every claim; a write with an older number changes nothing.
    pub fence: i64,
    /// Until when.
    pub until: Timestamp,
}

/// A claimed grant with everything needed to take it one step further.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The right to do so.
    pub lease: Lease,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The network's name.
    pub network: String,
    /// The instance (Mastodon server, PDS) where the network has many; empty otherwise.
    pub instance: String,
    /// The person's id at the network: who must come back (RF-23).
    pub person_network_id: String,
    /// The grant as it stands.
    pub grant: Grant,
    /// The unsealed token set.
    pub tokens: TokenSet,
    /// The accesses that hang on it.
    pub accesses: Vec<Access>,
    /// An attempt whose end is not known: SENT by a process that died.
    pub open: Option<AttemptId>,
}

word_enum! {
    /// How far an attempt to renew got (RF-12).
    Phase {
        /// Intended; nothing has left the house. Harmless after a crash.
        Prepared = "prepared",
        /// The first byte may have left. Ambiguous after a crash.
        Sent = "sent",
    }
}

word_enum! {
    /// How an attempt ended.
    Ending {
        /// A new token set is stored.
        Renewed = "renewed",
        /// The network refused or could not be asked; nothing was spent.
        NothingSpent = "nothing_spent",
        /// No answer arrived: it may have happened.
        AnswerLost = "answer_lost",
    }
}

/// A durable note of what is about to be done, written before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The attempt.
    pub attempt: AttemptId,
    /// Under which lease.
    pub lease: Lease,
    /// Which token set is going to be spent.
    pub generation: i64,
    /// How far it is.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// Something the person may act as, as a complete listing of the network shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its id at the network.
    pub network_id: String,
    /// What it is: `page`, `board` ...
    pub kind: String,
    /// Its name there. Hostile text.
    pub name: String,
    /// The role the person holds there.
    pub role: String,
    /// Whether it can be connected.
    pub usable: bool,
    /// Network id of what it belongs to (a board's account).
    pub parent: Option<String>,
    /// At this network everything that can be connected comes along with what is connected already, instead of being chosen.
    pub comes_along: bool,
}

impl Asset {
    /// Whether a listing shows the same as the one before.
    pub fn is_as_before(&self, before: &Self) -> bool {
        let shown = |asset: &Self| (asset.kind.clone(), asset.name.clone(), asset.role.clone(), asset.usable);
        shown(self) == shown(before)
    }
}

/// Everything one step changes, applied in one durable transaction, or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The right to write.
    pub lease: Lease,
    /// The generation the step started from; a commit on another one is superseded.
    pub generation_before: i64,
    /// The grant after the step.
    pub grant: Grant,
    /// The new token set, when there is one.
    pub tokens: Option<TokenSet>,
    /// Accesses that changed, with what happened to them.
    pub accesses: Vec<(Access, Option<AccessHappening>)>,
    /// The complete listing of what the person may act as, where the network was asked for it: compared with the one before.
    pub listed: Option<Vec<Asset>>,
    /// The journal row that this closes.
    pub closes: Option<(AttemptId, Ending)>,
    /// What goes into the event log.
    pub happenings: Vec<(Happening, Option<Evidence>)>,
    /// The rules of the network, for deriving the profiles' standing inside the transaction.
    pub facts: Facts,
    /// The moment of the step.
    pub now: Timestamp,
    /// Keep the lease for the next action instead of giving it back.
    pub keep_lease: bool,
}

impl Commit {
    /// Whether what was seen of the grant during the step still counts after it: the step may have asked the network before. Of a token
    /// that has a successor now only the network's own message does.
    pub fn leaves_open(&self, seen: &Diagnosis) -> bool {
        !self.keep_lease && (self.tokens.is_none() || seen.evidence.source == Source::Signal)
    }
}

/// What is kept of all that is seen of a grant while somebody is at it, until they are done: a refusal, and rather the network's own
/// message than what a call met.
pub fn kept_for_later(before: Option<Diagnosis>, seen: &Diagnosis) -> Option<Diagnosis> {
    let is_refusal = matches!(seen.finding, Finding::Refused { .. });
    let counts = is_refusal && (before.is_none() || seen.evidence.source == Source::Signal);
    if counts { Some(seen.clone()) } else { before }
}

/// A renewal that has to wait although nothing is wrong with the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// When to ask again.
    pub until: Timestamp,
    /// Why.
    pub words: &'static str,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is durable; so many messages were put into the outbox with it.
    Done {
        /// Messages put into the outbox.
        told: usize,
    },
    /// Somebody else holds the grant now; nothing was written.
    Superseded,
}

/// The ledger could not be asked. Not the same as a lost race (RF-11).
#[derive(Debug)]
pub struct LedgerError {
    /// Why.
    pub why: Box<dyn std::error::Error + Send + Sync>,
    /// The disk below it failed: this process stores nothing any more, and nobody knows what of its last words is on the disk
    /// (RF-43). Otherwise it is away, and asked again.
    pub is_final: bool,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger could not be asked: {}", self.why)
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.why.as_ref())
    }
}

/// The storage of the keeper. Every method is one transaction.
pub trait Ledger: Send + Sync {
    /// Claims up to `limit` grants that are due at `now` and that nobody holds, most urgent first. Rows that cannot
    /// be unsealed are not claimed and do not stop the others.
    fn claim_due(
        &self,
        node: &NodeId,
        now: Timestamp,
        lease: Span,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Claim>, LedgerError>> + Send;

    /// Claims one grant now, due or not; `None` when somebody else holds it or it does not exist.
    fn claim(
        &self,
        node: &NodeId,
        grant: &GrantId,
        now: Timestamp,
        lease: Span,
    ) -> impl Future<Output = Result<Option<Claim>, LedgerError>> + Send;

    /// Whether a token that can be used once must not be spent now: the database may be an old copy (RF-37). A ledger that cannot
    /// be one says `None`.
    fn held(&self, _grant: &GrantId, _now: Timestamp) -> impl Future<Output = Result<Option<Held>, LedgerError>> + Send {
        async { Ok(None) }
    }

    /// Writes the intent durably; `false` when the lease is not held any more.
    fn intend(&self, intent: &Intent) -> impl Future<Output = Result<bool, LedgerError>> + Send;

    /// Applies a commit.
    fn commit(&self, commit: &Commit) -> impl Future<Output = Result<Committed, LedgerError>> + Send;

    /// Gives the lease back without a change but, where that is said, the moment at which the grant is taken up again. Where it is not,
    /// evidence that was noted meanwhile makes the grant due at once.
    fn release(&self, lease: &Lease, again_at: Option<Timestamp>) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Holds a lease that is not over for longer; `false` when it is over or somebody else's (RF-07).
    fn extend(&self, lease: &Lease, now: Timestamp, until: Timestamp) -> impl Future<Output = Result<bool, LedgerError>> + Send;

    /// Spreads what was missed, when it is a backlog: the most urgent first, over ten minutes at least. How many there were (RF-04).
    fn catch_up(&self, now: Timestamp) -> impl Future<Output = Result<u32, LedgerError>> + Send;

    /// Takes calls out of the bucket that all nodes share for a network app (RF-05).
    fn book_calls(
        &self,
        app: &AppKey,
        pace: &Pace,
        want: u32,
        need: Need,
        now: Timestamp,
    ) -> impl Future<Output = Result<Booked, LedgerError>> + Send;

    /// Claims the grants with an attempt that this node (in an earlier life) or a node whose lease ended left SENT.
    fn unfinished(&self, node: &NodeId, now: Timestamp, lease: Span) -> impl Future<Output = Result<Vec<Claim>, LedgerError>> + Send;

    /// When the next grant is due; `None` when none ever is.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, LedgerError>> + Send;

    /// How many grants of a network app turned refused within [`SYSTEMIC_WITHIN`] of this moment, before or after, and still are;
    /// and how many there are in all (RF-33). What somebody released is not counted ([`counted_together`]).
    ///
    /// [`SYSTEMIC_WITHIN`]: crate::breaker::SYSTEMIC_WITHIN
    /// [`counted_together`]: crate::breaker::counted_together
    fn refused(
        &self,
        organisation: &OrganisationId,
        network: &str,
        instance: &str,
        around: Timestamp,
    ) -> impl Future<Output = Result<(u64, u64), LedgerError>> + Send;

    /// Notes what was seen of the health of a claim's network at a server (RF-33, RF-34); whether an incident is open there. A
    /// ledger of which nobody is told notes nothing.
    fn note_health(
        &self,
        _claim: &Claim,
        _server: &str,
        _seen: Seen,
        _now: Timestamp,
    ) -> impl Future<Output = Result<bool, LedgerError>> + Send {
        async { Ok(false) }
    }

    /// Notes evidence from real use; a refusal makes the grant due at once. Where somebody is at the grant, it is weighed when they are
    /// done ([`kept_for_later`], [`Commit::leaves_open`]).
    fn see_evidence(
        &self,
        grant: &GrantId,
        diagnosis: &Diagnosis,
        facts: &Facts,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;
}
