//! When to renew, when to probe, when to announce. Jitter comes from a hash of stable ids, not from dice, so
//! that the same history gives the same plan (RF-04).

use crate::facts::{Facts, RenewalModel};
use crate::grant::{Clocks, Grant, State};
use crate::ids::GrantId;
use crate::time::{Span, Timestamp};

/// The ladder after an answer was lost: same token, fresh connections (RF-27).
pub const LADDER: [Span; 8] = [
    Span::ZERO,
    Span::seconds(1),
    Span::seconds(3),
    Span::seconds(8),
    Span::seconds(20),
    Span::minutes(1),
    Span::minutes(3),
    Span::minutes(10),
];

/// Waiting after trouble that spent nothing: doubles from 5 s to 15 min with each failure in a row.
pub fn backoff(failures: u32) -> Span {
    let doubled = 5_i64.saturating_mul(1_i64 << failures.min(20));
    Span::seconds(doubled.min(900))
}

/// How long before its end an access token is renewed (RF-02): a tenth of its life, ten minutes and three answer
/// time-outs at least, but never more than half its life.
pub fn margin(life: Span, facts: &Facts) -> Span {
    let wanted = life.times(1, 10).max(Span::minutes(10)).max(facts.answer_timeout.times(3, 1));
    wanted.min(life.times(1, 2))
}

/// When this grant should be renewed next, or `None` if only the person can. `in_vain` is how long the last renewal was waited for, where
/// it did not put off the end of the refresh token.
pub fn renew_at(
    id: &GrantId,
    generation: i64,
    clocks: &Clocks,
    renewable: bool,
    facts: &Facts,
    from: Timestamp,
    in_vain: Option<Span>,
) -> Option<Timestamp> {
    if !renewable {
        return None;
    }
    let by_access = clocks.access_until.map(|until| {
        let life = until.since(from);
        let wait = match facts.renewal {
            // Half way, where the network allows it by then. What it extends only late in the life is extended as soon as allowed:
            // jitter may neither ask too early nor eat the rest of the life, after which nothing can be extended.
            RenewalModel::Extending(earliest) => {
                return from + jittered(life.times(1, 2), id, generation).min(life - margin(life, facts)).max(earliest);
            }
            // Jitter must not eat the margin: even the latest renewal comes before the margin begins. What nobody uses is not
            // renewed at every end of an access token: where that rotates, it costs a rotation (RF-01); where it does not, the next
            // look renews as well (RF-03). Whoever needs a token before that has it renewed on the spot.
            RenewalModel::Rotating(_) => (life - margin(life, facts)).max(facts.idle_check_every).times(10, 11),
            RenewalModel::Stable | RenewalModel::ByPerson => (life - margin(life, facts)).max(facts.probe_every).times(10, 11),
        };
        from + jittered(wait, id, generation)
    });
    let by_refresh = match facts.renewal {
        // A rotating refresh token is kept alive from one third of its life on, where renewing restarts it. One that lives until its person
        // has to come gains nothing: a third of what is left, again and again, would spend it more often the nearer that day is. Nor does
        // one whose end the last renewal left where it was: the next comes no sooner after that one. It does come, since there are networks
        // that put an end off only late in a life.
        RenewalModel::Rotating(_) if facts.manual_renewal_every.is_none() => clocks
            .refresh_until
            .filter(|until| clocks.human_until.is_none_or(|day| *until < day))
            .map(|until| jittered(until.since(from).times(1, 3), id, generation).max(in_vain.unwrap_or(Span::ZERO)))
            .map(|wait| from + wait),
        _ => None,
    };
    [by_access, by_refresh].into_iter().flatten().min()
}

/// When this grant should be looked at next.
pub fn probe_at(id: &GrantId, generation: i64, facts: &Facts, from: Timestamp) -> Timestamp {
    // The minute in the salt spreads one grant's looks; the id spreads the grants.
    from + jittered(facts.probe_every, id, generation ^ (from.as_seconds() / 60))
}

/// The next moment at which a deadline has to be announced or has passed.
pub fn next_announcement(deadline: Timestamp, facts: &Facts, now: Timestamp) -> Option<Timestamp> {
    let days = facts.warn_days.iter().map(|days| deadline - Span::days(*days));
    days.chain([deadline]).filter(|moment| *moment > now).min()
}

/// When the keeper has to take this grant up again; `None` when nothing will ever be due by itself.
pub fn due_at(grant: &Grant, facts: &Facts, now: Timestamp) -> Option<Timestamp> {
    if matches!(grant.state, State::NeedsPerson { .. }) {
        return grant.probe_at;
    }
    let announced_at = grant.clocks.human_until.and_then(|deadline| next_announcement(deadline, facts, now));
    // A renewable grant is over when both lives are; the other when its access token's is, as is one that is extended.
    let ends = [grant.clocks.access_until, grant.clocks.refresh_until.filter(|_| grant.renewable)];
    let end = ends.into_iter().flatten().max().filter(|_| !grant.renewable || grant.clocks.refresh_until.is_some() || facts.is_extending());
    [grant.probe_at, grant.renew_at, announced_at, end.map(|end| end + grant.clock_doubt())].into_iter().flatten().min()
}

/// What is due for longer than this was missed: somebody was down, or there is more to do than can be done.
pub const LATE: Span = Span::minutes(5);
/// So many missed grants are done at once; more are a backlog.
pub const BACKLOG_MIN: u32 = 16;

/// Over how long a backlog of so many is spread: ten minutes, or two hundred in a second (RF-04).
pub fn spread_over(backlog: u32) -> Span {
    Span::millis(5).times(i64::from(backlog), 1).max(Span::minutes(10))
}

/// When the grant at this place of a backlog, the first being the most urgent one, is due instead (RF-04).
pub fn place_in_backlog(place: u32, backlog: u32, now: Timestamp) -> Timestamp {
    now + spread_over(backlog).times(i64::from(place), i64::from(backlog.max(1)))
}

/// From when on nobody but a person can help this grant, if nothing is done before. A backlog is taken up in this order, not by age.
pub fn irrecoverable_at(grant: &Grant, facts: &Facts) -> Option<Timestamp> {
    match (&grant.state, facts.renewal) {
        (State::NeedsPerson(_), _) => None,
        // What the network forgives, it forgives for seconds from then on.
        (State::Unsure { since, .. }, _) => Some(*since),
        _ if !grant.renewable => None,
        (_, RenewalModel::Extending(_)) => grant.clocks.access_until,
        _ => grant.clocks.refresh_until,
    }
}

/// What to do with a grant that is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Renew its token set.
    Renew,
    /// Ask the network whether it works.
    Probe,
    /// Nothing to ask: only the clock has something to say.
    LookAtClock,
}

/// Chooses the one thing to do now.
pub fn next_task(grant: &Grant, facts: &Facts, now: Timestamp) -> Task {
    let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
    let access_over = due(grant.clocks.access_until);
    // An access token past its end is renewed, not probed: its refusal would say nothing. That is free where nothing rotates;
    // elsewhere it is worth a rotation when there is a doubt to settle, or a verdict that may have passed.
    let is_free = !matches!(facts.renewal, RenewalModel::Rotating(_));
    let is_worth_it = match &grant.state {
        State::Fresh | State::Unsure { .. } => is_free,
        State::Suspect(_) => true,
        State::NeedsPerson(_) => !due(grant.clocks.refresh_until),
    };
    let instead = access_over && grant.renewable && is_worth_it;
    if grant.renewable && due(grant.renew_at) || instead && due(grant.probe_at) {
        Task::Renew
    } else if !due(grant.probe_at) || (access_over && grant.verdict().is_none()) {
        Task::LookAtClock
    } else {
        Task::Probe
    }
}

/// Ten per cent more or less, decided by the ids (RF-04).
pub fn jittered(span: Span, id: &GrantId, salt: i64) -> Span {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.as_str().bytes().chain(salt.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    let per_mille = i64::try_from(hash % 201).unwrap_or(100) - 100;
    span + span.times(per_mille, 1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn jitter_stays_within_ten_per_cent(seed: u128, salt: i64, seconds in 0..40_000_000_i64) {
            let span = Span::seconds(seconds);
            let got = jittered(span, &GrantId::from_u128(seed), salt);
            prop_assert!(got >= span.times(9, 10) && got <= span.times(11, 10) + Span::micros(1));
        }

        #[test]
        fn the_margin_leaves_half_the_life(seconds in 1..40_000_000_i64) {
            let life = Span::seconds(seconds);
            prop_assert!(margin(life, &Facts::unknown()) <= life.times(1, 2));
        }
    }

    proptest! {
        /// However late in a token's life the network begins to extend it: never asked before, always asked before the end.
        #[test]
        fn what_is_extended_is_extended_when_allowed_and_before_its_end(
            id: u128, generation in 1..100_000_i64, earliest in 60..4_000_000_i64, rest in 1..40_000_000_i64,
        ) {
            let (from, earliest) = (Timestamp::from_seconds(1_700_000_000), Span::seconds(earliest));
            let facts = Facts { renewal: RenewalModel::Extending(earliest), ..Facts::unknown() };
            let until = from + earliest + Span::seconds(rest);
            let clocks = Clocks { access_until: Some(until), ..Clocks::default() };
            let at = renew_at(&GrantId::from_u128(id), generation, &clocks, true, &facts, from, None);
            prop_assert!(at.is_some_and(|at| at >= from + earliest && at < until), "{:?}", at);
        }
    }

    proptest! {
        #[test]
        fn jitter_never_eats_the_margin(id: u128, generation in 1..100_000_i64, seconds in 60..40_000_000_i64) {
            let (facts, from) = (Facts::unknown(), Timestamp::from_seconds(1_700_000_000));
            let life = Span::seconds(seconds);
            let clocks = Clocks { access_until: Some(from + life), ..Clocks::default() };
            let at = renew_at(&GrantId::from_u128(id), generation, &clocks, true, &facts, from, None);
            let latest = (life - margin(life, &facts)).max(facts.idle_check_every);
            prop_assert!(at.is_some_and(|at| at > from && at <= from + latest));
        }

        /// G3: whatever the access token's life is, an idle rotating account is never rotated more than once a day.
        #[test]
        fn rf_01_what_nobody_uses_rotates_seldom(id: u128, generation in 1..100_000_i64, seconds in 60..40_000_000_i64) {
            let (facts, from) = (Facts::unknown(), Timestamp::from_seconds(1_700_000_000));
            let clocks = Clocks { access_until: Some(from + Span::seconds(seconds)), ..Clocks::default() };
            let at = renew_at(&GrantId::from_u128(id), generation, &clocks, true, &facts, from, None);
            prop_assert!(at.is_some_and(|at| at >= from + Span::days(1)));
        }
    }

    proptest! {
        /// A session that ends on its day however often it is renewed (a public client at Bluesky) is not renewed the more for it.
        #[test]
        fn rf_01_what_no_renewal_lengthens_rotates_no_more_often_towards_its_end(id: u128, seconds in 60..90_000_i64, days in 2..60_i64) {
            let (facts, begun) = (Facts::unknown(), Timestamp::from_seconds(1_700_000_000));
            let end = Some(begun + Span::days(days));
            let (mut at, mut renewals) = (begun, 0);
            while at < begun + Span::days(days) {
                let clocks = Clocks { access_until: Some(at + Span::seconds(seconds)), refresh_until: end, human_until: end };
                let next = renew_at(&GrantId::from_u128(id), renewals, &clocks, true, &facts, at, None);
                prop_assert!(next.is_some_and(|next| next >= at + Span::days(1)), "{:?} after {:?}", next, at);
                (at, renewals) = (next.unwrap_or(at), renewals + 1);
            }
            prop_assert!(renewals <= days + 1);
        }
    }

    proptest! {
        /// A backlog of any size begins at once, lasts ten minutes at least, keeps its order, and nobody's turn is lost.
        #[test]
        fn rf_04_a_backlog_is_spread_in_order(backlog in 1..2_000_000_u32, one: prop::sample::Index, other: prop::sample::Index) {
            let now = Timestamp::from_seconds(1_700_000_000);
            let (one, other) = (one.index(backlog as usize), other.index(backlog as usize));
            let at = |place: usize| place_in_backlog(u32::try_from(place).unwrap_or(0), backlog, now);
            prop_assert_eq!(at(0), now);
            prop_assert!(at(one) >= now && at(one) <= now + spread_over(backlog));
            prop_assert!(spread_over(backlog) >= Span::minutes(10));
            prop_assert!(one <= other || at(one) >= at(other));
        }
    }

    #[test]
    fn rf_04_who_can_be_saved_longest_waits_longest() {
        let facts = Facts::unknown();
        let now = Timestamp::from_seconds(1_700_000_000);
        let clocks = Clocks { access_until: Some(now + Span::hours(1)), refresh_until: Some(now + Span::days(9)), human_until: None };
        let person = crate::ids::PersonId::from_u128(1);
        let grant = Grant::born(GrantId::from_u128(1), person, clocks, true, &facts, now).grant;
        assert_eq!(irrecoverable_at(&grant, &facts), Some(now + Span::days(9)));
        let extending = Facts { renewal: RenewalModel::Extending(Span::days(1)), ..Facts::unknown() };
        assert_eq!(irrecoverable_at(&grant, &extending), Some(now + Span::hours(1)), "once over, it cannot be extended");
        let unsure = Grant { state: State::Unsure { since: now, tries: 1 }, ..grant.clone() };
        assert_eq!(irrecoverable_at(&unsure, &facts), Some(now), "the network forgives for seconds");
        assert_eq!(irrecoverable_at(&Grant { renewable: false, ..grant }, &facts), None);
    }

    #[test]
    fn margins_of_the_requirement() {
        let facts = Facts::unknown();
        assert_eq!(margin(Span::hours(2), &facts), Span::minutes(12));
        assert_eq!(margin(Span::minutes(15), &facts), Span::millis(450_000));
    }

    #[test]
    fn announcements_come_30_14_7_1_and_the_day_itself() {
        let facts = Facts::unknown();
        let deadline = Timestamp::from_micros(0) + Span::days(365);
        let mut now = Timestamp::from_micros(0);
        let mut days = vec![];
        while let Some(next) = next_announcement(deadline, &facts, now) {
            days.push(deadline.since(next).as_days_rounded_up());
            now = next;
        }
        assert_eq!(days, [30, 14, 7, 1, 0]);
    }
}
