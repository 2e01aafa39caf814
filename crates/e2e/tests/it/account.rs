//! The own account: where somebody begins and where they live, chosen and not typed; and who may only look is offered nothing else.

use serde_json::json;

use crate::world::{Demo, client, cookie_of};

/// Somebody signs in; their cookie, and where that leads.
async fn sign_in(demo: &Demo, email: &str, next: &str) -> (String, String) {
    let url = demo.running.url();
    let form = [("email", email), ("password", &demo.text("password")), ("next", next)];
    let answer = client().post(format!("{url}/sign-in")).header("origin", url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303, "{email}");
    (cookie_of(&answer), answer.headers()["location"].to_str().unwrap().to_owned())
}

async fn get(demo: &Demo, cookie: &str, path: &str) -> String {
    client().get(format!("{}{path}", demo.running.url())).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
}

async fn post(demo: &Demo, cookie: &str, path: &str, form: &[(&str, &str)]) -> (u16, String) {
    let url = demo.running.url();
    let request = client().post(format!("{url}{path}")).header("origin", url).header("cookie", cookie);
    let answer = request.form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_start_page_opens_after_signing_in_while_it_may_be_opened() {
    let demo = Demo::start();
    let mira = "mira.sato@fernweh.example";
    let (cookie, to) = sign_in(&demo, mira, "/").await;
    assert_eq!(to, "/");
    let chosen = |page: &'static str| {
        [("name", "Mira Sato"), ("language", "en"), ("time_zone", "Europe/Berlin"), ("theme", "auto"), ("start_page", page)]
    };
    for (page, path) in
        [("my_profiles", "/settings/profiles?mine=1"), ("forecast", "/forecast"), ("compose", "/compose"), ("nowhere", "/compose")]
    {
        assert_eq!(post(&demo, &cookie, "/account", &chosen(page)).await.0, 303, "{page}");
        assert_eq!(sign_in(&demo, mira, "/").await.1, path, "{page}");
    }
    assert_eq!(sign_in(&demo, mira, "/account").await.1, "/account", "whoever was on the way somewhere goes there");
    // As a viewer she publishes no more: the page is neither opened nor offered.
    let users = demo.api("GET", "/users", None).await.1;
    let user = users["items"].as_array().unwrap().iter().find(|user| user["email"] == mira).unwrap();
    assert_eq!(user["start_page"], "compose");
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    assert_eq!(demo.api("PATCH", &path, Some(json!({ "role": "viewer" }))).await.0, 200);
    let (cookie, to) = sign_in(&demo, mira, "/").await;
    assert_eq!(to, "/");
    assert!(!get(&demo, &cookie, "/account").await.contains("value=\"compose\""));
}

#[tokio::test]
async fn a_time_zone_is_one_of_those_there_are_and_comes_with_the_invitation() {
    let demo = Demo::start();
    let (cookie, _) = sign_in(&demo, "lena.arndt@fernweh.example", "/").await;
    let page = get(&demo, &cookie, "/account").await;
    assert!(page.contains("<option value=\"Europe/Berlin\" selected>") && page.contains("<option value=\"Asia/Tokyo\">"), "{page}");
    let save = async |zone: &str| {
        let form = [("name", "Lena Arndt"), ("language", "en"), ("time_zone", zone), ("theme", "auto")];
        post(&demo, &cookie, "/account", &form).await
    };
    let (status, page) = save("Mars/Olympus").await;
    assert!(status == 200 && page.contains("is not a time zone"), "said in the form: {page}");
    assert!(get(&demo, &cookie, "/account").await.contains("<option value=\"Europe/Berlin\" selected>"), "and nothing is stored");
    assert_eq!(save("Asia/Tokyo").await.0, 303);

    // Who is invited lives where whoever invites does, unless that is said; and says it when choosing the password.
    let new = [("email", "nele@fernweh.example"), ("name", "Nele"), ("role", "standard_user"), ("language", "de")];
    let (status, page) = post(&demo, &cookie, "/settings/users", &new).await;
    assert_eq!(status, 200, "{page}");
    let link = page.split("<code class=\"copy\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let stored = async |email: &str| {
        let users = demo.api("GET", "/users", None).await.1;
        let user = users["items"].as_array().unwrap().iter().find(|user| user["email"] == email).unwrap().clone();
        (user["language"].clone(), user["time_zone"].clone())
    };
    assert_eq!(stored("nele@fernweh.example").await, (json!("de"), json!("Asia/Tokyo")));
    let path = link.strip_prefix(demo.running.url()).unwrap();
    assert!(get(&demo, "", path).await.contains("<option value=\"Asia/Tokyo\" selected>"));
    let wrong = [("password", "a-good-long-password"), ("language", "en"), ("time_zone", "nowhere")];
    assert_eq!(post(&demo, "", path, &wrong).await.0, 422, "the link is not used up by that");
    let chosen = [("password", "a-good-long-password"), ("language", "en"), ("time_zone", "America/New_York")];
    assert_eq!(post(&demo, "", path, &chosen).await.0, 303);
    assert_eq!(stored("nele@fernweh.example").await, (json!("en"), json!("America/New_York")));

    let (status, problem) = demo.api("POST", "/users", Some(json!({ "email": "a@b.example", "time_zone": "Mars/Olympus" }))).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("time_zone")), "{problem}");
    let new = json!({ "email": "a@b.example", "time_zone": "Asia/Kolkata", "language": "de" });
    let (status, made) = demo.api("POST", "/users", Some(new)).await;
    assert_eq!((status, &made["time_zone"], &made["language"]), (201, &json!("Asia/Kolkata"), &json!("de")), "{made}");
}

#[tokio::test]
async fn who_may_only_look_is_offered_nothing_that_would_be_refused() {
    let demo = Demo::start();
    let users = demo.api("GET", "/users", None).await.1;
    let tobias = users["items"].as_array().unwrap().iter().find(|user| user["name"] == "Tobias Kern").unwrap()["id"].clone();
    assert_eq!(demo.api("PATCH", &format!("/users/{}", tobias.as_str().unwrap()), Some(json!({ "role": "viewer" }))).await.0, 200);
    let english = ["Refresh Connection", "Check now", "Delete", "Add Profiles", "Profile Settings"];
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let path = format!("/settings/profiles/{}", profile["id"].as_str().unwrap());
    let (cookie, _) = sign_in(&demo, "tobias.kern@fernweh.example", "/").await;
    let form = [("name", "Tobias Kern"), ("language", "en"), ("time_zone", "Europe/Berlin"), ("theme", "auto")];
    assert_eq!(post(&demo, &cookie, "/account", &form).await.0, 303);
    // LinkedIn's are his team's, and Lena's.
    let list = get(&demo, &cookie, "/settings/profiles?network=linkedin").await;
    assert!(list.contains("Fernweh Outdoor"), "{list}");
    assert_eq!(english.map(|words| list.contains(words)), [false, false, false, false, true], "{list}");
    let page = get(&demo, &cookie, &path).await;
    assert!(page.contains("You can look at these settings, not change them.") && !page.contains(">Save<"), "{page}");
    assert_eq!(post(&demo, &cookie, &path, &[("owner", tobias.as_str().unwrap()), ("enabled", "1")]).await.0, 403);
    // What he owns he repairs: the mail that asks for it leads somewhere.
    let list = get(&demo, &cookie, "/settings/profiles?network=xing").await;
    assert_eq!(english.map(|words| list.contains(words)), [true, true, false, false, true], "{list}");
}

#[tokio::test]
async fn a_session_is_named_by_its_browser_and_ended_from_another_one_of_the_same_user_only() {
    let demo = Demo::start();
    let url = demo.running.url();
    let (lena, mira) = (demo.admin().await, demo.sign_in("mira.sato@fernweh.example").await);
    let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";
    let form = [("email", demo.text("user")), ("password", demo.text("password"))];
    let elsewhere = client().post(format!("{url}/sign-in")).header("origin", url).header("user-agent", firefox).form(&form);
    let elsewhere = cookie_of(&elsewhere.send().await.unwrap());
    let status = async |cookie: &str| client().get(url).header("cookie", cookie).send().await.unwrap().status().as_u16();
    assert_eq!(status(&elsewhere).await, 200);
    let page = get(&demo, &lena, "/account").await;
    assert!(page.contains("Firefox on Windows"), "{page}");
    let ends: Vec<&str> =
        page.split("action=\"/account/sessions/").skip(1).filter_map(|rest| rest.split_once('"').map(|(to, _)| to)).collect();
    assert_eq!(ends.len(), 1, "one's own is left by signing out: {page}");
    let end = format!("/account/sessions/{}", ends[0]);
    post(&demo, &mira, &end, &[]).await;
    assert_eq!(status(&elsewhere).await, 200, "nobody ends somebody else's");
    assert_eq!(post(&demo, &lena, &end, &[]).await.0, 303);
    assert_eq!((status(&elsewhere).await, status(&lena).await), (303, 200));
    assert!(!get(&demo, &lena, "/account").await.contains("Firefox on Windows"));
}
