//! Simulated social networks that behave as their documentation says: a pure [`World`] and a thin HTTP shell.
//!
//! The world is written from the networks' documentation, never from our adapters. The product cannot tell it from the
//! real thing: only base URLs differ.

mod apps;
mod consent;
pub mod control;
pub mod http;
mod limits;
pub mod mailbox;
mod networks;
mod notices;
mod pages;
mod people;
mod request;
mod signing;
mod tokens;
mod world;

pub use notices::Notice;
pub use world::{Fate, Mood, Seen, World};
