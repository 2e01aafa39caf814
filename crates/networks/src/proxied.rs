//! Calls of a network's API that somebody else makes through us: where they go, and the credential that is put onto them.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use lifecycle::secret::{Secret, TokenSet, TokenType};
use url::Url;

use crate::dpop;
use crate::network::Cx;
use crate::oauth::sensitive;
use crate::oauth1;

/// The address of a call below where the API begins. `path` begins with a slash and is taken as it is.
///
/// # Errors
/// When the path is not a plain one: what could be read in two ways, or lead out of the API, goes nowhere.
pub fn address(base: &str, path: &str, query: Option<&str>) -> Result<String, &'static str> {
    if !path.starts_with('/')
        || path.contains("//")
        || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\<>\"^`{|}#?".contains(&byte))
    {
        return Err("the path is not written as RFC 3986 has it");
    }
    for segment in path.split('/') {
        // Decoded once and once more: some servers do.
        let once = decoded(segment).ok_or("the path holds a broken percent-encoding")?;
        let twice = decoded(&once).unwrap_or_else(|| once.clone());
        for read in [segment, &once, &twice] {
            if matches!(read, "." | "..") || read.contains(['/', '\\']) && read != segment || read.chars().any(char::is_control) {
                return Err("the path leads elsewhere when it is decoded");
            }
        }
    }
    let base = base.trim_end_matches('/');
    let whole = format!("{base}{path}");
    let (Ok(begins), Ok(url)) = (Url::parse(base), Url::parse(&whole)) else { return Err("the address cannot be read") };
    let same = url.origin() == begins.origin() && url.path() == format!("{}{path}", begins.path().trim_end_matches('/'));
    if !same || !url.username().is_empty() || url.password().is_some() {
        return Err("the path leads elsewhere");
    }
    Ok(query.map_or(whole.clone(), |query| format!("{whole}?{query}")))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.contains('+'))?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A call that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method, upper case.
    pub method: &'a str,
    /// The whole address.
    pub url: &'a str,
    /// The fields of a form in the body, where there is one: OAuth 1.0a signs them.
    pub form: &'a [(&'a str, &'a str)],
    /// The newest DPoP nonce of the server.
    pub nonce: Option<&'a str>,
}

/// The token that is presented for a profile: its own where the network issues one.
pub fn token<'a>(tokens: &'a TokenSet, profile: &str) -> &'a Secret {
    tokens.profile_tokens.get(profile).unwrap_or(&tokens.access_token)
}

/// The headers that make a call one of the profile: all of them, and each once. `None` when the token set lacks what it needs.
pub fn credential(cx: &Cx<'_>, tokens: &TokenSet, profile: &str, call: Call<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let token = token(tokens, profile);
    Some(match tokens.token_type {
        TokenType::Bearer => vec![(header::AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose())))],
        TokenType::Dpop => {
            let proof = dpop::Key::from_stored(tokens.dpop_key.as_ref()?)?.proof(cx, call.method, call.url, call.nonce, Some(token));
            let name = HeaderName::from_static("dpop");
            vec![(header::AUTHORIZATION, sensitive(&format!("DPoP {}", token.expose()))), (name, HeaderValue::from_str(&proof).ok()?)]
        }
        TokenType::OAuth1 => {
            let secret = tokens.token_secret.as_ref()?.expose();
            vec![(header::AUTHORIZATION, oauth1::authorization(cx, call.method, call.url, token.expose(), secret, &[], call.form))]
        }
    })
}

/// The nonce with which the same call is to be made once more; the server did nothing without it.
pub fn nonce_wanted(tokens: &TokenSet, answer: &Response<Bytes>) -> Option<String> {
    (tokens.token_type == TokenType::Dpop && dpop::wants_nonce(answer)).then(|| dpop::nonce(answer).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nt_10_a_call_stays_below_where_the_api_begins() {
        let base = "https://api.example/rest";
        for (path, query) in
            [("/posts/urn%3Ali%3Ashare%3A1", None), ("/me", Some("a=b&c=%2F")), ("/a@b/c:d;e=f", None), ("/a/", None), ("/a%20b", None)]
        {
            let url = address(base, path, query).unwrap_or_else(|why| panic!("{path}: {why}"));
            assert!(url.starts_with(&format!("{base}{path}")), "{url}");
        }
        for path in [
            "",
            "posts",
            "//evil.example/x",
            "/a//b",
            "/..",
            "/../x",
            "/a/../../x",
            "/a/./b",
            "/%2e%2e/x",
            "/%2E./x",
            "/a/..%2fb",
            "/a%2f..%2fb",
            "/a%5cb",
            "/a\\b",
            "/a/%252e%252e/b",
            "/a%252fb",
            "/a%00b",
            "/a%0d%0ab",
            "/a b",
            "/a#b",
            "/a?b",
            "/%zz",
            "/%4",
            "/%+1",
            "/ä",
            "/a\tb",
            "@evil.example/",
            ":80/x",
            "/a|b",
            "/a<b",
        ] {
            assert!(address(base, path, None).is_err(), "{path}");
        }
    }
}
