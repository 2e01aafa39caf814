//! The demo's believable team, connected through the same actions that people use.

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::Request;
use lifecycle::permission::{Act, Permission, Role};
use lifecycle::secret::Secret;
use sandbox::http::Sandbox;
use serde_json::{Value, json};
use server::Problem;
use server::actions::connect::{By, begin, network_named};
use server::actions::finish::{Finished, choose, finish};
use server::i18n::Lang;
use server::state::App;
use server::time::fresh_secret;
use store::api_keys::{self, NewApiKey};
use store::connections::Stage;
use store::events::Actor;
use store::presets::{self, Preset};
use store::teams;
use store::users::{self, Account, NewUser};

/// What a newcomer needs to know.
pub(crate) struct Seeded {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) api_key: String,
}

/// The password of every seeded user. It opens nothing but a demo on this machine.
const PASSWORD: &str = "staygreen demo password";

const LINKEDIN_SEED: &[&str] = &["urn:li:organization:1001", "urn:li:organization:1002"];

/// Makes users, teams, presets and four connections, unless they are there.
pub(crate) async fn seed(app: &App, world: &Sandbox) -> anyhow::Result<Seeded> {
    let api_key = make_key(app).await?;
    let mut tx = app.store.read().await?;
    let seeded_before = users::by_email(&mut tx, "lena.arndt@fernweh.example").await?.is_some();
    drop(tx);
    if !seeded_before {
        make_team(app).await?;
        for (network, username, ids) in [
            ("linkedin", "jana.lindner", Some(LINKEDIN_SEED)),
            ("tiktok", "fernweh.outdoor", None),
            ("pinterest", "fernwehoutdoor", None),
            ("xing", "karl.voss", None),
        ] {
            connect(app, world, network, username, ids).await.with_context(|| format!("{network} as {username}"))?;
        }
    }
    Ok(Seeded { user: "lena.arndt@fernweh.example".into(), password: PASSWORD.into(), api_key })
}

async fn make_key(app: &App) -> anyhow::Result<String> {
    let secret = fresh_secret(&*app.dice, "sg_");
    let mut tx = app.store.write().await?;
    let permissions: Vec<Permission> = Act::ALL.iter().copied().map(Permission::from).collect();
    let new = NewApiKey { name: "Demo", permissions: &permissions, created_by: None, expires_at: None };
    api_keys::create(&mut tx, &app.organisation, &new, &secret, app.now()).await?;
    tx.commit().await?;
    Ok(secret.expose().to_owned())
}

async fn make_team(app: &App) -> anyhow::Result<()> {
    let hash = app.passwords.hash(&Secret::new(PASSWORD)).await.map_err(|_| anyhow!("the demo's password is too weak"))?;
    let now = app.now();
    let mut tx = app.store.write().await?;
    let new = |email: &'static str, name: &'static str, role, language| NewUser {
        email,
        name,
        role,
        language,
        password_hash: Some(hash.clone()),
    };
    let lena =
        users::insert(&mut tx, &app.organisation, &new("lena.arndt@fernweh.example", "Lena Arndt", Role::CompanyAdmin, "en"), now).await?;
    let tobias =
        users::insert(&mut tx, &app.organisation, &new("tobias.kern@fernweh.example", "Tobias Kern", Role::StandardUser, "de"), now)
            .await?;
    let mira =
        users::insert(&mut tx, &app.organisation, &new("mira.sato@fernweh.example", "Mira Sato", Role::StandardUser, "en"), now).await?;
    for user in [&lena, &tobias, &mira] {
        users::set_notifications(&mut tx, user, true, true).await?;
        let name = users::by_id(&mut tx, user).await?.map(|user| (user.name, user.language));
        if let Some((name, language)) = name {
            let (time_zone, theme, start_page) = ("Europe/Berlin", "auto", "dashboard");
            let account = Account { name: &name, language: &language, time_zone, theme, start_page };
            users::set_account(&mut tx, user, &account, now).await?;
        }
    }
    let brand = teams::create(&mut tx, &app.organisation, "Brand", now).await?;
    let guides = teams::create(&mut tx, &app.organisation, "Trail guides", now).await?;
    teams::set_members(&mut tx, &app.organisation, &brand, &[lena.clone(), tobias.clone()]).await?;
    teams::set_members(&mut tx, &app.organisation, &guides, std::slice::from_ref(&mira)).await?;
    for (network, owner, team) in
        [("linkedin", &lena, &brand), ("tiktok", &tobias, &brand), ("pinterest", &mira, &guides), ("xing", &tobias, &brand)]
    {
        let preset = Preset {
            team: None,
            network: network.into(),
            owner: Some(owner.clone()),
            teams: vec![team.clone()],
            notify_no_access: true,
            notify_renew_soon: true,
        };
        presets::set(&mut tx, &app.organisation, &preset, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn failed(problem: Problem) -> anyhow::Error {
    anyhow!("{}: {}", problem.code, problem.detail)
}

/// Connects as a person would, with the sandbox's door that needs no browser.
async fn connect(app: &App, world: &Sandbox, network: &str, username: &str, ids: Option<&[&str]>) -> anyhow::Result<()> {
    let network = network_named(network).map_err(failed)?;
    let by = || By { actor: Actor::System, browser: None, lang: Lang::En };
    let started = begin(app, network, None, by(), None).await.map_err(failed)?;
    let body = json!({ "authorize_url": started.authorize_url, "username": username }).to_string();
    let request = Request::post("/control/api/consent").header("content-type", "application/json").body(Bytes::from(body))?;
    let now = world.now();
    let answer = world.with_world(|world| world.handle(now, &request));
    let answer: Value = serde_json::from_slice(answer.body())?;
    let back = answer["redirect_to"].as_str().ok_or_else(|| anyhow!("the sandbox refused: {answer}"))?;
    let callback: Vec<(String, String)> = url::Url::parse(back)?.query_pairs().into_owned().collect();
    let Finished::Connection(connection) = finish(app, network, "", &callback, None).await.map_err(failed)? else {
        return Err(anyhow!("the callback was not ours"));
    };
    match connection.stage {
        Stage::Complete => Ok(()),
        Stage::Choose => {
            let usable: Vec<String> =
                connection.discovered.iter().filter(|found| found.unusable.is_none()).map(|found| found.network_id.clone()).collect();
            let chosen = ids.map_or(usable, |ids| ids.iter().map(|id| (*id).to_owned()).collect());
            choose(app, &connection, chosen.as_slice().into(), &Actor::System).await.map_err(failed)?;
            Ok(())
        }
        other => Err(anyhow!("the connection is {}: {:?}", other.as_str(), connection.failure)),
    }
}
