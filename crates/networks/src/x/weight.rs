//! How long a text is to X: most Latin characters weigh one, others two, an address always 23.

/// What any address weighs.
const ADDRESS: usize = 23;

/// The weight of a text. An address is counted where it begins with its scheme; X also counts bare host names as
/// addresses, which its own open library knows in full.
pub(super) fn of(text: &str) -> usize {
    let mut weight = 0;
    let mut rest = text;
    while let Some(at) = address(rest) {
        weight += plain(&rest[..at]);
        let end = rest[at..].find(char::is_whitespace).map_or(rest.len(), |end| at + end);
        weight += ADDRESS;
        rest = &rest[end..];
    }
    weight + plain(rest)
}

/// Where the next address begins.
fn address(text: &str) -> Option<usize> {
    ["https://", "http://"].into_iter().filter_map(|scheme| text.find(scheme)).min()
}

fn plain(text: &str) -> usize {
    let mut weight = 0;
    let mut joined = false;
    for c in text.chars() {
        let code = u32::from(c);
        match code {
            // A joined emoji is one, whatever it is joined of; so are its colour and its style.
            0x200d => joined = true,
            0xfe0f | 0x1f3fb..=0x1f3ff => {}
            _ if joined => joined = false,
            // Half a flag.
            0x1f1e6..=0x1f1ff => weight += 1,
            0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => weight += 1,
            _ => weight += 2,
        }
    }
    weight
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
    fn weights_are_those_of_the_guide() {
        assert_eq!((of("Hello"), of("Grüße"), of("日本"), of("👍")), (5, 5, 4, 2));
        assert_eq!(of("👨\u{200d}👩\u{200d}👧"), 2);
        assert_eq!(of("🇩🇪"), 2);
        assert_eq!(of("See https://example.org/a/very/long/path?with=query now"), 4 + 23 + 4);
    }

    #[test]
    fn stock_symbols_are_counted() {
        assert_eq!((cashtags("$ABC and $DEF"), cashtags("$5 for $toolongname"), cashtags("$abc.")), (2, 0, 1));
    }
}
