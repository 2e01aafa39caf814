//! Writes every page and mail with its samples as files: `cargo run -p views --example gallery -- OUTDIR`.
//! The files refer to `/assets/...`: serve the folder to look at them, for example with `python3 -m http.server`.

use std::fs;
use std::path::{Path, PathBuf};

use views::{Lang, assets, gallery};

fn main() -> std::io::Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/gallery".into()));
    fs::create_dir_all(out.join("assets"))?;
    for name in assets::names() {
        fs::write(out.join("assets").join(name), assets::find(name).map_or(&[][..], |asset| asset.bytes))?;
    }
    let mut index = String::from("<!doctype html><meta charset=utf-8><title>Gallery</title><ul>");
    for lang in Lang::ALL {
        let folder = out.join(lang.code());
        fs::create_dir_all(&folder)?;
        for sample in gallery::pages(*lang) {
            write(&folder, &mut index, *lang, &sample.name, &sample.html)?;
        }
        for (name, mail) in gallery::mails(*lang) {
            write(&folder, &mut index, *lang, &format!("mail-{name}"), &mail.html)?;
            fs::write(folder.join(format!("mail-{name}.txt")), format!("Subject: {}\n\n{}", mail.subject, mail.text))?;
        }
    }
    fs::write(out.join("index.html"), index)
}

fn write(folder: &Path, index: &mut String, lang: Lang, name: &str, html: &str) -> std::io::Result<()> {
    index.push_str(&format!("<li><a href=\"{lang}/{name}.html\">{lang} {name}</a>"));
    fs::write(folder.join(format!("{name}.html")), html)
}
