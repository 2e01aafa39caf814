//! How often a network lets itself be called: counted in windows, by whatever the network counts.

use serde_json::json;

use crate::request::{Answer, json as answer};
use crate::world::World;

const MICRO: i64 = 1_000_000;

/// One limit of a network.
pub(crate) struct Limit {
    pub(crate) network: &'static str,
    /// What is counted.
    pub(crate) name: &'static str,
    pub(crate) calls: u64,
    pub(crate) seconds: i64,
}

impl World {
    /// Counts a call of somebody. `Err` with the seconds until the window ends, where there were too many in it.
    pub(crate) fn count(&mut self, now: i64, limit: &Limit, whose: &str) -> Result<(), i64> {
        let length = limit.seconds * MICRO;
        let window = now.div_euclid(length);
        let kept = self.kept.entry((limit.network, format!("limit/{}/{whose}", limit.name))).or_insert(json!([window, 0]));
        if kept[0] != json!(window) {
            *kept = json!([window, 0]);
        }
        let used = kept[1].as_u64().unwrap_or(0) + 1;
        kept[1] = json!(used);
        if used <= limit.calls { Ok(()) } else { Err(((window + 1) * length - now + MICRO - 1) / MICRO) }
    }
}

/// A refusal with headers that are numbers.
pub(crate) fn with_numbers(mut refused: Answer, headers: &[(&'static str, i64)]) -> Answer {
    for (name, number) in headers {
        refused.headers_mut().insert(*name, http::HeaderValue::from(*number));
    }
    refused
}

/// The refusal of whatever comes too often, of a network that has no words of its own for it here.
pub(crate) fn plain() -> Answer {
    with_numbers(answer(429, &json!({ "message": "Too Many Requests" })), &[("retry-after", 60)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_and_everybody_has_their_own() {
        let mut world = World::seeded();
        let limit = Limit { network: "tiktok", name: "calls", calls: 2, seconds: 60 };
        let at = |seconds: i64| seconds * MICRO;
        assert_eq!([world.count(at(61), &limit, "a"), world.count(at(62), &limit, "a")], [Ok(()), Ok(())]);
        assert_eq!(world.count(at(100), &limit, "a"), Err(20));
        assert_eq!(world.count(at(100), &limit, "b"), Ok(()));
        assert_eq!(world.count(at(120), &limit, "a"), Ok(()));
    }
}
