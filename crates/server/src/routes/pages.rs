//! The pages: every address with what it needs, and who shows it.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use lifecycle::permission::Act;

use crate::api::v1;
use crate::auth::Needs;
use crate::pages::{
    account, add, apps, audit, bulk, calendar, compose, dashboard, deletion, engagement, explain, forecast, freezes, keys, link, people,
    pin, presets, profile, profiles, renew, second_factor, sets, sign_in, teams, users, webhooks,
};
use crate::state::App;

/// Address, what it needs, handler.
pub type Row = (&'static str, Needs, fn() -> MethodRouter<Arc<App>>);

/// The pages. `Needs::Nothing` only where somebody cannot have signed in yet, or comes back from a network.
pub const PAGES: &[Row] = &[
    ("/", Needs::May(Act::SeeProfile), || get(dashboard::get)),
    ("/incidents/release", Needs::May(Act::Freeze), || post(dashboard::release)),
    ("/sign-in", Needs::Nothing, || get(sign_in::form).post(sign_in::submit)),
    ("/sign-in/code", Needs::Nothing, || get(second_factor::code_form).post(second_factor::code_submit)),
    ("/sign-out", Needs::Nothing, || post(sign_in::sign_out)),
    ("/setup/{secret}", Needs::Nothing, || get(sign_in::password_form).post(sign_in::password_submit)),
    ("/invitation/{secret}", Needs::Nothing, || get(sign_in::password_form).post(sign_in::password_submit)),
    ("/deletion/{code}", Needs::Nothing, || get(deletion::get)),
    ("/renew/{secret}", Needs::Nothing, || get(renew::get).post(renew::post)),
    ("/oauth/callback/{network}", Needs::Nothing, || get(add::callback)),
    ("/oauth/callback/{network}/{instance}", Needs::Nothing, || get(add::callback_of_instance)),
    ("/oauth/pin/{network}", Needs::Nothing, || get(pin::get)),
    ("/settings/profiles", Needs::May(Act::SeeProfile), || get(profiles::get)),
    ("/settings/profiles/bulk", Needs::May(Act::ManageProfile), || post(bulk::post)),
    ("/settings/profiles/add", Needs::May(Act::Connect), || get(add::list)),
    ("/settings/profiles/add/{network}", Needs::May(Act::Connect), || get(add::rules).post(add::leave)),
    ("/settings/profiles/connections/{id}", Needs::May(Act::Connect), || get(add::connection).post(add::choose)),
    ("/settings/profiles/{id}", Needs::May(Act::SeeProfile), || get(profile::general).post(profile::save)),
    ("/settings/profiles/{id}/notifications", Needs::May(Act::SeeProfile), || {
        get(profile::notifications).post(profile::save_notifications)
    }),
    ("/settings/profiles/{id}/reminders", Needs::May(Act::ManageProfile), || post(profile::put_off)),
    ("/settings/profiles/{id}/access-tokens", Needs::May(Act::SeeProfile), || get(profile::tokens)),
    ("/settings/profiles/{id}/explain", Needs::May(Act::SeeProfile), || get(explain::get)),
    ("/settings/profiles/{id}/refresh", Needs::May(Act::RefreshConnection), || get(profile::refresh_form).post(profile::refresh)),
    ("/settings/profiles/{id}/check", Needs::May(Act::CheckProfile), || post(profile::check_now)),
    ("/settings/profiles/{id}/renewal-link", Needs::May(Act::RefreshConnection), || get(link::get).post(link::create)),
    ("/settings/profiles/{id}/renewal-link/withdraw", Needs::May(Act::RefreshConnection), || post(link::withdraw)),
    ("/settings/profiles/{id}/delete", Needs::May(Act::DeleteProfile), || get(profile::delete_form).post(profile::delete)),
    ("/settings/page-presets", Needs::May(Act::ManagePresets), || get(presets::get).post(presets::save)),
    ("/settings/teams", Needs::May(Act::ManageTeams), || get(teams::list).post(teams::create)),
    ("/settings/teams/{id}", Needs::May(Act::ManageTeams), || post(teams::save)),
    ("/settings/people", Needs::May(Act::ManagePeople), || get(people::list)),
    ("/settings/people/{id}", Needs::May(Act::ManagePeople), || get(people::get)),
    ("/settings/people/{id}/replacements", Needs::May(Act::ManagePeople), || post(people::replace)),
    ("/settings/people/{id}/give-up", Needs::May(Act::ManagePeople), || get(people::give_up_form).post(people::give_up_all)),
    ("/settings/users", Needs::May(Act::ManageUsers), || get(users::list).post(users::invite)),
    ("/settings/users/{id}", Needs::May(Act::ManageUsers), || post(users::save)),
    ("/settings/permission-sets", Needs::May(Act::ManageUsers), || get(sets::list).post(sets::create)),
    ("/settings/permission-sets/{id}", Needs::May(Act::ManageUsers), || post(sets::save)),
    ("/settings/network-apps", Needs::May(Act::ManageNetworkApps), || get(apps::get).post(apps::save)),
    ("/settings/api-keys", Needs::May(Act::ManageApiKeys), || get(keys::list).post(keys::create)),
    ("/settings/api-keys/{id}", Needs::May(Act::ManageApiKeys), || get(keys::one)),
    ("/settings/api-keys/{id}/revoke", Needs::May(Act::ManageApiKeys), || post(keys::revoke)),
    ("/settings/freezes", Needs::May(Act::Freeze), || get(freezes::list).post(freezes::set)),
    ("/settings/freezes/hold/release", Needs::May(Act::Freeze), || post(freezes::release)),
    ("/settings/freezes/{id}/thaw", Needs::May(Act::Freeze), || post(freezes::thaw)),
    ("/compose", Needs::May(Act::Publish), || get(compose::get).post(compose::submit).layer(DefaultBodyLimit::max(v1::LARGE_MAX))),
    // Whoever wanted it, or was named to approve it, may: that is decided by the act itself.
    ("/compose/{id}/{what}", Needs::Theirs, || post(compose::decide)),
    ("/engagement", Needs::May(Act::ReadComments), || get(engagement::get)),
    ("/engagement/{id}", Needs::May(Act::Comment), || post(engagement::comment)),
    ("/audit", Needs::May(Act::SeeAudit), || get(audit::get)),
    ("/audit/export", Needs::May(Act::SeeAudit), || get(v1::audit::export)),
    ("/forecast", Needs::May(Act::SeeProfile), || get(forecast::get)),
    ("/forecast/calendar", Needs::May(Act::ManageOwnAccount), || post(forecast::calendar)),
    ("/forecast/calendar/revoke", Needs::May(Act::ManageOwnAccount), || post(forecast::revoke)),
    ("/forecast/renewal-links", Needs::May(Act::RefreshConnection), || post(forecast::ask)),
    ("/forecast/renewal-links/{id}/withdraw", Needs::May(Act::RefreshConnection), || post(forecast::withdraw)),
    // Calendar programs cannot sign in: the address is the key. The second one is where the REST API has its paths.
    ("/calendar/{secret}", Needs::Nothing, || get(calendar::get)),
    ("/api/v1/calendar/{secret}", Needs::Nothing, || get(calendar::get)),
    ("/settings/deliveries", Needs::May(Act::ManageWebhooks), || get(webhooks::deliveries)),
    ("/settings/webhooks", Needs::May(Act::ManageWebhooks), || get(webhooks::list).post(webhooks::create)),
    ("/settings/webhooks/{id}", Needs::May(Act::ManageWebhooks), || get(webhooks::get).post(webhooks::save)),
    ("/settings/webhooks/{id}/test", Needs::May(Act::ManageWebhooks), || post(webhooks::test)),
    ("/settings/webhooks/{id}/rotate", Needs::May(Act::ManageWebhooks), || post(webhooks::rotate)),
    ("/settings/webhooks/{id}/replay", Needs::May(Act::ManageWebhooks), || post(webhooks::replay)),
    ("/settings/webhooks/{id}/delete", Needs::May(Act::ManageWebhooks), || post(webhooks::delete)),
    ("/account", Needs::May(Act::ManageOwnAccount), || get(account::get).post(account::save)),
    ("/account/notifications", Needs::May(Act::ManageOwnAccount), || post(account::save_notifications)),
    ("/account/test-mail", Needs::May(Act::ManageOwnAccount), || post(account::test_mail)),
    ("/account/password", Needs::May(Act::ManageOwnAccount), || post(account::save_password)),
    ("/account/second-factor", Needs::May(Act::ManageOwnAccount), || get(second_factor::get).post(second_factor::post)),
    ("/account/sessions/{id}/end", Needs::May(Act::ManageOwnAccount), || post(account::end_session)),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lifecycle::words::DOORS;

    #[test]
    fn every_address_that_is_a_key_is_left_out_of_what_strangers_say() {
        let quoted = [include_str!("pages.rs"), include_str!("../routes.rs")].map(|source| source.split('"').collect::<Vec<_>>()).concat();
        let routes: Vec<&str> =
            quoted.iter().filter(|text| text.starts_with('/')).filter_map(|path| path.strip_suffix("{secret}")).collect();
        let doors: BTreeSet<&str> = routes.iter().filter_map(|path| DOORS.iter().copied().find(|door| path.ends_with(door))).collect();
        assert!(routes.iter().all(|path| DOORS.iter().any(|door| path.ends_with(door))), "{routes:?}");
        assert_eq!(doors, DOORS.iter().copied().collect(), "no other");
    }
}
