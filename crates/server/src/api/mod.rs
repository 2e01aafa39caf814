//! The REST API (contract: `/api/v1`).

pub mod csv;
pub mod described;
pub mod door;
pub mod idempotency;
pub mod local;
pub mod mcp;
pub mod openapi;
pub mod shape;
pub mod token_exchange;
pub mod v1;
pub mod version;
