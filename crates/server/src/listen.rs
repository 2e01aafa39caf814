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
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use http_body::{Body as _, Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
        let stream = Taken { stream, patience: slow_after, blocked: None };
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

/// Whether a request's body came too slowly.
#[derive(Default)]
pub(crate) struct Pace(Option<Arc<AtomicBool>>);

impl Pace {
    /// The answer, where the body came at our pace.
    pub(crate) fn judge(&self, answer: Response) -> Response {
        if !self.0.as_ref().is_some_and(|late| late.load(Ordering::Relaxed)) {
            return answer;
        }
        let words = "The request came too slowly and was not worked on. Send it again over a better connection.";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", words).into_response()
    }
}

/// Ends a request whose body comes too slowly. What is passed through has limits of its own, since a network may be the slow one.
pub(crate) fn paced(app: &App, request: Request) -> (Request, Pace) {
    if request.body().is_end_stream() || door::is_passed_through(request.uri().path()) {
        return (request, Pace::default());
    }
    let late = Arc::new(AtomicBool::new(false));
    let (begun, patience) = (Instant::now(), app.config.server.slow_after.duration());
    let (parts, body) = request.into_parts();
    let over = Box::pin(tokio::time::sleep_until(begun + patience));
    let body = Body::new(Paced { body, begun, patience, came: 0, over, late: Arc::clone(&late) });
    (Request::from_parts(parts, body), Pace(Some(late)))
}

/// A connection whose client has to take what it is sent at the same pace. Whoever reads next to nothing would hold the answer, and
/// what it flows out of, for as long as they like (NT-31): then the connection ends, and with it all of that.
struct Taken<S> {
    stream: S,
    patience: Duration,
    blocked: Option<Blocked>,
}

/// Since when the client takes less than there is.
struct Blocked {
    since: Instant,
    came: u64,
    over: Pin<Box<Sleep>>,
}

impl<S> Taken<S> {
    /// What became of an attempt to send, or the end of our patience. A client is behind until everything that is there is sent.
    fn judged(&mut self, context: &mut Context<'_>, sent: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        if let (Poll::Ready(Ok(n)), Some(blocked)) = (&sent, &mut self.blocked) {
            blocked.came += *n as u64;
            // What the system takes in beforehand is no sign that anybody reads: a silence is never longer than our patience.
            let silent = Instant::now() + self.patience;
            blocked.over.as_mut().reset(silent.min(blocked.since + allowed(self.patience, blocked.came)));
        }
        if sent.is_ready() {
            return sent;
        }
        let (since, patience) = (Instant::now(), self.patience);
        let blocked =
            self.blocked.get_or_insert_with(|| Blocked { since, came: 0, over: Box::pin(tokio::time::sleep_until(since + patience)) });
        if blocked.over.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        tracing::info!("listen: somebody does not read what they asked for, and is let go");
        Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judged(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.judged(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Comes when nothing is left to be sent: then the client has caught up.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.blocked = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// The two ends of a connection that holds 1 KiB on its way.
    fn connection(patience: Duration) -> (Taken<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1024);
        (Taken { stream: ours, patience, blocked: None }, theirs)
    }

    #[tokio::test]
    async fn nt_31_whoever_does_not_read_is_let_go() {
        let (mut ours, _theirs) = connection(Duration::ZERO);
        ours.write_all(&[0; 1024]).await.expect("there is room");
        let error = ours.write_all(&[0; 1]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn nt_31_whoever_reads_gets_everything_and_has_caught_up_then() {
        let (mut ours, mut theirs) = connection(Duration::from_hours(1));
        let reads = tokio::spawn(async move {
            let mut read = vec![0; 100_000];
            theirs.read_exact(&mut read).await.map(|_| (read, theirs))
        });
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        ours.write_all(&sent).await.expect("sent");
        assert!(ours.blocked.as_ref().is_some_and(|blocked| blocked.came > 90_000), "it was behind, and what it took counts");
        ours.flush().await.expect("flushed");
        assert!(ours.blocked.is_none());
        let (read, _theirs) = reads.await.expect("a reader").expect("read");
        assert_eq!(read, sent);
    }

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
