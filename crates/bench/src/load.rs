//! Asking the same again and again.

use std::time::{Duration, Instant};

/// What was measured.
pub(crate) struct Load {
    /// Each answer's time, sorted.
    times: Vec<Duration>,
    whole: Duration,
}

impl Load {
    /// Asks an address for a while, so many callers at once, each on its own connection.
    pub(crate) async fn run(url: &str, credential: Option<(&'static str, String)>, callers: usize, long: Duration) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut tasks = vec![];
        for _ in 0..callers {
            let (url, credential) = (url.to_owned(), credential.clone());
            tasks.push(tokio::spawn(async move {
                let http = reqwest::Client::builder().no_proxy().build()?;
                let mut times = vec![];
                while began.elapsed() < long {
                    let at = Instant::now();
                    let mut request = http.get(&url);
                    if let Some((name, value)) = &credential {
                        request = request.header(*name, value);
                    }
                    let answer = request.send().await?.error_for_status()?;
                    answer.bytes().await?;
                    times.push(at.elapsed());
                }
                anyhow::Ok(times)
            }));
        }
        let mut times = vec![];
        for task in tasks {
            times.extend(task.await??);
        }
        times.sort_unstable();
        Ok(Self { times, whole: began.elapsed() })
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

/// A count as a number to divide.
pub(crate) fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}
