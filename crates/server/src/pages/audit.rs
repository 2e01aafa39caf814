//! The audit, for admins: search, verify, download.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use lifecycle::ids::ProfileId;
use lifecycle::permission::Act;
use lifecycle::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use store::audit::{self, Entered, Search};
use store::events::Actor;
use store::{Tx, profiles};

use super::sets::words_of;
use super::view::zone;
use super::{Shell, for_people, show};
use crate::actions::explanation::name_of;
use crate::api::v1::audit::anchor_of;
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::When;
use crate::state::App;

/// How many rows a page shows.
const SHOWN: u32 = 100;

struct RowView {
    position: i64,
    at: When,
    who: String,
    /// In words.
    did: String,
    /// As it stands in the audit.
    act: String,
    /// Id and name.
    profile: Option<(String, String)>,
    under: Option<String>,
    /// Name and value.
    detail: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    s: Shell,
    rows: Vec<RowView>,
    q: String,
    /// Word, what it means, chosen.
    acts: Vec<(&'static str, &'static str, bool)>,
    /// The next page, with all that is looked for.
    older: Option<String>,
    verdict: Option<(bool, String)>,
    anchor: String,
}

/// What is looked for; `verify` when the button was pressed.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    act: String,
    before: Option<i64>,
    verify: String,
    anchor: String,
}

fn who(lang: Lang, actor: &str) -> String {
    serde_json::from_str(actor).map_or_else(|_| actor.to_owned(), |actor: Actor| name_of(lang, &actor))
}

/// A detail as names and values. What is nested is named by its way there; what is empty is left out.
fn told(detail: &str) -> Vec<(String, String)> {
    fn add(name: &str, value: &Value, all: &mut Vec<(String, String)>) {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                for (field, value) in fields {
                    add(format!("{name} {field}").trim(), value, all);
                }
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) => {
                let words = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                all.push((name.to_owned(), words.collect::<Vec<_>>().join(", ")));
            }
            Value::String(text) => all.push((name.to_owned(), text.clone())),
            other => all.push((name.to_owned(), other.to_string())),
        }
    }
    let mut all = vec![];
    match serde_json::from_str(detail) {
        Ok(value) => add("", &value, &mut all),
        Err(_) => all.push((String::new(), detail.to_owned())),
    }
    for (name, _) in &mut all {
        *name = name.replace('_', " ");
    }
    all
}

/// The names of the profiles that some rows are about, by id; what was deleted since has none.
async fn names(tx: &mut Tx, app: &App, rows: &[Entered]) -> Result<BTreeMap<String, String>, Problem> {
    let mut names = BTreeMap::new();
    for id in rows.iter().filter_map(|row| row.profile_id.as_ref()) {
        if let (false, Ok(profile)) = (names.contains_key(id), id.parse::<ProfileId>())
            && let Some(profile) = profiles::get(tx, &app.organisation, &profile).await?
        {
            names.insert(id.clone(), profile.name);
        }
    }
    Ok(names)
}

/// Whether every row is as it was written, and none is missing that the anchor knows of; in words.
async fn verdict(app: &App, tx: &mut Tx, lang: Lang, anchor: &str) -> Result<(bool, String), Problem> {
    let kept = if anchor.trim().is_empty() { vec![] } else { anchor_of(anchor).into_iter().collect() };
    if kept.is_empty() && !anchor.trim().is_empty() {
        return Ok((false, lang.t("audit.anchor_wrong").to_owned()));
    }
    let found = app.store.verify_audit(tx, &kept).await?;
    let first = found.findings.first();
    let key = match first {
        None => "audit.whole",
        Some(finding) if finding.position > found.rows => "audit.cut",
        Some(_) => "audit.broken",
    };
    let at = first.map(|finding| finding.position.to_string()).unwrap_or_default();
    let (rows, end) = (found.rows.to_string(), format!("{}:{}", found.anchor.position, found.anchor.hash));
    Ok((first.is_none(), lang.fill(key, &[("rows", &rows), ("at", &at), ("anchor", &end)])))
}

/// GET /audit
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let act = Act::parse(&asked.act).map(|act| act.as_str().to_owned());
        let mut tx = app.store.read().await?;
        let search = Search { before: asked.before, profile: None, act, q: Some(asked.q.clone()) };
        let rows = audit::search(&mut tx, &app.organisation, &search, SHOWN).await?;
        let verdict = if asked.verify.is_empty() { None } else { Some(verdict(&app, &mut tx, caller.lang, &asked.anchor).await?) };
        let names = names(&mut tx, &app, &rows).await?;
        let full = u32::try_from(rows.len()).is_ok_and(|count| count == SHOWN);
        let older = rows.last().filter(|_| full).map(|row| {
            let looked_for = [("q", asked.q.clone()), ("act", asked.act.clone()), ("before", row.position.to_string())];
            format!("/audit?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(looked_for).finish())
        });
        let view = |row: Entered| RowView {
            position: row.position,
            at: When::new(Timestamp::from_micros(row.at), app.now(), zone(&caller), caller.lang),
            who: who(caller.lang, &row.actor),
            did: Act::parse(&row.act).map_or_else(|| row.act.clone(), |act| words_of(caller.lang, act).to_owned()),
            act: row.act,
            profile: row.profile_id.map(|id| (id.clone(), names.get(&id).cloned().unwrap_or(id))),
            under: row.under,
            detail: told(&row.detail),
        };
        show(&Audit {
            s: Shell::new(&caller, "audit"),
            rows: rows.into_iter().map(view).collect(),
            q: asked.q.clone(),
            acts: Act::ALL.iter().map(|act| (act.as_str(), words_of(caller.lang, *act), act.as_str() == asked.act)).collect(),
            older,
            verdict,
            anchor: asked.anchor.clone(),
        })
    };
    for_people(&caller, page.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_told_by_name_and_nothing_of_it_is_left_out() {
        let detail =
            r#"{"through":"Jana","given_by":null,"consent":{"person":"per_1","scopes":["a","b"],"generation":3},"count":0,"ids":[]}"#;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut found = told(detail);
        found.sort();
        let expected = [
            pair("consent generation", "3"),
            pair("consent person", "per_1"),
            pair("consent scopes", "a, b"),
            pair("count", "0"),
            pair("through", "Jana"),
        ];
        assert_eq!(found, expected);
        assert_eq!(told("not JSON"), [pair("", "not JSON")], "a row that somebody changed is shown as it is");
        assert_eq!(told(r#""one word""#), [pair("", "one word")]);
    }

    #[test]
    fn whoever_did_it_has_a_name_in_both_languages() {
        for lang in [Lang::En, Lang::De] {
            for actor in [Actor::Keeper, Actor::System, Actor::RenewalLink] {
                let kept = serde_json::to_string(&actor).unwrap();
                assert!(who(lang, &kept).contains(' '), "{kept}");
            }
        }
        assert_eq!(who(Lang::En, "changed by hand"), "changed by hand");
    }
}
