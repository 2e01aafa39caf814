//! Every page and mail with its samples, in one list: for tests and for screenshots.

use crate::mails::{Invitation, Mail, NoAccessTokens, Recovered, RenewSoon, RenewalLink};
use crate::pages::Page;
use crate::pages::account::Account;
use crate::pages::api_keys::ApiKeys;
use crate::pages::connection_choose::ConnectionChoose;
use crate::pages::connection_result::ConnectionResult;
use crate::pages::dashboard::Dashboard;
use crate::pages::error::ErrorPage;
use crate::pages::network_apps::NetworkApps;
use crate::pages::page_presets::PagePresets;
use crate::pages::profile_delete::ProfileDelete;
use crate::pages::profile_general::ProfileGeneral;
use crate::pages::profile_notifications::ProfileNotifications;
use crate::pages::profile_tokens::ProfileTokens;
use crate::pages::profiles::Profiles;
use crate::pages::profiles_add::ProfilesAdd;
use crate::pages::profiles_add_network::ProfilesAddNetwork;
use crate::pages::refresh_connection::RefreshConnection;
use crate::pages::renew::Renew;
use crate::pages::renewal_link::RenewalLink as RenewalLinkPage;
use crate::pages::set_password::SetPassword;
use crate::pages::sign_in::SignIn;
use crate::pages::teams::Teams;
use crate::pages::users::Users;
use crate::shell::{Notice, Section, Shell, ShellUser, Theme};
use crate::words::Lang;

/// A rendered sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// A name for files: `profiles-empty`.
    pub name: String,
    /// The document.
    pub html: String,
}

/// The frame that samples stand in: a company admin, or nobody.
fn shell(lang: Lang, section: Section, signed_in: bool) -> Shell {
    let user = ShellUser { name: "Clara Lindqvist".into(), email: "clara@alpenblick.example".into(), is_admin: true };
    Shell {
        lang,
        theme: Theme::Auto,
        user: signed_in.then_some(user),
        section,
        flash: None,
        organisation: "Alpenblick & Söhne <Reisen>".into(),
    }
}

struct Pages {
    lang: Lang,
    list: Vec<Sample>,
}

impl Pages {
    fn add(&mut self, name: impl Into<String>, section: Section, page: &impl Page) {
        self.push(name.into(), &shell(self.lang, section, true), page);
    }

    fn public(&mut self, name: impl Into<String>, page: &impl Page) {
        self.push(name.into(), &shell(self.lang, Section::None, false), page);
    }

    fn push(&mut self, name: String, shell: &Shell, page: &impl Page) {
        self.list.push(Sample { name, html: page.render(shell) });
    }

    fn sign_in(&mut self) {
        let lang = self.lang;
        self.public("sign-in", &SignIn::sample(lang));
        self.public("sign-in-refused", &SignIn::sample_refused(lang));
        self.public("sign-in-locked", &SignIn::sample_locked(lang));
        let expired = Shell { flash: Some(Notice::SessionExpired.flash(lang, "")), ..shell(lang, Section::None, false) };
        self.push("sign-in-expired".into(), &expired, &SignIn::sample(lang));
        self.public("setup", &SetPassword::sample(lang));
        self.public("invitation", &SetPassword::sample_invitation(lang));
        self.public("invitation-expired", &SetPassword::sample_expired(lang));
        self.public("invitation-used", &SetPassword::sample_used(lang));
    }

    fn lists(&mut self) {
        let lang = self.lang;
        self.add("dashboard", Section::Dashboard, &Dashboard::sample(lang));
        self.add("dashboard-quiet", Section::Dashboard, &Dashboard::sample_quiet(lang));
        self.add("dashboard-empty", Section::Dashboard, &Dashboard::sample_empty(lang));
        self.add("profiles", Section::Profiles, &Profiles::sample(lang));
        self.add("profiles-empty", Section::Profiles, &Profiles::sample_empty(lang));
        let mut standard = shell(lang, Section::Profiles, true);
        standard.user = standard.user.map(|user| ShellUser { is_admin: false, name: "<b>Tobias</b>".into(), ..user });
        standard.flash = Some(Notice::CheckedBad.flash(lang, "<script>\u{202e}x"));
        self.push("profiles-filtered".into(), &standard, &Profiles::sample_filtered(lang));
    }

    fn connecting(&mut self) {
        let lang = self.lang;
        let section = Section::Profiles;
        self.add("profiles-add", section, &ProfilesAdd::sample(lang));
        self.add("profiles-add-limit", section, &ProfilesAdd::sample_limit(lang));
        self.add("profiles-add-network", section, &ProfilesAddNetwork::sample(lang));
        self.add("profiles-add-network-handle", section, &ProfilesAddNetwork::sample_handle(lang));
        self.add("profiles-add-network-no-app", section, &ProfilesAddNetwork::sample_no_app(lang));
        self.add("connection-choose", section, &ConnectionChoose::sample(lang));
        self.add("connection-choose-boards", section, &ConnectionChoose::sample_boards(lang));
        self.add("connection-result", section, &ConnectionResult::sample(lang));
        self.add("connection-result-ownerless", section, &ConnectionResult::sample_ownerless(lang));
        self.add("connection-result-refreshed", section, &ConnectionResult::sample_refreshed(lang));
        self.add("connection-failed-wrong-person", section, &ConnectionResult::sample_wrong_person(lang));
        for (name, page) in ConnectionResult::samples_failed(lang) {
            self.add(format!("connection-failed-{name}"), section, &page);
        }
        self.add("refresh", section, &RefreshConnection::sample(lang));
        self.add("refresh-error", section, &RefreshConnection::sample_error(lang));
        self.add("refresh-no-app", section, &RefreshConnection::sample_no_app(lang));
        self.public("renew", &Renew::sample(lang));
        for (name, page) in Renew::samples_other(lang) {
            self.public(format!("renew-{name}"), &page);
        }
    }

    fn profile(&mut self) {
        let lang = self.lang;
        let section = Section::Profiles;
        self.add("profile-general", section, &ProfileGeneral::sample(lang));
        self.add("profile-general-board", section, &ProfileGeneral::sample_board(lang));
        self.add("profile-general-grey", section, &ProfileGeneral::sample_grey(lang));
        let saved = Shell { flash: Some(Notice::Saved.flash(lang, "")), ..shell(lang, section, true) };
        self.push("profile-notifications".into(), &saved, &ProfileNotifications::sample(lang));
        for (name, page) in ProfileNotifications::samples_nobody(lang) {
            self.add(format!("profile-notifications-{name}"), section, &page);
        }
        self.add("profile-tokens", section, &ProfileTokens::sample(lang));
        self.add("profile-tokens-only-one", section, &ProfileTokens::sample_only_one(lang));
        self.add("profile-tokens-states", section, &ProfileTokens::sample_states(lang));
        self.add("profile-delete", section, &ProfileDelete::sample(lang));
        self.add("profile-delete-boards", section, &ProfileDelete::sample_boards(lang));
        self.add("renewal-link", section, &RenewalLinkPage::sample(lang));
        self.add("renewal-link-created", section, &RenewalLinkPage::sample_created(lang));
        self.add("renewal-link-sent", section, &RenewalLinkPage::sample_sent(lang));
        self.add("renewal-link-error", section, &RenewalLinkPage::sample_error(lang));
        self.add("renewal-link-mail-off", section, &RenewalLinkPage::sample_mail_off(lang));
    }

    fn settings(&mut self) {
        let lang = self.lang;
        self.add("page-presets", Section::PagePresets, &PagePresets::sample(lang));
        self.add("teams", Section::Teams, &Teams::sample(lang));
        self.add("teams-empty", Section::Teams, &Teams::sample_empty(lang));
        self.add("users", Section::Users, &Users::sample(lang));
        self.add("users-invited", Section::Users, &Users::sample_invited(lang));
        self.add("users-error", Section::Users, &Users::sample_error(lang));
        self.add("network-apps", Section::NetworkApps, &NetworkApps::sample(lang));
        self.add("api-keys", Section::ApiKeys, &ApiKeys::sample(lang));
        self.add("api-keys-created", Section::ApiKeys, &ApiKeys::sample_created(lang));
        self.add("api-keys-empty", Section::ApiKeys, &ApiKeys::sample_empty(lang));
        self.add("account", Section::Account, &Account::sample(lang));
        self.add("account-error", Section::Account, &Account::sample_error(lang));
        self.add("account-details-error", Section::Account, &Account::sample_details_error(lang));
        for (name, page) in ErrorPage::samples(lang) {
            self.add(name, Section::None, &page);
        }
        self.public("error-public", &ErrorPage::sample(lang));
    }
}

/// Every page with every sample, in one language.
pub fn pages(lang: Lang) -> Vec<Sample> {
    let mut pages = Pages { lang, list: vec![] };
    pages.sign_in();
    pages.lists();
    pages.connecting();
    pages.profile();
    pages.settings();
    pages.list
}

/// Every mail with every sample, in one language.
pub fn mails(lang: Lang) -> Vec<(String, Mail)> {
    let mut mails = vec![
        ("no-access-tokens".to_owned(), NoAccessTokens::sample(lang).render(lang)),
        ("no-access-tokens-hostile".to_owned(), NoAccessTokens::sample_hostile(lang).render(lang)),
        ("recovered".to_owned(), Recovered::sample(lang).render(lang)),
        ("invitation".to_owned(), Invitation::sample(lang).render(lang)),
        ("renewal-link".to_owned(), RenewalLink::sample(lang).render(lang)),
    ];
    mails.extend([30, 14, 7, 1].map(|days| (format!("renew-soon-{days}"), RenewSoon::sample(lang, days).render(lang))));
    mails
}
