//! Administration of a server that runs, through its REST API, as whom the API key says.

use anyhow::bail;
use keeper::ports::Clock as _;
use lifecycle::moment::written;
use lifecycle::permission::{Permission, Role};
use reqwest::Method;
use serde_json::{Value, json};
use server::time::SystemClock;
use staygreen_client::{Client, Error};

use super::NewKey;
use super::here::no_user;

/// The server, asked.
pub(super) struct There(pub(super) Client);

impl There {
    async fn get(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut answer = self.0.call(Method::GET, path, &[], None).await?;
        Ok(answer["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    pub(super) async fn create_user(&self, email: &str, name: &str, role: Role) -> anyhow::Result<Value> {
        let body = json!({ "email": email, "name": name, "role": role.as_str() });
        let made = self.0.call(Method::POST, "/users", &[], Some(&body)).await?;
        Ok(json!({ "id": made["id"], "link": made["invitation"] }))
    }

    pub(super) async fn list_users(&self) -> anyhow::Result<Value> {
        let row = |user: &Value| json!({ "id": user["id"], "email": user["email"], "name": user["name"], "role": user["role"], "disabled": user["state"] == "disabled" });
        Ok(self.get("/users").await?.iter().map(row).collect())
    }

    async fn user(&self, email: &str) -> anyhow::Result<Value> {
        let is_it = |user: &Value| user["email"].as_str().is_some_and(|known| known.to_lowercase() == email.trim().to_lowercase());
        self.get("/users").await?.into_iter().find(is_it).ok_or_else(|| no_user(email))
    }

    /// Whether a key may is for the server to say; ours lets company admins alone.
    pub(super) async fn reset_second_factor(&self, email: &str) -> anyhow::Result<Value> {
        let user = self.user(email).await?;
        let path = format!("/users/{}/second-factor", user["id"].as_str().unwrap_or_default());
        self.0.call(Method::DELETE, &path, &[], None).await?;
        Ok(json!({ "id": user["id"], "email": user["email"], "second_factor": false, "was_on": user["second_factor"] }))
    }

    pub(super) async fn disable_user(&self, email: &str) -> anyhow::Result<Value> {
        let user = self.user(email).await?;
        let path = format!("/users/{}", user["id"].as_str().unwrap_or_default());
        self.0.change(&path, &json!({ "disabled": true })).await?;
        Ok(json!({ "id": user["id"], "email": user["email"], "disabled": true }))
    }

    pub(super) async fn create_key(&self, key: &NewKey) -> anyhow::Result<Value> {
        let words: Vec<String> = key.permissions.iter().map(Permission::to_string).collect();
        let ends = key.expires_in.map(|length| written(SystemClock.now() + length.span()));
        let body = json!({ "name": key.name, "permissions": words, "expires_at": ends });
        let made = self.0.call(Method::POST, "/api-keys", &[], Some(&body)).await?;
        Ok(json!({ "id": made["id"], "api_key": made["api_key"] }))
    }

    pub(super) async fn list_keys(&self) -> anyhow::Result<Value> {
        let row = |key: &Value| json!({ "id": key["id"], "name": key["name"], "permissions": key["permissions"], "revoked": !key["revoked_at"].is_null() });
        Ok(self.get("/api-keys").await?.iter().map(row).collect())
    }

    pub(super) async fn revoke_key(&self, id: &str) -> anyhow::Result<()> {
        match self.0.call(Method::DELETE, &format!("/api-keys/{}", networks::oauth::percent(id)), &[], None).await {
            Err(Error::Problem(problem)) if problem.status == 404 => bail!(super::NO_KEY),
            other => Ok(other.map(drop)?),
        }
    }
}
