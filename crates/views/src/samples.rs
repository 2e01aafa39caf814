//! A believable team, used by the samples of every page. Two names are hostile on purpose.

use crate::explanation::{Act, Explanation};
use crate::failure::{Failure, FailureKind};
use crate::kinds::{AbilityKind, CauseKind, ConfidenceKind, HistoryKind, ProfileKind, SourceKind, StatusKind};
use crate::parts::{Ability, Choice, Evidence, HistoryEntry, NetworkRef, PersonRef, ProfileRef, Status, When};
use crate::words::Lang;

/// The text in the language asked for.
pub(crate) fn say(lang: Lang, en: &str, de: &str) -> String {
    match lang {
        Lang::En => en.to_owned(),
        Lang::De => de.to_owned(),
    }
}

fn when(lang: Lang, iso: &str, en: [&str; 2], de: [&str; 2]) -> When {
    let [text, relative] = if lang == Lang::En { en } else { de };
    When { text: text.into(), iso: iso.into(), relative: relative.into() }
}

/// Three minutes ago.
pub(crate) fn just_now(lang: Lang) -> When {
    when(lang, "2026-11-23T16:39:00Z", ["23 Nov 2026, 17:39 CET", "3 minutes ago"], ["23.11.2026, 17:39 MEZ", "vor 3 Minuten"])
}

/// Two hours ago.
pub(crate) fn today(lang: Lang) -> When {
    when(lang, "2026-11-23T14:40:00Z", ["23 Nov 2026, 15:40 CET", "2 hours ago"], ["23.11.2026, 15:40 MEZ", "vor 2 Stunden"])
}

/// Eleven days ago.
pub(crate) fn earlier(lang: Lang) -> When {
    when(lang, "2026-11-12T08:15:00Z", ["12 Nov 2026, 09:15 CET", "11 days ago"], ["12.11.2026, 09:15 MEZ", "vor 11 Tagen"])
}

/// Last year, almost.
pub(crate) fn long_ago(lang: Lang) -> When {
    when(lang, "2025-11-30T09:00:00Z", ["30 Nov 2025, 10:00 CET", "358 days ago"], ["30.11.2025, 10:00 MEZ", "vor 358 Tagen"])
}

/// In 42 minutes.
pub(crate) fn in_an_hour(lang: Lang) -> When {
    when(lang, "2026-11-23T17:24:00Z", ["23 Nov 2026, 18:24 CET", "in 42 minutes"], ["23.11.2026, 18:24 MEZ", "in 42 Minuten"])
}

/// In a week.
pub(crate) fn next_week(lang: Lang) -> When {
    when(lang, "2026-11-30T09:00:00Z", ["30 Nov 2026, 10:00 CET", "in 7 days"], ["30.11.2026, 10:00 MEZ", "in 7 Tagen"])
}

/// In ten months.
pub(crate) fn next_year(lang: Lang) -> When {
    when(lang, "2027-09-14T07:30:00Z", ["14 Sep 2027, 09:30 CEST", "in 295 days"], ["14.09.2027, 09:30 MESZ", "in 295 Tagen"])
}

/// A network.
pub(crate) fn network(name: &str) -> NetworkRef {
    let title = match name {
        "linkedin" => "LinkedIn",
        "tiktok" => "TikTok",
        "pinterest" => "Pinterest",
        "xing" => "XING",
        "bluesky" => "Bluesky",
        other => other,
    };
    NetworkRef { name: name.into(), title: title.into() }
}

fn profile(id: &str, net: &str, kind: ProfileKind, name: &str, handle: Option<&str>) -> ProfileRef {
    ProfileRef { id: id.into(), network: network(net), kind, name: name.into(), handle: handle.map(Into::into), avatar: None }
}

/// A company page on LinkedIn.
pub(crate) fn page() -> ProfileRef {
    profile("prf_7Qm2", "linkedin", ProfileKind::Page, "Alpenblick Reisen GmbH", Some("alpenblick-reisen"))
}

/// The own profile of the person behind it.
pub(crate) fn member() -> ProfileRef {
    profile("prf_Xd81", "linkedin", ProfileKind::Member, "Miriam Okafor", None)
}

/// A TikTok account.
pub(crate) fn tiktok() -> ProfileRef {
    profile("prf_1kZp", "tiktok", ProfileKind::Account, "Alpenblick Reisen", Some("@alpenblick"))
}

/// A Pinterest account.
pub(crate) fn pinterest() -> ProfileRef {
    profile("prf_p0Aa", "pinterest", ProfileKind::Account, "Alpenblick", Some("alpenblickreisen"))
}

/// A board of it.
pub(crate) fn board(id: &str, name: &str) -> ProfileRef {
    profile(id, "pinterest", ProfileKind::Board, name, None)
}

/// A XING profile.
pub(crate) fn xing() -> ProfileRef {
    profile("prf_xi55", "xing", ProfileKind::Member, "Jonas Weidmann", Some("Jonas_Weidmann4"))
}

/// A Bluesky account.
pub(crate) fn bluesky() -> ProfileRef {
    profile("prf_bs77", "bluesky", ProfileKind::Account, "alice.test", Some("alice.test"))
}

/// A name that tries to be markup.
pub(crate) fn script() -> ProfileRef {
    profile("prf_evil", "linkedin", ProfileKind::Page, "<script>alert(1)</script> & Söhne \"GmbH\"", Some("<b>bold</b>"))
}

/// A page on which the person has too small a role.
pub(crate) fn unusable_page() -> ProfileRef {
    profile("", "linkedin", ProfileKind::Page, "Bergwacht \u{202e}latnnaT", None)
}

/// A name that tries to turn the line around.
pub(crate) fn turned() -> ProfileRef {
    profile("prf_rtl", "tiktok", ProfileKind::Account, "Sunny \u{202e}liarT ecnatsiD gnoL", Some("@\u{202e}evil"))
}

/// A status.
pub(crate) fn status(kind: StatusKind, since: When, cause: Option<CauseKind>) -> Status {
    Status { kind, since, cause }
}

/// Green, for long.
pub(crate) fn green(lang: Lang) -> Status {
    status(StatusKind::Connected, long_ago(lang), None)
}

/// Amber.
pub(crate) fn amber(lang: Lang) -> Status {
    status(StatusKind::RenewSoon, earlier(lang), Some(CauseKind::RenewalDue))
}

/// Grey.
pub(crate) fn grey(lang: Lang) -> Status {
    status(StatusKind::Unverified, today(lang), None)
}

/// Red.
pub(crate) fn red(lang: Lang) -> Status {
    status(StatusKind::Disconnected, just_now(lang), Some(CauseKind::PasswordChanged))
}

/// The person who holds most.
pub(crate) fn miriam() -> PersonRef {
    PersonRef { name: "Miriam Okafor".into(), handle: None, role: Some("ADMINISTRATOR".into()) }
}

/// Somebody else.
pub(crate) fn jonas() -> PersonRef {
    PersonRef { name: "Jonas Weidmann".into(), handle: Some("jonas.w".into()), role: Some("ADMINISTRATOR".into()) }
}

/// A hostile person.
pub(crate) fn mallory() -> PersonRef {
    PersonRef { name: "<img src=x onerror=alert(2)>\u{202e}yrollaM".into(), handle: None, role: Some("<i>OWNER</i>".into()) }
}

/// What the network said.
pub(crate) fn evidence(lang: Lang) -> Evidence {
    Evidence {
        at: just_now(lang),
        source: SourceKind::Probe,
        http_status: Some(401),
        code: Some("REVOKED_ACCESS_TOKEN".into()),
        words: "The token used in the request has been revoked by the user <script>alert(3)</script>".into(),
    }
}

/// The first look.
pub(crate) fn first_evidence(lang: Lang) -> Evidence {
    Evidence { at: today(lang), source: SourceKind::Use, http_status: Some(401), code: Some("65601".into()), words: String::new() }
}

/// Why it is red.
pub(crate) fn explanation(lang: Lang) -> Explanation {
    Explanation {
        status: StatusKind::Disconnected,
        since: just_now(lang),
        cause: Some(CauseKind::PasswordChanged),
        confidence: Some(ConfidenceKind::Likely),
        evidence: vec![evidence(lang), first_evidence(lang)],
        people: vec![miriam(), jonas()],
        deadline: None,
        act: Act::Refresh,
        also_repairs: vec![member(), script()],
        lost_in_rotation: false,
    }
}

/// Why it is amber.
pub(crate) fn explanation_amber(lang: Lang) -> Explanation {
    Explanation {
        status: StatusKind::RenewSoon,
        since: earlier(lang),
        cause: Some(CauseKind::RenewalDue),
        confidence: Some(ConfidenceKind::Certain),
        evidence: vec![],
        people: vec![miriam()],
        deadline: Some(next_week(lang)),
        act: Act::SendLink,
        also_repairs: vec![],
        lost_in_rotation: false,
    }
}

/// Why it is grey.
pub(crate) fn explanation_grey(lang: Lang) -> Explanation {
    Explanation {
        status: StatusKind::Unverified,
        since: today(lang),
        cause: None,
        confidence: None,
        evidence: vec![Evidence {
            at: today(lang),
            source: SourceKind::Probe,
            http_status: Some(503),
            code: None,
            words: "Service Unavailable".into(),
        }],
        people: vec![],
        deadline: None,
        act: Act::Check,
        also_repairs: vec![],
        lost_in_rotation: false,
    }
}

/// The wrong person came.
pub(crate) fn wrong_person(lang: Lang) -> Failure {
    Failure {
        kind: FailureKind::WrongPerson { expected: vec![miriam(), jonas()], came: mallory() },
        network: network("linkedin"),
        profile: Some(page()),
        evidence: Some(evidence(lang)),
        retry: Some("/settings/profiles/prf_7Qm2/refresh".into()),
    }
}

/// Users of the organisation, one chosen.
pub(crate) fn users(chosen: usize) -> Vec<Choice> {
    choices(&[("usr_1", "Clara Lindqvist"), ("usr_2", "Tobias <Brandt>"), ("usr_3", "Aylin Demir")], &[chosen])
}

/// Teams of the organisation, some chosen.
pub(crate) fn teams(chosen: &[usize]) -> Vec<Choice> {
    choices(&[("tea_1", "Social Media"), ("tea_2", "Employer Branding"), ("tea_3", "Press & <PR>")], chosen)
}

/// Networks to filter by.
pub(crate) fn networks() -> Vec<Choice> {
    choices(&[("linkedin", "LinkedIn"), ("pinterest", "Pinterest"), ("tiktok", "TikTok"), ("xing", "XING")], &[])
}

/// Choices from pairs.
pub(crate) fn choices(pairs: &[(&str, &str)], chosen: &[usize]) -> Vec<Choice> {
    pairs
        .iter()
        .enumerate()
        .map(|(i, (value, label))| Choice { value: (*value).into(), label: (*label).into(), chosen: chosen.contains(&i) })
        .collect()
}

/// What a network can.
pub(crate) fn abilities(lang: Lang, name: &str) -> Vec<Ability> {
    let refused = match name {
        "xing" => Some(say(
            lang,
            "XING discontinued its API support: incoming comments can't be read or answered here.",
            "XING hat die Unterstützung seiner Schnittstelle eingestellt: eingehende Kommentare können hier nicht gelesen oder beantwortet werden.",
        )),
        "tiktok" => {
            Some(say(lang, "TikTok offers no comments to tools of this kind.", "TikTok bietet Werkzeugen dieser Art keine Kommentare an."))
        }
        _ => None,
    };
    let comment = refused.clone().filter(|_| name == "tiktok");
    vec![
        Ability { kind: AbilityKind::Connect, refused: None },
        Ability { kind: AbilityKind::Publish, refused: None },
        Ability { kind: AbilityKind::Comment, refused: comment },
        Ability { kind: AbilityKind::ReadComments, refused: refused.clone() },
        Ability { kind: AbilityKind::Reply, refused },
    ]
}

/// The rules of a network.
pub(crate) fn rules(lang: Lang, name: &str) -> Vec<String> {
    match name {
        "linkedin" => vec![
            say(
                lang,
                "You can connect your own profile and every company page on which you are Super admin.",
                "Sie können Ihr eigenes Profil verbinden und jede Unternehmensseite, auf der Sie Super-Admin sind.",
            ),
            say(
                lang,
                "LinkedIn demands that you log in again every 365 days. We remind you 30, 14, 7 and 1 days ahead.",
                "LinkedIn verlangt alle 365 Tage eine neue Anmeldung. Wir erinnern 30, 14, 7 und 1 Tag vorher.",
            ),
            say(
                lang,
                "LinkedIn grants all requested permissions or none: please accept them all.",
                "LinkedIn erteilt alle angefragten Berechtigungen oder keine: bitte bestätigen Sie alle.",
            ),
        ],
        "pinterest" => vec![say(
            lang,
            "All boards of the account come along; each can be switched off later.",
            "Alle Pinnwände des Kontos kommen mit; jede kann später ausgeschaltet werden.",
        )],
        "tiktok" => vec![
            say(
                lang,
                "Log in at TikTok with the account that is to be connected; one login connects one account.",
                "Melden Sie sich bei TikTok mit dem Konto an, das verbunden werden soll; eine Anmeldung verbindet ein Konto.",
            ),
            say(lang, "Ad accounts can't be connected.", "Werbekonten können nicht verbunden werden."),
        ],
        _ => vec![say(
            lang,
            "The connection has no end date; it ends when you change your password or remove the app at XING.",
            "Die Verbindung hat kein Enddatum; sie endet, wenn Sie Ihr Passwort ändern oder die App bei XING entfernen.",
        )],
    }
}

/// A history.
pub(crate) fn history(lang: Lang, with_profiles: bool) -> Vec<HistoryEntry> {
    let entry = |at: When, kind: HistoryKind, actor: Option<&str>, profile: ProfileRef| HistoryEntry {
        at,
        kind: Some(kind),
        word: kind.as_str().into(),
        actor: actor.map(Into::into),
        profile: with_profiles.then_some(profile),
        person: None,
        cause: None,
        evidence: None,
        detail: None,
    };
    vec![
        HistoryEntry {
            detail: Some("clara@alpenblick.example".into()),
            ..entry(just_now(lang), HistoryKind::NotificationSent, None, page())
        },
        HistoryEntry {
            cause: Some(CauseKind::PasswordChanged),
            person: Some(miriam()),
            evidence: Some(evidence(lang)),
            ..entry(just_now(lang), HistoryKind::NeedsPerson, None, page())
        },
        HistoryEntry { evidence: Some(first_evidence(lang)), ..entry(today(lang), HistoryKind::Suspected, None, page()) },
        entry(earlier(lang), HistoryKind::Renewed, None, pinterest()),
        entry(earlier(lang), HistoryKind::Changed, Some("Tobias <Brandt>"), turned()),
        HistoryEntry { kind: None, word: "profile.something_new".into(), ..entry(earlier(lang), HistoryKind::Changed, None, xing()) },
        HistoryEntry { person: Some(mallory()), ..entry(long_ago(lang), HistoryKind::Authorized, Some("Clara Lindqvist"), script()) },
    ]
}
