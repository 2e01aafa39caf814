//! Ids of posts.

use crate::world::World;

/// When X began to count, in milliseconds since 1970.
const BEGAN: i64 = 1_288_834_974_657;

/// An id that says when the post was made, as X's do: milliseconds in its upper bits.
pub(super) fn fresh(world: &mut World, now: i64) -> String {
    let milliseconds = u64::try_from(now / 1_000 - BEGAN).unwrap_or(0);
    ((milliseconds << 22) | (world.number() % (1 << 22))).to_string()
}
