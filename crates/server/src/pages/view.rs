//! Profiles and history as pages show them.

use lifecycle::ids::UserId;
use lifecycle::permission::Act;
use lifecycle::status::Status;
use lifecycle::time::Timestamp;
use lifecycle::words::Cause;
use store::events::Event;
use store::profiles::Profile;
use store::users::User;
use store::{StoreError, network_apps};

use crate::actions::finish::client_of;
use crate::auth::{Caller, about};
use crate::i18n::Lang;
use crate::show::When;
use crate::state::App;

/// A profile in a list.
pub struct Row {
    /// Its id.
    pub id: String,
    /// Network name.
    pub network: String,
    /// Two letters for the badge.
    pub badge: String,
    /// The network as people write it.
    pub network_title: String,
    /// Name.
    pub name: String,
    /// Kind in words.
    pub kind: String,
    /// Status word.
    pub status: &'static str,
    /// Since when.
    pub since: Option<When>,
    /// When it was last proven that somebody's access token works.
    pub proven: Option<When>,
    /// The owner's name; empty when there is none.
    pub owner: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The day a person must come.
    pub deadline: Option<When>,
    /// It is red, and a login repairs it: that day is today.
    pub due_now: bool,
    /// One line of explanation.
    pub explanation: String,
    /// A board under its account.
    pub child: bool,
    /// Switched on.
    pub enabled: bool,
    /// What the reader may do with it.
    pub may: May,
}

/// What a reader may do with a profile, so that nothing is offered that would be refused.
#[derive(Debug, Clone, Copy)]
pub struct May {
    /// Refresh its connection, send renewal links.
    pub refresh: bool,
    /// Look now.
    pub check: bool,
    /// Change its settings.
    pub manage: bool,
    /// Delete it.
    pub delete: bool,
}

impl May {
    fn of(caller: &Caller, profile: &Profile) -> Self {
        let may = |act| caller.decide(act, about(profile)).is_yes();
        Self {
            refresh: may(Act::RefreshConnection),
            check: may(Act::CheckProfile),
            manage: may(Act::ManageProfile),
            delete: may(Act::DeleteProfile),
        }
    }
}

/// The zone in which a caller reads times.
pub fn zone(caller: &Caller) -> &str {
    caller.user.as_ref().map_or("UTC", |user| &user.time_zone)
}

/// The network's title.
pub fn title_of(network: &str) -> String {
    networks::find(network).map_or(network, |network| network.about().title).to_owned()
}

/// What becomes of the access at a network when its last profile is removed here: what is done for people, and what only they can.
pub fn end_of_access(lang: Lang, network: &str) -> Vec<String> {
    let by_person = networks::find(network).and_then(networks::Network::ended_by_person);
    let said = if by_person.is_some() { "delete.kept" } else { "delete.revoked" };
    let mut words = vec![lang.fill(said, &[("network", &title_of(network))])];
    words.extend(by_person.map(|rule| lang.pick(rule.en, rule.de).to_owned()));
    words
}

/// What people must know before they leave for a network.
pub async fn rules_of(app: &App, network: &str, instance: &str, lang: Lang) -> Result<Vec<&'static str>, StoreError> {
    let rules = networks::find(network).map_or(&[][..], |network| network.about().rules);
    let mut words: Vec<&'static str> = rules.iter().map(|rule| lang.pick(rule.en, rule.de)).collect();
    words.extend(refresh_tokens(app, network, instance, lang).await?);
    Ok(words)
}

/// Whether this network app gets refresh tokens and what follows from it, at a network that treats apps differently.
pub async fn refresh_tokens(app: &App, network: &str, instance: &str, lang: Lang) -> Result<Option<&'static str>, StoreError> {
    let Some(network) = networks::find(network) else { return Ok(None) };
    let Some(words) = network.refresh_tokens() else { return Ok(None) };
    let Some(client) = app.network_app(network, instance).await else { return Ok(None) };
    let mut tx = app.store.read().await?;
    let given = network_apps::gets_refresh_tokens(&mut tx, &app.organisation, client_of(&client)).await?;
    let rule = words.rule(given);
    Ok(Some(lang.pick(rule.en, rule.de)))
}

/// Two letters for a network's badge.
pub fn badge_of(network: &str) -> String {
    match network {
        "linkedin" => "in".into(),
        other => title_of(other).chars().take(2).collect(),
    }
}

/// A profile as a row.
pub fn row(caller: &Caller, profile: &Profile, users: &[User], now: Timestamp) -> Row {
    let lang = caller.lang;
    let standing = &profile.standing;
    let when = |at: Timestamp| When::new(at, now, zone(caller), lang);
    let title = title_of(&profile.network);
    Row {
        id: profile.id.to_string(),
        network: profile.network.clone(),
        badge: badge_of(&profile.network),
        name: profile.name.clone(),
        kind: lang.t(&format!("kind.{}", profile.kind)).to_owned(),
        status: standing.status.as_str(),
        since: Some(when(standing.since)),
        proven: standing.verified_at.map(when),
        owner: profile
            .owner
            .as_ref()
            .and_then(|id| users.iter().find(|user| user.id == *id))
            .map(|user| user.name.clone())
            .unwrap_or_default(),
        tags: profile.tags.iter().map(ToString::to_string).collect(),
        deadline: standing.deadline.map(when),
        due_now: standing.status == Status::Disconnected && standing.cause != Some(Cause::AppBlocked),
        explanation: crate::actions::explain::explain(lang, standing, None, &profile.network).title,
        network_title: title,
        child: profile.parent.is_some(),
        enabled: profile.enabled,
        may: May::of(caller, profile),
    }
}

/// Options of a select or a list of boxes: value, words, chosen.
pub type Options = Vec<(String, String, bool)>;

/// The users as owners to choose from.
pub fn owners(users: &[User], chosen: Option<&UserId>) -> Options {
    users
        .iter()
        .filter(|user| user.disabled_at.is_none())
        .map(|user| (user.id.to_string(), user.name.clone(), Some(&user.id) == chosen))
        .collect()
}

/// The statuses to filter by.
pub fn statuses(lang: Lang, chosen: Option<Status>) -> Options {
    Status::ALL
        .iter()
        .map(|status| (status.as_str().to_owned(), lang.t(&format!("status.{status}")).to_owned(), Some(*status) == chosen))
        .collect()
}

/// A line of history.
pub struct Line {
    /// What happened.
    pub text: String,
    /// In the network's own words.
    pub evidence: Option<String>,
    /// When.
    pub when: When,
}

/// An event as a line of history.
pub fn line(caller: &Caller, event: &Event, name: Option<&str>, now: Timestamp) -> Line {
    let lang = caller.lang;
    let key = format!("event.{}", event.kind);
    let words = lang.fill(&key, &[("name", name.or(event.detail["name"].as_str()).unwrap_or(lang.t("profiles.col.profile")))]);
    let role = event.detail["role"].as_str().map(|role| format!(" ({role})")).unwrap_or_default();
    let scopes: Vec<&str> = event.detail["scopes"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let scopes = if event.kind.starts_with("grant.scopes_") { format!(": {}", scopes.join(", ")) } else { String::new() };
    let evidence = event.detail["evidence"]["words"].as_str().or(event.detail["state"]["evidence"]["words"].as_str());
    Line {
        text: format!("{words}{role}{scopes}"),
        evidence: evidence.filter(|words| !words.is_empty()).map(str::to_owned),
        when: When::new(event.at, now, zone(caller), lang),
    }
}
