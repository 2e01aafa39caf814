//! Troubles of Google's own: what an administrator, the project or the person sets (knowledge base `youtube`, sections 2 to 5).

use serde_json::json;

use super::{Service, error};
use crate::networks;
use crate::request::{Answer, json as answer};
use crate::tokens::DAY;
use crate::world::World;

/// What can be switched on. `admin_policy_enforced`: the administrator of everybody's organisation does not allow the service;
/// `service_disabled`: the interface is switched off in the project; `limited_consent`: people allow it for thirty days.
pub(in crate::networks) const TROUBLES: &[&str] = &["admin_policy_enforced", "service_disabled", "limited_consent"];

/// How long a consent lasts that was given for a limited time, in seconds.
const LIMITED_LIFE: i64 = 30 * DAY;

fn is_in(world: &World, service: &Service, name: &str) -> bool {
    networks::trouble(world, service.name).as_deref() == Some(name)
}

/// Whether an administrator lets nobody in.
pub(super) fn is_kept_out(world: &World, service: &Service) -> bool {
    is_in(world, service, "admin_policy_enforced")
}

/// How a renewal is refused when an administrator lets nobody in.
pub(super) fn kept_out(world: &mut World, service: &Service) -> Option<Answer> {
    if !is_kept_out(world, service) {
        return None;
    }
    networks::spend_trouble(world, service.name);
    Some(error(400, "admin_policy_enforced", "Access to your account data is restricted by policies within your organization."))
}

/// How long a consent that is given now lasts, in seconds, where the person limits it.
pub(super) fn limited(world: &World, service: &Service) -> Option<i64> {
    is_in(world, service, "limited_consent").then_some(LIMITED_LIFE)
}

/// How every call of an interface is refused that is switched off in the project: the newer reason among the details, before them
/// the older one where the interface is of that age.
pub(in crate::networks) fn disabled(world: &mut World, service: &Service, host: &str, older: bool) -> Option<Answer> {
    if !is_in(world, service, "service_disabled") {
        return None;
    }
    networks::spend_trouble(world, service.name);
    let words = format!("{} has not been used in project 420042 before or it is disabled.", service.title);
    let metadata = json!({ "service": host, "consumer": "projects/420042" });
    let info = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": metadata });
    let links = json!([{ "description": "Google developers console API activation", "url": "https://console.developers.google.com/apis" }]);
    let help = json!({ "@type": "type.googleapis.com/google.rpc.Help", "links": links });
    let mut said = json!({ "code": 403, "message": words, "status": "PERMISSION_DENIED", "details": [help, info] });
    if older {
        said["errors"] = json!([{ "domain": "usageLimits", "reason": "accessNotConfigured", "message": words }]);
    }
    Some(answer(403, &json!({ "error": said })))
}
