//! The authorization endpoint of a network that does there what RFC 6749 4.1 says, and little else.

use super::{Consent, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::request::{Answer, Incoming, see_other, with_query};
use crate::world::World;

/// What differs from network to network.
pub(super) struct Door {
    pub(super) network: &'static str,
    /// Whose page it is.
    pub(super) title: &'static str,
    pub(super) colour: &'static str,
    pub(super) path: &'static str,
    /// Seconds a code lives.
    pub(super) code_life: i64,
    /// Whether our client asks as it has to.
    pub(super) is_good: fn(&World, &Incoming) -> bool,
    /// What is said when it does not: title and words.
    pub(super) refusal: (&'static str, &'static str),
    /// The words that come with `access_denied`; empty for none.
    pub(super) denial: &'static str,
    /// What a consent becomes, from the scopes that were allowed.
    pub(super) grants: fn(&Incoming, Vec<String>) -> Vec<String>,
}

/// The scopes as they were allowed.
pub(super) fn as_allowed(_: &Incoming, scopes: Vec<String>) -> Vec<String> {
    scopes
}

impl Door {
    fn ask(&self, incoming: &Incoming) -> Ask {
        let scopes = incoming.q("scope").split_whitespace().map(str::to_owned).collect();
        Ask { network: self.network, title: self.title, colour: self.colour, scopes, scopes_optional: false, may_skip: false }
    }

    /// The consent page, and where it leads.
    pub(super) fn authorize(&self, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
        if !(self.is_good)(world, incoming) {
            return refuse_page(self.refusal.0, self.colour, self.title, self.refusal.1);
        }
        match decide(world, now, incoming, &self.ask(incoming)) {
            Decision::Show(page) => page,
            Decision::Deny { .. } => see_other(&self.denied(incoming)),
            Decision::Allow { username, scopes } => see_other(&self.allowed(world, now, incoming, &username, scopes)),
        }
    }

    fn denied(&self, incoming: &Incoming) -> String {
        let words = [("error", "access_denied"), ("error_description", self.denial), ("state", incoming.q("state"))];
        let given: Vec<_> = words.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        with_query(incoming.q("redirect_uri"), &given)
    }

    fn allowed(&self, world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
        let scopes = (self.grants)(incoming, scopes);
        let code = world.new_code(now, self.network, username, scopes, incoming.q("redirect_uri"), self.code_life);
        if let Some(made) = world.vault.codes.get_mut(&code) {
            incoming.q("code_challenge").clone_into(&mut made.challenge);
        }
        with_query(incoming.q("redirect_uri"), &[("code", &code), ("state", incoming.q("state"))])
    }

    /// The same without a browser.
    pub(super) fn consent(&self, world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
        let scopes = self.ask(incoming).scopes;
        (incoming.path == self.path && (self.is_good)(world, incoming))
            .then(|| if consent.deny { self.denied(incoming) } else { self.allowed(world, now, incoming, consent.username, scopes) })
    }
}
