//! A client of Staygreen's REST API: profiles with their status, access tokens, posts and
//! comments. It knows nothing of the server's inside, and needs nothing but an address and an API key.
//!
//! ```no_run
//! # async fn run() -> Result<(), staygreen_client::Error> {
//! use staygreen_client::{Client, Filter, Post, Said};
//!
//! let client = Client::new("https://staygreen.example.com", "sg_…")?;
//! for profile in client.profiles(&Filter { status: Some("disconnected".into()), ..Filter::default() }).await? {
//!     println!("{} at {}: {:?}", profile.name, profile.network, profile.cause);
//! }
//! match client.publish("prf_…", &Post { text: "The new hut is open".into(), ..Post::default() }, "hut-2027").await? {
//!     Said::Posted(posted) => println!("{:?}", posted.url),
//!     Said::Waits(waits) => println!("{} until {}", waits.result, waits.until),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Whatever goes wrong is an [`Error`]; what the server refuses is a [`Problem`] with a stable code, the field that is wrong, and
//! words for people. What this crate has no function for, [`Client::call`] asks by method and path.

mod client;
mod error;
mod types;

pub use client::Client;
pub use error::{Error, Problem};
pub use types::{
    Access, AccessToken, Act, Comment, Explanation, Filter, Media, Page, Person, Post, Posted, Profile, Said, Waits, WhenDisconnected,
    WholeProfile,
};
