//! Arriving from another Staygreen by its export: users, teams, page presets, and the profiles with their owners and teams. Secrets
//! are not in it: people choose passwords anew, and each profile waits, red, for somebody who logs in.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use lifecycle::ids::{PermissionSetId, ProfileId, TeamId, UserId};
use lifecycle::permission::{Act, Role};
use lifecycle::tag::{TAGS_MAX, Tag};
use serde::Serialize;
use serde_json::{Value, json};
use store::Tx;
use store::events::Actor;
use store::permission_sets::{self, Given, Place};
use store::presets::{self, Preset};
use store::profiles::{self, Expected};
use store::users::{self, NewUser};
use store::{tags, teams};

use super::files::{FILE_MAX, Refused};
use crate::actions::{audited, invite, sets};
use crate::api::local;
use crate::error::Problem;
use crate::state::App;
use crate::zones;

/// The versions that are read. The second has permission sets that are given for a tag, which the first would have taken for company-wide.
const FORMATS: RangeInclusive<u64> = 1..=2;
/// An export is larger than a table of tokens: the log is in it, which is read past.
const EXPORT_MAX: usize = 64 * FILE_MAX;

/// What was brought along, and what has to be entered anew.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Moved {
    /// Users that are new here; each needs an invitation.
    pub users: usize,
    /// Teams that are new here.
    pub teams: usize,
    /// Permission sets that are new here.
    pub permission_sets: usize,
    /// Page presets.
    pub page_presets: usize,
    /// Profiles that wait for a login.
    pub profiles: usize,
    /// What holds secrets and is to be entered anew: network apps, API keys, webhook endpoints.
    pub anew: Vec<String>,
}

#[derive(Default)]
struct House {
    users: Vec<Value>,
    teams: Vec<Value>,
    sets: Vec<Value>,
    presets: Vec<Value>,
    profiles: Vec<Value>,
    anew: Vec<String>,
}

fn refuse(at: Option<usize>, field: &'static str, what: impl Into<String>) -> Refused {
    Refused { at, field, what: what.into() }
}

/// Reads an export to its end. Lines of types that are not known are a newer format.
fn read(bytes: &[u8]) -> Result<House, Refused> {
    if bytes.len() > EXPORT_MAX {
        return Err(refuse(None, "file", format!("has more than {} MiB", EXPORT_MAX / 1024 / 1024)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refuse(None, "file", "is not UTF-8"))?;
    let (mut house, mut lines, mut ended) = (House::default(), 0, false);
    for (n, line) in text.lines().enumerate() {
        let at = Some(n + 1);
        let mut line: Value = serde_json::from_str(line).map_err(|_| refuse(at, "file", "is not a line of JSON"))?;
        lines += 1;
        let (kind, data) = (line["type"].as_str().unwrap_or_default().to_owned(), line["data"].take());
        if ended || (n == 0) != (kind == "export") {
            return Err(refuse(at, "file", "is no export of Staygreen"));
        }
        checked(at, &data)?;
        match kind.as_str() {
            "export" if data["format"].as_u64().is_none_or(|format| !FORMATS.contains(&format)) => {
                return Err(refuse(at, "format", "is another version than this program reads"));
            }
            "export" | "person" | "freeze" | "event" | "audit" => {}
            "user" => house.users.push(data),
            "team" => house.teams.push(data),
            "permission_set" => house.sets.push(data),
            "page_preset" => house.presets.push(data),
            "profile" => house.profiles.push(data),
            "network_app" => house.anew.push(format!("network app {}", data["network"].as_str().unwrap_or_default())),
            // Lent to a command of the operator's for a moment, by a version that still listed it.
            "api_key" if data["name"] == local::NAME && data["created_by"].is_null() => {}
            "api_key" => house.anew.push(format!("API key {}", data["name"].as_str().unwrap_or_default())),
            "webhook_endpoint" => house.anew.push(format!("webhook endpoint {}", data["name"].as_str().unwrap_or_default())),
            "end" if data["lines"] == lines => ended = true,
            "end" => return Err(refuse(at, "lines", "are not as many as were written: the file was changed")),
            _ => return Err(refuse(at, "type", "is not known")),
        }
    }
    if ended { Ok(house) } else { Err(refuse(None, "file", "is cut off: its last line is missing")) }
}

/// Texts stay within what the pages allow; a log's detail is not taken over, and not looked at.
fn checked(at: Option<usize>, data: &Value) -> Result<(), Refused> {
    for field in ["name", "email", "network", "instance", "network_id", "handle", "kind"] {
        let Some(text) = data[field].as_str() else { continue };
        if text.chars().count() > 500 || text.chars().any(char::is_control) {
            return Err(refuse(at, "data", format!("{field} is too long, or holds control characters")));
        }
    }
    Ok(())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// What is here already stays as it is; what came is found by the id it had.
struct Arriving<'a> {
    app: &'a App,
    tx: Tx,
    users: BTreeMap<String, UserId>,
    teams: BTreeMap<String, TeamId>,
    sets: BTreeMap<String, PermissionSetId>,
    /// Who is new here and had permission sets: who, and what stands in the file.
    had: Vec<(UserId, Value)>,
    /// Profiles that are new here, with their tags.
    tags: Vec<(ProfileId, Vec<Tag>)>,
    moved: Moved,
}

impl Arriving<'_> {
    async fn user(&mut self, user: &Value) -> Result<(), Problem> {
        let email = text(user, "email");
        invite::check_email(email)?;
        let role = Role::parse(text(user, "role")).ok_or_else(|| Problem::field("role", "is company_admin, standard_user or viewer"))?;
        let id = match users::by_email(&mut self.tx, email).await? {
            Some(known) => known.id,
            None => {
                let language = if text(user, "language") == "de" { "de" } else { "en" };
                let new = NewUser { email, name: text(user, "name"), role, language, password_hash: None };
                let id = users::insert(&mut self.tx, &self.app.organisation, &new, self.app.now()).await?;
                users::set_place(
                    &mut self.tx,
                    &id,
                    language,
                    &zones::read(text(user, "time_zone"), "UTC").unwrap_or_else(|_| "UTC".into()),
                )
                .await?;
                let told = &user["notifications"];
                users::set_notifications(&mut self.tx, &id, told["no_access_tokens"] == true, told["renew_soon"] == true).await?;
                self.moved.users += 1;
                self.had.push((id.clone(), user["permission_sets"].clone()));
                id
            }
        };
        self.users.insert(text(user, "id").to_owned(), id);
        Ok(())
    }

    async fn team(&mut self, team: &Value) -> Result<(), Problem> {
        let name = text(team, "name").trim();
        let known = teams::list(&mut self.tx, &self.app.organisation).await?.into_iter().find(|known| known.name == name);
        let id = match known {
            Some(known) => known.id,
            None => {
                let id = teams::create(&mut self.tx, &self.app.organisation, name, self.app.now()).await?;
                let members: Vec<UserId> = named(&team["member_ids"], &self.users);
                teams::set_members(&mut self.tx, &self.app.organisation, &id, &members).await?;
                self.moved.teams += 1;
                id
            }
        };
        self.teams.insert(text(team, "id").to_owned(), id);
        Ok(())
    }

    /// A set that is here under that name keeps what it holds here.
    async fn set(&mut self, set: &Value) -> Result<(), Problem> {
        let ours = &self.app.organisation;
        let known = permission_sets::list(&mut self.tx, ours).await?.into_iter().find(|known| known.name == text(set, "name"));
        let id = match known {
            Some(known) => known.id,
            None => {
                let words: Vec<String> =
                    set["permissions"].as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect();
                self.moved.permission_sets += 1;
                permission_sets::create(&mut self.tx, ours, text(set, "name"), &sets::read(&words)?, self.app.now()).await?
            }
        };
        self.sets.insert(text(set, "id").to_owned(), id);
        Ok(())
    }

    /// Who is new here gets the sets they had, for the teams they had them for.
    async fn give(&mut self) -> Result<(), Problem> {
        for (user, had) in std::mem::take(&mut self.had) {
            let mut given = vec![];
            for place in had.as_array().into_iter().flatten() {
                let Some(set) = self.sets.get(text(place, "id")) else { continue };
                let team = place["team_id"].as_str().map(|id| self.teams.get(id).cloned().map(Place::Team));
                let tag = place["tag"].as_str().map(|tag| tag.parse().ok().map(Place::Tag));
                // A team that did not come along, or no tag: nothing wider is given instead.
                if let Some(place) = tag.or(team).unwrap_or(Some(Place::Everywhere)) {
                    given.push(Given { set: set.clone(), place });
                }
            }
            permission_sets::give(&mut self.tx, &self.app.organisation, &user, &given).await?;
        }
        Ok(())
    }

    async fn preset(&mut self, preset: &Value) -> Result<(), Problem> {
        let network = Some(text(preset, "network")).filter(|name| *name != "default").unwrap_or_default();
        let team = match preset["team_id"].as_str().map(|id| self.teams.get(id)) {
            None => None,
            Some(Some(team)) => Some(team.clone()),
            // A team that did not come along has no presets here.
            Some(None) => return Ok(()),
        };
        let known = presets::list(&mut self.tx, &self.app.organisation).await?;
        if known.iter().any(|known| known.network == network && known.team == team) {
            return Ok(());
        }
        let told = &preset["notifications"];
        let preset = Preset {
            team,
            network: network.to_owned(),
            owner: self.users.get(text(preset, "owner_id")).cloned(),
            teams: named(&preset["team_ids"], &self.teams),
            notify_no_access: told["no_access_tokens"] != false,
            notify_renew_soon: told["renew_soon"] != false,
        };
        presets::set(&mut self.tx, &self.app.organisation, &preset, self.app.now()).await?;
        self.moved.page_presets += 1;
        Ok(())
    }

    async fn profile(&mut self, profile: &Value) -> Result<(), Problem> {
        let told = &profile["notifications"];
        let expected = Expected {
            network: text(profile, "network"),
            instance: text(profile, "instance"),
            network_id: text(profile, "network_id"),
            kind: text(profile, "kind"),
            name: text(profile, "name"),
            handle: profile["handle"].as_str(),
            owner: self.users.get(text(profile, "owner_id")),
            teams: &named(&profile["team_ids"], &self.teams),
            notify_no_access: told["no_access_tokens"] != false,
            notify_renew_soon: told["renew_soon"] != false,
        };
        if let Some(new) = profiles::expect(&mut self.tx, &self.app.organisation, &expected, self.app.now()).await? {
            self.tags.push((new, tags_of(profile)));
        }
        Ok(())
    }
}

/// The tags of a profile; what is none, or too much, is left out.
fn tags_of(profile: &Value) -> Vec<Tag> {
    let words = profile["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut tags: Vec<Tag> = words.filter_map(|word| word.parse().ok()).take(TAGS_MAX).collect();
    tags.sort();
    tags.dedup();
    tags
}

/// Our ids of what a list names.
fn named<T: Clone>(list: &Value, known: &BTreeMap<String, T>) -> Vec<T> {
    list.as_array().into_iter().flatten().filter_map(|id| known.get(id.as_str()?).cloned()).collect()
}

/// Takes an export over; `dry`: only says what it would bring.
///
/// # Errors
/// A problem of code `refused_file`, or one that names the field; then nothing was changed.
pub async fn house(app: &App, bytes: &[u8], dry: bool) -> Result<Moved, Problem> {
    let house = read(bytes).map_err(|refused| bad(&refused))?;
    let moved = Moved { anew: house.anew, ..Moved::default() };
    let mut arriving = Arriving {
        app,
        tx: app.store.write().await?,
        users: BTreeMap::new(),
        teams: BTreeMap::new(),
        sets: BTreeMap::new(),
        had: vec![],
        tags: vec![],
        moved,
    };
    for user in &house.users {
        arriving.user(user).await?;
    }
    for team in &house.teams {
        arriving.team(team).await?;
    }
    for set in &house.sets {
        arriving.set(set).await?;
    }
    arriving.give().await?;
    for preset in &house.presets {
        arriving.preset(preset).await?;
    }
    // A network that is not known here any more has no profiles here.
    for profile in house.profiles.iter().filter(|profile| networks::find(text(profile, "network")).is_some()) {
        arriving.profile(profile).await?;
    }
    let Arriving { mut tx, mut moved, tags, .. } = arriving;
    moved.profiles = tags.len();
    // When all profiles are there: see store::tags.
    for (profile, tags) in &tags {
        tags::set(&mut tx, &app.organisation, profile, tags, app.now()).await?;
    }
    if dry {
        // What was written is forgotten with the transaction.
        return Ok(moved);
    }
    let detail = json!({ "what": "imported", "from": "staygreen", "users": moved.users, "teams": moved.teams, "profiles": moved.profiles });
    audited::note(&mut tx, app, &Actor::System, Act::ManageUsers, detail).await?;
    tx.commit().await?;
    Ok(moved)
}

fn bad(refused: &Refused) -> Problem {
    Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "refused_file", refused.to_string())
}
