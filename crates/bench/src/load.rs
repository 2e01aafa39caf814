//! Asking the same again and again.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Uri, header};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What was measured.
pub(crate) struct Load {
    /// Each answer's time, sorted.
    times: Vec<Duration>,
    whole: Duration,
}

impl Load {
    /// Asks an address for a while, so many callers at once, each on its own connection. The callers have the machine in common with
    /// whom they ask: they do as little as HTTP allows, and the clock starts when all are connected.
    pub(crate) async fn run(url: &str, credential: Option<(&'static str, String)>, callers: usize, long: Duration) -> anyhow::Result<Self> {
        let uri: Uri = url.parse()?;
        let mut connected = vec![];
        for _ in 0..callers {
            connected.push(Caller::connect(&uri, credential.clone()).await?);
        }
        let began = Instant::now();
        Self::of(connected.into_iter().map(|caller| caller.ask_until(began + long)), began).await
    }

    /// Asks so often in a second, evenly, by callers who take turns. Where the answer before came too late, an answer's time counts from the
    /// moment at which it was to be asked for: a server that stalls is not asked less often for that.
    pub(crate) async fn paced(url: &str, credential: Option<(&'static str, String)>, rate: u32, long: Duration) -> anyhow::Result<Self> {
        const CALLERS: u32 = 32;
        let uri: Uri = url.parse()?;
        let mut connected = vec![];
        for _ in 0..CALLERS {
            connected.push(Caller::connect(&uri, credential.clone()).await?);
        }
        let began = Instant::now();
        let step = Duration::from_secs(1) / rate;
        let asking = (0..).zip(connected).map(|(at, caller)| caller.ask_at(began + step * at, step * CALLERS, began + long));
        Self::of(asking, began).await
    }

    /// What all callers measured, who ask at the same time.
    async fn of<F>(asking: impl Iterator<Item = F>, began: Instant) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<Vec<Duration>>> + Send + 'static,
    {
        let mut times = vec![];
        for task in asking.map(tokio::spawn).collect::<Vec<_>>() {
            times.extend(task.await??);
        }
        let whole = began.elapsed();
        times.sort_unstable();
        Ok(Self { times, whole })
    }

    pub(crate) fn per_second(&self) -> f64 {
        count(self.times.len()) / self.whole.as_secs_f64()
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
        self.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    }
}

/// One caller and its connection.
struct Caller {
    line: SendRequest<Body>,
    path: String,
    host: HeaderValue,
    credential: Option<(&'static str, HeaderValue)>,
}

impl Caller {
    async fn connect(uri: &Uri, credential: Option<(&'static str, String)>) -> anyhow::Result<Self> {
        let host = uri.authority().context("an address with a host")?.as_str();
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (line, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let credential = credential.map(|(name, value)| anyhow::Ok((name, HeaderValue::try_from(value)?))).transpose()?;
        Ok(Self { line, path, host: HeaderValue::try_from(host)?, credential })
    }

    /// How long each answer took, one after the other.
    async fn ask_until(mut self, end: Instant) -> anyhow::Result<Vec<Duration>> {
        let mut times = vec![];
        while Instant::now() < end {
            let at = Instant::now();
            self.ask().await?;
            times.push(at.elapsed());
        }
        Ok(times)
    }

    /// How long each answer took, and how much later than its moment it was asked for because the one before was late.
    async fn ask_at(mut self, first: Instant, every: Duration, end: Instant) -> anyhow::Result<Vec<Duration>> {
        let (mut times, mut at) = (vec![], first);
        while at < end {
            let is_late = Instant::now() > at;
            tokio::time::sleep_until(at.into()).await;
            // Timers come up to a millisecond late: that is nothing of the server's.
            let from = if is_late { at } else { Instant::now() };
            self.ask().await?;
            times.push(from.elapsed());
            at += every;
        }
        Ok(times)
    }

    async fn ask(&mut self) -> anyhow::Result<()> {
        let mut request = Request::get(self.path.as_str()).header(header::HOST, &self.host);
        if let Some((name, value)) = &self.credential {
            request = request.header(*name, value);
        }
        let answer = self.line.send_request(request.body(Body::empty())?).await?;
        anyhow::ensure!(answer.status().is_success(), "{} answers {}", self.path, answer.status());
        answer.into_body().collect().await?;
        Ok(())
    }
}

/// A count as a number to divide.
pub(crate) fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}
