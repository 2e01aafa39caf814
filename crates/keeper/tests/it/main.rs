//! The keeper over a real SQLite ledger, a strict network made of a few lines, and a disk that can fail at any step.
#![expect(clippy::unwrap_used, reason = "tests")]

mod clock;
mod faults;
mod house;
mod pacing;
mod spool;
mod steps;
mod stopping;
