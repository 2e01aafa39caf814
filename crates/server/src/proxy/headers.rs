//! Which headers go through, in each direction (NT-11, NT-13).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::redact::Redactor;

/// Between two hops only (RFC 9110 7.6.1), about the way a request took, or about who sends it: never passed on. Compared with
/// hyphens for underscores, as servers with CGI habits do.
const NOT_SENT: [&str; 24] = [
    "accept-encoding",
    "authorization",
    "connection",
    "cookie",
    "cookie2",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "origin",
    "referer",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
];
const NOT_SENT_BEGINNINGS: [&str; 4] = ["proxy-", "sec-", "x-forwarded", "x-original"];

/// Never passed back: what would act on our own origin or connection.
const NOT_RETURNED: [&str; 17] = [
    "alt-svc",
    "clear-site-data",
    "connection",
    "content-length",
    "content-security-policy",
    "content-security-policy-report-only",
    "keep-alive",
    "proxy-authenticate",
    "public-key-pins",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];
const NOT_RETURNED_BEGINNINGS: [&str; 4] = ["access-control-", "cross-origin-", "proxy-", "dpop"];

/// What `Connection` names belongs to this hop only.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn passes(name: &HeaderName, dropped: &[&str], beginnings: &[&str], named: &[String]) -> bool {
    let plain = name.as_str().replace('_', "-");
    !dropped.contains(&plain.as_str()) && !beginnings.iter().any(|begins| plain.starts_with(begins)) && !named.contains(&plain)
}

/// The headers of a request that go on to the network. A length goes on too: the body does as it is.
pub(super) fn sent(from: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(from);
    let mut headers: HeaderMap = from
        .iter()
        .filter(|(name, _)| passes(name, &NOT_SENT, &NOT_SENT_BEGINNINGS, &named))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // What comes back is looked through for echoes of the credential; that needs plain text.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// The headers of an answer that go back.
pub(super) fn returned(from: &HeaderMap, redactor: &Redactor) -> HeaderMap {
    let named = named_by_connection(from);
    from.iter()
        .filter(|(name, _)| passes(name, &NOT_RETURNED, &NOT_RETURNED_BEGINNINGS, &named))
        .filter_map(|(name, value)| Some((name.clone(), redactor.header(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn nt_11_what_speaks_for_somebody_does_not_go_through() {
        let from = headers(&[
            ("authorization", "Bearer sg_x"),
            ("cookie", "a=b"),
            ("dpop", "x"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x_forwarded_host", "evil"),
            ("x-real-ip", "1.2.3.4"),
            ("proxy-authorization", "x"),
            ("connection", "close, X-Secret"),
            ("x-secret", "s"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("host", "evil"),
            ("x-http-method-override", "DELETE"),
            ("content-type", "application/json"),
            ("x-api-version", "202501"),
            ("idempotency-key", "k"),
        ]);
        let went = sent(&from);
        let mut names: Vec<&str> = went.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-encoding", "content-type", "idempotency-key", "x-api-version"]);
    }

    #[test]
    fn nt_13_what_would_act_on_our_origin_does_not_come_back() {
        let from = headers(&[
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "default-src *"),
            ("www-authenticate", "Bearer"),
            ("dpop-nonce", "n"),
            ("content-type", "text/plain"),
            ("x-echo", "Bearer canary-token"),
            ("x-ratelimit-remaining", "7"),
            ("retry-after", "3"),
        ]);
        let back = returned(&from, &Redactor::new(&["canary-token"]));
        let mut names: Vec<&str> = back.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "retry-after", "x-echo", "x-ratelimit-remaining"]);
        assert_eq!(back["x-echo"], "Bearer [redacted]");
    }
}
