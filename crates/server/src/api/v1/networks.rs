//! GET /api/v1/networks

use std::sync::Arc;

use axum::extract::State;
use lifecycle::facts::{Facts, RenewalModel, Rotations};
use lifecycle::time::Span;
use networks::media::Takes;
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

/// How often a rotating token that nobody uses is proven, what was measured, and what that costs; null where nothing rotates.
fn idle_checks(measured: Rotations, facts: &Facts) -> Value {
    if !matches!(facts.renewal, RenewalModel::Rotating(_)) {
        return Value::Null;
    }
    let lost = |every| measured.lost_of_a_thousand_in_a_year(every);
    json!({
        "every_seconds": facts.idle_check_every.as_seconds(), "rotations": measured.done, "lost": measured.lost, "lost_of_a_million": measured.lost_of_a_million(),
        "lost_of_a_thousand_in_a_year": lost(facts.idle_check_every), "lost_of_a_thousand_in_a_year_if_daily": lost(Span::days(1))
    })
}

/// What pictures and films go with a post; null where it is not told.
fn media(takes: Option<Takes>, title: &str, lang: Lang) -> Value {
    let told = |takes: Takes| {
        let words = takes.words(title);
        json!({
            "needed": takes.needed, "pictures": takes.pictures, "films": takes.films, "together": takes.mixed, "words": lang.pick(&words.en, &words.de)
        })
    };
    takes.map_or(Value::Null, told)
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
            "media": media(app.config.takes(network), about.title, lang),
            "rules": about.rules.iter().map(|rule| lang.pick(rule.en, rule.de)).collect::<Vec<_>>(),
            "lifetimes": { "access_seconds": seconds(facts.access_life), "refresh_seconds": seconds(facts.refresh_life), "manual_renewal_seconds": seconds(facts.manual_renewal_every) },
            "idle_checks": idle_checks(app.directory.rotations(network), &facts),
            "network_app_configured": app.network_app(network, "").await.is_some_and(|client| client.is_registered()),
        }));
    }
    json(200, &json!({ "items": items }))
}
