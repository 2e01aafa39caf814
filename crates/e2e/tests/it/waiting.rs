//! Posts that wait: checked beforehand, held until there is a token, approved by name, and never said twice.

use serde_json::{Value, json};

use crate::authorised::{call, key};
use crate::world::{Demo, client, eventually};

/// The same with a key of the sender.
pub(crate) async fn keyed(demo: &Demo, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = client().post(format!("{}/api/v1{path}", demo.running.url())).bearer_auth(demo.text("api_key"));
    let answer = request.header("idempotency-key", key).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What the simulated network has, in its own books.
pub(crate) async fn texts_at(demo: &Demo, network: &str) -> Vec<String> {
    let url = format!("{}/control/api/state", demo.text("sandbox_url"));
    let state: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    let posts = state["posts"].as_array().unwrap().iter().filter(|post| post["network"] == network);
    posts.map(|post| post["text"].as_str().unwrap().to_owned()).collect()
}

async fn id_of(demo: &Demo, network: &str, name: &str) -> String {
    demo.profile_named(network, name).await["id"].as_str().unwrap().to_owned()
}

fn result_of<'a>(answer: &'a Value, profile: &str) -> &'a Value {
    answer["items"].as_array().unwrap().iter().find(|item| item["profile"] == profile).unwrap()
}

#[tokio::test]
async fn a_post_is_measured_by_each_network_before_anything_is_sent() {
    let demo = Demo::start();
    let (linkedin, xing) = (id_of(&demo, "linkedin", "Fernweh Outdoor").await, id_of(&demo, "xing", "Karl Voss").await);
    let tiktok = id_of(&demo, "tiktok", "Fernweh Outdoor").await;
    let check = async |text: &str, more: Value| {
        let mut body = json!({ "profiles": [linkedin, xing, tiktok, "prf_00000000000000000000000000000001"], "text": text });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = demo.api("POST", "/posts/check", Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let answer = check(&"ä".repeat(500), json!({})).await;
    let fits = result_of(&answer, &linkedin);
    assert_eq!((fits["fits"].as_bool(), fits["counted"].as_i64(), fits["max"].as_i64()), (Some(true), Some(500), Some(3000)), "{answer}");
    assert_eq!(fits["would"], "post");
    let no = result_of(&answer, &xing);
    assert!(
        no["fits"] == false && no["problem"]["field"] == "text" && no["problem"]["detail"].as_str().unwrap().contains("420"),
        "{answer}"
    );
    assert_eq!(result_of(&answer, &tiktok)["problem"]["field"], "media", "TikTok has no posts without a film");
    assert_eq!(result_of(&answer, "prf_00000000000000000000000000000001")["problem"]["code"], "not_found");
    let answer = check("Hello", json!({ "link": "javascript:alert(1)" })).await;
    assert_eq!(result_of(&answer, &linkedin)["problem"]["field"], "link");
    let answer = check("Hello", json!({ "media": [{ "content_type": "image/png", "data": "aGk=" }] })).await;
    assert_eq!(result_of(&answer, &xing)["problem"]["field"], "media");
    assert_eq!(result_of(&answer, &linkedin)["fits"], true);
    // What the check says, publishing does: nothing was sent, and no token was looked at.
    let (status, problem) = demo.api("POST", &format!("/profiles/{xing}/posts"), Some(json!({ "text": "ä".repeat(500) }))).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("text")));
    let (_, audit) = demo.api("GET", &format!("/audit?profile={xing}&act=posts:write"), None).await;
    assert_eq!(audit["items"], json!([]), "no token was used");
    for body in [json!({ "profiles": [], "text": "x" }), json!({ "profiles": [xing], "text": "x", "hold_until": "soon" })] {
        assert_eq!(demo.api("POST", "/posts", Some(body.clone())).await.0, 422, "{body}");
    }
}

#[tokio::test]
async fn several_profiles_each_have_a_result_and_a_retry_says_nothing_twice() {
    let demo = Demo::start();
    let (linkedin, xing) = (id_of(&demo, "linkedin", "Fernweh Outdoor").await, id_of(&demo, "xing", "Karl Voss").await);
    let tiktok = id_of(&demo, "tiktok", "Fernweh Outdoor").await;
    let body = json!({ "profiles": [linkedin, xing, tiktok], "text": "The new hut is open" });
    // XING carries it out and its answer is lost: nobody knows.
    demo.control("/mood", json!({ "network": "xing", "mood": "lost_answer" })).await;
    let (status, first) = keyed(&demo, "/posts", "k-1", &body).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(result_of(&first, &linkedin)["result"], "posted", "{first}");
    assert_eq!(result_of(&first, &tiktok)["result"], "refused", "{first}");
    let unclear = result_of(&first, &xing);
    assert!(unclear["result"] == "unclear" && unclear["act"].is_string(), "{first}");
    assert_eq!(texts_at(&demo, "xing").await.len(), 1, "it is there");
    // As long as XING cannot be asked, it stays unclear, and nothing is repeated.
    let (_, again) = keyed(&demo, "/posts", "k-1", &body).await;
    assert_ne!(result_of(&again, &xing)["result"], "posted", "{again}");
    demo.control("/mood", json!({ "network": "xing", "mood": "normal" })).await;
    // Then the network is asked, and found to have it.
    let (_, again) = keyed(&demo, "/posts", "k-1", &body).await;
    assert_eq!(result_of(&again, &linkedin), result_of(&first, &linkedin), "the same post");
    assert_eq!(result_of(&again, &xing)["result"], "posted", "{again}");
    assert_eq!((texts_at(&demo, "linkedin").await.len(), texts_at(&demo, "xing").await.len()), (1, 1));
    // The same key with other words is another request.
    let other = json!({ "profiles": [linkedin], "text": "Something else" });
    let (_, answer) = keyed(&demo, "/posts", "k-1", &other).await;
    assert_eq!(result_of(&answer, &linkedin)["problem"]["code"], "idempotency_key_reused", "{answer}");

    // LinkedIn cannot be asked: it stays unclear until somebody who looked there says so.
    demo.control("/mood", json!({ "network": "linkedin", "mood": "lost_answer" })).await;
    let body = json!({ "text": "A second one" });
    let (status, problem) = keyed(&demo, &format!("/profiles/{linkedin}/posts"), "k-2", &body).await;
    assert_eq!((status, problem["code"].as_str()), (502, Some("unclear")), "{problem}");
    let named = problem["act"].clone();
    demo.control("/mood", json!({ "network": "linkedin", "mood": "normal" })).await;
    let (status, problem) = keyed(&demo, &format!("/profiles/{linkedin}/posts"), "k-2", &body).await;
    assert_eq!((status, problem["code"].as_str(), &problem["act"]), (409, Some("unclear"), &named), "{problem}");
    let (_, list) = demo.api("GET", "/waiting-acts?state=unclear", None).await;
    let act = list["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&list["items"][0]["text"], &list["items"][0]["id"]), (&json!("A second one"), &named));
    let (status, problem) = demo.api("POST", &format!("/waiting-acts/{act}/repeat"), Some(json!({}))).await;
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("Look there"), "{problem}");
    let audit = demo.api("GET", "/audit?limit=100", None).await.1;
    let repeated = audit["items"].as_array().unwrap().iter().filter(|row| row["detail"]["decided"] == "repeated");
    assert_eq!(
        repeated.map(|row| row["detail"]["act"].as_str()).collect::<Vec<_>>(),
        [Some(act.as_str())],
        "who asked stands in the audit"
    );
    assert_eq!(demo.api("POST", &format!("/waiting-acts/{act}/withdraw"), Some(json!({}))).await.1["state"], "withdrawn");
    assert_eq!(texts_at(&demo, "linkedin").await.len(), 2);
}

/// Only where the network can be asked is that offered.
#[tokio::test]
async fn asking_the_network_is_offered_only_where_it_can_be_asked() {
    let demo = Demo::start();
    let (linkedin, xing) = (id_of(&demo, "linkedin", "Fernweh Outdoor").await, id_of(&demo, "xing", "Karl Voss").await);
    let page = async |path: &str| {
        let cookie = demo.admin().await;
        client().get(format!("{}{path}", demo.running.url())).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
    };
    for network in ["linkedin", "xing"] {
        demo.control("/mood", json!({ "network": network, "mood": "lost_answer" })).await;
    }
    // XING shows a shared link in a form of its own: such a post cannot be looked for.
    let (text, link) = (json!({ "text": "Words" }), json!({ "text": "A link", "link": "https://example.com/hut" }));
    for (profile, body, key, offered) in [(&linkedin, &text, "l", false), (&xing, &text, "x", true), (&xing, &link, "y", false)] {
        let (status, problem) = keyed(&demo, &format!("/profiles/{profile}/posts"), key, body).await;
        assert_eq!((status, problem["code"].as_str()), (502, Some("unclear")), "{problem}");
        let act = problem["act"].as_str().unwrap();
        let html = page("/compose").await;
        assert_eq!(html.contains(&format!("/compose/{act}/repeat")), offered, "{body}: {html}");
        assert!(html.contains(&format!("/compose/{act}/withdraw")), "{html}");
        let row = html.split(&format!("data-act=\"{act}\"")).nth(1).unwrap().split("data-act=").next().unwrap();
        assert_eq!(row.contains("cannot be asked whether it is there. Look there yourself"), !offered, "{row}");
    }
}

#[tokio::test]
async fn a_held_post_is_sent_after_the_reconnect_if_it_is_still_wanted() {
    let demo = Demo::start();
    let xing = id_of(&demo, "xing", "Karl Voss").await;
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    let path = format!("/profiles/{xing}/posts");
    let (status, problem) = keyed(&demo, &path, "k-0", &json!({ "text": "Now or never" })).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("no_access_tokens_available")), "{problem}");
    let hold = |text: &str| json!({ "text": text, "when_disconnected": "hold" });
    let (status, held) = keyed(&demo, &path, "k-1", &hold("Held and sent")).await;
    assert_eq!((status, held["result"].as_str()), (202, Some("held")), "{held}");
    assert_eq!(keyed(&demo, &path, "k-1", &hold("Held and sent")).await, (status, held.clone()), "a retry holds nothing twice");
    let (_, several) =
        keyed(&demo, "/posts", "k-2", &json!({ "profiles": [xing], "text": "Held and withdrawn", "when_disconnected": "hold" })).await;
    let withdrawn = result_of(&several, &xing)["act"].as_str().unwrap().to_owned();
    assert_eq!(demo.api("POST", &format!("/waiting-acts/{withdrawn}/withdraw"), Some(json!({}))).await.0, 200);
    assert_eq!(demo.api("POST", &format!("/waiting-acts/{withdrawn}/withdraw"), Some(json!({}))).await.0, 409, "once");
    // One is wanted for an hour only, and an hour goes by.
    let now: Value = demo.api("GET", &format!("/waiting-acts/{}", held["act"].as_str().unwrap()), None).await.1;
    let soon = now["created_at"].as_str().unwrap().to_owned();
    let (status, problem) = keyed(&demo, &path, "k-3", &json!({ "text": "x", "when_disconnected": "hold", "hold_until": soon })).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("hold_until")), "{problem}");
    assert!(texts_at(&demo, "xing").await.is_empty(), "nothing was sent");

    assert_eq!(demo.refresh(&xing, "karl.voss").await.0, 200);
    eventually("the held post is sent", async || texts_at(&demo, "xing").await == ["Held and sent"]).await;
    let path_of = format!("/waiting-acts/{}", held["act"].as_str().unwrap());
    eventually("its list says so", async || demo.api("GET", &path_of, None).await.1["state"] == "done").await;
    let (status, done) = keyed(&demo, "/posts", "k-1", &json!({ "profiles": [xing], "text": "Held and sent" })).await;
    assert_eq!((status, result_of(&done, &xing)["result"].as_str()), (200, Some("posted")), "{done}");
    let (status, done) = keyed(&demo, &path, "k-1", &hold("Held and sent")).await;
    assert_eq!((status, &done["act"]), (201, &held["act"]), "the same request again says what became of it: {done}");
    assert_eq!(texts_at(&demo, "xing").await.len(), 1);
    let (_, events) = demo.api("GET", &format!("/events?profile={xing}"), None).await;
    for kind in ["act.post.held", "act.post.withdrawn", "act.post.begun", "act.post.done"] {
        assert!(events.to_string().contains(kind), "{kind}: {events}");
    }
}

#[tokio::test]
async fn a_held_post_expires_and_its_list_says_so() {
    let demo = Demo::start();
    let xing = id_of(&demo, "xing", "Karl Voss").await;
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    let body = json!({ "text": "Too late", "when_disconnected": "hold" });
    let (_, held) = keyed(&demo, &format!("/profiles/{xing}/posts"), "k-1", &body).await;
    demo.control("/clock", json!({ "advance_seconds": 73 * 3600 })).await;
    let path = format!("/waiting-acts/{}", held["act"].as_str().unwrap());
    eventually("it expires", async || demo.api("GET", &path, None).await.1["state"] == "expired").await;
    assert_eq!(demo.refresh(&xing, "karl.voss").await.0, 200);
    demo.until("xing", "connected").await;
    let (status, problem) = keyed(&demo, &format!("/profiles/{xing}/posts"), "k-1", &body).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("expired")), "{problem}");
    let (_, answer) = keyed(&demo, "/posts", "k-1", &json!({ "profiles": [xing], "text": "Too late" })).await;
    assert_eq!(result_of(&answer, &xing)["problem"]["code"], "expired", "{answer}");
    assert!(texts_at(&demo, "xing").await.is_empty());
}

#[tokio::test]
async fn delete_says_how_many_posts_are_dropped_with_the_profile() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let xing = id_of(&demo, "xing", "Karl Voss").await;
    let page = async || {
        let url = format!("{}/settings/profiles/{xing}/delete", demo.running.url());
        client().get(url).header("cookie", &cookie).send().await.unwrap().text().await.unwrap()
    };
    assert!(!page().await.contains("wait to be sent"), "nothing waits");
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    let hold = async |key: &str| {
        let body = json!({ "text": format!("Held as {key}"), "when_disconnected": "hold" });
        let (status, held) = keyed(&demo, &format!("/profiles/{xing}/posts"), key, &body).await;
        assert_eq!(status, 202, "{held}");
        held["act"].as_str().unwrap().to_owned()
    };
    let first = hold("k-1").await;
    assert!(page().await.contains("One post or comment that waits to be sent is dropped."), "{}", page().await);
    hold("k-2").await;
    hold("k-3").await;
    assert!(page().await.contains("3 posts or comments that wait to be sent are dropped."), "{}", page().await);
    // Only what still waits, and of this profile.
    assert_eq!(demo.api("POST", &format!("/waiting-acts/{first}/withdraw"), Some(json!({}))).await.0, 200);
    assert!(page().await.contains("2 posts or comments that wait to be sent are dropped."), "{}", page().await);
    let other = id_of(&demo, "linkedin", "Fernweh Outdoor").await;
    let url = format!("{}/settings/profiles/{other}/delete", demo.running.url());
    let of_another = client().get(url).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    assert!(of_another.contains("Removed here") && !of_another.contains("wait to be sent"), "{of_another}");
    // And they are: nothing is sent once it is deleted.
    assert_eq!(demo.api("DELETE", &format!("/profiles/{xing}"), None).await.0, 204);
    let (_, left) = demo.api("GET", "/waiting-acts?state=held", None).await;
    assert_eq!(left["items"], json!([]), "{left}");
}

/// A session of somebody in the demo's team.
pub(crate) async fn session(demo: &Demo, email: &str) -> String {
    let body = format!("email={}&password={}", email.replace('@', "%40"), demo.text("password").replace(' ', "+"));
    let url = demo.running.url();
    let request = client().post(format!("{url}/sign-in")).header("origin", url).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(body).send().await.unwrap();
    answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// Calls the API as a page of a signed-in user does.
pub(crate) async fn as_user(demo: &Demo, cookie: &str, method: &str, path: &str) -> (u16, Value) {
    let url = demo.running.url();
    let request = client().request(method.parse().unwrap(), format!("{url}/api/v1{path}")).header("cookie", cookie).header("origin", url);
    let answer = request.header("content-type", "application/json").body("{}").send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn what_needs_an_approval_waits_for_the_named_user() {
    let demo = Demo::start();
    let page = id_of(&demo, "linkedin", "Fernweh Outdoor").await;
    let (_, users) = demo.api("GET", "/users", None).await;
    let user = |email: &str| users["items"].as_array().unwrap().iter().find(|user| user["email"] == email).unwrap()["id"].as_str().unwrap();
    let mira = user("mira.sato@fernweh.example");
    let (tool_id, tool) = key(&demo, &[&format!("posts:write network=linkedin approval={mira}")]).await;
    let url = demo.running.url();
    let ask = async |text: &str| {
        let (status, waits) = call(url, &tool, "POST", &format!("/profiles/{page}/posts"), Some(json!({ "text": text }))).await;
        assert_eq!((status, waits["result"].as_str(), waits["approval_by"].as_str()), (202, Some("waiting"), Some(mira)), "{waits}");
        waits["act"].as_str().unwrap().to_owned()
    };
    let (good, bad, late) = (ask("Approve me").await, ask("Decline me").await, ask("Too late").await);
    assert!(texts_at(&demo, "linkedin").await.is_empty(), "nothing is sent before");
    let (_, own) = call(url, &tool, "GET", "/waiting-acts", None).await;
    assert_eq!(own["items"].as_array().unwrap().len(), 3, "{own}");

    // The named user hears of it: of the first at once, of what follows together; what is to be said stands in no mail.
    let mail = demo.mail("mira.sato@fernweh.example", "Waits for your approval: Fernweh Outdoor").await;
    assert!(mail["text"].as_str().unwrap().contains("/compose") && !mail.to_string().contains("Approve me"), "{mail}");
    let mails = demo.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail["subject"].as_str().unwrap().contains("for your approval")).count(), 1, "{mails:?}");

    // Nobody but the named user: not the tool itself, not a company admin.
    assert_eq!(call(url, &tool, "POST", &format!("/waiting-acts/{good}/approve"), Some(json!({}))).await.0, 403);
    let lena = session(&demo, "lena.arndt@fernweh.example").await;
    assert_eq!(as_user(&demo, &lena, "POST", &format!("/waiting-acts/{good}/approve")).await.0, 403);
    let cookie = session(&demo, "mira.sato@fernweh.example").await;
    let (_, list) = as_user(&demo, &cookie, "GET", "/waiting-acts").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 3, "{list}");
    let (status, sent) = as_user(&demo, &cookie, "POST", &format!("/waiting-acts/{good}/approve")).await;
    assert_eq!((status, sent["result"].as_str()), (200, Some("posted")), "{sent}");
    assert_eq!(as_user(&demo, &cookie, "POST", &format!("/waiting-acts/{good}/approve")).await.0, 409, "once");
    let (status, declined) = as_user(&demo, &cookie, "POST", &format!("/waiting-acts/{bad}/decline")).await;
    assert_eq!((status, declined["state"].as_str()), (200, Some("declined")), "{declined}");
    // Who wanted it must still be allowed to when it is sent.
    assert_eq!(demo.api("DELETE", &format!("/api-keys/{tool_id}"), None).await.0, 204);
    assert_eq!(as_user(&demo, &cookie, "POST", &format!("/waiting-acts/{late}/approve")).await.0, 403);
    let (_, refused) = as_user(&demo, &cookie, "GET", &format!("/waiting-acts/{late}")).await;
    assert_eq!(refused["state"], "refused", "{refused}");
    assert_eq!(texts_at(&demo, "linkedin").await, ["Approve me"]);

    // The audit has both names.
    let (_, audit) = demo.api("GET", &format!("/audit?profile={page}&act=posts:write"), None).await;
    let rows = audit["items"].as_array().unwrap();
    let sent = rows.iter().find(|row| row["detail"]["approved_by"].is_object()).unwrap();
    assert_eq!(
        (sent["detail"]["approved_by"]["id"].as_str(), sent["actor"]["id"].as_str()),
        (Some(mira), Some(tool_id.as_str())),
        "{sent}"
    );
    let approved = rows.iter().find(|row| row["detail"]["decided"] == "approved").unwrap();
    assert_eq!((approved["actor"]["id"].as_str(), approved["detail"]["wanted_by"]["id"].as_str()), (Some(mira), Some(tool_id.as_str())));
    assert_eq!(demo.api("GET", "/audit/verify", None).await.1["whole"], true);
    // Nothing waits for somebody who cannot sign in any more.
    let (_, tool) = key(&demo, &[&format!("posts:write network=linkedin approval={mira}")]).await;
    let (status, left) = demo.api("PATCH", &format!("/users/{mira}"), Some(json!({ "disabled": true }))).await;
    assert_eq!(status, 200, "{left}");
    let (status, problem) = call(url, &tool, "POST", &format!("/profiles/{page}/posts"), Some(json!({ "text": "Anybody?" }))).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("approver_gone")), "{problem}");
}

/// Whoever is frozen, or over, is not heard at all, also not about what is their own.
#[tokio::test]
async fn a_key_that_is_frozen_or_over_takes_nothing_back() {
    let demo = Demo::start();
    let (url, xing) = (demo.running.url(), id_of(&demo, "xing", "Karl Voss").await);
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    let (id, tool) = key(&demo, &["posts:write until=2099-01-01"]).await;
    let held = json!({ "text": "The new hut is open", "when_disconnected": "hold" });
    let (status, held) = call(url, &tool, "POST", &format!("/profiles/{xing}/posts"), Some(held)).await;
    assert_eq!(status, 202, "{held}");
    let own = format!("/waiting-acts/{}", held["act"].as_str().unwrap());
    let (_, frozen) = demo.api("POST", "/freezes", Some(json!({ "target": format!("api_key {id}"), "reason": "lost" }))).await;
    for (method, path) in [("GET", "/waiting-acts".to_owned()), ("GET", own.clone()), ("POST", format!("{own}/withdraw"))] {
        let (status, problem) = call(url, &tool, method, &path, None).await;
        assert_eq!((status, problem["reason"].as_str()), (403, Some("frozen")), "{method} {path}: {problem}");
    }
    // That it is so, the dry run still says.
    let (_, may) = call(url, &tool, "POST", "/permissions/check", Some(json!({ "permission": "posts:write" }))).await;
    assert_eq!((may["allowed"].as_bool(), may["reason"].as_str()), (Some(false), Some("frozen")), "{may}");
    demo.api("DELETE", &format!("/freezes/{}", frozen["id"].as_str().unwrap()), None).await;
    assert_eq!(call(url, &tool, "GET", &own, None).await.1["state"], "held");
    assert_eq!(call(url, &tool, "POST", &format!("{own}/withdraw"), None).await.0, 200);
}
