//! End-to-end tests of the `staygreen` binary.
