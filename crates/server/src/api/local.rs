//! The API of an installation on this machine, while no server runs on it: the same routes, decisions and audit, for the operator's
//! command line.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use lifecycle::ids::ApiKeyId;
use lifecycle::permission::{Act, Permission};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use store::StoreError;
use store::api_keys::{self, NewApiKey};
use tokio::runtime::{Handle, RuntimeFlavor};
use tower::ServiceExt as _;

use crate::config::Config;
use crate::state::App;
use crate::time::{SystemClock, fresh_secret};
use crate::{Server, StartError, routes};

/// What the operator's key is called, in lists and in the audit.
pub(crate) const NAME: &str = "command line";
/// So long after the last call the key ends by itself, should the command be killed.
const KEY_LIFE: Span = Span::minutes(10);

/// What the operator may.
fn everything() -> Vec<Permission> {
    Act::ALL.iter().copied().map(Permission::from).collect()
}

/// The way in.
///
/// The key that opens it is taken back when it is dropped, whether the command came to a good end or not.
pub struct Door {
    /// What handlers are handed.
    pub app: Arc<App>,
    router: Router,
    key: Secret,
    id: ApiKeyId,
    until: Mutex<Timestamp>,
}

impl Door {
    /// Opens the installation. A SQLite file that a server works on is refused: ask that server instead.
    pub async fn open(mut config: Config) -> Result<Self, StartError> {
        // Nobody is to come in from outside: the listener that comes with a server is never served.
        config.server.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let app = Server::build(config, Arc::new(SystemClock)).await?.app;
        let key = fresh_secret(&*app.dice, "sg_");
        let permissions = everything();
        let mut tx = app.store.write().await?;
        let now = app.now();
        let id = api_keys::lend_to_operator(&mut tx, &app.organisation, NAME, &permissions, &key, now, KEY_LIFE).await?;
        tx.commit().await?;
        Ok(Self { router: routes::router(&app), app, key, id, until: Mutex::new(now + KEY_LIFE) })
    }

    /// A command that goes on for hours keeps its key.
    async fn prolong(&self) {
        let now = self.app.now();
        if self.until.lock().unwrap_or_else(PoisonError::into_inner).since(now) > KEY_LIFE.times(1, 2) {
            return;
        }
        let until = now + KEY_LIFE;
        let prolonged = async {
            let mut tx = self.app.store.write().await?;
            let permissions = everything();
            let new = NewApiKey { name: NAME, permissions: &permissions, created_by: None, expires_at: Some(until) };
            api_keys::lend_on(&mut tx, &self.app.organisation, &self.id, &new, &self.key, now).await?;
            tx.commit().await
        };
        match prolonged.await {
            Ok(()) => *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until,
            Err(error) => {
                tracing::warn!(error = %error, "local: the operator's key could not be prolonged; trying again with the next call");
            }
        }
    }

    async fn close(&self) -> Result<(), StoreError> {
        let mut tx = self.app.store.write().await?;
        api_keys::take_back(&mut tx, &self.id).await?;
        tx.commit().await
    }

    /// Asks.
    pub async fn call(&self, mut request: Request<Body>) -> Response {
        self.prolong().await;
        if let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {}", self.key.expose())) {
            bearer.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Elsewhere nobody could wait for it here; the key ends by itself then.
        let runtime = Handle::try_current().ok().filter(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        let Some(runtime) = runtime else { return };
        if let Err(error) = tokio::task::block_in_place(|| runtime.block_on(self.close())) {
            tracing::warn!(error = %error, "local: the operator's key could not be taken back; it ends in ten minutes");
        }
    }
}
