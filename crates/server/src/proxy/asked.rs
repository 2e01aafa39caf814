//! What a call must not say beside its method and path, which are what is decided about: who calls, and another method.

use axum::http::Method;

/// Names of what says who calls; it is put onto the call here, and only here.
const CREDENTIALS: [&str; 5] = ["access_token", "client_secret", "oauth_consumer_key", "oauth_signature", "oauth_token"];

/// Names under which servers take another method than the one of the request: Meta's Graph API does (`method`), and what is made with
/// Rails, Symfony or Laravel (`_method`).
const METHODS: [&str; 5] = ["_method", "http_method", "httpmethod", "method", "x_http_method_override"];

/// Why a query, or the form in a body, is not passed on; `None` where it is. Whoever may read must not write by a word in the query.
pub(super) fn why_not(form: &[u8], method: &Method) -> Option<&'static str> {
    url::form_urlencoded::parse(form).find_map(|(name, value)| {
        let name = plain(&name);
        if CREDENTIALS.contains(&name.as_str()) {
            return Some("the query or form names a credential; it is put onto the call here, and only here");
        }
        let other = METHODS.contains(&name.as_str()) && is_method(&value) && !value.trim().eq_ignore_ascii_case(method.as_str());
        other.then_some("the query or form names another method than the call has; what is decided about is what goes out")
    })
}

/// A name as lenient servers read it: PHP leaves out white space before it and what follows a bracket or a zero, and takes some signs for
/// underscores.
fn plain(name: &str) -> String {
    let name = name.trim().split(['[', '\0']).next().unwrap_or_default();
    name.replace(['.', ' ', '-'], "_").to_ascii_lowercase()
}

fn is_method(value: &str) -> bool {
    let known = [Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS, Method::PATCH, Method::POST, Method::PUT];
    known.iter().any(|method| value.trim().eq_ignore_ascii_case(method.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_another_credential_nor_another_method_goes_out() {
        for query in [
            "access_token=x",
            "a=b&%61ccess_token=x",
            "Access_Token=x",
            "%20access_token=x",
            "access_token[]=x",
            "access_token%00=x",
            "oauth.token=x",
            "method=delete",
            "method=POST",
            "fields=id&METHOD=Delete",
            "_method=put",
            "method=%20delete%20",
            "method%5B%5D=delete",
            "X-HTTP-Method-Override=DELETE",
        ] {
            assert!(why_not(query.as_bytes(), &Method::GET).is_some(), "{query}");
        }
        for query in ["", "method=get", "method=newest", "fields=access_token", "accounting_method=post", "order=delete", "token=x"] {
            assert_eq!(why_not(query.as_bytes(), &Method::GET), None, "{query}");
        }
    }
}
