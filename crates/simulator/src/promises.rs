//! The promises, as functions with names. They judge what the product did against the truth, never against what the
//! product believes.

use lifecycle::ids::{GrantId, ProfileId};
use lifecycle::status::News;
use lifecycle::time::{Span, Timestamp};

use crate::report::Tally;
use crate::truth::{Destroyed, Judge};

/// Two moments that are meant to be the same day.
const SAME_DEADLINE: Span = Span::hours(1);
/// How wrong clocks may be before early warnings are repeated.
const CLOCK_TOLERATED: Span = Span::hours(6);
/// How long a vague refusal waits for its verdict.
const VAGUE_FOR: Span = Span::hours(4);
/// What came back by itself is found by the daily look at what was dead.
pub(crate) const CAME_BACK_UNSEEN: Span = Span::hours(27);
/// What two people do at nearly the same moment is no lie of ours.
pub(crate) const RACE: Span = Span::minutes(10);

impl Judge {
    /// Promise 1: a token set is lost only where its successor was destroyed outside our hands.
    pub(crate) fn promise_1_no_avoidable_loss(&mut self, grant: &GrantId, by: Destroyed, now: Timestamp, tally: &mut Tally) {
        *tally.losses.entry(by).or_default() += 1;
        if by == Destroyed::Nothing {
            let network = self.grants.get(grant).map_or("", |known| known.network);
            let what = format!("{grant} at {network} was lost and nothing had destroyed its successor");
            self.breaks("promise_1_no_avoidable_loss", now, what);
        }
    }

    /// Promise 2: whoever sends a renewal holds the grant, and holds it alone.
    pub(crate) fn promise_2_one_renewal_at_a_time(&mut self, grant: &GrantId, holds: bool, alone: bool, now: Timestamp) {
        if !holds {
            self.breaks("promise_2_one_renewal_at_a_time", now, format!("{grant}: a renewal was sent without holding the grant"));
        } else if !alone {
            self.breaks("promise_2_one_renewal_at_a_time", now, format!("{grant}: two renewals were under way at once"));
        }
    }

    /// Promise 2: the same refresh token is never spent twice while both holders are well.
    pub(crate) fn promise_2_no_double_spend(&mut self, grant: &GrantId, now: Timestamp) {
        self.breaks(
            "promise_2_no_double_spend",
            now,
            format!("{grant}: its refresh token was presented again while its successor was on its way"),
        );
    }

    /// Promise 2: a token that can be used once is not spent on a network that is known not to answer (RF-34).
    pub(crate) fn promise_2_nothing_spent_on_silence(&mut self, grant: &GrantId, network: &str, silent: u32, now: Timestamp) {
        let what = format!("{grant}: a renewal was sent to {network}, which had not answered {silent} calls in a row");
        self.breaks("promise_2_nothing_spent_on_silence", now, what);
    }

    /// Promise 2: nothing leaves the house without a note in the journal.
    pub(crate) fn promise_2_sent_implies_journal(&mut self, grant: &GrantId, is_noted: bool, now: Timestamp) {
        if !is_noted {
            self.breaks("promise_2_sent_implies_journal", now, format!("{grant}: a renewal was sent without an intent"));
        }
    }

    /// Invariant: generation and fence only grow, and new tokens are a new generation.
    pub(crate) fn invariant_generations_only_grow(
        &mut self,
        grant: &GrantId,
        generation: i64,
        fence: i64,
        new_tokens: bool,
        now: Timestamp,
    ) {
        let Some(truth) = self.grants.get_mut(grant) else { return };
        let grows = if new_tokens { generation > truth.generation } else { generation >= truth.generation };
        let (was, newest) = (truth.generation, truth.fence);
        truth.generation = generation;
        if !grows || fence < newest {
            self.breaks(
                "invariant_generations_only_grow",
                now,
                format!("{grant}: generation {generation} after {was}, by fence {fence} while {newest} was given out"),
            );
        }
    }

    /// Promise 3: nobody declares a token dead that works.
    pub(crate) fn promise_3_no_false_death(&mut self, grant: &GrantId, works: bool, now: Timestamp, tally: &mut Tally) {
        let Some(truth) = self.grants.get(grant) else { return };
        let settled = truth.alive_since.is_some_and(|since| now.since(since) > RACE);
        if works && settled && !is_at_its_end(truth.year_over, now) {
            tally.false_deaths += 1;
            let network = truth.network;
            self.breaks("promise_3_no_false_death", now, format!("{grant} at {network} was declared dead and works"));
        }
    }

    /// Promises 3 to 5, at each message.
    pub(crate) fn told(&mut self, profile: &ProfileId, news: &News, now: Timestamp, tally: &mut Tally) {
        match news {
            News::NoAccessTokens { .. } => self.told_no_access(profile, now, tally),
            News::Recovered { .. } => self.told_recovered(profile, now, tally),
            News::RenewSoon { days, deadline } => self.told_renew_soon(profile, *days, *deadline, now, tally),
            News::LastRemaining { .. } => self.told_last_remaining(profile, now, tally),
            News::Connected | News::OutOfReach { .. } => {}
        }
    }

    fn told_no_access(&mut self, id: &ProfileId, now: Timestamp, tally: &mut Tally) {
        tally.told_no_access += 1;
        let Some(profile) = self.profiles.get_mut(id) else { return };
        let was_told = std::mem::replace(&mut profile.is_told, true);
        profile.was_told = true;
        if let Some((why, since)) = profile.dead {
            let delay = now.since(since);
            tally.delays.entry(why).or_default().push(delay.as_seconds().max(0));
        }
        let is_unseen = profile.came_back_at.is_some_and(|at| now.since(at) <= CAME_BACK_UNSEEN);
        let is_alive = profile.alive_since.is_some_and(|since| now.since(since) > RACE);
        // Whoever of several held it last may come to the end of the year at this moment.
        let is_last_day = profile.years.values().any(|over| is_near(*over, now, RACE));
        let is_false = is_alive && !is_unseen && !is_last_day && !is_at_its_end(profile.year_over, now);
        if was_told {
            tally.doubled += 1;
            self.breaks("promise_4_told_once", now, format!("{id}: told again within the same episode"));
        }
        if is_false {
            tally.false_alarms += 1;
            self.breaks("promise_3_no_false_alarm", now, format!("{id}: \"no access tokens\" was told although one works"));
        }
    }

    fn told_recovered(&mut self, id: &ProfileId, now: Timestamp, tally: &mut Tally) {
        tally.told_recovered += 1;
        let Some(profile) = self.profiles.get_mut(id) else { return };
        let was_told = std::mem::replace(&mut profile.is_told, false);
        profile.red_until = Some(now);
        let is_false = profile.dead.is_some_and(|(_, since)| now.since(since) > RACE);
        if !was_told {
            self.breaks("promise_4_told_once", now, format!("{id}: an all-clear without an alarm before it"));
        }
        if is_false {
            self.breaks("promise_3_no_false_all_clear", now, format!("{id}: an all-clear although nothing works"));
        }
    }

    fn told_renew_soon(&mut self, id: &ProfileId, days: i64, deadline: Timestamp, now: Timestamp, tally: &mut Tally) {
        tally.told_renew_soon += 1;
        let same = SAME_DEADLINE + self.clock_most;
        let Some(profile) = self.profiles.get_mut(id) else { return };
        // Between two admins the day is that of whoever holds longest: it may go and come back with the person.
        let is_same = |told: Timestamp| profile.changed_at.is_none_or(|changed| changed < told);
        let warned = profile.warned.iter().find(|(known, told, at)| *told == days && is_near(*known, deadline, same) && is_same(*at));
        let again = warned.copied();
        profile.warned.push((deadline, days, now));
        // A day read by a clock that is half a day wrong is another day; who reads it cannot know.
        if let Some((_, _, before)) = again.filter(|_| self.clock_most <= CLOCK_TOLERATED) {
            tally.doubled += 1;
            let (left, ago) = (deadline.since(now), now.since(before));
            self.breaks(
                "promise_5_early_warnings_once_each",
                now,
                format!("{id}: {days} days ahead was told {ago} ago and again with {left} left"),
            );
        }
    }

    /// How long an end at a network may go unseen: as long as it takes to look twice.
    pub(crate) fn silent_for(&self, network: &str) -> Span {
        let look_every = self.look_every.get(network).copied().unwrap_or(self.probe_every);
        look_every.times(5, 2) + VAGUE_FOR + Span::hours(2) + self.clock_most.times(2, 1)
    }

    /// Promise 4: a profile without access tokens does not stay silent longer than it takes to look twice.
    pub(crate) fn promise_4_no_silence(&mut self, id: &ProfileId, now: Timestamp, tally: &mut Tally) {
        let limit = self.silent_for(self.profiles.get(id).map_or("", |profile| profile.network));
        let Some(profile) = self.profiles.get_mut(id) else { return };
        let Some((why, since)) = profile.dead.filter(|_| !profile.was_told) else { return };
        let trouble = self.trouble_until.get(profile.network).copied().unwrap_or(since);
        if now.since(since.max(trouble)) > limit {
            // Counted once.
            profile.was_told = true;
            tally.missed += 1;
            let dead_for = now.since(since);
            self.breaks("promise_4_no_silence", now, format!("{id}: dead for {dead_for} ({why:?}) and nobody was told"));
        }
    }

    /// Promise 4: a refusal in real use starts a look at once.
    pub(crate) fn promise_4_a_refused_call_is_looked_into(&mut self, grant: &GrantId, is_soon: bool, now: Timestamp) {
        if !is_soon {
            self.breaks("promise_4_a_refused_call_is_looked_into", now, format!("{grant}: a call was refused and no look is due for it"));
        }
    }

    /// Promise 4: a message that arrives again is known as the same one.
    pub(crate) fn promise_4_known_again(&mut self, key: &str, now: Timestamp, tally: &mut Tally) {
        tally.doubled += 1;
        self.breaks("promise_4_known_again", now, format!("{key}: arrived twice, as two messages"));
    }

    /// Promise 4: what is in the outbox arrives, whatever happens on the way.
    pub(crate) fn promise_4_every_message_arrives(&mut self, key: &str, now: Timestamp, tally: &mut Tally) {
        tally.missed += 1;
        self.breaks("promise_4_every_message_arrives", now, format!("{key}: never arrived"));
    }

    /// Promise 4 for everything that is dead at this moment.
    pub(crate) fn promise_4_no_silence_anywhere(&mut self, now: Timestamp, tally: &mut Tally) {
        let dead: Vec<ProfileId> = self.profiles.iter().filter(|(_, profile)| profile.dead.is_some()).map(|(id, _)| id.clone()).collect();
        for id in dead {
            self.promise_4_no_silence(&id, now, tally);
        }
    }

    /// Promise 5: whoever lets the year pass was warned on every announced day.
    pub(crate) fn promise_5_early_warnings_once_each(
        &mut self,
        grant: &GrantId,
        profiles: &[(ProfileId, bool)],
        deadline: Timestamp,
        now: Timestamp,
        tally: &mut Tally,
    ) {
        // What nobody can know is not announced.
        if self.grants.get(grant).is_some_and(|known| self.unforeseen.contains(known.network)) {
            return;
        }
        // A login that lasts two weeks cannot be announced thirty days ahead.
        let lasted = self.grants.get(grant).and_then(|known| known.authorized_at).map(|at| deadline.since(at));
        let longest = self.warn_days.iter().copied().max().unwrap_or(0);
        let same = SAME_DEADLINE + self.clock_most;
        let mut missing = vec![];
        for (id, is_alive) in profiles {
            let Some(profile) = self.profiles.get(id) else { continue };
            let was_green = profile.alive_since.is_some_and(|since| deadline.since(since) > Span::days(longest + 1))
                && !profile.is_told
                && profile.red_until.is_none_or(|until| deadline.since(until) > Span::days(longest + 1));
            // Somebody else holds the profile longer: its deadline is theirs.
            if *is_alive || !was_green || self.is_shared(id) {
                continue;
            }
            for days in self.warn_days.iter().filter(|days| lasted.is_none_or(|lasted| lasted > Span::days(**days + 1))) {
                if !profile.warned.iter().any(|(known, told, _)| told == days && is_near(*known, deadline, same)) {
                    missing.push(format!("{id} of {grant}: {days} days ahead was never told"));
                }
            }
        }
        for what in missing {
            tally.missed += 1;
            self.breaks("promise_5_early_warnings_once_each", now, what);
        }
    }

    /// Promise 9, of one profile.
    pub(crate) fn promise_9_green_or_told(&mut self, id: &ProfileId, is_green: bool, status: &str, now: Timestamp) {
        let Some(profile) = self.profiles.get(id) else { return };
        // What died or came back a moment ago is on its way.
        let look_every = self.look_every.get(profile.network).copied().unwrap_or(self.probe_every);
        let long = |since: Timestamp| now.since(since) > Span::days(1).max(look_every.times(5, 2)) + VAGUE_FOR;
        let is_told = profile.is_told;
        if is_green && profile.dead.is_some_and(|(_, since)| long(since)) {
            self.breaks("promise_9_everything_heals", now, format!("{id} is {status} although nothing works"));
        } else if !is_green && !is_told && profile.alive_since.is_some_and(long) {
            self.breaks("promise_9_everything_heals", now, format!("{id} is {status} although it works, and nobody was told"));
        }
    }

    /// Promise 9, of one attempt.
    pub(crate) fn promise_9_no_open_attempt(&mut self, grant: &GrantId, now: Timestamp) {
        self.breaks("promise_9_everything_heals", now, format!("{grant}: an attempt has no end"));
    }

    /// Promise 9: nothing is due that nobody takes up.
    pub(crate) fn promise_9_nothing_forgotten(&mut self, grant: &GrantId, now: Timestamp) {
        self.breaks("promise_9_everything_heals", now, format!("{grant}: nobody takes it up"));
    }

    fn is_shared(&self, id: &ProfileId) -> bool {
        self.shared.contains(id)
    }
}

fn is_near(one: Timestamp, other: Timestamp, within: Span) -> bool {
    one.since(other) < within && other.since(one) < within
}

/// The network counts whole seconds: a year may be over a moment earlier than it says.
fn is_at_its_end(year_over: Option<Timestamp>, now: Timestamp) -> bool {
    year_over.is_some_and(|over| over.since(now) < Span::minutes(2))
}
