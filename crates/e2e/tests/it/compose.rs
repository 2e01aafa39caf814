//! The pages on which people write, approve and answer.

use serde_json::json;

use crate::authorised::{call, key};
use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::waiting::texts_at;
use crate::world::{Demo, client, cookie_of, eventually};

async fn choose(browser: &Browser, profile: &str) {
    browser.run(&format!("document.querySelector('input[value=\"{profile}\"]').click()")).await;
}

#[tokio::test]
async fn a_post_is_written_measured_held_and_sent_in_a_browser() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let id = async |network: &str, name: &str| demo.profile_named(network, name).await["id"].as_str().unwrap().to_owned();
    let (page, xing) = (id("linkedin", "Fernweh Outdoor").await, id("xing", "Karl Voss").await);
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    sign_in(&browser, &demo).await;
    demo.gone("xing").await;
    browser.go("Compose").await;
    browser.see("What to say").await;
    browser.see("would be held until it is connected again").await;
    accessible(&browser, "compose").await;
    // The search narrows, and what is chosen and written stays.
    browser.fill("Text", "The new hut is open").await;
    choose(&browser, &page).await;
    browser.fill("Search", "Karl").await;
    browser.go("Filter").await;
    browser.see("Karl Voss").await;
    let kept = browser
        .run("return document.getElementById('text').value + document.querySelectorAll('input[name=profiles]:checked').length")
        .await;
    assert_eq!(kept, "The new hut is open1");
    // Measured while it is written, and by the button.
    choose(&browser, &xing).await;
    browser.see("Fits: 19 of 420").await;
    browser.fill("Text", &"x".repeat(421)).await;
    browser.see("the network takes 420").await;
    browser.go("Check").await;
    browser.see("Fits: 421 of 3000").await;
    browser.see("the network takes 420").await;
    accessible(&browser, "compose-checked").await;
    assert!(texts_at(&demo, "linkedin").await.is_empty(), "nothing is sent by a check");
    browser.fill("Text", "The new hut is open").await;
    browser.go("Publish").await;
    browser.see("What became of it").await;
    browser.see("Published.").await;
    browser.see("Held: there is no access token.").await;
    accessible(&browser, "compose-sent").await;
    assert_eq!(texts_at(&demo, "linkedin").await, ["The new hut is open"]);
    // A second one is withdrawn; only the first is sent after the reconnect.
    browser.goto(&format!("{}/compose", demo.running.url())).await;
    browser.fill("Text", "Not any more").await;
    choose(&browser, &xing).await;
    browser.go("Publish").await;
    browser.see("Held: there is no access token.").await;
    browser.go("Withdraw: Not any more").await;
    browser.see("withdrawn").await;
    assert_eq!(demo.refresh(&xing, "karl.voss").await.0, 200);
    eventually("the held post is sent", async || texts_at(&demo, "xing").await == ["The new hut is open"]).await;
    browser.goto(&format!("{}/compose", demo.running.url())).await;
    accessible(&browser, "compose-list").await;
    // What the page does not offer is said, by its name, and nothing is sent.
    browser.fill("Text", "By mistake").await;
    choose(&browser, &xing).await;
    browser.run("document.querySelector('select[name=hold]').selectedOptions[0].value = 'soon'").await;
    browser.go("Publish").await;
    browser.see("hold: is 0, 24, 72 or 168 hours").await;
    browser.run("document.querySelector('input[name=profiles]:checked').value = 'prf_of_somebody_else'").await;
    browser.go("Publish").await;
    browser.see("What became of it").await;
    browser.see("prf_of_somebody_else").await;
    browser.see("There is nothing here, or you may not see it.").await;
    assert_eq!(texts_at(&demo, "xing").await, ["The new hut is open"]);
}

#[tokio::test]
async fn a_tool_waits_for_the_named_user_who_approves_on_the_page() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, users) = demo.api("GET", "/users", None).await;
    let lena = users["items"].as_array().unwrap().iter().find(|user| user["email"] == "lena.arndt@fernweh.example").unwrap();
    let (_, tool) = key(&demo, &[&format!("posts:write approval={}", lena["id"].as_str().unwrap())]).await;
    for text in ["Written by a machine", "Nonsense by a machine"] {
        let path = format!("/profiles/{page}/posts");
        assert_eq!(call(demo.running.url(), &tool, "POST", &path, Some(json!({ "text": text }))).await.0, 202);
    }
    sign_in(&browser, &demo).await;
    browser.go("Compose").await;
    browser.see("Lena Arndt has to approve it").await;
    accessible(&browser, "compose-approve").await;
    browser.go("Decline: Nonsense by a machine").await;
    browser.see("decided by Lena Arndt").await;
    browser.go("Approve: Written by a machine").await;
    browser.see("published").await;
    assert_eq!(texts_at(&demo, "linkedin").await, ["Written by a machine"]);
}

#[tokio::test]
async fn comments_are_read_and_answered_and_what_cannot_be_is_said_before() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let id = async |network: &str, name: &str| demo.profile_named(network, name).await["id"].as_str().unwrap().to_owned();
    let (page, xing) = (id("linkedin", "Fernweh Outdoor").await, id("xing", "Karl Voss").await);
    let body = json!({ "profiles": [page, xing], "text": "The new hut is open" });
    let (_, posted) = demo.api("POST", "/posts", Some(body)).await;
    // A note would say what is wrong with it: at XING that nothing can be said under it.
    assert!(posted["items"].as_array().unwrap().iter().all(|item| item["result"] == "posted" && item["note"].is_null()), "{posted}");
    let at = posted["items"][0]["id"].as_str().unwrap();
    demo.control("/comments", json!({ "network": "linkedin", "post": at, "author": "Ada Visitor", "text": "Where is <b>it</b>?" })).await;
    sign_in(&browser, &demo).await;
    browser.go("Engagement").await;
    browser.see("Posts made here").await;
    browser.see("What is not possible").await;
    browser.see("XING discontinued").await;
    accessible(&browser, "engagement").await;
    let act = posted["items"][0]["act"].as_str().unwrap();
    browser.goto(&format!("{}/engagement?post={act}", demo.running.url())).await;
    browser.see("Where is <b>it</b>?").await;
    accessible(&browser, "engagement-post").await;
    browser.press("Answer: Ada Visitor").await;
    // What does not fit is told, and stands where it was written.
    browser.fill("Your answer to Ada Visitor", &"x".repeat(1_251)).await;
    browser.go_in("//li", "Send").await;
    browser.see("Shorten it by 1.").await;
    assert_eq!(browser.run("return document.getElementById('r-1').value.length").await, 1_251);
    accessible(&browser, "engagement-kept").await;
    browser.fill("Your answer to Ada Visitor", "In the valley").await;
    browser.go_in("//li", "Send").await;
    browser.see("It is said.").await;
    browser.see("In the valley").await;
    browser.fill("Your comment", "Open from June").await;
    browser.go_in("//section/form", "Send").await;
    browser.see("Open from June").await;
    // XING: comments yes, answers no, and the reason is there before anybody writes.
    let act = posted["items"][1]["act"].as_str().unwrap();
    browser.goto(&format!("{}/engagement?post={act}", demo.running.url())).await;
    browser.see("Your comment").await;
    let answers = browser.run("return document.querySelectorAll('input[name=in_reply_to]').length").await;
    assert_eq!(answers, 0);
    browser.fill("Your comment", "And more").await;
    browser.go("Send").await;
    browser.see("It is said.").await;
}

#[tokio::test]
async fn several_pictures_are_chosen_kept_by_a_check_and_sent_in_a_browser() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    sign_in(&browser, &demo).await;
    browser.go("Compose").await;
    browser.fill("Text", "Two views of the new hut").await;
    choose(&browser, &page).await;
    let files = "const all = new DataTransfer(); for (const n of ['1', '2']) all.items.add(new File([n], `${n}.png`, { type: 'image/png' })); \
                 const input = document.getElementById('picture'); input.files = all.files; input.dispatchEvent(new Event('change', { bubbles: true }))";
    browser.run(files).await;
    browser.fill("What each shows, for those who do not see it: one line each", "\nFrom the valley").await;
    browser.see("Fits: 24 of 3000").await;
    browser.go("Check").await;
    browser.see("Uploaded: image/png").await;
    accessible(&browser, "compose-pictures").await;
    let kept =
        browser.run("return document.querySelectorAll('input[name=picture_data]').length + document.getElementById('alt').value").await;
    assert_eq!(kept, "2\nFrom the valley");
    browser.go("Publish").await;
    browser.see("Published.").await;
    let url = format!("{}/control/api/state", demo.text("sandbox_url"));
    let state: serde_json::Value = client().get(url).send().await.unwrap().json().await.unwrap();
    let post = state["posts"].as_array().unwrap().iter().find(|post| post["network"] == "linkedin").unwrap();
    assert_eq!(post["media"].as_array().unwrap().len(), 2, "{post}");
}

/// A form as the page sends it, with a session.
async fn submit(demo: &Demo, cookie: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let part = |(name, value): &(&str, &str)| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = fields.iter().map(part).collect::<String>() + "--b--\r\n";
    let request = client().post(format!("{}/compose", demo.running.url())).header("origin", demo.running.url()).header("cookie", cookie);
    let answer = request.header("content-type", "multipart/form-data; boundary=b").body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A picture that is too large is left behind, and nothing else of what was written.
#[tokio::test]
async fn a_picture_that_is_too_large_takes_nothing_along() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let cookie = demo.sign_in("lena.arndt@fernweh.example").await;
    let large = "x".repeat(10 * 1024 * 1024 + 1);
    let fields =
        [("key", "k-large"), ("text", "The new hut is open"), ("picture", &large), ("hold", "24"), ("wish", "send"), ("profiles", &page)];
    let (_, shown) = submit(&demo, &cookie, &fields).await;
    assert!(shown.contains("10 MiB at most together"), "{shown}");
    assert!(shown.contains("The new hut is open</textarea>") && shown.contains(&format!("value=\"{page}\" checked")), "{shown}");
    assert!(shown.contains("<option value=\"24\" selected>") && !shown.contains("Uploaded"), "{shown}");
    assert!(texts_at(&demo, "linkedin").await.is_empty(), "nothing is sent");
}

/// Sent twice in a row, as without scripts a button is pressed twice: the second one learns that it is under way, and pressed once more
/// asks for the same act.
#[tokio::test]
async fn what_is_under_way_is_not_sent_a_second_time() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let cookie = demo.sign_in("lena.arndt@fernweh.example").await;
    demo.control("/mood", json!({ "network": "linkedin", "mood": "slow" })).await;
    let key = |shown: &str| shown.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let send = async |key: &str| {
        let fields = [("key", key), ("text", "The new hut is open"), ("hold", "24"), ("wish", "send"), ("profiles", page.as_str())];
        submit(&demo, &cookie, &fields).await.1
    };
    let later = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        send("k-twice").await
    };
    let (first, second) = tokio::join!(send("k-twice"), later);
    assert!(first.contains("Published.") && second.contains("is being worked on"), "{first}\n{second}");
    assert!(second.contains("The new hut is open</textarea>"), "{second}");
    let third = send(&key(&second)).await;
    assert!(third.contains("Published."), "{third}");
    assert_eq!(texts_at(&demo, "linkedin").await, ["The new hut is open"]);
}

/// As many as over the API; whoever chose more reads it before anything is sent, and keeps what they wrote.
#[tokio::test]
async fn a_post_goes_to_as_many_profiles_as_over_the_api() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let cookie = demo.sign_in("lena.arndt@fernweh.example").await;
    let others: Vec<String> = (1..=100).map(|n| format!("prf_{n:032x}")).collect();
    let written = [("key", "k-many"), ("text", "The new hut is open"), ("hold", "24"), ("wish", "send"), ("profiles", page.as_str())];
    let fields: Vec<(&str, &str)> = written.into_iter().chain(others.iter().map(|id| ("profiles", id.as_str()))).collect();
    let (status, shown) = submit(&demo, &cookie, &fields).await;
    assert!(status == 200 && shown.contains("A post goes to 100 profiles at most, and 101 are chosen."), "{shown}");
    assert!(shown.contains("The new hut is open</textarea>") && shown.contains(&format!("value=\"{page}\" checked")), "{shown}");
    assert!(texts_at(&demo, "linkedin").await.is_empty(), "nothing is sent");
    let (_, shown) = submit(&demo, &cookie, &fields[..fields.len() - 1]).await;
    assert!(!shown.contains("are chosen"), "{shown}");
    assert_eq!(texts_at(&demo, "linkedin").await, ["The new hut is open"]);
}

/// One place decides who takes an act back, on the pages as over the API: also whoever may comment and not publish takes back their own.
#[tokio::test]
async fn whoever_may_only_comment_takes_their_own_comment_back() {
    let demo = Demo::start();
    let url = demo.running.url();
    let brand = demo.named("/teams", "Brand").await;
    let set = json!({ "name": "Answers", "permissions": ["comments:read", "comments:write"] });
    let (_, set) = demo.api("POST", "/permission-sets", Some(set)).await;
    let place = json!([{ "id": set["id"], "team_id": brand }]);
    let new = json!({ "email": "nele@fernweh.example", "name": "Nele Ruhr", "role": "viewer", "permission_sets": place });
    let (status, user) = demo.api("POST", "/users", Some(new)).await;
    assert_eq!(status, 201, "{user}");
    let arrived = client().post(user["invitation"].as_str().unwrap()).header("origin", url);
    let cookie = cookie_of(&arrived.form(&[("password", "a-good-long-password")]).send().await.unwrap());
    let get = async |path: &str| client().get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap();
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let request = client().post(format!("{url}{path}")).header("cookie", &cookie).header("origin", url);
        request.form(fields).send().await.unwrap()
    };

    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, posted) = demo.api("POST", &format!("/profiles/{page}/posts"), Some(json!({ "text": "The new hut is open" }))).await;
    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    demo.gone("linkedin").await;
    let fields = [("key", "k-1"), ("text", "In the valley")];
    let said = post(&format!("/engagement/{}", posted["act"].as_str().unwrap()), &fields).await;
    let shown = said.text().await.unwrap();
    assert!(shown.contains("It waits"), "{shown}");
    assert_eq!(get("/compose").await.status(), 403, "she publishes nothing");
    let list: serde_json::Value = get("/api/v1/waiting-acts").await.json().await.unwrap();
    let act = list["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned();

    // What waits is shown where it was said, and taken back there.
    let way = format!("/compose/{act}/withdraw?from=engagement");
    let shown = get("/engagement").await.text().await.unwrap();
    assert!(shown.contains(&way) && shown.contains("In the valley"), "{shown}");
    assert_eq!(post(&format!("/compose/{}/withdraw", posted["act"].as_str().unwrap()), &[]).await.status(), 404, "not somebody else's");
    let done = post(&way, &[]).await;
    assert_eq!((done.status().as_u16(), done.headers()["location"].to_str().unwrap()), (303, "/engagement#acts"));
    let act: serde_json::Value = get(&format!("/api/v1/waiting-acts/{act}")).await.json().await.unwrap();
    assert_eq!(act["state"], "withdrawn", "{act}");
    assert!(!get("/engagement").await.text().await.unwrap().contains("/withdraw"));
}
