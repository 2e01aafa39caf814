//! What other tools call the networks, for whoever comes from there.

/// A tool from which token sets can be brought along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Nango: providers of its API.
    Nango,
    /// Postiz: `Integration.providerIdentifier`.
    Postiz,
    /// Mixpost: `mixpost_accounts.provider`.
    Mixpost,
}

const NANGO: &[(&str, &str)] = &[
    ("linkedin", "linkedin"),
    ("tiktok-accounts", "tiktok"),
    ("tiktok-personal", "tiktok"),
    ("pinterest", "pinterest"),
    ("twitter-v2", "x"),
    ("youtube", "youtube"),
    ("tumblr", "tumblr"),
    ("facebook", "facebook"),
    ("instagram", "instagram"),
    ("threads", "threads"),
    ("reddit", "reddit"),
];

const POSTIZ: &[(&str, &str)] = &[
    ("linkedin", "linkedin"),
    ("linkedin-page", "linkedin"),
    ("tiktok", "tiktok"),
    ("pinterest", "pinterest"),
    ("x", "x"),
    ("youtube", "youtube"),
    ("gmb", "google_business"),
    ("facebook", "facebook"),
    ("instagram", "instagram_page"),
    ("instagram-standalone", "instagram"),
    ("threads", "threads"),
    ("reddit", "reddit"),
    ("mastodon", "mastodon"),
];

const MIXPOST: &[(&str, &str)] = &[
    ("twitter", "x"),
    ("facebook_page", "facebook"),
    ("instagram", "instagram_page"),
    ("mastodon", "mastodon"),
    ("linkedin", "linkedin"),
    ("linkedin_page", "linkedin"),
    ("tiktok", "tiktok"),
    ("pinterest", "pinterest"),
    ("youtube", "youtube"),
    ("threads", "threads"),
];

/// Our name of a network that a tool calls so; `None`: nothing of it can be brought along.
pub fn network_of(tool: Tool, name: &str) -> Option<&'static str> {
    let table = match tool {
        Tool::Nango => NANGO,
        Tool::Postiz => POSTIZ,
        Tool::Mixpost => MIXPOST,
    };
    table.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::{MIXPOST, NANGO, POSTIZ};

    #[test]
    fn every_name_leads_to_a_network_of_ours() {
        for (theirs, ours) in [NANGO, POSTIZ, MIXPOST].concat() {
            assert!(crate::find(ours).is_some(), "{theirs}");
        }
    }
}
