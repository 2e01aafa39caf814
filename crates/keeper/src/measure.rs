//! What the keeper counts for the operator's monitoring: outcomes by network, never whose.

use std::time::Instant;

use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::grant::Event;
use lifecycle::ledger::Claim;
use tracing::Span;
use tracing::field::Empty;

const fn word(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.finding {
        Finding::Works => "works",
        Finding::Transient { .. } => "transient",
        Finding::Misconfigured => "misconfigured",
        Finding::Refused { .. } => "refused",
    }
}

/// The span of a renewal or check, for whoever collects traces: of which network and grant, and how it ended.
pub(crate) fn span(what: &'static str, claim: &Claim) -> Span {
    tracing::info_span!(
        target: "staygreen::trace",
        "keep",
        otel.name = %format_args!("{what} {}", claim.network),
        staygreen.network = claim.network,
        staygreen.grant = %claim.grant.id,
        staygreen.outcome = Empty,
    )
}

/// An outcome that was stored.
pub(crate) fn stored(network: &str, event: &Event) {
    let (name, outcome) = match event {
        Event::Renewed { .. } => ("staygreen_renewals_total", "renewed"),
        Event::RenewFailed(diagnosis) => ("staygreen_renewals_total", word(diagnosis)),
        Event::RenewLost(_) => ("staygreen_renewals_total", "lost"),
        Event::Probed(diagnosis) => ("staygreen_checks_total", word(diagnosis)),
        Event::Authorized { .. } | Event::Used(_) | Event::DeadlineReached => return,
    };
    tracing::Span::current().record("staygreen.outcome", outcome);
    metrics::counter!(name, "network" => network.to_owned(), "outcome" => outcome).increment(1);
}

/// How long a network took over an answer, or over none.
pub(crate) fn answered(network: &str, about: &'static str, since: Instant) {
    metrics::histogram!("staygreen_network_answer_seconds", "network" => network.to_owned(), "about" => about)
        .record(since.elapsed().as_secs_f64());
}
