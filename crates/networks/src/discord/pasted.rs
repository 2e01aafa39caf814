//! A webhook that somebody made by hand in a channel's settings and pasted here: no login, and nobody's name. Its address is read, never
//! called: what is called is made from the id and the secret in it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::Source;
use serde_json::Value;

use super::{CHANNEL, Discord, GUILD, NAME, WEBHOOK, WEBHOOK_SECRET, code, note};
use crate::network::{Answer, Authorization, Cx, Failure, Issued, Start, Words};
use crate::oauth;

/// Marks what was pasted, while it is connected and afterwards.
const PASTED: &str = "pasted";
/// The user in our id of the person, where nobody logged in.
const NOBODY: &str = "unknown/";
/// Where people copy addresses of webhooks.
const HOSTS: [&str; 4] = ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"];

fn bad(en: &str, de: &str) -> Failure {
    Failure::BadHint { words: Words::new(en, de) }
}

/// The connection, where an address was pasted: it leads back to us at once. `None`: the usual login.
pub(super) fn begin(cx: &Cx<'_>, start: &Start) -> Option<Result<Authorization, Failure>> {
    if start.expected_person.as_ref().is_some_and(|person| person.starts_with(NOBODY)) {
        return Some(Err(bad(
            "Nobody logged in for this channel: its webhook was pasted. Add the channel again with the address of a webhook that works.",
            "Für diesen Kanal hat sich niemand angemeldet: sein Webhook wurde eingefügt. Fügen Sie den Kanal mit der Adresse eines funktionierenden Webhooks neu hinzu.",
        )));
    }
    // At a renewal the hint is what is known of the person.
    let typed = start.hint.as_deref().map(str::trim).filter(|typed| !typed.is_empty() && start.expected_person.is_none())?;
    Some(match parts(cx, typed) {
        Some((id, secret)) => {
            let memory = [(WEBHOOK, id), (WEBHOOK_SECRET, secret), (PASTED, "yes".to_owned())];
            Ok(Authorization {
                url: oauth::with_query(&cx.app.redirect_uri, &[("state", start.state.expose()), ("code", PASTED)]),
                memory: memory.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect(),
                instance: String::new(),
                returns_with: start.state.clone(),
                registered: None,
            })
        }
        None => Err(bad(
            "This is no address of a webhook. Copy it at Discord: channel settings, Integrations, Webhooks, Copy Webhook URL.",
            "Das ist keine Adresse eines Webhooks. Kopieren Sie sie bei Discord: Kanaleinstellungen, Integrationen, Webhooks, Webhook-URL kopieren.",
        )),
    })
}

/// Id and secret in the address of a webhook.
fn parts(cx: &Cx<'_>, typed: &str) -> Option<(String, String)> {
    let url = url::Url::parse(typed).ok()?;
    let ours = format!("{}/", Discord::url(cx, "webhooks"));
    let rest = if url.scheme() == "https" && url.host_str().is_some_and(|host| HOSTS.contains(&host)) {
        url.path().split_once("/webhooks/")?.1
    } else {
        typed.strip_prefix(&ours)?
    };
    let (id, secret) = rest.trim_end_matches('/').split_once('/')?;
    let is_id = !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
    let is_secret =
        !secret.is_empty() && secret.len() <= 200 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (is_id && is_secret).then(|| (id.to_owned(), secret.to_owned()))
}

/// What was pasted, as a token set that can be looked at.
pub(super) fn remembered(memory: &BTreeMap<String, Secret>) -> Option<TokenSet> {
    memory.get(PASTED)?;
    let mut tokens = TokenSet::bearer(memory.get(WEBHOOK_SECRET)?.clone(), None, vec![]);
    tokens.notes.insert(WEBHOOK.to_owned(), memory.get(WEBHOOK)?.expose().to_owned());
    Some(tokens)
}

pub(super) fn is(tokens: &TokenSet) -> bool {
    !note(tokens, PASTED).is_empty()
}

/// The webhook itself says which channel it is for.
pub(super) fn read(cx: Cx<'_>, memory: &BTreeMap<String, Secret>, answer: &Response<Bytes>) -> Result<Answer<Issued>, Failure> {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    let Some(channel) = oauth::text(&json, "channel_id").filter(|_| answer.status().is_success()) else {
        return Err(match (answer.status().as_u16(), code(&json)) {
            (404, Some(10015)) | (401, Some(50027)) => {
                bad("Discord knows no such webhook, or not any more.", "Discord kennt diesen Webhook nicht oder nicht mehr.")
            }
            _ => Failure::Unavailable { evidence: Discord::diagnose(&cx, Source::Signal, answer).evidence },
        });
    };
    let mut learned = memory.clone();
    learned.insert(CHANNEL.to_owned(), Secret::new(channel));
    for (name, field) in [(GUILD, "guild_id"), (NAME, "name")] {
        learned.extend(oauth::text(&json, field).map(|text| (name.to_owned(), Secret::new(text))));
    }
    let mut issued = Discord::issued(cx, &learned, None);
    issued.tokens.notes.insert(PASTED.to_owned(), "yes".to_owned());
    Ok(Answer::Done(issued))
}
