//! How much an account may publish in a day that is always the last 24 hours, and how much of it is used up: asked before each post and
//! each reply of Threads, so that nothing is fetched and refused in vain. Facts: `networks/instagram` and `networks/threads` of the knowledge
//! base, section 9.

use http::Method;
use serde_json::Value;

use super::container::{Door, Habits};
use super::{act, call};
use crate::acting::{Acting, NotDone};
use crate::network::Words;
use crate::oauth;

/// What is counted, each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Posts; several pictures in one are one.
    Posts,
    /// Replies, at Threads.
    Replies,
}

impl Counted {
    /// The fields of how much is used, and of how much there is.
    const fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Posts => ("quota_usage", "config"),
            Self::Replies => ("reply_quota_usage", "reply_config"),
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Posts => ("posts", "Beiträge"),
            Self::Replies => ("replies", "Antworten"),
        }
    }
}

/// What the network said of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    used: u64,
    total: u64,
    /// Over how many hours it counts.
    hours: u64,
}

impl Quota {
    fn read(answer: &Value, counted: Counted) -> Option<Self> {
        let (used, config) = counted.fields();
        let said = answer.pointer("/data/0")?;
        let of = |field: &str| said.get(config)?.get(field)?.as_u64().filter(|number| *number > 0);
        Some(Self {
            used: said.get(used)?.as_u64()?,
            total: of("quota_total")?,
            hours: of("quota_duration").unwrap_or(86_400).div_ceil(3_600),
        })
    }

    /// How many are left.
    const fn left(self) -> u64 {
        self.total.saturating_sub(self.used)
    }
}

/// What is known of it; `None` where it could not be asked, or the answer does not say: then the act itself shows.
async fn ask(by: Acting<'_>, door: &Door<'_>, habits: &Habits, counted: Counted) -> Option<Quota> {
    let Acting { cx, wire, target, .. } = by;
    let (used, config) = counted.fields();
    let url = door.at(&format!("{}/{}", oauth::percent(target.network_id), habits.limit));
    let url = oauth::with_query(&url, &[("fields", &format!("{used},{config}"))]);
    Quota::read(&act(cx, wire, call(&cx, Method::GET, &url, door.token, &[])).await.ok()?, counted)
}

/// Whether the account has one left.
///
/// # Errors
/// With how many the network takes, where none is left. Nothing was sent then.
pub(super) async fn has_room(by: Acting<'_>, door: &Door<'_>, habits: &Habits, counted: Counted) -> Result<(), NotDone> {
    match ask(by, door, habits, counted).await {
        Some(quota) if quota.left() == 0 => Err(used_up(habits.title, counted, quota)),
        _ => Ok(()),
    }
}

fn used_up(title: &str, counted: Counted, Quota { total, hours, .. }: Quota) -> NotDone {
    let (en, de) = counted.words();
    let words = Words::new(
        format!(
            "{title} takes {total} {en} of an account in {hours} hours, and all are used up. Nothing was sent: there is room again as the earliest of them grow older than that, in {hours} hours at the latest."
        ),
        format!(
            "{title} nimmt in {hours} Stunden {total} {de} eines Kontos, und alle sind verbraucht. Es wurde nichts gesendet: sobald die frühesten davon älter sind, spätestens in {hours} Stunden, ist wieder Platz."
        ),
    );
    NotDone::Invalid { field: "profile", words }
}

/// What people have to know once something was published: that few are left. `None` where there are enough.
pub(crate) async fn standing(by: Acting<'_>, door: &Door<'_>, habits: &Habits) -> Option<Words> {
    let quota = ask(by, door, habits, Counted::Posts).await?;
    let Quota { used, total, hours } = quota;
    let title = habits.title;
    // A tenth of them.
    (quota.left() <= total / 10).then(|| {
        Words::new(
            format!("{title} takes {total} posts of an account in {hours} hours; {used} are used up."),
            format!("{title} nimmt in {hours} Stunden {total} Beiträge eines Kontos; {used} sind verbraucht."),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_network_says_is_read_and_what_it_does_not_say_holds_nobody_up() {
        let config = json!({ "quota_total": 100, "quota_duration": 86_400 });
        let read = |answer: Value, counted: Counted| Quota::read(&answer, counted).map(Quota::left);
        assert_eq!(read(json!({ "data": [{ "quota_usage": 98, "config": config }] }), Counted::Posts), Some(2));
        assert_eq!(read(json!({ "data": [{ "quota_usage": 101, "config": config }] }), Counted::Posts), Some(0));
        let replies = json!({ "data": [{ "quota_usage": 250, "config": config, "reply_quota_usage": 1, "reply_config": config }] });
        assert_eq!((read(replies.clone(), Counted::Replies), read(replies, Counted::Posts)), (Some(99), Some(0)));
        for unsaid in [
            json!({}),
            json!({ "data": [] }),
            json!({ "data": [{ "quota_usage": 1 }] }),
            json!({ "data": [{ "config": config }] }),
            json!({ "data": [{ "quota_usage": "many", "config": config }] }),
            json!({ "data": [{ "quota_usage": 1, "config": { "quota_total": 0 } }] }),
        ] {
            assert_eq!(read(unsaid.clone(), Counted::Posts), None, "{unsaid}");
        }
    }
}
