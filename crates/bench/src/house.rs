//! A whole server in this process, with many profiles; and a bare one that answers as many bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use keeper::ports::Clock as _;
use lifecycle::facts::Facts;
use lifecycle::grant::Clocks;
use lifecycle::ids::{ConnectionId, EventId};
use lifecycle::permission::{Act, Permission, Role};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use server::Server;
use server::config::{Config, NetworkConfig};
use server::state::App;
use server::time::{SystemClock, SystemDice, fresh_secret};
use store::api_keys::{self, NewApiKey};
use store::connect::Authorized;
use store::connections::{self, Begun, Discovered, Taken};
use store::events::Actor;
use store::grants::Place;
use store::users::NewUser;
use store::{Tx, ids, sessions, users};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// How many profiles hang on each person.
const PER_PERSON: usize = 5;
/// How many people are connected in one transaction.
const TOGETHER: usize = 200;

pub(crate) struct House {
    pub(crate) app: Arc<App>,
    /// The network that is called: a bare server.
    pub(crate) network: String,
    /// What answers for it.
    answering: AbortHandle,
    /// An API key that may do everything.
    pub(crate) key: String,
    session: String,
}

impl House {
    /// Starts a server on a free port with so many profiles.
    pub(crate) async fn start(folder: &Path, profiles: usize) -> anyhow::Result<Self> {
        let (network, answering) = serving(500).await?;
        let server = Server::build(config(folder, &network), Arc::new(SystemClock)).await?;
        let app = Arc::clone(&server.app);
        let (key, session) = sign_in(&app).await?;
        connect_all(&app, profiles).await?;
        tokio::spawn(server.run(CancellationToken::new()));
        Ok(Self { app, network, answering, key, session })
    }

    /// From now on the network cannot be reached.
    pub(crate) fn cut_off(&self) {
        self.answering.abort();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.public_url)
    }

    /// The header by which a caller is known.
    pub(crate) fn credential(&self, as_page: bool) -> (&'static str, String) {
        if as_page { ("cookie", self.session.clone()) } else { ("authorization", format!("Bearer {}", self.key)) }
    }

    /// What a call of the API answers.
    pub(crate) async fn body(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.ask(path, false).await
    }

    /// The status that a page answers with.
    pub(crate) async fn status(&self, path: &str) -> anyhow::Result<axum::http::StatusCode> {
        let (name, value) = self.credential(true);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(http.get(self.url(path)).header(name, value).send().await?.status())
    }

    async fn ask(&self, path: &str, as_page: bool) -> anyhow::Result<Vec<u8>> {
        let (name, value) = self.credential(as_page);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let answer = http.get(self.url(path)).header(name, value).send().await?;
        anyhow::ensure!(answer.status() == 200, "{path} answers {}", answer.status());
        Ok(answer.bytes().await?.to_vec())
    }

    /// How many bytes a call of the API answers.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<usize> {
        Ok(self.ask(path, false).await?.len())
    }

    /// How many bytes a page has.
    pub(crate) async fn page(&self, path: &str) -> anyhow::Result<usize> {
        Ok(self.ask(path, true).await?.len())
    }
}

/// A bare server of the same framework that answers a constant of that size.
pub(crate) async fn bare(bytes: usize) -> anyhow::Result<String> {
    Ok(serving(bytes).await?.0)
}

/// The same, and what ends it.
async fn serving(bytes: usize) -> anyhow::Result<(String, AbortHandle)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let body = "x".repeat(bytes);
    let router = Router::new().fallback(get(move || async move { body.clone() }));
    let task = tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, task.abort_handle()))
}

async fn sign_in(app: &App) -> anyhow::Result<(String, String)> {
    let (key, session, now) = (fresh_secret(&*app.dice, "sg_"), fresh_secret(&*app.dice, ""), app.now());
    let mut tx = app.store.write().await?;
    let permissions: Vec<Permission> = Act::ALL.iter().copied().map(Permission::from).collect();
    let new = NewApiKey { name: "bench", permissions: &permissions, created_by: None, expires_at: None };
    api_keys::create(&mut tx, &app.organisation, &new, &key, now).await?;
    let new = NewUser { email: "ada@example.com", name: "Ada", role: Role::CompanyAdmin, language: "en", password_hash: None };
    let user = users::insert(&mut tx, &app.organisation, &new, now).await?;
    sessions::open(&mut tx, &user, &session, "bench", now, Span::days(1)).await?;
    tx.commit().await?;
    Ok((key.expose().to_owned(), format!("{}={}", server::auth::SESSION, session.expose())))
}

/// Fills a data folder with so many profiles, for a server that is started later; an API key that may do everything.
pub(crate) async fn fill(folder: &Path, profiles: usize, network: &str) -> anyhow::Result<String> {
    let server = Server::build(config(folder, network), Arc::new(SystemClock)).await?;
    let (key, _) = sign_in(&server.app).await?;
    connect_all(&server.app, profiles).await?;
    Ok(key)
}

/// A server in that folder with one network app.
fn config(folder: &Path, network: &str) -> Config {
    let mut config = Config::default();
    config.server.listen.set_port(0);
    config.server.data_dir = folder.join("data");
    let client = NetworkConfig {
        client_id: Some("bench".into()),
        client_secret: Some(Secret::new("bench")),
        base_url: Some(network.to_owned()),
        ..NetworkConfig::default()
    };
    config.networks.insert("linkedin".into(), client);
    config
}

/// So many profiles, many people in one transaction.
async fn connect_all(app: &App, profiles: usize) -> anyhow::Result<()> {
    let people: Vec<usize> = (0..profiles.div_ceil(PER_PERSON)).collect();
    for together in people.chunks(TOGETHER) {
        let mut tx = app.store.write().await?;
        for person in together {
            connect(&mut tx, app, *person, PER_PERSON.min(profiles - person * PER_PERSON)).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// One person with many pages, through the same functions that a callback uses.
async fn connect(tx: &mut Tx, app: &App, person: usize, pages: usize) -> anyhow::Result<()> {
    let now = app.now();
    let place = Place { network: "linkedin".into(), instance: String::new() };
    let begun = Begun { by: Actor::System, browser_hash: None, expected_people: vec![], profile: None, return_to: None };
    let (id, state): (ConnectionId, EventId) = (ids::fresh(), ids::fresh());
    let state = Secret::new(state.as_str());
    app.store.open_connection(tx, &id, &app.organisation, &place, &begun, &state, &BTreeMap::new(), now, Span::minutes(5)).await?;
    let Taken::Ours(connection, _) = app.store.take_connection(tx, "linkedin", &state, None, now).await? else {
        anyhow::bail!("the connection was not taken")
    };
    let discovered: Vec<Discovered> = (0..pages)
        .map(|page| Discovered {
            network_id: format!("{person}/{page}"),
            kind: "page".into(),
            name: format!("Page {person} {page}"),
            handle: None,
            avatar: None,
            role: "ADMINISTRATOR".into(),
            parent: None,
            unusable: None,
        })
        .collect();
    let secret = fresh_secret(&SystemDice::new(), "");
    let tokens = TokenSet::bearer(secret.clone(), Some(secret), vec![]);
    let name = format!("Person {person}");
    let clocks = Clocks { access_until: Some(now + Span::days(60)), refresh_until: Some(now + Span::days(300)), human_until: None };
    let authorized = Authorized {
        tokens: &tokens,
        clocks,
        renewable: true,
        person_network_id: &name,
        person_name: &name,
        person_handle: None,
        person_across_apps: None,
        discovered: &discovered,
        comes_along: false,
    };
    let facts = Facts::unknown();
    app.store.authorized(tx, &connection, &authorized, &facts, now).await?;
    let connection = connections::get(tx, &app.organisation, &id).await?.context("the connection is gone")?;
    let chosen: Vec<String> = discovered.iter().map(|found| found.network_id.clone()).collect();
    app.store.add_profiles(tx, &connection, chosen.as_slice().into(), &facts, &Actor::System, SystemClock.now()).await?;
    Ok(())
}
