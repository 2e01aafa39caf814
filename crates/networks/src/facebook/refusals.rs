//! Refusals that speak of what was given to publish, in words (`networks/facebook` of the knowledge base, section 8). Under whatever code
//! they come: beside code 100 they would look like a mistake of ours.

use crate::acting::NotDone;
use crate::network::Words;

/// A refusal that is about the post, in words; any other as it is.
pub(super) fn in_words(refused: NotDone) -> NotDone {
    let NotDone::Refused(diagnosis) = &refused else { return refused };
    let code = diagnosis.evidence.code.as_deref().unwrap_or_default();
    let known = code.rsplit('/').find_map(of_code);
    known.map_or(refused, |(field, en, de)| NotDone::Invalid { field, words: Words::new(en, de) })
}

fn of_code(code: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match code {
        "506" => (
            "text",
            "Facebook refuses this: the page has just published the same.",
            "Facebook lehnt das ab: die Seite hat gerade dasselbe veröffentlicht.",
        ),
        "1609005" | "2061006" => (
            "link",
            "Facebook can't use this link: check that it is right and open to everybody.",
            "Facebook kann mit diesem Link nichts anfangen: prüfen Sie, ob er stimmt und für alle erreichbar ist.",
        ),
        "1609008" => ("link", "Facebook takes no link to facebook.com here.", "Facebook nimmt hier keinen Link auf facebook.com."),
        "1366046" => (
            "media",
            "Facebook finds a picture too large: about 4 MB are taken, as JPEG or PNG.",
            "Facebook findet ein Bild zu groß: genommen werden etwa 4 MB, als JPEG oder PNG.",
        ),
        "1366051" => (
            "media",
            "Facebook refuses this: the same picture is in the post more than once.",
            "Facebook lehnt das ab: dasselbe Bild ist mehrfach im Beitrag.",
        ),
        "1346003" | "1404102" | "1349125" => (
            "text",
            "Facebook rejects what this says or shows. Nothing was published.",
            "Facebook lehnt ab, was hier gesagt oder gezeigt wird. Es wurde nichts veröffentlicht.",
        ),
        _ => return None,
    })
}
