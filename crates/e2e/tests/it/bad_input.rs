//! Wrong input gets a clear answer that says what to do, and loses nothing.

use serde_json::json;

use crate::world::{Demo, client};

#[tokio::test]
async fn callbacks_that_are_not_ours_or_not_any_more() {
    let demo = Demo::start();
    let http = client();
    let url = demo.running.url();
    let page = async |address: &str| {
        let answer = http.get(address).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = page(&format!("{url}/oauth/callback/linkedin?code=x&state=foreign")).await;
    assert!(status == 409 && text.contains("Nobody began this login here"), "{text}");
    let (status, text) = page(&format!("{url}/oauth/callback/linkedin")).await;
    assert!(status == 409 && text.contains("This address is incomplete"), "{text}");
    assert_eq!(page(&format!("{url}/oauth/callback/myspace?state=x")).await.0, 404);

    let (_, begun) = demo.api("POST", "/connections", Some(json!({ "network": "pinterest" }))).await;
    let back = demo.consent(&begun["authorize_url"], "gipfelguides").await;
    let mixed = back.replace("/oauth/callback/pinterest", "/oauth/callback/tiktok");
    assert_eq!(page(&mixed).await.0, 409, "NT-03: network A's callback with B's state");
    assert_eq!(page(&back).await.0, 200, "and B's own still works");
    let (status, text) = page(&back).await;
    assert!(status == 409 && text.contains("This login was used already"), "{text}");

    let (_, begun) = demo.api("POST", "/connections", Some(json!({ "network": "xing" }))).await;
    let denied =
        demo.control("/consent", json!({ "authorize_url": begun["authorize_url"], "username": "jana.lindner", "deny": true })).await;
    let (status, text) = page(denied["redirect_to"].as_str().unwrap()).await;
    assert!(status == 409 && text.contains("The login was cancelled"), "{text}");
    let (_, connection) = demo.api("GET", &format!("/connections/{}", begun["id"].as_str().unwrap()), None).await;
    assert_eq!((connection["status"].as_str(), connection["error"]["code"].as_str()), (Some("failed"), Some("denied")));

    let (_, begun) = demo.api("POST", "/connections", Some(json!({ "network": "linkedin" }))).await;
    let back = demo.consent(&begun["authorize_url"], "tom.becker").await;
    demo.control("/mood", json!({ "network": "linkedin", "mood": "outage", "requests": 1 })).await;
    let (status, text) = page(&back).await;
    assert!(status == 409 && text.contains("LinkedIn did not answer"), "{text}");

    let (_, begun) = demo.api("POST", "/connections", Some(json!({ "network": "tiktok" }))).await;
    let answer = demo
        .control(
            "/consent",
            json!({ "authorize_url": begun["authorize_url"], "username": "gipfel.guides", "drop_scopes": ["video.publish"] }),
        )
        .await;
    assert_eq!(page(answer["redirect_to"].as_str().unwrap()).await.0, 200);
    let (_, connection) = demo.api("GET", &format!("/connections/{}", begun["id"].as_str().unwrap()), None).await;
    assert_eq!(connection["error"]["code"], "scopes_missing", "{connection}");
    assert_eq!(connection["error"]["expected"], json!(["video.publish"]));
}

#[tokio::test]
async fn api_bodies_say_which_field() {
    let demo = Demo::start();
    let (status, problem) = demo.api("POST", "/connections", Some(json!({ "network": "myspace" }))).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("network")));
    assert!(problem["detail"].as_str().unwrap().contains("linkedin, tiktok"));
    let (status, problem) = demo.api("POST", "/connections", Some(json!({ "netwerk": "linkedin" }))).await;
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("netwerk"), "{problem}");
    let (status, problem) = demo.api("GET", "/profiles?status=green", None).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("status")));
    for path in ["/profiles/nonsense", "/profiles/prf_00000000000000000000000000000001", "/connections/nonsense"] {
        assert_eq!(demo.api("GET", path, None).await.0, 404, "{path}");
    }
    let lea = demo.connect("linkedin", "lea.hoffmann").await;
    assert_eq!(lea["profiles"].as_array().unwrap().len(), 1, "a person without any page still has their own profile");
    let first = demo.connect("linkedin", "tom.becker").await;
    assert_eq!(first["status"], "complete");
    let outdoor = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let path = format!("/profiles/{}", outdoor["id"].as_str().unwrap());
    let accesses = async || demo.api("GET", &path, None).await.1["accesses"].as_array().unwrap().clone();
    assert_eq!(accesses().await.len(), 2, "two people hold the page now");
    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    let ended = async || accesses().await.iter().filter(|access| !access["cause"].is_null()).count() == 1;
    demo.as_time_passes("one of both has ended", ended).await;
    assert_eq!(demo.profile_named("linkedin", "Fernweh Outdoor").await["status"], "connected", "one good access is enough");
}

#[tokio::test]
async fn a_renewal_link_works_once_for_somebody_without_an_account() {
    let demo = Demo::start();
    let http = client();
    let profile = demo.profile_named("xing", "Karl Voss").await;
    let body = json!({ "via": "link", "email": "karl@voss.example" });
    let (status, made) = demo.api("POST", &format!("/profiles/{}/refresh-connection", profile["id"].as_str().unwrap()), Some(body)).await;
    assert_eq!(status, 201);
    let link = made["link"].as_str().unwrap();
    let mail = demo.mail("karl@voss.example", "Please renew").await;
    assert!(mail["text"].as_str().unwrap().contains(link));
    for _ in 0..3 {
        let page = http.get(link).send().await.unwrap();
        assert_eq!(page.status(), 200, "looking never consumes");
    }
    let use_link = async || {
        let answer = http.post(link).header("origin", demo.running.url()).send().await.unwrap();
        let cookie = answer.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), cookie.unwrap_or_default(), to.unwrap_or_default())
    };
    let (status, cookie, to) = use_link().await;
    assert_eq!(status, 303);
    let wrong = demo.consent(&json!(to), "jana.lindner").await;
    let answer = http.get(wrong).header("cookie", &cookie).send().await.unwrap();
    assert!(answer.status() == 409 && answer.text().await.unwrap().contains("Expected: Karl Voss"));
    let (_, cookie, to) = use_link().await;
    let back = demo.consent(&json!(to), "karl.voss").await;
    let elsewhere = http.get(&back).send().await.unwrap();
    assert!(elsewhere.text().await.unwrap().contains("begun in another browser"), "NT-01: bound to the browser");
    let answer = http.get(back).header("cookie", &cookie).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("The connection is green again"));
    assert_eq!(http.get(link).send().await.unwrap().status(), 410, "used up");
}

/// The session ends while the person is at the network: what they did there is kept, and they are asked to sign in.
#[tokio::test]
async fn a_session_that_ends_between_start_and_callback_loses_nothing() {
    let demo = Demo::start();
    let http = client();
    let url = demo.running.url().to_owned();
    let sign_in = async || {
        let form = [("email", demo.text("user")), ("password", demo.text("password"))];
        let answer = http.post(format!("{url}/sign-in")).header("origin", &url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    };
    let cookie = sign_in().await;
    let leave = http.post(format!("{url}/settings/profiles/add/linkedin")).header("origin", &url).header("cookie", &cookie);
    let answer = leave.form(&[("hint", "")]).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let bound = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    let ended = http.post(format!("{url}/sign-out")).header("origin", &url).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(ended.status(), 303);
    let back = demo.consent(&json!(to), "lea.hoffmann").await;
    let answer = http.get(back).header("cookie", format!("{cookie}; {bound}")).send().await.unwrap();
    assert_eq!(answer.status(), 303, "the callback itself needs no session");
    let choose = answer.headers()["location"].to_str().unwrap().to_owned();
    let page = http.get(format!("{url}{choose}")).header("cookie", &cookie).send().await.unwrap();
    let asked = page.headers()["location"].to_str().unwrap().to_owned();
    assert!(page.status() == 303 && asked.starts_with("/sign-in?") && asked.contains("connections"), "{asked}");
    let page = http.get(format!("{url}{choose}")).header("cookie", sign_in().await).send().await.unwrap();
    let text = page.text().await.unwrap();
    assert!(text.contains("Choose profiles") && text.contains("Lea Hoffmann"), "{text}");
}

/// Two people connect the same profile at the same moment: one profile, two accesses, nothing lost.
#[tokio::test]
async fn two_people_connecting_the_same_profile_make_it_stronger() {
    let demo = Demo::start();
    for username in ["jana.lindner", "tom.becker"] {
        demo.control(&format!("/people/linkedin/{username}/revoke"), json!({})).await;
    }
    let begun = async || demo.api("POST", "/connections", Some(json!({ "network": "linkedin" }))).await.1;
    let (one, two) = (begun().await, begun().await);
    let (first, second) =
        (demo.consent(&one["authorize_url"], "jana.lindner").await, demo.consent(&two["authorize_url"], "tom.becker").await);
    let http = client();
    let (first, second) = tokio::join!(http.get(first).send(), http.get(second).send());
    assert!(first.unwrap().status().is_success() && second.unwrap().status().is_success());
    let choose = async |begun: &serde_json::Value| {
        let path = format!("/connections/{}/profiles", begun["id"].as_str().unwrap());
        demo.api("POST", &path, Some(json!({ "ids": ["urn:li:organization:1001"] }))).await
    };
    let (first, second) = tokio::join!(choose(&one), choose(&two));
    assert!(first.0 < 300 && second.0 < 300, "{first:?} {second:?}");
    let outdoor: Vec<_> = demo.profiles("linkedin").await.into_iter().filter(|profile| profile["name"] == "Fernweh Outdoor").collect();
    assert_eq!(outdoor.len(), 1);
    let (_, whole) = demo.api("GET", &format!("/profiles/{}", outdoor[0]["id"].as_str().unwrap()), None).await;
    assert_eq!(whole["accesses"].as_array().unwrap().len(), 2, "{whole}");
    demo.until("linkedin", "connected").await;
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_the_reader_s_language() {
    let demo = Demo::start();
    let (http, url, cookie) = (client(), demo.running.url(), demo.admin().await);
    let post = async |path: &str, form: &[(&str, &str)]| {
        let request = http.post(format!("{url}{path}")).header("origin", url).header("cookie", &cookie);
        let answer = request.form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let account = |language| [("name", "Lena Arndt"), ("language", language), ("time_zone", "Europe/Berlin"), ("theme", "auto")];
    let nobody = "/settings/profiles/prf_00000000000000000000000000000001/check";
    for (language, words) in [
        ("en", ["There is nothing here", "is not a mail address", "is not an address", "choose 1 to 200 profiles", "is not a time zone"]),
        (
            "de",
            [
                "Hier ist nichts",
                "Das ist keine E-Mail-Adresse.",
                "Das ist keine Adresse",
                "Wählen Sie 1 bis 200 Profile.",
                "Das ist keine Zeitzone",
            ],
        ),
    ] {
        assert_eq!(post("/account", &account(language)).await.0, 303);
        let hook = [("name", "x"), ("kind", "webhook"), ("url", "nonsense"), ("events", "profile.connected"), ("signature", "hmac")];
        let wrong = [
            post(nobody, &[]).await,
            post("/settings/users", &[("name", "x"), ("email", "nobody")]).await,
            post("/settings/webhooks", &hook).await,
            post("/settings/profiles/bulk", &[]).await,
            post("/account", &[("name", "Lena Arndt"), ("language", language), ("time_zone", "Nowhere/Land"), ("theme", "auto")]).await,
        ];
        for ((status, page), words) in wrong.iter().zip(words) {
            assert!(page.contains(words), "{language} {words}: {status} {page}");
        }
    }
}

#[tokio::test]
async fn renewal_links_that_are_over_made_up_or_about_nothing_lead_nowhere() {
    let demo = Demo::start();
    let (http, url) = (client(), demo.running.url());
    let make = async |network: &str, name: &str| {
        let profile = demo.profile_named(network, name).await["id"].as_str().unwrap().to_owned();
        let (status, made) = demo.api("POST", &format!("/profiles/{profile}/refresh-connection"), Some(json!({ "via": "link" }))).await;
        assert_eq!(status, 201, "{made}");
        (profile, made["link"].as_str().unwrap().to_owned())
    };
    let over = async |link: &str, why: &str| {
        for (method, answer) in [("looking", http.get(link)), ("using", http.post(link).header("origin", url))] {
            let answer = answer.send().await.unwrap();
            let (status, leads) = (answer.status(), answer.headers().contains_key("location"));
            let page = answer.text().await.unwrap();
            assert!(status == 410 && !leads && page.contains("This link is not valid any more"), "{why}, {method}: {status} {page}");
        }
    };
    over(&format!("{url}/renew/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "made up").await;
    let (karl, about_nothing) = make("xing", "Karl Voss").await;
    assert_eq!(demo.api("DELETE", &format!("/profiles/{karl}"), None).await.0, 204);
    over(&about_nothing, "the profile was deleted").await;
    let (_, late) = make("linkedin", "Fernweh Outdoor").await;
    assert_eq!(http.get(&late).send().await.unwrap().status(), 200);
    demo.control("/clock", json!({ "advance_seconds": 72 * 3600 + 1 })).await;
    over(&late, "three days later").await;
}

/// Whoever is gone leaves no silence behind: the page says beforehand who hears of it instead, and they do.
#[tokio::test]
async fn promise_4_presets_of_a_deleted_user_and_a_disabled_owner_are_nobody_s_silence() {
    let demo = Demo::start();
    let (url, cookie) = (demo.running.url(), demo.admin().await);
    let page = async |profile: &str| {
        let request = client().get(format!("{url}/settings/profiles/{profile}/notifications")).header("cookie", &cookie);
        request.send().await.unwrap().text().await.unwrap()
    };
    let nele = demo.api("POST", "/users", Some(json!({ "email": "nele@fernweh.example" }))).await.1["id"].clone();
    let preset = demo.api("PUT", "/page-presets/x", Some(json!({ "owner_id": nele }))).await;
    assert_eq!((preset.0, &preset.1["owner_id"]), (200, &nele));
    assert_eq!(demo.api("DELETE", &format!("/users/{}", nele.as_str().unwrap()), None).await.0, 204);
    assert_eq!(demo.api("GET", "/page-presets/x", None).await.1["owner_id"], json!(null), "the presets name nobody now");
    assert_eq!(demo.api("PUT", "/page-presets/x", Some(json!({ "owner_id": nele }))).await.0, 422, "nor can they again");
    demo.connect("x", "jana_lindner").await;
    let orphan = demo.profiles("x").await[0].clone();
    assert_eq!((&orphan["owner_id"], &orphan["status"]), (&json!(null), &json!("connected")), "{orphan}");
    let warned = page(orphan["id"].as_str().unwrap()).await;
    assert!(warned.contains("The profile has no owner.") && warned.contains("Lena Arndt"), "{warned}");

    let karl = demo.profile_named("xing", "Karl Voss").await;
    let tobias = format!("/users/{}", karl["owner_id"].as_str().unwrap());
    assert_eq!(demo.api("PATCH", &tobias, Some(json!({ "disabled": true }))).await.0, 200);
    let warned = page(karl["id"].as_str().unwrap()).await;
    assert!(warned.contains("account is disabled") && warned.contains("Lena Arndt"), "{warned}");
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    demo.mail("lena.arndt@fernweh.example", "Karl Voss").await;
    assert!(demo.mails().await.iter().all(|mail| mail["to"] != "tobias.kern@fernweh.example"), "nothing to an account that is off");
}
