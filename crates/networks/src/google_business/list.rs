//! Which locations a login reaches: account by account, page by page.

use std::collections::BTreeMap;

use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::TokenSet;
use serde_json::Value;

use super::ABOUT;
use crate::network::{Cx, Discovery, Found, Kind, PersonSeen, Words};
use crate::wire::Wire;
use crate::{google, oauth};

/// The most pages of one list that are followed.
const PAGES_MAX: usize = 50;

/// An account that holds locations, with the role the person has in it.
struct Account {
    name: String,
    role: String,
}

pub(super) async fn discover(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let person = google::person(cx, &ABOUT, wire, tokens).await?;
    let mut profiles = locations(cx, wire, tokens).await?;
    if profiles.is_empty() {
        profiles.push(without_locations(&person));
    }
    let person = PersonSeen { network_id: person.sub, name: person.name, handle: person.email, across_apps: None };
    Ok(Discovery { person, profiles, all_come_along: false })
}

/// Every location once: it can occur under several accounts. Kept with the account in which the person can do most; the older
/// API wants an account's name with the location's.
pub(super) async fn locations(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Vec<Found>, Diagnosis> {
    let mut accounts = accounts(cx, wire, tokens).await?;
    accounts.sort_by_key(|account| rank(&account.role));
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut order: Vec<String> = vec![];
    let mut closed = None;
    for account in &accounts {
        let url = format!("{}/{}/locations", google::url(&cx, &ABOUT, "information"), path(&account.name));
        let parameters = [("readMask", "name,title,storefrontAddress,metadata"), ("pageSize", "100")];
        let rows = match pages(cx, wire, tokens, &url, &parameters, "locations").await {
            Ok(rows) => rows,
            // One account that is closed to the person does not hide the others.
            Err(refused) if is_closed(&refused) => {
                closed = Some(refused);
                continue;
            }
            Err(other) => return Err(other),
        };
        for row in &rows {
            let location = read(row, account).ok_or_else(|| oauth::incomplete(cx.now, "a location without id"))?;
            if !found.contains_key(&location.network_id) {
                order.push(location.network_id.clone());
                found.insert(location.network_id.clone(), location);
            }
        }
    }
    // Where no account opens, that is no list: it would look as if every role were lost.
    match closed {
        Some(refused) if order.is_empty() => Err(refused),
        _ => Ok(order.iter().filter_map(|id| found.remove(id)).collect()),
    }
}

/// Refused without a reason: with one, it may speak of our project.
fn is_closed(diagnosis: &Diagnosis) -> bool {
    let seen = &diagnosis.evidence;
    seen.http_status == Some(403)
        && seen.code.as_deref() == Some("PERMISSION_DENIED")
        && matches!(diagnosis.finding, Finding::Transient { .. })
}

/// The fullest role first; two of them have older names.
fn rank(role: &str) -> usize {
    let order = ["PRIMARY_OWNER", "OWNER", "CO_OWNER", "MANAGER", "SITE_MANAGER", "COMMUNITY_MANAGER"];
    order.iter().position(|known| *known == role).unwrap_or(order.len())
}

async fn accounts(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Vec<Account>, Diagnosis> {
    let url = format!("{}/accounts", google::url(&cx, &ABOUT, "accounts"));
    let rows = pages(cx, wire, tokens, &url, &[("pageSize", "20")], "accounts").await?;
    let account = |row: &Value| {
        // A personal account of one's own may come without a role.
        let role = oauth::text(row, "role").unwrap_or("OWNER").to_owned();
        Some(Account { name: oauth::text(row, "name")?.to_owned(), role })
    };
    let all: Option<Vec<Account>> = rows.iter().map(account).collect();
    all.ok_or_else(|| oauth::incomplete(cx.now, "an account without name"))
}

/// All rows of a list. It is complete or it is an error: a list cut short would look as if roles were lost.
async fn pages(
    cx: Cx<'_>,
    wire: &dyn Wire,
    tokens: &TokenSet,
    url: &str,
    parameters: &[(&str, &str)],
    field: &str,
) -> Result<Vec<Value>, Diagnosis> {
    let mut rows = vec![];
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let mut asked = parameters.to_vec();
        if !next.is_empty() {
            asked.push(("pageToken", &next));
        }
        let mut json = google::look(cx, wire, oauth::get_bearer(&oauth::with_query(url, &asked), &tokens.access_token)).await?;
        match json.get_mut(field).map(Value::take) {
            Some(Value::Array(more)) => rows.extend(more),
            // Google leaves out what is empty.
            None => {}
            Some(_) => return Err(oauth::incomplete(cx.now, &format!("{field} is no list"))),
        }
        match oauth::text(&json, "nextPageToken") {
            Some(token) => token.clone_into(&mut next),
            None => return Ok(rows),
        }
    }
    Err(oauth::incomplete(cx.now, "the list has more pages than are followed"))
}

/// A resource name as part of an address: its slashes stay.
pub(super) fn path(name: &str) -> String {
    name.split('/').map(oauth::percent).collect::<Vec<_>>().join("/")
}

fn read(row: &Value, account: &Account) -> Option<Found> {
    let name = oauth::text(row, "name").filter(|name| name.starts_with("locations/"))?;
    // Said only of some locations; what is not said is no refusal.
    let is_closed = row.pointer("/metadata/canOperateLocalPost") == Some(&Value::Bool(false));
    Some(Found {
        network_id: name.to_owned(),
        kind: Kind::Location,
        name: oauth::text(row, "title").unwrap_or(name).to_owned(),
        handle: address(row),
        avatar: None,
        role: account.role.clone(),
        parent: Some(account.name.clone()),
        unusable: is_closed.then(|| {
            Words::new(
                "Google allows no posts for this location. Check in Google Business Profile whether it is verified and open.",
                "Google erlaubt für diesen Standort keine Beiträge. Prüfen Sie im Google-Unternehmensprofil, ob er bestätigt und geöffnet ist.",
            )
        }),
    })
}

/// Where it is: locations of one company often have one name.
fn address(row: &Value) -> Option<String> {
    let address = row.get("storefrontAddress")?;
    let line = address.pointer("/addressLines/0").and_then(Value::as_str);
    let parts: Vec<&str> = [line, oauth::text(address, "locality")].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Shown so that nobody searches for the locations.
fn without_locations(person: &google::Person) -> Found {
    Found {
        network_id: person.sub.clone(),
        kind: Kind::Location,
        name: person.name.clone(),
        handle: person.email.clone(),
        avatar: None,
        role: "none".into(),
        parent: None,
        unusable: Some(Words::new(
            "This Google account manages no business profile. Ask an owner of the profile to add it as a manager, or log in with another account.",
            "Dieses Google-Konto verwaltet kein Unternehmensprofil. Bitten Sie einen Inhaber, es als Administrator hinzuzufügen, oder melden Sie sich mit einem anderen Konto an.",
        )),
    }
}
