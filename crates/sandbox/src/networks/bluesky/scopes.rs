//! What a session may do: the broad transitional scopes, and the granular ones of the permission specification.

use super::SCOPES;

/// What a call needs.
#[derive(Clone, Copy)]
pub(super) enum Need<'a> {
    /// Any session at all.
    Any,
    /// A change of a collection of the account's repository: `create` or `delete`.
    Repo(&'static str, &'a str),
    /// A file of that type.
    Blob(&'a str),
}

/// A set of permissions that is published under a name, and what it lets be done: posts and what belongs to them, no deletions.
const CREATE_POSTS: &str = "include:app.bsky.authCreatePosts";
const OF_CREATE_POSTS: [&str; 3] = ["app.bsky.feed.post", "app.bsky.feed.postgate", "app.bsky.feed.threadgate"];

/// Whether there is such a scope. Granular ones are open-ended; of published sets this server knows one.
pub(super) fn is_known(scope: &str) -> bool {
    let granular =
        ["repo:", "blob:", "rpc:", "account:", "identity:"].iter().any(|kind| scope.len() > kind.len() && scope.starts_with(kind));
    SCOPES.contains(&scope) || granular || scope == CREATE_POSTS
}

/// Name and parameters of a scope such as `repo:app.bsky.feed.post?action=create`.
fn parts(scope: &str) -> Option<(&str, &str, Vec<String>)> {
    let (kind, rest) = scope.split_once(':')?;
    let (what, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    Some((kind, what, pairs.filter(|(name, _)| name == "action").map(|(_, value)| value.into_owned()).collect()))
}

fn allows(scope: &str, need: Need<'_>) -> bool {
    match need {
        Need::Any => true,
        _ if scope == "transition:generic" => true,
        Need::Repo(action, collection) => {
            let is_of_set = scope == CREATE_POSTS && action == "create" && OF_CREATE_POSTS.contains(&collection);
            is_of_set
                || parts(scope).is_some_and(|(kind, of, actions)| {
                    kind == "repo" && (of == "*" || of == collection) && (actions.is_empty() || actions.iter().any(|known| known == action))
                })
        }
        Need::Blob(kind) => parts(scope).is_some_and(|(name, of, _)| {
            let broad = of.strip_suffix('*').filter(|broad| broad.ends_with('/'));
            name == "blob" && (of == "*/*" || of == kind || broad.is_some_and(|broad| kind.starts_with(broad)))
        }),
    }
}

/// What is missing from these scopes; `None` where nothing is.
pub(super) fn missing(held: &[String], need: Need<'_>) -> Option<String> {
    if held.iter().any(|scope| allows(scope, need)) {
        return None;
    }
    match need {
        Need::Any => None,
        Need::Repo(action, collection) => Some(format!("repo:{collection}?action={action}")),
        Need::Blob(kind) => Some(format!("blob:{kind}")),
    }
}
