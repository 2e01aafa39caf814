//! Signing in and consenting, the same for every network: pages that work without JavaScript, a browser session per
//! network, and the same door without a browser for tests and the demo's seeds.

use crate::pages::{esc, page};
use crate::request::{Answer, Incoming, html, see_other, with_cookie};
use crate::world::World;

/// What an app asks of a person.
pub(crate) struct Ask {
    pub(crate) network: &'static str,
    pub(crate) title: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) scopes: Vec<String>,
    /// The person may refuse single scopes (TikTok).
    pub(crate) scopes_optional: bool,
    /// Signed in and consented before: sent back at once (LinkedIn).
    pub(crate) may_skip: bool,
}

/// What the person decided.
pub(crate) enum Decision {
    /// Show this page.
    Show(Answer),
    /// The person allows these scopes.
    Allow { username: String, scopes: Vec<String> },
    /// The person refuses; `signed_in` tells a refusal from a sign-in that was given up.
    Deny { signed_in: bool },
}

/// Leads the person through the pages.
pub(crate) fn decide(world: &mut World, now: i64, incoming: &Incoming, ask: &Ask) -> Decision {
    let cookie = format!("sandbox_{}", ask.network);
    let session = incoming.cookie(&cookie).and_then(|id| world.sessions.get(id)).filter(|(network, _)| network == ask.network);
    let signed_in = session
        .map(|(_, username)| username.clone())
        .filter(|username| world.person(ask.network, username).is_some_and(|person| !person.blocked));
    match (incoming.f("step"), signed_in) {
        ("deny", signed_in) => Decision::Deny { signed_in: signed_in.is_some() },
        ("switch", _) => Decision::Show(with_cookie(see_other(incoming.here()), &cookie, "none", "/")),
        ("sign_in", _) => Decision::Show(sign_in(world, incoming, ask, &cookie)),
        ("allow", Some(username)) => {
            let ticked =
                |scope: &String| !ask.scopes_optional || incoming.form_pairs.iter().any(|(name, value)| name == "scope" && value == scope);
            Decision::Allow { username, scopes: ask.scopes.iter().filter(|scope| ticked(scope)).cloned().collect() }
        }
        (_, Some(username)) if ask.may_skip && world.has_live_consent(now, ask.network, &username, &ask.scopes) => {
            Decision::Allow { username, scopes: ask.scopes.clone() }
        }
        (_, Some(username)) => Decision::Show(html(200, consent_page(world, incoming, ask, &username))),
        (_, None) => Decision::Show(html(200, sign_in_page(world, incoming, ask, ""))),
    }
}

fn sign_in(world: &mut World, incoming: &Incoming, ask: &Ask, cookie: &str) -> Answer {
    let username = incoming.f("username").trim().to_owned();
    let error = match world.person(ask.network, &username) {
        Some(person) if person.blocked => "This account is restricted.",
        Some(person) if person.password == incoming.f("password") => "",
        _ => "Wrong user name or password.",
    };
    if error.is_empty() {
        let id = world.random("");
        world.sessions.insert(id.clone(), (ask.network.into(), username));
        with_cookie(see_other(incoming.here()), cookie, &id, "/")
    } else {
        html(403, sign_in_page(world, incoming, ask, error))
    }
}

fn sign_in_page(world: &World, incoming: &Incoming, ask: &Ask, error: &str) -> String {
    let error = if error.is_empty() { String::new() } else { format!("<p class=\"error\" role=\"alert\">{}</p>", esc(error)) };
    let people = world.people.iter().filter(|person| person.network == ask.network);
    let hints: String = people
        .map(|person| {
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td><code>{}</code></td></tr>",
                esc(&person.username),
                esc(&person.name),
                esc(&person.password)
            )
        })
        .collect();
    let body = format!(
        "<div class=\"card\"><h1>Sign in to {title}</h1>{error}<form method=\"post\" action=\"{here}\"><input type=\"hidden\" name=\"step\" value=\"sign_in\">\
         <label for=\"username\">User name</label><input id=\"username\" name=\"username\" autocomplete=\"off\" required>\
         <label for=\"password\">Password</label><input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"off\" required>\
         <div class=\"row\"><button class=\"main\">Sign in</button></div></form><form method=\"post\" action=\"{here}\"><input type=\"hidden\" name=\"step\" value=\"deny\"><div class=\"row\"><button>Cancel</button></div></form></div>\
         <div class=\"card\"><h2>Who lives here</h2><p class=\"soft\">This is a sandbox: these people are made up.</p><table><tr><th>User name</th><th>Name</th><th>Password</th></tr>{hints}</table></div>",
        title = esc(ask.title),
        here = esc(incoming.here()),
    );
    page(&format!("Sign in to {}", ask.title), ask.colour, ask.title, false, &body)
}

fn consent_page(world: &World, incoming: &Incoming, ask: &Ask, username: &str) -> String {
    let name = world.person(ask.network, username).map_or(username, |person| &person.name);
    let scope = |scope: &String| {
        if ask.scopes_optional {
            format!("<label class=\"box\"><input type=\"checkbox\" name=\"scope\" value=\"{0}\" checked>{0}</label>", esc(scope))
        } else {
            format!("<p><code>{}</code></p>", esc(scope))
        }
    };
    let scopes: String = ask.scopes.iter().map(scope).collect();
    let here = esc(incoming.here());
    let body = format!(
        "<div class=\"card\"><h1>Staygreen wants to act for you</h1><p>Signed in as <b>{}</b> (<code>{}</code>)</p>\
         <form method=\"post\" action=\"{here}\">{scopes}<div class=\"row\"><button class=\"main\" name=\"step\" value=\"allow\">Allow</button></div></form>\
         <div class=\"row\"><form method=\"post\" action=\"{here}\"><button name=\"step\" value=\"deny\">Cancel</button></form>\
         <form method=\"post\" action=\"{here}\"><button name=\"step\" value=\"switch\">Use another account</button></form></div></div>",
        esc(name),
        esc(username),
    );
    page(&format!("Allow access to {}", ask.title), ask.colour, ask.title, false, &body)
}
