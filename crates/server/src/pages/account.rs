//! The own account: name, language, notifications, password, sessions.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use lifecycle::departure::{Digest, Quiet, Wishes};
use lifecycle::secret::Secret;
use store::users::User;
use store::{sessions, users};

use super::view::Options;
use super::{Fields, Page, Shell, for_people, go, show};
use crate::actions::wishes::{self, Chosen, WEEKDAYS, clock, minute_of, quiet};
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::When;
use crate::start_page::{self, START_PAGES, StartPage};
use crate::state::App;
use crate::zones;

struct SessionView {
    id: String,
    /// The browser and its system in words, and as it names itself.
    browser: String,
    agent: String,
    when: When,
    this: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    s: Shell,
    error: Option<String>,
    name: String,
    language: String,
    zones: Options,
    start_pages: Options,
    themes: Options,
    told: ToldView,
    refused: Option<(String, String)>,
    second_factor: bool,
    sessions: Vec<SessionView>,
}

/// What the user is told and when, as the form shows it.
struct ToldView {
    no_access: bool,
    renew_soon: bool,
    new_profiles: bool,
    approvals: bool,
    digests: Options,
    digest_at: String,
    weekdays: Options,
    quiet: bool,
    quiet_from: String,
    quiet_to: String,
    deaths_at_once: bool,
}

impl ToldView {
    fn of(user: &User, lang: Lang) -> Self {
        let wishes = &user.wishes;
        let option = |word: &str, key: String, chosen: bool| (word.to_owned(), lang.t(&key).to_owned(), chosen);
        let quiet = wishes.quiet.unwrap_or(Quiet { from: 22 * 60, to: 7 * 60 });
        let days = WEEKDAYS.iter().zip(1..);
        Self {
            no_access: user.notify_no_access,
            renew_soon: user.notify_renew_soon,
            new_profiles: user.notify_new_profiles,
            approvals: user.notify_approvals,
            digests: Digest::ALL.iter().map(|one| option(one.as_str(), format!("digest.{one}"), *one == wishes.digest)).collect(),
            digest_at: clock(wishes.digest_at),
            weekdays: days.map(|(day, n)| option(day, format!("weekday.{day}"), n == wishes.digest_weekday)).collect(),
            quiet: wishes.quiet.is_some(),
            quiet_from: clock(quiet.from),
            quiet_to: clock(quiet.to),
            deaths_at_once: !wishes.deaths_wait,
        }
    }
}

/// What the form says. Two of its fields can be typed wrong.
fn chosen(fields: &Fields) -> Result<Chosen, Problem> {
    let digest_at = minute_of(fields.get("digest_at")).ok_or_else(|| Problem::field("digest_at", "is a time of the day, like 08:00"))?;
    let weekday = WEEKDAYS.iter().zip(1..).find(|(day, _)| **day == fields.get("digest_weekday")).map_or(1, |(_, n)| n);
    let wishes = Wishes {
        digest: Digest::parse(fields.get("digest")).unwrap_or(Digest::Immediate),
        digest_at,
        digest_weekday: weekday,
        quiet: if fields.ticked("quiet") { Some(quiet(fields.get("quiet_from"), fields.get("quiet_to"))?) } else { None },
        deaths_wait: !fields.ticked("deaths_at_once"),
    };
    Ok(Chosen {
        no_access: fields.ticked("no_access"),
        renew_soon: fields.ticked("renew_soon"),
        new_profiles: fields.ticked("new_profiles"),
        approvals: fields.ticked("approvals"),
        wishes,
    })
}

fn me(caller: &Caller) -> Result<&User, Problem> {
    caller.user.as_ref().ok_or_else(|| Problem::forbidden("This page is for users; an API key has no account."))
}

/// The pages that this user may open, as the first one to choose.
fn start_pages(caller: &Caller, user: &User) -> Options {
    let may = START_PAGES.iter().filter(|page| caller.may(page.needs));
    let option = |page: &StartPage| {
        (page.word.to_owned(), caller.lang.t(&format!("start_page.{}", page.word)).to_owned(), page.word == user.start_page)
    };
    may.map(option).collect()
}

/// A browser in words that people know it by; what is none of those is shown as it names itself. Each names its predecessors too, so
/// that the order counts.
fn browser_named(lang: Lang, agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    let browser = find(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => lang.fill("account.agent", &[("browser", browser), ("system", system)]),
        _ => agent.to_owned(),
    }
}

async fn build(app: &App, caller: &Caller, error: Option<String>) -> Page {
    let user = me(caller)?;
    let mut tx = app.store.read().await?;
    // Read again: the form that was just saved shows what is stored.
    let user = users::by_id(&mut tx, &user.id).await?.ok_or_else(Problem::not_found)?;
    let open = sessions::of_user(&mut tx, &user.id).await?;
    let this = caller.session.as_ref().map(|session| session.id.clone());
    let view = |session: &sessions::Session| SessionView {
        id: session.id.to_string(),
        browser: browser_named(caller.lang, &session.user_agent),
        agent: session.user_agent.clone(),
        when: When::new(session.seen_at, app.now(), &user.time_zone, caller.lang),
        this: this.as_ref() == Some(&session.id),
    };
    let themes =
        ["auto", "light", "dark"].map(|theme| (theme.to_owned(), caller.lang.t(&format!("theme.{theme}")).to_owned(), user.theme == theme));
    show(&Account {
        s: Shell::new(caller, "account"),
        error,
        name: user.name.clone(),
        language: user.language.clone(),
        zones: zones::options(&user.time_zone),
        start_pages: start_pages(caller, &user),
        themes: themes.into(),
        told: ToldView::of(&user, caller.lang),
        refused: user.refused.as_ref().map(|(since, why)| {
            let since = When::new(*since, app.now(), &user.time_zone, caller.lang).text;
            (caller.lang.fill("account.refused", &[("email", &user.email), ("since", &since)]), why.clone())
        }),
        second_factor: user.second_factor_at.is_some(),
        sessions: open.iter().map(view).collect(),
    })
}

/// GET /account
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = build(&app, &caller, None).await;
    for_people(&caller, page)
}

/// POST /account
pub async fn save(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let user = me(&caller)?;
        let language = if fields.get("language") == "de" { "de" } else { "en" };
        let theme = ["auto", "light", "dark"].into_iter().find(|theme| *theme == fields.get("theme")).unwrap_or("auto");
        // What a form does not name stays as it is.
        let start_page = start_page::named(fields.get("start_page")).map_or(user.start_page.as_str(), |page| page.word);
        let zone = match zones::read(fields.get("time_zone"), &user.time_zone) {
            Ok(zone) => zone,
            Err(wrong) => return build(&app, &caller, Some(caller.lang.problem(&wrong))).await,
        };
        if fields.get("name").is_empty() {
            return build(&app, &caller, Some(caller.lang.problem(&Problem::field("name", "is missing")))).await;
        }
        let mut tx = app.store.write().await?;
        let account = users::Account { name: fields.get("name"), language, time_zone: &zone, theme, start_page };
        users::set_account(&mut tx, &user.id, &account, app.now()).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

/// POST /account/notifications
pub async fn save_notifications(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let user = me(&caller)?;
        let saved = match chosen(&fields) {
            Ok(chosen) => wishes::choose(&app, &user.id, |_| Ok(chosen)).await,
            Err(wrong) => Err(wrong),
        };
        match saved {
            Ok(()) => go("/account"),
            Err(wrong) if wrong.status == StatusCode::UNPROCESSABLE_ENTITY => {
                build(&app, &caller, Some(caller.lang.t("account.wrong_time").to_owned())).await
            }
            Err(other) => Err(other),
        }
    };
    for_people(&caller, page.await)
}

/// POST /account/test-mail: whether mails arrive, which nobody else can see.
pub async fn test_mail(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = async {
        let user = me(&caller)?;
        wishes::test_mail(&app, &user.id).await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

/// POST /account/password: every other session ends.
pub async fn save_password(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let user = me(&caller)?;
        if !app.passwords.verify(&Secret::new(fields.raw("old")), user.password_hash.as_deref()).await {
            return build(&app, &caller, Some(caller.lang.t("account.wrong_password").to_owned())).await;
        }
        let Ok(hash) = app.passwords.hash(&Secret::new(fields.raw("new"))).await else {
            return build(&app, &caller, Some(caller.lang.t("set_password.weak").to_owned())).await;
        };
        let mut tx = app.store.write().await?;
        users::set_password(&mut tx, &user.id, &hash).await?;
        sessions::end_others(&mut tx, &user.id, caller.session.as_ref().map(|session| &session.id)).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

/// POST /account/sessions/{id}/end
pub async fn end_session(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let user = me(&caller)?;
        let id = id.parse().map_err(|_| Problem::not_found())?;
        let mut tx = app.store.write().await?;
        sessions::end(&mut tx, &user.id, &id).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_as_people_know_them() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, name) in [
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/140.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"), "Edge on Windows"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0".to_owned(), "Firefox on macOS"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/18.6 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                "Safari on iPhone",
            ),
            ("Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0".to_owned(), "Firefox on Android"),
            ("curl/8.14".to_owned(), "curl/8.14"),
        ] {
            assert_eq!(browser_named(Lang::En, &agent), name);
        }
    }
}
