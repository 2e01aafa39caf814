//! The form of the page: words, a link, pictures and films by their addresses or themselves. What was uploaded stays in the form, so
//! that a check without JavaScript does not lose it.

use std::convert::Infallible;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::actions::draft::{NewPost, Picture};
use crate::error::Problem;

/// The most bytes of what is uploaded here, together: what stays in the form and what takes its place come in one request.
const UPLOADS_MAX: usize = 10 * 1024 * 1024;

/// What was written so far.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// `filter`, `check` or `send`.
    pub(super) wish: String,
    pub(super) key: String,
    pub(super) text: String,
    pub(super) link: String,
    pub(super) title: String,
    /// Addresses of pictures and films, one per line.
    pub(super) picture_url: String,
    /// What each shows, in the same order.
    pub(super) alt: String,
    pub(super) uploads: Vec<Upload>,
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
            uploads: vec![],
            hold: "72".into(),
            q: none(),
            network: none(),
            profiles: vec![],
        }
    }
}

/// The form as it was sent.
pub struct Sent {
    /// What could be read of it: that stays on the page.
    pub(super) written: Written,
    /// Why the rest could not.
    pub(super) problem: Option<Problem>,
}

/// A picture or film that was uploaded and stays in the form.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) content_type: String,
    /// Itself, in Base64.
    pub(super) data: String,
}

impl Upload {
    /// In KiB.
    pub(super) fn size(&self) -> usize {
        (self.data.len() / 4 * 3 / 1024).max(1)
    }
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
        Some("mp4" | "m4v") => "video/mp4",
        Some("mov") => "video/quicktime",
        Some("webm") => "video/webm",
        _ => "image/jpeg",
    }
}

impl Written {
    /// The post. What is given by its address and itself is one picture, as the two come in the same order: each network takes what
    /// it can.
    pub(super) fn post(&self) -> NewPost {
        let urls: Vec<String> = self.picture_url.lines().filter_map(some).collect();
        let alts: Vec<&str> = self.alt.lines().collect();
        let picture = |n: usize| {
            let (url, upload) = (urls.get(n).cloned(), self.uploads.get(n));
            let content_type =
                upload.map_or_else(|| kind_of(url.as_deref().unwrap_or_default()).to_owned(), |upload| upload.content_type.clone());
            Picture { url, content_type, data: upload.map(|upload| upload.data.clone()), alt: alts.get(n).and_then(|alt| some(alt)) }
        };
        let media = (0..urls.len().max(self.uploads.len())).map(picture).collect();
        // Browsers send lines with both of their ends.
        let text = self.text.replace("\r\n", "\n").trim().to_owned();
        NewPost { text, link: some(&self.link), title: some(&self.title), media }
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
            // The kind comes before what it is the kind of.
            "picture_type" => self.uploads.push(Upload { content_type: value, data: String::new() }),
            "picture_data" => {
                if let Some(upload) = self.uploads.last_mut() {
                    upload.data = value;
                }
            }
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

async fn read(request: Request) -> Sent {
    let mut written = Written::default();
    let problem = fill(&mut written, request).await.err();
    written.uploads.retain(|upload| !upload.data.is_empty());
    Sent { written, problem }
}

/// Writes down what comes, also where something of it cannot be taken.
async fn fill(written: &mut Written, request: Request) -> Result<(), Problem> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| bad(&error))?;
    let (mut dropped, mut fresh, mut size) = (false, vec![], 0);
    while let Some(field) = form.next_field().await.map_err(|error| bad(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "picture" {
            let kind = field.content_type().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(|error| bad(&error))?;
            size += bytes.len();
            if size <= UPLOADS_MAX && !bytes.is_empty() {
                fresh.push(Upload { content_type: kind, data: STANDARD.encode(&bytes) });
            }
            continue;
        }
        let value = field.text().await.map_err(|error| bad(&error))?;
        dropped |= name == "picture_drop";
        written.set(&name, value);
    }
    if size > UPLOADS_MAX {
        return Err(Problem::field("picture", "may have 10 MiB at most together"));
    }
    // What is uploaded now takes the place of what was.
    if dropped || !fresh.is_empty() {
        written.uploads = fresh;
    }
    Ok(())
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        Ok(read(request).await)
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
        let upload = Upload { content_type: "image/webp".into(), data: "aGk=".into() };
        let both = Written { uploads: vec![upload.clone(), upload], alt: "\r\nA hut".into(), ..written };
        let media = both.post().media;
        assert_eq!((media.len(), media[0].content_type.as_str(), media[0].url.is_some()), (2, "image/webp", true));
        assert_eq!((media[1].url.as_deref(), media[0].alt.as_deref(), media[1].alt.as_deref()), (None, None, Some("A hut")));
        let films = Written { picture_url: "https://a.example/1.mov\n\nhttps://a.example/2.mp4".into(), ..Written::default() };
        let kinds: Vec<String> = films.post().media.into_iter().map(|media| media.content_type).collect();
        assert_eq!(kinds, ["video/quicktime", "video/mp4"]);
        assert!(Written::default().post().media.is_empty());
    }
}
