//! Who lives in the seeded world: the people around the company "Fernweh Outdoor". Every password is `sandbox`.

/// A login at a network.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) network: &'static str,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) password: String,
    pub(crate) blocked: bool,
    /// Ad accounts (TikTok), by name.
    pub(crate) ad_accounts: Vec<&'static str>,
    /// A business account (Pinterest).
    pub(crate) business: bool,
}

/// A company page with the roles held on it.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) vanity: &'static str,
    /// (username, role, state)
    pub(crate) roles: Vec<(String, String, &'static str)>,
}

/// A board.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) collaborators: Vec<&'static str>,
    pub(crate) secret: bool,
    pub(crate) deleted: bool,
}

fn person(network: &'static str, username: &str, name: &str, id: &str) -> Person {
    Person {
        network,
        username: username.into(),
        name: name.into(),
        id: id.into(),
        password: "sandbox".into(),
        blocked: false,
        ad_accounts: vec![],
        business: false,
    }
}

pub(crate) fn people() -> Vec<Person> {
    vec![
        person("linkedin", "jana.lindner", "Jana Lindner", "8aB3xYj0Qk"),
        person("linkedin", "tom.becker", "Tom Becker", "Zp4T91mLwe"),
        person("linkedin", "lea.hoffmann", "Lea Hoffmann", "k2QmV77nRs"),
        Person {
            ad_accounts: vec!["Fernweh Ads EU"],
            ..person("tiktok", "fernweh.outdoor", "Fernweh Outdoor", "723f24d7-e717-40f8-a2b6-cb8464cd23b4")
        },
        person("tiktok", "gipfel.guides", "Gipfel Guides", "0b5f0c0e-93a1-4f0d-8a55-3f1c6d6f7a11"),
        Person { business: true, ..person("pinterest", "fernwehoutdoor", "Fernweh Outdoor", "824158804234123301") },
        person("pinterest", "gipfelguides", "Gipfel Guides", "824158804234123302"),
        person("xing", "jana.lindner", "Jana Lindner", "23874563_a91c0e"),
        person("xing", "karl.voss", "Karl Voss", "11873201_7be24d"),
    ]
}

/// The roles there are on a page.
pub(crate) const ROLES: [&str; 8] = [
    "ADMINISTRATOR",
    "CONTENT_ADMINISTRATOR",
    "DIRECT_SPONSORED_CONTENT_POSTER",
    "RECRUITING_POSTER",
    "CURATOR",
    "ANALYST",
    "LEAD_CAPTURE_ADMINISTRATOR",
    "LEAD_GEN_FORMS_MANAGER",
];

pub(crate) fn pages() -> Vec<Page> {
    let role = |username: &str, role: &str, state| (username.to_owned(), role.to_owned(), state);
    vec![
        Page {
            id: 1001,
            name: "Fernweh Outdoor",
            vanity: "fernweh-outdoor",
            roles: vec![role("jana.lindner", "ADMINISTRATOR", "APPROVED"), role("tom.becker", "ADMINISTRATOR", "APPROVED")],
        },
        Page {
            id: 1002,
            name: "Fernweh Travel",
            vanity: "fernweh-travel",
            roles: vec![role("jana.lindner", "ADMINISTRATOR", "APPROVED"), role("tom.becker", "ADMINISTRATOR", "REQUESTED")],
        },
        Page {
            id: 1003,
            name: "Alpine Rescue Foundation",
            vanity: "alpine-rescue",
            roles: vec![role("jana.lindner", "ANALYST", "APPROVED")],
        },
        Page {
            id: 1004,
            name: "Trail Magazine",
            vanity: "trail-magazine",
            roles: vec![role("jana.lindner", "CONTENT_ADMINISTRATOR", "APPROVED")],
        },
    ]
}

pub(crate) fn boards() -> Vec<Board> {
    let board = |id, name, owner, secret| Board { id, name, owner, collaborators: vec![], secret, deleted: false };
    let ours = "fernwehoutdoor";
    vec![
        board(5001, "Hiking huts", ours, false),
        board(5002, "Packing lists", ours, false),
        board(5003, "Trail food", ours, false),
        board(5004, "Camp kitchens", ours, true),
        board(5005, "Summer routes 2026", ours, false),
        board(5006, "Guides", "gipfelguides", false),
        Board { collaborators: vec![ours], ..board(5007, "Alps together", "gipfelguides", false) },
    ]
}
