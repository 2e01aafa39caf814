//! One SQL text for SQLite and PostgreSQL; sealing of secrets.
