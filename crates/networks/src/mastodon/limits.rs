//! What one server takes: its operator sets the length of a text, and what may go with it. Read from its public configuration
//! (`/api/v2/instance`, of older servers and relatives `/api/v1/instance`).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, StatusCode};
use lifecycle::secret::TokenSet;
use serde_json::Value;

use super::Mastodon;
use crate::acting::{Media, NotDone};
use crate::network::{Cx, Words, limit_set};
use crate::oauth;
use crate::wire::Wire;

/// What a server that does not say takes.
const TEXT_MAX: usize = 500;
/// What an address counts, however long it is, where the server does not say.
const ADDRESS_COUNTS: usize = 23;
/// How many pictures go with a post, where the server does not say.
const PICTURES_MAX: usize = 4;
/// The name under which the shell hands back what was learned, among the options of our client.
const OPTION: &str = "server_takes";

/// What a server takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    /// The longest text, in characters as people see them.
    pub(super) text_max: usize,
    /// What every address counts.
    pub(super) address_counts: usize,
    /// How many pictures and films.
    pub(super) media_max: usize,
    /// Whether the server said so: else these are the usual ones.
    pub(super) is_known: bool,
    picture_bytes: Option<usize>,
    film_bytes: Option<usize>,
    /// What may be sent; empty: not known.
    types: Vec<String>,
    description_max: Option<usize>,
}

impl Limits {
    fn usual() -> Self {
        Self {
            text_max: TEXT_MAX,
            address_counts: ADDRESS_COUNTS,
            media_max: PICTURES_MAX,
            is_known: false,
            picture_bytes: None,
            film_bytes: None,
            types: vec![],
            description_max: None,
        }
    }

    /// As the configuration of a server says; what it leaves out is as usual. Zeros and nonsense say nothing.
    fn read(instance: &Value) -> Self {
        let number = |path: &str| instance.pointer(path).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        // Relatives have it at the top.
        let text_max = number("/configuration/statuses/max_characters").or_else(|| number("/max_toot_chars"));
        let types = instance.pointer("/configuration/media_attachments/supported_mime_types").and_then(Value::as_array);
        Self {
            text_max: text_max.unwrap_or(TEXT_MAX),
            address_counts: number("/configuration/statuses/characters_reserved_per_url").unwrap_or(ADDRESS_COUNTS),
            media_max: number("/configuration/statuses/max_media_attachments").unwrap_or(PICTURES_MAX),
            is_known: text_max.is_some(),
            picture_bytes: number("/configuration/media_attachments/image_size_limit"),
            film_bytes: number("/configuration/media_attachments/video_size_limit"),
            types: types.into_iter().flatten().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
            description_max: number("/configuration/media_attachments/description_limit"),
        }
    }

    /// Those that the shell handed back; else the usual ones.
    pub(super) fn handed(options: &BTreeMap<String, String>) -> Self {
        let said = options.get(OPTION).and_then(|said| serde_json::from_str::<Value>(said).ok());
        said.map_or_else(Self::usual, |said| Self::read(&said)).with_those_set(options)
    }

    /// What the operator of ours sets wins over what the server says: of a server that says nothing, or something else than it does.
    fn with_those_set(mut self, options: &BTreeMap<String, String>) -> Self {
        if let Some(most) = limit_set(options, "text_max") {
            (self.text_max, self.is_known) = (most, true);
        }
        self.media_max = limit_set(options, "pictures_max").unwrap_or(self.media_max);
        self
    }

    /// Those that the shell handed back; where there are none, the server is asked.
    pub(super) async fn of(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Self {
        let handed = Self::handed(&cx.app.options);
        if handed.is_known {
            return handed;
        }
        // With the token: there are servers that say nothing to strangers.
        ask(wire, |version| Mastodon::get(&cx, &format!("/{version}/instance"), tokens))
            .await
            .map_or(handed, |said| Self::read(&said).with_those_set(&cx.app.options))
    }

    /// Whether pictures and films are such as the server takes.
    pub(super) fn fit(&self, media: &[Media]) -> Result<(), NotDone> {
        let most = self.media_max;
        if media.len() > most || media.iter().any(|media| media.bytes.is_empty()) {
            return Err(invalid(
                format!("Mastodon takes up to {most} pictures, sent with the post."),
                format!("Mastodon nimmt bis zu {most} Bilder, die mit dem Beitrag gesendet werden."),
            ));
        }
        media.iter().try_for_each(|media| self.fits(media))
    }

    fn fits(&self, media: &Media) -> Result<(), NotDone> {
        let kind = media.content_type.split(';').next().unwrap_or_default().trim();
        if !self.types.is_empty() && !self.types.iter().any(|taken| taken.eq_ignore_ascii_case(kind)) {
            return Err(invalid(format!("This server takes no {kind}."), format!("Dieser Server nimmt kein {kind}.")));
        }
        // Of sound the documentation names no limit of its own; the server has the one of films.
        let most = if kind.starts_with("image/") { self.picture_bytes } else { self.film_bytes };
        if let Some(most) = most.filter(|most| media.bytes.len() > *most) {
            let megabytes = most / 1_000_000;
            return Err(invalid(
                format!("This file is larger than the {megabytes} MB that this server takes."),
                format!("Diese Datei ist größer als die {megabytes} MB, die dieser Server nimmt."),
            ));
        }
        let described = media.alt.as_deref().map_or(0, |alt| alt.chars().count());
        if let Some(most) = self.description_max.filter(|most| described > *most) {
            return Err(invalid(
                format!("The description of a picture may have {most} characters on this server."),
                format!("Die Beschreibung eines Bildes darf auf diesem Server {most} Zeichen haben."),
            ));
        }
        Ok(())
    }
}

fn invalid(en: String, de: String) -> NotDone {
    NotDone::Invalid { field: "media", words: Words::new(en, de) }
}

/// The server's word about itself, of whichever version it speaks. `None` where it says none.
async fn ask(wire: &dyn Wire, request: impl Fn(&str) -> Request<Bytes>) -> Option<Value> {
    for version in ["v2", "v1"] {
        let answer = wire.send(request(version)).await.ok()?;
        if let Some(json) = oauth::json(&answer).filter(|_| answer.status() == StatusCode::OK) {
            return Some(json);
        }
        if answer.status() != StatusCode::NOT_FOUND {
            return None;
        }
    }
    None
}

/// The request for it that anybody may send.
pub(super) fn public(cx: &Cx<'_>, version: &str) -> Request<Bytes> {
    let url = format!("{}/{version}/instance", Mastodon::url(cx, "api"));
    Request::get(url).header("accept", "application/json").body(Bytes::new()).unwrap_or_default()
}

/// What the shell keeps for a while: of the server's word what is read here, and nothing else.
pub(super) async fn learn(cx: Cx<'_>, wire: &dyn Wire) -> BTreeMap<String, String> {
    let Some(mut said) = ask(wire, |version| public(&cx, version)).await else { return BTreeMap::new() };
    if let Some(fields) = said.as_object_mut() {
        fields.retain(|name, _| matches!(name.as_str(), "configuration" | "max_toot_chars"));
    }
    BTreeMap::from([(OPTION.to_owned(), said.to_string())])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(configuration: Value) -> BTreeMap<String, String> {
        BTreeMap::from([(OPTION.to_owned(), json!({ "configuration": configuration }).to_string())])
    }

    #[test]
    fn a_server_s_own_limits_count_and_nonsense_does_not() {
        let own = Limits::handed(&said(
            json!({ "statuses": { "max_characters": 1000, "characters_reserved_per_url": 30, "max_media_attachments": 16 } }),
        ));
        assert_eq!((own.text_max, own.address_counts, own.media_max, own.is_known), (1000, 30, 16, true));
        for nothing in
            [json!({}), json!({ "statuses": { "max_characters": 0 } }), json!({ "statuses": { "max_characters": "many" } }), json!([1])]
        {
            assert_eq!(Limits::handed(&said(nothing)), Limits::usual());
        }
        assert_eq!(Limits::handed(&BTreeMap::from([(OPTION.to_owned(), "<html>".to_owned())])), Limits::usual());
    }

    #[test]
    fn files_are_measured_as_the_server_says() {
        let media = |kind: &str, size: usize, alt: &str| {
            vec![Media { url: None, content_type: kind.into(), bytes: vec![7; size].into(), alt: Some(alt.into()) }]
        };
        let own = Limits::handed(&said(json!({ "statuses": { "max_characters": 500 }, "media_attachments": {
            "supported_mime_types": ["image/png", "video/mp4"], "image_size_limit": 10, "video_size_limit": 20, "description_limit": 5
        } })));
        assert_eq!(own.fit(&media("image/png", 10, "hut")), Ok(()));
        assert_eq!(own.fit(&media("video/mp4", 20, "hut")), Ok(()));
        for wrong in
            [media("image/png", 11, "hut"), media("video/mp4", 21, "hut"), media("image/tiff", 1, "hut"), media("image/png", 1, "a hut!")]
        {
            assert!(matches!(own.fit(&wrong), Err(NotDone::Invalid { field: "media", .. })), "{}", wrong[0].content_type);
            assert_eq!(Limits::usual().fit(&wrong), Ok(()), "what is not known refuses nothing");
        }
    }
}
