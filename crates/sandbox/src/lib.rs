//! Simulated social networks: a pure world with an HTTP shell.
