//! What pictures and films a network takes in one post, as data: the check before anything is sent goes by it, and the
//! documentation shows it. Facts: section 8 of each network in the knowledge base.

use std::collections::BTreeMap;

use lifecycle::diagnosis::Diagnosis;
use lifecycle::words::{Evidence, Source};

use crate::acting::{Media, NotDone, Post};
use crate::network::{Cx, Words, limit_set};

/// How a picture or film comes to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The network fetches it from an address that everybody can open.
    Address,
    /// It is sent with the post.
    Sent,
    /// Whichever is given.
    Either,
}

impl By {
    fn fits(self, media: &Media) -> bool {
        match self {
            Self::Address => media.url.is_some(),
            Self::Sent => !media.bytes.is_empty(),
            Self::Either => media.url.is_some() || !media.bytes.is_empty(),
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Address => (", each by its address", ", per Adresse"),
            Self::Sent => (", sent with the post", ", mit dem Beitrag gesendet"),
            Self::Either => ("", ""),
        }
    }
}

/// What goes with one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// Whether nothing is published without.
    pub needed: bool,
    /// The most pictures.
    pub pictures: usize,
    /// How they come.
    pub pictures_by: By,
    /// The most films.
    pub films: usize,
    /// How they come.
    pub films_by: By,
    /// Whether pictures and films go together in one post; the most of both is then that of pictures.
    pub mixed: bool,
    /// The most bytes of a film that is sent, where they are fewer than what one request of ours may hold.
    pub film_bytes: Option<usize>,
}

/// Whether it is a picture.
pub(crate) fn is_picture(media: &Media) -> bool {
    media.content_type.starts_with("image/")
}

/// Whether it is a film.
pub(crate) fn is_film(media: &Media) -> bool {
    media.content_type.starts_with("video/")
}

/// How long is waited before each look at what a network works on, in seconds: five minutes in all, and in the end once a minute.
pub(crate) const LOOKS: [i64; 10] = [0, 2, 4, 8, 16, 30, 60, 60, 60, 60];

/// Nothing was published, for a reason that passes.
pub(crate) fn not_yet(cx: Cx<'_>, code: &str, words: &str) -> NotDone {
    NotDone::Refused(Diagnosis::transient(Evidence::new(cx.now, Source::Use, Some(200), Some(code), words), None))
}

/// The network still works on what it was given when the last of [`LOOKS`] is over.
pub(crate) fn still(cx: Cx<'_>, title: &str) -> NotDone {
    not_yet(cx, "IN_PROGRESS", &format!("{title} still works on the pictures or films after five minutes: nothing was published"))
}

/// Something about the pictures or films to change.
pub(crate) fn wrong(en: impl Into<String>, de: impl Into<String>) -> NotDone {
    NotDone::Invalid { field: "media", words: Words::new(en, de) }
}

impl Takes {
    /// The same with the numbers that the operator sets (`options.pictures_max` and `films_max`; where both go together, the first is
    /// the most of both).
    #[must_use]
    pub fn as_set(&self, options: &BTreeMap<String, String>) -> Self {
        let pictures = limit_set(options, "pictures_max").unwrap_or(self.pictures);
        let films = if self.mixed && self.films == self.pictures { pictures } else { self.films };
        Self { pictures, films: limit_set(options, "films_max").unwrap_or(films), ..*self }
    }

    /// Whether the pictures and films of a post are taken.
    ///
    /// # Errors
    /// With what the network takes.
    pub fn check(&self, title: &str, post: &Post) -> Result<(), NotDone> {
        let films = post.media.iter().filter(|media| is_film(media)).count();
        let pictures = post.media.iter().filter(|media| is_picture(media)).count();
        let known = films + pictures == post.media.len() && (!self.needed || !post.media.is_empty());
        let few = pictures <= self.pictures && films <= self.films;
        let fits = if self.mixed { films + pictures <= self.pictures } else { films == 0 || pictures == 0 };
        let comes = post.media.iter().all(|media| if is_film(media) { self.films_by } else { self.pictures_by }.fits(media));
        if !(known && few && fits && comes) {
            let words = self.words(title);
            return Err(NotDone::Invalid { field: "media", words });
        }
        let longest = post.media.iter().filter(|media| is_film(media)).map(|film| film.bytes.len()).max().unwrap_or(0);
        if let Some(most) = self.film_bytes.filter(|most| longest > *most) {
            let most = most / 1024 / 1024;
            return Err(wrong(
                format!("The film may have {most} MiB at most here."),
                format!("Der Film darf hier höchstens {most} MiB haben."),
            ));
        }
        Ok(())
    }

    /// What it takes, for people.
    pub fn words(&self, title: &str) -> Words {
        let ((pictures, pictures_de), (films, films_de)) = (self.pictures_by.words(), self.films_by.words());
        let several = |n: usize, (one, one_de): (&str, &str), (many, many_de): (&str, &str)| match n {
            1 => (one.to_owned(), one_de.to_owned()),
            _ if self.needed => (format!("1 to {n} {many}"), format!("1 bis {n} {many_de}")),
            _ => (format!("up to {n} {many}"), format!("bis zu {n} {many_de}")),
        };
        let picture = several(self.pictures, ("one picture", "ein Bild"), ("pictures", "Bilder"));
        let film = several(self.films, ("one film", "einen Film"), ("films", "Filme"));
        let both = if self.films == 0 {
            (format!("{}{pictures}", picture.0), format!("{}{pictures_de}", picture.1))
        } else if self.mixed && self.films == self.pictures {
            (format!("{} or films{pictures}", picture.0), format!("{} oder Filme{pictures_de}", picture.1))
        } else if self.pictures_by == self.films_by {
            (format!("{} or {}{films}", picture.0, film.0), format!("{} oder {}{films_de}", picture.1, film.1))
        } else {
            (format!("{}{pictures}, or {}{films}", picture.0, film.0), format!("{}{pictures_de}, oder {}{films_de}", picture.1, film.1))
        };
        let (needs, needs_de) = if self.needed { ("needs", "braucht") } else { ("takes", "nimmt") };
        Words::new(format!("{title} {needs} {}.", both.0), format!("{title} {needs_de} {}.", both.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(kind: &str, url: bool, size: usize) -> Media {
        Media { url: url.then(|| "https://a.example/1".into()), content_type: kind.into(), bytes: vec![0; size].into(), alt: None }
    }

    const BOTH: Takes =
        Takes { needed: true, pictures: 3, pictures_by: By::Address, films: 3, films_by: By::Address, mixed: true, film_bytes: None };
    const EITHER: Takes =
        Takes { needed: false, pictures: 2, pictures_by: By::Either, films: 1, films_by: By::Sent, mixed: false, film_bytes: Some(4) };

    fn fits(takes: &Takes, media: Vec<Media>) -> bool {
        takes.check("Net", &Post { media, ..Post::default() }).is_ok()
    }

    #[test]
    fn what_is_taken_is_as_the_data_say() {
        let (picture, film) = (|| media("image/png", true, 0), || media("video/mp4", true, 0));
        assert!(!fits(&BOTH, vec![]) && fits(&BOTH, vec![picture()]) && fits(&BOTH, vec![picture(), film(), picture()]));
        assert!(!fits(&BOTH, vec![picture(), film(), film(), film()]), "more than both together may be");
        assert!(!fits(&BOTH, vec![media("image/png", false, 3)]) && !fits(&BOTH, vec![media("text/html", true, 0)]));
        assert!(fits(&EITHER, vec![]) && fits(&EITHER, vec![picture(), media("image/png", false, 1)]));
        assert!(!fits(&EITHER, vec![picture(), media("video/mp4", false, 1)]), "not together");
        assert!(
            !fits(&EITHER, vec![film()])
                && fits(&EITHER, vec![media("video/mp4", false, 4)])
                && !fits(&EITHER, vec![media("video/mp4", false, 5)])
        );
    }

    #[test]
    fn an_operator_sets_other_numbers() {
        let set = |options: &[(&str, &str)]| options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let more: BTreeMap<_, _> = set(&[("pictures_max", "5")]);
        assert_eq!((BOTH.as_set(&more).pictures, BOTH.as_set(&more).films), (5, 5), "of both together");
        assert_eq!((EITHER.as_set(&more).pictures, EITHER.as_set(&more).films), (5, 1));
        assert_eq!(EITHER.as_set(&set(&[("films_max", "2")])).films, 2);
        assert_eq!(BOTH.as_set(&set(&[("pictures_max", "0"), ("films_max", "many")])), BOTH, "nonsense sets nothing");
    }

    #[test]
    fn it_is_told_in_words() {
        assert_eq!(BOTH.words("Net").en, "Net needs 1 to 3 pictures or films, each by its address.");
        assert_eq!(EITHER.words("Net").en, "Net takes up to 2 pictures, or one film, sent with the post.");
        assert_eq!(EITHER.words("Net").de, "Net nimmt bis zu 2 Bilder, oder einen Film, mit dem Beitrag gesendet.");
        let one = Takes { pictures: 1, films: 0, ..BOTH };
        assert_eq!(one.words("Net").de, "Net braucht ein Bild, per Adresse.");
    }

    #[test]
    fn nothing_is_waited_for_longer_than_five_minutes() {
        assert_eq!(LOOKS.iter().sum::<i64>(), 300);
    }
}
