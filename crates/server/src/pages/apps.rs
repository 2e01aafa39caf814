//! The administrators' page of network apps.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use lifecycle::facts::RenewalModel;
use lifecycle::permission::Act;
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use networks::Network;
use networks::network::Registration;
use serde_json::json;
use store::events::{self, About};
use store::network_apps;

use super::{Fields, Page, Shell, for_people, show};
use crate::actions::audited;
use crate::actions::connect::network_named;
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

struct AppView {
    name: &'static str,
    title: &'static str,
    state: String,
    redirect_uri: String,
    client_id: String,
    by_config: bool,
    /// What proving idle tokens costs; empty where nothing rotates.
    idle_checks: String,
}

#[derive(Template)]
#[template(path = "network_apps.html")]
struct Apps {
    s: Shell,
    apps: Vec<AppView>,
}

fn saved(caller: &Caller) -> Option<String> {
    Some(caller.lang.t("account.saved").to_owned())
}

/// A span between two looks, in whole units.
fn every(lang: Lang, span: Span) -> String {
    let seconds = span.as_seconds();
    let (n, unit) = match seconds {
        ..60 => (seconds, "seconds"),
        60..3_600 => ((seconds + 30) / 60, "minutes"),
        _ => ((seconds + 1_800) / 3_600, "hours"),
    };
    lang.fill(&format!("apps.every.{unit}"), &[("n", &n.to_string())])
}

/// How often a rotating token that nobody uses is proven, and what that costs: sooner costs more.
fn idle_checks(app: &App, caller: &Caller, network: &dyn Network) -> String {
    let (facts, measured) = (app.directory.facts(network), app.directory.rotations(network));
    if !matches!(facts.renewal, RenewalModel::Rotating(_)) {
        return String::new();
    }
    let said = caller.lang.fill("apps.idle_checks", &[("every", &every(caller.lang, facts.idle_check_every))]);
    let lost = |every| measured.lost_of_a_thousand_in_a_year(every);
    // What was not measured yet is guessed carefully, and a demo looks every few seconds: neither says anything about a year.
    if measured.done == 0 || lost(facts.idle_check_every) >= 1_000 {
        return said;
    }
    let values = [
        ("done", measured.done.to_string()),
        ("gone", measured.lost.to_string()),
        ("cost", lost(facts.idle_check_every).to_string()),
        ("daily", lost(Span::days(1)).to_string()),
    ];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    format!("{said} {}", caller.lang.fill("apps.idle_checks.measured", &values))
}

async fn apps_page(app: &App, caller: &Caller, flash: Option<String>) -> Page {
    let mut apps = vec![];
    for network in app.config.offered() {
        let about = network.about();
        let client = app.network_app(network, "").await;
        let registers_itself = about.registration != Registration::ByHand;
        let state = match &client {
            _ if registers_itself => "apps.not_needed",
            Some(client) if client.is_registered() => "apps.configured",
            _ => "apps.missing",
        };
        apps.push(AppView {
            name: about.name,
            title: about.title,
            state: caller.lang.t(state).to_owned(),
            redirect_uri: app.directory.redirect_uri(about, ""),
            idle_checks: idle_checks(app, caller, network),
            client_id: client.map(|client| client.app.client_id.clone()).unwrap_or_default(),
            by_config: registers_itself || app.config.networks.get(about.name).is_some_and(|set| set.client_id.is_some()),
        });
    }
    show(&Apps { s: Shell::new(caller, "apps").flash(flash), apps })
}

/// GET /settings/network-apps
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = apps_page(&app, &caller, None).await;
    for_people(&caller, page)
}

/// POST /settings/network-apps
pub async fn save(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let network = network_named(fields.get("network"))?;
        if fields.get("client_id").is_empty() {
            return Err(Problem::field("client_id", "is missing"));
        }
        let secret = Some(fields.get("client_secret")).filter(|secret| !secret.is_empty()).map(Secret::new);
        let mut tx = app.store.write().await?;
        network_apps::set(
            &mut tx,
            app.store.keys(),
            &app.organisation,
            network.about().name,
            "",
            fields.get("client_id"),
            secret.as_ref(),
            app.now(),
        )
        .await?;
        events::append(
            &mut tx,
            &app.organisation,
            app.now(),
            "settings.changed",
            &caller.named,
            &About::default(),
            &json!({ "network_app": network.about().name }),
        )
        .await?;
        let detail = json!({ "what": "network app set", "network": network.about().name, "client_id": fields.get("client_id") });
        audited::note(&mut tx, &app, &caller.named, Act::ManageNetworkApps, detail).await?;
        tx.commit().await?;
        apps_page(&app, &caller, saved(&caller)).await
    };
    for_people(&caller, page.await)
}
