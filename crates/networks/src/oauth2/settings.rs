//! What may be set about a network of the configuration under `networks.NAME.options` and `networks.NAME.endpoints`. A word that
//! is not known is refused when the server starts: nothing is set in vain.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::words::{Cause, Confidence, Evidence};

use crate::oauth;

/// The endpoints without which a network of the configuration cannot be connected.
const NEEDED: [&str; 3] = ["authorize", "token", "userinfo"];
/// The endpoints that it may have besides.
const FURTHER: [&str; 8] = ["par", "long_lived", "extend", "introspect", "check", "profiles", "revoke", "api"];

/// Every endpoint.
pub(super) fn endpoints() -> impl Iterator<Item = &'static str> {
    NEEDED.into_iter().chain(FURTHER)
}

/// Options with a name of their own, each with the words it may have; none: whatever the operator writes.
const PLAIN: [(&str, &[&str]); 24] = [
    ("issuer", &[]),
    ("client_auth", &["basic", "post", "none", "private_key_jwt"]),
    ("client_id_name", &[]),
    ("pkce", &["S256", "plain", "hex", "none"]),
    ("scope_separator", &["space", "comma"]),
    ("bearer", &[]),
    ("token_at", &[]),
    ("refresh_life_name", &[]),
    ("long_lived_method", &["get", "post"]),
    ("extend_method", &["get", "post"]),
    ("id", &[]),
    ("name", &[]),
    ("handle", &[]),
    ("picture", &[]),
    ("profiles_at", &[]),
    ("profiles_next", &[]),
    ("profile_id", &[]),
    ("profile_name", &[]),
    ("profile_handle", &[]),
    ("profile_role", &[]),
    ("profile_roles", &[]),
    ("error_code", &[]),
    ("revoke_token", &["refresh", "access"]),
    ("limit_reset_header", &[]),
];
/// Options that end in a name of the operator's.
const FAMILIES: [&str; 6] = ["authorize.", "token.", "header.", "long_lived.", "extend.", "error."];

/// Parameters that nobody else sets: on them hangs that an answer is ours.
const OURS: [&str; 11] = [
    "state",
    "redirect_uri",
    "response_type",
    "code",
    "code_verifier",
    "code_challenge",
    "code_challenge_method",
    "grant_type",
    "refresh_token",
    "client_secret",
    "client_assertion",
];

/// Stands for the token in parameters of the exchanges of access tokens.
pub(super) const TOKEN: &str = "{token}";
/// Stand for our client there.
pub(super) const CLIENT: [&str; 2] = ["{client_id}", "{client_secret}"];

/// The options of a family, by the names that the operator gave them.
pub(super) fn family<'a>(options: &'a BTreeMap<String, String>, family: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    options.iter().filter_map(move |(name, value)| Some((name.strip_prefix(family)?, value.as_str())))
}

/// How the access token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// `Authorization: Bearer` (RFC 6750 2.1).
    Usual,
    /// In a header of that name, alone.
    Header(&'a str),
    /// In the query, under that name (RFC 6750 2.3).
    Query(&'a str),
}

pub(super) fn bearer(options: &BTreeMap<String, String>) -> Option<Bearer<'_>> {
    match options.get("bearer").map_or("header", String::as_str).split_once(':') {
        None => options.get("bearer").is_none_or(|how| how == "header").then_some(Bearer::Usual),
        Some(("header", name)) => HeaderName::try_from(name).is_ok().then_some(Bearer::Header(name)),
        Some(("query", name)) if !name.is_empty() => Some(Bearer::Query(name)),
        Some(_) => None,
    }
}

/// What an answer means, as the operator wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Transient,
    Misconfigured,
    Refused(Cause, Confidence),
}

impl Meaning {
    /// `transient`, `misconfigured`, or a cause, which is likely where nothing else stands behind it.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let meaning = match words.next()? {
            "transient" => Self::Transient,
            "misconfigured" => Self::Misconfigured,
            cause => {
                let confidence = words.next().map_or(Some(Confidence::Likely), Confidence::parse)?;
                Self::Refused(Cause::parse(cause)?, confidence)
            }
        };
        words.next().is_none().then_some(meaning)
    }
}

/// What the operator's table says of an answer: `error.STATUS.CODE` first, then `error.CODE`, then `error.STATUS`. Never that a token is
/// over for good: a second look decides, as with every other answer that is read by a table.
pub(super) fn meaning(options: &BTreeMap<String, String>, evidence: &Evidence, code: &str) -> Option<Diagnosis> {
    let status = evidence.http_status.unwrap_or(0);
    let keys = [format!("error.{status}.{code}"), format!("error.{code}"), format!("error.{status}")];
    let said = keys.iter().enumerate().filter(|(n, _)| *n == 2 || !code.is_empty()).find_map(|(_, key)| options.get(key))?;
    Some(match Meaning::parse(said)? {
        Meaning::Transient => Diagnosis::transient(evidence.clone(), None),
        Meaning::Misconfigured => Diagnosis::misconfigured(evidence.clone()),
        Meaning::Refused(cause, confidence) => Diagnosis::refused(cause, confidence, evidence.clone()),
    })
}

fn plain(name: &str, value: &str) -> Result<(), String> {
    let Some((_, words)) = PLAIN.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = PLAIN.iter().map(|(known, _)| *known).chain(FAMILIES.map(|family| family.trim_end_matches('.'))).collect();
        return Err(format!("options.{name} is not known of a network that is defined here; there are {}", known.join(", ")));
    };
    if !words.is_empty() && !words.contains(&value) {
        return Err(format!("options.{name} is one of {}", words.join(", ")));
    }
    Ok(())
}

fn of_family(family: &str, name: &str, value: &str) -> Result<(), String> {
    let is_header = || HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
    match family {
        "header." if !is_header() => Err(format!("options.\"header.{name}\" is no header")),
        "error." if Meaning::parse(value).is_none() => {
            let causes: Vec<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
            Err(format!(
                "options.\"error.{name}\" is transient, misconfigured or one of {}; certain, likely or guess may follow a cause",
                causes.join(", ")
            ))
        }
        "authorize." if oauth::instead_of(name).is_some() => {
            let instead = oauth::instead_of(name).unwrap_or_default();
            Err(format!("options.\"authorize.{name}\": that parameter is Staygreen's own; {instead}"))
        }
        "token." if OURS.contains(&name) => Err(format!("options.\"token.{name}\": that parameter is Staygreen's own")),
        _ if name.is_empty() => Err(format!("options.\"{family}\" has to end in a name")),
        _ => Ok(()),
    }
}

/// Whether a network can be defined by this.
///
/// # Errors
/// In words, with the setting to change.
pub fn check(options: &BTreeMap<String, String>, endpoints: &BTreeMap<String, String>) -> Result<(), String> {
    let is_there = |key: &str| endpoints.get(key).is_some_and(|url| !url.is_empty());
    if let Some(key) = NEEDED.iter().find(|key| !is_there(key)) {
        return Err(format!("endpoints.{key} is needed for a network that is defined here"));
    }
    if let Some(key) = endpoints.keys().find(|key| !self::endpoints().any(|known| known == key.as_str())) {
        let known = self::endpoints().collect::<Vec<_>>().join(", ");
        return Err(format!("endpoints.{key} is not known of a network that is defined here; there are {known}"));
    }
    for (name, value) in options {
        match FAMILIES.iter().find_map(|family| Some((*family, name.strip_prefix(family)?))) {
            Some((family, rest)) => of_family(family, rest, value)?,
            None => plain(name, value)?,
        }
    }
    if bearer(options).is_none() {
        return Err("options.bearer is header, header:NAME or query:NAME".into());
    }
    for kind in ["long_lived", "extend"] {
        let carries = family(options, &format!("{kind}.")).any(|(_, value)| value == TOKEN);
        let is_set = options.keys().any(|name| name.starts_with(kind));
        if is_there(kind) != carries || (is_set && !carries) {
            return Err(format!(
                "endpoints.{kind} and options.\"{kind}.NAME\" = \"{TOKEN}\", the parameter with the token, belong together"
            ));
        }
    }
    let of_profiles = options.keys().find(|name| name.starts_with("profile"));
    if let Some(name) = of_profiles.filter(|_| !is_there("profiles")) {
        return Err(format!("options.{name} needs endpoints.profiles, where the list comes from"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lifecycle::diagnosis::Finding;
    use lifecycle::time::Timestamp;
    use lifecycle::words::Source;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const NEEDS: [(&str, &str); 3] =
        [("authorize", "https://a.example"), ("token", "https://b.example"), ("userinfo", "https://c.example")];

    fn refused(options: &[(&str, &str)], endpoints: &[(&str, &str)]) -> String {
        check(&map(options), &map(&[&NEEDS[..], endpoints].concat())).expect_err("refused")
    }

    #[test]
    fn what_would_do_nothing_is_refused_with_what_there_is() {
        assert_eq!(check(&map(&[]), &map(&NEEDS)), Ok(()));
        assert!(check(&map(&[]), &map(&NEEDS[..2])).is_err_and(|why| why.contains("endpoints.userinfo")));
        assert!(refused(&[], &[("revok", "https://d.example")]).contains("there are authorize, token"));
        assert!(refused(&[("clientauth", "post")], &[]).contains("client_auth"));
        assert!(refused(&[("client_auth", "digest")], &[]).contains("basic, post, none, private_key_jwt"));
        assert!(refused(&[("bearer", "cookie:x")], &[]).contains("query:NAME"));
        assert!(refused(&[("error.401", "dead")], &[]).contains("revoked_by_person"));
        assert!(refused(&[("error.401", "expired surely")], &[]).contains("certain, likely or guess"));
        assert!(refused(&[("header.a b", "x")], &[]).contains("is no header"));
        assert!(refused(&[("authorize.state", "x")], &[]).contains("Staygreen's own"));
        assert!(refused(&[("profile_id", "id")], &[]).contains("endpoints.profiles"));
        assert!(refused(&[], &[("extend", "https://d.example")]).contains("belong together"));
        assert!(refused(&[("extend.access_token", "{token}")], &[]).contains("belong together"));
        assert!(refused(&[("long_lived_method", "post")], &[]).contains("belong together"));
        let extending = map(&[("extend.access_token", "{token}"), ("extend_method", "post"), ("extend.grant_type", "x")]);
        assert_eq!(check(&extending, &map(&[&NEEDS[..], &[("extend", "https://d.example")]].concat())), Ok(()));
    }

    #[test]
    fn the_closest_line_of_the_table_counts() {
        let options = map(&[("error.401.gone", "revoked_by_person certain"), ("error.gone", "expired"), ("error.401", "transient")]);
        let finding = |status: u16, code: &str| {
            let evidence = Evidence::new(Timestamp::from_seconds(1), Source::Probe, Some(status), Some(code), "words");
            meaning(&options, &evidence, code).map(|diagnosis| diagnosis.finding)
        };
        let refused = |cause, confidence| Some(Finding::Refused { cause, confidence, terminal: false });
        assert_eq!(finding(401, "gone"), refused(Cause::RevokedByPerson, Confidence::Certain));
        assert_eq!(finding(403, "gone"), refused(Cause::Expired, Confidence::Likely));
        assert_eq!(finding(401, "other"), Some(Finding::Transient { retry_after: None }));
        assert_eq!(finding(401, ""), Some(Finding::Transient { retry_after: None }));
        assert_eq!(finding(403, "other"), None);
    }
}
