//! Acts that wait, and what became of those that do not any more: what a post or comment may become, and what never happens twice.

use crate::words::word_enum;

word_enum! {
    /// Where a post or comment stands.
    State {
        /// Waits until the profile has an access token.
        Held = "held",
        /// Waits for a named user's approval.
        Waiting = "waiting",
        /// Written into the audit and on its way.
        Begun = "begun",
        /// The network has it.
        Done = "done",
        /// It was not done: the network, or we, refused it.
        Refused = "refused",
        /// It may have been done. Never repeated by itself.
        Unclear = "unclear",
        /// Nobody could send it in time.
        Expired = "expired",
        /// Taken back before it was sent.
        Withdrawn = "withdrawn",
        /// The named user said no.
        Declined = "declined",
    }
}

impl State {
    /// What it may become. Whatever is not said here never happens.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Held => &[Self::Begun, Self::Waiting, Self::Refused, Self::Expired, Self::Withdrawn],
            Self::Waiting => &[Self::Begun, Self::Held, Self::Refused, Self::Declined, Self::Expired, Self::Withdrawn],
            Self::Begun => &[Self::Done, Self::Refused, Self::Unclear],
            // Asked for again with the same key: nothing was done.
            Self::Refused => &[Self::Begun, Self::Held, Self::Waiting],
            // The network was asked, or somebody looked there.
            Self::Unclear => &[Self::Begun, Self::Done, Self::Withdrawn],
            Self::Done | Self::Expired | Self::Withdrawn | Self::Declined => &[],
        }
    }

    /// Whether it may become that.
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Whether it may still be sent by itself, so that it can be taken back.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Held | Self::Waiting)
    }

    /// Whether it needs somebody's eye: it waits, or nobody knows whether it was done.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Waiting | Self::Begun | Self::Unclear)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever happens to an act, in whatever order: what was done stays done, and it is sent a second time only after the
        /// network, or somebody who looked there, said that it was not done.
        #[test]
        fn what_was_done_stays_done(wishes in prop::collection::vec(0..State::ALL.len(), 0..40), first in prop::sample::select(vec![State::Held, State::Waiting, State::Begun])) {
            let (mut state, mut path) = (first, vec![first]);
            for wish in wishes {
                let wish = State::ALL[wish];
                if state.may_become(wish) {
                    state = wish;
                    path.push(wish);
                }
            }
            for (at, state) in path.iter().enumerate() {
                if *state == State::Done {
                    prop_assert_eq!(at, path.len() - 1, "nothing comes after: {:?}", path);
                }
                if *state == State::Begun && at > 0 {
                    prop_assert!(path[at - 1] != State::Begun && !matches!(path[at - 1], State::Withdrawn | State::Declined | State::Expired));
                }
                if matches!(state, State::Held | State::Waiting) && at > 0 {
                    prop_assert!(path[at - 1] != State::Unclear, "what may have been done does not wait to be done: {:?}", path);
                }
            }
        }
    }

    #[test]
    fn the_end_is_the_end() {
        for state in State::ALL {
            assert!(!state.may_become(*state), "{state}");
            let ends = matches!(state, State::Done | State::Expired | State::Withdrawn | State::Declined);
            assert_eq!(state.next().is_empty(), ends, "{state}");
            assert!(!state.is_waiting() || (state.may_become(State::Withdrawn) && state.may_become(State::Expired) && state.is_open()));
        }
    }
}
