//! Communities (subreddits) that the account has joined: in each it may post as itself, as far as it is let.

use http::Response;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use super::Reddit;
use crate::network::{Cx, Found, Kind, Words};
use crate::oauth;
use crate::wire::Wire;

/// The permission to list them; who connected before it was asked for has the account alone.
const SCOPE: &str = "mysubreddits";
/// The most pages of a hundred.
const PAGES_MAX: usize = 50;

/// What our id of a community is made of: the account that posts, and the community. Two accounts in the same one are two profiles, as each
/// posts under its own name.
fn id(account: &str, community: &str) -> String {
    format!("{account}/{community}")
}

/// All of them, or none: a part of the list would look like communities that were left.
pub(super) async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, account: &str) -> Result<Vec<Found>, Diagnosis> {
    if !tokens.scopes.iter().any(|scope| scope == SCOPE) {
        return Ok(vec![]);
    }
    let mut found = vec![];
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let asked = [("limit", "100"), ("raw_json", "1"), ("after", &after)];
        let asked: Vec<_> = asked.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let request = Reddit::get(&cx, &oauth::with_query("/subreddits/mine/subscriber", &asked), tokens);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let page = page(&answer).ok_or_else(|| Reddit::diagnose(&cx, Source::Discovery, &answer))?;
        let children = page.get("children").and_then(Value::as_array).into_iter().flatten();
        found.extend(children.filter_map(|child| one(account, child)));
        match oauth::text(&page, "after") {
            Some(next) => next.clone_into(&mut after),
            None => return Ok(found),
        }
    }
    let seen = Evidence::new(cx.now, Source::Discovery, Some(200), None, "the list of communities does not end");
    Err(Diagnosis::transient(seen, None))
}

fn page(answer: &Response<bytes::Bytes>) -> Option<Value> {
    let json: Value = serde_json::from_slice(answer.body()).ok().filter(|_| answer.status().is_success())?;
    json.get("data").filter(|data| data.get("children").is_some_and(Value::is_array)).cloned()
}

/// Profile pages are communities too: one's own is the account, and on those of others nobody else posts.
fn one(account: &str, child: &Value) -> Option<Found> {
    let data = child.get("data").filter(|_| oauth::text(child, "kind") == Some("t5"))?;
    let (community, name) = (oauth::text(data, "name")?, oauth::text(data, "display_name")?);
    if name.starts_with("u_") || oauth::text(data, "subreddit_type") == Some("user") {
        return None;
    }
    let is = |field: &str| data.get(field) == Some(&Value::Bool(true));
    Some(Found {
        network_id: id(account, community),
        kind: Kind::Community,
        name: format!("r/{name}"),
        handle: Some(name.to_owned()),
        avatar: oauth::text(data, "icon_img").map(str::to_owned),
        role: if is("user_is_moderator") { "moderator" } else { "subscriber" }.into(),
        parent: Some(account.to_owned()),
        unusable: why_not(data, &is),
    })
}

fn why_not(data: &Value, is: &impl Fn(&str) -> bool) -> Option<Words> {
    if is("user_is_banned") {
        return Some(Words::new(
            "The moderators of this community have banned the account.",
            "Die Moderatoren dieser Community haben das Konto gesperrt.",
        ));
    }
    let closed = matches!(oauth::text(data, "subreddit_type"), Some("private" | "restricted" | "gold_restricted" | "archived"));
    (closed && !is("user_is_contributor") && !is("user_is_moderator")).then(|| {
        Words::new(
            "Only approved users may post in this community. Its moderators approve them.",
            "In dieser Community dürfen nur freigegebene Nutzer schreiben. Freigeben können ihre Moderatoren.",
        )
    })
}
