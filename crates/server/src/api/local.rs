//! The API of an installation on this machine, while no server runs on it: the same routes, decisions and audit, for the operator's
//! command line.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use lifecycle::permission::{Act, Permission};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use store::api_keys;
use tower::ServiceExt as _;

use crate::config::Config;
use crate::state::App;
use crate::time::{SystemClock, fresh_secret};
use crate::{Server, StartError, routes};

/// What the operator's key is called, in lists and in the audit.
const NAME: &str = "command line";
/// The key ends by itself soon after the command.
const KEY_LIFE: Span = Span::minutes(10);

/// The way in.
pub struct Door {
    /// What handlers are handed.
    pub app: Arc<App>,
    router: Router,
    key: Secret,
}

impl Door {
    /// Opens the installation. A SQLite file that a server works on is refused: ask that server instead.
    pub async fn open(mut config: Config) -> Result<Self, StartError> {
        // Nobody is to come in from outside: the listener that comes with a server is never served.
        config.server.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let app = Server::build(config, Arc::new(SystemClock)).await?.app;
        let key = fresh_secret(&*app.dice, "sg_");
        let permissions: Vec<Permission> = Act::ALL.iter().copied().map(Permission::from).collect();
        let mut tx = app.store.write().await?;
        api_keys::lend_to_operator(&mut tx, &app.organisation, NAME, &permissions, &key, app.now(), KEY_LIFE).await?;
        tx.commit().await?;
        Ok(Self { router: routes::router(&app), app, key })
    }

    /// Asks.
    pub async fn call(&self, mut request: Request<Body>) -> Response {
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
