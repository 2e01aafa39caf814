//! Environment variables over the file: `STAYGREEN_SERVER__LISTEN` is `server.listen`.

use toml::{Table, Value};

use super::ConfigError;

const PREFIX: &str = "STAYGREEN_";

/// Sections of the configuration; other variables with our prefix (those of tests and tools) are not ours to judge.
const SECTIONS: [&str; 7] = ["server", "database", "keys", "mail", "keeper", "monitoring", "networks"];

/// Sets every `STAYGREEN_SECTION__KEY` in the table.
pub(super) fn apply(table: &mut Table, variables: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        if keys.len() < 2 || !SECTIONS.contains(&keys[0].as_str()) {
            continue;
        }
        set(table, &keys, &text).map_err(|message| ConfigError::Environment(format!("{name}: {message}")))?;
    }
    Ok(())
}

fn set(table: &mut Table, keys: &[String], text: &str) -> Result<(), String> {
    let (last, sections) = keys.split_last().ok_or("names no key")?;
    let mut at = table;
    for section in sections {
        let next = at.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
        at = next.as_table_mut().ok_or_else(|| format!("{section} is not a section"))?;
    }
    at.insert(last.clone(), read(last, text));
    Ok(())
}

/// Numbers, booleans and lists as in the file; everything else is a text.
fn read(key: &str, text: &str) -> Value {
    let looks_structured =
        text.starts_with('[') || text == "true" || text == "false" || (text.parse::<i64>().is_ok() && !key.starts_with("client_"));
    let parsed = looks_structured.then(|| toml::from_str::<Table>(&format!("v = {text}")).ok()).flatten();
    parsed.and_then(|mut table| table.remove("v")).unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_win_and_keep_their_types() {
        let mut table: Table = toml::from_str("[server]\nlisten = \"127.0.0.1:1\"\n").expect("valid");
        let variables = [
            ("STAYGREEN_SERVER__LISTEN", "0.0.0.0:80"),
            ("STAYGREEN_KEEPER__CONCURRENCY", "4"),
            ("STAYGREEN_NETWORKS__LINKEDIN__CLIENT_ID", "123"),
            ("STAYGREEN_SERVER__ALLOW_PRIVATE_NETWORKS", "[\"127.0.0.0/8\"]"),
            ("STAYGREEN_TEST_PDS", "ignored"),
            ("PATH", "ignored"),
        ];
        apply(&mut table, variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))).expect("valid");
        assert_eq!(table["server"]["listen"].as_str(), Some("0.0.0.0:80"));
        assert_eq!(table["keeper"]["concurrency"].as_integer(), Some(4));
        assert_eq!(table["networks"]["linkedin"]["client_id"].as_str(), Some("123"));
        assert!(table["server"]["allow_private_networks"].is_array());
        assert_eq!(table.len(), 3);
    }
}
