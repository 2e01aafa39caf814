//! `/unsubscribe/{secret}`: switches a digest off with one click (RFC 8058), without cookies or signing in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lifecycle::departure::Digest;
use store::users::User;

use super::{Message, Page, Shell, for_people, show, show_with};
use crate::actions::wishes;
use crate::auth::Caller;
use crate::i18n::Lang;
use crate::state::App;

#[derive(Template)]
#[template(path = "unsubscribe.html")]
struct Unsubscribe {
    s: Shell,
    intro: String,
    last: bool,
    action: String,
}

/// In the language of whom the mail was sent to. Nobody is signed in here: the link says who it is about.
fn caller(headers: &HeaderMap, reader: Option<&User>) -> Caller {
    let mut caller = Caller::of_nobody(headers);
    if let Some(reader) = reader {
        caller.lang = Lang::from_code(&reader.language);
    }
    caller
}

fn unknown(caller: &Caller) -> Page {
    let lines = caller.lang.t("unsubscribe.unknown");
    let page = Message::new(Shell::new(caller, ""), caller.lang.t("unsubscribe.unknown_title"), lines);
    show_with(StatusCode::NOT_FOUND, &page.link(caller.lang.t("nav.account"), "/account"))
}

/// GET /unsubscribe/{secret}: asks. Mail scanners open every link, so that looking changes nothing.
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap, Path(secret): Path<String>) -> Response {
    let reader = wishes::reader_of(&app, &secret).await;
    let nobody = caller(&headers, reader.as_ref().ok().and_then(Option::as_ref));
    let page = async {
        let Some(reader) = reader? else { return unknown(&nobody) };
        if reader.wishes.digest == Digest::Off {
            return done(&nobody, &reader);
        }
        show(&Unsubscribe {
            s: Shell::new(&nobody, ""),
            intro: nobody.lang.fill("unsubscribe.intro", &[("email", &reader.email)]),
            last: wishes::is_last_channel(&reader),
            action: format!("/unsubscribe/{secret}"),
        })
    };
    for_people(&nobody, page.await)
}

/// POST /unsubscribe/{secret}: by the button, or by a mail program on behalf of its user. It sends neither cookies nor an origin;
/// the secret alone decides, and can do nothing else.
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, Path(secret): Path<String>) -> Response {
    let reader = wishes::unsubscribe(&app, &secret).await;
    let nobody = caller(&headers, reader.as_ref().ok().and_then(Option::as_ref));
    let page = async {
        match reader? {
            Some(reader) => done(&nobody, &reader),
            None => unknown(&nobody),
        }
    };
    for_people(&nobody, page.await)
}

fn done(caller: &Caller, reader: &User) -> Page {
    let lang = caller.lang;
    let words = if wishes::is_last_channel(reader) { "unsubscribe.done_last" } else { "unsubscribe.done" };
    let page = Message::new(Shell::new(caller, ""), lang.t("unsubscribe.done_title"), lang.t(words));
    show(&page.link(lang.t("nav.account"), "/account").good())
}
