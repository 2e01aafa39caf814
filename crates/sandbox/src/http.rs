//! The HTTP shell around a [`World`].

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::Request;

use crate::world::{Fate, World};

/// The most bytes of a request that are read.
const REQUEST_MAX: usize = 1024 * 1024;

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
    let answer = sandbox.with_world(|world| world.handle(now, &request));
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
