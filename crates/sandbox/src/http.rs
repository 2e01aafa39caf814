//! The HTTP shell around a [`World`].

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::Request;

use crate::notices::Notice;
use crate::world::{Fate, World};

/// The most bytes of a request that are read.
const REQUEST_MAX: usize = 32 * 1024 * 1024;

/// A running sandbox. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Mutex<World>>);

impl Sandbox {
    /// A sandbox around a world.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The sandbox's time, in µs since 1970: the wall's, moved by the world's own offset.
    #[expect(clippy::disallowed_methods, reason = "the sandbox's one look at the wall clock")]
    pub fn now(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(wall.as_micros()).unwrap_or(i64::MAX).saturating_add(self.with_world(|world| world.offset()))
    }

    /// Looks at the world, or changes it.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        look(&mut world)
    }

    /// Everything under one router: `/{network}/…` and `/control`.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

async fn answer(State(sandbox): State<Sandbox>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, REQUEST_MAX).await.unwrap_or_default();
    let request = Request::from_parts(parts, body);
    let now = sandbox.now();
    let (answer, notices) = sandbox.with_world(|world| (world.handle(now, &request), world.take_notices()));
    for notice in notices {
        tokio::spawn(send(sandbox.clone(), notice));
    }
    match answer.extensions().get::<Fate>() {
        Some(Fate::Delay(millis)) => tokio::time::sleep(Duration::from_millis(*millis)).await,
        Some(Fate::CloseWithoutAnswer) => {
            // A body that fails at once makes the server cut the connection.
            let cut = std::io::Error::other("the answer is lost");
            let body = Body::from_stream(futures_util::stream::once(async { Err::<Bytes, _>(cut) }));
            let mut lost = Response::new(body);
            lost.headers_mut().insert("content-length", http::HeaderValue::from_static("1000"));
            return lost;
        }
        None => {}
    }
    answer.map(Body::from)
}

/// How long after one another a notice is sent while it is not taken.
const AGAIN: [Duration; 4] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Sends a notice until it is taken, as networks do; each try is a line of the ledger.
async fn send(sandbox: Sandbox, notice: Notice) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
    let Ok(client) = client else { return };
    for wait in AGAIN {
        tokio::time::sleep(wait).await;
        let Ok(request) = notice.request() else { return };
        let (parts, body) = request.into_parts();
        let sent = client.post(&notice.url).headers(parts.headers).body(body).send().await;
        let status = sent.map_or(0, |answer| answer.status().as_u16());
        let now = sandbox.now();
        sandbox.with_world(|world| world.told(now, &notice, status));
        if (200..300).contains(&status) {
            return;
        }
    }
}
