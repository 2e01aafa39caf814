//! The `staygreen` binary.
fn main() {}
