//! Messages for chat channels: the words of the mails in each chat's own format. Names and networks' words are hostile text:
//! they mention nobody, format nothing and link nowhere (NT-28).

use serde_json::{Value, json};
use store::webhooks::EndpointKind;
use url::Url;

use super::letter::Draft;

/// The most characters of a message; the smallest of the chats' limits is Discord's 2000.
const TEXT_MAX: usize = 1500;

/// Address and body of the request for one message.
pub(super) fn request(kind: EndpointKind, url: &Url, draft: &Draft) -> (Url, Value) {
    let body = match kind {
        EndpointKind::Webhook | EndpointKind::Slack => slack(draft),
        EndpointKind::Teams => teams(draft),
        EndpointKind::Mattermost => json!({ "text": markdown(draft) }),
        EndpointKind::Discord => {
            // 4: no previews of links.
            json!({ "content": markdown(draft), "allowed_mentions": { "parse": [] }, "flags": 4 })
        }
        EndpointKind::Ntfy => return ntfy(url, draft),
    };
    (url.clone(), body)
}

fn body_of(draft: &Draft) -> String {
    let quote = draft.quote.iter().map(|quote| format!("„{quote}“"));
    draft.paragraphs.iter().cloned().chain(quote).collect::<Vec<_>>().join("\n").chars().take(TEXT_MAX).collect()
}

/// What Slack takes for markup outside `plain_text` (its "Escaping text").
fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn slack(draft: &Draft) -> Value {
    let plain = |text: String| json!({ "type": "plain_text", "emoji": false, "text": text });
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(draft.subject.chars().take(150).collect()) }),
        json!({ "type": "section", "text": plain(body_of(draft)) }),
    ];
    if let Some((label, href)) = &draft.button {
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": format!("<{}|{}>", slack_escaped(href), slack_escaped(label)) } }));
    }
    json!({ "text": slack_escaped(&draft.subject), "blocks": blocks })
}

/// Text runs are shown as they are; the markdown of text blocks is not spoken here.
fn teams(draft: &Draft) -> Value {
    let run =
        |text: &str, weight: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] });
    let actions: Vec<Value> =
        draft.button.iter().map(|(label, href)| json!({ "type": "Action.OpenUrl", "title": label, "url": href })).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [run(&draft.subject, "Bolder"), run(&body_of(draft), "Default")],
                "actions": actions,
            }
        }]
    })
}

/// Markdown in which the text itself has no say. A character without width parts what would become a mention or a link.
fn markdown_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' | '(' | ')' | '!' | '+' | '-' => out.extend(['\\', c]),
            '@' | ':' => out.extend([c, '\u{200b}']),
            c => out.push(c),
        }
    }
    out
}

fn markdown(draft: &Draft) -> String {
    let link = draft.button.iter().map(|(label, href)| format!("\n[{}](<{href}>)", markdown_escaped(label))).collect::<String>();
    let body: Vec<String> = body_of(draft).lines().map(markdown_escaped).collect();
    let body: String = body.join("\n").chars().take(TEXT_MAX).collect();
    format!("**{}**\n{body}{link}", markdown_escaped(&draft.subject))
}

/// As JSON to the server's root: names never get into headers.
fn ntfy(url: &Url, draft: &Draft) -> (Url, Value) {
    let mut root = url.clone();
    let mut parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
    let topic = parts.pop().unwrap_or_default().to_owned();
    root.set_path(&parts.join("/"));
    let mut body = json!({ "topic": topic, "title": draft.subject, "message": body_of(draft), "tags": ["link"] });
    if let Some((_, href)) = &draft.button {
        body["click"] = href.as_str().into();
    }
    (root, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Draft {
        Draft::for_tests(
            "No access: <!channel> @everyone *Evil* [x](https://evil.example)",
            "<@U1> @here `code` | https://evil.example",
            ("Refresh", "https://sg.example/settings/profiles/prf_1/refresh"),
        )
    }

    fn sent(kind: EndpointKind, url: &str) -> (String, Value) {
        let (url, body) = request(kind, &Url::parse(url).expect("an address"), &hostile());
        (url.to_string(), body)
    }

    #[test]
    fn nt_28_slack_mentions_nobody_and_formats_nothing() {
        let (_, body) = sent(EndpointKind::Slack, "https://hooks.example/services/x");
        let fallback = body["text"].as_str().expect("text");
        assert!(!fallback.contains('<') && fallback.contains("&lt;!channel&gt;"), "{fallback}");
        assert_eq!((&body["blocks"][0]["text"]["type"], &body["blocks"][1]["text"]["type"]), (&json!("plain_text"), &json!("plain_text")));
        assert_eq!(body["blocks"][2]["text"]["text"], "<https://sg.example/settings/profiles/prf_1/refresh|Refresh>");
    }

    #[test]
    fn nt_28_discord_and_mattermost_show_names_as_they_are() {
        let (_, body) = sent(EndpointKind::Discord, "https://discord.example/api/webhooks/1/x");
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        let content = body["content"].as_str().expect("content");
        for trick in ["<!channel>", "@everyone", "@here", "](https", "*Evil*", " `code`", "https://evil"] {
            assert!(!content.contains(trick), "{trick}: {content}");
        }
        assert!(content.ends_with("[Refresh](<https://sg.example/settings/profiles/prf_1/refresh>)"), "{content}");
        assert_eq!(sent(EndpointKind::Mattermost, "https://chat.example/hooks/x").1["text"], content);
    }

    #[test]
    fn teams_gets_a_card_of_plain_runs() {
        let (_, body) = sent(EndpointKind::Teams, "https://flow.example/x");
        let card = &body["attachments"][0]["content"];
        assert_eq!(card["body"][0]["inlines"][0]["text"], hostile().subject.as_str());
        assert_eq!(card["actions"][0]["url"], "https://sg.example/settings/profiles/prf_1/refresh");
    }

    #[test]
    fn ntfy_gets_its_topic_in_the_body() {
        let (url, body) = sent(EndpointKind::Ntfy, "https://ntfy.example/push/fernweh-alerts");
        assert_eq!((url.as_str(), &body["topic"]), ("https://ntfy.example/push", &json!("fernweh-alerts")));
        assert_eq!(body["click"], "https://sg.example/settings/profiles/prf_1/refresh");
    }

    #[test]
    fn a_long_message_fits_everywhere() {
        let long = Draft::for_tests("x", &"*".repeat(9000), ("l", "https://sg.example/"));
        let (_, body) = request(EndpointKind::Discord, &Url::parse("https://d.example/").expect("an address"), &long);
        assert!(body["content"].as_str().expect("content").chars().count() < 2000);
    }
}
