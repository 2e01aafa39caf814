//! One pure adapter per social network: everything that touches a token is a pair of "build the request" and
//! "read the answer", so that the caller decides about time-outs, journal and crash points between the two.
//!
//! To the rest of the house a network is a value behind [`Network`]; nothing else mentions a network by name.

mod about;
pub mod acting;
mod another;
mod assertion;
pub mod bluesky;
pub mod catalogue;
mod discord;
pub mod dpop;
pub mod elsewhere;
mod facebook;
mod found;
mod google;
mod google_business;
mod instagram;
mod instagram_page;
mod linkedin;
mod mastodon;
pub mod media;
mod meta;
pub mod network;
pub mod oauth;
pub mod oauth1;
pub mod oauth2;
mod pinterest;
mod pkce;
pub mod proxied;
pub mod reading;
mod reddit;
pub mod signal;
#[cfg(test)]
mod skeleton_tests;
#[cfg(test)]
mod testing;
mod threads;
mod tiktok;
mod tumblr;
pub mod wire;
mod x;
mod xing;
mod youtube;

pub use catalogue::{all, find};
use lifecycle::moment;
pub use network::Network;

/// Every network we ship: one line each, in the order in which they are offered.
pub const ALL: &[&dyn Network] = &[
    &linkedin::LinkedIn,
    &tiktok::TikTok,
    &pinterest::Pinterest,
    &xing::Xing,
    &bluesky::Bluesky,
    &x::X,
    &youtube::YouTube,
    &google_business::GoogleBusiness,
    &tumblr::Tumblr,
    &mastodon::Mastodon,
    &facebook::Facebook,
    &instagram::Instagram,
    &instagram_page::InstagramPage,
    &threads::Threads,
    &reddit::Reddit,
    &discord::Discord,
];
