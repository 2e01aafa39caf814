//! Whom a token leads to: the member, and every page on which they hold a role.

use bytes::Bytes;
use http::{Request, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::time::Span;
use lifecycle::words::Source;
use serde_json::Value;

use super::LinkedIn;
use crate::network::{Cx, Discovery, Found, Kind, PersonSeen, Words};
use crate::oauth;
use crate::wire::Wire;

/// The most pages of roles that are followed.
const PAGES_MAX: usize = 20;
/// How often a call is asked again whose token is said to be withdrawn: LinkedIn says so falsely in the first seconds after it
/// issued one, and 5 to 10 seconds later no more.
const AGAIN_MAX: usize = 2;
const AGAIN_AFTER: Span = Span::seconds(5);
/// The finder of roles, as the paths of its pages begin.
const ROLES: &str = "/organizationAcls";

/// Of a token set that another tool brought along it is not known what was granted: then anything may have been.
fn has(tokens: &TokenSet, scopes: &[&str]) -> bool {
    tokens.scopes.is_empty() || tokens.scopes.iter().any(|granted| scopes.contains(&granted.as_str()))
}

async fn ask(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, Diagnosis> {
    let mut again = 0;
    loop {
        let answer = wire.send(request.clone()).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let refused = match (answer.status(), serde_json::from_slice::<Value>(answer.body()).ok()) {
            (StatusCode::OK, Some(json)) if json.is_object() => return Ok(json),
            _ => LinkedIn::diagnose(&cx, Source::Discovery, &answer),
        };
        if again == AGAIN_MAX || !LinkedIn::says_withdrawn(&answer) {
            return Err(refused);
        }
        again += 1;
        wire.pause(AGAIN_AFTER).await;
    }
}

/// Who a member is, as far as this app may see it.
struct Member {
    id: String,
    name: String,
    handle: Option<String>,
    picture: Option<String>,
}

/// Two products show the member, and an app for pages may have the older one alone.
fn by_basic_profile(tokens: &TokenSet) -> bool {
    has(tokens, &["r_basicprofile"]) && !has(tokens, &["openid"])
}

/// The call that names the member.
pub(super) fn who_is_it(cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
    oauth::get_bearer(&LinkedIn::url(cx, if by_basic_profile(tokens) { "me" } else { "userinfo" }), &tokens.access_token)
}

async fn member(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Member, Diagnosis> {
    let by_basic_profile = by_basic_profile(tokens);
    let shown = ask(cx, wire, who_is_it(&cx, tokens)).await?;
    let text = |field| oauth::text(&shown, field).map(str::to_owned);
    let id = text(if by_basic_profile { "id" } else { "sub" }).ok_or_else(|| oauth::incomplete(cx.now, "a member without id"))?;
    let both = [text("localizedFirstName"), text("localizedLastName")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = if by_basic_profile { Some(both).filter(|name| !name.is_empty()) } else { text("name") };
    Ok(Member { name: name.unwrap_or_else(|| id.clone()), id, handle: text("vanityName"), picture: text("picture") })
}

pub(super) async fn discover(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let Member { id, name, handle, picture } = member(cx, wire, tokens).await?;
    let network_id = format!("urn:li:person:{id}");
    let mut profiles = vec![Found {
        network_id: network_id.clone(),
        kind: Kind::Member,
        name: name.clone(),
        handle: handle.clone(),
        avatar: picture,
        role: "MEMBER".into(),
        parent: None,
        unusable: (!has(tokens, &["w_member_social"])).then(|| {
            Words::new(
                "The network app may not post as a member: it was not given w_member_social. An administrator has to add that product.",
                "Die Netzwerk-App darf nicht als Mitglied veröffentlichen: ihr fehlt w_member_social. Das Produkt muss in der Verwaltung ergänzt werden.",
            )
        }),
    }];
    // An app for profiles alone may not ask for roles, and has none to show.
    if has(tokens, &["rw_organization_admin", "r_organization_admin"]) {
        for row in roles(cx, wire, tokens).await? {
            profiles.push(page(cx, wire, tokens, &row).await?);
        }
    }
    Ok(Discovery { person: PersonSeen { network_id, name, handle, across_apps: None }, profiles, all_come_along: false })
}

/// A role somebody holds on a page.
struct Row {
    organisation: String,
    role: String,
    state: String,
}

impl Row {
    /// Three spellings are in use, by age of the endpoint.
    fn read(element: &Value) -> Option<Self> {
        let organisation =
            ["organization", "organizationalTarget", "organizationTarget"].iter().find_map(|key| oauth::text(element, key))?;
        let state = oauth::text(element, "state").unwrap_or("APPROVED").to_owned();
        Some(Self { organisation: organisation.to_owned(), role: oauth::text(element, "role")?.to_owned(), state })
    }

    fn is_approved(&self) -> bool {
        self.state == "APPROVED"
    }
}

/// The path of the next page of roles; `Err` where there is one that cannot be followed.
fn next_page(cx: Cx<'_>, json: &Value) -> Result<Option<String>, Diagnosis> {
    let links = json.pointer("/paging/links").and_then(Value::as_array).into_iter().flatten();
    let Some(next) = links.into_iter().find(|link| oauth::text(link, "rel") == Some("next")) else { return Ok(None) };
    let path = oauth::text(next, "href").and_then(|href| href.find(ROLES).map(|at| href[at..].to_owned()));
    path.map(Some).ok_or_else(|| oauth::incomplete(cx.now, "a list of roles whose next page cannot be followed"))
}

/// The best role of each organisation.
async fn roles(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Vec<Row>, Diagnosis> {
    let mut rows: Vec<Row> = vec![];
    let mut path = Some(format!("{ROLES}?q=roleAssignee&start=0&count=100"));
    for _ in 0..PAGES_MAX {
        let Some(asked) = path.take() else { break };
        let json = ask(cx, wire, LinkedIn::rest(&cx, &asked, tokens)).await?;
        for element in oauth::rows(cx.now, &json, "elements")? {
            rows.push(Row::read(element).ok_or_else(|| oauth::incomplete(cx.now, "a role that cannot be read"))?);
        }
        path = next_page(cx, &json)?;
    }
    if path.is_some() {
        return Err(oauth::incomplete(cx.now, "the list of roles has more pages than are followed"));
    }
    rows.sort_by_key(|row| (row.organisation.clone(), !(row.role == "ADMINISTRATOR" && row.is_approved()), !row.is_approved()));
    rows.dedup_by(|later, first| later.organisation == first.organisation);
    Ok(rows)
}

/// What a page is called. Its admins are told by its own address; anybody else by the one that looks pages up. A page whose name cannot
/// be read (apps on trial may look nothing up) is still a page, for its role is what matters: `Null`.
async fn shown(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, number: &str, is_admin: bool) -> Result<Value, Diagnosis> {
    let number = oauth::percent(number);
    let path = if is_admin { format!("/organizations/{number}") } else { format!("/organizationsLookup?ids=List({number})") };
    match ask(cx, wire, LinkedIn::rest(&cx, &path, tokens)).await {
        Ok(json) if is_admin => Ok(json),
        Ok(json) => Ok(json.get("results").and_then(|found| found.get(&number)).cloned().unwrap_or_default()),
        Err(diagnosis) if diagnosis.is_harmless() => Ok(Value::Null),
        Err(refused) => Err(refused),
    }
}

async fn page(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, row: &Row) -> Result<Found, Diagnosis> {
    let Row { organisation, role, state } = row;
    let number = organisation.rsplit(':').next().unwrap_or_default();
    let shown = shown(cx, wire, tokens, number, role == "ADMINISTRATOR" && row.is_approved()).await?;
    let unusable = if !row.is_approved() {
        Some(Words::new(
            format!("Your role on this page is not approved yet ({state}). Ask a Super admin of the page to approve it."),
            format!("Ihre Rolle auf dieser Seite ist noch nicht bestätigt ({state}). Bitten Sie einen Super-Admin der Seite darum."),
        ))
    } else if role != "ADMINISTRATOR" {
        let title = title_of(role);
        Some(Words::new(
            format!(
                "LinkedIn needs you to be Super admin of this page; your role is {title}. Ask a Super admin to change it, or to connect the page."
            ),
            format!(
                "LinkedIn verlangt, dass Sie Super-Admin dieser Seite sind; Ihre Rolle ist {title}. Bitten Sie einen Super-Admin, sie zu ändern oder die Seite zu verbinden."
            ),
        ))
    } else {
        None
    };
    Ok(Found {
        network_id: organisation.clone(),
        kind: Kind::Page,
        // Where it was not read, the id stands in for it (see `Found::name`).
        name: oauth::text(&shown, "localizedName").unwrap_or(organisation).to_owned(),
        handle: oauth::text(&shown, "vanityName").map(str::to_owned),
        avatar: None,
        role: role.clone(),
        parent: None,
        unusable,
    })
}

/// The role as LinkedIn's own pages call it.
fn title_of(role: &str) -> String {
    match role {
        "CONTENT_ADMINISTRATOR" => "Content admin".into(),
        "ANALYST" => "Analyst".into(),
        "CURATOR" => "Curator".into(),
        "DIRECT_SPONSORED_CONTENT_POSTER" => "Sponsored content poster".into(),
        other => other.to_owned(),
    }
}
