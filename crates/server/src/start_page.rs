//! Which page opens after signing in.

use lifecycle::permission::{About, Act, Decision, Question, decide};
use lifecycle::time::Timestamp;
use store::users::User;
use store::{StoreError, Tx};

use crate::auth;

/// A page that can be the first one.
pub(crate) struct StartPage {
    /// Its word, as it is stored.
    pub(crate) word: &'static str,
    /// Its address.
    pub(crate) path: &'static str,
    /// What it needs.
    pub(crate) needs: Act,
}

const fn page(word: &'static str, path: &'static str, needs: Act) -> StartPage {
    StartPage { word, path, needs }
}

/// Those to choose from; the first one is where nothing was chosen.
pub(crate) const START_PAGES: [StartPage; 6] = [
    page("dashboard", "/", Act::SeeProfile),
    page("profiles", "/settings/profiles", Act::SeeProfile),
    page("my_profiles", "/settings/profiles?mine=1", Act::SeeProfile),
    page("forecast", "/forecast", Act::SeeProfile),
    page("compose", "/compose", Act::Publish),
    page("engagement", "/engagement", Act::ReadComments),
];

/// The page of a word.
pub(crate) fn named(word: &str) -> Option<&'static StartPage> {
    START_PAGES.iter().find(|page| page.word == word)
}

/// Where somebody begins who asked for nothing else: their start page, while they may open it.
pub(crate) async fn path_of(tx: &mut Tx, user: &User, now: Timestamp) -> Result<&'static str, StoreError> {
    let Some(page) = named(&user.start_page) else { return Ok("/") };
    let actor = auth::actor_of(tx, user).await?;
    let question = Question { act: page.needs, about: About::Profiles, call: None, now, frozen: &[] };
    Ok(if matches!(decide(&actor, &question), Decision::Allow(_)) { page.path } else { "/" })
}
