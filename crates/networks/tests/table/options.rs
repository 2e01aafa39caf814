//! What an installation can wish for or correct at a network (`networks.NAME.options.KEY`), beside the limits that all have.

/// Option and what it does.
pub(crate) const OPTIONS: &[(&str, &str)] = &[
    ("linkedin.options.version", "the month of the API's version, as in `202611`: the header `LinkedIn-Version`."),
    (
        "linkedin.options.version_ends",
        "the day on which LinkedIn switches that version off, as in `2027-11-15`, where it is not a year after.",
    ),
    ("tiktok.options.client_type", "`desktop` or `web`: what kind of app is registered, where the redirect address does not tell."),
    (
        "tiktok.options.privacy_level",
        "who sees what is published, in TikTok's words; everybody where nothing is set and the account allows it.",
    ),
    (
        "pinterest.options.sections = \"yes\"",
        "the sections of each board come along as places for Pins. Every look then asks once more for each board: an app on trial has 1,000 calls a day.",
    ),
    (
        "pinterest.options.ad_account_id",
        "whoever logs in acts for the owner of that ad account (business access), with its account and boards instead of their own. Who has no role there is told so.",
    ),
    ("xing.options.callback = \"oob\"", "people type the number that XING shows them, where it does not lead back to this installation."),
    ("bluesky.options.client_name", "by what name people are asked to let us in; likewise `mastodon.options.client_name`."),
    ("bluesky.options.logo_uri", "a picture of ours on that page; likewise `tos_uri` and `policy_uri`."),
    ("bluesky.options.allow_http_loopback = true", "account servers on this machine may be spoken to without TLS, for trying out."),
    ("x.options.client_type = \"public\"", "the app is a native one without a secret."),
    (
        "x.options.max_weight",
        "the longest post, in X's weights; 280 where nothing is set, 25,000 for paying accounts. `text_max` is the same.",
    ),
    ("x.options.fields = \"tweet\"", "replies are read by the names of X's guides, not by those of its description of 2026."),
    ("x.options.spent_token_words", "the words by which X refuses a used refresh token, should it change them."),
    ("x.options.app_id", "the number of our app: notices about another one are refused."),
    ("x.options.webhook_secret", "what X signs its notices with, where that is not the client secret."),
    (
        "youtube.options.publishing_status = \"testing\"",
        "the app is in Google's status Testing: refresh tokens end after seven days; likewise `google_business`.",
    ),
    ("youtube.options.prompt", "what Google shows at login, such as `consent select_account`; likewise `google_business`."),
    (
        "youtube.options.include_granted_scopes = true",
        "what one person allowed YouTube and Business Profile becomes one grant, which also ends as one; likewise `google_business`.",
    ),
    (
        "youtube.options.idle_days",
        "after how many days an unused refresh token ends; 183 where nothing is set. Likewise `google_business`.",
    ),
    ("youtube.options.risc_issuer", "whose security events are taken, where it is not Google itself; likewise `google_business`."),
    ("youtube.options.privacy", "who sees a film: `public`, `unlisted` or `private`."),
    ("youtube.options.category", "the number of a film's category; 22 (People and blogs) where nothing is set."),
    ("youtube.options.made_for_kids = true", "films are declared as made for children."),
    ("google_business.options.language", "the language of posts, as in `de`; `en` where nothing is set."),
    (
        "google_business.options.action",
        "the button beside a link: `LEARN_MORE` where nothing is set, or `BOOK`, `ORDER`, `SHOP`, `SIGN_UP`.",
    ),
    (
        "tumblr.options.day_begins",
        "the hour of UTC at which Tumblr's day of limits begins (0 to 23), for when Tumblr itself does not say it; 0 where nothing is set.",
    ),
    ("mastodon.options.visibility", "who sees posts: `public`, `unlisted` or `private`."),
    (
        "facebook.options.config_id",
        "the configuration of Facebook Login for Business, which names the permissions instead of us; likewise `instagram_page`.",
    ),
    ("facebook.options.verify_token", "the word by which Meta's webhooks are set up; likewise both Instagrams and Threads."),
    ("reddit.options.username", "the Reddit account that answers for the app: part of the name that we go by, and needed."),
    ("reddit.options.user_agent", "the whole name that we go by instead; likewise `discord.options.user_agent`."),
    ("reddit.options.\"flair.NAME\"", "the flair of posts in r/NAME."),
    ("discord.options.public_key", "the key that Discord signs its notices with, in hexadecimal digits, from the app's page."),
];

/// Whatever an adapter reads of its options is told, here or among the limits that all have.
#[test]
fn every_option_that_is_read_is_told() {
    let own_network = include_str!("../../../../docs/own-network.md");
    let told = |key: &str| {
        let is_here =
            OPTIONS.iter().any(|(name, words)| name.split([' ', '.']).any(|part| part == key) || words.contains(&format!("`{key}`")));
        is_here || own_network.contains(&format!("`{key}`")) || own_network.contains(&format!("`options.{key}`"))
    };
    let mut seen = 0;
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            // What networks that are described have, stands in their own table.
            if entry.is_dir() && !entry.ends_with("oauth2") {
                folders.push(entry);
                continue;
            }
            if entry.extension().is_none_or(|end| end != "rs") || entry.ends_with("oauth2.rs") {
                continue;
            }
            let source = std::fs::read_to_string(&entry).expect("a source");
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for begins in ["options.get(\"", "options.contains_key(\"", "limit(\"", "limit_set(options, \"", "limit_set(&app.options, \""] {
                for key in source.split(begins).skip(1).filter_map(|rest| rest.split('"').next()) {
                    seen += 1;
                    assert!(told(key), "{}: options.{key} is told nowhere: add it to {}", entry.display(), file!());
                }
            }
        }
    }
    assert!(seen > 60, "only {seen}");
}
