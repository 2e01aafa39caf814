//! The small things pages are made of.

use crate::html::{Html, escape, initials, plain};
use crate::kinds::{AbilityKind, CauseKind, HistoryKind, ProfileKind, SourceKind, StatusKind};
use crate::words::Lang;

/// A moment, told three ways; the zone and language are the reader's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// In full, in the reader's zone: `23 Nov 2026, 17:42 CET`.
    pub text: String,
    /// RFC 3339, UTC.
    pub iso: String,
    /// From now: `3 minutes ago`, `in 12 days`.
    pub relative: String,
}

impl When {
    fn element(&self, shown: &str, title: &str) -> Html {
        Html(format!(r#"<time datetime="{}" title="{}">{}</time>"#, escape(&self.iso), escape(title), escape(shown)))
    }

    /// The element that shows it from now, with the full text as title.
    pub(crate) fn ago(&self) -> Html {
        self.element(&self.relative, &self.text)
    }

    /// The element that shows it in full, with the distance as title.
    pub(crate) fn full(&self) -> Html {
        self.element(&self.text, &self.relative)
    }
}

/// A network as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRef {
    /// Its name in paths: `linkedin`.
    pub name: String,
    /// Its name as people write it: `LinkedIn`.
    pub title: String,
}

impl NetworkRef {
    /// The letters and the colour class of its badge; networks we do not know get a letter on grey.
    fn look(&self) -> (String, &str) {
        let letters = match self.name.as_str() {
            "linkedin" => "in",
            "tiktok" => "Tk",
            "pinterest" => "P",
            "xing" => "X",
            "facebook" => "f",
            "instagram" => "Ig",
            "threads" => "@",
            "x" => "𝕏",
            "youtube" => "Yt",
            "mastodon" => "M",
            "bluesky" => "b",
            "reddit" => "r",
            "tumblr" => "t",
            "discord" => "D",
            "google-business" | "google_business" => "G",
            _ => return (initials(&self.title), "other"),
        };
        (letters.to_owned(), self.name.as_str())
    }

    /// The badge: a letter in the network's colour. Its name stands in the text beside it, so readers skip the badge.
    pub(crate) fn badge(&self) -> Html {
        let (letters, class) = self.look();
        Html(format!(r#"<span class="badge net-{class}" aria-hidden="true">{}</span>"#, escape(&letters)))
    }
}

/// A profile as it is shown in lists and headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRef {
    /// Its id, for addresses; empty for one that is not stored yet.
    pub id: String,
    /// Its network.
    pub network: NetworkRef,
    /// What it is.
    pub kind: ProfileKind,
    /// Its name at the network. Hostile text.
    pub name: String,
    /// Its handle there. Hostile text.
    pub handle: Option<String>,
    /// Address of its picture, from our own origin; `None` shows initials.
    pub avatar: Option<String>,
}

impl ProfileRef {
    /// Its picture or initials.
    pub(crate) fn picture(&self) -> Html {
        match &self.avatar {
            Some(url) if url.starts_with("https://") || (url.starts_with('/') && !url.starts_with("//")) => Html(format!(
                r#"<img class="avatar" src="{}" alt="" width="40" height="40" loading="lazy" decoding="async" referrerpolicy="no-referrer">"#,
                escape(url)
            )),
            _ => Html(format!(r#"<span class="avatar" aria-hidden="true">{}</span>"#, escape(&initials(&self.name)))),
        }
    }

    /// The address of its page.
    pub(crate) fn href(&self) -> String {
        format!("/settings/profiles/{}", self.id)
    }

    /// Its name for titles and attributes.
    pub(crate) fn plain_name(&self) -> String {
        plain(&self.name)
    }
}

/// A profile's status with what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which.
    pub kind: StatusKind,
    /// Since when.
    pub since: When,
    /// Why, where it is not simply connected.
    pub cause: Option<CauseKind>,
}

/// A login at a network: the human who authorises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRef {
    /// The name there. Hostile text.
    pub name: String,
    /// The handle there. Hostile text.
    pub handle: Option<String>,
    /// The role as the network names it. Hostile text.
    pub role: Option<String>,
}

impl PersonRef {
    /// Name and handle in one line.
    pub(crate) fn label(&self) -> String {
        match self.handle.as_deref().filter(|handle| *handle != self.name) {
            Some(handle) if handle.starts_with('@') => format!("{} ({handle})", self.name),
            Some(handle) => format!("{} (@{handle})", self.name),
            None => self.name.clone(),
        }
    }
}

/// Something seen, in the network's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When.
    pub at: When,
    /// By what kind of look.
    pub source: SourceKind,
    /// The HTTP status, where there was one.
    pub http_status: Option<u16>,
    /// The machine-readable error code, where the network has one. Hostile text.
    pub code: Option<String>,
    /// The network's words; empty when it said nothing. Hostile text.
    pub words: String,
}

/// Something to choose: an option of a select, or a checkbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// It is chosen.
    pub chosen: bool,
}

/// One ability of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ability {
    /// Which.
    pub kind: AbilityKind,
    /// `None`: the network allows it. Otherwise why it does not, in the reader's language.
    pub refused: Option<String>,
}

/// What is refused, by reason: the abilities' texts and why.
pub(crate) fn refusals(list: &[Ability], lang: Lang) -> Vec<(String, String)> {
    let mut groups: Vec<(String, String)> = vec![];
    for ability in list {
        let Some(why) = &ability.refused else { continue };
        match groups.iter_mut().find(|(_, known)| known == why) {
            Some((what, _)) => *what = format!("{what}, {}", ability.kind.text(lang)),
            None => groups.push((ability.kind.text(lang).to_owned(), why.clone())),
        }
    }
    groups
}

/// A line of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: When,
    /// What happened; `None` for kinds this version does not know.
    pub kind: Option<HistoryKind>,
    /// The word of the event log, shown when `kind` is `None`.
    pub word: String,
    /// Who made it happen, when it was not Staygreen itself.
    pub actor: Option<String>,
    /// The profile, on pages about many.
    pub profile: Option<ProfileRef>,
    /// The person at the network it is about.
    pub person: Option<PersonRef>,
    /// Why, where it has a cause.
    pub cause: Option<CauseKind>,
    /// What was seen.
    pub evidence: Option<Evidence>,
    /// Anything further, for people: a changed setting, a recipient.
    pub detail: Option<String>,
}

impl HistoryEntry {
    /// The colour of its dot.
    pub(crate) fn tone(&self) -> &'static str {
        self.kind.map_or("idle", HistoryKind::tone)
    }
}

/// How many profiles show which status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Green check marks.
    pub connected: u64,
    /// Amber clocks.
    pub renew_soon: u64,
    /// Grey question marks.
    pub unverified: u64,
    /// Red crosses.
    pub disconnected: u64,
}

impl Counts {
    /// All of them.
    pub const fn all(&self) -> u64 {
        self.connected + self.renew_soon + self.unverified + self.disconnected
    }
}

/// Paging by cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paging {
    /// Address of the first page, when this is a later one.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}
