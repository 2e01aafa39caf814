//! Pages, REST API, mail: the server around the keeper.

pub mod auth;
pub mod config;
pub mod time;
pub mod wire;
