//! The REST API (contract: `/api/v1`).

pub mod idempotency;
pub mod openapi;
pub mod token_exchange;
pub mod v1;
