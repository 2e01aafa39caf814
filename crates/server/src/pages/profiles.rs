//! GET /settings/profiles

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use lifecycle::permission::Act;
use lifecycle::status::Status;
use lifecycle::words::Cause;
use serde::Deserialize;
use store::profiles::{self, Filter, Narrow, Profile};
use store::sorting::{Column, Sort};
use store::{StoreError, Tx, tags, teams, users};

use super::view::{Options, Row, owners, row, statuses, title_of};
use super::{Page, Shell, for_people, show};
use crate::auth::Caller;
use crate::i18n::Lang;
use crate::state::App;

const PER_PAGE: usize = 50;

/// The head of a column.
struct Head {
    words: String,
    /// How the list is sorted by it, in the words of aria-sort.
    sorted: Option<&'static str>,
    address: String,
}

#[derive(Template)]
#[template(path = "profiles.html")]
struct Profiles {
    s: Shell,
    mine: bool,
    /// By what it can be sorted, for the filter's form: where the heads are not shown, this is the way.
    sorts: Options,
    /// Whether the last comes first.
    reversed: bool,
    /// Says where the filters are, and how many of them narrow the list.
    filters: String,
    /// Whether any narrows it, or a search does.
    narrowed: bool,
    heads: Vec<Head>,
    q: String,
    networks: Options,
    statuses: Options,
    causes: Options,
    owners: Options,
    teams: Options,
    /// Whether there are any tags.
    tagged: bool,
    tag: String,
    /// Tags to suggest.
    tags: Vec<String>,
    /// How many the filter lets through.
    count: String,
    /// May change several at once.
    manages: bool,
    /// May connect new ones.
    connects: bool,
    /// Where the list comes back to after a change.
    back: String,
    rows: Vec<Row>,
    next: Option<String>,
}

/// What the address asks for.
#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    mine: Option<String>,
    q: String,
    network: String,
    status: String,
    cause: String,
    owner: String,
    team: String,
    tag: String,
    sort: String,
    order: String,
    after: Option<String>,
    done: Option<String>,
    changed: Option<u32>,
}

impl Asked {
    fn sort(&self) -> Sort {
        Sort { by: Column::of_word(&self.sort), descending: self.order == "desc" }
    }

    /// How many filters narrow the list; the search stands apart.
    fn filters(&self) -> usize {
        [&self.network, &self.status, &self.cause, &self.owner, &self.team, &self.tag].into_iter().filter(|value| !value.is_empty()).count()
    }

    /// The same list in another order.
    fn sorted(&self, sort: Sort) -> Self {
        Self { sort: words(sort).0.to_owned(), order: words(sort).1.to_owned(), ..self.clone() }
    }

    /// The address of this list, on another page of it.
    fn address(&self, after: Option<&str>) -> String {
        let named = [
            ("mine", self.mine.as_deref().map_or("", |_| "1")),
            ("q", &self.q),
            ("network", &self.network),
            ("status", &self.status),
            ("cause", &self.cause),
            ("owner", &self.owner),
            ("team", &self.team),
            ("tag", &self.tag),
            ("sort", &self.sort),
            ("order", &self.order),
            ("after", after.unwrap_or_default()),
        ];
        let parameters: Vec<(&str, &str)> = named.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        networks::oauth::with_query("/settings/profiles", &parameters)
    }
}

fn count_words(lang: Lang, count: i64) -> String {
    let key = if count > profiles::COUNTED_MAX { "profiles.count_more" } else { "profiles.count" };
    lang.count(key, usize::try_from(count.min(profiles::COUNTED_MAX)).unwrap_or_default(), &[])
}

/// An order in the words of the address; by name is none.
fn words(sort: Sort) -> (&'static str, &'static str) {
    (if sort.by == Column::Name { "" } else { sort.by.word() }, if sort.descending { "desc" } else { "" })
}

/// GET /settings/profiles
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = build(&app, &caller, &asked).await;
    for_people(&caller, page)
}

/// The list that the address asks for, as far as the caller may see it.
fn filter_of(caller: &Caller, asked: &Asked) -> Filter {
    let (sort, tag) = (asked.sort(), asked.tag.trim());
    let mine = caller.user.as_ref().filter(|_| asked.mine.is_some());
    let mut filter = Filter {
        network: Some(asked.network.clone()).filter(|network| !network.is_empty()),
        status: Status::parse(&asked.status),
        cause: Cause::parse(&asked.cause),
        owner: mine.map(|user| user.id.clone()).or_else(|| asked.owner.parse().ok()),
        team: asked.team.parse().ok(),
        tag: tag.parse().ok(),
        q: Some(asked.q.clone()),
        visible_to: caller.narrowed_to(Act::SeeProfile),
        sort,
        after: asked.after.as_deref().and_then(|after| sort.read_place(after)),
    };
    if filter.tag.is_none() && !tag.is_empty() {
        // No profile has what is no tag.
        filter.visible_to = Some(Narrow::Reaches(vec![]));
    }
    filter
}

/// Tags to suggest, those of the page among them.
async fn suggested(tx: &mut Tx, app: &App, filter: &Filter, page: &[Profile]) -> Result<Vec<String>, StoreError> {
    let mut all = tags::suggestions(tx, &app.organisation, filter.visible_to.as_ref()).await?;
    all.extend(page.iter().flat_map(|profile| profile.tags.iter().cloned()));
    all.sort();
    all.dedup();
    Ok(all.iter().map(ToString::to_string).collect())
}

async fn build(app: &App, caller: &Caller, asked: &Asked) -> Page {
    let now = app.now();
    let (mine, sort) = (asked.mine.is_some(), asked.sort());
    let filter = filter_of(caller, asked);
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let mut found = profiles::list(&mut tx, &app.organisation, &filter, u32::try_from(PER_PAGE + 1).unwrap_or(51)).await?;
    let count = profiles::matching(&mut tx, &app.organisation, &filter).await?;
    let all_teams = teams::list(&mut tx, &app.organisation).await?;
    let tagged = tags::any(&mut tx, &app.organisation).await?;
    let tags = suggested(&mut tx, app, &filter, &found).await?;
    drop(tx);
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let owner = |profile: &Profile| users.iter().find(|user| Some(&user.id) == profile.owner.as_ref()).map_or("", |user| &user.name);
    let next = found.last().filter(|_| more).map(|last| asked.address(Some(&sort.place(last, owner(last)).written())));
    // Boards stand under their account only where that is the order of the list.
    let ordered = if sort.by == Column::Name { boards_under_accounts(&found) } else { found.iter().collect() };
    let rows = ordered.into_iter().map(|profile| row(caller, profile, &users, now)).collect();
    let networks = app
        .config
        .offered()
        .map(|network| (network.about().name.to_owned(), title_of(network.about().name), network.about().name == asked.network))
        .collect();
    let active = asked.filters();
    let changed = asked.changed.map(|n| caller.lang.count("bulk.done", usize::try_from(n).unwrap_or_default(), &[]));
    let flash = asked.done.as_deref().filter(|name| name.len() < 200).map(|name| caller.lang.fill("delete.done", &[("name", name)]));
    show(&Profiles {
        s: Shell::new(caller, "profiles").flash(flash.or(changed)),
        mine,
        causes: Cause::ALL
            .iter()
            .map(|cause| (cause.to_string(), caller.lang.t(&format!("cause.{cause}.title")).to_owned(), cause.as_str() == asked.cause))
            .collect(),
        owners: owners(&users, filter.owner.as_ref()),
        teams: all_teams.into_iter().map(|team| (team.id.to_string(), team.name, filter.team.as_ref() == Some(&team.id))).collect(),
        tagged: tagged || !asked.tag.is_empty(),
        tag: asked.tag.clone(),
        tags,
        count: count_words(caller.lang, count),
        manages: !found.is_empty() && caller.may(Act::ManageProfile),
        connects: caller.may(Act::Connect),
        back: asked.address(asked.after.as_deref()),
        sorts: sorts(caller, sort),
        reversed: sort.descending,
        filters: if active == 0 { caller.lang.t("filter.more").to_owned() } else { caller.lang.count("filter.more_active", active, &[]) },
        narrowed: active > 0 || !asked.q.is_empty(),
        heads: heads(caller, asked, sort),
        q: asked.q.clone(),
        networks,
        statuses: statuses(caller.lang, filter.status),
        rows,
        next,
    })
}

fn column_words(caller: &Caller, column: Column) -> String {
    caller.lang.t(&format!("profiles.col.{}", if column == Column::Name { "profile" } else { column.word() })).to_owned()
}

fn sorts(caller: &Caller, sort: Sort) -> Options {
    let option = |by: Column| (words(Sort { by, descending: false }).0.to_owned(), column_words(caller, by), by == sort.by);
    Column::ALL.into_iter().map(option).collect()
}

/// The heads of the columns: words, whether the list is sorted by it and how, and the address that sorts by it.
fn heads(caller: &Caller, asked: &Asked, sort: Sort) -> Vec<Head> {
    let head = |by: Column| {
        let is_sorted = sort.by == by;
        let descending = is_sorted && !sort.descending;
        Head {
            words: column_words(caller, by),
            sorted: is_sorted.then_some(if sort.descending { "descending" } else { "ascending" }),
            address: asked.sorted(Sort { by, descending }).address(None),
        }
    };
    Column::ALL.into_iter().map(head).collect()
}

/// Boards stand under their account where both are on the page.
fn boards_under_accounts(found: &[Profile]) -> Vec<&Profile> {
    let here = |profile: &Profile| found.iter().any(|other| Some(&other.id) == profile.parent.as_ref());
    let mut ordered = vec![];
    for profile in found.iter().filter(|profile| !here(profile)) {
        ordered.push(profile);
        ordered.extend(found.iter().filter(|board| board.parent.as_ref() == Some(&profile.id)));
    }
    ordered
}
