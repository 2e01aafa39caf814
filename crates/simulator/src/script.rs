//! What a world asked of its ledger, in order, with what it was answered and what stood in the books afterwards. Ids, jitter and
//! moments come from the seed alone, so another ledger that is asked the same has to answer the same at every step, and the world on
//! it has to end as this one did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lifecycle::access::Access;
use lifecycle::budget::{AppKey, Need, Pace};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::grant::{Clocks, Grant};
use lifecycle::ids::{AttemptId, GrantId, NodeId, OrganisationId, ProfileId};
use lifecycle::ledger::{Claim, Commit, Intent, Lease, Phase};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::status::Standing;
use lifecycle::time::{Span, Timestamp};
use networks::network::Found;

use crate::dice::Generator;
use crate::memory::{Books, Message};
use crate::options::Options;
use crate::report::Report;
use crate::run::Run;
use crate::town::PROFILES_OF_A_WORLD;

/// Something that was asked of the ledger.
#[derive(Debug, Clone)]
pub enum Asked {
    /// [`lifecycle::ledger::Ledger::unfinished`].
    Unfinished(NodeId, Timestamp, Span),
    /// [`lifecycle::ledger::Ledger::claim_due`].
    ClaimDue(NodeId, Timestamp, Span, u32),
    /// [`lifecycle::ledger::Ledger::intend`].
    Intend(Intent),
    /// [`lifecycle::ledger::Ledger::commit`].
    Commit(Box<Commit>),
    /// [`lifecycle::ledger::Ledger::release`].
    Release(Lease, Option<Timestamp>),
    /// [`lifecycle::ledger::Ledger::extend`].
    Extend(Lease, Timestamp, Timestamp),
    /// [`lifecycle::ledger::Ledger::catch_up`].
    CatchUp(Timestamp),
    /// [`lifecycle::ledger::Ledger::book_calls`].
    BookCalls(AppKey, Pace, u32, Need, Timestamp),
    /// [`lifecycle::ledger::Ledger::refused`]: a network, and around which moment.
    Refused(OrganisationId, String, Timestamp),
    /// [`lifecycle::ledger::Ledger::see_evidence`].
    SeeEvidence(GrantId, Diagnosis, Box<Facts>, Timestamp),
    /// A person authorised.
    Authorized(Box<Login>),
    /// A node alone on its database starts again.
    Reclaim(NodeId),
}

/// What a person's login brought.
#[derive(Debug, Clone)]
pub struct Login {
    /// The grant it is about.
    pub grant: GrantId,
    /// The network.
    pub network: &'static str,
    /// The person's id there.
    pub person_network_id: String,
    /// The first time: the grant before anything was granted, with the accesses that hang on it.
    pub born: Option<(Grant, Vec<Access>)>,
    /// The token set.
    pub tokens: TokenSet,
    /// Its clocks.
    pub clocks: Clocks,
    /// Whether it can be renewed without the person.
    pub renewable: bool,
    /// What the person may act as, usable or not.
    pub found: Vec<Found>,
    /// The rules of the network.
    pub facts: Facts,
    /// When.
    pub now: Timestamp,
}

/// What is kept of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The grant.
    pub grant: Grant,
    /// The token set, in words.
    pub tokens: String,
    /// When it is taken up again.
    pub due_at: Option<Timestamp>,
    /// From when on only a person helps.
    pub lost_at: Option<Timestamp>,
    /// How often it was claimed or taken away.
    pub fence: i64,
    /// Who holds it, and until when.
    pub lease: Option<(NodeId, Timestamp)>,
    /// Attempts without an end.
    pub open: BTreeMap<AttemptId, Phase>,
    /// What hangs on it, by id.
    pub accesses: Vec<Access>,
    /// The standing of every profile it reaches.
    pub profiles: BTreeMap<ProfileId, Standing>,
}

/// One thing that was asked.
#[derive(Debug)]
pub struct Step {
    /// What.
    pub asked: Asked,
    /// The answer, in words: see [`of_claims`]; the others are what `Debug` makes of them.
    pub answered: String,
    /// What is kept of the grants it was about.
    pub after: Vec<Kept>,
}

/// A message in the outbox, by what it is known by: which mail, because of which grant's step, for which occasion, about which
/// profiles.
pub type Known = (String, GrantId, String, BTreeSet<ProfileId>);

/// The whole story of one world.
#[derive(Debug)]
pub struct Script {
    /// What was asked.
    pub steps: Vec<Step>,
    /// What was put into the outbox.
    pub messages: BTreeSet<Known>,
    /// How often the rules said what.
    pub happenings: BTreeMap<String, i64>,
    /// What is kept in the end.
    pub kept: Vec<Kept>,
    /// What the promises say of this world.
    pub report: Report,
}

/// Lets one world live and writes down what it asks of its ledger. At most 48 profiles.
pub fn record(options: &Options, seed: u64) -> Script {
    let mut generator = Generator::new(seed).branch("world 0");
    let run = Run::new(options, options.profiles.clamp(1, PROFILES_OF_A_WORLD), generator.next());
    run.memory.books().script = Some(vec![]);
    let (tally, broken, lasted, mut books) = run.live();
    let steps = books.script.take().unwrap_or_default();
    let mut kept: Vec<Kept> = vec![];
    let ids: Vec<GrantId> = books.grants.keys().cloned().collect();
    kept.extend(ids.iter().filter_map(|id| books.kept(id)));
    Script {
        steps,
        messages: std::mem::take(&mut books.told),
        happenings: books.happenings.iter().map(|(kind, times)| ((*kind).to_owned(), i64::try_from(*times).unwrap_or(0))).collect(),
        kept,
        report: Report::new(seed, 1, lasted.as_seconds(), tally, broken),
    }
}

/// Claims in words, by grant: which of several that are due comes first is not said by the ledger where they are equally urgent.
pub fn of_claims(claims: &[Claim]) -> String {
    let mut claims: Vec<&Claim> = claims.iter().collect();
    claims.sort_by(|one, other| one.grant.id.cmp(&other.grant.id));
    let mut words = String::new();
    for claim in claims {
        let mut accesses: Vec<&Access> = claim.accesses.iter().collect();
        accesses.sort_by(|one, other| one.id.cmp(&other.id));
        let place = (claim.organisation.as_str(), &claim.network, &claim.instance, &claim.person_network_id);
        let tokens = of_tokens(&claim.tokens);
        let _ = writeln!(words, "{:?} {place:?} {:?} {tokens} {accesses:?} open {:?}", claim.lease, claim.grant, claim.open);
    }
    words
}

/// A token set in words, secrets and all: they are a sandbox's.
pub fn of_tokens(tokens: &TokenSet) -> String {
    let shown = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let profiles: BTreeMap<&String, &str> = tokens.profile_tokens.iter().map(|(id, token)| (id, token.expose())).collect();
    let secrets = [shown(&tokens.refresh_token), shown(&tokens.token_secret), shown(&tokens.dpop_key)];
    let (access, kind) = (tokens.access_token.expose(), tokens.token_type);
    format!("{kind:?} {access} {secrets:?} {profiles:?} {:?} {:?}", tokens.scopes, tokens.notes)
}

impl Books {
    /// Writes a step down, where a script is wanted. `of` are the grants it was about; all of them where it is `None`.
    pub(crate) fn write_down(&mut self, of: Option<&[GrantId]>, step: impl FnOnce() -> (Asked, String)) {
        if self.script.is_none() {
            return;
        }
        let after = match of {
            Some(ids) => ids.iter().filter_map(|id| self.kept(id)).collect(),
            None => self.grants.keys().filter_map(|id| self.kept(id)).collect(),
        };
        let (asked, answered) = step();
        self.script.get_or_insert_default().push(Step { asked, answered, after });
    }

    /// Writes down a step that gave these claims, where a script is wanted.
    pub(crate) fn write_down_claims(&mut self, claims: &[Claim], step: impl FnOnce() -> (Asked, String)) {
        if self.script.is_some() {
            let ids: Vec<GrantId> = claims.iter().map(|claim| claim.grant.id.clone()).collect();
            self.write_down(Some(&ids), step);
        }
    }

    /// Notes a message that is new in the outbox.
    pub(crate) fn note_message(&mut self, mail: &str, grant: &GrantId, message: &Message) {
        if self.script.is_none() {
            return;
        }
        let mut told: Vec<_> = message.told.iter().filter_map(|(id, news)| Some((id, news.occasion()?.1))).collect();
        told.sort();
        let Some((_, occasion)) = told.first().cloned() else { return };
        let profiles = told.into_iter().map(|(id, _)| id.clone()).collect();
        self.told.insert((mail.to_owned(), grant.clone(), occasion, profiles));
    }

    fn kept(&self, id: &GrantId) -> Option<Kept> {
        let row = self.grants.get(id)?;
        let mut accesses = row.accesses.clone();
        accesses.sort_by(|one, other| one.id.cmp(&other.id));
        let standing = |access: &Access| Some((access.profile.clone(), self.profiles.get(&access.profile)?.standing.clone()));
        Some(Kept {
            grant: row.grant.clone(),
            tokens: of_tokens(&row.tokens),
            due_at: row.due_at,
            lost_at: row.lost_at,
            fence: row.fence,
            lease: row.lease.clone(),
            open: row.open.iter().cloned().collect(),
            profiles: accesses.iter().filter_map(standing).collect(),
            accesses,
        })
    }
}
