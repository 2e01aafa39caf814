//! Webhook endpoints and chat channels, and how each delivery went.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lifecycle::departure::WaitsFor;
use lifecycle::secret::Secret;
use serde::Deserialize;
use store::deliveries::{self, Delivery};
use store::webhooks::{self, Endpoint, EndpointKind, SUBSCRIBABLE, Signature};

use super::view::{Options, zone};
use super::{Fields, Page, Shell, for_people, go, show};
use crate::actions::webhooks::{self as action, Change, Wanted};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::{When, date};
use crate::state::App;

struct EndpointView {
    id: String,
    name: String,
    kind: String,
    host: String,
    events: String,
    state: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Webhooks {
    s: Shell,
    endpoints: Vec<EndpointView>,
    kinds: Options,
    events: Options,
    signatures: Options,
    typed: Typed,
    error: Option<String>,
}

/// What was typed, so that a mistake costs nobody the rest.
#[derive(Default)]
struct Typed {
    name: String,
    url: String,
}

/// One line of the delivery log.
pub(super) struct DeliveryView {
    id: String,
    what: String,
    to: String,
    when: When,
    state: String,
    icon: &'static str,
    ended: bool,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct One {
    s: Shell,
    endpoint: EndpointView,
    events: Options,
    secret: Option<String>,
    public_key: Option<String>,
    rotating: Option<String>,
    signs: bool,
    log: Vec<DeliveryView>,
    next: Option<String>,
    error: Option<String>,
}

fn kind_words(caller: &Caller, kind: EndpointKind) -> String {
    caller.lang.t(&format!("webhooks.kind.{kind}")).to_owned()
}

fn event_words(caller: &Caller, event: &str) -> String {
    caller.lang.fill(&format!("event.{event}"), &[("name", caller.lang.t("profiles.col.profile"))])
}

fn view(caller: &Caller, endpoint: &Endpoint) -> EndpointView {
    let state = endpoint.disabled_why.as_deref().unwrap_or("on");
    EndpointView {
        id: endpoint.id.to_string(),
        name: endpoint.name.clone(),
        kind: kind_words(caller, endpoint.kind),
        host: endpoint.host.clone(),
        events: endpoint.events.iter().map(|event| event_words(caller, event)).collect::<Vec<_>>().join(" · "),
        state: caller.lang.t(&format!("webhooks.state.{state}")).to_owned(),
        on: endpoint.disabled_at.is_none(),
    }
}

fn events_to_choose(caller: &Caller, chosen: impl Fn(&str) -> bool) -> Options {
    SUBSCRIBABLE.iter().map(|event| ((*event).to_owned(), event_words(caller, event), chosen(event))).collect()
}

async fn page(app: &App, caller: &Caller, typed: Typed, error: Option<String>) -> Page {
    let mut tx = app.store.read().await?;
    let endpoints = webhooks::list(&mut tx, &app.organisation).await?;
    let signature = |signature: &Signature| {
        let words = caller.lang.t(&format!("webhooks.signature.{signature}")).to_owned();
        (signature.as_str().to_owned(), words, *signature == Signature::Hmac)
    };
    show(&Webhooks {
        s: Shell::new(caller, "webhooks"),
        endpoints: endpoints.iter().map(|endpoint| view(caller, endpoint)).collect(),
        kinds: EndpointKind::ALL.iter().map(|kind| (kind.as_str().to_owned(), kind_words(caller, *kind), false)).collect(),
        events: events_to_choose(caller, |_| true),
        signatures: Signature::ALL.iter().map(signature).collect(),
        typed,
        error,
    })
}

/// GET /settings/webhooks
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, Typed::default(), None).await;
    for_people(&caller, page)
}

/// POST /settings/webhooks
pub async fn create(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let made = async {
        let wanted = Wanted {
            kind: EndpointKind::parse(fields.get("kind")).ok_or_else(|| Problem::field("kind", "is not one we know"))?,
            name: fields.get("name").to_owned(),
            url: fields.get("url").to_owned(),
            events: fields.all("events"),
            language: caller.lang.code().to_owned(),
            signature: Signature::parse(fields.get("signature")).unwrap_or(Signature::Hmac),
            token: Some(Secret::new(fields.get("token"))),
        };
        match action::create(&app, wanted, &caller.named).await {
            Ok((endpoint, secret)) => one(&app, &caller, &endpoint, None, Shown { secret, ..Shown::default() }).await,
            Err(problem) if problem.code == "invalid_field" => {
                let typed = Typed { name: fields.get("name").to_owned(), url: fields.get("url").to_owned() };
                page(&app, &caller, typed, Some(caller.lang.problem(&problem))).await
            }
            Err(problem) => Err(problem),
        }
    };
    for_people(&caller, made.await)
}

#[derive(Default)]
struct Shown {
    secret: Option<Secret>,
    flash: Option<String>,
    error: Option<String>,
}

const PER_PAGE: usize = 30;

fn delivery(app: &App, caller: &Caller, delivery: &Delivery) -> DeliveryView {
    let lang = caller.lang;
    let when = |at| When::new(at, app.now(), zone(caller), lang);
    let error = delivery.last_error.as_deref().unwrap_or_default();
    let tries = delivery.tries.to_string();
    let (icon, state) = match (delivery.sent_at, delivery.gave_up_at, delivery.due_at) {
        (Some(at), Some(_), _) => ("disconnected", lang.fill("delivery.came_back", &[("when", &when(at).text), ("error", error)])),
        (Some(at), ..) if delivery.gathered_in.is_some() => ("connected", lang.fill("delivery.gathered_sent", &[("when", &when(at).text)])),
        // A relay that took it may still send it back.
        (Some(at), ..) if delivery.channel == "mail" => ("connected", lang.fill("delivery.taken", &[("when", &when(at).text)])),
        (Some(at), ..) => ("connected", lang.fill("delivery.sent", &[("when", &when(at).text)])),
        (_, Some(_), _) => ("disconnected", lang.fill("delivery.gave_up", &[("tries", &tries), ("error", error)])),
        (.., Some(due)) if !error.is_empty() => {
            ("renew_soon", lang.fill("delivery.retrying", &[("tries", &tries), ("error", error), ("when", &when(due).relative)]))
        }
        (.., Some(due)) if delivery.waits_for.is_some() => {
            let why = delivery.waits_for.map_or("", WaitsFor::as_str);
            ("unverified", lang.fill(&format!("delivery.waits.{why}"), &[("when", &when(due).text)]))
        }
        _ if delivery.gathered_in.is_some() => ("unverified", lang.t("delivery.gathered").to_owned()),
        _ => ("unverified", lang.t("delivery.waiting").to_owned()),
    };
    let names: Vec<&str> =
        delivery.payload["profiles"].as_array().into_iter().flatten().filter_map(|profile| profile["name"].as_str()).collect();
    let more = if names.len() > 1 { format!(" (+{})", names.len() - 1) } else { String::new() };
    let name = names.first().copied().unwrap_or_default();
    let words = if ["mail", "digest"].contains(&delivery.channel.as_str()) {
        format!("delivery.mail.{}", delivery.kind)
    } else {
        format!("event.{}", delivery.kind)
    };
    DeliveryView {
        id: delivery.id.to_string(),
        what: format!("{}{more}", lang.fill(&words, &[("name", name)])),
        to: delivery.recipient.clone(),
        when: when(delivery.created_at),
        state,
        icon,
        ended: delivery.due_at.is_none(),
    }
}

async fn one(app: &App, caller: &Caller, endpoint: &Endpoint, before: Option<&str>, shown: Shown) -> Page {
    let before = before.and_then(|id| id.parse().ok());
    let mut tx = app.store.read().await?;
    let recipient = Some(endpoint.id.as_str());
    let mut found =
        deliveries::list(&mut tx, &app.organisation, recipient, before.as_ref(), u32::try_from(PER_PAGE + 1).unwrap_or(31)).await?;
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let next = found.last().filter(|_| more).map(|last| format!("/settings/webhooks/{}?before={}", endpoint.id, last.id));
    let rotating = endpoint.previous_until.filter(|until| *until > app.now());
    show(&One {
        s: Shell::new(caller, "webhooks").flash(shown.flash),
        endpoint: view(caller, endpoint),
        events: events_to_choose(caller, |event| endpoint.events.iter().any(|chosen| chosen == event)),
        secret: shown.secret.map(|secret| secret.expose().to_owned()),
        public_key: endpoint.public_key.clone(),
        rotating: rotating.map(|until| caller.lang.fill("webhooks.rotating", &[("date", &date(until, zone(caller), caller.lang))])),
        signs: endpoint.signature.is_some(),
        log: found.iter().map(|item| delivery(app, caller, item)).collect(),
        next,
        error: shown.error,
    })
}

/// What the address of an endpoint's page asks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Deliveries {
    s: Shell,
    log: Vec<DeliveryView>,
    next: Option<String>,
}

/// GET /settings/deliveries: every message that left the house or wants to, mails and others.
pub async fn deliveries(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let before = asked.before.as_deref().and_then(|id| id.parse().ok());
        let mut tx = app.store.read().await?;
        let endpoints = webhooks::list(&mut tx, &app.organisation).await?;
        let limit = u32::try_from(PER_PAGE + 1).unwrap_or(31);
        let mut found = deliveries::list(&mut tx, &app.organisation, None, before.as_ref(), limit).await?;
        let more = found.len() > PER_PAGE;
        found.truncate(PER_PAGE);
        let next = found.last().filter(|_| more).map(|last| format!("/settings/deliveries?before={}", last.id));
        let shown = |item: &Delivery| {
            let name = endpoints.iter().find(|endpoint| endpoint.id.as_str() == item.recipient).map(|endpoint| endpoint.name.clone());
            DeliveryView { to: name.unwrap_or_else(|| item.recipient.clone()), ..delivery(&app, &caller, item) }
        };
        show(&Deliveries { s: Shell::new(&caller, "deliveries"), log: found.iter().map(shown).collect(), next })
    };
    for_people(&caller, page.await)
}

/// GET /settings/webhooks/{id}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let endpoint = action::find(&app, &id).await?;
        one(&app, &caller, &endpoint, asked.before.as_deref(), Shown::default()).await
    };
    for_people(&caller, page.await)
}

/// POST /settings/webhooks/{id}
pub async fn save(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        let change = match fields.get("switch") {
            "on" => Change { enabled: Some(true), ..Change::default() },
            "off" => Change { enabled: Some(false), ..Change::default() },
            _ => Change {
                name: Some(fields.get("name").to_owned()),
                url: Some(fields.get("url").to_owned()),
                events: Some(fields.all("events")),
                enabled: None,
            },
        };
        match action::change(&app, &id, change, &caller.named, |_| Ok(())).await {
            Ok(endpoint) => {
                let flash = Some(caller.lang.t("account.saved").to_owned());
                one(&app, &caller, &endpoint, None, Shown { flash, ..Shown::default() }).await
            }
            Err(problem) if problem.code == "invalid_field" => {
                let endpoint = action::find(&app, &id).await?;
                one(&app, &caller, &endpoint, None, Shown { error: Some(caller.lang.problem(&problem)), ..Shown::default() }).await
            }
            Err(problem) => Err(problem),
        }
    };
    for_people(&caller, page.await)
}

/// POST /settings/webhooks/{id}/test
pub async fn test(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let sent = action::test(&app, &id).await?;
        let endpoint = action::find(&app, &id).await?;
        let lang = caller.lang;
        let shown = match (sent.sent_at, &sent.last_error) {
            (Some(_), _) => Shown { flash: Some(lang.t("webhooks.test.sent").to_owned()), ..Shown::default() },
            (None, Some(error)) => Shown { error: Some(lang.fill("webhooks.test.failed", &[("error", error)])), ..Shown::default() },
            (None, None) => Shown { flash: Some(lang.t("webhooks.test.waiting").to_owned()), ..Shown::default() },
        };
        one(&app, &caller, &endpoint, None, shown).await
    };
    for_people(&caller, page.await)
}

/// POST /settings/webhooks/{id}/rotate
pub async fn rotate(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let (endpoint, secret) = action::rotate(&app, &id, &caller.named).await?;
        one(&app, &caller, &endpoint, None, Shown { secret, ..Shown::default() }).await
    };
    for_people(&caller, page.await)
}

/// POST /settings/webhooks/{id}/replay
pub async fn replay(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = async {
        action::replay(&app, &id, fields.get("message")).await?;
        let endpoint = action::find(&app, &id).await?;
        let flash = Some(caller.lang.t("webhooks.replayed").to_owned());
        one(&app, &caller, &endpoint, None, Shown { flash, ..Shown::default() }).await
    };
    for_people(&caller, page.await)
}

/// POST /settings/webhooks/{id}/delete
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        action::delete(&app, &id, &caller.named, |_| Ok(())).await?;
        go("/settings/webhooks")
    };
    for_people(&caller, page.await)
}
