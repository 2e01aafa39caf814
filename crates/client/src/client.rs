//! The client itself: how it asks, and a function for each thing that is asked often.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::{Error, Problem};
use crate::types::{AccessToken, Act, Comment, Filter, Page, Post, Profile, Said, WholeProfile};

/// How long the server may take: a renewal that is under way is waited for.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A server, and the API key with which it is asked. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    api_key: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// One segment of a path, whatever is in it.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

impl Client {
    /// A client of the server at `url`, with an API key (`sg_…`). Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Address`] when `url` is not an http or https address.
    pub fn new(url: &str, api_key: impl Into<String>) -> Result<Self, Error> {
        let address = || Error::Address(url.to_owned());
        let parsed = Url::parse(url.trim_end_matches('/')).map_err(|_| address())?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(address());
        }
        // A redirect would carry the key to where nobody meant it to go.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(CONNECT).build();
        Ok(Self { http: http.map_err(Error::from_http)?, url: parsed, api_key: api_key.into() })
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, String)]) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.url.as_str().trim_end_matches('/'));
        self.http.request(method, url).query(query).bearer_auth(&self.api_key)
    }

    /// Any operation of the API: `path` comes after `/api/v1`, its variable parts encoded.
    ///
    /// # Errors
    /// A [`Problem`] the server answered with, or why there is no answer.
    pub async fn call(&self, method: Method, path: &str, query: &[(&str, String)], body: Option<&Value>) -> Result<Value, Error> {
        self.call_once(method, path, query, body, None).await
    }

    /// The same with a key that names the act: a POST that is repeated with the same key is done once.
    ///
    /// # Errors
    /// A [`Problem`] the server answered with, or why there is no answer.
    pub async fn call_once(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Error> {
        let mut request = self.request(method, path, query).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        json(request.send().await.map_err(Error::from_http)?).await
    }

    /// Changes settings (`PATCH`), whichever version of them the server has (`If-Match: *`).
    ///
    /// # Errors
    /// A [`Problem`] the server answered with, or why there is no answer.
    pub async fn change(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = self.request(Method::PATCH, path, &[]).timeout(PATIENCE).header("if-match", "*").json(body);
        json(request.send().await.map_err(Error::from_http)?).await
    }

    /// Reports a mail that came back, as the mail server wrote it (`POST /bounces`): the whole mail with the report (RFC 3464).
    ///
    /// # Errors
    /// A [`Problem`] the server answered with, or why there is no answer.
    pub async fn report_bounce(&self, mail: Vec<u8>) -> Result<Value, Error> {
        let request = self.request(Method::POST, "/bounces", &[]).timeout(PATIENCE).header("content-type", "message/rfc822").body(mail);
        json(request.send().await.map_err(Error::from_http)?).await
    }

    /// The same for answers that go on and on: an export, the event stream. There is no limit of time.
    ///
    /// # Errors
    /// A [`Problem`] the server answered with, or why there is no answer.
    pub async fn stream(&self, path: &str, query: &[(&str, String)]) -> Result<Response, Error> {
        let answer = self.request(Method::GET, path, query).send().await.map_err(Error::from_http)?;
        if answer.status().is_success() { Ok(answer) } else { Err(refused(answer).await) }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Error> {
        read(self.call(Method::GET, path, query, None).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize, key: Option<&str>) -> Result<T, Error> {
        let body = serde_json::to_value(body).map_err(|_| Error::NotStaygreen)?;
        read(self.call_once(Method::POST, path, &[], Some(&body), key).await?)
    }

    /// One page of profiles by name.
    pub async fn profiles_page(&self, filter: &Filter, cursor: Option<&str>) -> Result<Page<Profile>, Error> {
        let mut query = filter.query();
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        self.get("/profiles", &query).await
    }

    /// Every profile that fits, by name.
    pub async fn profiles(&self, filter: &Filter) -> Result<Vec<Profile>, Error> {
        let (mut all, mut cursor) = (vec![], None);
        loop {
            let page = self.profiles_page(filter, cursor.as_deref()).await?;
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// One profile: what happened, who must act, what to do, and who holds access tokens for it.
    pub async fn profile(&self, id: &str) -> Result<WholeProfile, Error> {
        self.get(&format!("/profiles/{}", segment(id)), &[]).await
    }

    /// Asks the network now; the profile with its fresh status.
    pub async fn check(&self, id: &str) -> Result<WholeProfile, Error> {
        self.post(&format!("/profiles/{}/check", segment(id)), &Value::Object(serde_json::Map::new()), None).await
    }

    /// An access token that lives at least that long; the server renews it first where that is needed.
    ///
    /// # Errors
    /// A [`Problem`] of code `no_access_tokens_available` with the cause, when nobody's token works.
    pub async fn access_token(&self, id: &str, min_ttl: Duration) -> Result<AccessToken, Error> {
        let query = [("min_ttl", min_ttl.as_secs().to_string())];
        self.get(&format!("/profiles/{}/access-token", segment(id)), &query).await
    }

    /// Publishes a post as a profile, or has it wait where it needs an approval or is to be held. `key` names the act: the same key again is the same post, so that a retry never posts twice.
    pub async fn publish(&self, id: &str, post: &Post, key: &str) -> Result<Said, Error> {
        self.post(&format!("/profiles/{}/posts", segment(id)), post, Some(key)).await
    }

    /// What became of a post or comment that waited.
    pub async fn act(&self, id: &str) -> Result<Act, Error> {
        self.get(&format!("/waiting-acts/{}", segment(id)), &[]).await
    }

    /// What was said under a post, oldest first.
    pub async fn comments(&self, id: &str, post: &str) -> Result<Vec<Comment>, Error> {
        let page: Page<Comment> = self.get(&format!("/profiles/{}/posts/{}/comments", segment(id), segment(post)), &[]).await?;
        Ok(page.items)
    }

    /// Comments under a post, or replies to a comment there. `key` names the act, as in [`Client::publish`].
    pub async fn comment(&self, id: &str, post: &str, text: &str, in_reply_to: Option<&str>, key: &str) -> Result<Said, Error> {
        let mut body = serde_json::json!({ "text": text });
        if let Some(comment) = in_reply_to {
            body["in_reply_to"] = comment.into();
        }
        self.post(&format!("/profiles/{}/posts/{}/comments", segment(id), segment(post)), &body, Some(key)).await
    }
}

async fn json(answer: Response) -> Result<Value, Error> {
    if answer.status() == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    if !answer.status().is_success() {
        return Err(refused(answer).await);
    }
    answer.json().await.map_err(|_| Error::NotStaygreen)
}

/// What the server said instead; whatever is not one of its problem documents is somebody else's answer.
async fn refused(answer: Response) -> Error {
    let status = answer.status().as_u16();
    match answer.json::<Problem>().await {
        Ok(problem) => Error::Problem(Box::new(Problem { status, ..problem })),
        Err(_) => Error::NotStaygreen,
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|_| Error::NotStaygreen)
}
