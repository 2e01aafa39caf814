//! A person with a browser: sign-in, consent and the networks' own error pages, without JavaScript.

use http::Method;

use crate::{CALLBACK, DAY, Got, Net, code_of, encoded, linkedin, parameter, pinterest, tiktok, xing};

/// A browser that keeps cookies.
#[derive(Default)]
struct Browser {
    cookies: std::collections::BTreeMap<String, String>,
}

impl Browser {
    fn send(&mut self, net: &mut Net, method: Method, address: &str, fields: &[(&str, &str)]) -> Got {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [("cookie", cookies.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let got = net.send(method, address, &headers, &encoded(fields));
        for cookie in got.headers.get_all("set-cookie") {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            assert!(rest.contains("HttpOnly") && rest.contains("SameSite=Lax"), "{rest}");
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.into(), value.into());
        }
        got
    }

    fn open(&mut self, net: &mut Net, address: &str) -> Got {
        self.send(net, Method::GET, address, &[])
    }

    fn press(&mut self, net: &mut Net, address: &str, step: &str) -> Got {
        self.send(net, Method::POST, address, &[("step", step)])
    }

    fn sign_in(&mut self, net: &mut Net, address: &str, username: &str, password: &str) -> Got {
        self.send(net, Method::POST, address, &[("step", "sign_in"), ("username", username), ("password", password)])
    }
}

fn page<'a>(got: &'a Got, words: &str) -> &'a str {
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(got.header("content-type").starts_with("text/html"));
    assert!(got.text.contains("Sandbox") && got.text.contains("<html lang=\"en\">"), "every page says what it is");
    assert!(got.text.contains(words), "no {words:?} in {}", got.text);
    &got.text
}

/// Network, its authorise address, one of its people with their name, and the words of a refusal.
fn doors(net: &mut Net) -> [(&'static str, String, &'static str, &'static str, Option<&'static str>); 4] {
    let xing = xing::authorize(net, "door").0;
    [
        ("linkedin", linkedin::authorize(linkedin::SCOPES), "jana.lindner", "Jana Lindner", Some("user_cancelled_authorize")),
        ("tiktok", tiktok::authorize_with(&[]), "fernweh.outdoor", "Fernweh Outdoor", Some("access_denied")),
        ("pinterest", pinterest::authorize(pinterest::SCOPES), "fernwehoutdoor", "Fernweh Outdoor", Some("access_denied")),
        ("xing", xing, "karl.voss", "Karl Voss", None),
    ]
}

#[test]
fn signing_in_and_allowing() {
    let mut net = Net::new();
    for (network, address, username, name, refusal) in doors(&mut net) {
        let mut browser = Browser::default();
        let got = browser.open(&mut net, &address);
        let text = page(&got, "Sign in");
        for part in ["<label for=\"username\">", "id=\"username\" name=\"username\"", "<label for=\"password\">", "name=\"password\""] {
            assert!(text.contains(part), "{network}: {part}");
        }
        assert!(text.contains(&format!("<code>{username}</code>")) && text.contains("<code>sandbox</code>"), "people to try with");
        assert!(!text.contains("<script"), "works without JavaScript");

        for (username, password) in [(username, "wrong"), ("nobody", "sandbox"), (username, ""), ("", "")] {
            let got = browser.sign_in(&mut net, &address, username, password);
            assert_eq!(got.status, 403, "{network}");
            assert!(got.text.contains("role=\"alert\">Wrong user name or password.") && browser.cookies.is_empty());
        }
        assert_eq!(browser.sign_in(&mut net, &address, username, "sandbox").location(), address);
        assert_eq!(browser.cookies.len(), 1);

        let got = browser.open(&mut net, &address);
        let text = page(&got, "Allow");
        assert!(text.contains(name) && text.contains(">Cancel</button>") && text.contains(">Use another account</button>"), "{network}");

        let back = browser.press(&mut net, &address, "deny").location().to_owned();
        assert!(back.starts_with(CALLBACK) && parameter(&back, "code").is_none() && parameter(&back, "oauth_verifier").is_none());
        if let Some(words) = refusal {
            assert_eq!(parameter(&back, "error").as_deref(), Some(words), "{network}");
        }
    }
}

#[test]
fn allowing_leads_back_with_a_code() {
    let mut net = Net::new();
    for (network, address, username, ..) in doors(&mut net) {
        let mut browser = Browser::default();
        browser.sign_in(&mut net, &address, username, "sandbox");
        let scopes: Vec<_> = tiktok::SCOPES.split(',').map(|scope| ("scope", scope)).collect();
        let fields: Vec<_> = scopes.into_iter().chain([("step", "allow")]).collect();
        let back = browser.send(&mut net, Method::POST, &address, &fields).location().to_owned();
        let given = parameter(&back, "code").or_else(|| parameter(&back, "oauth_verifier"));
        assert!(back.starts_with(&format!("{CALLBACK}?")) && given.is_some_and(|given| !given.is_empty()), "{network}: {back}");
    }
}

#[test]
fn nobody_allows_without_a_session() {
    let mut net = Net::new();
    let doors = doors(&mut net);
    let mut linkedin_only = Browser::default();
    linkedin_only.sign_in(&mut net, &doors[0].1, "jana.lindner", "sandbox");
    let stolen = linkedin_only.cookies["sandbox_linkedin"].clone();
    for (network, address, ..) in &doors[1..] {
        for value in ["", "none", "nonsense", &stolen] {
            let mut browser = Browser::default();
            browser.cookies.insert(format!("sandbox_{network}"), value.into());
            page(&browser.press(&mut net, address, "allow"), "Sign in");
        }
        page(&linkedin_only.press(&mut net, address, "allow"), "Sign in");
    }
}

#[test]
fn another_account_can_be_used() {
    let mut net = Net::new();
    let address = pinterest::authorize(pinterest::SCOPES);
    let mut browser = Browser::default();
    browser.sign_in(&mut net, &address, "fernwehoutdoor", "sandbox");
    page(&browser.open(&mut net, &address), "fernwehoutdoor");
    assert_eq!(browser.press(&mut net, &address, "switch").location(), address);
    page(&browser.open(&mut net, &address), "Sign in");
    browser.sign_in(&mut net, &address, "gipfelguides", "sandbox");
    assert!(!page(&browser.open(&mut net, &address), "gipfelguides").contains("fernwehoutdoor"));
}

#[test]
fn a_changed_password_or_a_block_ends_the_session() {
    for action in ["change-password", "block"] {
        let mut net = Net::new();
        for (network, address, username, ..) in doors(&mut net) {
            let mut browser = Browser::default();
            browser.sign_in(&mut net, &address, username, "sandbox");
            page(&browser.open(&mut net, &address), "Allow");
            let password = net.person(network, username, action)["password"].as_str().unwrap().to_owned();
            page(&browser.open(&mut net, &address), "Sign in");
            let got = browser.sign_in(&mut net, &address, username, &password);
            if action == "block" {
                assert_eq!(got.status, 403);
                assert!(got.text.contains("This account is restricted."), "{}", got.text);
            } else {
                assert_ne!(password, "sandbox");
                assert_eq!(got.location(), address);
                assert_eq!(Browser::default().sign_in(&mut net, &address, username, "sandbox").status, 403);
            }
        }
    }
}

/// LinkedIn sends a signed-in member who granted the app straight back; after the access token's end it asks again.
#[test]
fn linkedin_skips_what_was_granted() {
    let mut net = Net::new();
    let address = linkedin::authorize(linkedin::SCOPES);
    let mut browser = Browser::default();
    browser.sign_in(&mut net, &address, "jana.lindner", "sandbox");
    page(&browser.open(&mut net, &address), "Allow");
    let back = browser.press(&mut net, &address, "allow").location().to_owned();
    let tokens = crate::Tokens::of(&linkedin::exchange(&mut net, &code_of(&back), CALLBACK));
    net.pass(59 * DAY);
    let back = browser.open(&mut net, &address).location().to_owned();
    assert!(parameter(&back, "code").is_some());
    assert_eq!(linkedin::refresh(&mut net, &tokens.refresh).status, 200, "and what was there still works");
    page(&browser.open(&mut net, &linkedin::authorize("openid profile")), "Allow");
    page(&Browser::default().open(&mut net, &address), "Sign in");
    net.pass(60 * DAY);
    page(&browser.open(&mut net, &address), "Allow");
    let back = browser.press(&mut net, &address, "allow").location().to_owned();
    assert_eq!(linkedin::exchange(&mut net, &code_of(&back), CALLBACK).status, 200);
    net.person("linkedin", "jana.lindner", "revoke");
    page(&browser.open(&mut net, &address), "Allow");
}

#[test]
fn linkedin_tells_a_cancelled_sign_in_from_a_refusal() {
    let mut net = Net::new();
    let address = linkedin::authorize(linkedin::SCOPES);
    let back = Browser::default().press(&mut net, &address, "deny").location().to_owned();
    assert_eq!(parameter(&back, "error").as_deref(), Some("user_cancelled_login"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("s t&te"));
}

/// `disable_auto_auth=1` always shows the page, so that another account can be picked.
#[test]
fn tiktok_skips_unless_told_not_to() {
    let mut net = Net::new();
    let mut browser = Browser::default();
    let (auto, shown) = (tiktok::authorize_with(&[]), tiktok::authorize_with(&[("disable_auto_auth", "1")]));
    browser.sign_in(&mut net, &auto, "fernweh.outdoor", "sandbox");
    page(&browser.open(&mut net, &auto), "Allow");
    tiktok::connect(&mut net, "fernweh.outdoor");
    assert!(parameter(browser.open(&mut net, &auto).location(), "code").is_some());
    page(&browser.open(&mut net, &shown), "Use another account");
}

#[test]
fn tiktok_lets_single_scopes_go() {
    let mut net = Net::new();
    let address = tiktok::authorize_with(&[]);
    let mut browser = Browser::default();
    browser.sign_in(&mut net, &address, "fernweh.outdoor", "sandbox");
    let got = browser.open(&mut net, &address);
    for scope in tiktok::SCOPES.split(',') {
        assert!(page(&got, "Allow").contains(&format!("type=\"checkbox\" name=\"scope\" value=\"{scope}\" checked")), "{scope}");
    }
    let fields = [("step", "allow"), ("scope", "user.info.basic"), ("scope", "video.upload"), ("scope", "never.asked.for")];
    let back = browser.send(&mut net, Method::POST, &address, &fields).location().to_owned();
    assert_eq!(parameter(&back, "scopes").as_deref(), Some("user.info.basic,video.upload"));
}

/// A wrong client or address is told to whoever stands before the page, never by a redirect.
#[test]
fn configuration_is_never_redirected() {
    let mut net = Net::new();
    let good = doors(&mut net);
    for (_, address, username, ..) in &good {
        let replace = |name: &str, value: &str| {
            let (path, query) = address.split_once('?').unwrap();
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let pairs: Vec<(String, String)> =
                pairs.map(|(key, old)| (key.clone().into_owned(), if key == name { value.into() } else { old.into_owned() })).collect();
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            format!("{path}?{}", encoded(&pairs))
        };
        let spoilt = [
            replace("client_id", "somebody-else"),
            replace("client_key", "somebody-else"),
            replace("oauth_token", "somebody-else"),
            replace("redirect_uri", ""),
            replace("redirect_uri", "nonsense"),
            replace("redirect_uri", "javascript:alert(1)"),
            replace("redirect_uri", &format!("{CALLBACK}#fragment")),
        ];
        for spoilt in spoilt.iter().filter(|spoilt| *spoilt != address) {
            let mut browser = Browser::default();
            for got in [browser.open(&mut net, spoilt), browser.press(&mut net, spoilt, "allow"), browser.press(&mut net, spoilt, "deny")] {
                assert!(got.status == 401 && got.header("location").is_empty(), "{spoilt}: {} {}", got.status, got.text);
                assert!(got.header("content-type").starts_with("text/html"));
            }
            for deny in [false, true] {
                let body = serde_json::json!({ "authorize_url": spoilt, "username": username, "deny": deny });
                assert_eq!(net.try_control("consent", &body).status, 400, "nor is there a way around the page: {spoilt}");
            }
        }
    }
}

#[test]
fn what_an_address_carries_is_text() {
    let mut net = Net::new();
    let evil = "<script>alert(1)</script>\"'";
    for address in [linkedin::authorize(evil), pinterest::authorize(evil), tiktok::authorize_with(&[("x", evil)])] {
        let username = if address.starts_with("/linkedin") {
            "jana.lindner"
        } else if address.starts_with("/tiktok") {
            "fernweh.outdoor"
        } else {
            "fernwehoutdoor"
        };
        let mut browser = Browser::default();
        let before = browser.open(&mut net, &address);
        let wrong = browser.sign_in(&mut net, &address, evil, evil);
        browser.sign_in(&mut net, &address, username, "sandbox");
        let after = browser.open(&mut net, &address);
        for got in [before, wrong, after] {
            assert!(!got.text.contains("<script"), "{}", got.text);
        }
    }
}

/// `oob`: there is no address to go back to, the person reads a number off the page.
#[test]
fn xing_shows_a_pin() {
    let mut net = Net::new();
    let call = crate::oauth1::Call::new(&net, Method::POST, "/xing/v1/request_token", "n1").with("oauth_callback", "oob");
    let got = call.send(&mut net);
    let read =
        |got: &Got, name: &str| url::form_urlencoded::parse(got.text.as_bytes()).find(|(key, _)| key == name).unwrap().1.into_owned();
    let (token, secret) = (read(&got, "oauth_token"), read(&got, "oauth_token_secret"));
    let address = format!("/xing/v1/authorize?oauth_token={token}");
    let mut browser = Browser::default();
    browser.sign_in(&mut net, &address, "karl.voss", "sandbox");
    let got = browser.press(&mut net, &address, "allow");
    let text = page(&got, "<code>");
    let pin = text.split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(!pin.is_empty() && pin.chars().all(|digit| digit.is_ascii_digit()), "{pin}");
    let call = crate::oauth1::Call::new(&net, Method::POST, "/xing/v1/access_token", "n2").token(&token, &secret);
    assert_eq!(call.with("oauth_verifier", &pin).send(&mut net).status, 201);
}
