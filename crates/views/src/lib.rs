//! Everything a person sees or reads from Staygreen: pages, mails, words in English and German, style, icons.
//!
//! Pure: a context goes in, text comes out. Nothing here reads a database, a clock or a request; whoever serves pages
//! fills the contexts. All text that comes from networks is hostile and is escaped and kept apart (`<bdi>`).
//!
//! - [`words`](mod@words): languages and texts, from `i18n/*.toml`
//! - [`shell`]: the frame around every page, messages, form errors
//! - [`kinds`]: status, cause, ability and other words with their texts
//! - [`parts`], [`explanation`], [`failure`]: what several pages share
//! - [`pages`]: one module per page; [`mails`]: one module per mail
//! - [`assets`]: style, script, icons
//! - [`gallery`]: every page and mail with its samples, for tests and screenshots
//!
//! Forms post to the address in the docstring of their context. They carry no hidden fields: which row a button means
//! is the button's own value.

pub mod assets;
#[cfg(test)]
mod checks;
pub mod explanation;
pub mod failure;
pub mod gallery;
mod html;
mod icons;
pub mod kinds;
pub mod mails;
pub mod pages;
pub mod parts;
mod samples;
pub mod shell;
pub mod words;

pub use html::Html;
pub use pages::Page;
pub use words::Lang;
