//! Networks that are defined by configuration alone, each in its own strange way: described by words, they go the whole way at the twins
//! of networks that have adapters of their own.

use std::collections::BTreeMap;

use lifecycle::diagnosis::Finding;
use lifecycle::facts::{RenewalModel, Reuse};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence};
use networks::catalogue::define;
use networks::network::{Failure, Network};
use networks::oauth2::{Definition, check};
use serde_json::json;

use crate::{Bench, DAY};

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A network of these words at that twin; endpoints are paths below it.
fn configured(twin: &str, scopes: &[&str], endpoints: &[(&str, &str)], options: &[(&str, &str)]) -> Bench {
    let name = format!("own_{twin}");
    let definition = Definition {
        name: name.clone(),
        title: "Of our own".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        rules: vec![("Log in.".into(), "Melden Sie sich an.".into())],
        has_profiles: endpoints.iter().any(|(key, _)| *key == "profiles"),
    };
    define(definition).expect("defined");
    let network: &'static dyn Network = networks::find(&name).expect("known");
    let mut bench = Bench::of(network, twin);
    bench.app.base_url = None;
    let address = |path: &str| format!("http://sandbox.test/{twin}{path}");
    bench.app.endpoints = endpoints.iter().map(|(key, path)| ((*key).to_owned(), address(path))).collect();
    bench.app.options = map(options);
    assert_eq!(check(&bench.app.options, &bench.app.endpoints), Ok(()));
    bench
}

fn refused(finding: Finding) -> Option<(Cause, Confidence)> {
    match finding {
        Finding::Refused { cause, confidence, terminal } => {
            assert!(!terminal, "no table makes a verdict by itself");
            Some((cause, confidence))
        }
        _ => None,
    }
}

/// Another name for the client id, scopes by commas, a challenge in digits, errors with a good status, ids two levels deep.
#[tokio::test]
async fn one_that_names_everything_otherwise() {
    let mut bench = configured(
        "tiktok",
        &["user.info.basic", "user.info.profile"],
        &[
            ("authorize", "/v2/auth/authorize/"),
            ("token", "/v2/oauth/token/"),
            ("userinfo", "/v2/user/info/?fields=open_id,display_name,username"),
            ("revoke", "/v2/oauth/revoke/"),
        ],
        &[
            ("client_auth", "post"),
            ("client_id_name", "client_key"),
            ("scope_separator", "comma"),
            ("pkce", "hex"),
            ("refresh_life_name", "refresh_expires_in"),
            ("revoke_token", "access"),
            ("authorize.disable_auto_auth", "1"),
            ("id", "/data/user/open_id"),
            ("name", "/data/user/display_name"),
            ("handle", "/data/user/username"),
            ("error.access_token_invalid", "unknown guess"),
            ("error.scope_not_authorized", "scope_missing certain"),
            ("error.invalid_grant", "revoked_by_person guess"),
            ("limit_reset_header", "x-ratelimit-reset"),
        ],
    );
    bench.facts.renewal = RenewalModel::Rotating(Reuse::Refused);
    let begun = bench.begin().await.expect("begins");
    for part in ["client_key=sandbox-tiktok", "scope=user.info.basic%2Cuser.info.profile", "disable_auto_auth=1", "code_challenge="] {
        assert!(begun.url.contains(part), "{part}: {}", begun.url);
    }
    let issued = bench.try_connect("fernweh.outdoor", json!({})).await.expect("connects");
    assert_eq!(issued.tokens.scopes, ["user.info.basic", "user.info.profile"]);
    let life = issued.clocks.refresh_until.expect("told").since(bench.cx().now);
    assert_eq!(life, Span::days(365));
    let found = bench.discover(&issued.tokens).await.expect("listed");
    assert_eq!((found.person.name.as_str(), found.person.handle.as_deref()), ("Fernweh Outdoor", Some("fernweh.outdoor")));
    assert!(found.person.network_id.contains('-') && found.profiles.len() == 1);
    assert_eq!(bench.probe(&issued.tokens).finding, Finding::Works);
    let second = bench.renewed(&issued.tokens);
    assert_eq!(refused(bench.refused_renewal(&issued.tokens).finding), Some((Cause::RevokedByPerson, Confidence::Guess)), "by our table");
    bench.moods_are_harmless(&second);
    bench.mood("rate_limited");
    assert_eq!(bench.probe(&second).finding, Finding::Transient { retry_after: Some(Span::seconds(60)) });
    bench.mood("normal");
    let less = bench.try_connect("gipfel.guides", json!({ "drop_scopes": ["user.info.profile"] })).await.expect("connects");
    assert_eq!(less.missing_scopes, ["user.info.profile"]);
    assert_eq!(refused(bench.probe(&less.tokens).finding), Some((Cause::ScopeMissing, Confidence::Certain)));
    assert!(bench.revoke(&second));
    assert_eq!(refused(bench.probe(&second).finding), Some((Cause::Unknown, Confidence::Guess)));
    assert!(!bench.revoke(&second), "an error with a good status");
    let denied = bench.begin().await.expect("begins");
    let back = bench.consent(&denied.url, "fernweh.outdoor", &json!({ "deny": true }));
    assert!(matches!(bench.exchange(&denied, &back), Err(Failure::Denied { .. })));
}

/// A token that is traded for one that lives longer, and extended from then on; subcodes that say why it ended.
#[tokio::test]
async fn one_whose_tokens_are_traded_and_extended() {
    let options = [
        ("client_auth", "post"),
        ("pkce", "none"),
        ("scope_separator", "comma"),
        ("long_lived.grant_type", "th_exchange_token"),
        ("long_lived.client_secret", "{client_secret}"),
        ("long_lived.access_token", "{token}"),
        ("extend.grant_type", "th_refresh_token"),
        ("extend.access_token", "{token}"),
        ("id", "id"),
        ("name", "username"),
        ("handle", "username"),
        ("error_code", "/error/error_subcode"),
        ("error.458", "revoked_by_person certain"),
        ("error.460", "password_changed certain"),
        ("error.459", "person_blocked certain"),
        ("error.463", "expired certain"),
    ];
    let endpoints = [
        ("authorize", "/oauth/authorize"),
        ("token", "/oauth/access_token"),
        ("userinfo", "/v1.0/me?fields=id,username"),
        ("long_lived", "/access_token"),
        ("extend", "/refresh_access_token"),
    ];
    for bearer in ["header", "query:access_token"] {
        let options = [&options[..], &[("bearer", bearer)]].concat();
        let mut bench = configured("threads", &["threads_basic"], &endpoints, &options);
        bench.facts.renewal = RenewalModel::Extending(Span::days(1));
        let username = bench.somebody();
        let issued = bench.try_connect(&username, json!({})).await.expect("connects");
        assert!(issued.renewable && issued.tokens.refresh_token.is_none(), "the token itself is extended");
        let life = issued.clocks.access_until.expect("told").since(bench.cx().now);
        assert!(life > Span::days(59), "the one that lives longer: {life:?}");
        assert_eq!(bench.discover(&issued.tokens).await.expect("listed").person.handle.as_deref(), Some(username.as_str()));
        assert_eq!(bench.probe(&issued.tokens).finding, Finding::Works, "{bearer}");
        bench.pass(30 * DAY);
        let longer = bench.renewed(&issued.tokens);
        bench.pass(45 * DAY);
        assert_eq!(bench.probe(&longer).finding, Finding::Works, "it was extended");
        bench.moods_are_harmless(&longer);
        let deaths = [("change-password", Cause::PasswordChanged), ("revoke", Cause::RevokedByPerson), ("block", Cause::PersonBlocked)];
        for (action, cause) in deaths {
            let held = bench.connect(&username).await;
            bench.happen(&username, action);
            assert_eq!(refused(bench.probe(&held).finding), Some((cause, Confidence::Certain)), "{action}");
        }
    }
}

/// A login that leads to a list of things to act as, by HTTP Basic and without a proof key.
#[tokio::test]
async fn one_that_lists_what_can_be_acted_as() {
    let scopes = ["user_accounts:read", "boards:read"];
    let endpoints = [
        ("authorize", "/oauth/"),
        ("token", "/v5/oauth/token"),
        ("userinfo", "/v5/user_account"),
        ("profiles", "/v5/boards?page_size=250"),
        ("check", "/v5/user_account"),
    ];
    let options = [
        ("pkce", "none"),
        ("scope_separator", "comma"),
        ("id", "id"),
        ("name", "business_name"),
        ("handle", "username"),
        ("profiles_at", "items"),
        ("profile_role", "privacy"),
        ("profile_roles", "PUBLIC, PROTECTED"),
        ("error.401.2", "unknown guess"),
        ("error.401.3", "scope_missing certain"),
        ("error.403", "misconfigured"),
    ];
    let bench = configured("pinterest", &scopes, &endpoints, &options);
    assert!(bench.network.has_roles());
    let tokens = bench.connect("fernwehoutdoor").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let boards: Vec<&str> = found.profiles[1..].iter().map(|board| board.name.as_str()).collect();
    assert!(boards.contains(&"Hiking huts") && boards.contains(&"Alps together"), "{boards:?}");
    assert_eq!(bench.probe(&tokens).finding, Finding::Works);
    let second = bench.renewed(&tokens);
    bench.happen("fernwehoutdoor", "revoke");
    assert_eq!(refused(bench.probe(&second).finding), Some((Cause::Unknown, Confidence::Guess)));
    assert_eq!(bench.discover(&second).await.map_err(|why| refused(why.finding)), Err(Some((Cause::Unknown, Confidence::Guess))));
}
