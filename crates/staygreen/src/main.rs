//! The `staygreen` binary. Exit codes: 0 done, 1 failed, 2 wrong usage. Errors go to stderr, data to stdout.

mod commands;
mod crashes;
mod out;
mod swap;
mod telemetry;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;

/// Takes a server's many small pieces quicker than the system's, and scatters them less over months.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Staygreen keeps social media profiles connected.
#[derive(Parser)]
#[command(name = "staygreen", version, about, long_about = None, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before the runtime, and put away after it: spans leave by a thread of their own.
    let telemetry = match telemetry::begin() {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("staygreen: {error}");
            return ExitCode::from(2);
        }
    };
    crashes::leave_nothing();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("staygreen: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(cli.command.run());
    drop(telemetry);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read has all they wanted.
        Err(error) if error.is::<out::Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be said where stderr is closed as well.
            let _ = writeln!(std::io::stderr(), "staygreen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
