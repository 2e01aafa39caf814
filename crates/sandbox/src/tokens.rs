//! Codes, tokens and families of tokens, with the networks' habits: lives, rotation, reuse.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use crate::networks;
use crate::people::Person;
use crate::world::World;

const MICRO: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dead {
    Unknown,
    Expired,
    Revoked,
    Blocked,
}

impl Dead {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Blocked => "blocked",
        }
    }
}

/// One consent of one person: every token that came from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) network: &'static str,
    pub(crate) username: String,
    /// Where the person was found among all people, who are never fewer.
    pub(crate) person: Option<usize>,
    /// Shared: whoever looks a token up takes a copy.
    pub(crate) scopes: Arc<Vec<String>>,
    pub(crate) began: i64,
    pub(crate) revoked: bool,
    /// What the person did that ended it, by the control call's word; empty where it was ended otherwise.
    pub(crate) why: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) family: usize,
    pub(crate) until: Option<i64>,
    pub(crate) spent: bool,
    /// When it was used up, where using it up is what ended it.
    pub(crate) used_at: Option<i64>,
    /// The number of the secret of OAuth 1.0a (see [`crate::world::secret_of`]).
    pub(crate) secret: u64,
    pub(crate) created: i64,
}

/// A code, or a request token of OAuth 1.0a, on its way.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) network: &'static str,
    pub(crate) username: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) redirect_uri: String,
    pub(crate) until: i64,
    pub(crate) used: bool,
    /// What the code's verifier has to hash to (PKCE); empty when nothing was asked for.
    pub(crate) challenge: String,
}

/// Why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCode {
    /// Never handed out by this network, used before, or withdrawn.
    Unknown,
    /// Too old, or for another address to go back to.
    Mismatch,
}

/// Tokens by their text. There are tens of thousands of them, and nothing depends on their order, which is the same in every process all the
/// same.
pub(crate) type Tokens = HashMap<String, Token, BuildHasherDefault<DefaultHasher>>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Vault {
    pub(crate) families: Vec<Family>,
    pub(crate) access: Tokens,
    pub(crate) refresh: Tokens,
    pub(crate) codes: BTreeMap<String, Code>,
    /// The access tokens of each family since they were last ended together: there may be thousands of older ones.
    since_ended: BTreeMap<usize, Vec<String>>,
    /// When each person last consented, by network.
    last_logins: BTreeMap<&'static str, BTreeMap<String, i64>>,
}

impl Vault {
    /// When a person last consented.
    pub(crate) fn last_login(&self, network: &str, username: &str) -> Option<i64> {
        self.last_logins.get(network)?.get(username).copied()
    }
}

impl World {
    pub(crate) fn new_code(
        &mut self,
        now: i64,
        network: &'static str,
        username: &str,
        scopes: Vec<String>,
        redirect_uri: &str,
        life_seconds: i64,
    ) -> String {
        let code = self.random("code_");
        let made = Code {
            network,
            username: username.into(),
            scopes,
            redirect_uri: redirect_uri.into(),
            until: now + life_seconds * MICRO,
            used: false,
            challenge: String::new(),
        };
        self.vault.codes.insert(code.clone(), made);
        code
    }

    /// Uses a code: once, in time, with the redirect address it was made for, while its person may act.
    pub(crate) fn take_code(&mut self, now: i64, network: &str, code: &str, redirect_uri: &str) -> Result<Code, NoCode> {
        let people = &self.people;
        let blocked =
            |username: &str| people.iter().any(|person| person.network == network && person.username == username && person.blocked);
        let found = self.vault.codes.get_mut(code).filter(|found| found.network == network && !found.used && !blocked(&found.username));
        let found = found.ok_or(NoCode::Unknown)?;
        if found.until <= now || found.redirect_uri != redirect_uri {
            return Err(NoCode::Mismatch);
        }
        found.used = true;
        Ok(found.clone())
    }

    pub(crate) fn new_family(&mut self, now: i64, network: &'static str, username: &str, scopes: Vec<String>) -> usize {
        self.effects.push(format!("{username} consented"));
        let last = self.vault.last_logins.entry(network).or_default().entry(username.into()).or_insert(now);
        *last = now.max(*last);
        let person = self.people.iter().position(|person| person.network == network && person.username == username);
        self.vault.families.push(Family {
            network,
            username: username.into(),
            person,
            scopes: Arc::new(scopes),
            began: now,
            revoked: false,
            why: "",
        });
        self.vault.families.len() - 1
    }

    pub(crate) fn new_access(&mut self, now: i64, family: usize, prefix: &str, life_seconds: Option<i64>) -> String {
        let until = [life_seconds.map(|life| now + life * MICRO), self.session_end(family)].into_iter().flatten().min();
        let token = self.secret(prefix);
        let secret = self.secret_number();
        self.effects.push(format!("access token issued to {}", self.holder(family)));
        self.vault.since_ended.entry(family).or_default().push(token.clone());
        self.vault.access.insert(token.clone(), Token { family, until, spent: false, used_at: None, secret, created: now });
        token
    }

    /// Ends all access tokens of a family.
    pub(crate) fn end_access_of(&mut self, family: usize) {
        for token in self.vault.since_ended.remove(&family).unwrap_or_default() {
            if let Some(token) = self.vault.access.get_mut(&token) {
                token.spent = true;
            }
        }
    }

    fn holder(&self, family: usize) -> &str {
        self.vault.families.get(family).map_or("nobody", |family| &family.username)
    }

    /// When everything that came of a login ends, where the network ends it by itself.
    pub(crate) fn session_end(&self, family: usize) -> Option<i64> {
        let family = self.vault.families.get(family)?;
        let days = self.apps.get(family.network).map_or(0, |app| app.session_days);
        (days > 0).then(|| family.began + days * DAY * MICRO)
    }

    /// How many whole seconds something lives that could live so long, and ends with its login.
    pub(crate) fn seconds_left(&self, now: i64, family: usize, life_seconds: i64) -> i64 {
        self.session_end(family).map_or(life_seconds, |end| life_seconds.min((end - now) / MICRO))
    }

    /// How many seconds everything that came of a login lives, said at the login alone.
    pub(crate) fn session_named_once(&self, now: i64, family: usize) -> Option<i64> {
        let is_login = self.vault.families.get(family).is_some_and(|family| family.began == now);
        self.session_end(family).filter(|_| is_login).map(|end| (end - now) / MICRO)
    }

    pub(crate) fn new_refresh(&mut self, now: i64, family: usize, prefix: &str, until: i64) -> String {
        let until = self.session_end(family).map_or(until, |end| until.min(end));
        let token = self.secret(prefix);
        self.effects.push(format!("refresh token issued to {}", self.holder(family)));
        let made = Token { family, until: Some(until), spent: false, used_at: None, secret: 0, created: now };
        self.vault.refresh.insert(token.clone(), made);
        token
    }

    /// Whose access token this is, while it works.
    pub(crate) fn check_access(&self, now: i64, network: &str, token: &str) -> Result<(usize, Family), Dead> {
        self.looked_up_access(now, network, token).map(owned)
    }

    /// The same without a copy.
    pub(crate) fn looked_up_access(&self, now: i64, network: &str, token: &str) -> Result<(usize, &Family), Dead> {
        self.check(now, network, self.vault.access.get(token).ok_or(Dead::Unknown)?)
    }

    fn check(&self, now: i64, network: &str, token: &Token) -> Result<(usize, &Family), Dead> {
        let family = self.vault.families.get(token.family).filter(|family| family.network == network).ok_or(Dead::Unknown)?;
        if self.person_of(family).is_none_or(|person| person.blocked) {
            return Err(Dead::Blocked);
        }
        if family.revoked || (token.spent && !self.is_in_grace(now, network, token)) {
            return Err(Dead::Revoked);
        }
        if token.until.is_some_and(|until| until <= now) {
            return Err(Dead::Expired);
        }
        Ok((token.family, family))
    }

    /// Whose consent it is.
    fn person_of(&self, family: &Family) -> Option<&Person> {
        let is_theirs = |person: &&Person| person.network == family.network && person.username == family.username;
        let there = family.person.and_then(|place| self.people.get(place)).filter(is_theirs);
        there.or_else(|| self.person(family.network, &family.username))
    }

    /// Whether a refresh token that was used up is taken again: the answer may have been lost on its way.
    pub(crate) fn is_in_grace(&self, now: i64, network: &str, token: &Token) -> bool {
        token.used_at.is_some_and(|used| now < used + self.app(network).reuse_grace_seconds * MICRO)
    }

    /// Uses a refresh token up; one that is taken again within the grace does not begin another.
    pub(crate) fn use_up(&mut self, now: i64, token: &str) {
        if let Some(stored) = self.vault.refresh.get_mut(token) {
            stored.spent = true;
            stored.used_at = stored.used_at.or(Some(now));
        }
    }

    /// Spends a refresh token that may be used once. Presenting a spent one after its grace revokes the family where the network is
    /// so strict; within it, whatever came of it before lives on beside what comes of it now.
    pub(crate) fn spend_refresh(&mut self, now: i64, network: &str, token: &str, reuse_revokes: bool) -> Result<(usize, Family), Dead> {
        let found = self.vault.refresh.get(token).cloned().ok_or(Dead::Unknown)?;
        let result = self.check(now, network, &found).map(owned);
        if result == Err(Dead::Revoked) && found.spent && reuse_revokes {
            self.vault.families[found.family].revoked = true;
        }
        let holder = self.holder(found.family).to_owned();
        self.effects.push(match result {
            Ok(_) if found.spent => format!("refresh token of {holder} taken again within its grace"),
            Ok(_) => format!("refresh token of {holder} spent"),
            Err(_) if found.spent => format!("refresh token of {holder} presented again after it was spent"),
            Err(why) => format!("refresh token of {holder} refused: {}", why.as_str()),
        });
        if result.is_ok() {
            self.use_up(now, token);
        }
        result
    }

    /// Looks at a refresh token that stays the same.
    pub(crate) fn check_refresh(&self, now: i64, network: &str, token: &str) -> Result<(usize, Family), Dead> {
        self.looked_up_refresh(now, network, token).map(owned)
    }

    /// The same without a copy.
    pub(crate) fn looked_up_refresh(&self, now: i64, network: &str, token: &str) -> Result<(usize, &Family), Dead> {
        self.check(now, network, self.vault.refresh.get(token).ok_or(Dead::Unknown)?)
    }

    /// The same, by something the person did.
    pub(crate) fn end_consents(&mut self, network: &str, username: &str, why: &'static str) {
        let lived = |family: &&mut Family| family.network == network && family.username == username && !family.revoked;
        for family in self.vault.families.iter_mut().filter(lived) {
            family.why = why;
        }
        self.revoke_person(network, username);
    }

    /// Whether the person gave a consent that was not withdrawn since.
    pub(crate) fn has_consent(&self, network: &str, username: &str) -> bool {
        self.vault.families.iter().any(|family| family.network == network && family.username == username && !family.revoked)
    }

    /// Ends every consent of a person, and the codes that are still on their way.
    pub(crate) fn revoke_person(&mut self, network: &str, username: &str) {
        for code in self.vault.codes.values_mut().filter(|code| code.network == network && code.username == username) {
            code.used = true;
        }
        for family in self.vault.families.iter_mut().filter(|family| family.network == network && family.username == username) {
            family.revoked = true;
        }
    }

    /// Whether the person has a consent with exactly these scopes and an access token that is not over.
    pub(crate) fn has_live_consent(&self, now: i64, network: &str, username: &str, scopes: &[String]) -> bool {
        let live = |token: &Token| {
            let family = &self.vault.families[token.family];
            family.network == network
                && family.username == username
                && same_set(&family.scopes, scopes)
                && !family.revoked
                && token.until.is_none_or(|until| until > now)
        };
        self.vault.access.values().any(live)
    }
}

impl World {
    /// How many consents of a person are not withdrawn and have a token that is not over.
    pub(crate) fn live_consents(&self, now: i64, network: &str, username: &str) -> usize {
        let of = |family: &Family| family.network == network && family.username == username && !family.revoked;
        let lives = |index: usize| {
            let mut tokens = self.vault.access.values().chain(self.vault.refresh.values());
            tokens.any(|token| token.family == index && !token.spent && token.until.is_none_or(|until| until > now))
        };
        let blocked = self.person(network, username).is_none_or(|person| person.blocked && !networks::survives_block(network));
        self.vault.families.iter().enumerate().filter(|(index, family)| !blocked && of(family) && lives(*index)).count()
    }
}

fn owned((family, about): (usize, &Family)) -> (usize, Family) {
    (family, about.clone())
}

/// Whether two lists hold the same scopes, in whatever order.
pub(crate) fn same_set(one: &[String], other: &[String]) -> bool {
    one.iter().all(|scope| other.contains(scope)) && other.iter().all(|scope| one.contains(scope))
}
