//! Troubles of X's own.

use serde_json::json;

use super::{NAME, problem};
use crate::networks;
use crate::request::{Answer, json as json_answer};
use crate::world::World;

/// What can be switched on: states of an account that are told in a plain problem, and those of the app.
pub(in crate::networks) const TROUBLES: &[&str] = &["locked", "suspended", "usage_capped", "credits_depleted", "not_enrolled"];

pub(super) fn answer(world: &mut World) -> Option<Answer> {
    let refused = match networks::trouble(world, NAME)?.as_str() {
        "locked" => problem(403, "", "Forbidden", "Your account has been temporarily locked. Please log in to https://x.com to unlock it."),
        "suspended" => problem(401, "", "Unauthorized", "Your account is suspended and is not permitted to access this feature."),
        "usage_capped" => problem(403, "usage-capped", "UsageCapExceeded", "Usage cap exceeded: Monthly product cap"),
        "credits_depleted" => {
            problem(402, "", "CreditsDepleted", "Your enrolled account does not have any credits to fulfill this request.")
        }
        _ => {
            let detail = "When authenticating requests to the API v2 endpoints, you must use keys and tokens from a developer App that is attached to a Project.";
            let body = json!({ "client_id": "1", "detail": detail, "registration_url": "https://developer.x.com/en/docs/projects/overview", "title": "Client Forbidden", "required_enrollment": "Appropriate Level of API Access", "reason": "client-not-enrolled", "type": "https://api.x.com/2/problems/client-forbidden" });
            json_answer(403, &body)
        }
    };
    networks::spend_trouble(world, NAME);
    Some(refused)
}
