//! The clocks of a person's grant, as every page that shows them says them: what ends when, and from where that is known.

use lifecycle::grant::{ClockSource, Grant, Phase};
use lifecycle::time::Timestamp;

use super::view::{title_of, zone};
use crate::auth::Caller;
use crate::show::When;
use crate::state::App;

/// One clock.
pub struct Clock {
    /// Which.
    pub label: String,
    /// What stands where no moment is known, or where there is nothing that could end.
    pub without: &'static str,
    /// Its end; of the last one, when the network last answered.
    pub when: Option<When>,
    /// From where that is known.
    pub source: Option<String>,
}

/// Whether the login has ended before days that its clocks still name.
pub fn is_over(app: &App, grant: &Grant) -> bool {
    let clocks = grant.clocks;
    let names_a_day = [clocks.access_until, clocks.refresh_until, clocks.human_until].iter().flatten().any(|day| *day > app.now());
    names_a_day && grant.phase(app.now()) == Phase::NeedsPerson
}

/// The three clocks, each with its source, and when the network last answered that the grant works.
pub fn clocks_of(app: &App, caller: &Caller, network: &str, grant: &Grant) -> Vec<Clock> {
    let (lang, title, clocks) = (caller.lang, title_of(network), grant.clocks);
    let when = |at: Option<Timestamp>| at.map(|at| When::new(at, app.now(), zone(caller), lang));
    let said = |word: &str| lang.fill(&format!("clock_source.{word}"), &[("network", &title)]);
    let clock = |key: &str, at: Option<Timestamp>, source: Option<ClockSource>, without: &str| Clock {
        label: lang.t(key).to_owned(),
        without: lang.t(if without == "no_refresh_token" { "tokens.absent" } else { "tokens.none" }),
        when: when(at),
        // Where no end is known, that has a source too.
        source: source.map(|source| said(source.as_str())).or_else(|| at.is_none().then(|| said(without))),
    };
    let (no_refresh, no_human) = if grant.renewable { ("none", "none_needed") } else { ("no_refresh_token", "none") };
    let sources = networks::find(network).map(|network| grant.clock_sources(&app.directory.facts(network)));
    vec![
        clock("tokens.access", clocks.access_until, sources.and_then(|sources| sources.access), "none"),
        clock("tokens.refresh", clocks.refresh_until, sources.and_then(|sources| sources.refresh), no_refresh),
        clock("tokens.human", clocks.human_until, sources.and_then(|sources| sources.human), no_human),
        Clock { label: lang.t("tokens.verified").to_owned(), without: lang.t("tokens.never"), when: when(grant.verified_at), source: None },
    ]
}
