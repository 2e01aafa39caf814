//! One seed, a tree of generators: each concern rolls its own, so that a new roll in one changes nothing in another.

use std::sync::{Mutex, PoisonError};

use lifecycle::time::Span;

/// A generator of numbers that only look random (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for one concern; the same name gives the same one.
    pub(crate) fn branch(&self, name: &str) -> Self {
        let mut hash = self.0 ^ 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut branch = Self(hash);
        Self(branch.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True so many times in a million.
    pub(crate) fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) < u64::from(per_million)
    }

    /// A length of time between two, evenly.
    pub(crate) fn between(&mut self, shortest: Span, longest: Span) -> Span {
        let width = u64::try_from((longest - shortest).as_micros()).unwrap_or(0);
        shortest + Span::micros(i64::try_from(self.below(width.saturating_add(1))).unwrap_or(0))
    }

    /// A length of time around `mean`: a quarter of it to nearly twice.
    pub(crate) fn around(&mut self, mean: Span) -> Span {
        self.between(mean.times(1, 4), mean.times(7, 4))
    }
}

/// Dice for the adapters: nonces and keys, the same for the same seed.
pub(crate) struct SeededDice(Mutex<Generator>);

impl SeededDice {
    pub(crate) fn new(generator: Generator) -> Self {
        Self(Mutex::new(generator))
    }

    /// As if so much had been rolled as lies between two [`SeededDice::state`]s.
    pub(crate) fn roll_on(&self, rolled: u64) {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generator.0 = generator.0.wrapping_add(rolled);
    }

    /// How far they have rolled.
    pub(crate) fn state(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

impl networks::wire::Dice for SeededDice {
    fn fill(&self, buffer: &mut [u8]) {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            let bytes = generator.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
