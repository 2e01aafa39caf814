//! Every mail in both languages, as people read it.

use super::html::{Piece, read};
use crate::gallery;
use crate::words::Lang;

#[test]
fn subjects_and_texts() {
    for lang in Lang::ALL {
        for (name, mail) in gallery::mails(*lang) {
            insta::assert_snapshot!(format!("{lang}-{name}"), format!("Subject: {}\n\n{}", mail.subject, mail.text));
        }
    }
}

#[test]
fn html_of_the_most_important_one() {
    for lang in Lang::ALL {
        let (_, mail) = gallery::mails(*lang).into_iter().find(|(name, _)| name == "no-access-tokens").expect("no-access-tokens");
        insta::assert_snapshot!(format!("{lang}-no-access-tokens-html"), mail.html);
    }
}

#[test]
fn subjects_are_safe_as_headers() {
    for lang in Lang::ALL {
        for (name, mail) in gallery::mails(*lang) {
            assert!(!mail.subject.is_empty() && mail.subject.chars().count() <= 180, "{name}");
            assert!(!mail.subject.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{name}: {:?}", mail.subject);
        }
    }
}

#[test]
fn both_parts_say_the_same() {
    let unescape =
        |text: &str| text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&");
    for lang in Lang::ALL {
        for (name, mail) in gallery::mails(*lang) {
            assert!(!mail.text.contains('\u{202e}') && !mail.html.contains('\u{202e}'), "{name}");
            let body = mail.html.split("<body").nth(1).map(|rest| format!("<body{rest}")).unwrap_or_default().replace("</html>", "");
            for piece in read(&name, &body) {
                assert!(!piece.is("script") && !piece.is("img"), "{name}: {piece:?}");
                let Piece::Text { text, .. } = piece else { continue };
                let text = unescape(&text);
                let decoration = ["✓", "!", "✕", "→", "&#9679;", "Staygreen"].contains(&text.as_str());
                assert!(decoration || mail.text.contains(&text), "{name}: not in the plain text: {text}");
            }
        }
    }
}
