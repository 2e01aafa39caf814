//! The REST API (contract: `/api/v1`).

pub mod openapi;
pub mod v1;
