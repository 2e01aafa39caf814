//! The `staygreen` binary. Exit codes: 0 done, 1 failed, 2 wrong usage. Errors go to stderr, data to stdout.

mod commands;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::commands::Command;

/// Staygreen keeps social media profiles connected.
#[derive(Parser)]
#[command(name = "staygreen", version, about, long_about = None, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Begins the log on stderr: `STAYGREEN_LOG` says how much of it, `STAYGREEN_LOG_FORMAT` in which form.
fn log() -> Result<(), String> {
    let filter = match std::env::var("STAYGREEN_LOG") {
        Ok(text) => EnvFilter::try_new(&text)
            .map_err(|error| format!("STAYGREEN_LOG: {error}; write warn, info, debug, trace, or MODULE=LEVEL,..."))?,
        Err(_) => EnvFilter::new("warn"),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match std::env::var("STAYGREEN_LOG_FORMAT").as_deref() {
        Err(_) | Ok("text") => log.with_ansi(std::io::stderr().is_terminal()).init(),
        Ok("json") => log.json().flatten_event(true).init(),
        Ok(other) => return Err(format!("STAYGREEN_LOG_FORMAT: \"{other}\" is neither text nor json")),
    }
    Ok(())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = log() {
        eprintln!("staygreen: {error}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("staygreen: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("staygreen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
