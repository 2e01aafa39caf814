//! A text in names and handles, as each database's index of their parts finds it (migrations 43 and 44): all three signs long that occur,
//! FTS5's in SQLite, a `tsvector` in PostgreSQL. Every sign begins one of them, so that one or two signs are the beginning of a part.

use super::Dialect;

/// So long are the parts.
const PART: usize = 3;

/// Whether a name or handle holds what [`Dialect::searched`] makes of a text, as PostgreSQL's index knows it.
macro_rules! held_in_postgres {
    ($text:literal) => {
        concat!("profile_text_parts(sort_key || E'\\n' || LOWER(COALESCE(handle, '')) || E'\\n\\n') @@ CAST(", $text, " AS tsquery)")
    };
}

/// The texts of profiles in which a part begins so. No sign comes after the one at the end.
macro_rules! begun_in_sqlite {
    ($text:literal) => {
        concat!(
            "SELECT DISTINCT doc FROM profile_text_parts WHERE term >= ",
            $text,
            " AND term <= ",
            $text,
            " || char(1114111) || char(1114111)"
        )
    };
}

impl Dialect {
    /// The profiles whose name or handle holds a text, from the index; what [`Dialect::searched`] makes of the text stands for `?`. A few
    /// more may come along.
    pub(crate) fn search(self, text: &str) -> &'static str {
        match self {
            Self::Sqlite if is_short(text) => {
                concat!("id IN (SELECT profile_id FROM profile_texts WHERE number IN (", begun_in_sqlite!("?"), "))")
            }
            Self::Sqlite => {
                "id IN (SELECT profile_id FROM profile_texts WHERE number IN \
                 (SELECT rowid FROM profile_texts_search WHERE profile_texts_search MATCH ?))"
            }
            Self::Postgres => held_in_postgres!("?"),
        }
    }

    /// The same of a profile called `id` in a row that is asked after others: those in which the text is found are gathered once. `None`
    /// where asking each name costs no more: PostgreSQL has it in memory with the row.
    pub(crate) fn among_found(self, text: &str, id: &str) -> Option<String> {
        // Its statement begins with what a profile is called in its own rows.
        (self == Self::Sqlite).then(|| self.search(text).replacen("id IN", &format!("{id} IN"), 1))
    }

    /// How many they are, `$2` at most, without looking at a single one; `$1` is what [`Dialect::searched`] makes of the text.
    pub(crate) fn search_count(self, text: &str) -> &'static str {
        match self {
            Self::Sqlite if is_short(text) => concat!("SELECT COUNT(*) AS n FROM (", begun_in_sqlite!("$1"), " LIMIT $2) AS found"),
            Self::Sqlite => {
                "SELECT COUNT(*) AS n FROM \
                 (SELECT rowid FROM profile_texts_search WHERE profile_texts_search MATCH $1 LIMIT $2) AS found"
            }
            Self::Postgres => {
                concat!("SELECT COUNT(*) AS n FROM (SELECT id FROM profiles WHERE ", held_in_postgres!("$1"), " LIMIT $2) AS found")
            }
        }
    }

    /// How many of `$2` profiles, whichever the database has at hand, hold a text (`$1` as LIKE takes it), where that is worth asking
    /// first: PostgreSQL's index gathers all that hold a text before it counts the first.
    pub(crate) const fn search_sample(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SELECT COUNT(*) AS n FROM (SELECT sort_key, handle FROM profiles LIMIT $2) AS looked_at \
                 WHERE sort_key LIKE $1 ESCAPE '\\' OR LOWER(COALESCE(handle, '')) LIKE $1 ESCAPE '\\'",
            ),
        }
    }

    /// A text as [`Dialect::search`] takes it.
    pub(crate) fn searched(self, text: &str) -> String {
        match self {
            Self::Sqlite if is_short(text) => text.to_owned(),
            // A string of FTS5: its signs mean nothing inside quotes.
            Self::Sqlite => format!("\"{}\"", text.replace('"', "\"\"")),
            Self::Postgres if is_short(text) => format!("{}:*", lexeme(text)),
            Self::Postgres => {
                let signs: Vec<char> = text.chars().collect();
                signs.windows(PART).map(|part| lexeme(&String::from_iter(part))).collect::<Vec<_>>().join(" & ")
            }
        }
    }
}

/// Whether a text is only the beginning of a part.
fn is_short(text: &str) -> bool {
    text.chars().count() < PART
}

/// A part as PostgreSQL's `tsquery` writes it: its signs mean nothing inside quotes.
fn lexeme(part: &str) -> String {
    format!("'{}'", part.replace('\\', "\\\\").replace('\'', "''"))
}
