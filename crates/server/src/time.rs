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
