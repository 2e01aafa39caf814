//! The control page: what the API can do, for people, without JavaScript.

use super::MICRO;
use crate::networks;
use crate::notices;
use crate::pages::{esc, page};
use crate::people::{Page, Person, Post};
use crate::tokens::DAY;
use crate::world::{Mood, World};

/// So many posts of each network are shown, the newest first.
const POSTS_SHOWN: usize = 5;

fn hidden(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", esc(name), esc(value))).collect()
}

fn button(action: &str, label: &str, fields: &[(&str, &str)]) -> String {
    form(action, fields, "", label)
}

/// A form with what is fixed and what people fill in.
fn form(action: &str, fixed: &[(&str, &str)], parts: &str, label: &str) -> String {
    format!("<form method=\"post\" action=\"/control/{}\">{}{parts}<button>{}</button></form>", esc(action), hidden(fixed), esc(label))
}

/// The same in a row, where people fill something in.
fn filled(action: &str, fixed: &[(&str, &str)], parts: &str, label: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/control/{}\">{}<div class=\"row\">{parts}<button>{}</button></div></form>",
        esc(action),
        hidden(fixed),
        esc(label)
    )
}

fn input(name: &str, label: &str, value: &str, more: &str) -> String {
    format!("<label class=\"in\">{}<input name=\"{}\" value=\"{}\" {more}></label>", esc(label), esc(name), esc(value))
}

/// What can be chosen, by value and words.
fn select(name: &str, label: &str, choices: &[(&str, String)], current: &str) -> String {
    let options: String = choices
        .iter()
        .map(|(value, words)| {
            let selected = if *value == current { " selected" } else { "" };
            format!("<option value=\"{}\"{selected}>{}</option>", esc(value), esc(words))
        })
        .collect();
    format!("<label class=\"in\">{}<select name=\"{}\">{options}</select></label>", esc(label), esc(name))
}

fn for_so_many() -> String {
    input("requests", "For so many requests; empty: until changed", "", "inputmode=\"numeric\" pattern=\"[0-9]*\"")
}

pub(super) fn control_page(world: &World, now: i64) -> String {
    let clock: String =
        [("1 hour", 3600), ("1 day", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY), ("335 days", 335 * DAY), ("365 days", 365 * DAY)]
            .map(|(label, seconds)| button("clock", &format!("+ {label}"), &[("advance_seconds", &seconds.to_string())]))
            .concat();
    let mut body = format!(
        "<div class=\"card\"><h1>Make things happen</h1><p>These networks are simulated. Whatever you do here, Staygreen learns of it as in real life: by asking the network, or where the network tells it by itself. The same as an API: <code>POST /control/api/...</code></p></div>\
         <div class=\"card small\"><h2>Clock</h2><p>It is <b>{}</b> days ahead of the real time. Moving it moves Staygreen's clock in the demo as well.</p><div class=\"row\">{clock}</div>\
         <div class=\"row\">{}</div></div>",
        world.offset / MICRO / DAY,
        button("reset", "Everything as in the beginning, but for the clock", &[])
    );
    for network in networks::names() {
        body.push_str(&network_card(world, network));
    }
    body.push_str(&ledger_card(world, now));
    page("Sandbox control", "#226b45", "Sandbox networks", true, &body)
}

fn network_card(world: &World, network: &str) -> String {
    let people: String = world.people.iter().filter(|person| person.network == network).map(person_row).collect();
    let mut card = format!(
        "<div class=\"card small\"><h2>{network}</h2>{}{}\
         <div class=\"scroll\"><table><tr><th>Person</th><th>Password</th><th>Make it happen</th></tr>{people}</table></div>",
        mood_form(world, network),
        trouble_form(world, network)
    );
    card.push_str(&pages_table(world, network));
    if network == "pinterest" {
        let rows: String = world.boards.iter().map(board_row).collect();
        card.push_str(&format!(
            "<div class=\"scroll\"><table><tr><th>Board</th><th>Owner</th><th>State</th><th>Make it happen</th></tr>{rows}</table></div>"
        ));
    }
    card.push_str(&posts_table(world, network));
    card + &more(world, network) + "</div>"
}

fn mood_form(world: &World, network: &str) -> String {
    let current = world.moods.get(network).map_or(Mood::Normal, |(mood, _)| *mood);
    let name = Mood::ALL.iter().find(|(mood, ..)| *mood == current).map_or("normal", |(_, name, _)| name);
    let choices: Vec<(&str, String)> = Mood::ALL.iter().map(|(_, name, words)| (*name, format!("{name}: {words}"))).collect();
    filled("mood", &[("network", network)], &(select("mood", "Mood", &choices, name) + &for_so_many()), "Set")
}

fn trouble_form(world: &World, network: &str) -> String {
    let known = networks::troubles(network);
    if known.is_empty() {
        return String::new();
    }
    let none = ("", "none".to_owned());
    let choices: Vec<(&str, String)> = std::iter::once(none).chain(known.iter().map(|name| (*name, name.replace('_', " ")))).collect();
    let current = networks::trouble(world, network).unwrap_or_default();
    let parts = select("trouble", "Trouble of its own", &choices, &current) + &for_so_many();
    filled("troubles", &[("network", network)], &parts, "Set the trouble")
}

fn person_row(person: &Person) -> String {
    let base = format!("people/{}/{}", person.network, person.username);
    let act = |action: &str, label: &str| button(&format!("{base}/{action}"), label, &[]);
    let mut acts = act("change-password", "Change password");
    acts.push_str(&if person.blocked { act("unblock", "Unblock") } else { act("block", "Block") });
    acts.push_str(&act("revoke", "Remove our app"));
    if networks::survives_password_change(person.network) != networks::survives_password_reset(person.network) {
        acts.push_str(&act("reset-password", "Reset the password by mail"));
    }
    if notices::passes_on_deletions(person.network) {
        acts.push_str(&act("request-deletion", "Remove it and ask for deletion"));
    }
    if networks::has_kinds_of_accounts(person.network) {
        let (action, label) =
            if person.business { ("make-personal", "Make it a personal account") } else { ("make-business", "Make it a business account") };
        acts.push_str(&act(action, label));
    }
    if networks::can_switch_off(person.network) {
        acts.push_str(&act("deactivate", "Deactivate the account"));
        acts.push_str(&act("activate", "Activate it again"));
    }
    acts.push_str(&act("delete", "Delete the account"));
    let removal = if person.network == "tiktok" { removal_form(person) } else { String::new() };
    format!(
        "<tr><td><b>{}</b><br><code>{}</code></td><td><code>{}</code></td><td><div class=\"row\">{acts}</div>{removal}</td></tr>",
        esc(&person.name),
        esc(&person.username),
        esc(&person.password),
    )
}

/// TikTok's reasons for a removal, to choose from.
fn removal_form(person: &Person) -> String {
    let reasons = ["not said", "disconnected in TikTok", "account deleted", "age changed", "account banned", "given back by the app"];
    let numbers: Vec<String> = (0..reasons.len()).map(|n| n.to_string()).collect();
    let choices: Vec<(&str, String)> = numbers.iter().zip(reasons).map(|(n, words)| (n.as_str(), format!("{n}: {words}"))).collect();
    let parts = select("reason", "Access removed by TikTok, with its reason", &choices, "0");
    filled(&format!("people/tiktok/{}/remove", person.username), &[], &parts, "Remove access")
}

fn pages_table(world: &World, network: &str) -> String {
    let members: Vec<_> = world.people.iter().filter(|person| person.network == network).collect();
    let pages = world.pages.iter().filter(|page| page.network == network);
    let held: String = pages.flat_map(|page| members.iter().map(move |person| role_row(page, &person.username))).collect();
    let deleted = world.deleted_pages.iter().filter(|page| page.network == network).map(|page| {
        let restore = button("pages", "Restore the page", &[("page", &page.id.to_string()), ("action", "restore")]);
        format!("<tr><td>{}</td><td></td><td>deleted</td><td><div class=\"row\">{restore}</div></td></tr>", esc(page.name))
    });
    let rows = held + &deleted.collect::<String>();
    if rows.is_empty() {
        return rows;
    }
    format!("<div class=\"scroll\"><table><tr><th>Page</th><th>Person</th><th>Role</th><th>Make it happen</th></tr>{rows}</table></div>")
}

/// Everybody on every page, so that a role that was taken can be given back.
fn role_row(page: &Page, username: &str) -> String {
    let id = page.id.to_string();
    let held = page.roles.iter().find(|(holder, ..)| holder == username);
    let role = held.map_or_else(|| "none".to_owned(), |(_, role, state)| format!("{role} ({state})"));
    let fixed = [("network", page.network), ("page", id.as_str()), ("username", username)];
    let set = |label: &str, role: &str| button("roles", label, &[&fixed[..], &[("role", role)]].concat());
    let known = networks::roles(page.network);
    let ends = [known.last(), known.first()];
    let choices: String = ends.into_iter().flatten().map(|role| set(&format!("Make {role}"), role)).collect();
    let others: Vec<(&str, String)> = known.iter().skip(1).rev().skip(1).rev().map(|role| (*role, (*role).to_owned())).collect();
    let others =
        if others.is_empty() { String::new() } else { filled("roles", &fixed, &select("role", "Another role", &others, ""), "Give it") };
    let delete = button("pages", "Delete the page", &[("page", &id), ("action", "delete")]);
    let webhook = if page.network == "discord" { button("webhooks", "Make a webhook by hand", &[("page", &id)]) } else { String::new() };
    format!(
        "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td><div class=\"row\">{}{choices}{delete}{webhook}</div>{others}</td></tr>",
        esc(page.name),
        esc(username),
        esc(&role),
        if held.is_some() { set("Remove", "") } else { String::new() },
    )
}

fn board_row(board: &crate::people::Board) -> String {
    let id = board.id.to_string();
    let act = |label: &str, action: &str| button("boards", label, &[("board", &id), ("action", action)]);
    let state = match (board.deleted, board.secret) {
        (true, _) => "deleted",
        (false, true) => "secret",
        (false, false) => "public",
    };
    let buttons: String = match (board.deleted, board.secret) {
        (true, _) => act("Restore", "restore"),
        (false, true) => [act("Delete", "delete"), act("Make public again", "restore")].concat(),
        (false, false) => [act("Delete", "delete"), act("Make secret", "make_secret")].concat(),
    };
    format!(
        "<tr><td>{}</td><td><code>{}</code></td><td>{state}</td><td><div class=\"row\">{buttons}</div></td></tr>",
        esc(board.name),
        esc(board.owner),
    )
}

/// The newest posts, with what can be said under them.
fn posts_table(world: &World, network: &str) -> String {
    let posts: Vec<&Post> = world.posts.iter().rev().filter(|post| post.network == network).take(POSTS_SHOWN).collect();
    if posts.is_empty() {
        return String::new();
    }
    let rows: String = posts.into_iter().map(|post| post_row(world, post)).collect();
    format!("<div class=\"scroll\"><table><tr><th>Post</th><th>Said under it</th><th>Make it happen</th></tr>{rows}</table></div>")
}

fn post_row(world: &World, post: &Post) -> String {
    let said = world.comments_of(post.network, &post.id).count();
    let parts = input("author", "Who", "Ada Visitor", "") + &input("text", "What", "How much is it?", "required");
    let say = filled("comments", &[("network", post.network), ("post", &post.id)], &parts, "Say it");
    let fate: String = if post.network == "tiktok" {
        [("show", "Show it"), ("hide", "Hide it"), ("fail", "Let it fail")]
            .map(|(action, label)| button("posts", label, &[("post", &post.id), ("action", action)]))
            .concat()
    } else {
        String::new()
    };
    let text: String = post.text.chars().take(120).collect();
    format!(
        "<tr><td>{}<br><code>{}</code></td><td>{said}</td><td>{say}<div class=\"row\">{fate}</div></td></tr>",
        esc(&text),
        esc(&post.id)
    )
}

/// What is needed less often: new accounts, and how the network treats the app.
fn more(world: &World, network: &str) -> String {
    let app = world.app(network);
    let opened = input("username", "User name", "", "required") + &input("id", "Its id at the network", "", "required");
    let mut parts = filled("people", &[("network", network)], &opened, "Somebody opens an account");
    if notices::TELLING.contains(&network) {
        let url = input("notices_url", "Where it tells the app what happened to a person; empty: nowhere", &app.notices_url, "");
        parts.push_str(&filled("apps", &[("network", network)], &url, "Register the address"));
    }
    if networks::has_registered_redirects(network) {
        let words = "Redirect addresses, compared letter by letter, with a blank between them; none: any is good";
        let uris = input("redirect_uris", words, &app.redirect_uris.join(" "), "");
        parts.push_str(&filled("apps", &[("network", network)], &uris, "Register them"));
    }
    if networks::uses_refresh_tokens_up(network) {
        let seconds = app.reuse_grace_seconds.to_string();
        let grace = input("reuse_grace_seconds", "Seconds in which a used refresh token is taken again", &seconds, "inputmode=\"numeric\"");
        parts.push_str(&filled("apps", &[("network", network)], &grace, "Set the grace"));
    }
    if networks::session_names(network).is_some() {
        let days = app.session_days.to_string();
        let session =
            input("session_days", "Days after which a login ends, whatever is renewed (0: never)", &days, "inputmode=\"numeric\"");
        parts.push_str(&filled("apps", &[("network", network)], &session, "End logins"));
    }
    if network == "linkedin" {
        let (label, other) =
            if app.refresh_tokens { ("Give the app no refresh tokens", "false") } else { ("Give the app refresh tokens", "true") };
        parts.push_str(&button("apps", label, &[("network", network), ("refresh_tokens", other)]));
    }
    if network == "mastodon" {
        parts.push_str(&button("registrations", "Forget all registered clients", &[("network", network)]));
    }
    format!("<details><summary>Accounts and apps</summary>{parts}</details>")
}

fn ledger_card(world: &World, now: i64) -> String {
    let lines: Vec<_> = world.ledger().collect();
    let row = |seen: &&&crate::Seen| {
        format!(
            "<tr><td>{} s ago</td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            (now - seen.at) / MICRO,
            esc(seen.network),
            esc(&seen.request),
            seen.status,
            esc(&seen.effects.join(", "))
        )
    };
    let rows: String = lines.iter().rev().take(30).collect::<Vec<_>>().iter().map(row).collect();
    format!(
        "<div class=\"card\"><h2>What the networks saw last</h2><div class=\"scroll\"><table><tr><th>When</th><th>Network</th><th>Request</th><th>Answer</th><th>What it did</th></tr>{rows}</table></div></div>"
    )
}
