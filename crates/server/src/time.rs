//! The shell's clock and dice: the only places that ask the machine for them.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keeper::ports::Clock;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::wire::Dice;

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock everything else is handed")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Linux counts the time since it was started, sleep included; other systems only say how long they were awake.
    fn counter(&self) -> Option<Timestamp> {
        seconds_up(&std::fs::read_to_string("/proc/uptime").ok()?)
    }
}

/// The first number of `/proc/uptime`: seconds with hundredths.
fn seconds_up(text: &str) -> Option<Timestamp> {
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let (seconds, hundredths): (i64, i64) = (seconds.parse().ok()?, hundredths.parse().ok()?);
    Some(Timestamp::from_micros(seconds * 1_000_000 + hundredths * 10_000))
}

/// The machine's random source.
pub struct SystemDice(SystemRandom);

impl SystemDice {
    /// The source.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemDice {
    fn default() -> Self {
        Self::new()
    }
}

impl Dice for SystemDice {
    /// Without randomness there are no secrets: better no server than a guessable one.
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the system's random source works");
    }
}

/// A fresh secret of 256 random bits, base64url, with a prefix that says what it is for.
pub fn fresh_secret(dice: &dyn Dice, prefix: &str) -> Secret {
    let mut bytes = [0; 32];
    dice.fill(&mut bytes);
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_counts_is_read_as_time() {
        assert_eq!(seconds_up("350735.47 234388.90\n"), Some(Timestamp::from_micros(350_735_470_000)));
        assert_eq!((seconds_up(""), seconds_up("soon"), seconds_up("1.x 2")), (None, None, None));
    }
}
