//! Two people at the same form. A form carries what it showed; what somebody else changed meanwhile is neither overwritten nor
//! lost: the second sees what changed, with their own entries kept, and saves again if they still want to.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use store::events::{Actor, Event};

use super::Fields;
use crate::i18n::Lang;

/// The hidden field that carries what a form showed.
pub const SHOWN: &str = "shown";

/// The values of a form's fields, in no order; a box that is not ticked has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values(BTreeMap<String, BTreeSet<String>>);

/// What became of a form.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nobody else was here: save it.
    Alone,
    /// Somebody was.
    Changed {
        /// Which fields they changed.
        fields: Vec<String>,
        /// What the form shows now: what was typed where something was typed, what they chose elsewhere.
        merged: Values,
    },
}

impl Values {
    /// From names and values; an empty value is none.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            all.entry(name.to_owned()).or_default().insert(value);
        }
        Self(all)
    }

    /// What was typed into these fields.
    pub fn typed(fields: &Fields, names: &[&'static str]) -> Self {
        Self::of(names.iter().flat_map(|name| fields.all(name).into_iter().map(|value| (*name, value.trim().to_owned()))))
    }

    /// What the form showed; `None` where it does not say (a script that never saw one).
    pub fn shown(fields: &Fields) -> Option<Self> {
        let text = fields.get(SHOWN);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        (!text.is_empty())
            .then(|| Self::of(pairs.iter().filter(|(name, _)| name != MARK).map(|(name, value)| (name.as_str(), value.clone()))))
    }

    /// As the hidden field carries it; never empty.
    pub fn written(&self) -> String {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.append_pair(MARK, "1");
        for (name, values) in &self.0 {
            for value in values {
                text.append_pair(name, value);
            }
        }
        text.finish()
    }

    /// The values of one field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The one value of a field; empty where there is none.
    pub fn one(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }
}

/// Says that a form carries what it showed, also where that was nothing.
const MARK: &str = "_";

/// Compares what the form showed, what is stored now and what was typed.
pub fn compare(shown: Option<&Values>, stored: &Values, typed: &Values) -> Found {
    let Some(shown) = shown else { return Found::Alone };
    let names: BTreeSet<&String> = shown.0.keys().chain(stored.0.keys()).chain(typed.0.keys()).collect();
    let changed: Vec<String> =
        names.iter().filter(|name| shown.0.get(**name) != stored.0.get(**name)).map(|name| (*name).clone()).collect();
    // Whoever typed the same as somebody else has what they want.
    if changed.iter().all(|name| typed.0.get(name) == stored.0.get(name)) {
        return Found::Alone;
    }
    let mut merged = Values::default();
    for name in names {
        let from = if typed.0.get(name) == shown.0.get(name) { stored } else { typed };
        if let Some(values) = from.0.get(name) {
            merged.0.insert(name.clone(), values.clone());
        }
    }
    Found::Changed { fields: changed, merged }
}

/// What a form shows after somebody else changed what it is about.
pub struct Meanwhile {
    /// What the page is answered with.
    pub status: StatusCode,
    /// Who changed what, in words.
    pub words: String,
    /// What the form shows.
    pub merged: Values,
    /// What it is compared with when it is sent again; `None`: what is stored now, which it says.
    pub shown: Option<Values>,
}

impl Meanwhile {
    /// Names the fields with what is stored now.
    pub fn new(lang: Lang, who: Option<&str>, now: &[(String, String)], merged: Values) -> Self {
        let who = who.unwrap_or_else(|| lang.t("together.somebody"));
        let fields: Vec<String> = now.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        Self {
            status: StatusCode::CONFLICT,
            words: lang.fill("together.changed", &[("who", who), ("fields", &fields.join("; "))]),
            merged,
            shown: None,
        }
    }
}

/// Who made the newest of these events that is such a change.
pub fn who(newest_first: &[Event], is_it: impl Fn(&Event) -> bool) -> Option<String> {
    let event = newest_first.iter().find(|event| event.kind == "settings.changed" && is_it(event))?;
    match &event.actor {
        Actor::User { name, .. } | Actor::ApiKey { name, .. } => Some(name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&'static str, &str)]) -> Values {
        Values::of(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())))
    }

    #[test]
    fn nothing_of_either_is_lost() {
        let shown = values(&[("owner", "lena"), ("teams", "a"), ("teams", "b")]);
        let typed = values(&[("owner", "tom"), ("teams", "a"), ("teams", "b")]);
        assert_eq!(compare(Some(&shown), &shown, &typed), Found::Alone);
        assert_eq!(compare(None, &values(&[("owner", "mira")]), &typed), Found::Alone, "a script that saw no form");
        assert_eq!(compare(Some(&shown), &typed, &typed), Found::Alone, "both want the same");
        let stored = values(&[("owner", "mira"), ("teams", "a"), ("off", "1")]);
        let Found::Changed { fields, merged } = compare(Some(&shown), &stored, &typed) else { panic!("changed") };
        assert_eq!(fields, ["off", "owner", "teams"]);
        assert_eq!(merged, values(&[("owner", "tom"), ("teams", "a"), ("off", "1")]), "what was typed stays, the rest is theirs");
        // Saved again, with what the form shows now.
        assert_eq!(compare(Some(&stored), &stored, &merged), Found::Alone);
    }

    #[test]
    fn what_a_form_showed_comes_back_as_it_was() {
        for pairs in [&[][..], &[("name", "a&b=c ü"), ("teams", "1"), ("teams", "2")]] {
            let one = values(pairs);
            let fields = Fields(vec![(SHOWN.to_owned(), one.written())]);
            assert_eq!(Values::shown(&fields), Some(one));
        }
        assert_eq!(Values::shown(&Fields(vec![])), None);
    }
}
