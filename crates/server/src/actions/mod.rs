//! What users and tools do: once, for pages, API and command line.

pub mod act;
pub mod check;
pub mod connect;
pub mod disconnect;
pub mod explain;
pub mod finish;
pub mod forecast;
pub mod invite;
pub mod signal;
pub mod webhooks;
