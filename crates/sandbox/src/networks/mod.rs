//! The networks: one file each, one line here.

mod bluesky;
mod discord;
mod door;
mod facebook;
mod google;
mod google_business;
mod graph;
mod limited;
mod linkedin;
mod mastodon;
mod meta;
mod moment;
mod outage;
mod pinterest;
mod reddit;
mod tiktok;
mod tumblr;
mod x;
mod xing;
mod youtube;

/// What `cargo xtask new-network` writes, compiled as it stands.
#[cfg(test)]
#[path = "../../../../xtask/templates/twin.rs"]
mod skeleton;
#[cfg(test)]
mod skeleton_tests;

pub(crate) use moment::rfc3339;
pub(crate) use tiktok::{App as AppAtTikTok, public_id as public_id_at_tiktok, seen_by as seen_by_at_tiktok, sent_by as sent_by_at_tiktok};

use crate::people::{Page, Person};
use crate::request::{Answer, Incoming, html};
use crate::world::World;

/// One simulated network.
struct Entry {
    name: &'static str,
    handle: fn(&mut World, i64, &Incoming) -> Option<Answer>,
    /// Issues what a person's consent gives without a browser: the address to go back to. `None` where the consent page
    /// would not be shown.
    consent: fn(&mut World, i64, &Incoming, &Consent<'_>) -> Option<String>,
    /// How a dead refresh token is refused.
    refused_renewal: fn() -> Answer,
    /// What a request is about.
    about: fn(&Incoming) -> &'static str,
    /// Who lives there.
    people: fn() -> Vec<Person>,
    /// The pages there are, with the roles held on them.
    pages: fn() -> Vec<Page>,
    /// The roles that can be held on a page, the fullest first.
    roles: &'static [&'static str],
}

/// A decision made without a browser.
pub(crate) struct Consent<'a> {
    pub(crate) username: &'a str,
    pub(crate) deny: bool,
    pub(crate) drop_scopes: &'a [String],
    /// What is picked on the network's own page, where one login can mean several (a channel).
    pub(crate) page: Option<u64>,
}

const NO_PAGES: fn() -> Vec<Page> = Vec::new;

const ALL: &[Entry] = &[
    Entry {
        name: "linkedin",
        handle: linkedin::handle,
        consent: linkedin::consent,
        refused_renewal: linkedin::refused_renewal,
        about: linkedin::about,
        people: linkedin::people,
        pages: linkedin::pages,
        roles: linkedin::ROLES,
    },
    Entry {
        name: "tiktok",
        handle: tiktok::handle,
        consent: tiktok::consent,
        refused_renewal: tiktok::refused_renewal,
        about: tiktok::about,
        people: tiktok::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "pinterest",
        handle: pinterest::handle,
        consent: pinterest::consent,
        refused_renewal: pinterest::refused_renewal,
        about: pinterest::about,
        people: pinterest::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "xing",
        handle: xing::handle,
        consent: xing::consent,
        refused_renewal: xing::dead_token,
        about: xing::about,
        people: xing::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "bluesky",
        handle: bluesky::handle,
        consent: bluesky::consent,
        refused_renewal: bluesky::refused_renewal,
        about: bluesky::about,
        people: bluesky::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "x",
        handle: x::handle,
        consent: x::consent,
        refused_renewal: x::refused_renewal,
        about: x::about,
        people: x::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "youtube",
        handle: youtube::handle,
        consent: youtube::consent,
        refused_renewal: google::refused_renewal,
        about: youtube::about,
        people: youtube::people,
        pages: youtube::pages,
        roles: youtube::ROLES,
    },
    Entry {
        name: "google_business",
        handle: google_business::handle,
        consent: google_business::consent,
        refused_renewal: google::refused_renewal,
        about: google_business::about,
        people: google_business::people,
        pages: google_business::pages,
        roles: google_business::ROLES,
    },
    Entry {
        name: "tumblr",
        handle: tumblr::handle,
        consent: tumblr::consent,
        refused_renewal: tumblr::refused_renewal,
        about: tumblr::about,
        people: tumblr::people,
        pages: tumblr::pages,
        roles: tumblr::ROLES,
    },
    Entry {
        name: "mastodon",
        handle: mastodon::handle,
        consent: mastodon::consent,
        refused_renewal: mastodon::refused_renewal,
        about: mastodon::about,
        people: mastodon::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "facebook",
        handle: |world, now, incoming| facebook::handle(&facebook::PAGES, world, now, incoming),
        consent: |world, now, incoming, consent| facebook::consent(&facebook::PAGES, world, now, incoming, consent),
        refused_renewal: facebook::refused_renewal,
        about: facebook::about,
        people: || facebook::people(&facebook::PAGES),
        pages: || facebook::pages(&facebook::PAGES),
        roles: facebook::ROLES,
    },
    Entry {
        name: "instagram",
        handle: |world, now, incoming| meta::handle(&meta::INSTAGRAM, world, now, incoming),
        consent: |world, now, incoming, consent| meta::consent(&meta::INSTAGRAM, world, now, incoming, consent),
        refused_renewal: meta::refused_renewal,
        about: meta::about,
        people: || meta::people(&meta::INSTAGRAM),
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "instagram_page",
        handle: |world, now, incoming| facebook::handle(&facebook::INSTAGRAM, world, now, incoming),
        consent: |world, now, incoming, consent| facebook::consent(&facebook::INSTAGRAM, world, now, incoming, consent),
        refused_renewal: facebook::refused_renewal,
        about: facebook::about,
        people: || facebook::people(&facebook::INSTAGRAM),
        pages: || facebook::pages(&facebook::INSTAGRAM),
        roles: facebook::ROLES,
    },
    Entry {
        name: "threads",
        handle: |world, now, incoming| meta::handle(&meta::THREADS, world, now, incoming),
        consent: |world, now, incoming, consent| meta::consent(&meta::THREADS, world, now, incoming, consent),
        refused_renewal: meta::refused_renewal,
        about: meta::about,
        people: || meta::people(&meta::THREADS),
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "reddit",
        handle: reddit::handle,
        consent: reddit::consent,
        refused_renewal: reddit::refused_renewal,
        about: reddit::about,
        people: reddit::people,
        pages: NO_PAGES,
        roles: &[],
    },
    Entry {
        name: "discord",
        handle: discord::handle,
        consent: discord::consent,
        refused_renewal: discord::refused_renewal,
        about: discord::about,
        people: discord::people,
        pages: discord::pages,
        roles: discord::ROLES,
    },
];

/// The names of all networks.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|entry| entry.name)
}

pub(crate) fn find(name: &str) -> Option<&'static str> {
    names().find(|known| *known == name)
}

/// Which network a path belongs to, and the path below it. The servers of the AT Protocol are known by their origin alone and
/// lie at the root; all others lie under their names.
pub(crate) fn at(path: &str) -> Option<(&'static str, String)> {
    if bluesky::is_at_root(path) {
        return Some(("bluesky", path.to_owned()));
    }
    let path = path.trim_start_matches('/');
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    Some((find(first)?, format!("/{rest}")))
}

pub(crate) fn handle(world: &mut World, now: i64, network: &str, incoming: &Incoming) -> Answer {
    if !is_registered(world, network, incoming) {
        let why = "The redirect address is none of those registered for this app: they are compared letter by letter.";
        return refuse_page("Invalid redirect_uri", "#333333", "Sandbox", why);
    }
    let answer = ALL.iter().find(|entry| entry.name == network).and_then(|entry| (entry.handle)(world, now, incoming));
    answer.unwrap_or_else(|| html(404, crate::pages::plain("Not found", "This network has no such address in the sandbox.")))
}

pub(crate) fn consent(world: &mut World, now: i64, network: &str, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    let entry = ALL.iter().find(|entry| entry.name == network).filter(|_| is_registered(world, network, incoming))?;
    (entry.consent)(world, now, incoming, consent)
}

/// A refused renewal in the network's own words.
pub(crate) fn refused_renewal(network: &str) -> Answer {
    ALL.iter().find(|entry| entry.name == network).map_or_else(|| html(404, String::new()), |entry| (entry.refused_renewal)())
}

/// How a network refuses what comes too often.
pub(crate) fn rate_limited(network: &str, now: i64) -> Answer {
    limited::refusal(network, now)
}

/// How a network that is down answers a call about that (see [`about`]) at that path.
pub(crate) fn down(network: &str, about: &str, path: &str) -> Answer {
    outage::answer_of(network, about, path)
}

/// The refusal of a token that the person withdrew, at a network that also gives it to tokens of the last seconds.
pub(crate) fn withdrawn_token(network: &str) -> Option<Answer> {
    (network == "linkedin").then(linkedin::withdrawn)
}

/// What a request is about, for moods and the ledger: `page`, `exchange`, `renewal`, `revocation` or `api`. Consent pages are
/// always there.
pub(crate) fn about(network: &str, incoming: &Incoming) -> &'static str {
    ALL.iter().find(|entry| entry.name == network).map_or("api", |entry| (entry.about)(incoming))
}

/// What a call of a token endpoint is about.
fn grant_type(incoming: &Incoming) -> &'static str {
    if incoming.f("grant_type") == "refresh_token" { "renewal" } else { "exchange" }
}

/// Everybody, at every network.
pub(crate) fn people() -> Vec<Person> {
    ALL.iter().flat_map(|entry| (entry.people)()).collect()
}

/// Every page of every network.
pub(crate) fn pages() -> Vec<Page> {
    ALL.iter().flat_map(|entry| (entry.pages)()).collect()
}

/// The roles that can be held on a network's pages, the fullest first; empty where it has no pages.
pub(crate) fn roles(network: &str) -> &'static [&'static str] {
    ALL.iter().find(|entry| entry.name == network).map_or(&[], |entry| entry.roles)
}

/// Our app at a network: public values of the sandbox.
pub(crate) fn client_id(network: &str) -> String {
    format!("sandbox-{network}")
}

pub(crate) fn client_secret(network: &str) -> String {
    format!("sandbox-{network}-secret")
}

/// Which apps of ours the person allows at a network, each once; where there is one only, it has no further name.
pub(crate) fn allowed_apps(world: &World, network: &str, username: &str) -> Vec<AppAtTikTok> {
    match network {
        "tiktok" => tiktok::allowed_apps(world, username),
        _ => world.has_consent(network, username).then_some("").into_iter().collect(),
    }
}

/// Whether consents live on when the person changes the password. Google ends only those for mail; Mastodon only
/// those of browsers; a webhook of Discord does not depend on its maker, a session of Bluesky not on the password.
pub(crate) fn survives_password_change(network: &str) -> bool {
    matches!(network, "youtube" | "google_business" | "mastodon" | "discord" | "bluesky")
}

/// Whether consents live on when the person had to have the password reset by mail: Mastodon ends them then.
pub(crate) fn survives_password_reset(network: &str) -> bool {
    survives_password_change(network) && network != "mastodon"
}

/// Whether consents end when the network blocks the person, and do not come back with the account: Reddit
/// revokes them, a take-down at Bluesky removes them, TikTok says itself that the grant is removed with a banned account.
pub(crate) fn ends_with_block(network: &str) -> bool {
    matches!(network, "reddit" | "bluesky" | "tiktok")
}

/// Whether what a consent gave works on while the network blocks the person: a webhook of Discord does not depend on its maker.
pub(crate) fn survives_block(network: &str) -> bool {
    matches!(network, "discord")
}

/// Whether each refresh token of a network works once, so that it could be taken again for a while after an answer that was lost.
pub(crate) fn uses_refresh_tokens_up(network: &str) -> bool {
    let of_meta = matches!(network, "facebook" | "instagram" | "instagram_page" | "threads");
    !of_meta && !matches!(network, "linkedin" | "xing" | "youtube" | "google_business" | "mastodon" | "reddit")
}

/// Whether a network's logins can be made to end on a fixed day, and whether each answer names it then, or the login's alone.
pub(crate) fn session_names(network: &str) -> Option<bool> {
    match network {
        "pinterest" => Some(true),
        "x" => Some(false),
        _ => None,
    }
}

/// The troubles of its own that a network can be switched into, beside the moods that all have.
pub(crate) fn troubles(network: &str) -> Vec<&'static str> {
    let known: &[&str] = match network {
        "facebook" | "instagram" | "instagram_page" | "threads" => graph::TROUBLES,
        "tiktok" => &["banned_from_posting"],
        "x" => x::TROUBLES,
        "youtube" | "google_business" => google::TROUBLES,
        "xing" => &["late_feed", "overtaken"],
        _ => &[],
    };
    known.iter().copied().chain(graph::codes::of(network)).collect()
}

/// The trouble a network is in.
pub(crate) fn trouble(world: &World, network: &str) -> Option<String> {
    let entry = ALL.iter().find(|entry| entry.name == network)?;
    let kept = world.kept.get(&(entry.name, "trouble".to_owned()))?;
    kept[0].as_str().map(str::to_owned)
}

/// One answer of it was given.
fn spend_trouble(world: &mut World, network: &'static str) {
    let Some(kept) = world.kept.get_mut(&(network, "trouble".to_owned())) else { return };
    let Some(left) = kept[1].as_u64() else { return };
    kept[1] = left.saturating_sub(1).into();
    if left <= 1 {
        world.kept.remove(&(network, "trouble".to_owned()));
    }
}

/// Switches a network into a trouble of its own, for so many answers; an empty name ends it.
pub(crate) fn set_trouble(world: &mut World, network: &str, name: &str, requests: Option<u32>) -> Result<(), String> {
    let network = find(network).ok_or("network: the name of a network")?;
    if name.is_empty() {
        world.kept.remove(&(network, "trouble".to_owned()));
        return Ok(());
    }
    if !troubles(network).contains(&name) {
        return Err(format!("trouble: one of {}; empty: none", troubles(network).join(", ")));
    }
    world.kept.insert((network, "trouble".to_owned()), serde_json::json!([name, requests]));
    Ok(())
}

/// Whether accounts of a network can be switched off for a while.
pub(crate) fn can_switch_off(network: &str) -> bool {
    network == "bluesky"
}

/// Whether a network has personal and business accounts that treat an app differently.
pub(crate) fn has_kinds_of_accounts(network: &str) -> bool {
    network == "instagram"
}

/// Switches an account off for a while, or on again. `false` where the network knows no such thing.
pub(crate) fn set_active(world: &mut World, network: &str, username: &str, active: bool) -> bool {
    let is_known = can_switch_off(network);
    if is_known {
        bluesky::set_active(world, username, active);
    }
    is_known
}

/// The id of a person that is shown to one app alone, where a network has such beside the one its API is asked with.
pub(crate) fn app_scoped_id(network: &str, id: &str) -> String {
    match network {
        "instagram" => format!("9{}", id.get(1..).unwrap_or_default()),
        _ => id.to_owned(),
    }
}

/// Whether a consent still shows what it was given for: Meta shows no data of people who have not come for 90 days.
pub(crate) fn shows_data(world: &World, now: i64, family: &crate::tokens::Family) -> bool {
    !matches!(family.network, "facebook" | "instagram_page") || graph::data_access_until(world, family.network, &family.username) > now
}

/// Whether the vault knows every secret of that network. A webhook's is none of its tokens.
pub(crate) fn keeps_tokens(network: &str) -> bool {
    find(network).is_some_and(|name| name != "discord")
}

/// Whether a network's apps register where people are sent back to. Mastodon and Bluesky learn it from the app's own registration and
/// metadata, XING from the request token.
pub(crate) fn has_registered_redirects(network: &str) -> bool {
    !matches!(network, "mastodon" | "bluesky" | "xing")
}

/// Whether a request for consent names an address that is registered, where any are. Never redirected elsewhere: whoever stands
/// before it is told.
fn is_registered(world: &World, network: &str, incoming: &Incoming) -> bool {
    let uris = world.app(network).redirect_uris;
    let asked = incoming.q("redirect_uri");
    // LinkedIn compares without the query.
    let is_same = |uri: &String| uri == asked || (network == "linkedin" && uri.split('?').next() == asked.split('?').next());
    uris.is_empty() || about(network, incoming) != "page" || uris.iter().any(is_same)
}

/// An address to go back to: absolute, http or https.
pub(crate) fn is_redirect_uri(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.fragment().is_none())
}

/// The network's own error page: configuration, shown to whoever stands before it, never redirected.
pub(crate) fn refuse_page(title: &str, colour: &str, brand: &str, why: &str) -> Answer {
    html(
        401,
        crate::pages::page(
            title,
            colour,
            brand,
            false,
            &format!("<div class=\"card\"><h1>{}</h1><p>{}</p></div>", crate::pages::esc(title), crate::pages::esc(why)),
        ),
    )
}

/// A webhook made by hand in a channel, by its number; `None` where there is no such channel.
pub(crate) fn make_webhook(world: &mut World, channel: u64) -> Option<String> {
    discord::make_by_hand(world, channel)
}

/// Takes the document and the public keys that a client of Bluesky publishes.
pub(crate) fn publish_client(world: &mut World, document: &serde_json::Value, keys: &serde_json::Value) -> Result<(), String> {
    bluesky::publish(world, document, keys)
}
