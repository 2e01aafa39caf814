//! The world: people, pages, boards, tokens, moods and a ledger of everything it saw. `handle` is a pure function of the
//! world's own state, the moment and the request.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use serde::Serialize;

use crate::people::{Board, Comment, Container, Page, Person, Post, boards, page, person};
use crate::request::{Answer, Incoming, html, json, see_other};
use crate::tokens::Vault;
use crate::{control, networks};

/// What the HTTP shell does with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The connection is closed without an answer.
    CloseWithoutAnswer,
    /// The answer is sent so many milliseconds later.
    Delay(u64),
}

/// How a network behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// As documented.
    Normal,
    /// Everything is refused, as the network does when it is down.
    Outage,
    /// Each answer takes three seconds.
    Slow,
    /// The request is carried out and the answer never sent.
    LostAnswer,
    /// The request is carried out and answered with 500.
    ErrorAfterCommit,
    /// 200 with a page of HTML (a captive portal).
    Html,
    /// Renewals are refused as those of a dead token are, although nothing is wrong with the token.
    InvalidGrantNoise,
    /// Calls with a token of the last seconds are refused as if the person had withdrawn it, where a network is known for that
    /// (LinkedIn).
    YoungTokenNoise,
    /// The request is carried out; half of the answer's body arrives.
    CutBody,
    /// Every call of the API comes too often, and is refused as the network does that.
    RateLimited,
    /// The network's clock is ten minutes ahead of everybody else's.
    ClockSkew,
}

impl Mood {
    pub(crate) const ALL: [(Mood, &'static str, &'static str); 11] = [
        (Mood::Normal, "normal", "as documented"),
        (Mood::Outage, "outage", "down, and says so in the network's own way"),
        (Mood::Slow, "slow", "each answer takes three seconds"),
        (Mood::LostAnswer, "lost_answer", "carried out, never answered"),
        (Mood::ErrorAfterCommit, "error_after_commit", "carried out, answered with 500"),
        (Mood::Html, "html", "200 with HTML"),
        (Mood::InvalidGrantNoise, "invalid_grant_noise", "renewals refused without reason"),
        (Mood::YoungTokenNoise, "young_token_noise", "tokens of the last seconds refused without reason (LinkedIn)"),
        (Mood::CutBody, "cut_body", "carried out, half of the body arrives"),
        (Mood::RateLimited, "rate_limited", "every call of the API comes too often"),
        (Mood::ClockSkew, "clock_skew", "its clock is ten minutes ahead"),
    ];
}

/// A line of the ledger.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Counts up.
    pub n: u64,
    /// When, in µs since 1970.
    pub at: i64,
    /// Which network.
    pub network: &'static str,
    /// Method and path.
    pub request: String,
    /// What was answered.
    pub status: u16,
    /// What it was about (`renewal`, `exchange`, `api` …).
    pub about: &'static str,
    /// What it did to consents and tokens, in words without a secret: issued, refused and why, revoked.
    pub effects: Vec<String>,
}

/// The state of everything.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) people: Vec<Person>,
    pub(crate) pages: Vec<Page>,
    pub(crate) deleted_pages: Vec<Page>,
    pub(crate) boards: Vec<Board>,
    pub(crate) posts: Vec<Post>,
    pub(crate) comments: Vec<Comment>,
    /// How each network treats the app registered there, where it was changed.
    pub(crate) apps: BTreeMap<&'static str, crate::apps::App>,
    /// What networks tell the app, on its way.
    pub(crate) notices: Vec<crate::notices::Notice>,
    /// Which page a token is the page's own of.
    pub(crate) page_tokens: BTreeMap<String, u64>,
    /// What is prepared to be published, by its id.
    pub(crate) containers: BTreeMap<String, Container>,
    /// Pictures that were sent, by the id the network gave them.
    pub(crate) uploads: BTreeSet<String>,
    /// What one network keeps and no other knows: by network and a name of its own.
    pub(crate) kept: BTreeMap<(&'static str, String), serde_json::Value>,
    pub(crate) vault: Vault,
    /// Browser sessions: cookie -> (network, username).
    pub(crate) sessions: BTreeMap<String, (String, String)>,
    pub(crate) moods: BTreeMap<String, (Mood, Option<u32>)>,
    pub(crate) nonces: BTreeMap<String, i64>,
    pub(crate) ledger: VecDeque<Seen>,
    /// How far the world's clock is ahead of the wall's, in µs.
    pub(crate) offset: i64,
    /// What the request at hand did so far, for its line of the ledger.
    pub(crate) effects: Vec<String>,
    /// How often what a network's calls show may have changed; see [`World::changes`].
    changes: BTreeMap<&'static str, u64>,
    changes_everywhere: u64,
    counter: u64,
    seen: u64,
}

/// How far a network's clock is ahead in the mood of that name, in µs.
const SKEW: i64 = 10 * 60 * 1_000_000;
/// How long a token is young in the mood of that name, in µs.
const YOUNG: i64 = 8 * 1_000_000;

fn cut(mut answer: Answer) -> Answer {
    let half = answer.body().len() / 2;
    *answer.body_mut() = answer.body().slice(..half);
    answer
}

/// The most lines of the ledger that are kept.
const LEDGER_MAX: usize = 2000;

/// Where tokens begin to be counted, so that they meet nothing else that is made up.
const SECRET: u64 = 1 << 63;

/// Thirty-two digits that look like chance, and are the same for the same number.
fn scrambled(n: u64) -> String {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut halves = [0; 2];
    for half in &mut halves {
        x ^= x >> 30;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 27;
        *half = x;
    }
    format!("{:016x}{:016x}", halves[0], halves[1])
}

/// The secret of that number.
pub(crate) fn secret_of(number: u64) -> String {
    scrambled(SECRET | number)
}

impl World {
    /// The demo company's world.
    pub fn seeded() -> Self {
        Self {
            people: networks::people(),
            pages: networks::pages(),
            deleted_pages: vec![],
            posts: vec![],
            comments: vec![],
            apps: BTreeMap::new(),
            notices: vec![],
            page_tokens: BTreeMap::new(),
            containers: BTreeMap::new(),
            uploads: BTreeSet::new(),
            kept: BTreeMap::new(),
            boards: boards(),
            vault: Vault::default(),
            sessions: BTreeMap::new(),
            moods: BTreeMap::new(),
            nonces: BTreeMap::new(),
            ledger: VecDeque::new(),
            offset: 0,
            effects: vec![],
            changes: BTreeMap::new(),
            changes_everywhere: 0,
            counter: 0,
            seen: 0,
        }
    }

    /// Everything is as it was in the beginning, but for the clock, which never goes back, and for what was handed out: no token comes twice.
    pub(crate) fn reset(&mut self) {
        let (changes, changes_everywhere) = (std::mem::take(&mut self.changes), self.changes_everywhere);
        *self = Self { offset: self.offset, counter: self.counter, seen: self.seen, changes, changes_everywhere, ..Self::seeded() };
    }

    /// A world in which nobody lives yet.
    pub fn empty() -> Self {
        Self { people: vec![], pages: vec![], boards: vec![], ..Self::seeded() }
    }

    /// Lets a person move in; the password is `sandbox`, and their account is of the kind that companies have where a network has several.
    /// Nothing happens where there is no such network.
    pub fn add_person(&mut self, network: &str, username: &str, id: &str) {
        self.changes_everywhere += 1;
        if let Some(network) = networks::find(network) {
            self.people.push(Person { business: true, ..person(network, username, username, id) });
        }
    }

    /// The roles that can be held on pages of that network, the fullest first; none where it has no pages.
    pub fn roles(network: &str) -> &'static [&'static str] {
        networks::roles(network)
    }

    /// Adds a page without anybody on it; roles are given by the control API. Nothing happens where there is no such network.
    pub fn add_page(&mut self, network: &str, id: u64) {
        self.changes_everywhere += 1;
        if let Some(network) = networks::find(network) {
            self.pages.push(page(network, id, "A page", "a-page", &[]));
        }
    }

    /// Whether the truth about that network's tokens can be asked for.
    pub fn knows_tokens(network: &str) -> bool {
        networks::keeps_tokens(network)
    }

    /// Whether logins at that network can be made to end on a fixed day, whatever is renewed (the control call `apps`, `session_days`), and
    /// what it says of that day then: it names it in each answer, or (`false`) at the login alone.
    pub fn session_names(network: &str) -> Option<bool> {
        networks::session_names(network)
    }

    /// The truth about an access token: whether the network would take it at that moment, were it not in a mood.
    pub fn access_works(&self, now: i64, network: &str, token: &str) -> bool {
        self.looked_up_access(now, network, token).is_ok_and(|(_, family)| networks::shows_data(self, now, family))
    }

    /// The truth about a refresh token.
    pub fn refresh_works(&self, now: i64, network: &str, token: &str) -> bool {
        self.looked_up_refresh(now, network, token).is_ok()
    }

    /// Grows whenever something happened that can change what that network's API answers about its people: a login, a revocation, a
    /// mood, whatever the control API does. What ends a token, by itself or because of a renewal, is not counted: ask
    /// [`World::access_works`]. Nor are calls of the API itself.
    pub fn changes(&self, network: &str) -> u64 {
        self.changes_everywhere + self.changes.get(network).copied().unwrap_or(0)
    }

    /// Whether there is a simulated network of that name.
    pub fn has(network: &str) -> bool {
        networks::find(network).is_some()
    }

    /// Answers a request.
    pub fn handle(&mut self, now: i64, request: &Request<Bytes>) -> Response<Bytes> {
        self.take(now, request.clone())
    }

    /// The same of a request that nobody else needs.
    pub fn take(&mut self, now: i64, request: Request<Bytes>) -> Response<Bytes> {
        match networks::at(request.uri().path()) {
            Some((network, rest)) => {
                let incoming = Incoming::read(request, rest);
                self.handle_network(now, network, &incoming)
            }
            None => self.handle_house(now, request),
        }
    }

    /// What belongs to no network.
    fn handle_house(&mut self, now: i64, request: Request<Bytes>) -> Answer {
        let path = request.uri().path().trim_start_matches('/');
        match path.split_once('/').unwrap_or((path, "")) {
            ("", _) => see_other("/control"),
            ("control", rest) => {
                let rest = format!("/{rest}");
                let incoming = Incoming::read(request, rest);
                match control::network_of(&incoming) {
                    Some(network) => *self.changes.entry(network).or_default() += 1,
                    None => self.changes_everywhere += 1,
                }
                control::handle(self, now, &incoming)
            }
            _ => html(
                404,
                crate::pages::plain("Not found", "There is no such network in this sandbox. <a href=\"/control\">Control page</a>"),
            ),
        }
    }

    fn handle_network(&mut self, now: i64, network: &'static str, incoming: &Incoming) -> Answer {
        let about = networks::about(network, incoming);
        if !matches!(about, "api" | "renewal") {
            *self.changes.entry(network).or_default() += 1;
        }
        let mood = if about == "page" { Mood::Normal } else { self.mood_for(network, about) };
        let by_network = if mood == Mood::ClockSkew { now + SKEW } else { now };
        let mut answer = match mood {
            Mood::Outage => networks::down(network, about, &incoming.path),
            Mood::Html => html(200, "<html><body><h1>Welcome to the hotel network</h1></body></html>".into()),
            Mood::InvalidGrantNoise => networks::refused_renewal(network),
            Mood::YoungTokenNoise => {
                let young = self.vault.access.get(incoming.bearer()).is_some_and(|token| now - token.created < YOUNG);
                let noise = networks::withdrawn_token(network).filter(|_| young);
                noise.unwrap_or_else(|| networks::handle(self, now, network, incoming))
            }
            Mood::ErrorAfterCommit => {
                networks::handle(self, now, network, incoming);
                json(500, &serde_json::json!({ "message": "Internal Server Error" }))
            }
            Mood::RateLimited if about == "api" => networks::rate_limited(network, now),
            Mood::CutBody => cut(networks::handle(self, now, network, incoming)),
            _ => networks::handle(self, by_network, network, incoming),
        };
        answer.headers_mut().extend(date(by_network).map(|date| (header::DATE, date)));
        match mood {
            Mood::Slow => drop(answer.extensions_mut().insert(Fate::Delay(3000))),
            Mood::LostAnswer => drop(answer.extensions_mut().insert(Fate::CloseWithoutAnswer)),
            _ => {}
        }
        self.note(now, network, format!("{} {}", incoming.method, incoming.path), answer.status().as_u16(), about);
        answer
    }

    /// Writes a line of the ledger, with what the request at hand did.
    pub(crate) fn note(&mut self, now: i64, network: &'static str, request: String, status: u16, about: &'static str) {
        self.seen += 1;
        let effects = std::mem::take(&mut self.effects);
        self.ledger.push_back(Seen { n: self.seen, at: now, network, request, status, about, effects });
        if self.ledger.len() > LEDGER_MAX {
            self.ledger.pop_front();
        }
    }

    fn mood_for(&mut self, network: &'static str, about: &str) -> Mood {
        let Some((mood, left)) = self.moods.get_mut(network) else { return Mood::Normal };
        let mood = *mood;
        if mood == Mood::InvalidGrantNoise && about != "renewal" {
            return Mood::Normal;
        }
        if let Some(left) = left {
            *self.changes.entry(network).or_default() += 1;
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.moods.remove(network);
            }
        }
        mood
    }

    pub(crate) fn person(&self, network: &str, username: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.network == network && person.username == username)
    }

    pub(crate) fn person_mut(&mut self, network: &str, username: &str) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.network == network && person.username == username)
    }

    /// Keeps what was published; the newest come last. Gives its id.
    pub(crate) fn publish(&mut self, post: Post) -> String {
        let id = post.id.clone();
        self.posts.push(post);
        id
    }

    /// The post of that id at a network.
    pub(crate) fn post(&self, network: &str, id: &str) -> Option<&Post> {
        self.posts.iter().find(|post| post.network == network && post.id == id)
    }

    /// What was said under a post, oldest first.
    pub(crate) fn comments_of<'a>(&'a self, network: &'a str, post: &'a str) -> impl Iterator<Item = &'a Comment> {
        self.comments.iter().filter(move |comment| comment.network == network && comment.post == post)
    }

    /// A number that never repeats, for networks whose ids are numbers.
    pub(crate) fn number(&mut self) -> u64 {
        self.counter += 1;
        7_100_000_000_000_000 + self.counter
    }

    /// Text that never repeats. Nobody has to guess it: this is a simulation.
    pub(crate) fn random(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{}", scrambled(self.counter))
    }

    /// What only a network and its client may know: a token. Its end is one of [`World::canaries`].
    pub(crate) fn secret(&mut self, prefix: &str) -> String {
        let number = self.secret_number();
        format!("{prefix}{}", secret_of(number))
    }

    /// The number of a secret that is written when it is asked for ([`secret_of`]).
    pub(crate) fn secret_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The ends of the tokens that a world hands out, in their order: whoever tests a client can look for them wherever they do not
    /// belong.
    pub fn canaries() -> impl Iterator<Item = String> {
        (1_u64..).map(secret_of)
    }

    /// What was seen so far, oldest first.
    pub fn ledger(&self) -> impl Iterator<Item = &Seen> {
        self.ledger.iter()
    }

    /// How far this world's clock is ahead of the wall's, in µs.
    pub fn offset(&self) -> i64 {
        self.offset
    }
}

/// A moment in µs since 1970 as servers say it in `Date`.
fn date(now: i64) -> Option<HeaderValue> {
    let since = Duration::from_micros(u64::try_from(now).ok()?);
    HeaderValue::from_str(&httpdate::fmt_http_date(UNIX_EPOCH + since)).ok()
}
