//! GET /api/v1/profiles/{id}/explanation

use std::sync::Arc;

use axum::extract::{Path, State};
use lifecycle::permission::Act;
use lifecycle::time::Timestamp;
use serde_json::{Value, json};
use store::events::Event;
use store::grants::Person;
use store::story::{Attempt, Candidate, Use};

use super::{Answer, json};
use crate::actions::explanation::{Helper, evidence_of, tell};
use crate::auth::{self, Caller};
use crate::show::{evidence, rfc3339};
use crate::state::App;

fn at(moment: Option<Timestamp>) -> Value {
    moment.map(rfc3339).into()
}

/// A person, as every answer names them.
pub(super) fn person(person: &Person) -> Value {
    json!({ "id": person.id.as_str(), "name": person.name, "handle": person.handle })
}

fn seen(event: &Event) -> Value {
    let words = evidence_of(event);
    json!({ "at": rfc3339(event.at), "event": event.kind, "actor": event.actor, "evidence": words.as_ref().map(evidence) })
}

fn helper(helper: &Helper) -> Value {
    json!({
        "person": person(&helper.person),
        "role": helper.role,
        "help": helper.help,
        "verified_at": at(helper.verified_at),
        "role_seen_at": at(helper.seen_at),
        "next_check_at": at(helper.probe_at),
        "human_deadline": at(helper.human_until),
        "doubted_since": at(helper.doubted_since),
    })
}

fn other(other: &Candidate) -> Value {
    json!({ "person": person(&other.person), "role": other.role, "login_works": other.works })
}

fn renewal(attempt: &Attempt) -> Value {
    json!({ "at": rfc3339(attempt.at), "person": person(&attempt.person), "sent": attempt.sent, "ending": attempt.ending })
}

fn used(used: &Use) -> Value {
    json!({ "actor": used.actor, "act": used.act, "count": used.count, "last_at": rfc3339(used.last_at) })
}

/// The whole story of a profile.
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let profile = auth::profile(&app, &caller, &id, Act::SeeProfile).await?;
    let story = tell(&app, &caller, &profile).await?;
    let standing = &profile.standing;
    let (confidence, why) = story.sure.unzip();
    json(
        200,
        &json!({
            "id": profile.id.as_str(),
            "status": standing.status,
            "since": rfc3339(standing.since),
            "cause": standing.cause,
            "explanation": { "title": story.words.title, "happened": story.words.happened, "who_must_act": story.person, "what_to_do": story.words.todo },
            "confidence": confidence,
            "confidence_explained": why,
            "way": story.way,
            "repair_url": format!("{}/settings/profiles/{}/explain", app.public_url, profile.id),
            "evidence": story.evidence.iter().map(seen).collect::<Vec<_>>(),
            "tried": story.tried.iter().map(seen).collect::<Vec<_>>(),
            "renewals": story.renewals.iter().map(renewal).collect::<Vec<_>>(),
            "holders": story.holders.iter().map(helper).collect::<Vec<_>>(),
            "others": story.others.iter().map(other).collect::<Vec<_>>(),
            "used_by": story.uses.map(|uses| uses.iter().map(used).collect::<Vec<_>>()),
        }),
    )
}
