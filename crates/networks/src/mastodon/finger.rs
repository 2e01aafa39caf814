//! Which server somebody means: an account is called by a domain, and may live on a server of another name (`@me@example.org` on
//! `social.example.org`). The domain says which (WebFinger, RFC 7033).

use bytes::Bytes;
use http::Request;
use http::header::LOCATION;
use serde_json::Value;
use url::Url;

use super::{ABOUT, host};
use crate::network::Cx;
use crate::oauth;
use crate::wire::Wire;

/// How often a domain may send us on: to the server itself, or to `www` before.
const HOPS: usize = 3;

/// Name and domain of what was typed as a handle; `None` where a server was typed.
pub(super) fn handle(typed: &str) -> Option<(&str, &str)> {
    let typed = typed.trim();
    let (name, domain) = typed.strip_prefix('@').unwrap_or(typed).split_once('@')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    (is_name && !domain.contains(['@', '/'])).then_some((name, domain))
}

/// The server of a handle, as its domain says. `None` where it says nothing: then the domain is taken for the server.
pub(super) async fn server_of(cx: Cx<'_>, wire: &dyn Wire, typed: &str) -> Option<String> {
    let (name, _) = handle(typed)?;
    let resource = format!("acct:{name}@{}", cx.app.instance);
    let mut url = oauth::with_query(&cx.endpoint(&ABOUT, "webfinger")?, &[("resource", &resource)]);
    for _ in 0..HOPS {
        let request = Request::get(&url).header("accept", "application/jrd+json, application/json").body(Bytes::new()).ok()?;
        let answer = wire.send(request).await.ok()?;
        if answer.status().is_redirection() {
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok())?;
            let next = Url::parse(&url).ok()?.join(to).ok()?;
            // The first answer came over https, and so does the last.
            if next.scheme() != Url::parse(&url).ok()?.scheme() {
                return None;
            }
            url = next.into();
            continue;
        }
        return oauth::json(&answer).filter(|_| answer.status().is_success()).and_then(|said| own_server(&said));
    }
    None
}

/// The server of the account's own address.
fn own_server(said: &Value) -> Option<String> {
    let is_own = |link: &&Value| {
        let kind = oauth::text(link, "type").unwrap_or_default();
        oauth::text(link, "rel") == Some("self") && (kind == "application/activity+json" || kind.starts_with("application/ld+json"))
    };
    let address = said.get("links")?.as_array()?.iter().find(is_own).and_then(|link| oauth::text(link, "href"))?;
    let url = Url::parse(address).ok().filter(|url| url.scheme() == "https")?;
    host(&format!("https://{}{}", url.host_str()?, url.port().map(|port| format!(":{port}")).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn handles_are_told_from_servers() {
        for typed in ["@me@example.org", " me@example.org "] {
            assert_eq!(handle(typed), Some(("me", "example.org")));
        }
        for server in ["example.org", "https://example.org/@me", "@me", "me@x@y", "https://me@example.org", ""] {
            assert_eq!(handle(server), None, "{server}");
        }
    }

    #[test]
    fn only_the_account_s_own_address_says_where_it_lives() {
        let link = |rel: &str, kind: &str, href: &str| json!({ "links": [{ "rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": "https://pages.example/me" }, { "rel": rel, "type": kind, "href": href }] });
        let said = |rel, kind, href| own_server(&link(rel, kind, href));
        let kind = "application/activity+json";
        assert_eq!(said("self", kind, "https://social.example.org/users/me").as_deref(), Some("social.example.org"));
        assert_eq!(said("self", kind, "https://social.example.org:8443/users/me").as_deref(), Some("social.example.org:8443"));
        assert_eq!(said("self", "text/html", "https://social.example.org/users/me"), None);
        assert_eq!(said("alternate", kind, "https://social.example.org/users/me"), None);
        for nowhere in ["http://social.example.org/users/me", "https://10.0.0.1/users/me", "https://[::1]/me", "javascript:alert(1)", "me"]
        {
            assert_eq!(said("self", kind, nowhere), None, "{nowhere}");
        }
        assert_eq!(own_server(&json!({ "links": "none" })), None);
    }
}
