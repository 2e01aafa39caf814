//! `/deletion/{code}`: what became of a request, sent through a network, to delete what is stored about a person. For
//! whoever has the code; it says nothing about anybody.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use store::deletions;

use super::view::title_of;
use super::{Message, Shell, for_people, show};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show;
use crate::state::App;

/// GET /deletion/{code}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(code): Path<String>) -> Response {
    let page = async {
        let mut tx = app.store.read().await?;
        let request = deletions::find(&mut tx, &code).await?.ok_or_else(Problem::not_found)?;
        let lang = caller.lang;
        let (state, at) = match request.ended {
            None => ("waits", request.received_at),
            Some((outcome, at)) => (outcome.as_str(), at),
        };
        let values = [("network", title_of(&request.network)), ("day", show::moment(at, "UTC", lang))];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        show(&Message::new(Shell::new(&caller, ""), lang.t("deletion.title"), lang.fill(&format!("deletion.{state}"), &values)))
    };
    for_people(&caller, page.await)
}
