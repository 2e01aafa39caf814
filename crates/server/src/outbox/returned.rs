//! What comes back: delivery status notifications (RFC 3464), read as far as they say which address of which mail cannot be reached.
//!
//! Anybody can write to the mailbox where they arrive. So only two things are read, each with a limit: the fields of the report, and the
//! Message-ID of what came back. Nested mails are not followed.

use lifecycle::ids::OutboxId;
use lifecycle::words::foreign;
use mail_parser::{Message, MessageParser, MimeHeaders as _};

use super::mail::{WHY_MAX, is_address_refused};

/// The most parts of a report that are looked at; RFC 3464 has three.
const PARTS_MAX: usize = 10;
/// The most recipients of one report; each of our mails has one.
const RECIPIENTS_MAX: usize = 20;
/// The most bytes of the report's own fields.
const STATUS_MAX: usize = 64 * 1024;
/// The most characters of an address (RFC 5321 4.5.3.1).
const ADDRESS_MAX: usize = 254;

/// A report about a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// What may be the identity of that mail, most likely first; only what looks like one of ours.
    pub messages: Vec<OutboxId>,
    /// What became of it, by recipient.
    pub recipients: Vec<Recipient>,
}

/// What a report says of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The address, as it was sent to and as it was in the end.
    pub addresses: Vec<String>,
    /// What became of the mail.
    pub fate: Fate,
    /// The mail server's words.
    pub why: String,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The address is refused for good.
    Refused,
    /// The mail did not arrive, for a reason that is not the address: a full mailbox, spam, nobody there for days.
    NotDelivered,
    /// It arrived, went on, or is tried again.
    Underway,
}

/// Reads a mail as a report; `None` when it is something else, such as an answer of a person who is away.
#[must_use]
pub fn read(mail: &[u8]) -> Option<Returned> {
    let outer = headers_of(mail)?;
    let kind = outer.content_type()?;
    let of = kind.attribute("report-type").unwrap_or("delivery-status");
    if kind.ctype() != "multipart" || !kind.subtype()?.eq_ignore_ascii_case("report") || !of.eq_ignore_ascii_case("delivery-status") {
        return None;
    }
    let (mut recipients, mut messages) = (vec![], vec![]);
    for part in parts(mail, kind.attribute("boundary")?) {
        let (head, body) = split_head(part);
        let Some(head) = headers_of(head) else { continue };
        let Some(kind) = head.content_type() else { continue };
        match (kind.ctype(), kind.subtype().unwrap_or_default().to_ascii_lowercase().as_str()) {
            ("message", "delivery-status" | "global-delivery-status") if recipients.is_empty() => recipients = statuses(body),
            ("message", "rfc822" | "global" | "global-headers") | ("text", "rfc822-headers") => {
                messages.extend(headers_of(split_head(body).0).iter().filter_map(Message::message_id).filter_map(ours));
            }
            _ => {}
        }
    }
    // Some servers send nothing back, but name what they answer.
    for named in [outer.in_reply_to(), outer.references()] {
        messages.extend(named.as_text_list().unwrap_or_default().iter().filter_map(|id| ours(id)));
    }
    messages.truncate(PARTS_MAX);
    Some(Returned { messages, recipients })
}

/// Our Message-ID begins with the id of the message.
fn ours(message_id: &str) -> Option<OutboxId> {
    message_id.trim_matches(['<', '>', ' ']).split('@').next()?.parse().ok()
}

fn headers_of(part: &[u8]) -> Option<Message<'_>> {
    MessageParser::default().parse_headers(part).filter(|message| !message.parts.is_empty())
}

/// The lines of a text, each with where it begins and its end without the line break.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let begins = at;
        at += line.len();
        (begins, line.trim_ascii_end())
    })
}

/// Up to the first empty line, and what follows it.
fn split_head(part: &[u8]) -> (&[u8], &[u8]) {
    let mut empty = lines(part).skip_while(|(_, line)| !line.is_empty()).map(|(at, _)| at);
    let Some(end) = empty.next() else { return (part, &[]) };
    let body = lines(part).find(|(at, _)| *at > end).map_or(part.len(), |(at, _)| at);
    (&part[..body], &part[body..])
}

/// The parts between lines that say so (RFC 2046 5.1.1).
fn parts<'a>(mail: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let (opens, closes) = (format!("--{boundary}"), format!("--{boundary}--"));
    let (mut found, mut began) = (vec![], None);
    for (at, line) in lines(mail) {
        let is_last = line == closes.as_bytes();
        if line != opens.as_bytes() && !is_last {
            continue;
        }
        found.extend(began.map(|began| &mail[began..at]));
        if is_last || found.len() == PARTS_MAX {
            return found;
        }
        began = lines(&mail[at..]).nth(1).map(|(length, _)| at + length);
    }
    // What was cut off at the end is a part too.
    found.extend(began.map(|began| &mail[began..]));
    found
}

/// The groups of fields, one for each recipient (RFC 3464 2.1); the first is about the mail.
fn statuses(body: &[u8]) -> Vec<Recipient> {
    let text = String::from_utf8_lossy(&body[..body.len().min(STATUS_MAX)]);
    let mut groups: Vec<Vec<(String, String)>> = vec![vec![]];
    for line in text.lines() {
        let last = groups.last_mut().filter(|group| !group.is_empty());
        match (line.split_once(':'), last) {
            _ if line.trim().is_empty() => groups.push(vec![]),
            // A line that begins with a space goes on with the field before it.
            (_, Some(group)) if line.starts_with([' ', '\t']) => {
                if let Some((_, value)) = group.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
            (Some((name, value)), _) => {
                if let Some(group) = groups.last_mut() {
                    group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
            (None, _) => {}
        }
    }
    groups.iter().filter_map(|group| recipient(group)).take(RECIPIENTS_MAX).collect()
}

fn recipient(fields: &[(String, String)]) -> Option<Recipient> {
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    // What stands before the semicolon says of which kind what follows is: "rfc822; somebody@example.com".
    let after_kind = |value: &str| value.split_once(';').map_or(value, |(_, rest)| rest).trim().to_owned();
    let mut addresses: Vec<String> = ["original-recipient", "final-recipient"]
        .into_iter()
        .filter_map(field)
        .map(|value| after_kind(value).trim_matches(['<', '>']).to_owned())
        .filter(|address| address.contains('@') && address.chars().count() <= ADDRESS_MAX && !address.chars().any(char::is_control))
        .collect();
    addresses.dedup();
    if addresses.is_empty() {
        return None;
    }
    let status = field("status").unwrap_or_default().split_whitespace().next().unwrap_or_default();
    let said = field("diagnostic-code").map(after_kind).unwrap_or_default();
    let fate = match field("action").unwrap_or_default().to_ascii_lowercase().as_str() {
        "failed" if is_about_the_address(status, &said) => Fate::Refused,
        "failed" => Fate::NotDelivered,
        _ => Fate::Underway,
    };
    let why = if said.is_empty() { status.to_owned() } else { said };
    Some(Recipient { addresses, fate, why: foreign(&why, WHY_MAX) })
}

/// The most exact that is said decides, as it does when the address is refused at once: a status in the server's words, the report's own
/// status where it says more than that something failed, else the server's code.
fn is_about_the_address(status: &str, said: &str) -> bool {
    if !has_status(said) && !status.is_empty() && !status.ends_with(".0.0") {
        return is_address_refused(0, status);
    }
    let code = said.split(|c: char| !c.is_ascii_digit()).next().filter(|code| code.len() == 3);
    is_address_refused(code.and_then(|code| code.parse().ok()).unwrap_or(0), said)
}

fn has_status(said: &str) -> bool {
    said.split(|c: char| !c.is_ascii_digit() && c != '.').any(|word| {
        let numbers: Vec<&str> = word.split('.').collect();
        numbers.len() == 3 && ["4", "5"].contains(&numbers[0]) && numbers.iter().all(|number| !number.is_empty())
    })
}

#[cfg(test)]
mod tests;
