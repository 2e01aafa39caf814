//! `cargo xtask new-network NAME`: a working adapter and its working twin, to be changed into what the network really does.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::root;

/// Both are valid Rust as they stand, for a network of that name: the unit tests of `networks` and `sandbox` compile and run them, so
/// that they keep up with the house.
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
    let fill = |template: &str| fill(template, name);
    std::fs::write(&adapter, fill(ADAPTER))?;
    std::fs::write(&twin, fill(TWIN))?;
    std::fs::write(root.join(format!("crates/networks/fixtures/{name}.txt")), fill(ANSWERS))?;
    let change = |path: &str, change: &dyn Fn(&str) -> Option<String>| -> anyhow::Result<()> {
        let path = root.join(path);
        let text = std::fs::read_to_string(&path)?;
        let changed = change(&text).with_context(|| format!("{} is not as this command knows it", path.display()))?;
        Ok(std::fs::write(path, changed)?)
    };
    change("crates/networks/src/lib.rs", &|text| adapter_listed(text, name))?;
    change("crates/sandbox/src/networks/mod.rs", &|text| twin_listed(text, name))?;
    crate::run(std::process::Command::new("cargo").args(["fmt", "--package", "networks", "--package", "sandbox"]))
}

/// The adapters' list with one more.
fn adapter_listed(text: &str, name: &str) -> Option<String> {
    let listed = text.rfind("];")?;
    let comma = if text[..listed].trim_end().ends_with(',') { "" } else { "," };
    let text = format!("{}{comma} &{name}::{}{}", text[..listed].trim_end(), title(name).replace(' ', ""), &text[listed..]);
    text.contains("\n\npub use ").then(|| text.replacen("\n\npub use ", &format!("\nmod {name};\n\npub use "), 1))
}

/// The twins' list with one more.
fn twin_listed(text: &str, name: &str) -> Option<String> {
    let entry = format!(
        "    Entry {{ name: \"{name}\", handle: {name}::handle, consent: {name}::consent, refused_renewal: {name}::refused_renewal, \
         about: {name}::about, people: {name}::people, pages: NO_PAGES, roles: &[] }},\n"
    );
    let from = text.find("const ALL: &[Entry]")?;
    let listed = from + text[from..].find("\n];")? + 1;
    let text = format!("{}{entry}{}", &text[..listed], &text[listed..]);
    // Among the other modules; rustfmt sorts them.
    let from = text.find("\nmod ")?;
    let listed = from + text[from..].find("\n\n")?;
    Some(format!("{}\nmod {name};{}", &text[..listed], &text[listed..]))
}

/// A template with the network's own name in all its spellings.
fn fill(template: &str, name: &str) -> String {
    let title = title(name);
    template.replace("Skeleton Network", &title).replace("Skeleton", &title.replace(' ', "")).replace("skeleton", name)
}

/// `google_business` is Google Business to people.
fn title(name: &str) -> String {
    let words =
        name.split('_').map(|word| word.chars().next().map_or_else(String::new, |first| first.to_uppercase().to_string() + &word[1..]));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_a_title() {
        assert_eq!(title("google_business"), "Google Business");
    }

    #[test]
    fn a_new_network_fills_the_templates_and_stands_in_both_lists() {
        for template in [ADAPTER, TWIN, ANSWERS] {
            let filled = fill(template, "fresh_net");
            assert!(filled.contains("Fresh Net") && !filled.to_lowercase().contains("skeleton"), "{filled}");
        }
        assert!(fill(ADAPTER, "fresh_net").contains("pub(crate) struct FreshNet;"));
        assert!(fill(TWIN, "fresh_net").contains("const NAME: &str = \"fresh_net\";"));
        // The lists as they are today: the command still knows where one more goes.
        let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file of the house");
        let adapters = adapter_listed(&read("crates/networks/src/lib.rs"), "fresh_net").expect("listed");
        assert_eq!((adapters.matches("\nmod fresh_net;").count(), adapters.matches("&fresh_net::FreshNet]").count()), (1, 1), "{adapters}");
        let twins = twin_listed(&read("crates/sandbox/src/networks/mod.rs"), "fresh_net").expect("listed");
        assert_eq!((twins.matches("\nmod fresh_net;").count(), twins.matches("Entry { name: \"fresh_net\"").count()), (1, 1), "{twins}");
    }

    #[test]
    fn the_diff_in_the_docs_is_the_real_one() {
        let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file of the house");
        // Before rustfmt lines are broken elsewhere.
        let bare = |text: &str| text.replace(|c: char| c.is_whitespace() || c == ',', "");
        let page = read("docs/adding-a-network.md");
        let diff = page.split("```diff").nth(1).and_then(|rest| rest.split("```").next()).expect("a diff").to_owned();
        let of = |file: &str| -> String {
            let lines = diff.lines().skip_while(|line| line.trim() != file).skip(1);
            lines.take_while(|line| !line.starts_with(" crates/")).map(|line| format!("{line}\n")).collect()
        };
        let now = [
            ("crates/networks/src/lib.rs", adapter_listed(&read("crates/networks/src/lib.rs"), "mynet").expect("listed")),
            ("crates/sandbox/src/networks/mod.rs", twin_listed(&read("crates/sandbox/src/networks/mod.rs"), "mynet").expect("listed")),
        ];
        for (file, written) in now {
            let (shown, written) = (of(file), bare(&written));
            let (module, rest) = shown.split_once('\n').expect("a module first");
            assert_eq!(module, "+mod mynet;", "{file}");
            let around: String = rest.lines().map(|line| line.get(1..).unwrap_or_default()).collect();
            assert!(
                !bare(&around).is_empty() && written.contains(&bare(&around)),
                "{file} does not become what docs/adding-a-network.md shows"
            );
        }
        let sizes = [("crates/networks/src/mynet.rs", ADAPTER), ("crates/sandbox/src/networks/mynet.rs", TWIN)];
        for (file, template) in sizes {
            let line = diff.lines().find(|line| line.contains(file)).expect("a line for each file");
            let said = line.split_whitespace().find_map(|word| word.parse::<usize>().ok()).expect("a number of lines");
            assert!(said.abs_diff(template.lines().count()) <= 10, "{file}: {} lines, not {said}", template.lines().count());
        }
    }
}
