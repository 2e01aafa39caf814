//! Several profiles at once: another owner, another team, tags, page presets after a look at what they change, renewal links.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lifecycle::ids::{ProfileId, TeamId, UserId};
use lifecycle::permission::Act;
use lifecycle::tag::{TAGS_MAX, Tag};
use store::events::{self, About};
use store::grants::holders_of;
use store::profiles::{self, Profile};
use store::renewal_links::Accepts;
use store::{reminders, tags, teams, users};

use super::view::title_of;
use super::{Fields, Page, Shell, for_people, go, show, show_with};
use crate::actions::apply_presets::{self, Change};
use crate::actions::finish::shown;
use crate::actions::settings::{self, Wanted};
use crate::actions::{invite, renewal_links, tagging};
use crate::auth::{self, Caller, own_path};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

/// One profile and what becomes of it.
struct Line {
    id: String,
    name: String,
    network: String,
    words: Vec<String>,
}

#[derive(Template)]
#[template(path = "apply_presets.html")]
struct ApplyPresets {
    s: Shell,
    /// Something changed since it was shown.
    changed: bool,
    lines: Vec<Line>,
    /// How many stay as they are, in words.
    same: Option<String>,
    ids: Vec<String>,
    mark: String,
    back: String,
}

/// Somebody, and the profiles that one link to them leads through.
struct Somebody {
    key: String,
    name: String,
    profiles: Vec<(String, String)>,
    email: String,
    /// The link that was just made, and where it was sent.
    link: Option<(String, Option<String>)>,
}

#[derive(Template)]
#[template(path = "bulk_links.html")]
struct BulkLinks {
    s: Shell,
    people: Vec<Somebody>,
    error: Option<String>,
    made: bool,
    back: String,
}

/// POST /settings/profiles/bulk: `do` says what.
pub async fn post(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let act = if fields.get("do") == "links" { Act::RefreshConnection } else { Act::ManageProfile };
        let chosen = auth::several(&app, &caller, "ids", &fields.all("ids"), act).await?;
        match fields.get("do") {
            "presets" => presets(&app, &caller, &fields, &chosen).await,
            "links" => links(&app, &caller, &fields, &chosen).await,
            _ => change(&app, &caller, &fields, &chosen).await,
        }
    };
    for_people(&caller, page.await)
}

/// Where the list was.
fn back(fields: &Fields) -> String {
    let back = own_path(fields.get("back"));
    if back.starts_with("/settings/profiles") { back.to_owned() } else { "/settings/profiles".to_owned() }
}

fn done(fields: &Fields, count: usize) -> Page {
    let back = back(fields);
    let mark = if back.contains('?') { '&' } else { '?' };
    go(&format!("{back}{mark}changed={count}"))
}

/// Owner, team and tags.
async fn change(app: &App, caller: &Caller, fields: &Fields, chosen: &[Profile]) -> Page {
    let owner: Option<UserId> = fields.get("owner").parse().ok();
    let team: Option<TeamId> = fields.get("team").parse().ok();
    let (more, less) = (tagging::read("add_tags", fields.get("add_tags"))?, tagging::read("remove_tags", fields.get("remove_tags"))?);
    if owner.is_none() && team.is_none() && more.is_empty() && less.is_empty() {
        return Err(Problem::field("owner", "choose an owner, a team or tags to set"));
    }
    let mut tx = app.store.write().await?;
    for profile in chosen {
        profiles::get_to_change(&mut tx, &app.organisation, &profile.id).await?;
    }
    if !more.is_empty() || !less.is_empty() {
        tags::keep(&mut tx, &app.organisation).await?;
    }
    for profile in chosen {
        let Some(profile) = &profiles::get_to_change(&mut tx, &app.organisation, &profile.id).await? else { continue };
        let mut teams = profile.teams.clone();
        teams.extend(team.clone().filter(|team| !profile.teams.contains(team)));
        let owner = owner.as_ref().or(profile.owner.as_ref());
        let tags = profile.tags.iter().chain(&more).filter(|tag| !less.contains(tag)).cloned().collect();
        let too_many = |_| Problem::field("add_tags", &format!("\"{}\" would have more than {TAGS_MAX} tags", profile.name));
        let tags = Tag::some(tags).map_err(too_many)?;
        let detail = settings::set(&mut tx, app, caller, profile, &Wanted { owner, teams: &teams, tags: &tags }).await?;
        reminders::handed_over(&mut tx, profile, &caller.named, app.now()).await?;
        let about = About { profile: Some(profile.id.clone()), ..About::default() };
        events::append(&mut tx, &app.organisation, app.now(), "settings.changed", &caller.named, &about, &detail).await?;
    }
    tx.commit().await?;
    app.told.notify_one();
    done(fields, chosen.len())
}

async fn presets(app: &App, caller: &Caller, fields: &Fields, chosen: &[Profile]) -> Page {
    let confirmed = fields.get("mark");
    if !confirmed.is_empty()
        && let Some(count) = apply_presets::apply(app, caller, chosen, confirmed).await?
    {
        return done(fields, count);
    }
    let mut tx = app.store.read().await?;
    let preview = apply_presets::look(&mut tx, app, chosen).await?;
    let (users, teams) = (users::list(&mut tx, &app.organisation).await?, teams::list(&mut tx, &app.organisation).await?);
    let names = Names { users: &users, teams: &teams };
    drop(tx);
    let (same, changes): (Vec<_>, Vec<_>) = preview.changes.iter().partition(|(_, change)| change.is_nothing());
    let line = |(profile, change): &(Profile, Change)| Line {
        id: profile.id.to_string(),
        name: profile.name.clone(),
        network: title_of(&profile.network),
        words: names.words(caller.lang, profile, change),
    };
    let page = ApplyPresets {
        s: Shell::new(caller, "profiles"),
        changed: !confirmed.is_empty(),
        lines: changes.into_iter().map(line).collect(),
        same: (!same.is_empty()).then(|| caller.lang.fill("apply_presets.same", &[("n", &same.len().to_string())])),
        ids: fields.all("ids"),
        mark: preview.mark,
        back: back(fields),
    };
    show_with(if confirmed.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT }, &page)
}

/// What ids are called.
pub(super) struct Names<'a> {
    pub(super) users: &'a [users::User],
    pub(super) teams: &'a [teams::Team],
}

impl Names<'_> {
    fn user(&self, lang: Lang, id: Option<&UserId>) -> String {
        let found = id.and_then(|id| self.users.iter().find(|user| user.id == *id));
        found.map_or_else(|| lang.t("profiles.no_owner").to_owned(), |user| user.name.clone())
    }

    /// A change in words, from and to.
    pub(super) fn words(&self, lang: Lang, profile: &Profile, change: &Change) -> Vec<String> {
        let from_to = |label: &str, from: &str, to: &str| format!("{}: {from} → {to}", lang.t(label));
        let switch = |on: bool| lang.t(if on { "switch.on" } else { "switch.off" });
        let owner = change.owner.as_ref();
        let owner = owner.map(|to| from_to("profiles.col.owner", &self.user(lang, profile.owner.as_ref()), &self.user(lang, Some(to))));
        let teams = change.teams.iter().filter_map(|id| self.teams.iter().find(|team| team.id == *id));
        let teams = teams.map(|team| format!("{}: + {}", lang.t("nav.teams"), team.name));
        let no_access = change.no_access.map(|on| from_to("notify.no_access", switch(!on), switch(on)));
        let renew_soon = change.renew_soon.map(|on| from_to("notify.renew_soon", switch(!on), switch(on)));
        owner.into_iter().chain(teams).chain(no_access).chain(renew_soon).collect()
    }
}

/// Whom to ask for which of the profiles: the person who holds it, each once; whoever is first where several do.
async fn people(app: &App, caller: &Caller, chosen: &[Profile]) -> Result<Vec<Somebody>, Problem> {
    let mut tx = app.store.read().await?;
    let mut by_person: BTreeMap<String, Somebody> = BTreeMap::new();
    for profile in chosen {
        let holders = holders_of(&mut tx, &profile.id).await?;
        let standing = profile.standing.person.as_ref();
        let holder = holders.iter().find(|holder| Some(&holder.person.id) == standing).or(holders.first());
        let (key, name) = holder.map_or_else(
            || (String::new(), caller.lang.t("bulk_links.nobody").to_owned()),
            |holder| (holder.person.id.to_string(), shown(&holder.person.name, holder.person.handle.as_deref())),
        );
        let somebody =
            by_person.entry(key.clone()).or_insert_with(|| Somebody { key, name, profiles: vec![], email: String::new(), link: None });
        somebody.profiles.push((profile.id.to_string(), format!("{} ({})", profile.name, title_of(&profile.network))));
    }
    Ok(by_person.into_values().collect())
}

async fn links(app: &App, caller: &Caller, fields: &Fields, chosen: &[Profile]) -> Page {
    let mut page = BulkLinks {
        s: Shell::new(caller, "profiles"),
        people: people(app, caller, chosen).await?,
        error: None,
        made: fields.ticked("confirmed"),
        back: back(fields),
    };
    if !page.made {
        return show(&page);
    }
    for somebody in &mut page.people {
        somebody.email = fields.get(&format!("email-{}", somebody.key)).to_owned();
    }
    // All of them or none: a typing error in one address is found before the first link leaves.
    let wrong = page.people.iter().find(|somebody| !somebody.email.is_empty() && invite::check_email(&somebody.email).is_err());
    if let Some(wrong) = wrong {
        page.error = Some(caller.lang.fill("bulk_links.wrong", &[("email", &wrong.email)]));
        page.made = false;
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    for somebody in &mut page.people {
        let ids: Vec<ProfileId> = somebody.profiles.iter().filter_map(|(id, _)| id.parse().ok()).collect();
        let accepts = if somebody.key.is_empty() { Accepts::AnyAdmin { instead_of: None } } else { Accepts::Holders };
        let email = Some(somebody.email.clone()).filter(|email| !email.is_empty());
        let made = renewal_links::for_profiles(app, caller, &ids, &accepts, email.as_deref()).await?;
        somebody.link = Some((made.link, email));
    }
    show(&page)
}
