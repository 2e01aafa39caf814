//! Every page, as everybody sees it: in both languages, light and dark, wide and narrow. The test looks for what breaks on a phone, and
//! for what axe finds; `cargo xtask gallery` does so for every look, and takes pictures, into `target/gallery`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use reqwest::Client;
use serde_json::{Value, json};
use server::routes::PAGES;

use crate::browser::Browser;
use crate::world::{Demo, client};

/// What a page is looked at like.
#[derive(Clone, Copy)]
struct Look {
    language: &'static str,
    dark: bool,
    width: u32,
}

impl Look {
    fn name(self) -> String {
        let shade = if self.dark { "dark" } else { "light" };
        format!("{}-{shade}-{}", self.language, if self.width < 600 { "narrow" } else { "wide" })
    }
}

fn looks(for_pictures: bool) -> Vec<Look> {
    let mut all = vec![];
    for language in ["en", "de"] {
        if !for_pictures {
            all.push(Look { language, dark: false, width: 390 });
            all.extend((language == "en").then_some(Look { language, dark: true, width: 1280 }));
            continue;
        }
        for (dark, width) in [(false, 1280), (false, 390), (true, 1280), (true, 390)] {
            all.push(Look { language, dark, width });
        }
    }
    all
}

/// What stands for the placeholders of addresses.
struct House {
    demo: Demo,
    http: Client,
    cookie: String,
    ids: BTreeMap<&'static str, String>,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

fn last_part(link: &Value) -> String {
    link.as_str().unwrap_or_else(|| panic!("no link: {link}")).rsplit('/').next().unwrap().to_owned()
}

impl House {
    /// With something to see on every page.
    async fn build() -> Self {
        let demo = Demo::start();
        let cookie = demo.admin().await;
        let page = id(&demo.profile_named("linkedin", "Fernweh Outdoor").await);
        demo.control("/people/xing/karl.voss/revoke", json!({})).await;
        demo.gone("xing").await;
        let dead = id(&demo.profile_named("xing", "Karl Voss").await);
        let begun = demo.api("POST", "/connections", Some(json!({ "network": "linkedin" }))).await.1;
        let back = demo.consent(&begun["authorize_url"], "jana.lindner").await;
        client().get(back).send().await.unwrap();
        let invited = demo.api("POST", "/users", Some(json!({ "email": "nele@fernweh.example", "name": "Nele Ruhr" }))).await.1;
        let link = demo.api("POST", "/renewal-links", Some(json!({ "profile_ids": [page, dead] }))).await.1;
        let hook = json!({ "url": "http://127.0.0.1:9/", "name": "Our tool", "events": ["profile.disconnected"] });
        let hook = demo.api("POST", "/webhook-endpoints", Some(hook)).await.1;
        let people = demo.api("GET", "/people", None).await.1;
        let keys = demo.api("GET", "/api-keys", None).await.1;
        let ids = BTreeMap::from([
            ("profile", page),
            ("dead", dead),
            ("connection", id(&begun)),
            ("person", id(&people["items"][0])),
            ("webhook", id(&hook)),
            ("key", id(&keys["items"][0])),
            ("invitation", last_part(&invited["invitation"])),
            ("renewal", last_part(&link["link"])),
        ]);
        Self { demo, http: client(), cookie, ids }
    }

    /// The addresses of a route that are looked at.
    fn addresses(&self, route: &str) -> Vec<String> {
        let with = |names: &[&str]| names.iter().map(|name| route.replace("{id}", &self.ids[name])).collect::<Vec<_>>();
        match route {
            "/invitation/{secret}" => vec![route.replace("{secret}", &self.ids["invitation"])],
            "/renew/{secret}" => vec![route.replace("{secret}", &self.ids["renewal"])],
            _ if route.starts_with("/settings/profiles/connections/") => with(&["connection"]),
            _ if route.starts_with("/settings/profiles/{id}") => with(&["profile", "dead"]),
            _ if route.starts_with("/settings/people/") => with(&["person"]),
            _ if route.starts_with("/settings/webhooks/") => with(&["webhook"]),
            _ if route.starts_with("/settings/api-keys/") => with(&["key"]),
            _ => vec![route.replace("{secret}", "over").replace("{code}", "none").replace("{network}", "linkedin").replace("{id}", "none")],
        }
    }

    /// Every address at which there is a page to see.
    async fn pages(&self) -> Vec<String> {
        let mut pages = vec![];
        for (route, ..) in PAGES.iter().filter(|(route, ..)| !route.starts_with("/oauth/")) {
            for address in self.addresses(route) {
                let request = self.http.get(format!("{}{address}", self.demo.running.url())).header("cookie", &self.cookie);
                let answer = request.send().await.unwrap();
                let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
                assert!(!answer.status().is_server_error(), "{address}: {}", answer.status());
                if kind.starts_with("text/html") && answer.status() != 405 {
                    pages.push(address);
                }
            }
        }
        pages.push("/there-is-no-such-page".to_owned());
        pages
    }

    /// The language in which Lena works.
    async fn speak(&self, language: &str) {
        let form = [("name", "Lena Arndt"), ("language", language), ("time_zone", "Europe/Berlin"), ("theme", "auto")];
        let url = self.demo.running.url();
        let request = self.http.post(format!("{url}/account")).header("origin", url).header("cookie", &self.cookie);
        assert_eq!(request.form(&form).send().await.unwrap().status(), 303);
    }
}

fn file_of(address: &str) -> String {
    let plain: String = address.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "dashboard".to_owned() } else { plain.to_owned() }
}

fn folder() -> PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("gallery")
}

/// One row for each page, one picture for each look.
fn index(pages: &[String], looks: &[Look]) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Gallery</title><style>body{font:1rem system-ui;margin:2rem}\
         div{display:flex;gap:1rem;overflow-x:auto;align-items:start}img{height:22rem;border:1px solid #ccc}</style><h1>Every page</h1>\n",
    );
    for page in pages {
        let file = file_of(page);
        let _ = writeln!(html, "<h2 id=\"{file}\"><code>{page}</code></h2><div>");
        for look in looks {
            let name = format!("{file}-{}.png", look.name());
            let _ = writeln!(
                html,
                "<a href=\"{name}\"><img loading=\"lazy\" src=\"{name}\" alt=\"{page}, {}\" title=\"{}\"></a>",
                look.name(),
                look.name()
            );
        }
        html.push_str("</div>\n");
    }
    html + "</html>\n"
}

#[tokio::test]
async fn every_page_fits_on_a_phone_in_both_languages() {
    let Some(browser) = Browser::start().await else { return };
    let for_pictures = std::env::var_os("STAYGREEN_GALLERY").is_some();
    let house = House::build().await;
    let url = house.demo.running.url().to_owned();
    let pages = house.pages().await;
    assert!(pages.len() > 40, "{pages:?}");
    let looks = looks(for_pictures);
    browser.goto(&url).await;
    browser.fill("Email", "lena.arndt@fernweh.example").await;
    browser.fill("Password", &house.demo.text("password")).await;
    browser.press("Sign in").await;
    browser.see("Your connections").await;
    let mut wrong = vec![];
    for look in &looks {
        house.speak(look.language).await;
        browser.look(look.dark, look.language).await;
        browser.resize(look.width, if look.width < 600 { 844 } else { 900 }).await;
        for page in &pages {
            browser.goto(&format!("{url}{page}")).await;
            let found = browser
                .run(
                    "return [document.documentElement.scrollWidth - document.documentElement.clientWidth, document.documentElement.lang, \
                     document.querySelectorAll('h1').length, /\\{[a-z_]+\\}/.test(document.body.innerText)]",
                )
                .await;
            let overflow = found[0].as_i64().unwrap_or_default();
            if overflow > 1 || found[1] != look.language || found[2] == 0 || found[3] == true {
                wrong.push(format!(
                    "{page} {}: scrolls by {overflow} px, lang {}, {} headings, holes {}",
                    look.name(),
                    found[1],
                    found[2],
                    found[3]
                ));
            }
            let found = browser.axe().await.unwrap_or_default();
            wrong.extend(found.iter().map(|words| format!("{page} {}: axe: {words}", look.name())));
            if for_pictures {
                std::fs::create_dir_all(folder()).unwrap();
                let name = format!("{}-{}.png", file_of(page), look.name());
                std::fs::write(folder().join(name), browser.whole_picture().await).unwrap();
            }
        }
    }
    if for_pictures {
        std::fs::write(folder().join("index.html"), index(&pages, &looks)).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
