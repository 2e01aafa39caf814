//! Tags, read as they are typed and written as they are shown.

use lifecycle::tag::{NotATag, Tag};

use crate::error::Problem;

/// What is wrong with tags, by the field that has them.
pub fn wrong(field: &str, error: &NotATag) -> Problem {
    Problem::field(field, &error.to_string())
}

/// Reads tags as they are typed, between commas.
pub fn read(field: &str, typed: &str) -> Result<Vec<Tag>, Problem> {
    Tag::read_all(typed).map_err(|error| wrong(field, &error))
}

/// Reads a list of tags, each once.
pub fn read_list(field: &str, words: &[String]) -> Result<Vec<Tag>, Problem> {
    let all: Result<Vec<Tag>, NotATag> = words.iter().map(|word| word.parse()).collect();
    all.and_then(Tag::some).map_err(|error| wrong(field, &error))
}

/// Tags as the API and forms write them.
pub fn written(tags: &[Tag]) -> Vec<&str> {
    tags.iter().map(Tag::as_str).collect()
}
