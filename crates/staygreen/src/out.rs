//! What goes to stdout: lines, whole texts, bytes. A reader that has seen enough (`| head -1`) closes it, and the program ends quietly.

use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, Write as _};

/// Nobody reads stdout any more: no failure of what was to be done.
#[derive(Debug)]
pub(crate) struct Closed;

impl Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody reads stdout any more")
    }
}

impl std::error::Error for Closed {}

fn told(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
        Err(error) => Err(anyhow::Error::from(error).context("stdout cannot be written")),
    }
}

/// For what goes on whether anybody reads it or not: a server that was told to serve.
///
/// # Errors
/// Why it cannot be written, unless stdout is closed.
pub(crate) fn to_whoever_reads(told: anyhow::Result<()>) -> anyhow::Result<()> {
    told.or_else(|error| if error.is::<Closed>() { Ok(()) } else { Err(error) })
}

/// Prints a line.
///
/// # Errors
/// [`Closed`], or why it cannot be written.
pub(crate) fn line(words: Arguments<'_>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    told(out.write_fmt(words).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Prints bytes as they are.
///
/// # Errors
/// [`Closed`], or why they cannot be written.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    told(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Prints a line, written as for `println!`.
macro_rules! put {
    ($($words:tt)*) => { $crate::out::line(format_args!($($words)*)) };
}
pub(crate) use put;
