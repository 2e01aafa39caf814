//! Why a profile has no access tokens any more, as it is told: a role that nobody took away is not said to be lost. Some networks refuse
//! in the same word whoever lost one and whoever did not come for too long. And a login that the network ended on its day is not said to have
//! ended for unknown reasons.

use lifecycle::ids::ProfileId;
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence};

use crate::run::Run;
use crate::truth::{GrantTruth, Why};

impl Run {
    /// Promise 4, at each message that no access tokens are available.
    pub(crate) fn look_at_cause(&mut self, id: &ProfileId) {
        self.look_at_end_of_session(id);
        let books = self.memory.books();
        let Some(standing) = books.profiles.get(id).map(|profile| &profile.standing) else { return };
        let says_role = standing.cause == Some(Cause::PermissionLost) && standing.confidence != Some(Confidence::Guess);
        let Some(citizen) = self.citizens.iter().find(|citizen| says_role && standing.person.as_ref() == Some(&citizen.person)) else {
            return;
        };
        let of_profile = |page: u64| books.profiles_of(&citizen.grant, page).contains(id);
        let was_lost = citizen.roles_lost.iter().any(|page| of_profile(*page));
        let (grant, network) = (citizen.grant.clone(), citizen.network);
        let evidence = standing.evidence.as_ref().map(|evidence| evidence.words.clone()).unwrap_or_default();
        drop(books);
        if !was_lost {
            let what = format!("{id}: {grant} at {network} is said to have lost a role that nobody took away ({evidence})");
            self.judge.breaks("promise_4_the_cause_is_true", self.now, what);
        }
    }

    /// Where the network ended the login on its fixed day, it is said to be expired, and what that rests on.
    fn look_at_end_of_session(&mut self, id: &ProfileId) {
        let books = self.memory.books();
        let Some(standing) = books.profiles.get(id).map(|profile| &profile.standing) else { return };
        let Some(citizen) = self.citizens.iter().find(|citizen| standing.person.as_ref() == Some(&citizen.person)) else { return };
        let truth = self.judge.grants.get(&citizen.grant);
        // Whoever lost a token set shortly before, or whose clock is wrong, knows another story.
        let is_over = |truth: &GrantTruth| {
            matches!(truth.dead, Some((Why::YearOver, _)))
                && truth.destroyed.is_none()
                && truth.late.is_none()
                && !standing.lost_in_rotation
        };
        let is_judged = self.sessions.ends(citizen.network) && self.judge.clock_most == Span::ZERO && truth.is_some_and(is_over);
        if is_judged && (standing.cause != Some(Cause::Expired) || standing.evidence.is_none()) {
            let (grant, network, cause) = (&citizen.grant, citizen.network, standing.cause);
            let what = format!("{id}: {grant} at {network} ended on its day and is told as {cause:?} ({:?})", standing.evidence);
            drop(books);
            self.judge.breaks("promise_4_the_cause_is_true", self.now, what);
        }
    }
}
