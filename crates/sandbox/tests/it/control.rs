//! The control page and the control API.

use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, HOUR, Net, linkedin, pinterest, tiktok};

fn read(net: &mut Net, call: &str) -> Value {
    let got = net.send(Method::GET, &format!("/control/api/{call}"), &[], "");
    assert_eq!(got.status, 200, "{}", got.text);
    got.json
}

fn seen(net: &mut Net, query: &str) -> Vec<Value> {
    read(net, &format!("ledger?{query}"))["seen"].as_array().unwrap().clone()
}

#[test]
fn the_seeded_world_is_the_demo_companys() {
    let mut net = Net::new();
    let state = read(&mut net, "state");
    // Further networks bring people of their own; what is expected of them stands in their tests.
    let is_here = |person: &&Value| ["linkedin", "tiktok", "pinterest", "xing"].iter().any(|network| person["network"] == *network);
    let here: Vec<_> = state["people"].as_array().unwrap().iter().filter(is_here).collect();
    let people: Vec<_> = here.iter().map(|person| format!("{} {}", person["network"], person["username"])).collect();
    let expected = [
        "linkedin jana.lindner",
        "linkedin tom.becker",
        "linkedin lea.hoffmann",
        "tiktok fernweh.outdoor",
        "tiktok gipfel.guides",
        "pinterest fernwehoutdoor",
        "pinterest gipfelguides",
        "xing jana.lindner",
        "xing karl.voss",
    ];
    assert_eq!(people, expected.map(|line| format!("\"{}\" \"{}\"", line.split(' ').next().unwrap(), line.split(' ').nth(1).unwrap())));
    assert!(state["people"].as_array().unwrap().iter().all(|person| person["password"] == "sandbox"));
    assert!(here.iter().all(|person| person["blocked"] == false));
    let pages = state["pages"].as_array().unwrap().iter().filter(|page| page["network"] == "linkedin");
    assert_eq!((pages.count(), state["boards"].as_array().unwrap().len()), (4, 7));
    assert_eq!((&state["now"], &state["offset_seconds"]), (&json!(net.now / 1_000_000), &json!(0)));
}

#[test]
fn somebody_opens_an_account_and_no_two_are_the_same() {
    let mut net = Net::new();
    let opened = net.control("people", &json!({ "network": "linkedin", "username": "ines.roth", "id": "q1W2e3R4t5" }));
    assert_eq!(opened, json!({ "username": "ines.roth", "password": "sandbox" }));
    for (wrong, words) in [
        (json!({ "network": "linkedin", "username": "ines.roth", "id": "another" }), "is taken"),
        (json!({ "network": "linkedin", "username": "another", "id": "q1W2e3R4t5" }), "is taken"),
        (json!({ "network": "nowhere", "username": "ines.roth", "id": "1" }), "there is no network nowhere"),
        (json!({ "network": "linkedin", "username": "ines" }), "the id that the account has"),
    ] {
        let got = net.try_control("people", &wrong);
        assert!(got.status == 400 && got.str("error").contains(words), "{wrong}: {}", got.text);
    }
    let here = |person: &&Value| person["network"] == "linkedin";
    assert_eq!(read(&mut net, "state")["people"].as_array().unwrap().iter().filter(here).count(), 4);
}

#[test]
fn the_clock_moves_forward_only() {
    let mut net = Net::new();
    let before = net.now / 1_000_000;
    assert_eq!(net.control("clock", &json!({ "advance_seconds": 30 * DAY })), json!({ "now": before + 30 * DAY }));
    net.control("clock", &json!({ "advance_seconds": HOUR }));
    assert_eq!(net.world.offset(), (30 * DAY + HOUR) * 1_000_000);
    assert_eq!(read(&mut net, "state")["offset_seconds"], 30 * DAY + HOUR);
    for wrong in [json!(-1), json!(1.5), json!("x"), json!(null), json!(i64::MAX), json!(21 * 366 * DAY)] {
        let got = net.try_control("clock", &json!({ "advance_seconds": wrong }));
        assert!(got.status == 400 && got.str("error").contains("advance_seconds"), "{wrong}: {}", got.text);
    }
    assert_eq!(net.world.offset(), (30 * DAY + HOUR) * 1_000_000);
}

#[test]
fn what_cannot_be_done_says_why() {
    let mut net = Net::new();
    let authorize = linkedin::authorize(linkedin::SCOPES);
    let before = read(&mut net, "state");
    for (call, body, words) in [
        ("people/linkedin/nobody/block", json!({}), "nobody"),
        ("people/myspace/jana.lindner/block", json!({}), "myspace"),
        ("people/linkedin/jana.lindner/tickle", json!({}), "change-password"),
        ("roles", json!({ "network": "linkedin", "page": 4711, "username": "jana.lindner", "role": "ANALYST" }), "4711"),
        ("roles", json!({ "network": "linkedin", "username": "jana.lindner", "role": "ANALYST" }), "page"),
        ("roles", json!({ "network": "linkedin", "page": 1001, "username": "nobody", "role": "ANALYST" }), "nobody"),
        ("roles", json!({ "network": "linkedin", "page": 1001, "username": "jana.lindner", "role": "EMPEROR" }), "EMPEROR"),
        ("boards", json!({ "network": "pinterest", "board": 4711, "action": "delete" }), "4711"),
        ("boards", json!({ "network": "pinterest", "board": 5001, "action": "burn" }), "make_secret"),
        ("mood", json!({ "network": "myspace", "mood": "outage" }), "network"),
        ("mood", json!({ "network": "linkedin", "mood": "grumpy" }), "lost_answer"),
        ("mood", json!({ "network": "linkedin", "mood": "outage", "requests": "many" }), "body"),
        ("consent", json!({ "authorize_url": authorize, "username": "nobody" }), "nobody"),
        ("consent", json!({ "authorize_url": "", "username": "jana.lindner" }), "authorize_url"),
        ("consent", json!({ "authorize_url": "http://127.0.0.1:8430/myspace/oauth", "username": "jana.lindner" }), "authorize_url"),
        ("consent", json!({ "authorize_url": "http://127.0.0.1:8430/linkedin/v2/userinfo", "username": "jana.lindner" }), "authorize_url"),
        ("nothing", json!({}), "no such call"),
        ("clock", json!([]), "advance_seconds"),
        ("clock", json!(5), "body"),
    ] {
        let got = net.try_control(call, &body);
        assert!((400..500).contains(&got.status) && got.str("error").contains(words), "{call} {body}: {} {}", got.status, got.text);
    }
    assert_eq!(read(&mut net, "state"), before, "and nothing happened");
}

#[test]
fn people_change_and_change_back() {
    let mut net = Net::new();
    let of = |net: &mut Net, field: &str| {
        let state = read(net, "state");
        state["people"].as_array().unwrap().iter().find(|person| person["username"] == "karl.voss").unwrap()[field].clone()
    };
    let first = net.person("xing", "karl.voss", "change-password")["password"].clone();
    assert_eq!(of(&mut net, "password"), first);
    assert_ne!(first, "sandbox");
    let second = net.person("xing", "karl.voss", "change-password")["password"].clone();
    assert_ne!(second, first);
    net.person("xing", "karl.voss", "block");
    assert_eq!(of(&mut net, "blocked"), true);
    net.person("xing", "karl.voss", "unblock");
    assert_eq!(of(&mut net, "blocked"), false);
}

#[test]
fn the_ledger_says_what_was_seen() {
    let mut net = Net::new();
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    tiktok::refresh(&mut net, &tokens.refresh);
    tiktok::refresh(&mut net, &tokens.refresh);
    net.get("/pinterest/v5/boards?bookmark=secret-bookmark", &tokens.access);
    let lines: Vec<_> = seen(&mut net, "")
        .iter()
        .map(|line| format!("{} {} {} {}", line["network"], line["request"], line["status"], line["about"]).replace('"', ""))
        .collect();
    assert_eq!(
        lines,
        [
            "tiktok POST /v2/oauth/token/ 200 exchange",
            "tiktok POST /v2/oauth/token/ 200 renewal",
            "tiktok POST /v2/oauth/token/ 200 renewal",
            "pinterest GET /v5/boards 401 api",
        ]
    );
    assert_eq!(seen(&mut net, "network=pinterest").len(), 1);
    let third = seen(&mut net, "")[2]["n"].as_u64().unwrap();
    assert_eq!(seen(&mut net, &format!("after={third}")).len(), 1);
    assert_eq!(seen(&mut net, "")[0]["at"], net.now);
}

#[test]
fn no_token_is_shown() {
    let mut net = Net::new();
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    net.get(&format!("/tiktok/v2/user/info/?access_token={}", tokens.access), &tokens.access);
    tiktok::refresh(&mut net, &tokens.refresh);
    for path in ["/control", "/control/api/state", "/control/api/ledger"] {
        let got = net.send(Method::GET, path, &[], "");
        assert_eq!(got.status, 200);
        for token in [&tokens.access, &tokens.refresh] {
            assert!(!got.text.contains(token.as_str()), "{path}");
        }
    }
}

#[test]
fn the_ledger_forgets_the_oldest() {
    let mut net = Net::new();
    for _ in 0..2_100 {
        net.get("/linkedin/v2/userinfo", "");
    }
    let lines = seen(&mut net, "");
    assert_eq!((lines.len(), &lines[0]["n"], &lines[1_999]["n"]), (2_000, &json!(101), &json!(2_100)));
}

/// Presses a button of the control page: the form must really be there.
fn press(net: &mut Net, action: &str, fields: &[(&str, &str)]) -> Got {
    let page = net.send(Method::GET, "/control", &[], "");
    let hidden: String = fields.iter().map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")).collect();
    let form = format!("<form method=\"post\" action=\"/control/{action}\">{hidden}<button>");
    assert!(page.text.contains(&form), "no such button: {form}");
    let got = net.form(&format!("/control/{action}"), &[], fields);
    assert_eq!(got.location(), "/control");
    got
}

#[test]
fn every_button_of_the_page_works() {
    let mut net = Net::new();
    press(&mut net, "clock", &[("advance_seconds", "86400")]);
    assert_eq!(net.world.offset(), DAY * 1_000_000);
    for (network, username) in
        [("linkedin", "jana.lindner"), ("tiktok", "fernweh.outdoor"), ("pinterest", "fernwehoutdoor"), ("xing", "karl.voss")]
    {
        for action in ["change-password", "revoke", "block", "unblock"] {
            press(&mut net, &format!("people/{network}/{username}/{action}"), &[]);
        }
    }
    let role = |role: &'static str| [("network", "linkedin"), ("page", "1002"), ("username", "jana.lindner"), ("role", role)];
    let held = |net: &mut Net| {
        let pages = read(net, "state")["pages"].clone();
        let page = pages.as_array().unwrap().iter().find(|page| page["id"] == 1002).unwrap().clone();
        page["roles"].as_array().unwrap().iter().find(|row| row[0] == "jana.lindner").map(|row| row[1].as_str().unwrap().to_owned())
    };
    press(&mut net, "roles", &role("ANALYST"));
    assert_eq!(held(&mut net).as_deref(), Some("ANALYST"));
    press(&mut net, "roles", &role(""));
    assert_eq!(held(&mut net), None);
    press(&mut net, "roles", &role("ADMINISTRATOR"));
    assert_eq!(held(&mut net).as_deref(), Some("ADMINISTRATOR"), "what was taken can be given back on the page");
    for action in ["delete", "restore", "make_secret"] {
        press(&mut net, "boards", &[("board", "5001"), ("action", action)]);
    }
    let got = net.form("/control/mood", &[], &[("network", "linkedin"), ("mood", "outage")]);
    assert_eq!(got.location(), "/control");
    assert_eq!(net.get("/linkedin/v2/userinfo", "").status, 503);
    let page = net.send(Method::GET, "/control", &[], "");
    assert!(page.text.contains("<option value=\"outage\" selected>"));
    let got = net.form("/control/people/linkedin/nobody/block", &[], &[]);
    assert!(got.status == 400 && got.text.contains("nobody") && got.header("content-type").starts_with("text/html"));
}

#[test]
fn consent_without_a_browser_is_the_same_door() {
    let mut net = Net::new();
    let back = net.consent(&pinterest::authorize(pinterest::SCOPES), "fernwehoutdoor");
    assert!(back.starts_with(&format!("{CALLBACK}?code=")), "{back}");
    net.person("pinterest", "fernwehoutdoor", "block");
    let body = json!({ "authorize_url": pinterest::authorize(pinterest::SCOPES), "username": "fernwehoutdoor" });
    let got = net.try_control("consent", &body);
    assert!(got.status == 400 && got.str("error").contains("restricted"), "{}", got.text);
}

#[test]
fn a_role_is_held_once() {
    let mut net = Net::new();
    let body = json!({ "network": "linkedin", "page": 1001, "username": "lea.hoffmann", "role": "ADMINISTRATOR" });
    net.control("roles", &body);
    net.control("roles", &body);
    let pages = read(&mut net, "state")["pages"].clone();
    let rows = pages[0]["roles"].as_array().unwrap().iter().filter(|row| row[0] == "lea.hoffmann").count();
    assert_eq!(rows, 1);
}

#[test]
fn registered_redirect_addresses_are_compared_letter_by_letter() {
    let authorize = pinterest::authorize(pinterest::SCOPES);
    let consent = json!({ "authorize_url": authorize, "username": "fernwehoutdoor" });
    for (registered, is_good) in [(CALLBACK.to_owned(), true), (format!("{CALLBACK}/"), false), (format!("{CALLBACK}?a=1"), false)] {
        let mut net = Net::new();
        net.control("apps", &json!({ "network": "pinterest", "redirect_uris": [registered] }));
        assert_eq!(net.try_control("consent", &consent).status == 200, is_good, "{registered}");
        let shown = net.get(&authorize, "");
        assert_eq!(shown.text.contains("letter by letter"), !is_good, "{registered}: {}", shown.text);
        assert!(shown.header("location").is_empty() || is_good, "never redirected to an address that is not registered");
    }
    let mut net = Net::new();
    let refused = |net: &mut Net, network: &str, uris: &str| {
        net.try_control("apps", &json!({ "network": network, "redirect_uris": [uris] })).status == 400
    };
    assert!(refused(&mut net, "pinterest", "nowhere") && refused(&mut net, "mastodon", CALLBACK), "said at once");
}

#[test]
fn a_world_begins_anew_and_hands_out_nothing_twice() {
    let mut net = Net::new();
    let people = |net: &mut Net| net.send(Method::GET, "/control/api/state", &[], "").json["people"].clone();
    let before = people(&mut net);
    let first = crate::tiktok::connect(&mut net, "fernweh.outdoor");
    net.control("mood", &json!({ "network": "tiktok", "mood": "outage" }));
    net.control("people/tiktok/gipfel.guides/block", &json!({}));
    net.control("clock", &json!({ "advance_seconds": 60 }));
    net.control("reset", &json!({}));
    let state = net.send(Method::GET, "/control/api/state", &[], "").json;
    assert_eq!((&state["moods"], &state["offset_seconds"]), (&json!({}), &json!(60)), "the clock alone goes on");
    assert_eq!(people(&mut net), before);
    let got = net.get("/tiktok/v2/user/info/?fields=open_id", &first.access);
    assert_eq!(got.status, 401, "what was handed out before is unknown: {}", got.text);
    let second = crate::tiktok::connect(&mut net, "fernweh.outdoor");
    assert!(second.access != first.access && second.refresh != first.refresh);
    let unknown = net.send(Method::GET, "/control/api/nothing", &[], "");
    assert!(unknown.status == 404 && unknown.str("error").contains("reset"), "{}", unknown.text);
}

/// What a form sends.
type Fields = Vec<(String, String)>;

/// The forms of the page: where each leads, and what is sent when it is pressed as it stands, once for each choice of its select.
fn forms(page: &str) -> Vec<(String, Vec<Fields>)> {
    let value = |tag: &str, name: &str| -> Option<String> {
        let rest = tag.split_once(&format!("{name}=\""))?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let mut all = vec![];
    for form in page.split("<form method=\"post\" action=\"/control/").skip(1) {
        let (action, rest) = form.split_once('"').unwrap();
        let inside = rest.split_once("</form>").unwrap().0;
        let mut fields = vec![];
        for tag in inside.split("<input ").skip(1).map(|rest| rest.split_once('>').unwrap().0) {
            let (name, mut filled) = (value(tag, "name").unwrap(), value(tag, "value").unwrap_or_default());
            if filled.is_empty() && tag.contains("required") {
                filled = format!("new{}", all.len());
            }
            fields.push((name, filled));
        }
        let mut sent = vec![fields.clone()];
        if let Some(select) = inside.split("<select ").nth(1) {
            let name = value(select, "name").unwrap();
            let options = select.split_once("</select>").unwrap().0.split("<option ").skip(1).map(|option| value(option, "value").unwrap());
            sent = options.map(|option| [&fields[..], &[(name.clone(), option)]].concat()).collect();
        }
        all.push((action.to_owned(), sent));
    }
    all
}

#[test]
fn whatever_the_api_can_do_stands_on_the_page_and_works_as_it_stands() {
    let mut net = Net::new();
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    let body = json!({ "source_info": { "source": "PULL_FROM_URL", "video_url": "https://fernweh.example/huts.mp4" },
        "post_info": { "privacy_level": "SELF_ONLY", "title": "Huts" } });
    let headers = [("authorization", &*format!("Bearer {}", tokens.access)), ("content-type", "application/json")];
    let got = net.send(Method::POST, "/tiktok/v2/post/publish/video/init/", &headers, &body.to_string());
    assert_eq!(got.status, 200, "{}", got.text);
    net.control("pages", &json!({ "page": 1002, "action": "delete" }));
    net.control("boards", &json!({ "board": 5001, "action": "delete" }));
    net.control("people/linkedin/tom.becker/block", &json!({}));
    net.control("people/instagram/fernweh.outdoor/make-personal", &json!({}));
    let page = net.send(Method::GET, "/control", &[], "");
    assert!(!page.text.contains("<script"), "works without JavaScript");
    let all = forms(&page.text);
    let missing = |wanted: &str| !all.iter().any(|(action, _)| action == wanted || action.ends_with(&format!("/{wanted}")));
    let calls = "clock people roles boards pages webhooks mood troubles comments posts apps registrations reset";
    let acts = "change-password reset-password block unblock delete revoke request-deletion make-personal make-business deactivate activate remove";
    let lost: Vec<&str> = calls.split(' ').chain(acts.split(' ')).filter(|wanted| missing(wanted)).collect();
    assert!(lost.is_empty(), "not on the page: {lost:?}");
    let untouched = net.world.clone();
    for (action, sent) in all {
        for fields in sent {
            let mut net = Net { world: untouched.clone(), now: net.now };
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let got = net.form(&format!("/control/{action}"), &[], &fields);
            let is_told = action == "webhooks" && got.status == 200 && got.text.contains("/api/webhooks/");
            assert!(is_told || got.header("location") == "/control", "{action} {fields:?}: {} {}", got.status, got.text);
        }
    }
}

#[test]
fn the_page_shows_what_is_switched_on_and_for_how_long() {
    let mut net = Net::new();
    let got = net.form("/control/troubles", &[], &[("network", "x"), ("trouble", "locked"), ("requests", "2")]);
    assert_eq!(got.location(), "/control");
    let got = net.form("/control/mood", &[], &[("network", "tumblr"), ("mood", "slow"), ("requests", "")]);
    assert_eq!(got.location(), "/control");
    let state = read(&mut net, "state");
    assert_eq!((&state["troubles"], &state["moods"]), (&json!({ "x": "locked" }), &json!({ "tumblr": ["slow", null] })));
    let page = net.send(Method::GET, "/control", &[], "");
    assert!(page.text.contains("<option value=\"locked\" selected>") && page.text.contains("<option value=\"slow\" selected>"));
    let got = net.form("/control/mood", &[], &[("network", "tumblr"), ("mood", "slow"), ("requests", "some")]);
    assert!(got.status == 400 && got.text.contains("body"), "{}", got.text);
    // A registered address, a list of them, and yes or no, as forms send them.
    net.form("/control/apps", &[], &[("network", "pinterest"), ("redirect_uris", "https://a.example/1 https://a.example/2")]);
    net.form("/control/apps", &[], &[("network", "linkedin"), ("refresh_tokens", "false")]);
    let page = net.send(Method::GET, "/control", &[], "");
    assert!(page.text.contains("value=\"https://a.example/1 https://a.example/2\"") && page.text.contains("Give the app refresh tokens"));
}
