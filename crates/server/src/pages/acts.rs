//! The list of what waits, and of what came to an end lately without being asked for again.

use lifecycle::time::Span;
use lifecycle::waiting::State;
use store::events::Actor;
use store::users;

use super::view::{badge_of, title_of, zone};
use crate::actions::waiting::{self, Seen};
use crate::actions::{asking, say};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::When;
use crate::state::App;

/// How many are shown.
const SHOWN: u32 = 100;
/// How long what is over stays in the list.
const LATELY: Span = Span::days(7);

/// An act in the list.
pub(super) struct ActLine {
    pub(super) id: String,
    pub(super) network: String,
    pub(super) badge: String,
    pub(super) network_title: String,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) state: State,
    pub(super) state_words: &'static str,
    pub(super) changed: When,
    pub(super) until: Option<When>,
    pub(super) author: String,
    /// Who has to approve it; who decided it.
    pub(super) people: Vec<String>,
    pub(super) why: String,
    pub(super) url: Option<String>,
    /// What to do where nobody can find out by asking the network.
    pub(super) look: Option<String>,
    /// What may be done with it: address, words.
    pub(super) ways: Vec<(&'static str, &'static str)>,
}

fn name_of(actor: &Actor) -> String {
    match actor {
        Actor::User { name, .. } | Actor::ApiKey { name, .. } => name.clone(),
        Actor::Keeper | Actor::System | Actor::RenewalLink => "Staygreen".to_owned(),
    }
}

fn ways(caller: &Caller, seen: &Seen, can_be_asked: bool) -> Vec<(&'static str, &'static str)> {
    let way = |what: &'static str, key: &str| (what, caller.lang.t(key));
    match seen.act.state {
        State::Waiting if waiting::is_approver(caller, &seen.act) => {
            vec![way("approve", "acts.approve"), way("decline", "acts.decline"), way("withdraw", "acts.withdraw")]
        }
        State::Held | State::Waiting => vec![way("withdraw", "acts.withdraw")],
        State::Unclear if !can_be_asked => vec![way("withdraw", "acts.leave")],
        State::Unclear => vec![way("repeat", "acts.repeat"), way("withdraw", "acts.leave")],
        _ => vec![],
    }
}

/// The list for a caller; with `kind`, of posts or of comments alone.
pub(super) async fn lines(app: &App, caller: &Caller, kind: Option<&str>) -> Result<Vec<ActLine>, Problem> {
    let (now, lang) = (app.now(), caller.lang);
    let seen = waiting::list(app, caller, State::ALL, kind, SHOWN).await?;
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    drop(tx);
    let when = |at| When::new(at, now, zone(caller), lang);
    let line = |seen: &Seen, asked: bool| {
        let (act, profile) = (&seen.act, &seen.profile);
        let approver = act.approver.as_ref().and_then(|id| users.iter().find(|user| user.id == *id));
        let approver = approver.filter(|_| act.state == State::Waiting).map(|user| lang.fill("acts.approver", &[("name", &user.name)]));
        let decided = act.decided_by.as_ref().map(|by| lang.fill("acts.decided", &[("name", &name_of(by))]));
        let why = act.problem.as_ref().and_then(|why| why["detail"].as_str()).unwrap_or_default().to_owned();
        let note = act.note.as_ref().map(say::noted).map(|words| lang.pick(&words.en, &words.de).to_owned());
        ActLine {
            id: act.id.to_string(),
            network: profile.network.clone(),
            badge: badge_of(&profile.network),
            network_title: title_of(&profile.network),
            name: profile.name.clone(),
            text: seen.content.text().chars().take(200).collect(),
            state: act.state,
            state_words: lang.t(&format!("acts.state.{}", act.state)),
            changed: when(act.changed_at),
            until: act.state.is_waiting().then(|| when(act.ends_at)),
            author: name_of(&act.author),
            people: approver.into_iter().chain(decided).collect(),
            why: note.unwrap_or(why),
            url: act.url.clone().filter(|url| url.starts_with("https://")),
            look: (act.state == State::Unclear && !asked).then(|| {
                let (network, leave) = (title_of(&profile.network), lang.t("acts.leave"));
                lang.fill("acts.look", &[("network", &network), ("leave", leave)])
            }),
            ways: ways(caller, seen, asked),
        }
    };
    let shown = |seen: &&Seen| seen.act.state.is_open() || seen.act.changed_at >= now - LATELY;
    let mut lines = vec![];
    for seen in seen.iter().filter(shown) {
        let asked = seen.act.state == State::Unclear && asking::can_be_asked(app, seen).await?;
        lines.push(line(seen, asked));
    }
    // What somebody can do something about comes first.
    lines.sort_by_key(|line| (line.ways.is_empty(), !line.state.is_open()));
    Ok(lines)
}
