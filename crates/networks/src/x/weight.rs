//! How long a text is to X: most Latin characters weigh one, others two, an emoji two whatever it is put together of, an address
//! always 23.

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// What any address weighs.
const ADDRESS: usize = 23;
/// What an emoji weighs, and whatever is not named as light.
const HEAVY: usize = 2;
/// Ends of bare host names that make an address. X's own open library knows every one there is.
const ENDS: &[&str] = &[
    "app", "at", "be", "biz", "ch", "com", "cz", "de", "dev", "dk", "edu", "es", "eu", "fi", "fr", "gov", "info", "io", "it", "li", "lu",
    "net", "nl", "no", "org", "pl", "se", "uk", "us",
];
/// The look of an emoji.
const LOOK: char = '\u{fe0f}';
const JOINER: char = '\u{200d}';

/// The weight of a text, as X counts: composed first (NFC), so that it does not matter how an accent is written.
pub(super) fn of(text: &str) -> usize {
    let text: String = text.nfc().collect();
    let (mut weight, mut rest, mut before) = (0, text.as_str(), None);
    while let Some(first) = rest.chars().next() {
        let (weighs, end) = address(before, rest)
            .map(|end| (ADDRESS, end))
            .or_else(|| emoji(rest).map(|end| (HEAVY, end)))
            .unwrap_or_else(|| (alone(first), first.len_utf8()));
        weight += weighs;
        before = rest[..end].chars().next_back();
        rest = &rest[end..];
    }
    weight
}

/// The weight of a character by itself.
fn alone(c: char) -> usize {
    match u32::from(c) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => HEAVY,
    }
}

/// Where the emoji ends that the text begins with.
fn emoji(text: &str) -> Option<usize> {
    let mut chars = text.chars();
    let first = chars.next()?;
    let mut end = first.len_utf8();
    match first {
        '0'..='9' | '#' | '*' => {
            let rest = chars.as_str();
            let key = rest.strip_prefix(LOOK).unwrap_or(rest).strip_prefix('\u{20e3}')?;
            return Some(text.len() - key.len());
        }
        // A flag is made of two of these.
        '\u{1f1e6}'..='\u{1f1ff}' => {
            return Some(end + chars.next().filter(|c| ('\u{1f1e6}'..='\u{1f1ff}').contains(c)).map_or(0, char::len_utf8));
        }
        // These are letters unless they are told to be pictures.
        '©' | '®' if !chars.as_str().starts_with(LOOK) => return None,
        _ if !is_picture(first) => return None,
        _ => {}
    }
    while let Some(c) = chars.next() {
        end += match c {
            LOOK | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' => c.len_utf8(),
            JOINER => match chars.next() {
                Some(joined) if is_picture(joined) => c.len_utf8() + joined.len_utf8(),
                _ => break,
            },
            _ => break,
        };
    }
    Some(end)
}

/// Unicode's rules for what is seen as one character join nothing but pictures this way, and whoever segments knows them.
fn is_picture(c: char) -> bool {
    !c.is_ascii() && format!("{c}{JOINER}\u{1f600}").graphemes(true).count() == 1
}

/// Where the address ends that the text begins with.
fn address(before: Option<char>, text: &str) -> Option<usize> {
    if before.is_some_and(|c| c.is_ascii_alphanumeric() || "@＠$#＃".contains(c)) {
        return None;
    }
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    let scheme = ["https://", "http://"].into_iter().find(|scheme| begins(scheme)).map(str::len);
    if scheme.is_none() && before.is_some_and(|c| "-_./".contains(c)) {
        return None;
    }
    let mut end = scheme.unwrap_or(0);
    end += host(&text[end..], scheme.is_some())?;
    end += port(&text[end..]);
    end += path(&text[end..]);
    Some(end + query(&text[end..]))
}

/// The length of the host name. With a scheme before it any name will do that ends in letters; without one it needs an end that
/// hosts have.
fn host(text: &str, has_scheme: bool) -> Option<usize> {
    let fits = |c: char| c == '-' || c == '.' || if has_scheme { c.is_alphanumeric() } else { c.is_ascii_alphanumeric() };
    let run = &text[..text.find(|c| !fits(c)).unwrap_or(text.len())];
    if text[run.len()..].starts_with(['@', '+']) {
        return None;
    }
    let (mut len, mut found) = (0, None);
    for (n, label) in run.split('.').enumerate() {
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            break;
        }
        len += label.len() + usize::from(n > 0);
        let is_end = if has_scheme {
            label.chars().count() > 1 && label.chars().all(char::is_alphabetic)
        } else {
            ENDS.iter().any(|end| label.eq_ignore_ascii_case(end))
        };
        if n > 0 && is_end {
            found = Some(len);
        }
    }
    found
}

fn port(text: &str) -> usize {
    let digits = text.strip_prefix(':').map_or(0, |rest| rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    if digits == 0 { 0 } else { 1 + digits }
}

/// Letters that X takes in paths.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ɏ' | 'Ѐ'..='ӿ')
}

fn in_path(c: char) -> bool {
    is_letter(c) || "!*';:=+,.$/%#[]-–_~@|&".contains(c)
}

/// The length of the path: stops and brackets that close the sentence around it do not belong to it.
fn path(text: &str) -> usize {
    let Some(inner) = text.strip_prefix('/') else { return 0 };
    let (mut at, mut end) = (0, 0);
    while let Some(c) = inner[at..].chars().next() {
        if c == '(' {
            let Some(close) = inner[at..].find(')').filter(|close| *close > 1 && inner[at + 1..at + close].chars().all(in_path)) else {
                break;
            };
            at += close + 1;
            end = at;
        } else if in_path(c) {
            at += c.len_utf8();
            if is_letter(c) || "=_#/+-".contains(c) {
                end = at;
            }
        } else {
            break;
        }
    }
    1 + end
}

fn query(text: &str) -> usize {
    let Some(inner) = text.strip_prefix('?') else { return 0 };
    let run = inner.find(|c: char| !c.is_ascii_alphanumeric() && !"!?*'@();:&=+$/%#[]-_.,~|".contains(c)).unwrap_or(inner.len());
    let end = inner[..run].rfind(|c: char| c.is_ascii_alphanumeric() || "-_&=#/".contains(c));
    end.map_or(0, |last| last + 2)
}

/// How many stock symbols (`$ABC`) a text has: X takes one.
pub(super) fn cashtags(text: &str) -> usize {
    let is_tag = |word: &&str| {
        word.strip_prefix('$').is_some_and(|name| {
            let letters = name.chars().take_while(char::is_ascii_alphabetic).count();
            (1..=6).contains(&letters) && !name.chars().nth(letters).is_some_and(char::is_alphanumeric)
        })
    };
    text.split_whitespace().filter(is_tag).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_symbols_are_counted() {
        assert_eq!((cashtags("$ABC and $DEF"), cashtags("$5 for $toolongname"), cashtags("$abc.")), (2, 0, 1));
    }

    /// Each character is looked at, but what follows it is not read to its end each time: hostile texts are weighed as quickly as others.
    #[test]
    fn a_letter_with_very_many_marks_is_weighed() {
        let marks = 100_000;
        assert_eq!(of(&format!("x{}", "\u{302}".repeat(marks))), 1 + marks);
        assert_eq!(of(&format!("👍{}", "\u{1f3fd}".repeat(marks))), 2);
    }

    #[test]
    fn unicode_knows_what_a_picture_is() {
        for (c, expected) in
            [('👍', true), ('❤', true), ('©', true), ('日', false), ('a', false), ('\u{1f3fd}', false), ('\u{fe0f}', false)]
        {
            assert_eq!(is_picture(c), expected, "{c:?}");
        }
    }
}
