//! Comments and answers, as the page Engagement sends them: nothing that was written is lost.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Demo, client};

/// A post at LinkedIn under which two visitors asked something, and somebody who answers them.
struct Answering {
    demo: Demo,
    cookie: String,
    /// The page of the post.
    path: String,
    /// What the visitors said: ids.
    asked: [String; 2],
}

/// A form of the page, as it is filled in.
#[derive(Debug, PartialEq)]
struct Form {
    in_reply_to: String,
    key: String,
    text: String,
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    text.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(found, _)| found)
}

fn forms(page: &str) -> Vec<Form> {
    let forms = page.split("<form ").skip(1).map(|form| between(form, "action=\"/engagement/", "</form>")).filter(|form| !form.is_empty());
    let read = |form: &str| Form {
        in_reply_to: between(form, "name=\"in_reply_to\" value=\"", "\"").replace("&#38;", "&"),
        key: between(form, "name=\"key\" value=\"", "\"").to_owned(),
        text: between(form, "required>\n", "</textarea>").to_owned(),
    };
    forms.map(read).collect()
}

impl Answering {
    async fn begin() -> Self {
        let demo = Demo::start();
        let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
        let (_, posted) = demo.api("POST", &format!("/profiles/{page}/posts"), Some(json!({ "text": "The new hut is open" }))).await;
        let ask = async |author: &str, text: &str| {
            let body = json!({ "network": "linkedin", "post": posted["id"], "author": author, "text": text });
            demo.control("/comments", body).await;
        };
        ask("Ada Visitor", "Where is it?").await;
        ask("Bo Visitor", "How much is it?").await;
        let cookie = demo.sign_in("lena.arndt@fernweh.example").await;
        let path = format!("/engagement/{}", posted["act"].as_str().unwrap());
        let here = Self { demo, cookie, path, asked: [String::new(), String::new()] };
        let shown = here.shown().await;
        let asked: Vec<String> = forms(&shown).into_iter().map(|form| form.in_reply_to).filter(|id| !id.is_empty()).collect();
        let asked = asked.try_into().unwrap_or_else(|_| panic!("two are asked: {shown}"));
        Self { asked, ..here }
    }

    async fn shown(&self) -> String {
        let url = format!("{}{}", self.demo.running.url(), self.path.replace("/engagement/", "/engagement?post="));
        client().get(url).header("cookie", &self.cookie).send().await.unwrap().text().await.unwrap()
    }

    async fn send(&self, path: &str, form: &Form, text: &str) -> (u16, String) {
        let url = self.demo.running.url();
        let fields = [("key", form.key.as_str()), ("in_reply_to", &form.in_reply_to), ("text", text)];
        let request = client().post(format!("{url}{path}")).header("origin", url).header("cookie", &self.cookie).form(&fields);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn mood(&self, mood: &str) {
        self.demo.control("/mood", json!({ "network": "linkedin", "mood": mood })).await;
    }

    /// What was said there by us.
    async fn said(&self) -> Vec<String> {
        let url = format!("{}/control/api/state", self.demo.text("sandbox_url"));
        let state: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        let texts = state["comments"].as_array().unwrap().iter().map(|said| said["text"].as_str().unwrap().to_owned());
        texts.filter(|text| !text.ends_with('?')).collect()
    }
}

/// Two answers that are sent at once are two acts.
#[tokio::test]
async fn several_answers_are_sent_at_once() {
    let here = Answering::begin().await;
    let forms = forms(&here.shown().await);
    let mut keys: Vec<&str> = forms.iter().map(|form| form.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() == 3 && keys.iter().all(|key| key.len() > 20), "each form has a key of its own: {forms:?}");
    here.mood("slow").await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        here.send(&here.path, &forms[1], "30 euros").await
    };
    let ((_, first), (_, second)) = tokio::join!(here.send(&here.path, &forms[0], "In the valley"), later);
    assert!(first.contains("It is said."), "{first}");
    assert!(second.contains("It is said."), "{second}");
    let mut said = here.said().await;
    said.sort();
    assert_eq!(said, ["30 euros", "In the valley"]);
}

/// What could not be said stands where it was written, and what may have been said is not said twice from there.
#[tokio::test]
async fn what_was_written_stays_when_it_cannot_be_said() {
    let here = Answering::begin().await;
    let long = format!("In the <valley> & {}", "x".repeat(3_000));
    let kept = long.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;");
    let answer = forms(&here.shown().await).remove(0);
    let (_, shown) = here.send(&here.path, &answer, &long).await;
    let after = forms(&shown);
    let texts: Vec<&str> = after.iter().map(|form| form.text.as_str()).collect();
    assert_eq!(texts, [kept.as_str(), "", ""], "{shown}");
    assert_eq!((&after[0].in_reply_to, shown.matches("<details open>").count()), (&here.asked[0], 1), "it is in sight: {shown}");
    assert!(shown.contains("class=\"error\"") && after[0].key != answer.key, "{shown}");
    let (_, shown) = here.send(&here.path, &after[0], "In the valley").await;
    assert!(shown.contains("It is said.") && forms(&shown).iter().all(|form| form.text.is_empty()), "{shown}");

    // It may have been done: the key stays as well.
    here.mood("error_after_commit").await;
    let comment = forms(&here.shown().await).remove(0);
    assert_eq!(comment.in_reply_to, "", "no comments are read while the network does not answer");
    let (_, shown) = here.send(&here.path, &comment, "Open from June").await;
    here.mood("normal").await;
    let again = forms(&shown).remove(0);
    assert_eq!(again, Form { text: "Open from June".into(), ..comment }, "{shown}");
    here.send(&here.path, &again, "Open from June").await;
    assert_eq!(here.said().await.iter().filter(|said| *said == "Open from June").count(), 1);

    // Where the place is gone in which it was written, the words are not.
    let gone = Form { in_reply_to: "urn:li:comment:(gone)".into(), key: "k-gone".into(), text: String::new() };
    let (_, shown) = here.send(&here.path, &gone, &long).await;
    assert!(shown.contains("What you wrote") && shown.contains(&format!("readonly>\n{kept}</textarea>")), "{shown}");
    let (status, shown) = here.send("/engagement/act_00000000000000000000000000000000", &answer, "To nobody").await;
    assert!(status == 404 && shown.contains("readonly>\nTo nobody</textarea>"), "{status} {shown}");
}

/// What one said oneself stands there under one's own name, and nobody answers themselves.
#[tokio::test]
async fn what_the_profile_said_itself_is_marked_and_not_answered() {
    let here = Answering::begin().await;
    let answer = forms(&here.shown().await).remove(0);
    here.send(&here.path, &answer, "In the valley").await;
    let page = here.shown().await;
    let lines = || page.split("<li").map(|line| line.split("</li>").next().unwrap_or_default());
    let ours = lines().find(|line| line.contains("In the valley")).unwrap_or_default();
    assert!(ours.contains("<bdi>Fernweh Outdoor</bdi></b> <span class=\"pill\">said by us</span>"), "{page}");
    assert!(!ours.contains("<form") && !ours.contains("urn:li:organization"), "{ours}");
    let asked: Vec<String> = forms(&page).into_iter().map(|form| form.in_reply_to).filter(|id| !id.is_empty()).collect();
    assert_eq!(asked, here.asked, "the visitors are still answered");
    let posted = page.split("/engagement/act_").nth(1).unwrap().split('"').next().unwrap();
    let (_, act) = here.demo.api("GET", &format!("/waiting-acts/act_{posted}"), None).await;
    let (profile, post) = (act["profile"]["id"].as_str().unwrap(), crate::world::encoded(act["network_id"].as_str().unwrap()));
    let (_, said) = here.demo.api("GET", &format!("/profiles/{profile}/posts/{post}/comments"), None).await;
    let ours: Vec<bool> = said["items"].as_array().unwrap().iter().map(|said| said["is_ours"].as_bool().unwrap()).collect();
    assert_eq!(ours.iter().filter(|ours| **ours).count(), 1, "{said}");
}
