//! LinkedIn: one login is one member token, which acts for the member and for every page on which the member is Super
//! admin. Facts: `networks/linkedin` of the knowledge base; official pages of 2026.

mod acts;
mod list;
mod looks;
mod media;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Issued, Kind, Network,
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
    // Comments have scopes of their own: with the older ones alone they are refused (403).
    scopes: &[
        "openid",
        "profile",
        "w_member_social",
        "w_member_social_feed",
        "rw_organization_admin",
        "w_organization_social",
        "r_organization_social",
        "w_organization_social_feed",
        "r_organization_social_feed",
    ],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.linkedin.com/oauth/v2/authorization" },
        Endpoint { key: "token", url: "https://www.linkedin.com/oauth/v2/accessToken" },
        Endpoint { key: "introspect", url: "https://www.linkedin.com/oauth/v2/introspectToken" },
        // Not in the official pages; seen in third-party code (unconfirmed). Best effort.
        Endpoint { key: "revoke", url: "https://www.linkedin.com/oauth/v2/revoke" },
        Endpoint { key: "userinfo", url: "https://api.linkedin.com/v2/userinfo" },
        Endpoint { key: "me", url: "https://api.linkedin.com/v2/me" },
        Endpoint { key: "rest", url: "https://api.linkedin.com/rest" },
    ],
};

/// `r_member_social` is given to select partners only.
const NOT_OF_MEMBERS: Ability = Ability::No {
    en: "LinkedIn shows comments under posts of members to select partners only: they can't be read or answered here. Under posts of pages they can.",
    de: "LinkedIn zeigt Kommentare unter Beiträgen von Mitgliedern nur ausgewählten Partnern: sie können hier nicht gelesen oder beantwortet werden. Unter Beiträgen von Seiten geht es.",
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
/// The day of the month on which a version of the same month a year earlier ends (second-hand; option `version_ends`, a date).
const VERSION_ENDS_ON: i64 = 15;

impl LinkedIn {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn rest(cx: &Cx<'_>, path: &str, tokens: &TokenSet) -> Request<Bytes> {
        let mut request = oauth::get_bearer(&format!("{}{path}", Self::url(cx, "rest")), &tokens.access_token);
        request.headers_mut().extend(Self::spoken(cx));
        request
    }

    /// Which version of the API a call speaks, and which of the protocol below it: no call below `/rest` goes without.
    fn spoken(cx: &Cx<'_>) -> [(HeaderName, HeaderValue); 2] {
        [
            (HeaderName::from_static("linkedin-version"), Self::version(cx)),
            (HeaderName::from_static("x-restli-protocol-version"), HeaderValue::from_static("2.0.0")),
        ]
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
            (403, 100, _) => Diagnosis::misconfigured(seen),
            // A quota of the day, which ends at 00:00 UTC, where no header says otherwise.
            (429, _, _) => Diagnosis::transient(seen, oauth::wait(cx.now, answer).or_else(|| Some(Self::until_midnight(cx.now)))),
            _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
        }
    }

    fn until_midnight(now: Timestamp) -> Span {
        const DAY: i64 = 86_400;
        Span::seconds(DAY - now.as_seconds().rem_euclid(DAY))
    }

    /// Whether an answer says that the member withdrew the token, which LinkedIn also says in the first seconds of a token's life.
    fn says_withdrawn(answer: &Response<Bytes>) -> bool {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let number = json.get("serviceErrorCode").and_then(Value::as_i64);
        answer.status() == StatusCode::UNAUTHORIZED && (number == Some(65601) || oauth::text(&json, "code") == Some("REVOKED_ACCESS_TOKEN"))
    }

    fn version(cx: &Cx<'_>) -> HeaderValue {
        let configured = cx.app.options.get("version").and_then(|version| HeaderValue::from_str(version).ok());
        configured.unwrap_or(HeaderValue::from_static(VERSION))
    }

    /// When every call by the configured version begins to fail.
    fn version_ends(options: &BTreeMap<String, String>) -> Option<Timestamp> {
        if let Some(date) = options.get("version_ends") {
            return lifecycle::moment::rfc3339(&format!("{}T00:00:00Z", date.trim()));
        }
        let version = options.get("version").map_or(VERSION, String::as_str).trim();
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let (year, month) = (number(version.get(..4))?, number(version.get(4..6)).filter(|month| (1..=12).contains(month))?);
        Some(Timestamp::from_seconds(lifecycle::moment::days(year + 1, month, VERSION_ENDS_ON) * 86_400))
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
        looks::introspect(&cx, &tokens.access_token)
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        looks::read(&cx, tokens, answer)
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let url = cx.endpoint(&ABOUT, "revoke")?;
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        Some(oauth::post_form(
            &url,
            &[("client_id", &cx.app.client_id), ("client_secret", oauth::client_secret(&cx)), ("token", token.expose())],
        ))
    }

    /// The call that revokes is not documented: it is made, and not relied on.
    fn ended_by_person(&self) -> Option<Rule> {
        Some(Rule {
            en: "LinkedIn promises no call that ends it: to be sure, remove the app there in the settings, under permitted services.",
            de: "LinkedIn sichert keinen Aufruf zu, der ihn beendet: um sicherzugehen, entfernen Sie die App dort in den Einstellungen, unter zugelassene Dienste.",
        })
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(list::discover(cx, wire, tokens))
    }

    /// A tool that was written for another version goes on speaking that one.
    fn usual_headers(&self, cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        Self::spoken(&cx).to_vec()
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, draft)
    }

    fn ends(&self, options: &BTreeMap<String, String>) -> Option<(Timestamp, Words)> {
        let version = options.get("version").map_or(VERSION, String::as_str);
        let words = Words::new(
            format!(
                "LinkedIn ends version {version} of its API, and every call fails from then on: set networks.linkedin.options.version to a newer one, or, where it ends on another day, options.version_ends"
            ),
            format!(
                "LinkedIn beendet Version {version} seiner API, und jeder Aufruf scheitert von da an: Setzen Sie networks.linkedin.options.version auf eine neuere oder, wenn sie an einem anderen Tag endet, options.version_ends"
            ),
        );
        Self::version_ends(options).map(|at| (at, words))
    }

    fn takes(&self) -> Option<&'static crate::media::Takes> {
        Some(&media::TAKES)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        if by.target.kind == Kind::Member {
            return Box::pin(async { Err(crate::acting::not_supported(NOT_OF_MEMBERS)) });
        }
        Box::pin(acts::comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            acts::comment(by, post, in_reply_to, text).await
        })
    }

    fn can_as(&self, kind: Kind) -> Can {
        match kind {
            Kind::Member => Can { read_comments: NOT_OF_MEMBERS, reply: NOT_OF_MEMBERS, ..ABOUT.can },
            _ => ABOUT.can,
        }
    }

    fn refresh_tokens(&self) -> Option<&'static RefreshTokens> {
        Some(&REFRESH_TOKENS)
    }

    fn has_roles(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
