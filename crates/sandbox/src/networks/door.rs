//! The authorization endpoint of a network that does there what RFC 6749 4.1 says, and little else.

use serde_json::json;

use super::{Consent, client_id, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::request::{Answer, Incoming, see_other, with_query};
use crate::world::World;

/// The error of RFC 6749 4.1.2.1 for a scope that there is not.
pub(super) const INVALID_SCOPE: &str = "invalid_scope";

/// What differs from network to network.
pub(super) struct Door {
    pub(super) network: &'static str,
    /// Whose page it is.
    pub(super) title: &'static str,
    pub(super) colour: &'static str,
    pub(super) path: &'static str,
    /// Seconds a code lives.
    pub(super) code_life: i64,
    /// The scopes that are asked for.
    pub(super) scopes: fn(&Incoming) -> Vec<String>,
    /// Whoever is signed in and consented before is sent back at once.
    pub(super) may_skip: fn(&Incoming) -> bool,
    /// Whether our client asks as it has to: what is not good is never redirected.
    pub(super) is_good: fn(&World, &Incoming) -> bool,
    /// What is said when it does not: title and words.
    pub(super) refusal: (&'static str, &'static str),
    /// What is wrong with a good client's request, told on the way back.
    pub(super) error: fn(&Incoming) -> Option<&'static str>,
    /// The words that come with `access_denied`; empty for none.
    pub(super) denial: &'static str,
    /// What a consent becomes, from the scopes that were allowed.
    pub(super) grants: fn(&Incoming, Vec<String>) -> Vec<String>,
}

impl Door {
    /// What most do.
    pub(super) const PLAIN: Self = Self {
        network: "",
        title: "",
        colour: "",
        path: "",
        code_life: 10 * 60,
        scopes: |incoming| incoming.q("scope").split_whitespace().map(str::to_owned).collect(),
        may_skip: |_| false,
        is_good: |_, _| false,
        refusal: ("", ""),
        error: |_| None,
        denial: "",
        grants: |_, scopes| scopes,
    };

    fn ask(&self, incoming: &Incoming) -> Ask {
        Ask {
            network: self.network,
            title: self.title,
            colour: self.colour,
            scopes: (self.scopes)(incoming),
            scopes_optional: false,
            may_skip: (self.may_skip)(incoming),
        }
    }

    /// The consent page, and where it leads.
    pub(super) fn authorize(&self, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
        if !(self.is_good)(world, incoming) {
            return refuse_page(self.refusal.0, self.colour, self.title, self.refusal.1);
        }
        if let Some(error) = (self.error)(incoming) {
            return see_other(&refused(incoming, error, ""));
        }
        match decide(world, now, incoming, &self.ask(incoming)) {
            Decision::Show(page) => page,
            Decision::Deny { .. } => see_other(&self.denied(incoming)),
            Decision::Allow { username, scopes } => see_other(&self.allowed(world, now, incoming, &username, scopes)),
        }
    }

    fn denied(&self, incoming: &Incoming) -> String {
        refused(incoming, "access_denied", self.denial)
    }

    fn allowed(&self, world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
        let scopes = (self.grants)(incoming, scopes);
        let code = world.new_code(now, self.network, username, scopes, incoming.q("redirect_uri"), self.code_life);
        if let Some(made) = world.vault.codes.get_mut(&code) {
            incoming.q("code_challenge").clone_into(&mut made.challenge);
        }
        // A code is for the client that asked for it.
        world.kept.insert((self.network, format!("code/{code}")), json!(incoming.q("client_id")));
        let back = [("code", code.as_str()), ("state", incoming.q("state"))];
        with_query(incoming.q("redirect_uri"), &back.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
    }

    /// The same without a browser.
    pub(super) fn consent(&self, world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
        if incoming.path != self.path || !(self.is_good)(world, incoming) {
            return None;
        }
        Some(match (self.error)(incoming) {
            Some(error) => refused(incoming, error, ""),
            None if consent.deny => self.denied(incoming),
            None => self.allowed(world, now, incoming, consent.username, (self.scopes)(incoming)),
        })
    }
}

/// The way back where no scope is asked for, or one that does not exist, in the words of RFC 6749 4.1.2.1: where a network documents
/// nothing else.
pub(super) fn no_such_scope(incoming: &Incoming, asked: &[String], known: &[&str]) -> Option<String> {
    let is_good = !asked.is_empty() && asked.iter().all(|scope| known.contains(&scope.as_str()));
    (!is_good).then(|| refused(incoming, INVALID_SCOPE, "The requested scope is invalid, unknown, or malformed."))
}

fn refused(incoming: &Incoming, error: &str, words: &str) -> String {
    let back = [("error", error), ("error_description", words), ("state", incoming.q("state"))];
    with_query(incoming.q("redirect_uri"), &back.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}

/// Our own client, a good address to go back to, and a state, which these networks demand.
pub(super) fn is_ours_with_state(network: &str, incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(network) && is_redirect_uri(incoming.q("redirect_uri")) && !incoming.q("state").is_empty()
}
