//! Users: invited, given a role and permission sets, switched off, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use lifecycle::ids::UserId;
use lifecycle::permission::{Act, Role};
use lifecycle::tag::Tag;
use store::permission_sets::{self, Given, PermissionSet, Place};
use store::profiles::Narrow;
use store::tags;
use store::teams::{self, Team};
use store::users::{self, User};

use super::sign_in::languages;
use super::view::{Options, zone};
use super::{Fields, Page, Shell, for_people, go, show};
use crate::actions::company::{self, Becomes, Invited, Member};
use crate::actions::{second_factor, tagging};
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;
use crate::zones;

/// A permission set that somebody was given.
struct GivenView {
    set: String,
    place: String,
    words: String,
}

struct UserView {
    id: String,
    name: String,
    email: String,
    role: String,
    roles: Options,
    given: Vec<GivenView>,
    disabled: bool,
    invited: bool,
    second_factor: bool,
    /// Mails to their address are refused, or come back.
    refused: bool,
    /// They may everything: permission sets add nothing.
    everything: bool,
    me: bool,
}

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    s: Shell,
    users: Vec<UserView>,
    roles: Options,
    sets: Options,
    /// For which of them a set can be given, or for a tag.
    teams: Options,
    /// Whether there is any tag; those that are suggested.
    tagged: bool,
    tags: Vec<Tag>,
    languages: Options,
    zones: Options,
    /// Whether the caller is a company admin, who alone resets passwords and second factors.
    admin: bool,
    link: Option<String>,
    error: Option<String>,
}

/// What the page is built from.
struct House {
    users: Vec<User>,
    teams: Vec<Team>,
    sets: Vec<PermissionSet>,
    given: BTreeMap<UserId, Vec<Given>>,
    tagged: bool,
    tags: Vec<Tag>,
}

impl House {
    async fn read(app: &App, visible_to: Option<&Narrow>) -> Result<Self, Problem> {
        let mut tx = app.store.read().await?;
        Ok(Self {
            users: users::list(&mut tx, &app.organisation).await?,
            teams: teams::list(&mut tx, &app.organisation).await?,
            sets: permission_sets::list(&mut tx, &app.organisation).await?,
            given: permission_sets::given(&mut tx, &app.organisation).await?,
            tagged: tags::any(&mut tx, &app.organisation).await?,
            tags: tags::suggestions(&mut tx, &app.organisation, visible_to).await?,
        })
    }

    fn given(&self, user: &User, lang: Lang) -> Vec<GivenView> {
        let view = |one: &Given| {
            let set = self.sets.iter().find(|set| set.id == one.set)?;
            let place = match &one.place {
                Place::Everywhere => lang.t("sets.everywhere").to_owned(),
                Place::Team(id) => self.teams.iter().find(|team| team.id == *id)?.name.clone(),
                Place::Tag(tag) => lang.fill("sets.tag", &[("tag", tag.as_str())]),
            };
            Some(GivenView {
                set: one.set.to_string(),
                place: one.place.to_string(),
                words: lang.fill("sets.in", &[("set", &set.name), ("place", &place)]),
            })
        };
        self.given.get(&user.id).into_iter().flatten().filter_map(view).collect()
    }
}

/// The roles that a caller can give.
fn roles(caller: &Caller, chosen: Role) -> Options {
    let may = |role: &&Role| **role != Role::CompanyAdmin || caller.is_company_admin();
    let option = |role: &Role| (role.as_str().to_owned(), caller.lang.t(&format!("role.{role}")).to_owned(), *role == chosen);
    [Role::StandardUser, Role::Viewer, Role::CompanyAdmin].iter().filter(may).map(option).collect()
}

async fn page(app: &App, caller: &Caller, link: Option<String>, error: Option<String>) -> Page {
    let lang = caller.lang;
    let house = House::read(app, caller.narrowed_to(Act::SeeProfile).as_ref()).await?;
    let view = |user: &User| UserView {
        id: user.id.to_string(),
        name: user.name.clone(),
        email: user.email.clone(),
        role: lang.t(&format!("role.{}", user.role)).to_owned(),
        roles: roles(caller, user.role),
        given: house.given(user, lang),
        disabled: user.disabled_at.is_some(),
        invited: user.password_hash.is_none(),
        second_factor: user.second_factor_at.is_some(),
        refused: user.refused.is_some(),
        everything: user.role == Role::CompanyAdmin,
        me: caller.user.as_ref().is_some_and(|me| me.id == user.id),
    };
    show(&Users {
        s: Shell::new(caller, "users"),
        users: house.users.iter().map(view).collect(),
        roles: roles(caller, Role::StandardUser),
        sets: house.sets.iter().map(|set| (set.id.to_string(), set.name.clone(), false)).collect(),
        teams: house.teams.iter().map(|team| (team.id.to_string(), team.name.clone(), false)).collect(),
        tagged: house.tagged,
        tags: house.tags,
        languages: languages(lang),
        zones: zones::options(zone(caller)),
        admin: caller.is_company_admin(),
        link,
        error,
    })
}

/// GET /settings/users
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, None, None).await;
    for_people(&caller, page)
}

fn role_of(fields: &Fields) -> Result<Role, Problem> {
    Role::parse(fields.get("role")).ok_or_else(|| Problem::field("role", "is company_admin, standard_user or viewer"))
}

/// The permission set that a form names, and for what; none where none is chosen.
fn chosen(fields: &Fields) -> Result<Option<Given>, Problem> {
    let tag = fields.get("tag").trim();
    let (Ok(set), Ok(place)) = (fields.get("set").parse(), fields.get("team").parse()) else {
        return if tag.is_empty() { Ok(None) } else { Err(Problem::field("set", "choose a permission set for the tag")) };
    };
    let place = match place {
        place if tag.is_empty() => place,
        Place::Everywhere => Place::Tag(tag.parse().map_err(|error| tagging::wrong("tag", &error))?),
        _ => return Err(Problem::field("tag", "name a team or a tag, not both")),
    };
    Ok(Some(Given { set, place }))
}

/// POST /settings/users
pub async fn invite(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let given: Vec<Given> = match chosen(&fields) {
            Ok(given) => given.into_iter().collect(),
            Err(problem) => return page(&app, &caller, None, Some(caller.lang.problem(&problem))).await,
        };
        // As over REST, where none is named.
        let role = if fields.get("role").is_empty() { Role::StandardUser } else { role_of(&fields)? };
        let chosen = |name| Some(fields.get(name)).filter(|value| !value.is_empty());
        let (language, time_zone) = (chosen("language").map(Lang::from_code), chosen("time_zone"));
        let invited = Invited { email: fields.get("email"), name: fields.get("name"), role, given: &given, language, time_zone };
        match company::invite_user(&app, &caller, &invited).await {
            Ok((_, link)) => page(&app, &caller, Some(link), None).await,
            Err(problem) if problem.code == "invalid_field" => page(&app, &caller, None, Some(caller.lang.problem(&problem))).await,
            Err(problem) => Err(problem),
        }
    };
    for_people(&caller, page.await)
}

/// POST /settings/users/{id}: role, disabling, permission sets, a new invitation, deleting.
pub async fn save(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        let user = company::user(&app, &id).await?;
        match fields.get("do") {
            "invite" => {
                let (link, _) = company::invite_again(&app, &caller, &user).await?;
                return page(&app, &caller, Some(link), None).await;
            }
            "reset_second_factor" => second_factor::reset(&app, &caller, &user).await?,
            "delete" => company::delete_user(&app, &caller, &user.id, |_| Ok(())).await?,
            "give" | "take" => {
                let one = match chosen(&fields) {
                    Ok(Some(one)) => one,
                    Ok(None) => return go("/settings/users"),
                    Err(problem) => return page(&app, &caller, None, Some(caller.lang.problem(&problem))).await,
                };
                let to = |now: &Member| {
                    let mut given: Vec<Given> = now.given.iter().filter(|had| **had != one).cloned().collect();
                    given.extend((fields.get("do") == "give").then(|| one.clone()));
                    Ok(Becomes { role: now.user.role, disabled: now.user.disabled_at.is_some(), given: Some(given) })
                };
                match company::change_user(&app, &caller, &user.id, to).await {
                    Err(problem) if problem.code == "invalid_field" => {
                        return page(&app, &caller, None, Some(caller.lang.problem(&problem))).await;
                    }
                    done => done?,
                }
            }
            _ => {
                let to = Becomes { role: role_of(&fields)?, disabled: fields.ticked("disabled"), given: None };
                company::change_user(&app, &caller, &user.id, |_| Ok(to)).await?;
            }
        }
        go("/settings/users")
    };
    for_people(&caller, page.await)
}
