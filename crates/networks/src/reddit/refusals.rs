//! Refusals of a post or comment in words (`networks/reddit` of the knowledge base, section 5, and the codes that the archived source names
//! beside them). Reddit sends them inside a 200; they speak of what was given, never of the token.

use crate::network::Words;

/// Which field a refusal by such a code is about, and what to change; `None` where the code is about something else.
pub(super) fn in_words(code: &str, reddits: &str) -> Option<(&'static str, Words)> {
    let (field, en, de) = of_code(code)?;
    // Reddit's own words say more than ours, and may be in the account's language.
    let with_its_own = |ours: &str, label: &str| {
        if reddits.trim().is_empty() { ours.to_owned() } else { format!("{ours} {label}: {}", reddits.trim()) }
    };
    Some((field, Words::new(with_its_own(en, "Reddit says"), with_its_own(de, "Reddit sagt"))))
}

fn of_code(code: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match code {
        "THREAD_LOCKED" => (
            "post",
            "Comments under this post are locked: nobody can add one until its moderators open it again.",
            "Die Kommentare unter diesem Beitrag sind gesperrt: niemand kann etwas hinzufügen, bis die Moderatoren ihn wieder öffnen.",
        ),
        "TOO_OLD" => (
            "post",
            "This post is archived at Reddit: nothing can be said under it any more.",
            "Dieser Beitrag ist bei Reddit archiviert: darunter kann nichts mehr gesagt werden.",
        ),
        "DELETED_LINK" => ("post", "This post was deleted at Reddit.", "Dieser Beitrag wurde bei Reddit gelöscht."),
        "DELETED_COMMENT" => (
            "in_reply_to",
            "The comment that this answers was deleted at Reddit.",
            "Der Kommentar, dem das antwortet, wurde bei Reddit gelöscht.",
        ),
        "NO_TEXT" => ("text", "Something is missing: write something first.", "Etwas fehlt: schreiben Sie zuerst etwas."),
        "TOO_LONG" => ("text", "This is too long for Reddit: shorten it.", "Das ist zu lang für Reddit: kürzen Sie es."),
        "ALREADY_SUB" => {
            ("link", "This link was posted in this community before.", "Dieser Link wurde in dieser Community schon veröffentlicht.")
        }
        "NO_LINKS" => ("link", "This community takes texts only.", "Diese Community nimmt nur Texte."),
        "NO_SELFS" => ("text", "This community takes links only.", "Diese Community nimmt nur Links."),
        "SUBMIT_VALIDATION_FLAIR_REQUIRED" => {
            ("flair", "This community takes no post without a flair.", "Diese Community nimmt keinen Beitrag ohne Flair.")
        }
        other if other.starts_with("SUBMIT_VALIDATION_") => (
            "text",
            "The post does not meet the demands of this community.",
            "Der Beitrag entspricht nicht dem, was diese Community verlangt.",
        ),
        _ => return None,
    })
}
