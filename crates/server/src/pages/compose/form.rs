//! The form of the page: words, a link, a picture by its address or itself. What was uploaded stays in the form, so that a check
//! without JavaScript does not lose it.

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::actions::draft::{NewPost, Picture};
use crate::error::Problem;

/// The most bytes of a picture that is uploaded here.
const PICTURE_MAX: usize = 8 * 1024 * 1024;

/// What was written so far.
#[derive(Debug, Clone)]
pub struct Written {
    /// `filter`, `check` or `send`.
    pub(super) wish: String,
    pub(super) key: String,
    pub(super) text: String,
    pub(super) link: String,
    pub(super) title: String,
    pub(super) picture_url: String,
    pub(super) alt: String,
    pub(super) picture_type: String,
    pub(super) picture_data: String,
    pub(super) hold: String,
    pub(super) q: String,
    pub(super) network: String,
    pub(super) profiles: Vec<String>,
}

impl Default for Written {
    fn default() -> Self {
        let none = String::new;
        Self {
            wish: none(),
            key: none(),
            text: none(),
            link: none(),
            title: none(),
            picture_url: none(),
            alt: none(),
            picture_type: none(),
            picture_data: none(),
            hold: "72".into(),
            q: none(),
            network: none(),
            profiles: vec![],
        }
    }
}

/// A picture that was uploaded and stays in the form.
pub(super) struct Kept {
    pub(super) content_type: String,
    pub(super) data: String,
    /// In KiB.
    pub(super) size: usize,
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What lies at an address, by its ending; most are photographs.
fn kind_of(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    match path.rsplit('.').next() {
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        Some("mp4") => "video/mp4",
        _ => "image/jpeg",
    }
}

impl Written {
    /// The post. A picture that is given by its address and itself is one picture: each network takes what it can.
    pub(super) fn post(&self) -> NewPost {
        let (url, data) = (some(&self.picture_url), some(&self.picture_data));
        let is_picture = url.is_some() || data.is_some();
        let content_type = match (&data, &url) {
            (None, Some(url)) => kind_of(url).to_owned(),
            _ => self.picture_type.clone(),
        };
        let picture = is_picture.then(|| Picture { url, content_type, data, alt: some(&self.alt) });
        // Browsers send lines with both of their ends.
        let text = self.text.replace("\r\n", "\n").trim().to_owned();
        NewPost { text, link: some(&self.link), title: some(&self.title), media: picture.into_iter().collect() }
    }

    /// The picture that was uploaded.
    pub(super) fn kept(&self) -> Option<Kept> {
        let size = self.picture_data.len() / 4 * 3 / 1024;
        let kept = || Kept { content_type: self.picture_type.clone(), data: self.picture_data.clone(), size: size.max(1) };
        (!self.picture_data.is_empty()).then(kept)
    }

    fn set(&mut self, name: &str, value: String) {
        match name {
            "wish" => self.wish = value,
            "key" => self.key = value,
            "text" => self.text = value,
            "link" => self.link = value,
            "title" => self.title = value,
            "picture_url" => self.picture_url = value,
            "alt" => self.alt = value,
            "picture_type" => self.picture_type = value,
            "picture_data" => self.picture_data = value,
            "hold" => self.hold = value,
            "q" => self.q = value,
            "network" => self.network = value,
            "profiles" if !self.profiles.contains(&value) => self.profiles.push(value),
            _ => {}
        }
    }
}

fn bad(error: &impl ToString) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_form", error.to_string())
}

async fn read(request: Request) -> Result<Written, Problem> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| bad(&error))?;
    let mut written = Written::default();
    let mut dropped = false;
    while let Some(field) = form.next_field().await.map_err(|error| bad(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "picture" {
            let kind = field.content_type().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(|error| bad(&error))?;
            if bytes.len() > PICTURE_MAX {
                return Err(Problem::field("picture", "may have 8 MiB at most"));
            }
            if !bytes.is_empty() {
                (written.picture_type, written.picture_data) = (kind, STANDARD.encode(&bytes));
            }
            continue;
        }
        let value = field.text().await.map_err(|error| bad(&error))?;
        // A new upload takes the place of the one before, which comes first in the form.
        dropped |= name == "picture_drop";
        written.set(&name, value);
    }
    if dropped {
        (written.picture_type, written.picture_data) = (String::new(), String::new());
    }
    Ok(written)
}

impl<S: Send + Sync> FromRequest<S> for Written {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_by_its_address_and_itself_is_one_picture() {
        let written =
            Written { text: " Hello\r\nthere ".into(), picture_url: "https://a.example/hut.PNG?x=1".into(), ..Written::default() };
        let post = written.post();
        assert_eq!((post.text.as_str(), post.link, post.media.len()), ("Hello\nthere", None, 1));
        assert_eq!((post.media[0].content_type.as_str(), post.media[0].data.as_deref()), ("image/png", None));
        let both = Written { picture_type: "image/webp".into(), picture_data: "aGk=".into(), ..written };
        let media = both.post().media;
        assert_eq!((media.len(), media[0].content_type.as_str(), media[0].url.is_some()), (1, "image/webp", true));
        assert!(Written::default().post().media.is_empty() && Written::default().kept().is_none());
    }
}
