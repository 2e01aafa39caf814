//! GET /api/v1/networks

use std::sync::Arc;

use axum::extract::State;
use networks::network::Ability;
use serde_json::{Value, json};

use super::{Answer, json};
use crate::auth::Caller;
use crate::i18n::Lang;
use crate::state::App;

fn ability(ability: Ability, lang: Lang) -> Value {
    match ability {
        Ability::Yes => json!({ "allowed": true }),
        Ability::No { en, de } => json!({ "allowed": false, "reason": lang.pick(en, de) }),
    }
}

/// Every network with what it can, its rules in words, its lifetimes.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let lang = caller.lang;
    let mut items = vec![];
    for network in app.config.offered() {
        let about = network.about();
        let facts = app.directory.facts(network);
        let seconds = |span: Option<lifecycle::time::Span>| span.map(lifecycle::time::Span::as_seconds);
        items.push(json!({
            "name": about.name,
            "title": about.title,
            "can": {
                "connect": ability(about.can.connect, lang), "publish": ability(about.can.publish, lang), "comment": ability(about.can.comment, lang),
                "read_comments": ability(about.can.read_comments, lang), "reply": ability(about.can.reply, lang)
            },
            "rules": about.rules.iter().map(|rule| lang.pick(rule.en, rule.de)).collect::<Vec<_>>(),
            "lifetimes": { "access_seconds": seconds(facts.access_life), "refresh_seconds": seconds(facts.refresh_life), "manual_renewal_seconds": seconds(facts.manual_renewal_every) },
            "network_app_configured": app.network_app(network, "").await.is_some(),
        }));
    }
    json(200, &json!({ "items": items }))
}
