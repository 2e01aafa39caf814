//! What the keeper counts for the operator's monitoring: outcomes by network, never whose.

use std::time::Instant;

use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::grant::Event;

const fn word(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.finding {
        Finding::Works => "works",
        Finding::Transient { .. } => "transient",
        Finding::Misconfigured => "misconfigured",
        Finding::Refused { .. } => "refused",
    }
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
    metrics::counter!(name, "network" => network.to_owned(), "outcome" => outcome).increment(1);
}

/// How long a network took over an answer, or over none.
pub(crate) fn answered(network: &str, about: &'static str, since: Instant) {
    metrics::histogram!("staygreen_network_answer_seconds", "network" => network.to_owned(), "about" => about)
        .record(since.elapsed().as_secs_f64());
}
