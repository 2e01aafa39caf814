//! Renewal links of one profile: made, mailed, withdrawn.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lifecycle::permission::Act;
use serde::Deserialize;
use serde_json::json;
use store::events::{self, About};
use store::renewal_links::{self, Accepts};

use super::profile::people_of;
use super::view::{title_of, zone};
use super::{Fields, Page, Shell, for_people};
use crate::actions::invite;
use crate::auth::{self, Caller};
use crate::show;
use crate::state::App;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    s: Shell,
    id: String,
    title: String,
    /// Who holds the profile, in one line.
    holders: String,
    any_admin: bool,
    any_words: String,
    made: Option<Made>,
    /// How many can still be used, in words, and what withdraws them; `None`: none.
    open: Option<(String, String)>,
}

/// The link that was just made.
struct Made {
    link: String,
    /// Until when it works, and where it was sent.
    words: String,
}

/// What the address asks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// `any`: the box for any admin is ticked.
    to: String,
}

async fn page(app: &App, caller: &Caller, id: &str, any_admin: bool, made: Option<Made>, flash: Option<String>) -> Page {
    let profile = auth::profile(app, caller, id, Act::RefreshConnection).await?;
    let lang = caller.lang;
    let holders = people_of(app, &profile).await?;
    let open = renewal_links::open(&mut app.store.read().await?, &app.organisation, &profile.id, app.now()).await?;
    let open = usize::try_from(open).unwrap_or_default();
    super::show(&LinkPage {
        s: Shell::new(caller, "profiles").flash(flash),
        id: id.to_owned(),
        title: lang.fill("link.title", &[("name", &profile.name)]),
        any_admin: any_admin || holders.is_empty(),
        holders: holders.join(", "),
        any_words: lang.fill("link.any", &[("network", &title_of(&profile.network))]),
        made,
        open: (open > 0).then(|| (lang.count("link.open", open, &[]), lang.count("link.withdraw", open, &[]))),
    })
}

/// GET /settings/profiles/{id}/renewal-link
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = page(&app, &caller, &id, asked.to == "any", None, None).await;
    for_people(&caller, page)
}

/// POST /settings/profiles/{id}/renewal-link
pub async fn create(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let made = async {
        let profile = auth::profile(&app, &caller, &id, Act::RefreshConnection).await?;
        let email = Some(fields.get("email")).filter(|email| !email.is_empty());
        let any_admin = fields.get("to") == "any";
        let accepts = if any_admin { Accepts::AnyAdmin { instead_of: None } } else { Accepts::Holders };
        let (link, until) = invite::renewal_link(&app, std::slice::from_ref(&profile), &accepts, email, caller.lang, &caller.named).await?;
        let mut words = vec![caller.lang.fill("link.until", &[("until", &show::moment(until, zone(&caller), caller.lang))])];
        words.extend(email.map(|email| caller.lang.fill("link.sent", &[("email", email)])));
        page(&app, &caller, &id, any_admin, Some(Made { link, words: words.join(" ") }), None).await
    };
    for_people(&caller, made.await)
}

/// POST /settings/profiles/{id}/renewal-link/withdraw: every link of the profile that was not used ends.
pub async fn withdraw(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let done = async {
        let profile = auth::profile(&app, &caller, &id, Act::RefreshConnection).await?;
        let mut tx = app.store.write().await?;
        let count = renewal_links::withdraw(&mut tx, &app.organisation, &profile.id, app.now()).await?;
        let about = About { profile: Some(profile.id.clone()), ..About::default() };
        let detail = json!({ "count": count });
        events::append(&mut tx, &app.organisation, app.now(), "renewal_link.withdrawn", &caller.named, &about, &detail).await?;
        tx.commit().await?;
        page(&app, &caller, &id, false, None, Some(caller.lang.count("link.withdrawn", usize::try_from(count).unwrap_or(usize::MAX), &[])))
            .await
    };
    for_people(&caller, done.await)
}
