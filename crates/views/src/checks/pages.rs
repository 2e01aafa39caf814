//! Every page, with every sample, in both languages.

use std::collections::BTreeSet;

use super::html::{Piece, read};
use crate::gallery;
use crate::words::Lang;

fn each(check: impl Fn(&str, &str, &[Piece])) {
    for lang in Lang::ALL {
        for sample in gallery::pages(*lang) {
            let name = format!("{lang} {}", sample.name);
            check(&name, &sample.html, &read(&name, &sample.html));
        }
    }
}

#[test]
fn documents_name_their_language_and_title() {
    for lang in Lang::ALL {
        for sample in gallery::pages(*lang) {
            assert!(sample.html.starts_with(&format!("<!doctype html>\n<html lang=\"{lang}\"")), "{}", sample.name);
            let title = sample.html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default();
            assert!(title.ends_with(" – Staygreen") && title.len() > " – Staygreen".len(), "{}: {title}", sample.name);
        }
    }
}

#[test]
fn names_of_samples_are_unique() {
    let names: Vec<String> = gallery::pages(Lang::En).into_iter().map(|sample| sample.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn hostile_names_stay_text() {
    each(|name, html, pieces| {
        let scripts: Vec<&Piece> = pieces.iter().filter(|piece| piece.is("script")).collect();
        assert_eq!(scripts.len(), 1, "{name}");
        assert_eq!(scripts[0].attribute("src"), Some("/assets/staygreen.js"), "{name}");
        for piece in pieces {
            assert!(!piece.is("img") && !piece.is("i") && !piece.is("b"), "{name}: {piece:?}");
        }
        for (place, _) in html.match_indices('\u{202e}') {
            let before = &html[..place];
            let isolated = before.rfind("<bdi").is_some_and(|open| before.rfind("</bdi>").is_none_or(|close| close < open));
            assert!(isolated, "{name}: a direction mark outside <bdi>: {}", &before[before.len().saturating_sub(60)..]);
        }
    });
    let all: String = gallery::pages(Lang::En).into_iter().map(|sample| sample.html).collect();
    assert!(all.contains("&#60;script&#62;") && all.contains('\u{202e}'), "the samples are hostile");
}

#[test]
fn nothing_is_inline() {
    each(|name, _, pieces| {
        for piece in pieces {
            assert!(!piece.is("style"), "{name}");
            let Piece::Open { attributes, .. } = piece else { continue };
            for (attribute, value) in attributes {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{name}: {piece:?}");
                assert!(!value.trim_start().to_ascii_lowercase().starts_with("javascript:"), "{name}: {piece:?}");
            }
        }
    });
}

#[test]
fn one_heading_leads_and_the_others_follow_in_order() {
    each(|name, _, pieces| {
        let levels: Vec<u32> = pieces.iter().filter_map(heading).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{name}: {levels:?}");
        assert_eq!(levels.first(), Some(&1), "{name}: {levels:?}");
        for pair in levels.windows(2) {
            assert!(pair[1] <= pair[0] + 1, "{name}: {levels:?}");
        }
    });
}

fn heading(piece: &Piece) -> Option<u32> {
    let Piece::Open { name, .. } = piece else { return None };
    name.strip_prefix('h').filter(|level| level.len() == 1)?.parse().ok()
}

#[test]
fn fields_have_labels_and_ids_are_unique() {
    each(|name, _, pieces| {
        let ids: Vec<&str> = pieces.iter().filter_map(|piece| piece.attribute("id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: {ids:?}");
        for field in pieces.iter().filter(|piece| piece.is("input") || piece.is("select")) {
            let labelled =
                field.attribute("id").is_some_and(|id| pieces.iter().any(|piece| piece.is("label") && piece.attribute("for") == Some(id)));
            assert!(labelled || field.attribute("aria-label").is_some(), "{name}: {field:?}");
        }
        for piece in pieces {
            if let Some(target) = piece.attribute("aria-labelledby") {
                assert!(ids.contains(&target), "{name}: {piece:?}");
            }
            if let Some(target) = piece.attribute("href").and_then(|href| href.strip_prefix('#')) {
                assert!(ids.contains(&target), "{name}: {piece:?}");
            }
        }
    });
}

#[test]
fn buttons_and_menus_have_words() {
    each(|name, _, pieces| {
        for (place, piece) in pieces.iter().enumerate() {
            if !(piece.is("button") || piece.is("summary") || piece.is("a"))
                || piece.attribute("aria-label").is_some_and(|label| !label.is_empty())
            {
                continue;
            }
            let Piece::Open { inside, .. } = piece else { continue };
            let depth = inside.len();
            let within = pieces[place + 1..].iter().take_while(|piece| match piece {
                Piece::Open { inside, .. } | Piece::Text { inside, .. } => inside.len() > depth,
            });
            let words = within.filter(|piece| matches!(piece, Piece::Text { .. })).count();
            assert!(words > 0, "{name}: {piece:?}");
        }
    });
}

#[test]
fn forms_and_links_stay_here() {
    each(|name, _, pieces| {
        for piece in pieces {
            if piece.is("form") {
                assert!(matches!(piece.attribute("method"), Some("post" | "get")), "{name}: {piece:?}");
                assert!(piece.attribute("action").is_some_and(|action| action.starts_with('/')), "{name}: {piece:?}");
            }
            if piece.is("a") {
                assert!(piece.attribute("href").is_some_and(|href| href.starts_with('/') || href.starts_with('#')), "{name}: {piece:?}");
            }
            assert!(piece.attribute("type") != Some("hidden"), "{name}: forms carry no hidden fields");
        }
    });
}

#[test]
fn nothing_is_left_untranslated() {
    let known: BTreeSet<&str> = crate::words::words(Lang::En).keys().collect();
    each(|name, html, pieces| {
        for piece in pieces {
            let Piece::Text { text, .. } = piece else { continue };
            assert!(!known.contains(text.as_str()), "{name}: {text}");
        }
        let open = html.match_indices('{').find(|(place, _)| html[*place..].find('}').is_some_and(|end| end < 20));
        assert!(open.is_none(), "{name}: a placeholder was not filled");
    });
}

#[test]
fn return_to_is_encoded() {
    let page = gallery::pages(Lang::En).into_iter().find(|sample| sample.name == "sign-in").expect("sign-in");
    assert!(page.html.contains("action=\"/sign-in?return_to=%2Fsettings%2Fprofiles%3Fstatus%3Ddisconnected%26q%3Da%20b\""));
}

#[test]
fn standard_users_see_no_admin_settings() {
    let page = gallery::pages(Lang::En).into_iter().find(|sample| sample.name == "profiles-filtered").expect("profiles-filtered");
    assert!(!page.html.contains("/settings/users") && page.html.contains("/settings/profiles"));
}
