//! To whom the commands speak that are the REST calls of that name: a running server, or the installation on this machine.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use axum::body::Body;
use clap::Args;
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use server::api::local::Door;
use staygreen_client::{Client, Error};
use url::form_urlencoded;

use super::ConfigArgs;
use crate::out::{self, put};

/// Where a server is looked for when an API key, but no address, is given.
const HERE: &str = "http://127.0.0.1:8420";
/// The most bytes of an answer that is no stream.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Which server, and as whom.
#[derive(Args)]
pub(crate) struct Server {
    /// The server's address. Without an address and a key, the installation of --config is opened on this machine
    #[arg(long, env = "STAYGREEN_URL")]
    url: Option<String>,
    /// A file with an API key; or set STAYGREEN_API_KEY
    #[arg(long, value_name = "FILE", env = "STAYGREEN_API_KEY_FILE")]
    api_key_file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The way that is gone.
pub(crate) enum Way {
    /// To a running server.
    Remote(Client),
    /// Into the installation on this machine.
    Local(Box<Door>),
}

/// One call of the API.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<Value>,
    pub(crate) key: Option<&'a str>,
}

impl Way {
    /// What the API says: whether it is done, and its answer or problem.
    pub(crate) async fn ask(&self, call: Call<'_>) -> anyhow::Result<(bool, Value)> {
        match self {
            Self::Remote(client) => match client.call_once(call.method, call.path, call.query, call.body.as_ref(), call.key).await {
                Ok(answer) => Ok((true, answer)),
                Err(Error::Problem(problem)) => {
                    Ok((false, json!({ "code": problem.code, "detail": problem.detail, "field": problem.field })))
                }
                Err(error) => Err(error.into()),
            },
            Self::Local(door) => {
                let answer = door.call(request(call)?).await;
                let good = answer.status().is_success();
                let bytes = axum::body::to_bytes(answer.into_body(), ANSWER_MAX).await?;
                Ok((good, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? }))
            }
        }
    }
}

impl Way {
    /// Hands over a mail that came back.
    pub(crate) async fn report_bounce(&self, mail: Vec<u8>) -> anyhow::Result<Value> {
        match self {
            Self::Remote(client) => Ok(client.report_bounce(mail).await?),
            Self::Local(door) => {
                let request = http::Request::builder().method(Method::POST).uri("/api/v1/bounces").header("content-type", "message/rfc822");
                let answer = door.call(request.body(Body::from(mail))?).await;
                let good = answer.status().is_success();
                let answer: Value = serde_json::from_slice(&axum::body::to_bytes(answer.into_body(), ANSWER_MAX).await?)?;
                if good { Ok(answer) } else { bail!("{}", answer["detail"].as_str().unwrap_or("refused without a reason")) }
            }
        }
    }
}

impl Server {
    fn key(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.api_key_file else { return Ok(std::env::var("STAYGREEN_API_KEY").ok().filter(|key| !key.is_empty())) };
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    }

    /// Opens the way.
    pub(crate) async fn way(&self) -> anyhow::Result<Way> {
        if let Some(client) = self.client()? {
            return Ok(Way::Remote(client));
        }
        let door = Door::open(self.config.load_existing()?).await.context(
            "the installation on this machine cannot be opened; where its server runs, give --url and an API key (--api-key-file, or STAYGREEN_API_KEY)",
        )?;
        Ok(Way::Local(Box::new(door)))
    }

    /// A client of the server that is named; `None` where the installation on this machine is meant.
    pub(crate) fn client(&self) -> anyhow::Result<Option<Client>> {
        match (&self.url, self.key()?) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(anyhow!("no API key: set STAYGREEN_API_KEY, or name a file with --api-key-file")),
            (url, Some(key)) => Ok(Some(Client::new(url.as_deref().unwrap_or(HERE), key)?)),
        }
    }

    /// The installation on this machine.
    pub(crate) const fn config(&self) -> &ConfigArgs {
        &self.config
    }

    pub(crate) async fn call(&self, method: Method, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.send(method, path, query, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, query: &[(&str, String)], body: Option<Value>) -> anyhow::Result<Value> {
        match self.way().await?.ask(Call { method, path, query, body, key: None }).await? {
            (true, answer) => Ok(answer),
            (false, problem) => bail!("{}", problem["detail"].as_str().unwrap_or("refused without a reason")),
        }
    }

    /// Copies an answer to stdout as it comes.
    pub(crate) async fn copy(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<()> {
        match self.way().await? {
            Way::Remote(client) => {
                let mut answer = client.stream(path, query).await?;
                while let Some(part) = answer.chunk().await? {
                    out::bytes(&part)?;
                }
            }
            Way::Local(door) => {
                let answer = door.call(request(Call { method: Method::GET, path, query, body: None, key: None })?).await;
                if !answer.status().is_success() {
                    bail!("the installation on this machine refused: {}", answer.status());
                }
                let mut parts = answer.into_body().into_data_stream();
                while let Some(part) = parts.next().await {
                    out::bytes(&part?)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn print(&self, value: &Value, words: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
        if self.json { put!("{value}") } else { put!("{}", words(value)) }
    }
}

/// A call as the installation on this machine takes it.
fn request(call: Call<'_>) -> anyhow::Result<http::Request<Body>> {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(call.query).finish();
    let mut request = http::Request::builder().method(call.method).uri(format!("/api/v1{}?{query}", call.path));
    if let Some(key) = call.key {
        request = request.header("idempotency-key", key);
    }
    let body = call.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    Ok(request.header("content-type", "application/json").body(body)?)
}
