//! What users and tools do: once, for pages, API and command line.

pub mod act;
pub mod arrive;
pub mod audited;
pub mod check;
pub mod company;
pub mod connect;
pub mod disconnect;
pub mod draft;
pub mod evidence;
pub mod explain;
pub mod finish;
pub mod forecast;
pub mod freeze;
pub mod invite;
pub mod keys;
pub mod may;
pub mod restore;
pub mod return_to;
pub mod say;
pub mod signal;
pub mod signal_keys;
pub mod waiting;
pub mod webhooks;
