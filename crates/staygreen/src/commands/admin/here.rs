//! Administration of the installation on this machine. The operator does it: it stands in the history and in the audit as theirs.

use anyhow::{Context as _, anyhow, bail};
use keeper::ports::Clock as _;
use lifecycle::ids::OrganisationId;
use lifecycle::permission::{Act, Permission, Role};
use lifecycle::time::Span;
use serde_json::{Value, json};
use server::StartError;
use server::time::{SystemClock, SystemDice, fresh_secret};
use store::api_keys::NewApiKey;
use store::audit::Entry;
use store::events::{self, About, Actor};
use store::users::{NewUser, User};
use store::{OpenError, Store, StoreError, Tx, api_keys, second_factors, sessions, users};

use super::super::ConfigArgs;
use super::NewKey;

/// What to do where a server works on the SQLite file.
pub(crate) const ASK_IT: &str =
    "a server works on this installation: ask it with --url and an API key (--api-key-file, or STAYGREEN_API_KEY), or stop it first";

/// An invitation is valid for 72 hours.
const INVITATION_LIFE: Span = Span::hours(72);

/// The opened installation.
pub(crate) struct Here {
    pub(crate) store: Store,
    pub(crate) organisation: OrganisationId,
    url: String,
}

/// Whether an installation is begun where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhereNone {
    Begin,
    Refuse,
}

impl Here {
    /// Opens it. `in_use` says what to do where a server works on it.
    pub(crate) async fn open(args: &ConfigArgs, none: WhereNone, in_use: &'static str) -> anyhow::Result<Self> {
        let config = if none == WhereNone::Begin { args.load()? } else { args.load_existing()? };
        let store = server::open_store(&config).await.map_err(|error| {
            let is_used = matches!(error, StartError::Open(OpenError::InUse(_)));
            let error = anyhow::Error::from(error);
            if is_used { error.context(in_use) } else { error }
        })?;
        let mut tx = store.write().await?;
        let (organisation, _) = users::first_organisation(&mut tx, &config.server.organisation, SystemClock.now()).await?;
        tx.commit().await?;
        let url = if config.server.public_url.is_empty() {
            format!("http://{}", config.server.listen)
        } else {
            config.server.public_url.trim_end_matches('/').to_owned()
        };
        Ok(Self { store, organisation, url })
    }

    /// Writes down what the operator does: in the history, as what is done on the pages is, and in the audit.
    pub(crate) async fn note(&self, tx: &mut Tx, kind: &str, event: &Value, act: Act, detail: Value) -> Result<(), StoreError> {
        let (at, organisation, actor) = (SystemClock.now(), &self.organisation, &Actor::System);
        events::append(tx, organisation, at, kind, actor, &About::default(), event).await?;
        let act = act.as_str();
        self.store.audit(tx, Entry { at, organisation, actor, act, profile: None, grant: None, under: None, detail }).await
    }

    pub(super) async fn create_user(&self, email: &str, name: &str, role: Role) -> anyhow::Result<Value> {
        let secret = fresh_secret(&SystemDice::new(), "");
        let mut tx = self.store.write().await?;
        let new = NewUser { email, name, role, language: "en", password_hash: None };
        let inserted = users::insert(&mut tx, &self.organisation, &new, SystemClock.now()).await;
        let id = inserted.map_err(|error| {
            if error.is_duplicate() { anyhow!("there is a user with the address {email} already") } else { error.into() }
        })?;
        users::invite(&mut tx, &id, &secret, SystemClock.now(), INVITATION_LIFE).await?;
        let detail = json!({ "user": id.as_str(), "role": role });
        let noted = json!({ "what": "user invited", "user": id.as_str(), "role": role });
        self.note(&mut tx, "user.invited", &detail, Act::ManageUsers, noted).await?;
        tx.commit().await?;
        Ok(json!({ "id": id.as_str(), "link": format!("{}/invitation/{}", self.url, secret.expose()) }))
    }

    pub(super) async fn list_users(&self) -> anyhow::Result<Value> {
        let all = users::list(&mut self.store.read().await?, &self.organisation).await?;
        let row = |user: &User| json!({ "id": user.id.as_str(), "email": user.email, "name": user.name, "role": user.role, "disabled": user.disabled_at.is_some() });
        Ok(all.iter().map(row).collect())
    }

    async fn user(&self, tx: &mut Tx, email: &str) -> anyhow::Result<User> {
        users::by_email(tx, email).await?.ok_or_else(|| no_user(email))
    }

    pub(super) async fn reset_second_factor(&self, email: &str) -> anyhow::Result<Value> {
        let mut tx = self.store.write().await?;
        let user = self.user(&mut tx, email).await?;
        let was_on = second_factors::remove(&mut tx, &user.id).await?;
        sessions::end_others(&mut tx, &user.id, None).await?;
        let detail = json!({ "user": user.id.as_str(), "second_factor": "reset" });
        let noted = json!({ "what": "second factor reset", "user": user.id.as_str() });
        self.note(&mut tx, "user.changed", &detail, Act::ManageUsers, noted).await?;
        tx.commit().await?;
        Ok(json!({ "id": user.id.as_str(), "email": user.email, "second_factor": false, "was_on": was_on }))
    }

    pub(super) async fn disable_user(&self, email: &str) -> anyhow::Result<Value> {
        let mut tx = self.store.write().await?;
        let user = self.user(&mut tx, email).await?;
        users::set_standing(&mut tx, &self.organisation, &user.id, user.role, Some(SystemClock.now())).await?;
        let detail = json!({ "user": user.id.as_str(), "role": user.role, "disabled": true });
        let noted = json!({ "what": "user changed", "user": user.id.as_str(), "role": user.role, "disabled": true });
        self.note(&mut tx, "user.changed", &detail, Act::ManageUsers, noted).await?;
        tx.commit().await?;
        Ok(json!({ "id": user.id.as_str(), "email": user.email, "disabled": true }))
    }

    pub(super) async fn create_key(&self, key: &NewKey) -> anyhow::Result<Value> {
        let secret = fresh_secret(&SystemDice::new(), "sg_");
        let now = SystemClock.now();
        let expires_at = key.expires_in.map(|length| now + length.span());
        let new = NewApiKey { name: &key.name, permissions: &key.permissions, created_by: None, expires_at };
        let mut tx = self.store.write().await?;
        let id = api_keys::create(&mut tx, &self.organisation, &new, &secret, now).await?;
        let words: Vec<String> = key.permissions.iter().map(Permission::to_string).collect();
        let detail = json!({ "key": id.as_str(), "name": key.name, "permissions": words });
        let noted = json!({ "what": "created", "key": id.as_str(), "permissions": words });
        self.note(&mut tx, "api_key.created", &detail, Act::ManageApiKeys, noted).await?;
        tx.commit().await?;
        Ok(json!({ "id": id.as_str(), "api_key": secret.expose() }))
    }

    pub(super) async fn list_keys(&self) -> anyhow::Result<Value> {
        let all = api_keys::list(&mut self.store.read().await?, &self.organisation).await?;
        let row = |key: &api_keys::ApiKey| json!({ "id": key.id.as_str(), "name": key.name, "permissions": key.permissions.iter().map(Permission::to_string).collect::<Vec<_>>(), "revoked": key.revoked_at.is_some() });
        Ok(all.iter().map(row).collect())
    }

    pub(super) async fn revoke_key(&self, id: &str) -> anyhow::Result<()> {
        let id = id.parse().map_err(|error| anyhow!("{error}"))?;
        let mut tx = self.store.write().await?;
        if !api_keys::revoke(&mut tx, &self.organisation, &id, SystemClock.now()).await? {
            bail!(super::NO_KEY);
        }
        let noted = json!({ "what": "revoked", "key": id.as_str() });
        self.note(&mut tx, "api_key.revoked", &json!({ "key": id.as_str() }), Act::ManageApiKeys, noted).await?;
        tx.commit().await.context("the key could not be revoked")
    }
}

pub(super) fn no_user(email: &str) -> anyhow::Error {
    anyhow!("there is no user with the address {email}")
}
