//! What is told when of several people who hold a profile one is left, judged by who could really act for it: never missed, never
//! doubled, never while two still can.

use lifecycle::ids::ProfileId;
use lifecycle::time::{Span, Timestamp};

use crate::promises::{CAME_BACK_UNSEEN, RACE};
use crate::report::Tally;
use crate::truth::Judge;

/// How many people can act for a profile that several hold, and since when.
#[derive(Debug, Default)]
pub(crate) struct Remaining {
    able: usize,
    /// When somebody last got that power.
    rose_at: Option<Timestamp>,
    /// When the last but one lost it, where everybody could have known by then that there were two.
    fell_at: Option<Timestamp>,
    told_at: Option<Timestamp>,
}

impl Judge {
    /// So many people can act for a profile at this moment.
    pub(crate) fn able(&mut self, id: &ProfileId, able: usize, now: Timestamp, tally: &mut Tally) {
        let before = self.remaining.get(id).map_or(0, |known| known.able);
        if before == able {
            return;
        }
        // Whatever comes now: what was owed until this moment was told, or never will be.
        self.promise_5_last_remaining_told(id, now, tally);
        let known_by = CAME_BACK_UNSEEN + self.unseen_for(id);
        let known = self.remaining.entry(id.clone()).or_default();
        known.able = able;
        let were_known = known.rose_at.is_some_and(|rose| now.since(rose) > known_by);
        known.fell_at = Some(now).filter(|_| able == 1 && before > 1 && were_known);
        if able > before {
            known.rose_at = Some(now);
        }
    }

    /// At each message that one is left.
    pub(crate) fn told_last_remaining(&mut self, id: &ProfileId, now: Timestamp, tally: &mut Tally) {
        tally.told_last_remaining += 1;
        let unseen_for = CAME_BACK_UNSEEN + self.unseen_for(id);
        let years = self.profiles.get(id).map(|profile| &profile.years);
        // Somebody whose year is over in this moment, by the clock of whoever looks, may be one of the two.
        let near = self.near();
        let is_last_day = years.is_some_and(|years| years.values().any(|over| now.since(*over) < near && over.since(now) < near));
        let known = self.remaining.entry(id.clone()).or_default();
        let is_false = known.able > 1 && known.rose_at.is_some_and(|rose| now.since(rose) > unseen_for) && !is_last_day;
        let before = known.told_at.replace(now);
        // Between two of them somebody came: perhaps while it was not yet known that they had gone.
        let is_again = before.is_some_and(|before| known.rose_at.is_none_or(|rose| before.since(rose) > unseen_for));
        let able = known.able;
        if is_false {
            tally.false_alarms += 1;
            self.breaks("promise_5_last_remaining_is_true", now, format!("{id}: that one is left was told although {able} can act for it"));
        }
        if let Some(before) = before.filter(|_| is_again) {
            tally.doubled += 1;
            let ago = now.since(before);
            self.breaks("promise_5_last_remaining_told_once", now, format!("{id}: that one is left was told {ago} ago and again"));
        }
    }

    /// Whoever is left alone with a profile is told so, in the time that it takes to look twice.
    pub(crate) fn promise_5_last_remaining_told(&mut self, id: &ProfileId, now: Timestamp, tally: &mut Tally) {
        let limit = self.unseen_for(id);
        let network = self.profiles.get(id).map_or("", |profile| profile.network);
        let trouble = self.trouble_until.get(network).copied();
        // A day that is known is told when it has come by the clock of whoever looks, which may be before it has come.
        let near = self.near();
        let Some(known) = self.remaining.get_mut(id) else { return };
        let Some(fell) = known.fell_at.filter(|fell| known.told_at.is_none_or(|told| told + near < *fell)) else { return };
        if now.since(trouble.map_or(fell, |until| fell.max(until))) > limit {
            known.fell_at = None;
            tally.missed += 1;
            let ago = now.since(fell);
            self.breaks("promise_5_last_remaining_told", now, format!("{id}: one is left since {ago}, and nobody was told"));
        }
    }

    /// The same for every profile, in the end.
    pub(crate) fn promise_5_last_remaining_told_everywhere(&mut self, now: Timestamp, tally: &mut Tally) {
        let all: Vec<ProfileId> = self.remaining.keys().cloned().collect();
        for id in all {
            self.promise_5_last_remaining_told(&id, now, tally);
        }
    }

    /// How far what is known by a clock may be from what is.
    fn near(&self) -> Span {
        RACE + self.clock_most
    }

    /// How long what happened to somebody who holds it may go unseen.
    fn unseen_for(&self, id: &ProfileId) -> Span {
        self.silent_for(self.profiles.get(id).map_or("", |profile| profile.network))
    }
}
