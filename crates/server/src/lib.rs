//! Pages, REST API, mail: the server around the keeper. [`Server::build`] makes one from a configuration; the command
//! line, the demo and the tests all use it.

pub mod actions;
pub mod api;
pub mod assets;
pub mod auth;
pub mod config;
mod disks;
mod error;
mod first_admin;
mod high_water;
pub mod i18n;
mod listen;
mod metrics;
pub mod outbox;
pub mod pages;
mod proxy;
pub mod routes;
mod server;
pub mod show;
mod spool;
mod start_error;
mod start_page;
pub mod state;
pub mod time;
mod trace;
pub mod wire;
mod zones;

pub use error::Problem;
pub use server::Server;
pub use start_error::StartError;
pub use state::{open_store, there};
