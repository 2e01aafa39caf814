//! Whether a login that leads to pages still stands: what `debug_token` says of its tokens, and which pages are left. One page's
//! trouble is never that of the person's other pages. Facts: `networks/facebook` of the knowledge base, sections 5 to 7.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Timestamp;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use super::pages::{PAGES_MAX, PageLogin, get, next, statuses};
use super::{call, diagnose, of_error};
use crate::network::{Cx, Discovery, Found, PersonSeen, Words};
use crate::oauth;
use crate::wire::Wire;

/// Without it the list of pages is empty, which is no error.
const LISTS: &str = "pages_show_list";
/// How many pages' own tokens are asked after one listing; further ones have their turn at later looks.
const ASKED_AT_ONCE: usize = 25;

/// What `debug_token` says of a token.
pub(super) struct Told {
    valid: bool,
    error: Value,
    scopes: Vec<String>,
    /// For which pages (or accounts behind them) a permission was granted; one that is not here was granted for all.
    granular: BTreeMap<String, Vec<String>>,
    /// `None`: never, or not said.
    pub(super) expires_at: Option<Timestamp>,
    /// Until when data are shown to us, 90 days after the person last came; `None` where it is not said.
    pub(super) data_access_until: Option<Timestamp>,
}

impl Told {
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let data = answer.get("data").filter(|data| data.is_object())?;
        // A zero is no moment.
        let moment =
            |field: &str| data.get(field).and_then(Value::as_i64).filter(|at| (1..=1 << 40).contains(at)).map(Timestamp::from_seconds);
        let scopes = data.get("scopes").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            valid: data.get("is_valid").and_then(Value::as_bool)?,
            error: data.get("error").cloned().unwrap_or_default(),
            scopes: scopes.filter_map(Value::as_str).map(str::to_owned).collect(),
            granular: data.get("granular_scopes").and_then(Value::as_array).into_iter().flatten().filter_map(targets).collect(),
            expires_at: moment("expires_at"),
            data_access_until: moment("data_access_expires_at"),
        })
    }

    /// Whether the person granted a permission for that page or account.
    fn reaches(&self, permission: &str, id: &str) -> bool {
        self.granular.get(permission).is_none_or(|targets| targets.iter().any(|target| target == id))
    }
}

/// One permission of `granular_scopes` with what it was granted for; `None` where it says nothing of that.
fn targets(granted: &Value) -> Option<(String, Vec<String>)> {
    let targets = granted.get("target_ids").and_then(Value::as_array)?;
    let id = |target: &Value| target.as_str().map(str::to_owned).or_else(|| target.as_u64().map(|id| id.to_string()));
    Some((oauth::text(granted, "scope")?.to_owned(), targets.iter().filter_map(id).collect()))
}

fn unticked() -> Words {
    Words::new(
        "At the last login this was left unticked in Facebook's dialog. Log in again and leave it ticked for every permission.",
        "Bei der letzten Anmeldung war das in Facebooks Dialog nicht angehakt. Melden Sie sich neu an und lassen Sie es bei jeder Berechtigung angehakt.",
    )
}

/// Whether a refusal speaks of the person, and so of every token of theirs: removed the app, changed the password, stands before a
/// checkpoint, has to come again.
fn is_of_person(refused: &Diagnosis) -> bool {
    let Finding::Refused { cause, confidence: Confidence::Certain, .. } = refused.finding else { return false };
    matches!(
        cause,
        Cause::RevokedByPerson
            | Cause::PasswordChanged
            | Cause::PersonBlocked
            | Cause::RenewalDue
            | Cause::ScopeMissing
            | Cause::AppBlocked
    )
}

/// Whether a refusal of the person's token leaves open what became of those of the pages: theirs go on when it ends by time, and its
/// end is told in one word with much else.
fn leaves_pages_open(refused: &Diagnosis) -> bool {
    !is_of_person(refused) && matches!(refused.finding, Finding::Refused { cause, .. } if cause != Cause::PermissionLost)
}

fn is_role_lost(refused: &Diagnosis) -> bool {
    matches!(refused.finding, Finding::Refused { cause: Cause::PermissionLost, .. })
}

impl PageLogin {
    pub(super) fn debug(&self, cx: &Cx<'_>, token: &Secret) -> Request<Bytes> {
        let app = Secret::new(format!("{}|{}", cx.app.client_id, oauth::client_secret(cx)));
        let url = format!("{}/debug_token", self.graph(cx));
        let mut request = oauth::post_form(&url, &[("input_token", token.expose()), ("method", "get")]);
        request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", app.expose())));
        request
    }

    /// `debug_token` says of itself why a token is dead. Asked about a page's token where there is one: that is what acts.
    pub(crate) fn probe(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        self.debug(cx, tokens.profile_tokens.values().next().unwrap_or(&tokens.access_token))
    }

    /// What is refused of one page says nothing of the person, unless the network says so: the listing that follows asks each page.
    pub(crate) fn read_probe(cx: &Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        match Told::read(&json) {
            Some(told) if told.valid => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "debug_token: valid")),
            Some(told) => {
                let seen = of_error(cx, Source::Probe, answer, &told.error);
                let of_page = !seen.is_harmless() && !is_of_person(&seen) && !tokens.profile_tokens.is_empty();
                if of_page { Diagnosis::works(seen.evidence) } else { seen }
            }
            // An error beside the data is about our app's own credentials, never about the token that is asked about.
            None => {
                let seen = diagnose(cx, Source::Probe, answer);
                if seen.is_harmless() { seen } else { Diagnosis::misconfigured(seen.evidence) }
            }
        }
    }

    pub(crate) async fn discover(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        match self.list(cx, wire, tokens).await {
            Err(refused) if leaves_pages_open(&refused) && !tokens.profile_tokens.is_empty() => {
                let refused = self.explain(cx, wire, &tokens.access_token, refused).await;
                if is_of_person(&refused) { Err(refused) } else { self.ask_each(cx, wire, tokens, Some(refused)).await }
            }
            Err(refused) => Err(self.explain(cx, wire, &tokens.access_token, refused).await),
            Ok(None) => self.ask_each(cx, wire, tokens, None).await,
            Ok(Some(discovery)) => {
                let discovery = self.mark_unticked(cx, wire, tokens, discovery).await;
                self.ask_listed(cx, wire, tokens, discovery).await
            }
        }
    }

    /// What the person left unticked, which no list says: pages that are shown and may not be published on, and pages of which we hold
    /// a token and that are shown no more, although the role may well be there. Only words depend on it: where it cannot be asked, the
    /// list stays as it is.
    async fn mark_unticked(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, mut listed: Discovery) -> Discovery {
        let Ok(answer) = wire.send(self.debug(&cx, &tokens.access_token)).await else { return listed };
        let Some(told) = oauth::json(&answer).and_then(|json| Told::read(&json)).filter(|told| told.valid) else { return listed };
        for found in listed.profiles.iter_mut().filter(|found| found.unusable.is_none()) {
            found.unusable = (!told.reaches(self.publishes, &found.network_id)).then(unticked);
        }
        let is_listed = |id: &String| listed.profiles.iter().any(|found| found.network_id == *id);
        let gone: Vec<&String> = tokens.profile_tokens.keys().filter(|id| !is_listed(id) && !told.reaches(self.publishes, id)).collect();
        listed.profiles.extend(gone.into_iter().map(|id| Found {
            network_id: id.clone(),
            kind: self.kind,
            name: id.clone(),
            handle: None,
            avatar: None,
            role: String::new(),
            parent: None,
            unusable: Some(unticked()),
        }));
        listed
    }

    /// The pages, asked with the person's token; `None` where the network would not list them although there are some.
    async fn list(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Option<Discovery>, Diagnosis> {
        let me = oauth::with_query(&format!("{}/me", self.graph(&cx)), &[("fields", "id,name")]);
        let me = get(cx, wire, call(&cx, Method::GET, &me, &tokens.access_token, &[])).await?;
        let Some(id) = oauth::id(&me, "id") else {
            return Err(Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "a person without id"), None));
        };
        let granted = statuses(&get(cx, wire, self.ask_permissions(&cx, &tokens.access_token)).await?).unwrap_or_default();
        self.may_still_publish(&cx, tokens, &granted)?;
        if granted.get(LISTS) == Some(&false) && !tokens.profile_tokens.is_empty() {
            return Ok(None);
        }
        let name = oauth::text(&me, "name").unwrap_or(&id).to_owned();
        let (mut profiles, mut after) = (vec![], None);
        for _ in 0..PAGES_MAX {
            let listed = get(cx, wire, self.accounts(&cx, &tokens.access_token, after.as_deref())).await?;
            profiles.extend(listed.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(self.found));
            after = next(&listed);
            if after.is_none() {
                break;
            }
        }
        Ok(Some(Discovery {
            person: PersonSeen { network_id: id, name, handle: None, across_apps: None },
            profiles,
            all_come_along: false,
        }))
    }

    /// A person can take single permissions back at any time; the token itself lives on and says nothing.
    fn may_still_publish(&self, cx: &Cx<'_>, tokens: &TokenSet, granted: &BTreeMap<String, bool>) -> Result<(), Diagnosis> {
        let had = tokens.scopes.iter().any(|scope| scope == self.publishes);
        if !had || granted.get(self.publishes) != Some(&false) {
            return Ok(());
        }
        let words = format!("the person took the permission {} back", self.publishes);
        let seen = Evidence::new(cx.now, Source::Discovery, Some(200), Some(self.publishes), &words);
        Err(Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen))
    }

    /// What `debug_token` adds to a refusal: why the token is over, that data are not shown any more since the person was away for too
    /// long, or that a permission is gone rather than a role.
    async fn explain(&self, cx: Cx<'_>, wire: &dyn Wire, token: &Secret, refused: Diagnosis) -> Diagnosis {
        if refused.is_harmless() || is_of_person(&refused) {
            return refused;
        }
        let Ok(answer) = wire.send(self.debug(&cx, token)).await else { return refused };
        let Some(told) = oauth::json(&answer).and_then(|json| Told::read(&json)) else { return refused };
        if !told.valid {
            let why = of_error(&cx, Source::Discovery, &answer, &told.error);
            let says_more = matches!(why.finding, Finding::Refused { cause, confidence, .. } if cause != Cause::Unknown && confidence != Confidence::Guess);
            return if says_more { why } else { refused };
        }
        // Whether that day has come is the network's to say: by our clock, if it is behind, a role would be lost until it has caught up.
        let by_network = oauth::answered_at(&answer).unwrap_or(cx.now);
        let cause = if told.data_access_until.is_some_and(|until| until <= by_network) {
            Cause::RenewalDue
        } else if is_role_lost(&refused) && !told.scopes.is_empty() && !told.scopes.iter().any(|scope| scope == "pages_read_engagement") {
            Cause::ScopeMissing
        } else {
            return refused;
        };
        Diagnosis::refused(cause, Confidence::Certain, refused.evidence)
    }

    async fn ask_page(&self, cx: Cx<'_>, wire: &dyn Wire, id: &str, token: &Secret) -> Result<Value, Diagnosis> {
        let url = oauth::with_query(&format!("{}/{}", self.graph(&cx), oauth::percent(id)), &[("fields", "id,name,username")]);
        match get(cx, wire, call(&cx, Method::GET, &url, token, &[])).await {
            Ok(shown) => Ok(shown),
            Err(refused) => Err(self.explain(cx, wire, token, refused).await),
        }
    }

    /// Which pages are left, asked with the token of each: one on which the role is lost says so. Tasks are shown to the person's token
    /// alone, so the roles that are left are not known (empty), and a page that is new is not seen. Where no page answers, it is more
    /// than a page: `of_person` is what was said of the person's own token.
    async fn ask_each(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, of_person: Option<Diagnosis>) -> Result<Discovery, Diagnosis> {
        let (mut profiles, mut is_one_lost, mut unclear) = (vec![], false, of_person);
        for (id, token) in &tokens.profile_tokens {
            match self.ask_page(cx, wire, id, token).await {
                Ok(shown) => profiles.push(Found {
                    network_id: id.clone(),
                    kind: self.kind,
                    name: oauth::text(&shown, "name").unwrap_or_default().to_owned(),
                    handle: oauth::text(&shown, "username").map(str::to_owned),
                    avatar: None,
                    role: String::new(),
                    parent: None,
                    unusable: None,
                }),
                Err(refused) if refused.is_harmless() || is_of_person(&refused) => return Err(refused),
                Err(refused) if is_role_lost(&refused) => is_one_lost = true,
                Err(refused) => unclear = unclear.or(Some(refused)),
            }
        }
        match unclear {
            Some(refused) if profiles.is_empty() && !is_one_lost => Err(refused),
            // Nobody is asked who they are: it is not the person's token that answers.
            _ => Ok(Discovery {
                person: PersonSeen { network_id: String::new(), name: String::new(), handle: None, across_apps: None },
                profiles,
                all_come_along: false,
            }),
        }
    }

    /// A page can be listed although the token we hold for it is dead: each is asked, in turns where there are many.
    async fn ask_listed(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, mut listed: Discovery) -> Result<Discovery, Diagnosis> {
        let count = tokens.profile_tokens.len();
        let turn = usize::try_from(cx.now.as_seconds() / 21_600).unwrap_or(0).wrapping_mul(ASKED_AT_ONCE) % count.max(1);
        let held = tokens.profile_tokens.iter().cycle().skip(turn).take(count.min(ASKED_AT_ONCE));
        for (id, token) in held {
            let Some(found) = listed.profiles.iter_mut().find(|found| found.network_id == *id && found.unusable.is_none()) else {
                continue;
            };
            match self.ask_page(cx, wire, id, token).await {
                Ok(_) => {}
                Err(refused) if refused.is_harmless() || is_of_person(&refused) => return Err(refused),
                Err(refused) => {
                    let said = &refused.evidence.words;
                    found.unusable = Some(Words::new(
                        format!("The network does not take our token of this page any more: {said} Log in again."),
                        format!("Das Netzwerk nimmt unser Token dieser Seite nicht mehr an: {said} Melden Sie sich neu an."),
                    ));
                }
            }
        }
        Ok(listed)
    }
}
