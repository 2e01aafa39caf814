//! Comma-separated values (RFC 4180), safe to open in a spreadsheet: what begins like a formula is text there (NT-29).

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula, in its full-width forms too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Whether a spreadsheet could take a text for a formula.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(FORMULA)
}

/// One cell; an apostrophe before what begins like a formula keeps it text.
fn cell(text: &str) -> String {
    let text: Cow<'_, str> = if text.contains('\0') { text.replace('\0', "").into() } else { text.into() };
    let guard = if is_formula(&text) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// One line.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    cells.into_iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A file that is not such values: the line, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Counted from 1.
    pub line: usize,
    /// What.
    pub what: &'static str,
}

/// Reads what [`line()`] writes, and what spreadsheets write: rows with the line they begin at.
pub fn read(text: &str) -> Result<Vec<(usize, Vec<String>)>, Broken> {
    let (mut rows, mut row, mut cell) = (vec![], vec![], String::new());
    let (mut quoted, mut was_quoted, mut line, mut begun) = (false, false, 1, 1);
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            '"' => return Err(Broken { line, what: "a quotation mark in the middle of a cell" }),
            ',' if !quoted => {
                row.push(std::mem::take(&mut cell));
                was_quoted = false;
            }
            '\r' if !quoted && rest.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push((begun, std::mem::take(&mut row)));
                (was_quoted, line) = (false, line + 1);
                begun = line;
            }
            c if was_quoted && !quoted => {
                let _ = c;
                return Err(Broken { line, what: "something after the end of a quoted cell" });
            }
            c => {
                line += usize::from(c == '\n');
                cell.push(c);
            }
        }
    }
    if quoted {
        return Err(Broken { line: begun, what: "a quoted cell without an end" });
    }
    if !cell.is_empty() || !row.is_empty() || was_quoted {
        row.push(cell);
        rows.push((begun, row));
    }
    rows.retain(|(_, row)| row.iter().any(|cell| !cell.is_empty()));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{is_formula, line, read};

    #[test]
    fn nt_29_no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u{ff1d}1", "\u{ff0b}1", "\u{ff0d}1", "\u{ff20}a"] {
            let written = line([text, "plain"]);
            assert!(written.starts_with("\"'"), "{written:?}");
            let back = read(&written).expect("our own");
            assert!(!is_formula(&back[0].1[0]) && back[0].1[1] == "plain", "{back:?}");
        }
        assert_eq!(line(["a\"b", "c,d", "e\nf", "1-2"]), "\"a\"\"b\",\"c,d\",\"e\nf\",\"1-2\"\r\n");
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "\u{feff}a,\"b\"\"c\",\"d\ne\"\r\n\r\nf,,g";
        let rows = read(text).expect("fine");
        assert_eq!(rows, vec![(1, vec!["a".into(), "b\"c".into(), "d\ne".into()]), (4, vec!["f".into(), String::new(), "g".into()])]);
        assert_eq!(read("a\n\"b").expect_err("open").line, 2);
        assert!(read("a\"b").is_err() && read("\"a\"b").is_err());
    }
}
