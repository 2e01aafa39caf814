//! The simulated networks, driven through `World::handle` alone: no socket, no wall clock, no sleep. What is expected
//! here is what the networks' documentation says, not what the sandbox happens to answer.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bluesky;
mod browser;
mod control;
mod discord;
mod google_business;
mod grace;
mod graph;
mod linkedin;
mod mastodon;
mod moods;
mod notices;
mod oauth1;
mod pinterest;
mod reddit;
mod scopes;
mod sessions;
mod tiktok;
mod tumblr;
mod x;
mod xing;
mod youtube;

use bytes::Bytes;
use http::{Method, Request, Response};
use sandbox::{Fate, World};
use serde_json::{Value, json};
use url::form_urlencoded;

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;
/// Where the networks send people back to.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:8420/callback";

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
    /// `Null` when the answer is not JSON.
    pub(crate) json: Value,
    pub(crate) fate: Option<Fate>,
}

impl Got {
    fn read(answer: Response<Bytes>) -> Self {
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
            fate: answer.extensions().get::<Fate>().copied(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where a 303 leads.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }

    /// Status and body at once, so that a failing test shows both.
    pub(crate) fn is(&self, status: u16, body: &Value) {
        assert_eq!((self.status, &self.json), (status, body), "{}", self.text);
    }

    pub(crate) fn str(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.text))
    }
}

/// A value of an address's query.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The code in the address a network sent the person back to.
pub(crate) fn code_of(address: &str) -> String {
    parameter(address, "code").unwrap_or_else(|| panic!("no code in {address}"))
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A world and its moment.
pub(crate) struct Net {
    pub(crate) world: World,
    /// In µs since 1970.
    pub(crate) now: i64,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self { world: World::seeded(), now: 1_790_000_000_000_000 }
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += seconds * 1_000_000;
    }

    pub(crate) fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8430");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        Got::read(self.world.handle(self.now, &request))
    }

    pub(crate) fn get(&mut self, path: &str, bearer: &str) -> Got {
        self.send(Method::GET, path, &[("authorization", &format!("Bearer {bearer}"))], "")
    }

    pub(crate) fn form(&mut self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Got {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.send(Method::POST, path, &all, &encoded(fields))
    }

    /// A call of the control API that must work.
    pub(crate) fn control(&mut self, call: &str, body: &Value) -> Value {
        let got = self.try_control(call, body);
        assert_eq!(got.status, 200, "{call}: {}", got.text);
        got.json
    }

    pub(crate) fn try_control(&mut self, call: &str, body: &Value) -> Got {
        let kind = [("content-type", "application/json")];
        self.send(Method::POST, &format!("/control/api/{call}"), &kind, &body.to_string())
    }

    pub(crate) fn person(&mut self, network: &str, username: &str, action: &str) -> Value {
        self.control(&format!("people/{network}/{username}/{action}"), &json!({}))
    }

    /// What the person would do in the browser: the address to go back to.
    pub(crate) fn consent(&mut self, authorize: &str, username: &str) -> String {
        let body = json!({ "authorize_url": format!("http://127.0.0.1:8430{authorize}"), "username": username });
        self.control("consent", &body)["redirect_to"].as_str().unwrap().to_owned()
    }

    pub(crate) fn deny(&mut self, authorize: &str, username: &str) -> String {
        let body = json!({ "authorize_url": format!("http://127.0.0.1:8430{authorize}"), "username": username, "deny": true });
        self.control("consent", &body)["redirect_to"].as_str().unwrap().to_owned()
    }
}

/// A token set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(got: &Got) -> Self {
        assert_eq!(got.status, 200, "{}", got.text);
        Self { access: got.str("access_token").into(), refresh: got.str("refresh_token").into() }
    }
}

#[test]
fn the_same_requests_get_the_same_answers() {
    let story = || {
        let mut net = Net::new();
        let first = tiktok::connect(&mut net, "fernweh.outdoor");
        net.pass(DAY);
        let second = Tokens::of(&tiktok::refresh(&mut net, &first.refresh));
        (first, second, net.send(Method::GET, "/control/api/ledger", &[], "").text)
    };
    assert_eq!(story(), story());
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut net = Net::new();
    for path in ["/myspace/oauth", "/linkedin", "/linkedin/", "/linkedin/v2/nothing", "/pinterest/v5/oauth/nothing", "/control/nothing"] {
        let got = net.send(Method::GET, path, &[], "");
        assert_eq!(got.status, 404, "{path}: {}", got.text);
    }
    let got = net.send(Method::GET, "/linkedin/oauth/v2/accessToken", &[], "");
    assert_eq!(got.status, 404, "tokens are only handed out on POST");
    assert_eq!(net.send(Method::GET, "/", &[], "").location(), "/control");
}
