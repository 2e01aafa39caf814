//! The REST API: every operation with what it needs, and who handles it.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use lifecycle::permission::Act;

use crate::api::v1;
use crate::auth::Needs;
use crate::proxy;
use crate::state::App;

/// One operation of the REST API, for its description.
pub struct ApiRoute {
    /// Method, upper case.
    pub method: &'static str,
    /// Path with `{names}`.
    pub path: &'static str,
    /// Its name.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// Status of success.
    pub status: u16,
    /// Media types of success.
    pub answers: &'static str,
}

impl ApiRoute {
    /// Whether the network answers, and not we.
    pub fn is_proxy(&self) -> bool {
        self.path == PROXY
    }
}

const fn api(method: &'static str, path: &'static str, id: &'static str, act: Act, status: u16, summary: &'static str) -> ApiRoute {
    ApiRoute { method, path, id, summary, needs: Needs::May(act), status, answers: "application/json" }
}

const fn waiting(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> ApiRoute {
    // Whoever wanted it, or was named to approve it, may: that is decided by the act itself.
    ApiRoute { needs: Needs::Theirs, ..api(method, path, id, Act::Publish, 200, summary) }
}

/// Acts have a journal of their own: what may have been done is asked of the network there, and not answered from memory.
pub(super) const JOURNALED: [&str; 2] = ["publishPost", "writeComment"];
/// Has an answer for each profile, and the journal for each of them: the same key again does what was not done yet.
pub(super) const FOR_EACH: &str = "publishPosts";

/// What is passed through; the path is the network's.
pub(super) const PROXY: &str = "/api/v1/profiles/{id}/proxy/{*path}";

/// The REST API.
pub const API: &[ApiRoute] = &[
    api("GET", "/api/v1/networks", "listNetworks", Act::SeeNetworks, 200, "Every network with what it can, its rules and lifetimes"),
    api("POST", "/api/v1/connections", "beginConnection", Act::Connect, 201, "Begin connecting"),
    api("GET", "/api/v1/connections/{id}", "getConnection", Act::Connect, 200, "Where a connection stands"),
    api("POST", "/api/v1/connections/{id}/profiles", "addProfiles", Act::Connect, 200, "Add the chosen profiles"),
    api("GET", "/api/v1/profiles", "listProfiles", Act::SeeProfile, 200, "Profiles by name"),
    api("GET", "/api/v1/tags", "listTags", Act::SeeProfile, 200, "The tags of the profiles that you see, and how many have each"),
    api("GET", "/api/v1/profiles/{id}", "getProfile", Act::SeeProfile, 200, "One profile with its explanation and accesses"),
    api(
        "GET",
        "/api/v1/profiles/{id}/explanation",
        "explainProfile",
        Act::SeeProfile,
        200,
        "Why a profile is not green, who can repair it, what was at stake; or what its green check mark rests on",
    ),
    api("PATCH", "/api/v1/profiles/{id}", "changeProfile", Act::ManageProfile, 200, "Owner, teams, tags, notifications"),
    api("DELETE", "/api/v1/profiles/{id}", "deleteProfile", Act::DeleteProfile, 204, "Disconnect: revoke at the network and shred"),
    api(
        "POST",
        "/api/v1/profiles/{id}/refresh-connection",
        "refreshConnection",
        Act::RefreshConnection,
        201,
        "Begin a renewal, or make a renewal link",
    ),
    api("POST", "/api/v1/profiles/{id}/check", "checkProfile", Act::CheckProfile, 200, "Look now"),
    api("GET", "/api/v1/profiles/{id}/access-token", "getAccessToken", Act::ReadToken, 200, "An access token that lives long enough"),
    api("POST", "/api/v1/profiles/{id}/posts", "publishPost", Act::Publish, 201, "Publish a post as the profile"),
    api("POST", "/api/v1/posts", "publishPosts", Act::Publish, 200, "Publish a post as several profiles, with a result for each"),
    api("POST", "/api/v1/posts/check", "checkPosts", Act::Publish, 200, "Whether a post fits each profile's network; nothing is sent"),
    waiting("GET", "/api/v1/waiting-acts", "listWaitingActs", "Posts and comments that wait or are unclear, newest first"),
    waiting("GET", "/api/v1/waiting-acts/{id}", "getWaitingAct", "One post or comment, and what became of it"),
    waiting("POST", "/api/v1/waiting-acts/{id}/approve", "approveWaitingAct", "Approve it, as the user whom the permission names"),
    waiting("POST", "/api/v1/waiting-acts/{id}/decline", "declineWaitingAct", "Decline it, as the user whom the permission names"),
    waiting("POST", "/api/v1/waiting-acts/{id}/withdraw", "withdrawWaitingAct", "Take it back before it is sent"),
    waiting(
        "POST",
        "/api/v1/waiting-acts/{id}/repeat",
        "repeatWaitingAct",
        "Ask the network about an unclear one; sent only if it is not there",
    ),
    api(
        "GET",
        "/api/v1/profiles/{id}/posts/{post}/comments",
        "listComments",
        Act::ReadComments,
        200,
        "What was said under a post, oldest first",
    ),
    api(
        "POST",
        "/api/v1/profiles/{id}/posts/{post}/comments",
        "writeComment",
        Act::Comment,
        201,
        "Comment under a post, or reply to a comment",
    ),
    api(
        "GET",
        "/api/v1/renewal-links",
        "listRenewalLinks",
        Act::RefreshConnection,
        200,
        "Renewal links that can be used, and how far each is",
    ),
    api(
        "POST",
        "/api/v1/renewal-links",
        "createRenewalLink",
        Act::RefreshConnection,
        201,
        "One link through several profiles, or through everything that is due of some people until a day; told this once",
    ),
    api("DELETE", "/api/v1/renewal-links/{id}", "withdrawRenewalLink", Act::RefreshConnection, 204, "Take a renewal link back"),
    api("GET", "/api/v1/forecast", "getForecast", Act::SeeProfile, 200, "What will need a person, when, who"),
    api("GET", "/api/v1/webhook-endpoints", "listWebhookEndpoints", Act::ManageWebhooks, 200, "Every webhook endpoint and chat channel"),
    api(
        "POST",
        "/api/v1/webhook-endpoints",
        "createWebhookEndpoint",
        Act::ManageWebhooks,
        201,
        "Add an endpoint; its signing secret is shown once",
    ),
    api("GET", "/api/v1/webhook-endpoints/{id}", "getWebhookEndpoint", Act::ManageWebhooks, 200, "One endpoint"),
    api("PATCH", "/api/v1/webhook-endpoints/{id}", "changeWebhookEndpoint", Act::ManageWebhooks, 200, "Change an endpoint"),
    api("DELETE", "/api/v1/webhook-endpoints/{id}", "deleteWebhookEndpoint", Act::ManageWebhooks, 204, "Delete an endpoint"),
    api("POST", "/api/v1/webhook-endpoints/{id}/test", "testWebhookEndpoint", Act::ManageWebhooks, 200, "Send a test and say how it went"),
    api(
        "POST",
        "/api/v1/webhook-endpoints/{id}/rotate-secret",
        "rotateWebhookSecret",
        Act::ManageWebhooks,
        200,
        "A new signing secret; the one before it signs too for 24 hours",
    ),
    api(
        "GET",
        "/api/v1/webhook-endpoints/{id}/deliveries",
        "listDeliveries",
        Act::ManageWebhooks,
        200,
        "How each delivery went, newest first",
    ),
    api(
        "POST",
        "/api/v1/webhook-endpoints/{id}/deliveries/{message}/replay",
        "replayDelivery",
        Act::ManageWebhooks,
        202,
        "Send a delivery once more, under the same id",
    ),
    api("POST", "/api/v1/profiles/{id}/access-token/report", "reportAccessToken", Act::ReadToken, 202, "Say that a token does not work"),
    api("GET", PROXY, "proxyGet", Act::CallApi, 200, "Call the network's API with a token the caller never sees"),
    api("POST", PROXY, "proxyPost", Act::CallApi, 200, "The same with POST"),
    api("PUT", PROXY, "proxyPut", Act::CallApi, 200, "The same with PUT"),
    api("PATCH", PROXY, "proxyPatch", Act::CallApi, 200, "The same with PATCH"),
    api("DELETE", PROXY, "proxyDelete", Act::CallApi, 200, "The same with DELETE"),
    api("GET", "/api/v1/events", "listEvents", Act::SeeEvents, 200, "The event log"),
    ApiRoute {
        answers: "text/event-stream",
        ..api("GET", "/api/v1/events/stream", "streamEvents", Act::SeeEvents, 200, "The event log as it happens (Server-Sent Events)")
    },
    api("GET", "/api/v1/api-keys", "listApiKeys", Act::ManageApiKeys, 200, "API keys with what they may"),
    api("POST", "/api/v1/api-keys", "createApiKey", Act::ManageApiKeys, 201, "Make an API key; it is told this once"),
    api("GET", "/api/v1/api-keys/{id}", "getApiKey", Act::ManageApiKeys, 200, "One API key"),
    api("DELETE", "/api/v1/api-keys/{id}", "revokeApiKey", Act::ManageApiKeys, 204, "Revoke an API key, effective at the next request"),
    ApiRoute {
        needs: Needs::SomebodyKnown,
        ..api("POST", "/api/v1/permissions/check", "checkPermission", Act::SeeProfile, 200, "May it be done, and why not; nothing is done")
    },
    api("GET", "/api/v1/users", "listUsers", Act::ManageUsers, 200, "Everybody who works here, by name"),
    api("POST", "/api/v1/users", "inviteUser", Act::ManageUsers, 201, "Invite a user; the link is told this once"),
    api("GET", "/api/v1/users/{id}", "getUser", Act::ManageUsers, 200, "One user"),
    api(
        "PATCH",
        "/api/v1/users/{id}",
        "changeUser",
        Act::ManageUsers,
        200,
        "Change a user's role or permission sets, or switch the account off or on",
    ),
    api("DELETE", "/api/v1/users/{id}", "deleteUser", Act::ManageUsers, 204, "Delete a user; what was theirs has no owner then"),
    api(
        "DELETE",
        "/api/v1/users/{id}/second-factor",
        "resetSecondFactor",
        Act::ManageUsers,
        204,
        "Take a user's second factor away, with their sessions; not by an API key",
    ),
    api("POST", "/api/v1/users/{id}/invitation", "inviteUserAgain", Act::ManageUsers, 201, "A new invitation link, told this once"),
    api("GET", "/api/v1/permission-sets", "listPermissionSets", Act::ManageUsers, 200, "Permission sets by name"),
    api(
        "POST",
        "/api/v1/permission-sets",
        "createPermissionSet",
        Act::ManageUsers,
        201,
        "Make a permission set; nobody gives what they do not have",
    ),
    api("GET", "/api/v1/permission-sets/{id}", "getPermissionSet", Act::ManageUsers, 200, "One permission set"),
    api(
        "PATCH",
        "/api/v1/permission-sets/{id}",
        "changePermissionSet",
        Act::ManageUsers,
        200,
        "Change a permission set for everybody who has it",
    ),
    api(
        "DELETE",
        "/api/v1/permission-sets/{id}",
        "deletePermissionSet",
        Act::ManageUsers,
        204,
        "Delete a permission set; whoever had it has it no more",
    ),
    api("GET", "/api/v1/people", "listPeople", Act::ManagePeople, 200, "Logins at networks by name, with how much each holds"),
    api("GET", "/api/v1/people/{id}", "getPerson", Act::ManagePeople, 200, "What a person holds, and what dies without them"),
    api(
        "POST",
        "/api/v1/people/{id}/replacements",
        "askReplacement",
        Act::ManagePeople,
        201,
        "A link by which another admin holds their profiles too; told this once",
    ),
    api("POST", "/api/v1/people/{id}/give-up", "giveUpPerson", Act::ManagePeople, 200, "Revoke and destroy everything a person granted"),
    api("GET", "/api/v1/teams", "listTeams", Act::ManageTeams, 200, "The teams that the caller manages, and who is in them"),
    api("POST", "/api/v1/teams", "createTeam", Act::ManageTeams, 201, "Make a team"),
    api("GET", "/api/v1/teams/{id}", "getTeam", Act::ManageTeams, 200, "One team"),
    api("PATCH", "/api/v1/teams/{id}", "changeTeam", Act::ManageTeams, 200, "Change a team's name or members"),
    api("DELETE", "/api/v1/teams/{id}", "deleteTeam", Act::ManageTeams, 204, "Delete a team; its profiles and users stay"),
    api("GET", "/api/v1/page-presets", "listPagePresets", Act::ManagePresets, 200, "What new profiles get, per network"),
    api("GET", "/api/v1/page-presets/{network}", "getPagePreset", Act::ManagePresets, 200, "What a new profile of that network gets"),
    api("PUT", "/api/v1/page-presets/{network}", "setPagePreset", Act::ManagePresets, 200, "Set what new profiles get"),
    api(
        "DELETE",
        "/api/v1/page-presets/{network}",
        "removePagePreset",
        Act::ManagePresets,
        204,
        "Let what holds for all networks hold again",
    ),
    api(
        "POST",
        "/api/v1/page-presets/preview",
        "previewPagePresets",
        Act::ManageProfile,
        200,
        "What the presets would change of profiles that are here already",
    ),
    api(
        "POST",
        "/api/v1/page-presets/apply",
        "applyPagePresets",
        Act::ManageProfile,
        200,
        "Do what a preview showed, all of it or nothing",
    ),
    api("GET", "/api/v1/me/notifications", "getMyNotifications", Act::ManageOwnAccount, 200, "What I am told by mail"),
    api("PATCH", "/api/v1/me/notifications", "changeMyNotifications", Act::ManageOwnAccount, 200, "Change what I am told by mail"),
    api("GET", "/api/v1/freezes", "listFreezes", Act::Freeze, 200, "What is frozen and was"),
    api("POST", "/api/v1/freezes", "freeze", Act::Freeze, 201, "Freeze somebody or something, effective at the next request"),
    api("DELETE", "/api/v1/freezes/{id}", "thaw", Act::Freeze, 204, "Thaw"),
    api("GET", "/api/v1/hold", "getHold", Act::Freeze, 200, "Whether a restored database holds tokens back, and how far it is"),
    api("POST", "/api/v1/hold/release", "releaseHold", Act::Freeze, 200, "The original is stopped: renew again, slowly"),
    api("GET", "/api/v1/incidents", "listIncidents", Act::SeeNetworks, 200, "Incidents of networks that are open, apart from dead tokens"),
    api(
        "POST",
        "/api/v1/incidents/release",
        "releaseIncident",
        Act::Freeze,
        200,
        "What a network refuses of many accounts at once is real: verdicts wait no longer",
    ),
    api(
        "POST",
        "/api/v1/bounces",
        "reportBounce",
        Act::ReportBounces,
        200,
        "Say that a mail came back, as JSON or as the mail server's own report",
    ),
    api("GET", "/api/v1/audit", "listAudit", Act::SeeAudit, 200, "The audit, newest first"),
    api("GET", "/api/v1/audit/verify", "verifyAudit", Act::SeeAudit, 200, "Whether every row is as it was written"),
    ApiRoute {
        answers: "application/x-ndjson, text/csv",
        ..api("GET", "/api/v1/export", "export", Act::Export, 200, "Everything but secrets as JSON lines, or one list as CSV")
    },
    api("GET", "/api/v1/audit/anchor", "getAuditAnchor", Act::SeeAudit, 200, "The present end of the chain, to be kept elsewhere"),
    ApiRoute {
        answers: "application/x-ndjson",
        ..api("GET", "/api/v1/audit/export", "exportAudit", Act::SeeAudit, 200, "The whole audit as JSON lines")
    },
    ApiRoute {
        answers: "application/x-ndjson",
        ..api("GET", "/api/v1/audit/stream", "streamAudit", Act::SeeAudit, 200, "The audit as it is written, as JSON lines without an end")
    },
];

pub(super) fn handler(id: &str) -> MethodRouter<Arc<App>> {
    let found = for_profiles(id).or_else(|| for_tools(id)).or_else(|| for_the_house(id));
    found.unwrap_or_else(|| unreachable!("the table names an operation without a handler: {id}"))
}

/// Connecting profiles, and acting through them.
fn for_profiles(id: &str) -> Option<MethodRouter<Arc<App>>> {
    Some(match id {
        "listNetworks" => get(v1::networks::list),
        "beginConnection" => post(v1::connections::begin),
        "getConnection" => get(v1::connections::get),
        "addProfiles" => post(v1::connections::choose),
        "listProfiles" => get(v1::profiles::list),
        "getProfile" => get(v1::profiles::get),
        "explainProfile" => get(v1::explanation::get),
        "changeProfile" => patch(v1::profiles::change),
        "deleteProfile" => delete(v1::profiles::delete),
        "refreshConnection" => post(v1::profiles::refresh),
        "checkProfile" => post(v1::profiles::check_now),
        "getAccessToken" => get(v1::tokens::lend),
        "publishPost" => post(v1::posts::publish).layer(DefaultBodyLimit::max(v1::LARGE_MAX)),
        "publishPosts" => post(v1::posts::publish_several).layer(DefaultBodyLimit::max(v1::LARGE_MAX)),
        "checkPosts" => post(v1::posts::check).layer(DefaultBodyLimit::max(v1::LARGE_MAX)),
        "listWaitingActs" => get(v1::waiting_acts::list),
        "getWaitingAct" => get(v1::waiting_acts::get),
        "approveWaitingAct" => post(v1::waiting_acts::approve),
        "declineWaitingAct" => post(v1::waiting_acts::decline),
        "withdrawWaitingAct" => post(v1::waiting_acts::withdraw),
        "repeatWaitingAct" => post(v1::waiting_acts::repeat),
        "listComments" => get(v1::posts::comments),
        "writeComment" => post(v1::posts::comment),
        "listRenewalLinks" => get(v1::renewal_links::list),
        "createRenewalLink" => post(v1::renewal_links::create),
        "withdrawRenewalLink" => delete(v1::renewal_links::withdraw),
        _ => return None,
    })
}

/// What tools and receivers need, and users.
fn for_tools(id: &str) -> Option<MethodRouter<Arc<App>>> {
    Some(match id {
        "getForecast" => get(v1::forecast::get),
        "listWebhookEndpoints" => get(v1::webhooks::list),
        "createWebhookEndpoint" => post(v1::webhooks::create),
        "getWebhookEndpoint" => get(v1::webhooks::get),
        "changeWebhookEndpoint" => patch(v1::webhooks::change),
        "deleteWebhookEndpoint" => delete(v1::webhooks::delete),
        "testWebhookEndpoint" => post(v1::webhooks::test),
        "rotateWebhookSecret" => post(v1::webhooks::rotate),
        "listDeliveries" => get(v1::webhooks::log),
        "replayDelivery" => post(v1::webhooks::replay),
        "reportAccessToken" => post(v1::tokens::report),
        "proxyGet" => get(proxy::call),
        "proxyPost" => post(proxy::call),
        "proxyPut" => put(proxy::call),
        "proxyPatch" => patch(proxy::call),
        "proxyDelete" => delete(proxy::call),
        "listEvents" => get(v1::events::list),
        "streamEvents" => get(v1::event_stream::stream),
        "listApiKeys" => get(v1::api_keys::list),
        "createApiKey" => post(v1::api_keys::create),
        "getApiKey" => get(v1::api_keys::get),
        "revokeApiKey" => delete(v1::api_keys::revoke),
        "checkPermission" => post(v1::api_keys::check),
        "listUsers" => get(v1::users::list),
        "inviteUser" => post(v1::users::invite),
        "getUser" => get(v1::users::get),
        "changeUser" => patch(v1::users::change),
        "deleteUser" => delete(v1::users::delete),
        "resetSecondFactor" => delete(v1::users::reset_second_factor),
        "inviteUserAgain" => post(v1::users::invite_again),
        _ => return None,
    })
}

/// People, teams, presets, freezes, audit, leaving.
fn for_the_house(id: &str) -> Option<MethodRouter<Arc<App>>> {
    Some(match id {
        "listPeople" => get(v1::people::list),
        "getPerson" => get(v1::people::get),
        "askReplacement" => post(v1::people::replace),
        "giveUpPerson" => post(v1::people::revoke),
        "listPermissionSets" => get(v1::permission_sets::list),
        "createPermissionSet" => post(v1::permission_sets::create),
        "getPermissionSet" => get(v1::permission_sets::get),
        "changePermissionSet" => patch(v1::permission_sets::change),
        "deletePermissionSet" => delete(v1::permission_sets::delete),
        "listTags" => get(v1::tags::list),
        "listTeams" => get(v1::teams::list),
        "createTeam" => post(v1::teams::create),
        "getTeam" => get(v1::teams::get),
        "changeTeam" => patch(v1::teams::change),
        "deleteTeam" => delete(v1::teams::delete),
        "listPagePresets" => get(v1::page_presets::list),
        "getPagePreset" => get(v1::page_presets::get),
        "setPagePreset" => put(v1::page_presets::set),
        "removePagePreset" => delete(v1::page_presets::remove),
        "previewPagePresets" => post(v1::page_presets::preview),
        "applyPagePresets" => post(v1::page_presets::apply),
        "getMyNotifications" => get(v1::me::notifications),
        "changeMyNotifications" => patch(v1::me::change),
        "listFreezes" => get(v1::freezes::list),
        "freeze" => post(v1::freezes::set),
        "thaw" => delete(v1::freezes::thaw),
        "getHold" => get(v1::hold::get),
        "releaseHold" => post(v1::hold::release),
        "listIncidents" => get(v1::incidents::list),
        "releaseIncident" => post(v1::incidents::release),
        "reportBounce" => post(v1::bounces::report),
        "listAudit" => get(v1::audit::list),
        "verifyAudit" => get(v1::audit::verify),
        "getAuditAnchor" => get(v1::audit::anchor),
        "export" => get(v1::export::export),
        "exportAudit" => get(v1::audit::export),
        "streamAudit" => get(v1::audit_stream::stream),
        _ => return None,
    })
}
