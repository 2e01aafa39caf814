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
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Comment, Done, Post, Posted};
use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network, PersonSeen,
    Registration, Renewal, Rule, Start, Words,
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
            en: "LinkedIn demands that you log in again every 365 days. We remind you 30, 14, 7 and 1 days ahead.",
            de: "LinkedIn verlangt alle 365 Tage eine neue Anmeldung. Wir erinnern 30, 14, 7 und 1 Tag vorher.",
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
        let version = cx.app.options.get("version").map_or(VERSION, String::as_str);
        let headers = request.headers_mut();
        headers.insert("linkedin-version", http::HeaderValue::from_str(version).unwrap_or(http::HeaderValue::from_static(VERSION)));
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
            (401, 65601, _) | (401, _, "REVOKED_ACCESS_TOKEN") => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen),
            (401, 65602, _) | (401, _, "EXPIRED_ACCESS_TOKEN") => Diagnosis::refused(Cause::Expired, Confidence::Certain, seen),
            (401, 65600, _) | (401, _, "INVALID_ACCESS_TOKEN") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            (403, _, "MEMBER_RESTRICTED") => Diagnosis::refused(Cause::PersonBlocked, Confidence::Certain, seen),
            (426, _, _) | (400, _, "VERSION_MISSING") | (403, 100, _) => Diagnosis::misconfigured(seen),
            _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
        }
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
        let sub = oauth::text(&info, "sub").ok_or_else(|| {
            Diagnosis::transient(lifecycle::words::Evidence::new(cx.now, Source::Discovery, Some(200), None, "userinfo without sub"), None)
        })?;
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
        let code = oauth::callback_code(cx.now, callback, &["user_cancelled_login", "user_cancelled_authorize"])?;
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

    fn has_roles(&self) -> bool {
        true
    }
}
