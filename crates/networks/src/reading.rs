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
/// refused speaks about the token.
pub fn listing_after_probe(
    claim: &Claim,
    listing: Result<Discovery, Diagnosis>,
    facts: &Facts,
    probed: Diagnosis,
    now: Timestamp,
) -> (Diagnosis, Looked) {
    match listing {
        Ok(discovery) => (probed, look_at(&claim.accesses, &discovery, facts, now)),
        Err(refused) if !refused.is_harmless() => (refused, Looked::default()),
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
