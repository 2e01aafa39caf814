//! How long a text is to X, after its guide to counting characters and its open library: what is light weighs one, all else two,
//! an emoji two with all that belongs to it, an address 23.

use unicode_normalization::UnicodeNormalization as _;

/// Code points that weigh one.
const LIGHT: &[(u32, u32)] = &[(0, 4351), (8192, 8205), (8208, 8223), (8242, 8247)];
/// Pictures among older signs; what is above them comes in blocks of its own.
const PICTURES: &[u32] = &[
    0x203c, 0x2049, 0x2122, 0x2139, 0x2328, 0x23cf, 0x24c2, 0x25b6, 0x25c0, 0x260e, 0x2611, 0x2618, 0x261d, 0x2620, 0x2626, 0x262a, 0x2640,
    0x2642, 0x2663, 0x2668, 0x267b, 0x2699, 0x26a7, 0x26c8, 0x26d1, 0x26fd, 0x2702, 0x2705, 0x270f, 0x2712, 0x2714, 0x2716, 0x271d, 0x2721,
    0x2728, 0x2744, 0x2747, 0x274c, 0x274e, 0x2757, 0x27a1, 0x27b0, 0x27bf, 0x2b50, 0x2b55, 0x3030, 0x303d, 0x3297, 0x3299,
];
const PICTURE_BLOCKS: &[(u32, u32)] = &[
    (0x2194, 0x2199),
    (0x21a9, 0x21aa),
    (0x231a, 0x231b),
    (0x23e9, 0x23f3),
    (0x23f8, 0x23fa),
    (0x25aa, 0x25ab),
    (0x25fb, 0x25fe),
    (0x2600, 0x2604),
    (0x2614, 0x2615),
    (0x2622, 0x2623),
    (0x262e, 0x262f),
    (0x2638, 0x263a),
    (0x2648, 0x2653),
    (0x265f, 0x2660),
    (0x2665, 0x2666),
    (0x267e, 0x267f),
    (0x2692, 0x2697),
    (0x269b, 0x269c),
    (0x26a0, 0x26a1),
    (0x26aa, 0x26ab),
    (0x26b0, 0x26b1),
    (0x26bd, 0x26be),
    (0x26c4, 0x26c5),
    (0x26ce, 0x26cf),
    (0x26d3, 0x26d4),
    (0x26e9, 0x26ea),
    (0x26f0, 0x26f5),
    (0x26f7, 0x26fa),
    (0x2708, 0x270d),
    (0x2733, 0x2734),
    (0x2753, 0x2755),
    (0x2763, 0x2764),
    (0x2795, 0x2797),
    (0x2934, 0x2935),
    (0x2b05, 0x2b07),
    (0x2b1b, 0x2b1c),
    (0x1f000, 0x1f0ff),
    (0x1f170, 0x1f19a),
    (0x1f201, 0x1f3fa),
    (0x1f400, 0x1f64f),
    (0x1f680, 0x1f6ff),
    (0x1f7da, 0x1f7ff),
    (0x1f90c, 0x1f9ff),
    (0x1fa70, 0x1faff),
];
/// Ends of host names that make an address without a scheme before them: the ones that people write. X knows them all.
const TOP_LEVEL: &str = "app at be biz ch com cz de dev dk edu es eu fi fr gov info io it li lu net nl no org pl se uk us";

fn within(blocks: &[(u32, u32)], c: char) -> bool {
    blocks.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(c)))
}

fn is_picture(c: char) -> bool {
    PICTURES.contains(&u32::from(c)) || within(PICTURE_BLOCKS, c)
}

fn is_half_flag(c: char) -> bool {
    within(&[(0x1f1e6, 0x1f1ff)], c)
}

/// The weight of a text.
pub(super) fn of(text: &str) -> usize {
    let text: Vec<char> = text.nfc().collect();
    let (mut weight, mut at) = (0, 0);
    while at < text.len() {
        let address = if may_begin(&text[..at]) { address(&text[at..], at.checked_sub(1).map(|before| text[before])) } else { 0 };
        let emoji = emoji(&text[at..]);
        (weight, at) = match (address, emoji) {
            (0, 0) => (weight + if within(LIGHT, text[at]) { 1 } else { 2 }, at + 1),
            (0, long) => (weight + 2, at + long),
            (long, _) => (weight + 23, at + long),
        };
    }
    weight
}

/// How many characters the emoji has that the text begins with; none is zero.
fn emoji(text: &[char]) -> usize {
    match text {
        ['0'..='9' | '#' | '*', '\u{fe0f}', '\u{20e3}', ..] => 3,
        ['0'..='9' | '#' | '*', '\u{20e3}', ..] => 2,
        [half, other, ..] if is_half_flag(*half) && is_half_flag(*other) => 2,
        [half, ..] if is_half_flag(*half) => 1,
        [first, rest @ ..] if is_picture(*first) => 1 + belonging(rest),
        ['\u{a9}' | '\u{ae}', '\u{fe0f}', rest @ ..] => 2 + belonging(rest),
        _ => 0,
    }
}

/// How much of what follows belongs to the picture before it: its look, its colour, letters of a region's flag, joined pictures.
fn belonging(rest: &[char]) -> usize {
    let mut long = 0;
    loop {
        long += match &rest[long..] {
            ['\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}', ..] => 1,
            ['\u{200d}', joined, ..] if is_picture(*joined) || ['\u{a9}', '\u{ae}'].contains(joined) => 2,
            _ => return long,
        };
    }
}

/// Whether an address may begin after that: not within a word, a mention or a tag.
fn may_begin(before: &[char]) -> bool {
    !matches!(before, [.., 'a'..='z' | 'A'..='Z' | '0'..='9' | '@' | '\u{ff20}' | '$' | '#' | '\u{ff03}'])
}

/// How many characters the address has that the text begins with; none is zero.
fn address(text: &[char], before: Option<char>) -> usize {
    let lower = |n: usize| text.iter().take(n).map(char::to_ascii_lowercase).collect::<String>();
    let scheme = if lower(8) == "https://" {
        8
    } else if lower(7) == "http://" {
        7
    } else {
        0
    };
    if scheme == 0 && matches!(before, Some('-' | '_' | '.' | '/')) {
        return 0;
    }
    let name = host(&text[scheme..], scheme > 0);
    if name == 0 {
        return 0;
    }
    let rest = &text[scheme + name..];
    let digits = rest.iter().skip(1).take_while(|c| c.is_ascii_digit()).count();
    let port = if rest.first() == Some(&':') && digits > 0 { digits + 1 } else { 0 };
    let path = path(&rest[port..]);
    scheme + name + port + path + query(&rest[port + path..])
}

/// The longest name that ends as names of hosts do.
fn host(text: &[char], is_named: bool) -> usize {
    let is_letter = |c: &char| if is_named { c.is_alphanumeric() } else { c.is_ascii_alphanumeric() };
    let long = text.iter().take_while(|c| is_letter(c) || ['-', '.'].contains(*c)).count();
    if matches!(text.get(long), Some('@' | '+')) {
        return 0;
    }
    let ends = (1..=long).rev().filter(|end| *end == long || text[*end] == '.');
    let is_host = |name: &[char]| {
        let labels: Vec<&[char]> = name.split(|c| *c == '.').collect();
        let is_label = |label: &&[char]| matches!((label.first(), label.last()), (Some(a), Some(b)) if *a != '-' && *b != '-');
        let last: String = labels.last().into_iter().flat_map(|label| label.iter()).collect();
        let is_end = if is_named {
            last.chars().count() >= 2 && last.chars().all(char::is_alphabetic)
        } else {
            TOP_LEVEL.split(' ').any(|known| known == last.to_ascii_lowercase())
        };
        labels.len() >= 2 && labels.iter().all(is_label) && is_end
    };
    ends.into_iter().find(|end| is_host(&text[..*end])).unwrap_or(0)
}

/// What may stand in a path, and what it may end with.
fn in_path(c: char) -> Option<bool> {
    let is_letter = c.is_ascii_alphanumeric() || within(&[(0xc0, 0xd6), (0xd8, 0xf6), (0xf8, 0x24f), (0x400, 0x4ff)], c);
    (is_letter || "=_#/+-!*';:,.$%[]\u{2013}~@|&".contains(c)).then(|| is_letter || "=_#/+-".contains(c))
}

fn path(text: &[char]) -> usize {
    if text.first() != Some(&'/') {
        return 0;
    }
    let (mut good, mut at) = (1, 1);
    while at < text.len() {
        if text[at] == '(' {
            let inner = text[at + 1..].iter().take_while(|c| in_path(**c).is_some()).count();
            if inner == 0 || text.get(at + 1 + inner) != Some(&')') {
                break;
            }
            at += inner + 2;
            good = at;
            continue;
        }
        let Some(may_end) = in_path(text[at]) else { break };
        at += 1;
        if may_end {
            good = at;
        }
    }
    good
}

fn query(text: &[char]) -> usize {
    if text.first() != Some(&'?') {
        return 0;
    }
    let long = text[1..].iter().take_while(|c| c.is_ascii_alphanumeric() || "!?*'@();:&=+$/%#[]-_.,~|".contains(**c)).count();
    let last = text[1..=long].iter().rposition(|c| c.is_ascii_alphanumeric() || "-_&=#/".contains(*c));
    last.map_or(0, |last| last + 2)
}
