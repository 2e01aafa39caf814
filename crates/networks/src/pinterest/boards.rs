//! Whom a token leads to: the account, and all its boards with, where that is wished, their sections; or those of a business.

use bytes::Bytes;
use http::{Request, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::words::Source;
use serde_json::Value;

use super::Pinterest;
use crate::network::{Cx, Discovery, Found, Kind, PersonSeen, Words};
use crate::oauth;
use crate::wire::Wire;

/// The most pages of a list that are followed: 2,000 boards are Pinterest's own maximum.
const PAGES_MAX: usize = 20;
/// Between a board and its section, in the id of a section here: Pinterest wants both.
const OF: char = '/';
/// What a secret board needs beyond the others, to be published on.
const SECRET: [&str; 2] = ["boards:write_secret", "pins:write_secret"];
/// The role of whoever acts for the owner of an ad account.
const FOR_BUSINESS: &str = "business_access";

/// What may not be asked of the owner of the ad account: 29 not permitted, 7 and 403 not authorised, 30 no such user.
const NO_ACCESS: [i64; 4] = [29, 7, 403, 30];

/// The board of a target, and the section of it where it is one.
pub(super) fn place(network_id: &str) -> (&str, Option<&str>) {
    network_id.split_once(OF).map_or((network_id, None), |(board, section)| (board, Some(section)))
}

/// Sections cost a call for each board at every look, of which an app on trial has 1,000 a day: listed where the option says so.
fn wants_sections(cx: &Cx<'_>) -> bool {
    cx.app.options.get("sections").is_some_and(|wish| wish.trim() == "yes")
}

/// Asks, and says beside a refusal which code it had.
async fn ask(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, (i64, Diagnosis)> {
    let answer = wire.send(request).await.map_err(|error| (0, oauth::no_answer(cx.now, Source::Discovery, &error)))?;
    // A page of 250 boards is larger than a token answer; the wire bounds it.
    match (answer.status(), serde_json::from_slice::<Value>(answer.body()).ok()) {
        (StatusCode::OK, Some(json)) if json.is_object() => Ok(json),
        _ => Err((Pinterest::seen(&cx, Source::Discovery, &answer).0, Pinterest::diagnose(&cx, Source::Discovery, &answer))),
    }
}

/// Everything of a list that comes in pages.
async fn whole(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, path: &str) -> Result<Vec<Value>, (i64, Diagnosis)> {
    let first = Pinterest::on_behalf(&cx, &format!("{path}?page_size=250"));
    let (mut asked, mut all) = (first.clone(), vec![]);
    for _ in 0..PAGES_MAX {
        let listed = ask(cx, wire, Pinterest::get(&cx, &asked, tokens)).await?;
        all.extend_from_slice(oauth::rows(cx.now, &listed, "items").map_err(|why| (0, why))?);
        match oauth::text(&listed, "bookmark") {
            Some(mark) => asked = format!("{first}&bookmark={}", oauth::percent(mark)),
            None => return Ok(all),
        }
    }
    Err((0, oauth::incomplete(cx.now, "the list of boards has more pages than are followed")))
}

/// An account, as Pinterest shows it.
struct Account {
    id: String,
    username: String,
    name: String,
    picture: Option<String>,
}

impl Account {
    fn read(cx: Cx<'_>, json: &Value) -> Result<Self, Diagnosis> {
        let id = oauth::id(json, "id").ok_or_else(|| oauth::incomplete(cx.now, "an account without id"))?;
        let username = oauth::text(json, "username").unwrap_or_default().to_owned();
        let name = oauth::text(json, "business_name").unwrap_or(&username).to_owned();
        Ok(Self { id, name, username, picture: oauth::text(json, "profile_image").map(str::to_owned) })
    }

    fn found(&self, role: &str, unusable: Option<Words>) -> Found {
        Found {
            network_id: self.id.clone(),
            kind: Kind::Account,
            name: self.name.clone(),
            handle: Some(self.username.clone()),
            avatar: self.picture.clone(),
            role: role.into(),
            parent: None,
            unusable,
        }
    }
}

/// Whom the login acts for: itself, or the owner of the ad account that is configured.
async fn acted_for(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Result<Account, Words>, Diagnosis> {
    match ask(cx, wire, Pinterest::get(&cx, &Pinterest::on_behalf(&cx, "/user_account"), tokens)).await {
        Ok(json) => Account::read(cx, &json).map(Ok),
        Err((code, _)) if Pinterest::ad_account(&cx).is_some() && NO_ACCESS.contains(&code) => Ok(Err(Words::new(
            "This account has no role in the business for which Staygreen is set up here: ask an admin of that business at Pinterest for business access.",
            "Dieses Konto hat keine Rolle im Unternehmen, für das Staygreen hier eingerichtet ist: bitten Sie dort bei Pinterest um Unternehmenszugriff.",
        ))),
        Err((_, why)) => Err(why),
    }
}

/// Who logged in is asked without the ad account: the person stays the same human, whomever they act for.
pub(super) async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
    let shown = ask(cx, wire, Pinterest::get(&cx, "/user_account", tokens)).await.map_err(|(_, why)| why)?;
    let login = Account::read(cx, &shown)?;
    let by_business = Pinterest::ad_account(&cx).is_some();
    let account = if by_business { acted_for(cx, wire, tokens).await? } else { Account::read(cx, &shown).map(Ok)? };
    let profiles = match account {
        Ok(account) => {
            let for_business = by_business && account.id != login.id;
            profiles(cx, wire, tokens, &account, for_business).await?
        }
        Err(no_access) => vec![login.found("none", Some(no_access))],
    };
    let Account { id, name, username, .. } = login;
    let person = PersonSeen { network_id: id, name, handle: Some(username), across_apps: None };
    Ok(Discovery { person, profiles, all_come_along: true })
}

async fn profiles(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, account: &Account, for_business: bool) -> Result<Vec<Found>, Diagnosis> {
    let mut profiles = vec![account.found(if for_business { FOR_BUSINESS } else { "owner" }, None)];
    for item in whole(cx, wire, tokens, "/boards").await.map_err(|(_, why)| why)? {
        let mut board = board(&item, account, tokens).ok_or_else(|| oauth::incomplete(cx.now, "a board without id"))?;
        if for_business && board.role == "owner" {
            board.role = FOR_BUSINESS.into();
        }
        let sections = if wants_sections(&cx) { sections(cx, wire, tokens, &board).await? } else { vec![] };
        profiles.push(board);
        profiles.extend(sections);
    }
    Ok(profiles)
}

/// The sections of a board. One that is gone meanwhile has none.
async fn sections(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, board: &Found) -> Result<Vec<Found>, Diagnosis> {
    let items = match whole(cx, wire, tokens, &format!("/boards/{}/sections", oauth::percent(&board.network_id))).await {
        Err((40 | 404, _)) => return Ok(vec![]),
        other => other.map_err(|(_, why)| why)?,
    };
    let section = |item: &Value| {
        let id = oauth::id(item, "id")?;
        let name = format!("{} \u{203a} {}", board.name, oauth::text(item, "name").unwrap_or(&id));
        Some(Found { network_id: format!("{}{OF}{id}", board.network_id), name, ..board.clone() })
    };
    items.iter().map(|item| section(item).ok_or_else(|| oauth::incomplete(cx.now, "a section without id"))).collect()
}

/// Why nothing can be published on a board; `None` when it can.
fn unusable(item: &Value, tokens: &TokenSet) -> Option<Words> {
    if item.get("is_ads_only").and_then(Value::as_bool).unwrap_or(false) {
        return Some(Words::new(
            "This board is for ads only; nothing can be published on it.",
            "Diese Pinnwand ist nur für Werbung; auf ihr kann nichts veröffentlicht werden.",
        ));
    }
    let lacks = || !tokens.scopes.is_empty() && SECRET.iter().any(|scope| !tokens.scopes.iter().any(|granted| granted == scope));
    (oauth::text(item, "privacy") == Some("SECRET") && lacks()).then(|| {
        Words::new(
            "This board is secret, and the permission to publish on secret boards is missing: refresh the connection to grant it.",
            "Diese Pinnwand ist geheim, und die Berechtigung, auf geheimen Pinnwänden zu veröffentlichen, fehlt: erneuern Sie die Verbindung, um sie zu erteilen.",
        )
    })
}

fn board(item: &Value, account: &Account, tokens: &TokenSet) -> Option<Found> {
    let own = item.pointer("/owner/username").and_then(Value::as_str).is_none_or(|owner| owner == account.username);
    let network_id = oauth::id(item, "id")?;
    Some(Found {
        name: oauth::text(item, "name").unwrap_or(&network_id).to_owned(),
        network_id,
        kind: Kind::Board,
        handle: None,
        avatar: None,
        role: if own { "owner" } else { "collaborator" }.into(),
        parent: Some(account.id.clone()),
        unusable: unusable(item, tokens),
    })
}
