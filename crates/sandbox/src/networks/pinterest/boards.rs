//! Boards and their sections (knowledge base, section 7).

use serde_json::{Value, json};

use super::error;
use crate::people::Board;
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

pub(super) fn boards_of<'a>(world: &'a World, family: &Family) -> Vec<&'a Board> {
    let sees_secret = family.scopes.iter().any(|scope| scope == "boards:read_secret");
    let mine = |board: &&Board| {
        !board.deleted
            && (board.owner == family.username || board.collaborators.contains(&family.username.as_str()))
            && (!board.secret || sees_secret)
    };
    world.boards.iter().filter(mine).collect()
}

fn may_read(family: &Family) -> Result<(), Answer> {
    let words = "Your application consumer type is not supported, please contact support. Missing scope: boards:read";
    if family.scopes.iter().any(|scope| scope == "boards:read") { Ok(()) } else { Err(error(401, 3, words)) }
}

/// One page of a list.
fn paged(incoming: &Incoming, all: Vec<Value>) -> Answer {
    let size: usize = incoming.q("page_size").parse().unwrap_or(25).clamp(1, 250);
    let from: usize = incoming.q("bookmark").parse().unwrap_or(0);
    let next = from.saturating_add(size);
    let bookmark = (all.len() > next).then(|| next.to_string());
    let items: Vec<Value> = all.into_iter().skip(from).take(size).collect();
    answer(200, &json!({ "items": items, "bookmark": bookmark }))
}

pub(super) fn boards(world: &World, incoming: &Incoming, family: &Family) -> Answer {
    if let Err(refused) = may_read(family) {
        return refused;
    }
    let privacy = incoming.q("privacy");
    let asked = |board: &&Board| match privacy {
        "PUBLIC" => !board.secret,
        "SECRET" => board.secret,
        // No board of this world is PROTECTED.
        "PROTECTED" => false,
        _ => true,
    };
    paged(incoming, boards_of(world, family).into_iter().filter(asked).map(item).collect())
}

fn item(board: &Board) -> Value {
    json!({
        "id": board.id.to_string(), "name": board.name, "description": "", "privacy": if board.secret { "SECRET" } else { "PUBLIC" },
        "owner": { "username": board.owner }, "collaborator_count": board.collaborators.len(), "pin_count": 5, "is_ads_only": false
    })
}

/// One board; what somebody may not see is not there.
pub(super) fn board(world: &World, family: &Family, board: &str) -> Answer {
    if let Err(refused) = may_read(family) {
        return refused;
    }
    let found = boards_of(world, family).into_iter().find(|known| known.id.to_string() == board);
    found.map_or_else(|| error(404, 40, "Board not found."), |board| answer(200, &item(board)))
}

pub(super) fn sections(world: &World, incoming: &Incoming, family: &Family, board: &str) -> Answer {
    if let Err(refused) = may_read(family) {
        return refused;
    }
    let Some(board) = boards_of(world, family).into_iter().find(|known| known.id.to_string() == board) else {
        return error(404, 40, "Board not found.");
    };
    paged(incoming, board.sections.iter().map(|(id, name)| json!({ "id": id.to_string(), "name": name })).collect())
}
