//! An OAuth 1.0a client of the tests' own (RFC 5849), held against the RFC's examples before it judges anything.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;

use crate::{Got, Net};

/// Section 3.6.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Section 3.4.1: names and values are encoded, then sorted by name, equal names by value.
pub(crate) fn base_string(method: &str, base: &str, parameters: &[(&str, &str)]) -> String {
    let mut all: Vec<(String, String)> = parameters.iter().map(|(name, value)| (percent(name), percent(value))).collect();
    all.sort();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{method}&{}&{}", percent(base), percent(&all.join("&")))
}

/// Section 3.4.2.
pub(crate) fn hmac_sha1(base_string: &str, consumer_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", percent(consumer_secret), percent(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base_string.as_bytes()))
}

/// Where the protocol's parameters travel (section 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Header,
    Body,
    Query,
}

/// A signed call, with everything in it that a test may want to spoil.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) consumer_secret: String,
    pub(crate) token_secret: String,
    pub(crate) place: Place,
    pub(crate) signature: Option<String>,
}

impl Call {
    /// A good call: `nonce` has to differ from call to call.
    pub(crate) fn new(net: &Net, method: Method, path: &str, nonce: &str) -> Self {
        let call = Self {
            method,
            path: path.into(),
            parameters: vec![],
            consumer_secret: "sandbox-xing-secret".into(),
            token_secret: String::new(),
            place: Place::Header,
            signature: None,
        };
        call.with("oauth_consumer_key", "sandbox-xing")
            .with("oauth_nonce", nonce)
            .with("oauth_signature_method", "HMAC-SHA1")
            .with("oauth_timestamp", &(net.now / 1_000_000).to_string())
            .with("oauth_version", "1.0")
    }

    /// Sets a parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.parameters.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn token(self, token: &str, secret: &str) -> Self {
        Self { token_secret: secret.into(), ..self.with("oauth_token", token) }
    }

    pub(crate) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub(crate) fn signature(&self) -> String {
        let pairs: Vec<(&str, &str)> = self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (base, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let all: Vec<_> = pairs.into_iter().chain(query.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect();
        let plaintext = all.contains(&("oauth_signature_method", "PLAINTEXT"));
        if plaintext {
            return format!("{}&{}", percent(&self.consumer_secret), percent(&self.token_secret));
        }
        let base = format!("http://127.0.0.1:8430{base}");
        hmac_sha1(&base_string(self.method.as_str(), &base, &all), &self.consumer_secret, &self.token_secret)
    }

    pub(crate) fn send(self, net: &mut Net) -> Got {
        let signature = self.signature.clone().unwrap_or_else(|| self.signature());
        let mut all = self.parameters.clone();
        all.push(("oauth_signature".into(), signature));
        let quoted = |between: &str, quote: &str| {
            let pairs: Vec<_> = all.iter().map(|(name, value)| format!("{}={quote}{}{quote}", percent(name), percent(value))).collect();
            pairs.join(between)
        };
        match self.place {
            Place::Header => net.send(self.method, &self.path, &[("authorization", &format!("OAuth {}", quoted(", ", "\"")))], ""),
            Place::Body => net.send(self.method, &self.path, &[("content-type", "application/x-www-form-urlencoded")], &quoted("&", "")),
            Place::Query => {
                let with = if self.path.contains('?') { '&' } else { '?' };
                let path = format!("{}{with}{}", self.path, quoted("&", ""));
                net.send(self.method, &path, &[], "")
            }
        }
    }
}

/// Section 3.4.1.1.
#[test]
fn the_base_string_of_the_rfc() {
    let parameters = [
        ("b5", "=%3D"),
        ("a3", "a"),
        ("c@", ""),
        ("a2", "r b"),
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ];
    let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D\
                    %26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
                    %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
    assert_eq!(base_string("POST", "http://example.com/request", &parameters), expected);
}

/// Section 1.2.
#[test]
fn the_signature_of_the_rfc() {
    let parameters = [
        ("file", "vacation.jpg"),
        ("size", "original"),
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_token", "nnch734d00sl2jdk"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131202"),
        ("oauth_nonce", "chapoH"),
    ];
    let text = base_string("GET", "http://photos.example.net/photos", &parameters);
    assert_eq!(hmac_sha1(&text, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
}
