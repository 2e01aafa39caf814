//! From what a network answered to what the rules are told: the same for the keeper and for the simulator.

use std::collections::BTreeMap;

use lifecycle::access::{self, Access, Seen};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::Facts;
use lifecycle::ledger::{Asset, Claim};
use lifecycle::plan::Looked;
use lifecycle::renewal::Outcome;
use lifecycle::time::Timestamp;
use lifecycle::words::{Cause, Evidence, Source};

use crate::network::{Discovery, Found, Renewal};
use crate::wire::WireError;

/// The outcome where the adapter has no request to renew with: only the person can.
pub fn not_renewable(now: Timestamp) -> Outcome {
    let words = "this token set cannot be renewed without the person";
    Outcome::Refused(Diagnosis::misconfigured(Evidence::new(now, Source::Renewal, None, Some("not_renewable"), words)))
}

/// What a renewal came to. `read` is the answer as its adapter read it, with notes that changed on the way.
pub fn renewal_outcome(claim: &Claim, read: Result<(Renewal, BTreeMap<String, String>), WireError>, now: Timestamp) -> Outcome {
    match read {
        Ok((Renewal::Renewed(issued), _)) if issued.person_network_id.as_ref().is_some_and(|came| *came != claim.person_network_id) => {
            // RF-23: another account's token set is never stored over this person's.
            let words = "the network answered with another person's token";
            Outcome::Refused(Diagnosis::over(Cause::WrongPerson, Evidence::new(now, Source::Renewal, Some(200), None, words)))
        }
        Ok((Renewal::Renewed(issued), notes)) => {
            let mut tokens = issued.tokens;
            tokens.notes.extend(notes);
            Outcome::Answered { tokens: Box::new(tokens.keeping_from(&claim.tokens)), clocks: issued.clocks }
        }
        Ok((Renewal::Failed(diagnosis), _)) => Outcome::Refused(diagnosis),
        Ok((Renewal::Unclear(evidence), _)) => Outcome::Lost(evidence),
        Err(error @ WireError::Lost(_)) => Outcome::Lost(no_answer(Source::Renewal, &error, now)),
        Err(error) => Outcome::NotSent(no_answer(Source::Renewal, &error, now)),
    }
}

/// The server whose health a claim depends on: the account's own where each may live on another (one small server may be down for
/// days), else the instance.
pub fn server_of(claim: &Claim) -> String {
    let own = crate::find(&claim.network).and_then(|network| network.server(&claim.tokens));
    own.unwrap_or_else(|| claim.instance.clone())
}

/// What a probe came to.
pub fn probe_finding(read: Result<Diagnosis, WireError>, now: Timestamp) -> Diagnosis {
    read.unwrap_or_else(|error| Diagnosis::transient(no_answer(Source::Probe, &error, now), None))
}

fn no_answer(source: Source, error: &WireError, now: Timestamp) -> Evidence {
    Evidence::new(now, source, None, None, &error.to_string())
}

/// Whether an answer to a renewal, or none, is that of a network in trouble.
pub fn is_trouble(read: &Result<(Renewal, BTreeMap<String, String>), WireError>) -> bool {
    match read {
        Ok((Renewal::Failed(diagnosis), _)) => lifecycle::breaker::is_trouble(diagnosis),
        Ok((Renewal::Unclear(_), _)) | Err(_) => true,
        Ok((Renewal::Renewed(_), _)) => false,
    }
}

/// What a listing that was asked for after a good probe adds to it. A listing that fails says nothing about roles; one that is
/// refused speaks about the token. A token that is doubted is not cleared by half a look.
pub fn listing_after_probe(
    claim: &Claim,
    listing: Result<&Discovery, Diagnosis>,
    facts: &Facts,
    probed: Diagnosis,
    now: Timestamp,
) -> (Diagnosis, Looked) {
    match listing {
        Ok(discovery) => (probed, look_at(&claim.accesses, discovery, facts, now)),
        Err(refused) if !refused.is_harmless() => (refused, Looked::default()),
        Err(failed) if claim.grant.doubt_outlives(&failed.finding) => (failed, Looked::default()),
        Err(_) => (probed, Looked::default()),
    }
}

/// Whether a probe that came to this asks for a listing as well.
pub fn wants_listing(diagnosis: &Diagnosis) -> bool {
    diagnosis.finding == Finding::Works
}

/// Compares the accesses of a grant with a fresh, complete listing.
fn look_at(accesses: &[Access], discovery: &Discovery, facts: &Facts, now: Timestamp) -> Looked {
    let found: BTreeMap<&str, &Found> = discovery.profiles.iter().map(|found| (found.network_id.as_str(), found)).collect();
    let seen = |access: &Access| {
        let mut seen = seen_as(found.get(access.network_id.as_str()).copied(), now);
        match &mut seen {
            // Still there, as whatever it was.
            Seen::Usable { role } | Seen::NotUsable { role, .. } if role.is_empty() => role.clone_from(&access.role),
            _ => {}
        }
        access::step(access, &seen, facts, now)
    };
    let asset = |found: &Found| Asset {
        network_id: found.network_id.clone(),
        kind: found.kind.as_str().to_owned(),
        name: found.name.clone(),
        role: found.role.clone(),
        usable: found.unusable.is_none(),
        parent: found.parent.clone(),
        comes_along: discovery.all_come_along,
    };
    // Without the roles there is nothing to compare with the listing before.
    let is_listing = discovery.profiles.iter().all(|found| found.unusable.is_some() || !found.role.is_empty());
    let listed = is_listing.then(|| discovery.profiles.iter().map(asset).collect());
    Looked { accesses: accesses.iter().map(seen).collect(), listed }
}

fn seen_as(found: Option<&Found>, now: Timestamp) -> Seen {
    let evidence = |role: Option<&str>, words: &str| Evidence::new(now, Source::Discovery, Some(200), role, words);
    match found {
        None => Seen::Missing { evidence: evidence(None, "the network's complete list does not have this profile any more") },
        Some(Found { unusable: None, role, .. }) => Seen::Usable { role: role.clone() },
        Some(Found { unusable: Some(why), role, .. }) if role.is_empty() => {
            Seen::NotUsable { role: role.clone(), evidence: evidence(None, &why.en) }
        }
        Some(Found { unusable: Some(why), role, .. }) => {
            Seen::NotUsable { role: role.clone(), evidence: evidence(Some(role), &format!("the role is now {role}: {}", why.en)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::grant::{Clocks, Event, Grant, State, step};
    use lifecycle::ids::{GrantId, NodeId, OrganisationId, PersonId};
    use lifecycle::ledger::Lease;
    use lifecycle::secret::{Secret, TokenSet};
    use lifecycle::time::Span;
    use lifecycle::words::Confidence;

    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn seen(source: Source) -> Evidence {
        Evidence::new(T0, source, None, None, "seen")
    }

    fn claim(state: State) -> Claim {
        let born = Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), Clocks::default(), false, &Facts::unknown(), T0).grant;
        Claim {
            lease: Lease { grant: born.id.clone(), node: NodeId::from_u128(4), fence: 1, until: T0 + Span::minutes(5) },
            organisation: OrganisationId::from_u128(5),
            network: "facebook".into(),
            instance: String::new(),
            person_network_id: "1".into(),
            grant: Grant { state, ..born },
            tokens: TokenSet::bearer(Secret::new("at"), None, vec![]),
            accesses: vec![],
            open: None,
        }
    }

    fn after(before: State, refused: &Diagnosis) -> State {
        let once = step(&claim(before).grant, &Event::Probed(refused.clone()), &Facts::unknown(), T0).grant;
        once.state
    }

    /// A token whose data access is over is called valid by the network; that the listing, which showed it, is lost on its way twice
    /// is no all-clear.
    #[test]
    fn half_a_look_clears_no_doubt() {
        let refused = |source| Diagnosis::refused(Cause::RenewalDue, Confidence::Certain, seen(source));
        let suspect = after(State::Fresh, &refused(Source::Discovery));
        let mut doubted = claim(suspect.clone()).grant;
        let later = T0 + Span::minutes(1);
        doubted = step(&doubted, &Event::Probed(refused(Source::Discovery)), &Facts::unknown(), later).grant;
        assert!(matches!((&suspect, doubted.verdict()), (State::Suspect(_), Some(_))), "refused twice");
        let by_probe = after(State::Fresh, &refused(Source::Probe));

        let lost = Diagnosis::transient(seen(Source::Discovery), None);
        let forbidden = Diagnosis::misconfigured(seen(Source::Discovery));
        let works = Diagnosis::works(seen(Source::Probe));
        let look = |state: &State, listing: &Diagnosis| {
            listing_after_probe(&claim(state.clone()), Err(listing.clone()), &Facts::unknown(), works.clone(), later).0
        };
        for state in [&suspect, &doubted.state] {
            assert_eq!(look(state, &lost), lost, "{state:?}");
            assert_eq!(look(state, &forbidden), forbidden, "{state:?}");
        }
        assert_eq!(look(&by_probe, &lost), lost);
        assert_eq!(look(&by_probe, &forbidden), works, "a listing that our settings forbid for good is not waited for");
        assert_eq!(look(&State::Fresh, &lost), works, "of a token that is not doubted it says nothing");
        assert_eq!(look(&State::Fresh, &forbidden), works);
    }
}
