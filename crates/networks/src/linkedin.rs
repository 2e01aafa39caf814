//! LinkedIn: one login is one member token, which acts for the member and for every page on which the member is Super
//! admin. Facts: `networks/linkedin` of the knowledge base; official pages of 2026.

mod acts;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Comment, Done, Post, Posted};
use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network, PersonSeen,
    RefreshTokens, Registration, Renewal, Rule, Start, Words,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub(crate) struct LinkedIn;

static ABOUT: About = About {
    name: "linkedin",
    title: "LinkedIn",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "You can connect your own profile and every company page on which you are Super admin.",
            de: "Sie können Ihr eigenes Profil verbinden und jede Unternehmensseite, auf der Sie Super-Admin sind.",
        },
        Rule {
            en: "LinkedIn demands that you log in again: every 365 days, or every 60 days where it gives the network app no refresh tokens. We remind you 30, 14, 7 and 1 days ahead.",
            de: "LinkedIn verlangt eine neue Anmeldung: alle 365 Tage, oder alle 60 Tage, wo es der Netzwerk-App keine Refresh Tokens gibt. Wir erinnern 30, 14, 7 und 1 Tag vorher.",
        },
        Rule {
            en: "LinkedIn grants all requested permissions or none: please accept them all.",
            de: "LinkedIn erteilt alle angefragten Berechtigungen oder keine: bitte bestätigen Sie alle.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["openid", "profile", "w_member_social", "rw_organization_admin", "w_organization_social", "r_organization_social"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.linkedin.com/oauth/v2/authorization" },
        Endpoint { key: "token", url: "https://www.linkedin.com/oauth/v2/accessToken" },
        Endpoint { key: "introspect", url: "https://www.linkedin.com/oauth/v2/introspectToken" },
        // Not in the official pages; seen in third-party code (unconfirmed). Best effort.
        Endpoint { key: "revoke", url: "https://www.linkedin.com/oauth/v2/revoke" },
        Endpoint { key: "userinfo", url: "https://api.linkedin.com/v2/userinfo" },
        Endpoint { key: "rest", url: "https://api.linkedin.com/rest" },
    ],
};

static REFRESH_TOKENS: RefreshTokens = RefreshTokens {
    given: Rule {
        en: "LinkedIn gives this network app refresh tokens: access is renewed by itself, and you log in again once in 365 days.",
        de: "LinkedIn gibt dieser Netzwerk-App Refresh Tokens: der Zugang erneuert sich von selbst, und Sie melden sich einmal in 365 Tagen neu an.",
    },
    not_given: Rule {
        en: "LinkedIn gives this network app no refresh tokens: you log in again every 60 days. Before the 60 days are over, that is one click while you are logged in at LinkedIn.",
        de: "LinkedIn gibt dieser Netzwerk-App keine Refresh Tokens: Sie melden sich alle 60 Tage neu an. Vor Ablauf der 60 Tage ist das ein Klick, solange Sie bei LinkedIn angemeldet sind.",
    },
    unknown: Rule {
        en: "Whether LinkedIn gives this network app refresh tokens (log in every 365 days) or not (every 60 days) shows with the first login; it is said here from then on.",
        de: "Ob LinkedIn dieser Netzwerk-App Refresh Tokens gibt (Anmeldung alle 365 Tage) oder nicht (alle 60 Tage), zeigt die erste Anmeldung; von da an steht es hier.",
    },
};

/// The version header of the versioned API; each lives about a year (option `version`).
const VERSION: &str = "202607";
/// The most pages of roles that are followed.
const PAGES_MAX: usize = 20;

impl LinkedIn {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn rest(cx: &Cx<'_>, path: &str, tokens: &TokenSet) -> Request<Bytes> {
        let mut request = oauth::get_bearer(&format!("{}{path}", Self::url(cx, "rest")), &tokens.access_token);
        let headers = request.headers_mut();
        headers.insert("linkedin-version", Self::version(cx));
        headers.insert("x-restli-protocol-version", http::HeaderValue::from_static("2.0.0"));
        request
    }

    /// The API's errors: (status, serviceErrorCode / code). 65601 is also seen falsely in the first seconds of a token's
    /// life, so nothing here is terminal; introspection is.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let number = json.get("serviceErrorCode").and_then(Value::as_i64).unwrap_or(0);
        let code = oauth::text(&json, "code").map_or_else(|| number.to_string(), str::to_owned);
        let words = oauth::text(&json, "message").unwrap_or_default();
        let seen = if words.is_empty() {
            oauth::unreadable(cx.now, source, answer)
        } else {
            oauth::evidence(cx.now, source, answer, Some(&code), words)
        };
        match (answer.status().as_u16(), number, code.as_str()) {
            // Every call of every member fails from one day on; logging in again helps nobody.
            (426, _, _) | (400, _, "VERSION_MISSING") => Diagnosis::misconfigured(Self::version_is_over(cx, seen)),
            (401, 65601, _) | (401, _, "REVOKED_ACCESS_TOKEN") => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen),
            (401, 65602, _) | (401, _, "EXPIRED_ACCESS_TOKEN") => Diagnosis::refused(Cause::Expired, Confidence::Certain, seen),
            (401, 65600, _) | (401, _, "INVALID_ACCESS_TOKEN") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            (403, _, "MEMBER_RESTRICTED") => Diagnosis::refused(Cause::PersonBlocked, Confidence::Certain, seen),
            (403, 100, _) => Diagnosis::misconfigured(seen),
            _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
        }
    }

    fn version(cx: &Cx<'_>) -> http::HeaderValue {
        let configured = cx.app.options.get("version").and_then(|version| http::HeaderValue::from_str(version).ok());
        configured.unwrap_or(http::HeaderValue::from_static(VERSION))
    }

    fn version_is_over(cx: &Cx<'_>, mut seen: Evidence) -> Evidence {
        let version = Self::version(cx);
        let more = format!(
            " (asked by version {}: set networks.linkedin.options.version to one that is active)",
            version.to_str().unwrap_or_default()
        );
        seen.words.push_str(&more);
        seen
    }

    /// One scope that a product of the app does not hold fails the whole login, and no person can help that.
    fn scopes_of_app(failure: Failure) -> Failure {
        match failure {
            Failure::Misconfigured { mut evidence } if evidence.code.as_deref() == Some("unauthorized_scope_error") => {
                let more = "; add the product to the network app at LinkedIn, or leave the scope out of networks.linkedin.scopes";
                evidence.words.push_str(more);
                Failure::Misconfigured { evidence }
            }
            other => other,
        }
    }

    /// The person whom the id token names, where `openid` was granted. One that was made for another client came from
    /// somebody else's login.
    fn person_in(cx: &Cx<'_>, answer: &Response<Bytes>) -> Result<Option<String>, Failure> {
        let Some(claims) = oauth::json(answer).as_ref().and_then(oauth::id_claims) else { return Ok(None) };
        let audience = claims.get("aud").unwrap_or(&Value::Null);
        let names_us = |name: &Value| name.as_str() == Some(cx.app.client_id.as_str());
        if !names_us(audience) && !audience.as_array().is_some_and(|all| all.iter().any(names_us)) {
            let words = "the id token was made for another network app";
            return Err(Failure::Suspicious { evidence: oauth::evidence(cx.now, Source::Signal, answer, Some("aud"), words) });
        }
        Ok(oauth::text(&claims, "sub").map(|sub| format!("urn:li:person:{sub}")))
    }

    async fn ask(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, Diagnosis> {
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        match (answer.status(), serde_json::from_slice::<Value>(answer.body()).ok()) {
            (StatusCode::OK, Some(json)) if json.is_object() => Ok(json),
            _ => Err(Self::diagnose(&cx, Source::Discovery, &answer)),
        }
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let info = Self::ask(cx, wire, oauth::get_bearer(&Self::url(&cx, "userinfo"), &tokens.access_token)).await?;
        let sub = oauth::text(&info, "sub")
            .ok_or_else(|| Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "userinfo without sub"), None))?;
        let name = oauth::text(&info, "name").unwrap_or(sub).to_owned();
        let picture = oauth::text(&info, "picture").map(str::to_owned);
        let member = format!("urn:li:person:{sub}");
        let mut profiles = vec![Found {
            network_id: member.clone(),
            kind: Kind::Member,
            name: name.clone(),
            handle: None,
            avatar: picture,
            role: "MEMBER".into(),
            parent: None,
            unusable: None,
        }];
        for (organisation, role, state) in Self::roles(cx, wire, tokens).await? {
            profiles.push(Self::page(cx, wire, tokens, &organisation, &role, &state).await?);
        }
        Ok(Discovery { person: PersonSeen { network_id: member, name, handle: None }, profiles, all_come_along: false })
    }

    /// Rows of (organisation, role, state), the best role of each organisation first and alone.
    async fn roles(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Vec<(String, String, String)>, Diagnosis> {
        let mut rows: Vec<(String, String, String)> = vec![];
        let mut path = Some("/organizationAcls?q=roleAssignee&start=0&count=100".to_owned());
        for _ in 0..PAGES_MAX {
            let Some(next) = path.take() else { break };
            let json = Self::ask(cx, wire, Self::rest(&cx, &next, tokens)).await?;
            for element in json.get("elements").and_then(Value::as_array).into_iter().flatten() {
                // Three spellings are in use, by age of the endpoint.
                let organisation =
                    ["organization", "organizationalTarget", "organizationTarget"].iter().find_map(|key| oauth::text(element, key));
                let (Some(organisation), Some(role)) = (organisation, oauth::text(element, "role")) else { continue };
                rows.push((organisation.to_owned(), role.to_owned(), oauth::text(element, "state").unwrap_or("APPROVED").to_owned()));
            }
            let links = json.pointer("/paging/links").and_then(Value::as_array).into_iter().flatten();
            let href = links.filter(|link| oauth::text(link, "rel") == Some("next")).find_map(|link| oauth::text(link, "href"));
            path = href.and_then(|href| href.split_once("/rest/")).map(|(_, rest)| format!("/{rest}"));
        }
        rows.sort_by_key(|(organisation, role, state)| {
            (organisation.clone(), !(role == "ADMINISTRATOR" && state == "APPROVED"), state != "APPROVED")
        });
        rows.dedup_by(|later, first| later.0 == first.0);
        Ok(rows)
    }

    async fn page(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, organisation: &str, role: &str, state: &str) -> Result<Found, Diagnosis> {
        let number = organisation.rsplit(':').next().unwrap_or_default();
        let shown = Self::ask(cx, wire, Self::rest(&cx, &format!("/organizations/{}", oauth::percent(number)), tokens)).await;
        // A page whose name may not be read is still a page: its role is what matters.
        let shown = match shown {
            Ok(json) => json,
            Err(diagnosis) if diagnosis.is_harmless() => Value::Null,
            Err(refused) => return Err(refused),
        };
        let unusable = if state != "APPROVED" {
            Some(Words::new(
                format!("Your role on this page is not approved yet ({state}). Ask a Super admin of the page to approve it."),
                format!("Ihre Rolle auf dieser Seite ist noch nicht bestätigt ({state}). Bitten Sie einen Super-Admin der Seite darum."),
            ))
        } else if role != "ADMINISTRATOR" {
            Some(Words::new(
                format!(
                    "LinkedIn needs you to be Super admin of this page; your role is {}. Ask a Super admin to change it, or to connect the page.",
                    title_of(role)
                ),
                format!(
                    "LinkedIn verlangt, dass Sie Super-Admin dieser Seite sind; Ihre Rolle ist {}. Bitten Sie einen Super-Admin, sie zu ändern oder die Seite zu verbinden.",
                    title_of(role)
                ),
            ))
        } else {
            None
        };
        Ok(Found {
            network_id: organisation.to_owned(),
            kind: Kind::Page,
            name: oauth::text(&shown, "localizedName").unwrap_or(organisation).to_owned(),
            handle: oauth::text(&shown, "vanityName").map(str::to_owned),
            avatar: None,
            role: role.to_owned(),
            parent: None,
            unusable,
        })
    }
}

/// The role as LinkedIn's own pages call it.
fn title_of(role: &str) -> String {
    match role {
        "CONTENT_ADMINISTRATOR" => "Content admin".into(),
        "ANALYST" => "Analyst".into(),
        "CURATOR" => "Curator".into(),
        "DIRECT_SPONSORED_CONTENT_POSTER" => "Sponsored content poster".into(),
        other => other.to_owned(),
    }
}

impl Network for LinkedIn {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// Access 60 days; refresh 365 days from the first authorisation, never extended; the refresh token stays.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::Stable,
            access_life: Some(Span::days(60)),
            refresh_life: Some(Span::days(365)),
            manual_renewal_every: Some(Span::days(365)),
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(" ");
        let more = [("enable_extended_login", "true")];
        let authorization = oauth::authorization(&cx, &Self::url(&cx, "authorize"), &scope, start, &more);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code =
            oauth::callback_code(cx.now, callback, &["user_cancelled_login", "user_cancelled_authorize"]).map_err(Self::scopes_of_app)?;
        let form = [&oauth::code_form(&cx, memory, code)[..], &oauth::client_form(&cx)].concat();
        Ok(oauth::post_form(&Self::url(&cx, "token"), &form))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let Some(mut issued) = oauth::granted(cx, answer, &cx.scopes(&ABOUT)) else {
            // LinkedIn says invalid_redirect_uri also for a code that is too old, and 401 invalid_request for a used one.
            let json = oauth::json(answer).unwrap_or(Value::Null);
            return Err(match (oauth::failed_exchange(cx.now, answer), answer.status().as_u16(), oauth::text(&json, "error")) {
                (Failure::Misconfigured { evidence }, 400, Some("invalid_redirect_uri"))
                | (Failure::Misconfigured { evidence }, 401, Some("invalid_request")) => Failure::StaleCode { evidence },
                (failure, _, _) => failure,
            });
        };
        issued.clocks.human_until = issued.clocks.refresh_until;
        issued.person_network_id = Self::person_in(&cx, answer)?;
        Ok(Answer::Done(issued))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let form = [&oauth::refresh_form(tokens)?[..], &oauth::client_form(&cx)].concat();
        Some(oauth::post_form(&Self::url(&cx, "token"), &form))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(match oauth::granted(cx, answer, &tokens.scopes) {
            Some(mut issued) => {
                // The refresh token's end is the person's day; an answer without it leaves the known day standing.
                issued.clocks.human_until = issued.clocks.refresh_until;
                issued.person_network_id = Self::person_in(&cx, answer).ok().flatten();
                Renewal::Renewed(Box::new(issued))
            }
            None => oauth::failed_renewal(cx.now, answer, |_, _| None),
        })
    }

    /// Introspection: needs no scope, costs no member quota, and is LinkedIn's own word on a token.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        let form = [
            ("client_id", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(&cx)),
            ("token", tokens.access_token.expose()),
        ];
        oauth::post_form(&Self::url(&cx, "introspect"), &form)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let active = json.get("active").and_then(Value::as_bool);
        let status = oauth::text(&json, "status");
        let error = oauth::text(&json, "error");
        let words = oauth::text(&json, "error_description").or(status).or(error).unwrap_or_default();
        let seen = oauth::evidence(cx.now, Source::Probe, answer, status.or(error), words);
        Answer::Done(match (answer.status().as_u16(), active, status.or(error)) {
            (200, Some(true), _) => Diagnosis::works(seen),
            (200, Some(false), Some("expired")) => Diagnosis::over(Cause::Expired, seen),
            // LinkedIn does not tell a removed app from a changed password; both come as "revoked".
            (200, Some(false), Some("revoked")) => Diagnosis {
                finding: lifecycle::diagnosis::Finding::Refused {
                    cause: Cause::RevokedByPerson,
                    confidence: Confidence::Guess,
                    terminal: true,
                },
                evidence: seen,
            },
            (200, Some(false), _) => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            // 401 is both "bad client credentials" and "member restricted" (draft specification): only the code tells.
            (401, _, Some("member_restricted")) => Diagnosis::refused(Cause::PersonBlocked, Confidence::Certain, seen),
            (400 | 401, _, Some(_)) => Diagnosis::misconfigured(seen),
            _ => Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), oauth::retry_after(answer)),
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let url = cx.endpoint(&ABOUT, "revoke")?;
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        Some(oauth::post_form(
            &url,
            &[("client_id", &cx.app.client_id), ("client_secret", oauth::client_secret(&cx)), ("token", token.expose())],
        ))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(acts::publish(by, post))
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Vec<Comment>> {
        Box::pin(acts::comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(acts::comment(by, post, in_reply_to, text))
    }

    fn refresh_tokens(&self) -> Option<&'static RefreshTokens> {
        Some(&REFRESH_TOKENS)
    }

    fn has_roles(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use lifecycle::diagnosis::Finding;
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn answer(status: u16, body: &Value) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::from(body.to_string())).expect("an answer")
    }

    fn exchanged(more: &Value) -> Result<Issued, Failure> {
        let mut body = json!({ "access_token": "a", "expires_in": 5_184_000, "scope": "openid" });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more.clone()) {
            body.extend(more);
        }
        testing::with(&[], |cx| match LinkedIn.read_exchange(cx, &BTreeMap::new(), &[], &answer(200, &body))? {
            Answer::Done(issued) => Ok(issued),
            Answer::AskAgain { .. } => panic!("nothing is to be asked again"),
        })
    }

    fn id_token(claims: &Value) -> Value {
        json!({ "id_token": format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string())) })
    }

    #[test]
    fn the_id_token_names_the_member_and_must_be_ours() {
        let sub = |token: &Value| exchanged(token).map(|issued| issued.person_network_id);
        assert_eq!(sub(&id_token(&json!({ "aud": "client", "sub": "x7" }))), Ok(Some("urn:li:person:x7".into())));
        assert_eq!(sub(&id_token(&json!({ "aud": ["other", "client"], "sub": "x7" }))), Ok(Some("urn:li:person:x7".into())));
        assert!(matches!(sub(&id_token(&json!({ "aud": "other", "sub": "x7" }))), Err(Failure::Suspicious { .. })));
        assert_eq!(sub(&json!({ "id_token": "not one" })), Ok(None), "unreadable: the identity call tells");
        assert_eq!(sub(&json!({})), Ok(None));
    }

    #[test]
    fn both_worlds_are_told_from_the_answer() {
        let without = exchanged(&json!({})).expect("issued");
        assert!(!without.renewable && without.clocks.human_until.is_none() && without.clocks.refresh_until.is_none());
        let with = exchanged(&json!({ "refresh_token": "r", "refresh_token_expires_in": 31_536_000 })).expect("issued");
        assert!(with.renewable && with.clocks.human_until.is_some() && with.clocks.human_until == with.clocks.refresh_until);
    }

    #[test]
    fn what_only_an_admin_can_repair_is_never_held_against_a_member() {
        testing::with(&[("version", "202401")], |cx| {
            let body = json!({ "status": 426, "code": "NONEXISTENT_VERSION", "message": "Requested version 20240101 is not active" });
            let found = LinkedIn::diagnose(&cx, Source::Use, &answer(426, &body));
            assert_eq!(found.finding, Finding::Misconfigured);
            assert!(found.evidence.words.contains("202401") && found.evidence.words.contains("networks.linkedin.options.version"));

            let back = [("error", "unauthorized_scope_error"), ("error_description", "Scope w_organization_social is not authorized")];
            let back: Vec<(String, String)> = back.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let Err(Failure::Misconfigured { evidence }) = LinkedIn.exchange(cx, &BTreeMap::new(), &back) else {
                panic!("an admin has to look")
            };
            assert!(evidence.words.contains("networks.linkedin.scopes"), "{}", evidence.words);
        });
    }
}
