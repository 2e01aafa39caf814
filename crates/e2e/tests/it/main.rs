//! End-to-end tests: the real binary, real HTTP, a real browser, real peers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod account;
mod acting;
mod alarms;
mod audit;
mod authorised;
mod bad_input;
mod bounces;
mod broker;
mod browser;
mod bulk;
mod canaries;
mod canary;
mod clock;
mod commands;
mod company;
mod compose;
mod consent;
mod crash;
mod cut_off;
mod description;
mod disk;
mod engagement;
mod examples;
mod explain;
mod follow;
mod forecast;
mod gallery;
mod generated;
mod grace;
mod incidents;
mod io_error;
mod kill;
mod leaving;
mod limits;
mod live;
mod logins;
mod looking_after;
mod matrix;
mod mcp;
mod navigation;
mod nodes;
mod nodes_pause;
mod nodes_posting;
mod notifications;
mod offered;
mod oidc;
mod operator;
mod overrides;
mod pds;
mod people;
mod permission_sets;
mod ping;
#[path = "../../../store/tests/it/postgres.rs"]
mod postgres;
mod proxy;
mod relogin;
mod restore;
mod return_to;
mod rust_client;
mod second_factor;
mod set_up;
mod signals;
mod slow;
mod smtp;
mod startup;
mod steady;
mod story;
mod strangers;
mod tags;
mod team_presets;
mod traces;
mod two_installations;
mod versions;
mod waiting;
mod ways_in;
mod webhooks;
mod without_scripts;
mod world;
mod worlds;

/// Says loudly that something was not run; `cargo xtask test` repeats it at the end.
pub(crate) fn skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
    if let Some(file) = std::env::var_os("STAYGREEN_TEST_SKIPS") {
        use std::io::Write as _;
        let mut file = std::fs::File::options().append(true).create(true).open(file).unwrap();
        writeln!(file, "{what}").unwrap();
    }
}
