//! `docs/networks.md` is written from the code: this test fails when it is not up to date, and `cargo xtask generate`
//! writes it anew.

mod options;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use networks::network::{Ability, App, Asks, Cx, Registration};
use networks::wire::Dice;

/// Nothing is drawn for an address.
struct NoDice;

impl Dice for NoDice {
    fn fill(&self, _: &mut [u8]) {}
}

/// What each adapter was checked against besides its simulated twin, and what no source confirms: everything that the fact file of the
/// network marks so and that the product, or whoever runs it, leans on.
const CHECKED: &[(&str, &str, &str)] = &[
    (
        "linkedin",
        "",
        "revocation endpoint; whether the refresh token changes at a renewal; codes of a wrong secret, of unknown and of expired tokens; the error body for a restricted member; whether a changed password ends tokens; the code after other scopes were granted to the same app; what a disabled app answers",
    ),
    (
        "tiktok",
        "",
        "the code for a banned account; undocumented statuses of the token endpoint; the list of scopes in the callback; what a changed password does; what an app that is not live any more answers; comments of business accounts in the API for Business",
    ),
    (
        "pinterest",
        "the published OpenAPI description of API v5",
        "whether an old refresh token lives on after a renewal; the code of a dead refresh token; how a deactivated account and a removed app are refused; whether several pictures in a Pin are still taken; films for a business, whose upload takes no `ad_account_id`; the refusal of an ad account in which somebody has no role",
    ),
    (
        "xing",
        "RFC 5849's own examples; PyPI's oauthlib as server",
        "everything after the network discontinued its documentation, above all whether its API still answers; statuses of links, comments and deletions; the status of a disabled consumer; ids and lists of company and news pages; OAuth 2.0 for partners",
    ),
    (
        "x",
        "the published OpenAPI description of API v2",
        "whether the old access token dies at a renewal; the refresh token's six months; that a used refresh token ends the family; what a changed password and long disuse do; replies in one's own thread; delegated accounts; the price of revocation events",
    ),
    (
        "youtube",
        "Google's discovery document of the YouTube Data API v3",
        "which channel a login stands for where a person has several; how a lost role shows; whether a revocation always ends the whole grant; the words for a deleted account and a deleted client; names of security events beyond two; day counts of unverified apps",
    ),
    (
        "google_business",
        "Google's discovery documents of accounts and locations",
        "review fields and reply lengths; how posts to a suspended location are refused; limits of the older API for posts and reviews; locations of all accounts in one list",
    ),
    (
        "bluesky",
        "the real PDS 0.4 and 0.5 with a PLC directory: login, renewal, revocation, posts, replies and the twin held against its lexicons",
        "statuses, limits and habits of servers other than the reference one; how long the big servers keep our client's document",
    ),
    (
        "tumblr",
        "",
        "whether an old refresh token dies at a renewal; errors of the token endpoint; what a changed password, a suspension and a suspended app do; whether the list of blogs always names admins; rate-limit header names; where the clocks of its servers stand, with which a day of limits begins, and the name of the field that says so; length of a text block",
    ),
    ("mastodon", "the community's OpenAPI description of its API", "wording of the refusals that ask for a second factor"),
    (
        "facebook",
        "",
        "how many pictures a post takes; which role is left once the person's 60 days are over (that it is lost is seen, by each page's token); subcodes beyond the official table, also those of the token endpoint; length of a post; whether exchanging a long-lived token extends it; how calls are refused once data access is over (that it is over is known by debug_token); how long a version of the API lives; pages that only a business portfolio lists; addresses on this machine for newer apps",
    ),
    (
        "instagram",
        "",
        "limits of hashtags and mentions; layout of signed requests; whether an earlier token lives on after it was extended; spellings of account types; how testers are invited",
    ),
    (
        "instagram_page",
        "",
        "whether the token of a page does all that the reference describes for the person's; limits of hashtags and mentions",
    ),
    (
        "threads",
        "",
        "which profiles are private, whose logins end after 90 days; subcodes on these hosts; layout of signed requests; what a changed password does; five links a post",
    ),
    ("discord", "", "whether a webhook outlives its maker's consent, password or account; how events are signed; a thread's title; PKCE"),
    (
        "reddit",
        "",
        "length of texts; what a changed password does; how a suspended account is refused; further limits of new accounts; the server's source is an archive of 2017",
    ),
];

/// What the networks offer and is not used here, and why.
const NOT_USED: &[(&str, &str)] = &[
    (
        "LinkedIn",
        "a webhook subscription for what happens on a page disappears with the grant or the role. It is given to use cases that LinkedIn approved; the same is learned by introspection and by the list of roles, for every app.",
    ),
    (
        "X",
        "`oauth.revoke` also comes over a stream (`GET /2/activity/stream`), which needs no public address, and a connection of the app's own that is always open, at a price that no source confirms. It is taken by webhook; without one, the next renewal or look tells. The older Account Activity API tells it of three accounts only.",
    ),
    (
        "TikTok",
        "the API for Business, another product with other hosts, errors and apps of its own. Whether it lets business accounts comment is unconfirmed: sources disagree. Advertisers' logins are no profiles.",
    ),
    (
        "XING",
        "company and news pages: the calls that list them and publish there are known by their addresses alone; their ids and answers stand in no source since XING discontinued its documentation. OAuth 2.0 is for partners whom XING chooses, and undocumented; `kind = \"oauth2\"` can be tried.",
    ),
    (
        "Discord",
        "of its webhook events `APPLICATION_DEAUTHORIZED` alone, where `public_key` is set: how events are signed is unconfirmed, so they are checked as interactions are. Bots, which could read messages, are another kind of app.",
    ),
    (
        "Pinterest",
        "`user_account/businesses`, which lists linked businesses: an ad account is named (`ad_account_id`), since nothing there says which one somebody may act for.",
    ),
    ("Tumblr", "reblogs, and its older OAuth 1.0a."),
    (
        "LinkedIn",
        "`organizationAuthorizations` names permissions instead of roles. The list of roles says what can be connected, and a refused act is looked into at once.",
    ),
    ("X", "posts in which an account is mentioned: a paid read of its own. What is said under a post is read where the post is looked at."),
    ("Google", "`tokeninfo`, which Google calls a debugging aid: a token is proven by a renewal or by the call that it is for."),
];

fn ability(ability: Ability) -> &'static str {
    if ability.is_yes() { "yes" } else { "no" }
}

fn life(span: Option<Span>) -> String {
    match span.map(Span::as_seconds) {
        None => "-".into(),
        Some(seconds) if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
        Some(seconds) if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        Some(seconds) => format!("{} min", seconds / 60),
    }
}

fn renewal(model: RenewalModel) -> String {
    match model {
        RenewalModel::Rotating(reuse) => match reuse {
            lifecycle::facts::Reuse::RevokesFamily => "rotating, strict: reuse ends the family".into(),
            lifecycle::facts::Reuse::Refused => "rotating: reuse is refused".into(),
            lifecycle::facts::Reuse::Grace(span) => format!("rotating, {} of grace", life(Some(span))),
            lifecycle::facts::Reuse::UntilUsed => "rotating: the old one works until the new one is used".into(),
        },
        RenewalModel::Stable => "stable refresh token".into(),
        RenewalModel::Extending(after) => format!("extended from {} on", life(Some(after))),
        RenewalModel::ByPerson => "by the person alone".into(),
    }
}

/// Where a network's API begins, for calls that are passed through.
fn begins(network: &dyn networks::Network) -> Option<String> {
    let app = App {
        client_id: String::new(),
        client_secret: None,
        instance: "{instance}".into(),
        redirect_uri: String::new(),
        scopes: vec![],
        base_url: None,
        endpoints: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    let facts = Facts::unknown();
    let mut tokens = TokenSet::bearer(Secret::new(""), None, vec![]);
    tokens.notes.insert("pds".into(), "https://{server}".into());
    network.api(Cx { app: &app, facts: &facts, now: Timestamp::from_micros(0), dice: &NoDice }, &tokens)
}

/// Where each network is asked, and for which scopes.
fn addresses(text: &mut String) {
    text.push_str(
        "\n## Addresses and scopes\n\nWhat is asked where, and for which scopes, unless `networks.NAME.endpoints.KEY`, `base_url` and `scopes` say otherwise\n\
         ([own-network.md](own-network.md)). An empty address is one that a network has only where it is set.\n\n",
    );
    for network in networks::ALL {
        let about = network.about();
        let address = |endpoint: &networks::network::Endpoint| {
            if endpoint.url.is_empty() { format!("`{}` (empty)", endpoint.key) } else { format!("`{}` {}", endpoint.key, endpoint.url) }
        };
        let all: Vec<String> = about.endpoints.iter().map(address).collect();
        writeln!(text, "- **{}** {}", about.title, all.join(", ")).expect("text");
        if !about.scopes.is_empty() {
            writeln!(text, "  - scopes: `{}`", about.scopes.join(" ")).expect("text");
        }
        if let Some(api) = begins(*network) {
            writeln!(text, "  - calls that are passed through go on at {api}").expect("text");
        }
    }
}

fn document() -> String {
    let mut text = String::from(
        "# The networks\n\nWritten from the code by `cargo xtask generate`; a test fails when it is not up to date. Lives are what is assumed where a network's\n\
         answer does not say; each can be set under `[networks.NAME]`. A network that is not here is defined by configuration ([own-network.md](own-network.md)),\n\
         checked against npm's oidc-provider, a certified authorization server, and against the twins of TikTok, Threads and Pinterest described in words.\n\n\
         | network | connect | publish | comment | read comments | reply | access | refresh | person again | renewal | our app |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for network in networks::ALL {
        let (about, facts) = (network.about(), network.facts());
        let app = match (about.registration, about.asks) {
            (Registration::ByHand, _) => "registered by hand",
            (Registration::Metadata, _) => "our metadata address",
            (Registration::AtInstance, _) => "registers itself at each instance",
        };
        let asks = match about.asks {
            Asks::Nothing => "",
            Asks::Webhook => ", also by webhook",
            Asks::Handle => ", by handle",
            Asks::Instance => ", by instance",
        };
        let can = about.can;
        writeln!(
            text,
            "| {} (`{}`) | {}{asks} | {} | {} | {} | {} | {} | {} | {} | {} | {app} |",
            about.title,
            about.name,
            ability(can.connect),
            ability(can.publish),
            ability(can.comment),
            ability(can.read_comments),
            ability(can.reply),
            life(facts.access_life),
            life(facts.refresh_life),
            life(facts.manual_renewal_every),
            renewal(facts.renewal),
        )
        .expect("text");
    }
    text.push_str(
        "\n## Pictures and films of a post\n\nWhat does not fit is refused before anything is sent. What is sent with a post is held in memory: a request of ours may have 24 MiB\n\
         in Base64, which is 18 MiB of pictures and films together; longer films go by their address, where the network fetches them.\n\n",
    );
    for network in networks::ALL {
        if let Some(takes) = network.takes() {
            writeln!(text, "- {}", takes.words(network.about().title).en).expect("text");
        }
    }
    addresses(&mut text);
    text.push_str("\n## Wishes of an installation\n\nBeside the limits of texts and pictures, which can be set of every network ([own-network.md](own-network.md)).\n\n");
    for (option, words) in options::OPTIONS {
        writeln!(text, "- `networks.{option}`: {words}").expect("text");
    }
    text.push_str("\n## What was checked against what\n\nEvery adapter goes the whole way against its simulated twin (`crates/networks/tests/matrix`).\n\n| network | twin | beyond that | not confirmed by any source |\n| --- | --- | --- | --- |\n");
    for network in networks::ALL {
        let about = network.about();
        let (_, against, unconfirmed) = CHECKED
            .iter()
            .find(|(name, ..)| *name == about.name)
            .unwrap_or_else(|| panic!("say in crates/networks/tests/table/main.rs (CHECKED) what {} was checked against", about.name));
        let twin = if sandbox::World::has(about.name) { "yes" } else { "no" };
        let or = |text: &'static str| if text.is_empty() { "-" } else { text };
        writeln!(text, "| {} | {twin} | {} | {} |", about.title, or(against), or(unconfirmed)).expect("text");
    }
    text.push_str("\n## Known, and not used\n\n");
    for (title, why) in NOT_USED {
        writeln!(text, "- {title}: {why}").expect("text");
    }
    text.push_str("\n## What people are told before they connect\n");
    for network in networks::ALL {
        let about = network.about();
        writeln!(text, "\n**{}**", about.title).expect("text");
        for rule in about.rules {
            writeln!(text, "- {}", rule.en).expect("text");
        }
        let cannot = [about.can.publish, about.can.comment, about.can.read_comments, about.can.reply];
        let mut reasons: Vec<&str> =
            cannot.iter().filter_map(|ability| if let Ability::No { en, .. } = ability { Some(*en) } else { None }).collect();
        reasons.dedup();
        for reason in reasons {
            writeln!(text, "- Not possible: {reason}").expect("text");
        }
    }
    text
}

#[test]
fn the_page_about_the_sandbox_says_where_each_host_is_found() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md")).expect("docs/sandbox.md");
    for network in networks::ALL.iter().filter(|network| sandbox::World::has(network.about().name)) {
        let name = network.about().name;
        let row = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`/{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/sandbox.md has no row that ends in `/{name}`"));
        // Google's login is the same for both.
        let shared =
            if row.contains("as YouTube") { page.lines().find(|line| line.contains("`/youtube`")).unwrap_or_default() } else { "" };
        for endpoint in network.about().endpoints.iter().filter(|endpoint| !endpoint.url.is_empty() && !endpoint.url.contains("{instance}"))
        {
            let host = endpoint.url.split('/').nth(2).unwrap_or_default();
            assert!(row.contains(&format!("`{host}`")) || shared.contains(&format!("`{host}`")), "{name}: where is {host}?");
        }
    }
}

#[test]
fn the_table_of_networks_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/networks.md");
    let now = document();
    if std::env::var_os("STAYGREEN_GENERATE").is_some() {
        std::fs::write(path, &now).expect("docs/networks.md can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == now, "docs/networks.md is not up to date: run cargo xtask generate");
}
