//! Whether the time of a refusal tells how close a guess was (NT-19): Welch's t of two kinds of wrong keys, asked in turn.

use std::time::Instant;

use lifecycle::secret::Secret;
use server::time::{SystemDice, fresh_secret};
use store::api_keys;

use crate::house::House;
use crate::load::count;

/// How many guesses of each kind.
const EACH: usize = 500_000;
/// So many letters at a close guess's end are wrong.
const END: usize = 8;
/// Of so many per hundred the slowest are left out on both sides: what the machine did meanwhile.
const KEPT: usize = 95;

/// Welch's t between keys of which only the end is wrong and keys that have nothing in common with a right one. Below 4.5 nobody can tell
/// them apart (Goodwill and others, "A testing methodology for side channel resistance validation", 2011).
pub(crate) async fn measure(house: &House) -> anyhow::Result<f64> {
    let dice = SystemDice::new();
    let (right, _) = house.key.split_at(house.key.len() - END);
    let mut times = [Vec::with_capacity(EACH), Vec::with_capacity(EACH)];
    let mut tx = house.app.store.read().await?;
    let mut first = 0;
    for round in 0..EACH {
        // Others each time: where one hash happens to lie in the index says nothing of how close the guess was.
        let far = fresh_secret(&dice, "sg_");
        let (head, end) = far.expose().split_at(far.expose().len() - END);
        let heads = [right, head];
        // What comes second finds everything at hand, so each kind comes first as often as second; in which of two rounds is drawn, since
        // other things in the machine take turns too. Both are made alike, and just before: where a guess lies in memory says nothing of it.
        first = if round % 2 == 0 { usize::from(head.ends_with(|letter: char| u32::from(letter) % 2 == 0)) } else { 1 - first };
        for kind in [first, 1 - first] {
            let guess = Secret::new(format!("{}{end}", heads[kind]));
            let at = Instant::now();
            let found = api_keys::find(&mut tx, &house.app.organisation, &guess).await?;
            times[kind].push(at.elapsed().as_secs_f64());
            anyhow::ensure!(found.is_none(), "a wrong key was found");
        }
    }
    let [close, far] = times.map(Class::of);
    Ok((close.mean - far.mean) / (close.variance / close.count + far.variance / far.count).sqrt())
}

struct Class {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Class {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_unstable_by(f64::total_cmp);
        times.truncate(times.len() * KEPT / 100);
        let number = count(times.len());
        let mean = times.iter().sum::<f64>() / number;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (number - 1.0);
        Self { count: number, mean, variance }
    }
}
