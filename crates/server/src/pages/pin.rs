//! `/oauth/pin/{network}`: for networks that can't lead back to us, the way there and the field for the number that is shown at its end.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::{Shell, for_people, show};
use crate::actions::connect::network_named;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

#[derive(Template)]
#[template(path = "pin.html")]
struct Pin {
    s: Shell,
    title: String,
    open: String,
    /// The network's page, made from its own endpoint: nothing of it comes with the request but the token.
    there: String,
    label: String,
    /// Our callback, which decides by the state and the token whether this was begun here.
    action: String,
    token: String,
    state: String,
}

/// GET /oauth/pin/{network}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let page = async {
        let network = network_named(&name).map_err(|_| Problem::not_found())?;
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let given = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default();
        let (token, state) = (given("oauth_token"), given("state"));
        let client = app.network_app(network, "").await.ok_or_else(Problem::not_found)?;
        let there = network.shows_pin(client.cx(app.now(), &*app.dice), &token).filter(|_| !token.is_empty() && !state.is_empty());
        let named = [("network", network.about().title)];
        show(&Pin {
            s: Shell::new(&caller, ""),
            title: caller.lang.fill("add.heading", &named),
            open: caller.lang.fill("pin.open", &named),
            there: there.ok_or_else(Problem::not_found)?,
            label: caller.lang.fill("pin.label", &named),
            action: format!("/oauth/callback/{name}"),
            token,
            state,
        })
    };
    for_people(&caller, page.await)
}
