//! Facebook pages, and Instagram accounts behind them, as the documentation describes them (knowledge base `facebook`, `instagram` flavour B): tokens of people that end, tokens of pages that
//! do not, one error shape for everything, with the reason in a subcode.

mod acts;

use std::sync::Arc;

use serde_json::{Value, json};

use super::graph::{self, error};
use super::{Consent, client_id, client_secret, is_redirect_uri, meta, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Page, Person, page, person};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Dead, Family};
use crate::world::World;

const COLOUR: &str = "#0866ff";
/// How many pages one listing shows.
const LISTED: usize = 2;
const SHORT_LIFE: i64 = 3_600;
const LONG_LIFE: i64 = 60 * DAY;

/// One of the two products behind this login: another app, so other ids of the same people.
pub(super) struct Product {
    name: &'static str,
    /// Set where each page has a professional account of Instagram linked to it, but for those that say otherwise.
    instagram: Option<&'static meta::Service>,
    /// The permissions its app was given access to; who declined one is told so.
    permissions: &'static [&'static str],
}

pub(super) const PAGES: Product = Product {
    name: "facebook",
    instagram: None,
    permissions: &[
        "public_profile",
        "pages_show_list",
        "business_management",
        "pages_read_engagement",
        "pages_manage_posts",
        "pages_read_user_content",
        "pages_manage_engagement",
    ],
};
pub(super) const INSTAGRAM: Product = Product {
    name: "instagram_page",
    instagram: Some(&meta::INSTAGRAM_PAGE),
    permissions: &[
        "public_profile",
        "pages_show_list",
        "business_management",
        "pages_read_engagement",
        "instagram_basic",
        "instagram_content_publish",
        "instagram_manage_comments",
    ],
};

/// Permissions that exist, beside those that our apps have access to. Some that are read about do not.
const OTHERS: [&str; 6] = ["email", "pages_manage_metadata", "ads_management", "ads_read", "read_insights", "instagram_manage_insights"];

/// A permission that is asked for and does not exist: told whoever stands before the dialog.
fn unknown<'a>(product: &Product, incoming: &'a Incoming) -> Option<&'a str> {
    let asked = incoming.q("scope").split(',').filter(|scope| !scope.is_empty());
    let exists = |scope: &&str| product.permissions.contains(scope) || OTHERS.contains(scope);
    asked.into_iter().find(|scope| !exists(scope))
}

/// The word in a page's address that says that nothing is linked to it.
const UNLINKED: &str = "unlinked";

/// Which pages were ticked is kept among the scopes of a consent and never shown with them.
const TICKED: &str = "page:";
/// And which permissions were left out for one of them: `not:PAGE/PERMISSION`.
const WITHHELD: &str = "not:";

pub(super) fn people(product: &Product) -> Vec<Person> {
    vec![
        person(product.name, "jana.lindner", "Jana Lindner", "10158000000000001"),
        person(product.name, "tom.becker", "Tom Becker", "10158000000000002"),
    ]
}

/// Tasks on a page, fullest first, as one word each.
pub(super) const ROLES: &[&str] = &["MANAGE", "CREATE_CONTENT", "MODERATE", "ANALYZE"];

pub(super) fn pages(product: &Product) -> Vec<Page> {
    let page = |id, title, vanity, roles: &[(&str, &str)]| page(product.name, id, title, vanity, roles);
    if product.instagram.is_some() {
        return vec![
            page(109_001, "Fernweh Outdoor", "fernweh.outdoor", &[("jana.lindner", "MANAGE"), ("tom.becker", "CREATE_CONTENT")]),
            page(109_002, "Bergwacht Freunde", "bergwacht.freunde", &[("jana.lindner", "ANALYZE")]),
            page(109_003, "Fernweh Werkstatt", UNLINKED, &[("jana.lindner", "MANAGE")]),
        ];
    }
    vec![
        page(108_001, "Fernweh Outdoor", "fernwehoutdoor", &[("jana.lindner", "MANAGE"), ("tom.becker", "CREATE_CONTENT")]),
        page(108_002, "Fernweh Hütten", "fernwehhuetten", &[("jana.lindner", "CREATE_CONTENT")]),
        page(108_003, "Bergwacht Freunde", "bergwachtfreunde", &[("jana.lindner", "ANALYZE")]),
    ]
}

/// The id of the account linked to a page.
fn account_id(page: u64) -> String {
    format!("17841400000{page}")
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    let path = bare(incoming);
    match path {
        "/dialog/oauth" => "page",
        "/oauth/access_token" => "exchange",
        _ if incoming.method == http::Method::DELETE && path.ends_with("/permissions") => "revocation",
        _ => "api",
    }
}

/// The path below the version.
fn bare(incoming: &Incoming) -> &str {
    let path = incoming.path.strip_prefix("/v").unwrap_or(&incoming.path);
    path.find('/').map_or("", |at| &path[at..])
}

pub(super) fn handle(product: &Product, world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    let parts: Vec<&str> = bare(incoming).split('/').skip(1).collect();
    Some(match (incoming.method.as_str(), parts.as_slice()) {
        (_, ["dialog", "oauth"]) => authorize(product, world, now, incoming),
        ("POST" | "GET", ["oauth", "access_token"]) => token(product, world, now, incoming),
        ("POST" | "GET", ["debug_token"]) => graph::with_usage(world, product.name, debug(product, world, now, incoming)),
        (_, [_, ..]) => {
            let answered = api(product, world, now, incoming, &parts);
            graph::with_usage(world, product.name, answered)
        }
        _ => return None,
    })
}

pub(super) fn refused_renewal() -> Answer {
    error(400, 190, 463, "Error validating access token: Session has expired.")
}

/// Code and words for a token that is over.
fn dead(world: &World, token: &str, why: Dead) -> (i64, &'static str) {
    let family = world.vault.access.get(token).and_then(|token| world.vault.families.get(token.family));
    match (why, family.map_or("", |family| family.why)) {
        (Dead::Blocked, _) => (
            459,
            "Error validating access token: You cannot access the app till you log in to www.facebook.com and follow the instructions given.",
        ),
        (Dead::Expired, _) => {
            (graph::expired(world, family.map_or("", |family| family.network)), "Error validating access token: Session has expired.")
        }
        (_, "change-password") => (
            460,
            "Error validating access token: The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.",
        ),
        (Dead::Revoked, _) => (458, "Error validating access token: The user has not authorized application."),
        (Dead::Unknown, _) => (0, "Invalid OAuth access token - Cannot parse access token"),
    }
}

/// Permissions and pages are ticked one by one; the dialog shows the pages of whoever is signed in.
fn ask(product: &Product, world: &World, incoming: &Incoming, username: &str) -> Ask {
    // A configuration of Facebook Login for Business names the permissions instead of the address.
    let named = if incoming.q("config_id").is_empty() { incoming.q("scope").to_owned() } else { product.permissions.join(",") };
    let mut scopes: Vec<String> = named.split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    scopes.extend(roles_of(product, world, username).map(|(page, _)| format!("{TICKED}{}", page.id)));
    Ask { network: product.name, title: "Facebook", colour: COLOUR, scopes, scopes_optional: true, may_skip: false }
}

fn is_good(product: &Product, incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(product.name) && is_redirect_uri(incoming.q("redirect_uri"))
}

fn authorize(product: &Product, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(product, incoming) {
        return refuse_page(
            "Facebook Login",
            COLOUR,
            "Facebook",
            "URL blocked: the redirect URI is not in the app's settings, or the app is not known.",
        );
    }
    if let Some(scope) = unknown(product, incoming) {
        let why = format!(
            "Invalid Scopes: {scope}. This message is only shown to developers. Users of your app will ignore these permissions if present."
        );
        return refuse_page("Facebook Login", COLOUR, "Facebook", &why);
    }
    let session = incoming.cookie(&format!("sandbox_{}", product.name)).and_then(|id| world.sessions.get(id));
    let username = session.filter(|(network, _)| network == product.name).map(|(_, username)| username.clone()).unwrap_or_default();
    let ask = ask(product, world, incoming, &username);
    match decide(world, now, incoming, &ask) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming)),
        Decision::Allow { username, scopes } => see_other(&allowed(product, world, now, incoming, &username, scopes)),
    }
}

fn denied(incoming: &Incoming) -> String {
    let parameters = [
        ("error", "access_denied"),
        ("error_reason", "user_denied"),
        ("error_description", "Permissions error"),
        ("state", incoming.q("state")),
    ];
    with_query(incoming.q("redirect_uri"), &parameters)
}

fn allowed(product: &Product, world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    let code = world.new_code(now, product.name, username, scopes, incoming.q("redirect_uri"), 10 * 60);
    with_query(incoming.q("redirect_uri"), &[("code", &code), ("state", incoming.q("state"))])
}

pub(super) fn consent(product: &Product, world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    let asked = ask(product, world, incoming, consent.username).scopes;
    let mut scopes: Vec<String> = asked.into_iter().filter(|scope| !consent.drop_scopes.contains(scope)).collect();
    // One page can be left out of one permission: `page:ID/PERMISSION`.
    let withheld = consent.drop_scopes.iter().filter_map(|scope| scope.strip_prefix(TICKED)).filter(|page| page.contains('/'));
    scopes.extend(withheld.map(|page| format!("{WITHHELD}{page}")));
    (bare(incoming) == "/dialog/oauth" && is_good(product, incoming) && unknown(product, incoming).is_none())
        .then(|| if consent.deny { denied(incoming) } else { allowed(product, world, now, incoming, consent.username, scopes) })
}

/// The pages on which somebody has a role.
fn roles_of<'a>(product: &Product, world: &'a World, username: &str) -> impl Iterator<Item = (&'a Page, &'a str)> {
    let (name, username) = (product.name, username.to_owned());
    let mine = world.pages.iter().filter(move |page| page.network == name);
    mine.filter_map(move |page| Some((page, page.roles.iter().find(|(holder, ..)| *holder == username)?.1.as_str())))
}

fn is_ticked(family: &Family, page: u64) -> bool {
    family.scopes.iter().any(|scope| scope.strip_prefix(TICKED).and_then(|ticked| ticked.parse().ok()) == Some(page))
}

/// What is said of a consent: permissions alone.
fn permissions(family: &Family) -> Vec<&str> {
    family.scopes.iter().map(String::as_str).filter(|scope| !scope.starts_with(TICKED) && !scope.starts_with(WITHHELD)).collect()
}

/// Whether a permission was left out for a page that was ticked otherwise.
fn is_withheld(family: &Family, page: &str, permission: &str) -> bool {
    let of_page = |scope: &String| Some(scope.strip_prefix(WITHHELD)?.strip_prefix(page)?.strip_prefix('/')? == permission);
    family.scopes.iter().any(|scope| of_page(scope) == Some(true))
}

/// What each permission was granted for: pages, or the accounts linked to them. Those of the person alone name nothing.
fn granular(product: &Product, family: &Family) -> Vec<Value> {
    let ticked: Vec<&str> = family.scopes.iter().filter_map(|scope| scope.strip_prefix(TICKED)).collect();
    let of = |permission: &&str| {
        let mut granted = json!({ "scope": permission });
        let pages = ticked.iter().copied().filter(|page| !is_withheld(family, page, permission));
        if permission.starts_with("pages_") {
            granted["target_ids"] = pages.collect();
        } else if product.instagram.is_some() && permission.starts_with("instagram_") {
            granted["target_ids"] = pages.filter_map(|page| page.parse().ok()).map(account_id).collect();
        }
        granted
    };
    permissions(family).iter().map(of).collect()
}

/// A person has one consent for an app: what they leave out at a new login is taken from what they granted before, too.
fn narrow(product: &Product, world: &mut World, username: &str, scopes: &[String]) {
    let earlier = world.vault.families.iter_mut().filter(|family| family.network == product.name && family.username == username);
    for family in earlier {
        let kept = Arc::make_mut(&mut family.scopes);
        kept.retain(|scope| scopes.contains(scope));
        kept.extend(scopes.iter().filter(|scope| scope.starts_with(WITHHELD)).cloned());
    }
}

fn given<'a>(incoming: &'a Incoming, name: &str) -> &'a str {
    if incoming.f(name).is_empty() { incoming.q(name) } else { incoming.f(name) }
}

fn token(product: &Product, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let given = |name: &str| given(incoming, name);
    if given("client_id") != client_id(product.name) || given("client_secret") != client_secret(product.name) {
        return error(400, 101, 0, "Error validating client secret.");
    }
    if given("grant_type") == "fb_exchange_token" {
        let old = given("fb_exchange_token").to_owned();
        return match world.check_access(now, product.name, &old) {
            Ok((family, _)) => {
                let long = world.new_access(now, family, "EAA", Some(LONG_LIFE));
                answer(200, &json!({ "access_token": long, "token_type": "bearer", "expires_in": LONG_LIFE }))
            }
            Err(why) => {
                let (subcode, words) = dead(world, &old, why);
                error(400, 190, subcode, words)
            }
        };
    }
    match world.take_code(now, product.name, given("code"), given("redirect_uri")) {
        Ok(code) => {
            narrow(product, world, &code.username, &code.scopes);
            let family = world.new_family(now, product.name, &code.username, code.scopes);
            let short = world.new_access(now, family, "EAA", Some(SHORT_LIFE));
            answer(200, &json!({ "access_token": short, "token_type": "bearer", "expires_in": SHORT_LIFE }))
        }
        Err(_) => error(400, 100, 36_009, "This authorization code has been used."),
    }
}

const DELETED: &str = "Error validating access token: The page is deleted or not accessible.";

fn exists(product: &Product, world: &World, page: u64) -> bool {
    world.pages.iter().any(|known| known.network == product.name && known.id == page)
}

/// Whether somebody holds that task on a page; a fuller role holds the lesser tasks as well.
fn may(product: &Product, world: &World, page: u64, username: &str, task: &str) -> bool {
    let held = roles_of(product, world, username).find(|(known, _)| known.id == page).map(|(_, role)| role);
    let rank = |wanted: &str| ROLES.iter().position(|role| *role == wanted);
    held.and_then(rank).is_some_and(|held| Some(held) <= rank(task))
}

/// Why a page's token does not work although the consent lives: the role is gone.
fn has_role(product: &Product, world: &World, page: u64, username: &str) -> bool {
    world
        .pages
        .iter()
        .any(|known| known.network == product.name && known.id == page && known.roles.iter().any(|(holder, ..)| holder == username))
}

fn debug(product: &Product, world: &World, now: i64, incoming: &Incoming) -> Answer {
    if incoming.bearer() != format!("{}|{}", client_id(product.name), client_secret(product.name)) {
        return error(400, 190, 0, "Invalid OAuth access token signature.");
    }
    let token = given(incoming, "input_token");
    let page = world.page_tokens.get(token).copied();
    // Role loss may still show a token that is valid.
    let hides_roles = super::trouble(world, product.name).as_deref() == Some("valid_without_role");
    let checked = match (world.check_access(now, product.name, token), page) {
        (Ok(_), Some(page)) if !exists(product, world, page) => Err((0, DELETED)),
        (Ok((_, family)), Some(page)) if !hides_roles && !has_role(product, world, page, &family.username) => {
            Err((492, "The user must be an administrator of the page in order to impersonate it."))
        }
        (Ok((_, family)), _) => Ok(family),
        (Err(why), _) => Err(dead(world, token, why)),
    };
    let until = world.vault.access.get(token).and_then(|token| token.until).unwrap_or(0) / 1_000_000;
    let kind = if page.is_some() { "PAGE" } else { "USER" };
    let data = match checked {
        Ok(family) => json!({
            "app_id": "1", "type": kind, "application": "Staygreen", "is_valid": true, "expires_at": until, "scopes": permissions(&family),
            "granular_scopes": granular(product, &family),
            "data_access_expires_at": graph::data_access_until(world, product.name, &family.username) / 1_000_000, "user_id": world.person(product.name, &family.username).map(|person| &person.id)
        }),
        Err((subcode, words)) => {
            json!({ "app_id": "1", "type": kind, "is_valid": false, "scopes": [], "error": { "code": 190, "subcode": subcode, "message": words } })
        }
    };
    answer(200, &json!({ "data": data }))
}

/// Why somebody may not act as a page.
fn refused_as(product: &Product, world: &World, incoming: &Incoming, data: &Family, page: u64, path: &[&str]) -> Option<Answer> {
    let of_comments = path.last().is_some_and(|edge| matches!(*edge, "comments" | "replies"));
    let task = if of_comments { "MODERATE" } else { "CREATE_CONTENT" };
    let publishes = if product.instagram.is_some() { "instagram_content_publish" } else { "pages_manage_posts" };
    let is_post = incoming.method == http::Method::POST;
    Some(if !exists(product, world, page) {
        error(400, 190, 0, DELETED)
    } else if !has_role(product, world, page, &data.username) {
        error(400, 190, 492, "The user must be an administrator of the page in order to impersonate it.")
    } else if !is_ticked(data, page) || is_post && !of_comments && is_withheld(data, &page.to_string(), publishes) {
        error(403, 10, 0, "(#10) Application does not have permission for this action")
    } else if is_post && !may(product, world, page, &data.username, task) {
        error(403, 200, 0, "(#200) The user does not have sufficient administrative permission on the page.")
    } else {
        return None;
    })
}

fn api(product: &Product, world: &mut World, now: i64, incoming: &Incoming, path: &[&str]) -> Answer {
    let is_act = incoming.method == http::Method::POST;
    if let Some(refused) = graph::trouble(world, product.name, is_act) {
        return refused;
    }
    let token = incoming.bearer().to_owned();
    let family = match world.check_access(now, product.name, &token) {
        Ok((family, _)) => family,
        Err(why) => {
            let (subcode, words) = dead(world, &token, why);
            return error(400, 190, subcode, words);
        }
    };
    let data = world.vault.families[family].clone();
    if !graph::is_proven(incoming, product.name, &token) {
        return error(400, 104, 0, "API calls from the server require an appsecret_proof argument");
    }
    if incoming.method == http::Method::DELETE {
        return withdraw(product, world, &data, path);
    }
    if !super::shows_data(world, now, &data) {
        return error(400, 10, 0, "(#10) Application does not have permission for this action");
    }
    let page = world.page_tokens.get(&token).copied();
    if let Some(refused) = page.and_then(|page| refused_as(product, world, incoming, &data, page, path)) {
        return refused;
    }
    if let (Some(service), Some(page)) = (product.instagram, page) {
        return meta::act_as(service, world, now, incoming, &data, &account_id(page), path);
    }
    match (incoming.method.as_str(), path) {
        ("GET", ["me"]) => {
            let person = world.person(product.name, &data.username);
            answer(200, &json!({ "id": person.map(|person| &person.id), "name": person.map(|person| &person.name) }))
        }
        ("GET", [id]) if page.is_some_and(|page| page.to_string() == *id) => {
            let shown = world.pages.iter().find(|known| known.network == product.name && Some(known.id) == page);
            answer(200, &json!({ "id": id, "name": shown.map(|page| page.name), "username": shown.map(|page| page.vanity) }))
        }
        ("GET", [id, "published_posts"]) if page.is_some_and(|page| page.to_string() == *id) => {
            acts::published(product, world, incoming, &data, page)
        }
        ("GET", [post]) if acts::is_own(product, world, page, post) => acts::shown(product, world, &data, post),
        ("GET", ["me", "accounts"]) => accounts(product, world, now, incoming, family, &data),
        ("GET", ["me", "permissions"]) => {
            let known = product.permissions.iter().copied();
            let status = |scope: &str| if data.scopes.iter().any(|granted| granted == scope) { "granted" } else { "declined" };
            let listed: Vec<Value> = known.map(|scope| json!({ "permission": scope, "status": status(scope) })).collect();
            answer(200, &json!({ "data": listed }))
        }
        ("POST", [target, edge @ ("feed" | "photos" | "videos")]) => match page.filter(|page| page.to_string() == *target) {
            Some(page) => acts::publish(product, world, now, incoming, &data, page, edge),
            None => error(
                403,
                200,
                0,
                "(#200) If posting to a group, requires app being installed in the group; if posting to a page, requires both pages_read_engagement and pages_manage_posts as an admin with sufficient administrative permission",
            ),
        },
        ("GET", [post, "comments"]) if page.is_some() => acts::comments(product, world, incoming, &data, page, post),
        // With a person's token the list is silently empty.
        ("GET", [_, "comments"]) => answer(200, &json!({ "data": [] })),
        ("POST", [under, "comments"]) => match page {
            Some(page) => acts::comment(product, world, now, incoming, &data, page, under),
            None => error(403, 200, 0, "(#200) Requires pages_manage_engagement permission"),
        },
        _ => error(
            400,
            100,
            33,
            "Unsupported get request. Object does not exist, cannot be loaded due to missing permissions, or does not support this operation.",
        ),
    }
}

/// The whole consent, or one permission of it. A page's token can't.
fn withdraw(product: &Product, world: &mut World, data: &Family, path: &[&str]) -> Answer {
    let own = world.person(product.name, &data.username).map(|person| person.id.clone()).unwrap_or_default();
    let is_own = |id: &str| id == "me" || id == own;
    match path {
        [id, "permissions"] if is_own(id) => world.end_consents(product.name, &data.username, "revoke"),
        [id, "permissions", permission] if is_own(id) => {
            let mine = |family: &&mut Family| family.network == product.name && family.username == data.username;
            for family in world.vault.families.iter_mut().filter(mine) {
                Arc::make_mut(&mut family.scopes).retain(|scope| scope != permission);
            }
        }
        _ => return error(400, 100, 33, "Unsupported delete request."),
    }
    answer(200, &json!(true))
}

fn accounts(product: &Product, world: &mut World, now: i64, incoming: &Incoming, family: usize, data: &Family) -> Answer {
    if !data.scopes.iter().any(|scope| scope == "pages_show_list") {
        return answer(200, &json!({ "data": [] }));
    }
    let ticked = roles_of(product, world, &data.username).filter(|(page, _)| is_ticked(data, page.id));
    let mine: Vec<(u64, &str, &str, String)> = ticked.map(|(page, role)| (page.id, page.name, page.vanity, role.to_owned())).collect();
    let mut listed = vec![];
    // Made from a short-lived token, a page's is short-lived as well.
    let of_person = world.vault.access.get(incoming.bearer()).cloned();
    let short = of_person.and_then(|token| Some((token.until? - now) / 1_000_000)).filter(|left| *left <= SHORT_LIFE);
    for (id, name, vanity, role) in mine {
        let token = world.new_access(now, family, "EAAp", short);
        world.page_tokens.insert(token.clone(), id);
        let tasks: Vec<&str> = ROLES.iter().copied().skip_while(|known| *known != role).collect();
        let mut entry = json!({ "id": id.to_string(), "name": name, "access_token": token, "tasks": tasks });
        if product.instagram.is_none() {
            entry["username"] = vanity.into();
        } else if vanity != UNLINKED {
            entry["instagram_business_account"] = json!({ "id": account_id(id), "username": vanity, "name": name });
        }
        listed.push(entry);
    }
    graph::listing(listed, incoming, LISTED)
}
