//! What the tests run the keeper in. Every step that touches something asks [`Steps`] first, so that a test can let the process
//! die, or one thing fail, at any of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use keeper::alarms::Alarms;
use keeper::ports::{Clock, Directory, NetworkApp, Ports, Sealer};
use keeper::spool::disk::Disk;
use keeper::spool::{Spool, Ticket};
use keeper::{Keeper, Options};
use lifecycle::budget::{AppKey, Booked, Need, Pace};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::grant::Clocks;
use lifecycle::ids::{GrantId, NodeId, OrganisationId};
use lifecycle::ledger::{Claim, Commit, Committed, Intent, Lease, Ledger, LedgerError};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use networks::network::App;
use networks::wire::{BoxFuture, Dice, Wire, WireError};
use store::connect::Authorized;
use store::connections::{Begun, Taken};
use store::events::Actor;
use store::grants::Place;
use store::seal::{Context, Keyring};
use store::{Store, ids, users};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub(crate) use crate::steps::Steps;

pub(crate) const NETWORK: &str = "pinterest";
pub(crate) const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A folder in memory that outlives the process.
#[derive(Default)]
pub(crate) struct Platter {
    pub(crate) files: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) full: AtomicBool,
    /// So many writes fail from now on.
    pub(crate) failing_writes: AtomicUsize,
    pub(crate) failing_blanks: AtomicBool,
}

pub(crate) struct Head(pub(crate) Arc<Platter>, pub(crate) Arc<Steps>);

fn eio() -> io::Error {
    io::Error::other("Input/output error (os error 5)")
}

impl Disk for Head {
    fn list(&self) -> io::Result<Vec<String>> {
        self.1.disk("list")?;
        Ok(self.0.files.lock().unwrap().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.1.disk("read")?;
        self.0.files.lock().unwrap().get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn allocate(&self, name: &str, len: usize) -> io::Result<()> {
        self.1.disk("allocate")?;
        if self.0.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.files.lock().unwrap().insert(name.to_owned(), vec![0; len]);
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.1.disk("write")?;
        if self.0.failing_writes.load(Ordering::SeqCst) > 0 {
            self.0.failing_writes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok();
            return Err(eio());
        }
        self.0.files.lock().unwrap().get_mut(name).unwrap()[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn blank(&self, name: &str, len: usize) -> io::Result<()> {
        self.1.disk("blank")?;
        if self.0.failing_blanks.load(Ordering::SeqCst) {
            return Err(eio());
        }
        self.0.files.lock().unwrap().get_mut(name).unwrap()[..len].fill(0);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.1.disk("rename")?;
        let mut files = self.0.files.lock().unwrap();
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.1.disk("remove")?;
        self.0.files.lock().unwrap().remove(name);
        Ok(())
    }
}

/// A network that rotates and revokes the family of whoever shows a spent token.
#[derive(Default)]
pub(crate) struct Strict {
    state: Mutex<StrictState>,
    /// Answers that are held back until this is set.
    pub(crate) slow: AtomicBool,
    pub(crate) open: Notify,
    /// Does not let our app list anything.
    pub(crate) closed: AtomicBool,
    /// Answers with a success that no adapter understands.
    pub(crate) odd: AtomicBool,
}

#[derive(Default)]
struct StrictState {
    generation: u32,
    presented: u32,
    stale: u32,
    dead: bool,
}

impl Strict {
    /// How often a token was shown, and how often a spent one.
    pub(crate) fn seen(&self) -> (u32, u32) {
        let state = self.state.lock().unwrap();
        (state.presented, state.stale)
    }

    pub(crate) fn current(&self) -> String {
        format!("r{}", self.state.lock().unwrap().generation)
    }

    fn answer(&self, body: &[u8]) -> Response<Bytes> {
        let mut state = self.state.lock().unwrap();
        state.presented += 1;
        let shown = url::form_urlencoded::parse(body).find(|(name, _)| name == "refresh_token").unwrap().1.into_owned();
        if state.dead || shown != format!("r{}", state.generation) {
            state.stale += 1;
            state.dead = true;
            let mut answer = Response::new(Bytes::from_static(br#"{"error":"invalid_grant","code":283}"#));
            *answer.status_mut() = http::StatusCode::BAD_REQUEST;
            return answer;
        }
        state.generation += 1;
        let n = state.generation;
        let text = if self.odd.load(Ordering::SeqCst) {
            format!(r#"{{"data":{{"access_token":"a{n}","refresh_token":"r{n}"}}}}"#)
        } else {
            format!(
                r#"{{"access_token":"a{n}","refresh_token":"r{n}","token_type":"bearer","expires_in":3600,"refresh_token_expires_in":5184000,"scope":"x"}}"#
            )
        };
        Response::new(text.into())
    }
}

struct Cable(Arc<Strict>, Arc<Steps>);

impl Wire for Cable {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(async move {
            self.1.step("send").await;
            if request.method() == http::Method::GET {
                let mut answer = Response::new(Bytes::from_static(br#"{"id":"1","username":"fern","account_type":"BUSINESS","items":[]}"#));
                if self.0.closed.load(Ordering::SeqCst) && request.uri().path().ends_with("/boards") {
                    answer =
                        Response::new(Bytes::from_static(br#"{"code":29,"message":"You are not permitted to access that resource."}"#));
                    *answer.status_mut() = http::StatusCode::FORBIDDEN;
                }
                return Ok(answer);
            }
            let answer = self.0.answer(request.body());
            while self.0.slow.load(Ordering::SeqCst) {
                self.0.open.notified().await;
            }
            self.1.step("receive").await;
            Ok(answer)
        })
    }
}

/// The ledger, with steps, and with a switch that lets commits fail.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) store: Store,
    pub(crate) steps: Arc<Steps>,
    pub(crate) broken: Arc<AtomicBool>,
    /// And whether that is for good.
    pub(crate) for_good: Arc<AtomicBool>,
}

impl Ledger for Book {
    async fn claim_due(&self, node: &NodeId, now: Timestamp, lease: Span, limit: u32) -> Result<Vec<Claim>, LedgerError> {
        self.steps.ledger("claim_due").await?;
        self.store.claim_due(node, now, lease, limit).await
    }

    async fn claim(&self, node: &NodeId, grant: &GrantId, now: Timestamp, lease: Span) -> Result<Option<Claim>, LedgerError> {
        self.steps.ledger("claim").await?;
        self.store.claim(node, grant, now, lease).await
    }

    async fn intend(&self, intent: &Intent) -> Result<bool, LedgerError> {
        self.steps.ledger("intend").await?;
        let done = self.store.intend(intent).await;
        // It is on the disk, and nobody was told so.
        self.steps.ledger("intended").await?;
        done
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, LedgerError> {
        self.steps.ledger("commit").await?;
        if self.broken.load(Ordering::SeqCst) {
            return Err(LedgerError { why: Box::new(eio()), is_final: self.for_good.load(Ordering::SeqCst) });
        }
        let done = self.store.commit(commit).await;
        self.steps.ledger("committed").await?;
        done
    }

    async fn release(&self, lease: &Lease, again_at: Option<Timestamp>) -> Result<(), LedgerError> {
        self.steps.ledger("release").await?;
        self.store.release(lease, again_at).await
    }

    async fn extend(&self, lease: &Lease, now: Timestamp, until: Timestamp) -> Result<bool, LedgerError> {
        self.steps.ledger("extend").await?;
        self.store.extend(lease, now, until).await
    }

    async fn catch_up(&self, now: Timestamp) -> Result<u32, LedgerError> {
        self.steps.ledger("catch_up").await?;
        self.store.catch_up(now).await
    }

    async fn book_calls(&self, app: &AppKey, pace: &Pace, want: u32, need: Need, now: Timestamp) -> Result<Booked, LedgerError> {
        self.steps.ledger("book_calls").await?;
        self.store.book_calls(app, pace, want, need, now).await
    }

    async fn unfinished(&self, node: &NodeId, now: Timestamp, lease: Span) -> Result<Vec<Claim>, LedgerError> {
        self.steps.ledger("unfinished").await?;
        self.store.unfinished(node, now, lease).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.steps.ledger("next_due").await?;
        self.store.next_due().await
    }

    async fn refused(&self, org: &OrganisationId, network: &str, instance: &str, around: Timestamp) -> Result<(u64, u64), LedgerError> {
        self.steps.ledger("refused").await?;
        self.store.refused(org, network, instance, around).await
    }

    async fn see_evidence(&self, grant: &GrantId, diagnosis: &Diagnosis, facts: &Facts, now: Timestamp) -> Result<(), LedgerError> {
        self.steps.ledger("see_evidence").await?;
        self.store.see_evidence(grant, diagnosis, facts, now).await
    }
}

/// A clock that stands where it is put.
pub(crate) struct Hands(pub(crate) Mutex<Timestamp>, pub(crate) Mutex<Option<Timestamp>>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn counter(&self) -> Option<Timestamp> {
        *self.1.lock().unwrap()
    }
}

struct NoDice;

impl Dice for NoDice {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

struct OneApp;

pub(crate) fn facts() -> Facts {
    // Renewed whenever the access token ends, so that a renewal is never far.
    Facts { renewal: RenewalModel::Rotating(Reuse::RevokesFamily), idle_check_every: Span::minutes(1), ..Facts::unknown() }
}

impl Directory for OneApp {
    fn find<'a>(&'a self, _: &'a OrganisationId, network: &'a str, _: &'a str) -> BoxFuture<'a, Option<Arc<NetworkApp>>> {
        Box::pin(async move {
            let app = App {
                client_id: "client".into(),
                client_secret: Some(Secret::new("secret")),
                instance: String::new(),
                redirect_uri: "https://staygreen.example/oauth/callback".into(),
                scopes: vec![],
                base_url: None,
                endpoints: BTreeMap::new(),
                options: BTreeMap::new(),
            };
            networks::find(network).map(|network| Arc::new(NetworkApp { network, app, facts: facts() }))
        })
    }
}

struct Seals(Store);

fn context(ticket: &Ticket) -> Context<'_> {
    let (row, organisation) = (ticket.attempt.as_str(), ticket.organisation.as_str());
    Context { table: "spool", column: "answer", row, organisation, generation: Some(ticket.generation) }
}

impl Sealer for Seals {
    fn seal(&self, ticket: &Ticket, plain: &[u8]) -> Vec<u8> {
        self.0.keys().seal(&context(ticket), plain)
    }

    fn open(&self, ticket: &Ticket, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.keys().open(&context(ticket), sealed).ok()
    }
}

/// Everything that outlives a process.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) platter: Arc<Platter>,
    pub(crate) network: Arc<Strict>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) broken: Arc<AtomicBool>,
    pub(crate) for_good: Arc<AtomicBool>,
    pub(crate) grant: GrantId,
    _folder: tempfile::TempDir,
}

/// One life of the server.
pub(crate) struct Life {
    pub(crate) keeper: Arc<Keeper<Book>>,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) stop: CancellationToken,
    /// Ends the process where a disk failed.
    pub(crate) fault: CancellationToken,
    pub(crate) running: tokio::task::JoinHandle<()>,
}

impl Life {
    /// The end of a process: whatever was under way is not continued.
    pub(crate) async fn die(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

impl House {
    /// One connected person whose token set is due for renewal an hour after [`T0`].
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Keyring::ephemeral()).await.unwrap();
        let grant = connect(&store).await;
        Self {
            store,
            platter: Arc::default(),
            network: Arc::default(),
            clock: Arc::new(Hands(Mutex::new(T0 + Span::hours(1)), Mutex::default())),
            broken: Arc::default(),
            for_good: Arc::default(),
            grant,
            _folder: folder,
        }
    }

    pub(crate) async fn start(&self) -> Life {
        self.start_with(Arc::default()).await
    }

    pub(crate) async fn start_with(&self, steps: Arc<Steps>) -> Life {
        self.store.reclaim_leases(&ids::fresh()).await.unwrap();
        let open = || Spool::open(Arc::new(Head(Arc::clone(&self.platter), Arc::clone(&steps))), Arc::new(Seals(self.store.clone())), 2);
        // A start that fails is tried again by the service manager.
        let opened = open().or_else(|_| open());
        if steps.is_dead() {
            // So is one that was killed while it opened its spool.
            return Box::pin(self.start()).await;
        }
        let spool = opened.unwrap();
        let alarms = Arc::new(Alarms::new(|alarm| format!("{alarm:?}")));
        let fault = CancellationToken::new();
        let ports = Ports {
            ledger: Book {
                store: self.store.clone(),
                steps: Arc::clone(&steps),
                broken: Arc::clone(&self.broken),
                for_good: Arc::clone(&self.for_good),
            },
            wire: Arc::new(Cable(Arc::clone(&self.network), steps)),
            clock: self.clock.clone(),
            dice: Arc::new(NoDice),
            directory: Arc::new(OneApp),
            attempt_id: ids::fresh,
            lease: Span::seconds(180),
            told: Arc::new(Notify::new()),
            wake: Arc::new(Notify::new()),
            spool: Arc::clone(&spool),
            alarms: Arc::clone(&alarms),
            fault: fault.clone(),
        };
        let options = Options {
            poll_every: Duration::from_millis(50),
            concurrency: 2,
            shutdown_wait: Duration::from_secs(20),
            renew_lease_every: Duration::from_millis(100),
            holders_first: Duration::ZERO,
        };
        let keeper = Arc::new(Keeper::new(ids::fresh::<NodeId>(), ports, options));
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (keeper, stop) = (Arc::clone(&keeper), stop.clone());
            async move { keeper.run(stop).await }
        });
        Life { keeper, alarms, spool, stop, fault, running }
    }

    pub(crate) fn pass(&self, span: Span) {
        let mut now = self.clock.0.lock().unwrap();
        *now = *now + span;
    }

    /// Generation and refresh token, as they are stored.
    pub(crate) async fn stored(&self) -> (i64, String) {
        let mut tx = self.store.read().await.unwrap();
        let row = tx.one("SELECT generation, sealed_tokens, organisation_id FROM grants", &[]).await.unwrap().unwrap();
        let (generation, organisation) = (row.int("generation").unwrap(), row.text("organisation_id").unwrap());
        let place = Context {
            table: "grants",
            column: "sealed_tokens",
            row: self.grant.as_str(),
            organisation: &organisation,
            generation: Some(generation),
        };
        let tokens = store::seal::open_tokens(self.store.keys(), &place, &row.bytes("sealed_tokens").unwrap()).unwrap();
        (generation, tokens.refresh_token.unwrap().expose().to_owned())
    }
}

async fn connect(store: &Store) -> GrantId {
    let mut tx = store.write().await.unwrap();
    let (organisation, _) = users::first_organisation(&mut tx, "Test", T0).await.unwrap();
    let place = Place { network: NETWORK.into(), instance: String::new() };
    let begun = Begun { by: Actor::System, browser_hash: None, expected_people: vec![], profile: None, return_to: None };
    let (id, state) = (ids::fresh(), Secret::new("state"));
    store.open_connection(&mut tx, &id, &organisation, &place, &begun, &state, &BTreeMap::new(), T0, Span::minutes(30)).await.unwrap();
    let Taken::Ours(connection, _) = store.take_connection(&mut tx, NETWORK, &state, None, T0).await.unwrap() else { panic!("ours") };
    let tokens = TokenSet::bearer(Secret::new("a0"), Some(Secret::new("r0")), vec![]);
    let clocks = Clocks { access_until: Some(T0 + Span::hours(1)), refresh_until: Some(T0 + Span::days(60)), human_until: None };
    let authorized = Authorized {
        tokens: &tokens,
        clocks,
        renewable: true,
        person_network_id: "fern",
        person_name: "Fern",
        person_handle: None,
        person_across_apps: None,
        discovered: &[],
        comes_along: false,
    };
    store.authorized(&mut tx, &connection, &authorized, &facts(), T0).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.read().await.unwrap();
    tx.one("SELECT id FROM grants", &[]).await.unwrap().unwrap().parsed("id").unwrap()
}

/// Waits up to 20 seconds for something to become true.
pub(crate) async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_true().await {
        assert!(began.elapsed() < Duration::from_secs(20), "not within 20 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
