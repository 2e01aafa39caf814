//! Why a profile has no access tokens any more, as it is told: a role that nobody took away is not said to be lost. Some networks refuse
//! in the same word whoever lost one and whoever did not come for too long.

use lifecycle::ids::ProfileId;
use lifecycle::words::{Cause, Confidence};

use crate::run::Run;

impl Run {
    /// Promise 4, at each message that no access tokens are available.
    pub(crate) fn look_at_cause(&mut self, id: &ProfileId) {
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
}
