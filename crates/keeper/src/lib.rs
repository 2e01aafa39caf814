//! The loop that does what the rules say.
