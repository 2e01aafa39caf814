//! Tokens, the proxy, posts and comments.

use super::waiting::{ACT_ID, HOLD_UNTIL, PICTURES, TITLE, WAITS, WHEN_DISCONNECTED, WORDS as POST_WORDS};
use super::{MANY, MAYBE_MOMENT, MAYBE_TEXT, MAYBE_URL, Operation, TEXT, URL, answers, silent};
use crate::api::shape::{Shape, may, must};

const WORDS: Shape = Shape::Text { min: 1, max: 100_000 };

pub(super) const OPERATIONS: &[Operation] = &[
    answers(
        "getAccessToken",
        Shape::Object(&[
            must("access_token", TEXT),
            must("token_type", Shape::Word(|| vec!["Bearer"])),
            must("expires_at", MAYBE_MOMENT),
            must("scopes", Shape::List { of: &TEXT, max: MANY }),
            must("person", TEXT),
        ]),
    )
    .asked(&[may("min_ttl", Shape::Int { min: 0, max: 86_400 })]),
    answers("reportAccessToken", Shape::Object(&[must("state", Shape::Word(|| vec!["being_checked", "not_current"]))])).takes(
        &[must("access_token", Shape::Text { min: 1, max: 16_384 }), may("status", Shape::Int { min: 400, max: 499 })],
        r#"{"access_token":"the token as it was handed out","status":401}"#,
    ),
    silent("proxyGet"),
    silent("proxyPost"),
    silent("proxyPut"),
    silent("proxyPatch"),
    silent("proxyDelete"),
    answers("publishPost", POSTED).or_waits(WAITS).takes(
        &[POST_WORDS, may("link", MAYBE_URL), TITLE, PICTURES, WHEN_DISCONNECTED, HOLD_UNTIL],
        r#"{"text":"The new hut is open","link":"https://example.com/hut"}"#,
    ),
    answers("listComments", Shape::Object(&[must("items", Shape::List { of: &COMMENT, max: MANY }), must("note", MAYBE_TEXT)])),
    answers("writeComment", POSTED)
        .or_waits(WAITS)
        .takes(&[must("text", WORDS), may("in_reply_to", Shape::Maybe(&Shape::Text { min: 1, max: 500 }))], r#"{"text":"Thank you"}"#),
];

const POSTED: Shape = Shape::Named("Posted", &POSTED_FIELDS);
const POSTED_FIELDS: Shape = Shape::Object(&[must("id", TEXT), must("url", MAYBE_TEXT), must("act", ACT_ID), must("note", MAYBE_TEXT)]);

/// A picture or film: where it lies, or itself as Base64.
pub(super) const MEDIA: Shape = Shape::Named("Media", &MEDIA_FIELDS);
const MEDIA_FIELDS: Shape = Shape::Object(&[
    may("url", Shape::Maybe(&URL)),
    must("content_type", Shape::Text { min: 1, max: 100 }),
    may("data", Shape::Maybe(&Shape::Text { min: 1, max: 24 * 1024 * 1024 })),
    may("alt", Shape::Maybe(&Shape::Text { min: 0, max: 2000 })),
]);

const COMMENT: Shape = Shape::Named("Comment", &COMMENT_FIELDS);
const COMMENT_FIELDS: Shape = Shape::Object(&[
    must("id", TEXT),
    must("author", TEXT),
    must("by", MAYBE_TEXT),
    must("is_ours", Shape::Flag),
    must("text", TEXT),
    must("at", MAYBE_MOMENT),
    must("in_reply_to", MAYBE_TEXT),
]);
