//! LinkedIn: what it says falsely, what it says of one token alone, and what one list must never be taken for.

use lifecycle::diagnosis::Finding;
use lifecycle::words::{Cause, Confidence};
use networks::acting::{Media, NotDone, Post};
use networks::network::{Discovery, Kind, Renewal};
use serde_json::json;

use super::{Bench, DAY, cause, media, picture, target};

fn pages(discovery: &Discovery) -> Vec<&str> {
    discovery.profiles.iter().filter(|found| found.kind == Kind::Page).map(|found| found.name.as_str()).collect()
}

#[tokio::test]
async fn a_token_of_the_last_seconds_is_asked_again() {
    let bench = Bench::new("linkedin");
    bench.mood("young_token_noise");
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list, after a moment");
    assert_eq!(listed.person.name, "Jana Lindner");
    assert_eq!(bench.asked.lock().unwrap().iter().filter(|asked| asked.ends_with("/v2/userinfo")).count(), 3, "0, 5 and 10 seconds");
    // Withdrawn indeed: the same words, and they stay.
    bench.mood("normal");
    bench.happen("jana.lindner", "revoke");
    let refused = bench.discover(&tokens).await.expect_err("no list");
    assert_eq!(cause(&refused), Some(Cause::RevokedByPerson));
}

#[tokio::test]
async fn an_app_for_pages_alone_names_the_member_by_the_older_product() {
    let mut bench = Bench::new("linkedin");
    bench.app.scopes = ["r_basicprofile", "rw_organization_admin", "w_organization_social"].map(str::to_owned).to_vec();
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    assert_eq!((listed.person.name.as_str(), listed.person.handle.as_deref()), ("Jana Lindner", Some("jana-lindner")));
    assert!(listed.profiles[0].unusable.is_some(), "it may not post as the member");
    assert_eq!(pages(&listed).len(), 4);
}

/// The network itself refuses what a role does not allow, of that page alone, and says nothing against the token.
#[tokio::test]
async fn a_role_that_is_less_than_super_admin_is_named_and_refused() {
    let bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    let named = |name: &str| listed.profiles.iter().find(|found| found.name == name).unwrap_or_else(|| panic!("{name}: {listed:?}"));
    let (mine, read_only, edited) = (named("Fernweh Outdoor"), named("Alpine Rescue Foundation"), named("Trail Magazine"));
    assert!(mine.unusable.is_none() && read_only.unusable.is_some());
    assert!(edited.unusable.as_ref().is_some_and(|why| why.en.contains("Content admin")), "{edited:?}");
    let post = Post { text: "A new hut".into(), key: "k".into(), ..Post::default() };
    let publish = async |page| bench.network.publish(bench.acting(&tokens, target(page)), &post).await;
    let comment = async |page, post: &str| bench.network.comment(bench.acting(&tokens, target(page)), post, None, "Fine.").await;
    let is_refused = |said: &NotDone| matches!(said, NotDone::Refused(why) if why.evidence.code.as_deref() == Some("ACCESS_DENIED"));
    let posted = publish(mine).await.expect("published");
    assert!(is_refused(&publish(read_only).await.expect_err("an analyst only reads")));
    // A content admin posts, and is refused at comments.
    let edited_post = publish(edited).await.expect("published");
    assert!(is_refused(&comment(edited, &edited_post.id).await.expect_err("no comments by that role")));
    comment(mine, &posted.id).await.expect("said");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}

#[tokio::test]
async fn an_app_for_profiles_alone_is_never_asked_for_roles() {
    let mut bench = Bench::new("linkedin");
    bench.app.scopes = ["openid", "profile", "w_member_social"].map(str::to_owned).to_vec();
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    assert!(listed.profiles.len() == 1 && listed.profiles[0].unusable.is_none(), "{listed:?}");
}

#[tokio::test]
async fn what_can_be_renewed_is_renewed_before_anybody_is_called() {
    let bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    bench.pass(61 * DAY);
    let seen = bench.probe(&tokens);
    assert_eq!(seen.finding, Finding::Refused { cause: Cause::Expired, confidence: Confidence::Certain, terminal: false });
    let tokens = bench.renewed(&tokens);
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    // Withdrawn is final only when the refresh token is said to be, too.
    bench.happen("jana.lindner", "revoke");
    let seen = bench.probe(&tokens);
    assert!(matches!(seen.finding, Finding::Refused { cause: Cause::RevokedByPerson, terminal: true, .. }), "{seen:?}");
    assert!(matches!(bench.renew(&tokens), Renewal::Failed(_)));
}

#[tokio::test]
async fn an_expiry_without_a_refresh_token_is_final() {
    let bench = Bench::new("linkedin");
    bench.control("apps", &json!({ "network": "linkedin", "refresh_tokens": false }));
    let tokens = bench.connect("jana.lindner").await;
    bench.pass(61 * DAY);
    assert!(matches!(bench.probe(&tokens).finding, Finding::Refused { cause: Cause::Expired, terminal: true, .. }));
}

#[tokio::test]
async fn a_401_of_introspection_is_our_secret_or_the_member() {
    let mut bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    let ours = bench.app.client_secret.replace(lifecycle::secret::Secret::new("another"));
    let seen = bench.probe(&tokens);
    assert_eq!(seen.finding, Finding::Misconfigured, "the token works: {seen:?}");
    bench.app.client_secret = ours;
    bench.happen("jana.lindner", "block");
    let seen = bench.probe(&tokens);
    assert_eq!(seen.finding, Finding::Refused { cause: Cause::PersonBlocked, confidence: Confidence::Likely, terminal: false });
    bench.happen("jana.lindner", "unblock");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
}

#[tokio::test]
async fn a_token_of_another_client_is_a_changed_client_id() {
    let bench = Bench::new("linkedin");
    let mut tokens = bench.connect("jana.lindner").await;
    tokens.access_token = lifecycle::secret::Secret::new("AQXof-another-client");
    let seen = bench.probe(&tokens);
    assert!(seen.finding == Finding::Misconfigured && seen.evidence.words.contains("client id"), "{seen:?}");
}

#[tokio::test]
async fn comments_of_pages_need_scopes_of_their_own_and_those_of_members_are_not_shown() {
    let bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    let post = Post { text: "A new hut".into(), key: "k".into(), ..Post::default() };
    let (member, page) = (&listed.profiles[0], listed.profiles.iter().find(|found| found.kind == Kind::Page).expect("a page"));
    let posted = bench.network.publish(bench.acting(&tokens, target(page)), &post).await.expect("published");
    let said = bench.network.comment(bench.acting(&tokens, target(page)), &posted.id, None, "Two hours from the station.").await;
    let said = said.expect("said");
    let read = bench.network.comments(bench.acting(&tokens, target(page)), &posted.id).await.expect("read");
    assert_eq!((read.len(), read[0].id.as_str()), (1, said.id.as_str()));
    let reply = bench.network.comment(bench.acting(&tokens, target(page)), &posted.id, Some(&said.id), "In the valley.").await;
    assert!(reply.is_ok(), "{reply:?}");
    // As a member: their own posts can be commented on, and what others say there is not shown.
    let own = bench.network.publish(bench.acting(&tokens, target(member)), &post).await.expect("published");
    assert!(bench.network.comment(bench.acting(&tokens, target(member)), &own.id, None, "Come along").await.is_ok());
    let read = bench.network.comments(bench.acting(&tokens, target(member)), &own.id).await;
    assert!(matches!(read, Err(NotDone::NotSupported(_))), "{read:?}");

    // With the older scopes alone.
    let mut older = Bench::new("linkedin");
    older.app.scopes = ["openid", "profile", "w_member_social", "rw_organization_admin", "w_organization_social", "r_organization_social"]
        .map(str::to_owned)
        .to_vec();
    let tokens = older.connect("jana.lindner").await;
    let posted = older.network.publish(older.acting(&tokens, target(page)), &post).await.expect("published");
    let said = older.network.comment(older.acting(&tokens, target(page)), &posted.id, None, "x").await;
    assert!(matches!(&said, Err(NotDone::Refused(diagnosis)) if diagnosis.is_harmless()), "{said:?}");
}

fn sent(kind: &str, size: usize) -> Media {
    Media { bytes: vec![7; size].into(), ..media(kind, b"") }
}

#[tokio::test]
async fn pictures_and_films_are_put_there_before_they_are_shown() {
    let bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    let page = listed.profiles.iter().find(|found| found.kind == Kind::Page).expect("a page");
    let publish = async |post: Post| bench.network.publish(bench.acting(&tokens, target(page)), &post).await;
    let post = |media| Post { text: "A new hut".into(), link: Some("https://fernweh.example/a_hut".into()), media, ..Post::default() };
    for (media, text) in [
        (vec![], "A new hut"),
        (vec![sent("image/png", 3)], "A new hut\nhttps://fernweh.example/a_hut"),
        (vec![sent("image/png", 3); 20], "A new hut\nhttps://fernweh.example/a_hut"),
        // Three parts, the last one short.
        (vec![sent("video/mp4", 9 * 1024 * 1024)], "A new hut\nhttps://fernweh.example/a_hut"),
    ] {
        let count = media.len();
        publish(post(media)).await.expect("published");
        let kept = bench.posts().pop().expect("kept");
        assert_eq!((kept["text"].as_str(), kept["media"].as_array().map(Vec::len)), (Some(text), Some(count)));
    }
    let parts = bench.asked.lock().expect("not poisoned").iter().filter(|asked| asked.contains("/upload/video/")).count();
    assert_eq!(parts, 3);
    for media in [vec![sent("image/png", 3); 21], vec![sent("image/png", 3), sent("video/mp4", 3)], vec![picture()]] {
        let Err(NotDone::Invalid { field: "media", words }) = publish(post(media)).await else { panic!("refused beforehand") };
        assert!(words.en.contains("up to 20 pictures or one film, sent with the post"), "{words:?}");
    }
    // The second part gets lost: nothing was published, and it can be sent again.
    (*bench.spare.lock().expect("not poisoned"), *bench.lose.lock().expect("not poisoned")) = (2, 1);
    let lost = publish(post(vec![sent("video/mp4", 9 * 1024 * 1024)])).await;
    assert!(matches!(&lost, Err(NotDone::Refused(refused)) if refused.is_harmless()), "{lost:?}");
    assert_eq!(bench.posts().len(), 4);
}

/// Nobody takes the first thousand for all.
#[tokio::test]
async fn a_list_of_comments_that_is_cut_is_said_to_be() {
    let bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    let page = listed.profiles.iter().find(|found| found.kind == Kind::Page).expect("a page");
    let post = Post { text: "A new hut".into(), key: "k".into(), ..Post::default() };
    let posted = bench.network.publish(bench.acting(&tokens, target(page)), &post).await.expect("published");
    let say = async || bench.network.comment(bench.acting(&tokens, target(page)), &posted.id, None, "Fine.").await.expect("said");
    let read = async || bench.network.comments(bench.acting(&tokens, target(page)), &posted.id).await.expect("read");
    for _ in 0..999 {
        say().await;
    }
    let all = read().await;
    assert_eq!((all.len(), all.note), (999, None));
    say().await;
    say().await;
    let cut = read().await;
    assert_eq!(cut.len(), 1_000);
    assert!(cut.note.is_some_and(|note| note.en.contains("more comments") && note.de.contains("mehr Kommentare")));
}

/// The twin has what the API has: a post is read back, changed and deleted, also a second time, each with its own scope or role.
#[tokio::test]
async fn the_twins_posts_can_be_read_back_changed_and_deleted() {
    let bench = Bench::new("linkedin");
    let tokens = bench.connect("jana.lindner").await;
    let listed = bench.discover(&tokens).await.expect("the list");
    let post = Post { text: "A hut (new)".into(), ..Post::default() };
    let page = listed.profiles.iter().find(|found| found.name == "Fernweh Outdoor").expect("a page");
    let on_page = bench.network.publish(bench.acting(&tokens, target(page)), &post).await.expect("published").id;
    let of_member = bench.network.publish(bench.acting(&tokens, target(&listed.profiles[0])), &post).await.expect("published").id;
    let call = |method: &str, urn: &str, body: serde_json::Value| {
        let url = format!("http://sandbox.test/linkedin/rest/posts/{}", urn.replace(':', "%3A"));
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", tokens.access_token.expose()))
            .header("linkedin-version", "202607")
            .header("x-restli-protocol-version", "2.0.0")
            .header("x-restli-method", "PARTIAL_UPDATE");
        let answer = bench.handle(&request.body(bytes::Bytes::from(body.to_string())).unwrap());
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or(serde_json::Value::Null))
    };
    let read = |urn: &str| call("GET", urn, json!({}));
    assert_eq!((read(&on_page).0, read(&on_page).1["commentary"].as_str()), (200, Some("A hut (new)")));
    assert_eq!(read(&of_member).0, 403, "shown to select partners alone");
    assert_eq!(call("POST", &on_page, json!({ "patch": { "$set": { "commentary": "A hut \\(old\\)" } } })).0, 204);
    assert_eq!(read(&on_page).1["commentary"], "A hut (old)");
    for urn in [&on_page, &on_page, &of_member] {
        assert_eq!(call("DELETE", urn, json!({})).0, 204, "and again");
    }
    assert_eq!((read(&on_page).0, bench.posts().len()), (404, 0));
}
