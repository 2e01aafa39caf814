//! Bringing in an answer that was captured and is not stored yet: after a crash, after the database was away, after somebody
//! else took the grant over. The token that was spent for it is never sent again while it is held.

use lifecycle::grant::Event;
use lifecycle::ledger::{Claim, Ending, Ledger, LedgerError};
use lifecycle::plan::{Happened, Looked};
use lifecycle::renewal::Outcome;
use lifecycle::words::{Evidence, Source};
use networks::network::Answer;
use networks::reading;

use crate::alarms::Alarm;
use crate::perform::Worker;
use crate::spool::Kept;
use crate::{Keeper, spool};

impl<L: Ledger> Worker<L> {
    /// Brings a captured answer in under a fresh claim; gives the claim back where there is nothing to bring in (any more).
    pub(crate) async fn settle(&self, claim: Claim, kept: Kept) {
        let attempt = &kept.ticket.attempt;
        if kept.ticket.generation != claim.grant.generation {
            // Stored before the crash, or overtaken by a person's new connection.
            self.ports.spool.done(attempt).await;
            return self.let_go(&claim).await;
        }
        let Some(app) = self.ports.directory.find(&claim.organisation, &claim.network, &claim.instance).await else {
            self.ports.alarms.raise(Alarm::NoNetworkApp);
            return self.let_go(&claim).await;
        };
        self.ports.alarms.clear("spool.app");
        let now = self.ports.clock.now();
        let read = app.network.read_renew(app.cx(now, &*self.ports.dice), &claim.tokens, &kept.answer);
        let outcome = match read {
            Answer::Done(read) => reading::renewal_outcome(&claim, Ok((read, kept.notes.clone())), now),
            Answer::AskAgain { .. } => {
                Outcome::Lost(Evidence::new(now, Source::Renewal, None, None, "the kept answer asks to be asked again"))
            }
        };
        if let Outcome::Answered { tokens, clocks } = outcome {
            tracing::warn!(grant = %claim.grant.id, "keeper: a renewed token set that was captured before is brought in");
            let closes = Some((attempt.clone(), Ending::Renewed));
            let happened = Happened { event: Event::Renewed { clocks }, tokens: Some(*tokens), closes, looked: Looked::default() };
            match self.commit_renewal(&claim, &app, happened).await {
                Outcome::Committed => self.ports.spool.done(attempt).await,
                _ => self.ports.spool.let_loose(attempt),
            }
            return;
        }
        self.ports.spool.set_aside(attempt).await;
        match claim.open.clone() {
            Some(open) => self.lost_in_a_crash(&claim, open).await,
            None => self.let_go(&claim).await,
        }
    }
}

impl<L: Ledger + 'static> Keeper<L> {
    /// Claims the grants of captured answers that nobody works on, and brings them in (RF-20).
    pub(crate) async fn bring_in_kept(&self) -> Result<(), LedgerError> {
        for ticket in self.worker.ports.spool.loose() {
            let now = self.worker.ports.clock.now();
            let claim = self.worker.ports.ledger.claim(&self.node, &ticket.grant, now, self.worker.ports.lease).await?;
            if let Some(claim) = claim {
                let lease = claim.lease.clone();
                Box::pin(self.worker.holding(&lease, self.worker.take_up(claim))).await;
            } else if self.worker.ports.spool.missed(&ticket.attempt) {
                tracing::warn!(grant = %ticket.grant, "keeper: a captured answer belongs to a grant that is gone");
                self.worker.ports.spool.done(&ticket.attempt).await;
            }
        }
        Ok(())
    }
}

/// Whether the body of a success looks like what a token endpoint sends; a captive portal's page is not kept.
pub(crate) fn looks_like_tokens(kept: &spool::Kept) -> bool {
    kept.answer.body().iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}
