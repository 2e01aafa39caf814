//! What lives in the seeded world, around the company "Fernweh Outdoor". Every password is `sandbox`. Who it is at each
//! network stands in the network's own file.

use serde::Serialize;

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

/// A page with the roles held on it.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) network: &'static str,
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) vanity: &'static str,
    /// (username, role, state)
    pub(crate) roles: Vec<(String, String, &'static str)>,
}

/// A page on which these people hold these roles, by user name.
pub(crate) fn page(network: &'static str, id: u64, name: &'static str, vanity: &'static str, roles: &[(&str, &str)]) -> Page {
    let roles = roles.iter().map(|(username, role)| ((*username).to_owned(), (*role).to_owned(), "APPROVED")).collect();
    Page { network, id, name, vanity, roles }
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
    /// Its sections: number and name.
    pub(crate) sections: &'static [(u64, &'static str)],
}

/// Somebody with nothing special about them.
pub(crate) fn person(network: &'static str, username: &str, name: &str, id: &str) -> Person {
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

pub(crate) fn boards() -> Vec<Board> {
    let board = |id, name, owner, secret| Board { id, name, owner, collaborators: vec![], secret, deleted: false, sections: &[] };
    let ours = "fernwehoutdoor";
    vec![
        Board { sections: &[(6001, "Allg\u{e4}u"), (6002, "Dolomites")], ..board(5001, "Hiking huts", ours, false) },
        board(5002, "Packing lists", ours, false),
        board(5003, "Trail food", ours, false),
        board(5004, "Camp kitchens", ours, true),
        board(5005, "Summer routes 2026", ours, false),
        board(5006, "Guides", "gipfelguides", false),
        Board { collaborators: vec![ours], ..board(5007, "Alps together", "gipfelguides", false) },
    ]
}

/// What was published.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Post {
    pub(crate) network: &'static str,
    /// Its id there, as the network's API writes it.
    pub(crate) id: String,
    /// The network id of the profile it stands under.
    pub(crate) profile: String,
    /// Who sent it.
    pub(crate) username: String,
    pub(crate) text: String,
    pub(crate) link: String,
    /// Addresses or ids of what was sent with it.
    pub(crate) media: Vec<String>,
    /// In µs since 1970.
    pub(crate) at: i64,
}

/// What was said under a post.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comment {
    pub(crate) network: &'static str,
    pub(crate) id: String,
    /// The id of the post.
    pub(crate) post: String,
    /// The id of the comment that it answers; empty where it answers the post.
    pub(crate) in_reply_to: String,
    /// The name of who said it.
    pub(crate) author: String,
    pub(crate) text: String,
    /// In µs since 1970.
    pub(crate) at: i64,
}

/// What is prepared and not yet published (Instagram, Threads).
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) text: String,
    pub(crate) link: String,
    /// Addresses of what goes with it.
    pub(crate) media: Vec<String>,
    /// What it answers.
    pub(crate) to: String,
    /// Whose it is: the id of the account.
    pub(crate) own: String,
    /// Whether it can only be part of another one.
    pub(crate) is_item: bool,
    /// When it was made, and how long it is worked on, in µs.
    pub(crate) made: i64,
    pub(crate) works: i64,
    pub(crate) is_published: bool,
}
