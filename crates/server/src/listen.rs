//! The way in. Whoever sends a byte now and then holds a connection only for a while, so that thousands of them leave room for
//! everybody else (NT-31).

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use http_body::{Body as _, Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use crate::api::door;
use crate::error::Problem;
use crate::state::App;

/// A body that keeps coming at this pace, in bytes per second, may take longer.
const PACE: u64 = 16 * 1024;

/// Answers whoever connects until the token is cancelled, and then those whose requests are under way. A head may take so long, and a
/// connection may be idle for so long.
pub(crate) async fn serve(mut listener: TcpListener, router: Router, slow_after: Duration, stop: CancellationToken) {
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(slow_after);
    let connections = GracefulShutdown::new();
    loop {
        let (stream, _) = tokio::select! {
            () = stop.cancelled() => break,
            taken = Listener::accept(&mut listener) => taken,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // How a connection ended is no question of ours: whoever was on it knows.
            let _ = connection.await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// Lets the process hold as many connections as the machine allows: many machines begin with a thousand.
pub(crate) fn take_all_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(error = %error, "listen: the limit of open files could not be raised");
    }
}

/// Ends requests whose body comes too slowly. What is passed through has limits of its own, since a network may be the slow one.
pub(crate) async fn paced(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || door::is_passed_through(request.uri().path()) {
        return next.run(request).await;
    }
    let late = Arc::new(AtomicBool::new(false));
    let (begun, patience) = (Instant::now(), app.config.server.slow_after.duration());
    let (parts, body) = request.into_parts();
    let over = Box::pin(tokio::time::sleep_until(begun + patience));
    let body = Body::new(Paced { body, begun, patience, came: 0, over, late: Arc::clone(&late) });
    let answer = next.run(Request::from_parts(parts, body)).await;
    if late.load(Ordering::Relaxed) {
        let words = "The request came too slowly and was not worked on. Send it again over a better connection.";
        return Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", words).into_response();
    }
    answer
}

struct Paced {
    body: Body,
    begun: Instant,
    patience: Duration,
    came: u64,
    over: Pin<Box<Sleep>>,
    late: Arc<AtomicBool>,
}

/// After how long a body of which so much came has to be whole, or to have brought more.
fn allowed(patience: Duration, came: u64) -> Duration {
    patience + Duration::from_secs(came / PACE)
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                self.came += frame.data_ref().map_or(0, |data| data.len() as u64);
                let until = self.begun + allowed(self.patience, self.came);
                self.over.as_mut().reset(until);
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(ended) => return Poll::Ready(ended),
        }
        if self.over.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever keeps the pace is never cut off, and whoever sends next to nothing soon is.
    #[test]
    fn nt_31_patience_grows_with_what_came() {
        let patience = Duration::from_secs(30);
        for seconds in (0..100_000).step_by(7) {
            assert!(allowed(patience, seconds * PACE) >= Duration::from_secs(seconds));
            assert!(allowed(patience, seconds / 10) <= patience + Duration::from_secs(1));
        }
    }
}
