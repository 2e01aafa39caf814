//! Posts and replies as records in the account's repository. The record's key is ours and made from the act's key: the same
//! act twice cannot post twice.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::time::Timestamp;
use lifecycle::words::{Evidence, Source};
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::session::{DID, PDS, Session};
use super::{ABOUT, diagnose};
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, Media, NotDone, Post, Posted};
use crate::dpop;
use crate::moment;
use crate::network::{App, Cx, Words};
use crate::oauth;
use crate::wire::Wire;

const COLLECTION: &str = "app.bsky.feed.post";
/// The most characters, as people count them, of a post.
const GRAPHEMES_MAX: usize = 300;
/// The most bytes of a post.
const BYTES_MAX: usize = 3_000;
/// The most pictures of a post.
const PICTURES_MAX: usize = 4;
/// The most bytes of a picture that every release of the servers takes.
const PICTURE_MAX: usize = 1_000_000;
/// How often a call is sent: once, again with the nonce, and once more where that one became too old meanwhile.
const SENDS: usize = 3;
/// How deep a thread is read.
const DEPTH: &str = "6";

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

fn fits(app: &App, text: &str) -> Result<Fit, NotDone> {
    let fit = acting::fits("text", text, text.graphemes(true).count(), app.limit("text_max", GRAPHEMES_MAX))?;
    let most = app.limit("bytes_max", BYTES_MAX);
    if text.len() > most {
        return Err(invalid(
            "text",
            &format!("This is too long for Bluesky: {most} bytes at most."),
            &format!("Das ist zu lang für Bluesky: höchstens {most} Bytes."),
        ));
    }
    Ok(fit)
}

/// One account's server, asked with proofs.
struct Repository<'a> {
    cx: Cx<'a>,
    wire: &'a dyn Wire,
    tokens: &'a TokenSet,
    session: Session,
}

impl<'a> Repository<'a> {
    fn of(cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> Result<Self, NotDone> {
        let session = Session::of(tokens).filter(|session| !session.get(PDS).is_empty());
        let nothing = || {
            let words = "the token set does not say where the account lives";
            let seen = Evidence::new(cx.now, Source::Use, None, Some("session"), words);
            NotDone::Refused(Diagnosis::misconfigured(seen))
        };
        Ok(Self { cx, wire, tokens, session: session.ok_or_else(nothing)? })
    }

    fn url(&self, call: &str) -> String {
        format!("{}/xrpc/{call}", self.session.get(PDS))
    }

    /// Sends once, and again with the nonce that the server wants; nothing is done without it. A server that takes none of its own
    /// nonces is not asked for ever.
    async fn post(&mut self, call: &str, kind: &str, body: Bytes) -> Result<Response<Bytes>, NotDone> {
        let url = self.url(call);
        for _ in 0..SENDS {
            let mut request = self.session.call_as(&self.cx, Method::POST, &url, &self.tokens.access_token);
            if let Ok(kind) = HeaderValue::from_str(kind) {
                request.headers_mut().insert("content-type", kind);
            }
            *request.body_mut() = body.clone();
            let answer = acting::send(self.cx, self.wire, request).await?;
            self.session.learn(&url, &answer);
            if !dpop::wants_nonce(&answer) {
                return Ok(answer);
            }
        }
        let words = "the account's server refuses every nonce, also its own";
        let seen = Evidence::new(self.cx.now, Source::Use, Some(401), Some("use_dpop_nonce"), words);
        Err(NotDone::Refused(Diagnosis::transient(seen, None)))
    }

    fn refused(&self, answer: &Response<Bytes>) -> NotDone {
        acting::refused(self.cx, answer, diagnose::api(self.cx.now, Source::Use, answer))
    }

    async fn upload(&mut self, picture: &Media) -> Result<Value, NotDone> {
        let answer = self.post("com.atproto.repo.uploadBlob", &picture.content_type, picture.bytes.clone()).await?;
        let blob = oauth::json(&answer).and_then(|json| json.get("blob").cloned()).filter(|_| answer.status() == StatusCode::OK);
        let blob = blob.ok_or_else(|| self.refused(&answer))?;
        Ok(json!({ "image": blob, "alt": picture.alt.clone().unwrap_or_default() }))
    }

    /// Writes a post under a key of ours. A server that has it already answers with trouble: then the record itself is asked for.
    async fn create(&mut self, key: &str, record: &Value) -> Result<Posted, NotDone> {
        let (did, rkey) = (self.session.get(DID).to_owned(), rkey(key));
        let body = json!({ "repo": did, "collection": COLLECTION, "rkey": rkey, "record": record }).to_string();
        let sent = self.post("com.atproto.repo.createRecord", "application/json", body.into()).await;
        let posted = posted(&did, &rkey);
        match sent {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(posted),
            Ok(answer) if answer.status().is_client_error() => Err(self.refused(&answer)),
            Err(done @ (NotDone::Refused(_) | NotDone::NotSupported(_) | NotDone::Invalid { .. })) => Err(done),
            unclear => match self.read(&posted.id).await {
                Some(_) => Ok(posted),
                None => Err(unclear.map_or_else(|done| done, |answer| self.refused(&answer))),
            },
        }
    }

    /// A record as its server or, where that is another one, the public view shows it.
    async fn read(&self, uri: &str) -> Option<Value> {
        let mut parts = uri.strip_prefix("at://")?.splitn(3, '/');
        let (repo, collection, rkey) = (parts.next()?, parts.next()?, parts.next()?);
        let own = oauth::with_query(&self.url("com.atproto.repo.getRecord"), &[("repo", repo), ("collection", collection), ("rkey", rkey)]);
        if let Some(found) = get(self.wire, &own).await {
            return Some(found);
        }
        let posts = format!("{}/xrpc/app.bsky.feed.getPosts", self.appview()?);
        let found = get(self.wire, &oauth::with_query(&posts, &[("uris", uri)])).await?;
        let post = found.pointer("/posts/0")?;
        Some(json!({ "uri": uri, "cid": post.get("cid")?, "value": post.get("record")? }))
    }

    fn appview(&self) -> Option<String> {
        self.cx.endpoint(&ABOUT, "appview").map(|url| url.trim_end_matches('/').to_owned())
    }
}

fn posted(did: &str, rkey: &str) -> Posted {
    Posted { id: format!("at://{did}/{COLLECTION}/{rkey}"), url: Some(format!("https://bsky.app/profile/{did}/post/{rkey}")) }
}

async fn get(wire: &dyn Wire, url: &str) -> Option<Value> {
    let request = Request::builder().uri(url).header("accept", "application/json").body(Bytes::new()).ok()?;
    let answer = wire.send(request).await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
    serde_json::from_slice(answer.body()).ok()
}

/// A record key in the form of a TID (13 characters of base32-sortable, the first one bit short), made from the act's key alone.
fn rkey(key: &str) -> String {
    const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let hash = digest(&SHA256, key.as_bytes());
    let mut number = hash.as_ref().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number &= u64::MAX >> 1;
    (0..13).rev().map(|at| char::from(ALPHABET[usize::try_from((number >> (at * 5)) & 31).unwrap_or(0)])).collect()
}

/// Addresses and hashtags in a text, by bytes: servers do not look for them.
fn facets(text: &str) -> Vec<Value> {
    let mut found = vec![];
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let trimmed = word.trim_end().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']);
        let lead = trimmed.len() - trimmed.trim_start_matches(['(', '"', '\'']).len();
        let (start, token) = (at + lead, &trimmed[lead..]);
        let feature = if token.starts_with("https://") || token.starts_with("http://") {
            url::Url::parse(token).ok().map(|_| json!({ "$type": "app.bsky.richtext.facet#link", "uri": token }))
        } else {
            token
                .strip_prefix('#')
                .filter(|tag| !tag.is_empty() && tag.len() <= 640)
                .map(|tag| json!({ "$type": "app.bsky.richtext.facet#tag", "tag": tag }))
        };
        if let Some(feature) = feature {
            found.push(json!({ "index": { "byteStart": start, "byteEnd": start + token.len() }, "features": [feature] }));
        }
        at += word.len();
    }
    found
}

fn record(cx: &Cx<'_>, text: &str) -> Value {
    let mut record = json!({ "$type": COLLECTION, "text": text, "createdAt": moment::written(cx.now) });
    let facets = facets(text);
    if !facets.is_empty() {
        record["facets"] = facets.into();
    }
    record
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let fit = fits(app, draft.text())?;
    let Draft::Post(post) = draft else { return Ok(fit) };
    let takes = |media: &Media| {
        media.content_type.starts_with("image/") && !media.bytes.is_empty() && media.bytes.len() <= app.limit("picture_bytes", PICTURE_MAX)
    };
    let most = app.limit("pictures_max", PICTURES_MAX);
    if post.media.len() > most || !post.media.iter().all(takes) {
        return Err(invalid(
            "media",
            &format!("Bluesky takes up to {most} pictures of a megabyte, sent with the post."),
            &format!("Bluesky nimmt bis zu {most} Bilder von einem Megabyte, die mit dem Beitrag gesendet werden."),
        ));
    }
    Ok(fit)
}

pub(super) async fn publish(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let mut repository = Repository::of(cx, wire, tokens)?;
    let mut record = record(&cx, &post.text);
    let mut images = vec![];
    for picture in &post.media {
        images.push(acting::prepared(repository.upload(picture).await)?);
    }
    if !images.is_empty() {
        record["embed"] = json!({ "$type": "app.bsky.embed.images", "images": images });
    } else if let Some(link) = &post.link {
        let title = post.title.as_deref().unwrap_or(link);
        record["embed"] = json!({ "$type": "app.bsky.embed.external", "external": { "uri": link, "title": title, "description": "" } });
    }
    repository.create(&post.key, &record).await
}

/// A record's key is made from the act's key: it is there, or it was never written.
pub(super) async fn look(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &Post, _: Timestamp) -> Result<Option<Posted>, NotDone> {
    let repository = Repository::of(cx, wire, tokens)?;
    let posted = posted(repository.session.get(DID), &rkey(&post.key));
    Ok(repository.read(&posted.id).await.map(|_| posted))
}

pub(super) async fn comments(Acting { cx, wire, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    let Some(appview) = cx.endpoint(&ABOUT, "appview") else {
        let words = Words::new(
            "No public view of the network is configured here.",
            "Hier ist keine öffentliche Sicht auf das Netzwerk eingestellt.",
        );
        return Err(NotDone::NotSupported(words));
    };
    let url = format!("{}/xrpc/app.bsky.feed.getPostThread", appview.trim_end_matches('/'));
    let url = oauth::with_query(&url, &[("uri", post), ("depth", DEPTH), ("parentHeight", "0")]);
    let request = Request::builder().uri(url).header("accept", "application/json").body(Bytes::new()).unwrap_or_default();
    let answer = acting::send(cx, wire, request).await?;
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let Some(thread) = json.get("thread").filter(|_| answer.status() == StatusCode::OK) else {
        return Err(acting::refused(cx, &answer, diagnose::api(cx.now, Source::Use, &answer)));
    };
    let (mut all, mut is_cut) = (vec![], false);
    let mut open: Vec<(&Value, Option<String>)> = vec![(thread, None)];
    while let Some((node, parent)) = open.pop() {
        // Below the depth that was asked for, replies are counted and not shown.
        let counted = node.pointer("/post/replyCount").and_then(Value::as_u64).unwrap_or(0);
        is_cut |= counted > 0 && node.get("replies").is_none();
        for reply in node.get("replies").and_then(Value::as_array).into_iter().flatten() {
            let Some(comment) = comment_of(reply, parent.clone()) else { continue };
            open.push((reply, Some(comment.id.clone())));
            all.push(comment);
        }
    }
    all.sort_by_key(|comment| comment.at);
    Ok(Comments::read(all, is_cut))
}

fn comment_of(node: &Value, in_reply_to: Option<String>) -> Option<Comment> {
    let post = node.get("post")?;
    let author = post.get("author").cloned().unwrap_or_default();
    Some(Comment {
        id: oauth::text(post, "uri")?.to_owned(),
        author: oauth::text(&author, "displayName").or(oauth::text(&author, "handle")).unwrap_or_default().to_owned(),
        by: oauth::text(&author, "did").map(str::to_owned),
        text: post.pointer("/record/text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        at: post.pointer("/record/createdAt").and_then(Value::as_str).and_then(moment::rfc3339),
        in_reply_to,
    })
}

/// A comment is a post that names the one it answers and the first of the thread.
pub(super) async fn comment(
    Acting { cx, wire, tokens, .. }: Acting<'_>,
    post: &str,
    in_reply_to: Option<&str>,
    text: &str,
) -> Result<Posted, NotDone> {
    let mut repository = Repository::of(cx, wire, tokens)?;
    let parent = repository.read(in_reply_to.unwrap_or(post)).await;
    let parent = parent.ok_or_else(|| {
        invalid("in_reply_to", "The post that is answered is not there.", "Der Beitrag, auf den geantwortet wird, ist nicht da.")
    })?;
    let reference = |found: &Value| json!({ "uri": found.get("uri"), "cid": found.get("cid") });
    let root = parent.pointer("/value/reply/root").map_or_else(|| reference(&parent), &reference);
    let mut record = record(&cx, text);
    record["reply"] = json!({ "root": root, "parent": reference(&parent) });
    let mut random = [0; 16];
    cx.dice.fill(&mut random);
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    repository.create(&key, &record).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_one_record_key_in_the_form_of_a_tid() {
        let one = rkey("prf_1/k-1");
        assert_eq!(one, rkey("prf_1/k-1"));
        assert_ne!(one, rkey("prf_1/k-2"));
        assert!(
            one.len() == 13
                && "234567abcdefghij".contains(&one[..1])
                && one.chars().all(|c| "234567abcdefghijklmnopqrstuvwxyz".contains(c))
        );
    }

    #[test]
    fn addresses_and_tags_are_marked_by_bytes() {
        let text = "Grüße (https://a.example/ü) #hütte, ok";
        let found = facets(text);
        let marked: Vec<&str> = found
            .iter()
            .map(|facet| {
                let at = |name: &str| facet["index"][name].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
                &text[at("byteStart")..at("byteEnd")]
            })
            .collect();
        assert_eq!(marked, ["https://a.example/ü", "#hütte"]);
    }

    #[test]
    fn length_is_counted_as_people_count() {
        let takes = |text: &str, times: usize| crate::testing::with(&[], |cx| fits(cx.app, &text.repeat(times)));
        assert!(takes("👨‍👩‍👧‍👦", 100).is_ok());
        assert!(takes("a", 300).is_ok() && takes("a", 301).is_err());
        assert!(takes("👨‍👩‍👧‍👦", 200).is_err(), "and by bytes");
    }
}
