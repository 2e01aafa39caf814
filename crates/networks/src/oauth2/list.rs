//! Who a token leads to at a network of the configuration, and as what they may act.

use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::words::Source;
use serde_json::Value;

use super::calls::option;
use super::{OAuth2, answers, calls};
use crate::network::{Cx, Discovery, Found, Kind, PersonSeen, Words};
use crate::oauth;
use crate::wire::Wire;

/// The most pages of a list that are followed.
const PAGES_MAX: usize = 20;

async fn ask(cx: &Cx<'_>, wire: &dyn Wire, url: &str, tokens: &TokenSet) -> Result<Value, Diagnosis> {
    let request = calls::as_holder(cx, url, &tokens.access_token);
    let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
    // A list may be longer than a token answer, and be one without an object around it; the wire bounds it.
    let json: Option<Value> = serde_json::from_slice(answer.body()).ok().filter(|json: &Value| json.is_object() || json.is_array());
    let refused = || answers::diagnose(cx, Source::Discovery, &answer);
    let json = json.filter(|_| answer.status().is_success()).ok_or_else(refused)?;
    let seen = oauth::evidence(cx.now, Source::Discovery, &answer, Some(&answers::code_of(cx, &json)), "an error with a good status");
    // Some networks say what is wrong with a good status.
    answers::by_table(cx, &json, &seen).map_or(Ok(json), Err)
}

/// One row of the list of profiles; `None` where it cannot be read.
fn found(cx: &Cx<'_>, row: &Value) -> Option<Found> {
    let text = |name: &str, usual: &'static str| answers::text_at(row, option(cx, name, usual));
    let id = text("profile_id", "id")?;
    let role = text("profile_role", "role").unwrap_or_default();
    let needed = cx.app.options.get("profile_roles");
    let fits = needed.is_none_or(|needed| needed.split(',').any(|known| known.trim() == role));
    let unusable = (!fits).then(|| {
        let needed = needed.map_or("", String::as_str);
        Words::new(
            format!("This profile needs one of the roles {needed}; yours is {role}."),
            format!("Dieses Profil braucht eine der Rollen {needed}; Ihre ist {role}."),
        )
    });
    Some(Found {
        name: text("profile_name", "name").unwrap_or_else(|| id.clone()),
        network_id: id,
        kind: Kind::Page,
        handle: text("profile_handle", "handle"),
        avatar: None,
        role,
        parent: None,
        unusable,
    })
}

/// The address of the next page. The token is shown to no other server than that of the list.
fn next(cx: &Cx<'_>, list: &str, page: &Value) -> Result<Option<String>, Diagnosis> {
    let Some(pointer) = cx.app.options.get("profiles_next") else { return Ok(None) };
    let Some(next) = answers::text_at(page, pointer) else { return Ok(None) };
    let origin = |address: &str| url::Url::parse(address).ok().map(|url| url.origin());
    let joined = url::Url::parse(list).and_then(|list| list.join(&next)).ok().map(String::from);
    let joined = joined.filter(|address| origin(address) == origin(list));
    joined.map(Some).ok_or_else(|| oauth::incomplete(cx.now, "a list whose next page is at another server"))
}

/// Every page of the list: it is complete or it is none.
async fn profiles(cx: &Cx<'_>, wire: &dyn Wire, list: &str, tokens: &TokenSet) -> Result<Vec<Found>, Diagnosis> {
    let (mut all, mut address) = (vec![], Some(list.to_owned()));
    for _ in 0..PAGES_MAX {
        let Some(asked) = address.take() else { break };
        let page = ask(cx, wire, &asked, tokens).await?;
        let rows = answers::at(&page, option(cx, "profiles_at", "")).and_then(Value::as_array);
        for row in rows.ok_or_else(|| oauth::incomplete(cx.now, "no list of profiles where profiles_at leads"))? {
            all.push(found(cx, row).ok_or_else(|| oauth::incomplete(cx.now, "a profile without what profile_id leads to"))?);
        }
        address = next(cx, list, &page)?;
    }
    if address.is_some() {
        return Err(oauth::incomplete(cx.now, "the list of profiles has more pages than are followed"));
    }
    Ok(all)
}

pub(super) async fn discover(network: &OAuth2, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let json = ask(&cx, wire, &network.url(&cx, "userinfo"), tokens).await?;
    let field = |name: &str, usual: &'static str| answers::text_at(&json, option(&cx, name, usual));
    let id =
        field("id", "sub").ok_or_else(|| oauth::incomplete(cx.now, "the document about the person has no id where it should stand"))?;
    let (name, handle) = (field("name", "name").unwrap_or_else(|| id.clone()), field("handle", "preferred_username"));
    let mut all = vec![Found {
        network_id: id.clone(),
        kind: Kind::Account,
        name: name.clone(),
        handle: handle.clone(),
        avatar: field("picture", "picture"),
        role: "owner".into(),
        parent: None,
        unusable: None,
    }];
    if let Some(list) = cx.endpoint(network.about, "profiles") {
        all.extend(profiles(&cx, wire, &list, tokens).await?);
    }
    Ok(Discovery { person: PersonSeen { network_id: id, name, handle, across_apps: None }, profiles: all, all_come_along: false })
}
