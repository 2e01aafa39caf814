//! OAuth 1.0a signatures (RFC 5849), HMAC-SHA1.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use url::Url;

use crate::network::Cx;
use crate::oauth::{client_secret, percent, sensitive};

/// A request with an `Authorization: OAuth` header. `token` is empty for the request token; `extra` stands in the header.
pub fn signed(cx: &Cx<'_>, method: Method, url: &str, token: &str, token_secret: &str, extra: &[(&str, &str)]) -> Request<Bytes> {
    let header = authorization(cx, method.as_str(), url, token, token_secret, extra, &[]);
    let request = Request::builder().method(method).uri(url).header("accept", "application/json").header("authorization", header);
    request.body(Bytes::new()).unwrap_or_default()
}

/// The value of an `Authorization: OAuth` header. `form` are the fields of a form in the body: signed, but not in the header.
pub fn authorization(
    cx: &Cx<'_>,
    method: &str,
    url: &str,
    token: &str,
    token_secret: &str,
    extra: &[(&str, &str)],
    form: &[(&str, &str)],
) -> HeaderValue {
    let mut nonce = [0; 16];
    cx.dice.fill(&mut nonce);
    let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    let timestamp = cx.now.as_seconds().to_string();
    let mut parameters: Vec<(&str, &str)> = vec![
        ("oauth_consumer_key", &cx.app.client_id),
        ("oauth_nonce", &nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_version", "1.0"),
    ];
    if !token.is_empty() {
        parameters.push(("oauth_token", token));
    }
    parameters.extend(extra);
    let all: Vec<(&str, &str)> = parameters.iter().chain(form).copied().collect();
    let signature = signature(method, url, &all, client_secret(cx), token_secret);
    parameters.push(("oauth_signature", &signature));
    let header: Vec<String> = parameters.iter().map(|(name, value)| format!("{}=\"{}\"", percent(name), percent(value))).collect();
    sensitive(&format!("OAuth {}", header.join(", ")))
}

/// The signature over method, address and all parameters (sections 3.4.1 and 3.4.2). `parameters` are the protocol's and
/// the form's; those of the query are read from the address.
pub fn signature(method: &str, url: &str, parameters: &[(&str, &str)], client_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", percent(client_secret), percent(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base_string(method, url, parameters).as_bytes()))
}

fn base_string(method: &str, url: &str, parameters: &[(&str, &str)]) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let query = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // By encoded name, then by encoded value (section 3.4.1.3.2): joined first, "a-=" would come before "a=".
    let mut all: Vec<(String, String)> =
        parameters.iter().copied().chain(query).map(|(name, value)| (percent(name), percent(value))).collect();
    all.sort();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let base = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    format!("{}&{}&{}", method.to_uppercase(), percent(&base), percent(&all.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5849 section 3.4.1.1.
    #[test]
    fn the_base_string_of_the_rfc() {
        let parameters = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        let got = base_string("POST", "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", &parameters);
        let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2\
                        %26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(got, expected);
    }

    /// RFC 5849 section 1.2: the photo request, signed with HMAC-SHA1.
    #[test]
    fn the_signature_of_the_rfc() {
        let parameters = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let got = signature(
            "GET",
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            &parameters,
            "kd94hf93k423kf44",
            "pfkkdhi9sl3r4s00",
        );
        assert_eq!(got, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }
}
