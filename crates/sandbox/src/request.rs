//! A request, taken apart; answers, put together.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use url::form_urlencoded;

pub(crate) type Answer = Response<Bytes>;

/// A request with its parameters read.
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// The path below the network's name, beginning with a slash.
    pub(crate) path: String,
    uri: Uri,
    pub(crate) query_pairs: Vec<(String, String)>,
    pub(crate) form_pairs: Vec<(String, String)>,
    headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    pub(crate) fn read(request: Request<Bytes>, path: String) -> Self {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let is_form = header(&parts.headers, "content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form: &[u8] = if is_form { &body } else { &[] };
        Self {
            path,
            query_pairs: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            form_pairs: form_urlencoded::parse(form).into_owned().collect(),
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
        }
    }

    /// Path and query as they came, for forms that post to themselves.
    pub(crate) fn here(&self) -> &str {
        self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str)
    }

    /// Scheme and host as the client sees them, without a trailing slash.
    pub(crate) fn origin(&self) -> String {
        let host = self.uri.authority().map(http::uri::Authority::as_str).or_else(|| self.header("host"));
        format!("http://{}", host.unwrap_or("localhost"))
    }

    /// The fields of the form by name.
    pub(crate) fn form(&self) -> BTreeMap<&str, &str> {
        self.form_pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn q(&self, name: &str) -> &str {
        last(&self.query_pairs, name)
    }

    pub(crate) fn f(&self, name: &str) -> &str {
        last(&self.form_pairs, name)
    }

    pub(crate) fn bearer(&self) -> &str {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("")
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.header("cookie")?;
        cookies.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// Of parameters of the same name the last one counts.
fn last<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn header<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

pub(crate) fn json(status: u16, body: &serde_json::Value) -> Answer {
    // Through no formatter: that is half of what an answer costs.
    with_type(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

pub(crate) fn html(status: u16, body: String) -> Answer {
    with_type(status, "text/html; charset=utf-8", body)
}

pub(crate) fn form(status: u16, pairs: &[(&str, &str)]) -> Answer {
    with_type(status, "application/x-www-form-urlencoded", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

fn with_type(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    answer
}

/// 303: whatever the method was, the next one is GET.
pub(crate) fn see_other(to: &str) -> Answer {
    let mut answer = with_type(303, "text/plain", String::new());
    answer.headers_mut().insert("location", HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/")));
    answer
}

pub(crate) fn with_cookie(mut answer: Answer, name: &str, value: &str, path: &str) -> Answer {
    if let Ok(cookie) = HeaderValue::from_str(&format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax")) {
        answer.headers_mut().append("set-cookie", cookie);
    }
    answer
}

pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

/// One part of a path as it was meant.
pub(crate) fn percent_decoded(text: &str) -> String {
    // A plus is a plus here, unlike in forms; what would end the one value of this form is quoted.
    let quoted = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(quoted.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

pub(crate) fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, query.join("&"))
}
