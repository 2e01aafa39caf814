//! Words in English and German: `i18n/en.toml` and `i18n/de.toml`, embedded, read once, looked up by key.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::sync::LazyLock;

use crate::html::{Html, escape_into, plain};

/// A language of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl Lang {
    /// Every language, in the order people choose from.
    pub const ALL: &'static [Self] = &[Self::En, Self::De];

    /// The code as it stands in `lang` attributes, in the account and in `Accept-Language`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The language's own name for itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
        }
    }

    /// Reads [`Lang::code`] back; anything else is `None`.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lang| lang.code() == code)
    }

    /// What a browser's `Accept-Language` header wants most (RFC 9110, 12.5.4); English when it names none of ours.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best: Option<(Self, f32)> = None;
        for entry in header.split(',').take(32) {
            let mut parts = entry.split(';');
            let range = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            let Some(lang) = Self::parse(range.split('-').next().unwrap_or_default()) else { continue };
            if quality > 0.0 && best.is_none_or(|(_, before)| quality > before) {
                best = Some((lang, quality));
            }
        }
        best.map_or(Self::En, |(lang, _)| lang)
    }
}

type Table = BTreeMap<String, String>;

static EN: LazyLock<Table> = LazyLock::new(|| read(include_str!("../i18n/en.toml")));
static DE: LazyLock<Table> = LazyLock::new(|| read(include_str!("../i18n/de.toml")));

/// Reads a file of words into flat keys: the table `[a]` with `b = "x"` is the key `a.b`.
fn read(text: &str) -> Table {
    let mut flat = Table::new();
    let table: toml::Table = text.parse().expect("the words are valid TOML; a test reads them");
    flatten(&mut flat, "", &table);
    flat
}

fn flatten(flat: &mut Table, prefix: &str, table: &toml::Table) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(flat, &key, inner),
            other => _ = flat.insert(key, other.as_str().unwrap_or_default().to_owned()),
        }
    }
}

/// The words of one language.
pub fn words(lang: Lang) -> Words {
    Words(lang)
}

/// The words of one language: `words(lang).get("profiles.title")`.
#[derive(Debug, Clone, Copy)]
pub struct Words(Lang);

/// Values for the placeholders of a text.
pub type Args<'a> = &'a [(&'a str, &'a dyn Display)];

impl Words {
    fn table(self) -> &'static Table {
        match self.0 {
            Lang::En => &EN,
            Lang::De => &DE,
        }
    }

    /// Every key, for tests.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        self.table().keys().map(String::as_str)
    }

    /// The text of a key. A key without text answers with itself; a test keeps that from happening.
    pub fn get(self, key: &'static str) -> &'static str {
        self.table().get(key).map_or(key, String::as_str)
    }

    /// The text of a key with its placeholders filled, as plain text: values lose control and direction characters.
    pub fn fill(self, key: &'static str, args: Args<'_>) -> String {
        let mut out = String::new();
        fill(self.get(key), args, &mut out, String::push_str, |out, value| out.push_str(&plain(&value.to_string())));
        out
    }

    /// The text of a key with its placeholders filled, as HTML: everything escaped, every value kept apart by `<bdi>`.
    pub fn fill_html(self, key: &'static str, args: Args<'_>) -> Html {
        let mut out = String::new();
        fill(self.get(key), args, &mut out, escape_into, |out, value| {
            out.push_str("<bdi>");
            escape_into(out, &value.to_string());
            out.push_str("</bdi>");
        });
        Html(out)
    }

    /// The text for a number: `KEY.one` for one, `KEY.other` otherwise, with `{n}` filled.
    pub fn count(self, key: &'static str, n: &dyn Display) -> String {
        let n = n.to_string();
        let form = format!("{key}.{}", if n == "1" { "one" } else { "other" });
        self.table().get(&form).map_or_else(|| form.clone(), |text| text.replace("{n}", &n))
    }
}

fn fill(text: &str, args: Args<'_>, out: &mut String, piece: impl Fn(&mut String, &str), value: impl Fn(&mut String, &dyn Display)) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        piece(out, before);
        let Some((name, tail)) = after.split_once('}') else {
            piece(out, "{");
            rest = after;
            continue;
        };
        match args.iter().find(|(known, _)| *known == name) {
            Some((_, given)) => value(out, *given),
            None => piece(out, &format!("{{{name}}}")),
        }
        rest = tail;
    }
    piece(out, rest);
}

/// What templates say: `{{ t("profiles.title") }}`, with values `{{ f1("menu.actions_for", "name", p.name) }}`.
pub(crate) trait Say {
    /// The language of the page.
    fn lang(&self) -> Lang;

    /// A text.
    fn t(&self, key: &'static str) -> &'static str {
        words(self.lang()).get(key)
    }

    /// A text by number.
    fn n(&self, key: &'static str, n: impl Display) -> String {
        words(self.lang()).count(key, &n)
    }

    /// A plain text with a value, for attributes and titles.
    fn f1(&self, key: &'static str, name: &str, value: impl Display) -> String {
        words(self.lang()).fill(key, &[(name, &value)])
    }

    /// A text with a value, as HTML.
    fn b1(&self, key: &'static str, name: &str, value: impl Display) -> Html {
        words(self.lang()).fill_html(key, &[(name, &value)])
    }

    /// An icon.
    fn icon(&self, name: &str) -> Html {
        crate::icons::icon(name)
    }

    /// The icons that pages refer to.
    fn sprite(&self) -> Html {
        crate::icons::sprite()
    }

    /// A text with two values, as HTML.
    fn b2(&self, key: &'static str, name: &str, value: impl Display, name2: &str, value2: impl Display) -> Html {
        words(self.lang()).fill_html(key, &[(name, &value), (name2, &value2)])
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Joins names for a sentence: `a, b and c`.
pub(crate) fn join(lang: Lang, names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [many @ .., last] => {
            let mut out = many.join(", ");
            let _ = write!(out, " {} {last}", words(lang).get("common.and"));
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_wish_is_read() {
        assert_eq!(Lang::from_accept_language("de-AT,de;q=0.9,en;q=0.5"), Lang::De);
        assert_eq!(Lang::from_accept_language("fr-FR, en;q=0.4, de;q=0.7"), Lang::De);
        assert_eq!(Lang::from_accept_language("de;q=0, en;q=0.1"), Lang::En);
        assert_eq!(Lang::from_accept_language(""), Lang::En);
        assert_eq!(Lang::from_accept_language(";;;,=,\u{0}"), Lang::En);
    }

    #[test]
    fn values_are_escaped_and_kept_apart() {
        let html = words(Lang::En).fill_html("menu.actions_for", &[("name", &"<b>\u{202e}x")]);
        assert!(html.0.contains("<bdi>&#60;b&#62;\u{202e}x</bdi>"), "{}", html.0);
        let text = words(Lang::En).fill("menu.actions_for", &[("name", &"a\u{202e}\r\nb")]);
        assert!(text.ends_with("a  b"), "{text:?}");
    }

    #[test]
    fn numbers_have_their_forms() {
        assert_eq!(words(Lang::En).count("count.profiles", &1), "1 profile");
        assert_eq!(words(Lang::En).count("count.profiles", &0), "0 profiles");
        assert_eq!(words(Lang::De).count("count.profiles", &2), "2 Profile");
    }

    #[test]
    fn names_are_joined() {
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(join(Lang::De, &names), "a, b und c");
        assert_eq!(join(Lang::En, &names[..1]), "a");
    }
}
