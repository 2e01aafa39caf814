//! Whether there is room for more profiles: the operator may set a limit.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use store::connections::{Discovered, Failed};
use store::grants::Place;
use store::{Tx, profiles};

use super::finish::failed;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// So many profiles are connected.
    pub have: u64,
    /// So many may be.
    pub limit: u64,
}

impl Room {
    /// For how many more there is room.
    pub const fn left(self) -> u64 {
        self.limit.saturating_sub(self.have)
    }
}

/// How full it is; `None` where the operator set no limit.
///
/// # Errors
/// When the storage fails.
async fn room(app: &App, tx: &mut Tx) -> Result<Option<Room>, Problem> {
    let limit = app.config.server.profile_limit;
    if limit == 0 {
        return Ok(None);
    }
    let have = u64::try_from(profiles::count(tx, &app.organisation).await?).unwrap_or(u64::MAX);
    Ok(Some(Room { have, limit }))
}

/// Refuses what would be more profiles than the operator allows. What is connected here already takes no room: another admin makes it
/// stronger, and a login repairs it, however full it is.
pub(super) async fn room_for(app: &App, tx: &mut Tx, wanted: &[(&Place, &str)]) -> Result<(), Problem> {
    let Some(room) = room(app, tx).await? else { return Ok(()) };
    let mut new = BTreeSet::new();
    for (place, id) in wanted {
        if !profiles::is_known(tx, &app.organisation, place, id).await? {
            new.insert((&place.network, &place.instance, *id));
        }
    }
    if !new.is_empty() && new.len() as u64 > room.left() { Err(full(room)) } else { Ok(()) }
}

fn full(Room { have, limit }: Room) -> Problem {
    let detail = format!(
        "{have} of {limit} profiles are connected, so these do not fit. Delete profiles you no longer need, or ask your operator to raise server.profile_limit."
    );
    Problem::new(StatusCode::CONFLICT, "profile_limit", detail)
}

/// What of a login there is room for.
#[derive(Debug)]
pub struct Fits {
    /// Ids at the network: everything that is here already, and of what is new as much as fits, in the network's order.
    pub ids: Vec<String>,
    /// Names of what has to stay outside.
    pub left_out: Vec<String>,
    /// How full it was before; `None` without a limit.
    pub room: Option<Room>,
}

impl Fits {
    /// The problem `profile_limit`, where there is room for nothing of it.
    pub fn refused(&self) -> Option<Problem> {
        self.room.filter(|_| self.ids.is_empty() && !self.left_out.is_empty()).map(full)
    }

    /// What people should know of it, in both languages; `None` where all of it fits.
    pub fn warning(&self) -> Option<Failed> {
        let room = self.room.filter(|_| !self.left_out.is_empty())?;
        let words = |lang: Lang| {
            let shown = self.left_out.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = self.left_out.len().saturating_sub(NAMED);
            let names = if more == 0 { shown } else { lang.count("room.more", more, &[("names", &shown)]) };
            lang.fill("room.left_out", &[("names", &names), ("limit", &room.limit.to_string())])
        };
        Some(Failed { words: Some((words(Lang::En), words(Lang::De))), ..failed("profile_limit", None) })
    }
}

/// So many names are told one by one.
const NAMED: usize = 20;

/// Chooses what of a login that brings everything along there is room for. A board stays outside with its account.
///
/// # Errors
/// When the storage fails.
pub async fn fitting(app: &App, tx: &mut Tx, place: &Place, found: &[Discovered]) -> Result<Fits, Problem> {
    let room = room(app, tx).await?;
    let mut usable: Vec<&Discovered> = found.iter().filter(|found| found.unusable.is_none()).collect();
    usable.sort_by_key(|found| found.parent.is_some());
    let mut fits = Fits { ids: vec![], left_out: vec![], room };
    let mut left = room.map_or(u64::MAX, Room::left);
    for item in &usable {
        let is_listed = |parent: &String| usable.iter().any(|other| other.network_id == *parent);
        let homeless = item.parent.as_ref().is_some_and(|parent| is_listed(parent) && !fits.ids.contains(parent));
        if room.is_none() || profiles::is_known(tx, &app.organisation, place, &item.network_id).await? {
            fits.ids.push(item.network_id.clone());
        } else if left > 0 && !homeless {
            left -= 1;
            fits.ids.push(item.network_id.clone());
        } else {
            fits.left_out.push(item.name.clone());
        }
    }
    Ok(fits)
}
