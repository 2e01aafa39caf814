//! The pages: server-rendered, without JavaScript needed. Thin: each asks the storage or an action, and shows the answer.

pub mod account;
mod acts;
pub mod add;
pub mod apps;
pub mod audit;
pub mod bulk;
pub mod calendar;
pub mod clocks;
pub mod compose;
pub mod dashboard;
pub mod deletion;
pub mod engagement;
pub mod explain;
pub mod forecast;
pub mod freezes;
pub mod keys;
pub mod link;
pub mod people;
pub mod pin;
pub mod presets;
pub mod profile;
pub mod profiles;
pub mod renew;
pub mod second_factor;
pub mod sets;
pub mod sign_in;
pub mod teams;
pub mod together;
pub mod unsubscribe;
pub mod users;
pub mod view;
pub mod webhooks;

use askama::Template;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, RawForm, Request};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use lifecycle::permission::Act;

use crate::actions::explanation::name_of;
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::When;

/// What a handler gives back.
pub type Page = Result<Response, Problem>;

/// The signed-in user, as the frame shows them.
#[derive(Debug, Clone)]
pub struct ShellUser {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Two letters.
    pub initials: String,
}

/// What every page says while everything is frozen.
#[derive(Debug, Clone)]
pub struct Brake {
    /// Who froze it, in words.
    pub by: String,
    /// Since when.
    pub when: When,
    /// Why, in their words.
    pub reason: String,
    /// Whether the reader may thaw it.
    pub thaws: bool,
}

impl Brake {
    fn of(caller: &Caller) -> Option<Self> {
        let freeze = caller.brake.as_ref()?;
        Some(Self {
            by: caller.lang.fill("brake.by", &[("who", &name_of(caller.lang, &freeze.by))]),
            when: When::new(freeze.at, caller.at, view::zone(caller), caller.lang),
            reason: freeze.reason.clone(),
            thaws: caller.may(Act::Freeze),
        })
    }
}

/// The frame around every page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Language.
    pub lang: Lang,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// Who is signed in.
    pub user: Option<ShellUser>,
    /// Which part of the navigation this page belongs to.
    pub section: &'static str,
    /// May publish somewhere.
    pub writes: bool,
    /// A message from the last action.
    pub flash: Option<String>,
    /// Everything is frozen.
    pub brake: Option<Brake>,
    top: Vec<(&'static str, &'static str, bool)>,
    side: Vec<(&'static str, String, bool)>,
}

impl Shell {
    /// The frame for a caller.
    pub fn new(caller: &Caller, section: &'static str) -> Self {
        let user = caller.user.as_ref();
        let initials =
            |name: &str| name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect::<String>().to_uppercase();
        let pages = [
            ("/settings/profiles", "nav.profiles", "profiles", Act::SeeProfile),
            ("/settings/page-presets", "nav.presets", "presets", Act::ManagePresets),
            ("/settings/teams", "nav.teams", "teams", Act::ManageTeams),
            ("/settings/people", "nav.people", "people", Act::ManagePeople),
            ("/settings/users", "nav.users", "users", Act::ManageUsers),
            ("/settings/permission-sets", "nav.permission_sets", "sets", Act::ManageUsers),
            ("/settings/network-apps", "nav.network_apps", "apps", Act::ManageNetworkApps),
            ("/settings/api-keys", "nav.api_keys", "keys", Act::ManageApiKeys),
            ("/settings/webhooks", "nav.webhooks", "webhooks", Act::ManageWebhooks),
            ("/settings/deliveries", "nav.deliveries", "deliveries", Act::ManageWebhooks),
            ("/settings/freezes", "nav.freezes", "freezes", Act::Freeze),
            ("/audit", "nav.audit", "audit", Act::SeeAudit),
        ];
        let top = [
            ("/", "nav.dashboard", "dashboard", None),
            ("/settings/profiles", "nav.profiles", "profiles", None),
            ("/compose", "nav.compose", "compose", Some(Act::Publish)),
            ("/engagement", "nav.engagement", "engagement", Some(Act::ReadComments)),
            ("/forecast", "nav.forecast", "forecast", None),
        ];
        let top = top
            .into_iter()
            .filter(|(.., act)| act.is_none_or(|act| caller.may(act)))
            .map(|(path, key, name, _)| (path, caller.lang.t(key), name == section))
            .collect();
        let side = pages
            .into_iter()
            .filter(|(.., act)| caller.may(*act))
            .map(|(path, key, name, _)| (path, caller.lang.t(key).to_owned(), name == section))
            .collect();
        Self {
            lang: caller.lang,
            theme: user.map_or("auto", |user| &user.theme).to_owned(),
            user: user.map(|user| ShellUser { name: user.name.clone(), email: user.email.clone(), initials: initials(&user.name) }),
            section,
            writes: user.is_some() && caller.may(Act::Publish),
            flash: None,
            brake: Brake::of(caller),
            top,
            side,
        }
    }

    /// The same with a message.
    #[must_use]
    pub fn flash(mut self, text: Option<String>) -> Self {
        self.flash = text;
        self
    }

    /// Words under a key.
    pub fn t(&self, key: &str) -> &'static str {
        self.lang.t(key)
    }

    /// The words of a status.
    pub fn t_status(&self, status: &str) -> &'static str {
        self.lang.t(&format!("status.{status}"))
    }

    /// The main pages, with what this caller may do on them somewhere.
    pub fn top(&self) -> &[(&'static str, &'static str, bool)] {
        &self.top
    }

    /// The settings' page that is open.
    pub fn here(&self) -> Option<&str> {
        self.side.iter().find(|(.., open)| *open).map(|(_, words, _)| words.as_str())
    }

    /// The settings' pages this caller may open.
    pub fn side(&self) -> &[(&'static str, String, bool)] {
        &self.side
    }
}

/// Renders a template.
pub fn show(template: &impl Template) -> Page {
    show_with(StatusCode::OK, template)
}

/// Renders a template with a status.
pub fn show_with(status: StatusCode, template: &impl Template) -> Page {
    let html = template.render().map_err(|error| {
        tracing::error!(error = %error, "pages: a template could not be rendered");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "rendering", "This page could not be shown.")
    })?;
    Ok((status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response())
}

/// 303 to a path of our own.
pub fn go(path: &str) -> Page {
    Ok(Redirect::to(path).into_response())
}

/// A page with a message and what to do next.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message {
    s: Shell,
    title: String,
    lines: Vec<String>,
    quote: Option<String>,
    link: Option<(String, String)>,
    good: bool,
    waits: bool,
}

impl Message {
    /// A message of one line.
    pub fn new(s: Shell, title: impl Into<String>, line: impl Into<String>) -> Self {
        Self { s, title: title.into(), lines: vec![line.into()], quote: None, link: None, good: false, waits: false }
    }

    /// With the network's own words.
    #[must_use]
    pub fn quote(mut self, quote: Option<String>) -> Self {
        self.quote = quote.filter(|quote| !quote.is_empty());
        self
    }

    /// With one thing to do.
    #[must_use]
    pub fn link(mut self, label: &str, href: &str) -> Self {
        self.link = Some((label.to_owned(), href.to_owned()));
        self
    }

    /// With a green check mark.
    #[must_use]
    pub fn good(mut self) -> Self {
        self.good = true;
        self
    }

    /// Of something that comes by itself: with scripts the page goes on as soon as its address does not answer 202 any more.
    #[must_use]
    pub fn waits(mut self) -> Self {
        self.waits = true;
        self
    }
}

/// A page that asks before something is done that cannot be taken back.
#[derive(Template)]
#[template(path = "confirm.html")]
pub struct Confirm {
    s: Shell,
    title: String,
    lines: Vec<String>,
    /// What it is about, one a line.
    items: Vec<String>,
    action: String,
    button: String,
    back: String,
}

/// A problem as a page for people.
pub fn problem(caller: &Caller, problem: Problem) -> Response {
    let s = Shell::new(caller, "");
    let title = caller.lang.t(&format!("problem.{}", problem.status.as_u16())).to_owned();
    let title = if title == crate::i18n::MISSING { problem.status.canonical_reason().unwrap_or_default().to_owned() } else { title };
    let page = Message::new(s, title, caller.lang.problem(&problem)).link(caller.lang.t("nav.dashboard"), "/");
    show_with(problem.status, &page).unwrap_or_else(IntoResponse::into_response)
}

/// A page's handler may fail with a [`Problem`]; people get a page about it.
pub fn for_people(caller: &Caller, page: Page) -> Response {
    page.unwrap_or_else(|failed| problem(caller, failed))
}

/// The fields of a form, repeated names kept.
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of a field, trimmed; empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// A secret, as it was typed.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// Whether a box is ticked.
    pub fn ticked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Every value of a field that is an id of that kind.
    pub fn ids<T: std::str::FromStr>(&self, name: &str) -> Vec<T> {
        self.all(name).iter().filter_map(|value| value.parse().ok()).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A request without a body is a form in which nothing was filled in.
        if !request.headers().contains_key(header::CONTENT_TYPE) && request.body().is_end_stream() {
            return Ok(Self(vec![]));
        }
        let RawForm(bytes) = RawForm::from_request(request, state)
            .await
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_form", error.to_string()))?;
        Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}
