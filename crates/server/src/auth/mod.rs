//! Signing in.
pub mod password;
