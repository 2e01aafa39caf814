//! `cargo xtask new-network NAME`: a working adapter and its working twin, to be changed into what the network really does.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::root;

const ADAPTER: &str = include_str!("../templates/network.rs");
const TWIN: &str = include_str!("../templates/twin.rs");
const ANSWERS: &str = include_str!("../templates/answers.txt");

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [name] = arguments else { anyhow::bail!("name it: cargo xtask new-network NAME") };
    write(&root(), name)?;
    println!(
        "{name} is written and registered. It works against its twin: cargo test -p networks --test matrix -- --nocapture\n\
         Now change both into what the network's documentation says: docs/adding-a-network.md"
    );
    Ok(())
}

fn write(root: &Path, name: &str) -> anyhow::Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure!(
        name.chars().all(good) && name.starts_with(|c: char| c.is_ascii_lowercase()),
        "a network's name is lower case, as in google_business"
    );
    let (adapter, twin) =
        (root.join(format!("crates/networks/src/{name}.rs")), root.join(format!("crates/sandbox/src/networks/{name}.rs")));
    ensure!(!adapter.exists() && !adapter.with_extension("").exists(), "{name} is there already");
    let fill =
        |template: &str| template.replace("{name}", name).replace("{Title}", &title(name)).replace("{Type}", &title(name).replace(' ', ""));
    std::fs::write(&adapter, fill(ADAPTER))?;
    std::fs::write(&twin, fill(TWIN))?;
    std::fs::write(root.join(format!("crates/networks/fixtures/{name}.txt")), fill(ANSWERS))?;
    let change = |path: &str, change: &dyn Fn(&str) -> Option<String>| -> anyhow::Result<()> {
        let path = root.join(path);
        let text = std::fs::read_to_string(&path)?;
        let changed = change(&text).with_context(|| format!("{} is not as this command knows it", path.display()))?;
        Ok(std::fs::write(path, changed)?)
    };
    change("crates/networks/src/lib.rs", &|text| {
        let listed = text.rfind("];")?;
        let comma = if text[..listed].trim_end().ends_with(',') { "" } else { "," };
        let text = format!("{}{comma} &{name}::{}{}", text[..listed].trim_end(), title(name).replace(' ', ""), &text[listed..]);
        Some(text.replacen("\n\npub use ", &format!("\nmod {name};\n\npub use "), 1))
    })?;
    change("crates/sandbox/src/networks/mod.rs", &|text| {
        let entry = format!(
            "    Entry {{ name: \"{name}\", handle: {name}::handle, consent: {name}::consent, refused_renewal: {name}::refused_renewal, \
             about: {name}::about, people: {name}::people, pages: NO_PAGES, roles: &[] }},\n"
        );
        let from = text.find("const ALL: &[Entry]")?;
        let listed = from + text[from..].find("\n];")? + 1;
        let text = format!("{}{entry}{}", &text[..listed], &text[listed..]);
        Some(text.replacen("\nuse crate::", &format!("\nmod {name};\n\nuse crate::"), 1).replacen(
            &format!("\n\nmod {name};"),
            &format!("\nmod {name};"),
            1,
        ))
    })?;
    crate::run(std::process::Command::new("cargo").args(["fmt", "--package", "networks", "--package", "sandbox"]))
}

/// `google_business` is Google Business to people.
fn title(name: &str) -> String {
    let words =
        name.split('_').map(|word| word.chars().next().map_or_else(String::new, |first| first.to_uppercase().to_string() + &word[1..]));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn people_read_a_title() {
        assert_eq!(super::title("google_business"), "Google Business");
    }
}
