//! Incidents of networks: one message for all nodes, owners only after hours, one all-clear (RF-33, RF-36).

use lifecycle::incident::{IncidentKind, Seen};
use lifecycle::ledger::Ledger as _;
use lifecycle::permission::Role;
use lifecycle::time::{Span, Timestamp};
use store::{Store, incidents};

use crate::loops::{T0, claim, connect, organisation};
use crate::routing::user;
use crate::{Fixture, count, each, run};

const ADMIN: &str = "Owner@Example.com";

fn minute(n: i64) -> Timestamp {
    T0 + Span::minutes(n)
}

/// What left at that moment: to whom, and what.
async fn mails(store: &Store, now: Timestamp) -> Vec<(String, String)> {
    store.watch_incidents(now).await.unwrap();
    let mut all = vec![];
    for letter in store.claim_letters(now, 100).await.unwrap() {
        store.letter_sent(&letter, now).await.unwrap();
        all.push((letter.recipient.clone(), letter.kind.clone()));
    }
    all.sort();
    all
}

fn said(all: &[(String, String)]) -> Vec<(&str, &str)> {
    all.iter().map(|(to, kind)| (to.as_str(), kind.as_str())).collect()
}

#[tokio::test]
async fn rf_33_admins_hear_once_what_lasts_owners_after_six_hours_and_the_end_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let owner = user(&store, &organisation, "mira", Role::StandardUser, true).await;
        let unasked = user(&store, &organisation, "tom", Role::StandardUser, false).await;
        connect(&store, &organisation, "jana", &["1", "2", "3"], T0).await;
        run(&store, "UPDATE profiles SET owner_id = $1 WHERE network_id = '1'", &[owner.as_str().into()]).await;
        run(&store, "UPDATE profiles SET owner_id = $1 WHERE network_id = '2'", &[unasked.as_str().into()]).await;
        run(&store, "UPDATE grants SET due_at = $1, unreachable_since = $1", &[minute(0).into()]).await;
        let held = claim(&store, &store::ids::fresh(), minute(0)).await.remove(0);
        let seen = async |seen, at| store.note_health(&held, "", seen, at).await.unwrap();
        let away = Seen::Trouble(IncidentKind::Away);
        assert!(!seen(Seen::Answer, minute(0)).await, "nothing is open: {}", store.describe());
        assert!(seen(away, minute(1)).await);
        assert!(mails(&store, minute(5)).await.is_empty(), "what is short is nobody's business");
        tokio::join!(seen(away, minute(6)), seen(away, minute(6)));
        let (one, two) = tokio::join!(store.watch_incidents(minute(6)), store.watch_incidents(minute(6)));
        assert_eq!(one.unwrap() + two.unwrap(), 1, "two nodes, one message");
        assert_eq!(said(&mails(&store, minute(6)).await), [(ADMIN, "incident_began")]);
        let mut tx = store.read().await.unwrap();
        let open = incidents::open(&mut tx, &organisation).await.unwrap();
        assert_eq!((open.len(), open[0].network.as_str(), open[0].incident.began_at), (1, "linkedin", minute(1)));
        assert_eq!(incidents::profiles_touched(&mut tx, &organisation, &open[0]).await.unwrap(), 3);
        drop(tx);
        seen(away, minute(359)).await;
        assert!(mails(&store, minute(360)).await.is_empty());
        assert_eq!(
            said(&mails(&store, minute(361)).await),
            [("mira@example.com", "cannot_be_checked")],
            "who wants it, and does not know yet"
        );
        assert!(mails(&store, minute(900)).await.is_empty());
        assert!(seen(Seen::Answer, minute(901)).await);
        assert!(mails(&store, minute(930)).await.is_empty(), "one good call is no proof (RF-36)");
        seen(Seen::Answer, minute(931)).await;
        assert_eq!(said(&mails(&store, minute(931)).await), [(ADMIN, "incident_ended"), ("mira@example.com", "checked_again")]);
        assert!(mails(&store, minute(932)).await.is_empty());
        assert_eq!((count(&store, "network.incident_began").await, count(&store, "network.incident_ended").await), (1, 1));
        assert!(!seen(Seen::Answer, minute(940)).await, "it is over");

        // The next one is another one; one that is over soon is told to nobody.
        seen(away, minute(1000)).await;
        assert_eq!(said(&mails(&store, minute(1005)).await), [(ADMIN, "incident_began")]);
        seen(Seen::Answer, minute(1006)).await;
        seen(Seen::Answer, minute(1007)).await;
        assert!(mails(&store, minute(1008)).await.is_empty(), "another node may still not get through");
        assert_eq!(said(&mails(&store, minute(1016)).await), [(ADMIN, "incident_ended")]);
        seen(away, minute(2000)).await;
        seen(Seen::Answer, minute(2003)).await;
        seen(Seen::Answer, minute(2004)).await;
        assert!(mails(&store, minute(2010)).await.is_empty() && mails(&store, minute(2016)).await.is_empty());
        assert_eq!(count(&store, "network.incident_began").await, 2, "{}", store.describe());
    }
}

#[tokio::test]
async fn refused_accounts_are_another_incident_than_a_network_that_is_away_and_nobody_is_left_out() {
    for Fixture { store, .. } in each().await {
        let (organisation, admin) = organisation(&store).await;
        let other = user(&store, &organisation, "ada", Role::CompanyAdmin, false).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        run(&store, "UPDATE grants SET due_at = $1, refused_at = $1", &[minute(0).into()]).await;
        let held = claim(&store, &store::ids::fresh(), minute(0)).await.remove(0);
        let seen = async |kind, at| store.note_health(&held, "", Seen::Trouble(kind), at).await.unwrap();
        seen(IncidentKind::Refused, minute(1)).await;
        seen(IncidentKind::Away, minute(2)).await;
        assert_eq!(said(&mails(&store, minute(6)).await), [(ADMIN, "incident_began")]);
        assert_eq!(said(&mails(&store, minute(7)).await), [(ADMIN, "incident_began")]);
        assert_eq!(
            said(&mails(&store, minute(31)).await),
            [(ADMIN, "incident_ended")],
            "no verdict is held any more: {}",
            store.describe()
        );
        // Nobody who asked for it is left: all hear it.
        run(&store, "UPDATE users SET disabled_at = $2 WHERE id = $1", &[admin.as_str().into(), minute(40).into()]).await;
        seen(IncidentKind::Refused, minute(50)).await;
        assert_eq!(said(&mails(&store, minute(55)).await), [("ada@example.com", "incident_began")]);
        run(&store, "UPDATE users SET disabled_at = $2 WHERE id = $1", &[other.as_str().into(), minute(56).into()]).await;
        assert!(mails(&store, minute(55) + Span::days(3)).await.is_empty(), "nobody is left, and the one nobody asks about is closed");
        let mut tx = store.read().await.unwrap();
        assert!(incidents::open(&mut tx, &organisation).await.unwrap().is_empty());
    }
}

/// RF-33: what turned refused together stays counted however long ago that was, and owners hear after six hours that what is refused
/// cannot be checked, not that it is dead.
#[tokio::test]
async fn rf_33_who_turned_refused_together_is_counted_and_owners_hear_that_it_cannot_be_checked() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let mira = user(&store, &organisation, "mira", Role::StandardUser, true).await;
        for (person, pages) in [("jana", &["1", "2"][..]), ("piet", &["2"]), ("lena", &["3"]), ("tom", &["4"])] {
            connect(&store, &organisation, person, pages, T0).await;
        }
        run(&store, "UPDATE profiles SET owner_id = $1", &[mira.as_str().into()]).await;
        let turned = async |person: &str, minutes: i64| {
            let sql = "UPDATE grants SET refused_at = $1 WHERE person_id = (SELECT id FROM people WHERE network_id = $2)";
            run(&store, sql, &[minute(minutes).into(), person.into()]).await;
        };
        turned("jana", 0).await;
        turned("lena", 15).await;
        turned("tom", 16).await;
        for (around, refused) in [(0, 2), (15, 3), (16, 2), (30, 2), (-15, 1), (100, 0)] {
            let counted = store.refused(&organisation, "linkedin", "", minute(around)).await.unwrap();
            assert_eq!(counted, (refused, 4), "around minute {around}: {}", store.describe());
        }
        run(&store, "UPDATE grants SET due_at = $1", &[minute(16).into()]).await;
        run(&store, "UPDATE profiles SET status = 'disconnected' WHERE network_id = '4'", &[]).await;
        let held = claim(&store, &store::ids::fresh(), minute(16)).await.remove(0);
        for after in (16..=386).step_by(10) {
            store.note_health(&held, "", Seen::Trouble(IncidentKind::Refused), minute(after)).await.unwrap();
            let told = mails(&store, minute(after)).await;
            let expected: &[(&str, &str)] = match after {
                26 => &[(ADMIN, "incident_began")],
                376 => &[("mira@example.com", "cannot_be_checked")],
                _ => &[],
            };
            assert_eq!(said(&told), expected, "minute {after}: {}", store.describe());
        }
        let mut tx = store.read().await.unwrap();
        let row = tx.one("SELECT payload FROM outbox WHERE kind = 'cannot_be_checked'", &[]).await.unwrap().unwrap();
        let payload: serde_json::Value = row.json("payload").unwrap();
        let names: Vec<_> = payload["profiles"].as_array().unwrap().iter().map(|profile| profile["name"].clone()).collect();
        assert_eq!(names, ["Page 1", "Page 3"], "not what somebody else proves, nor what is known to be dead");
        drop(tx);
        assert_eq!(
            said(&mails(&store, minute(420)).await),
            [(ADMIN, "incident_ended"), ("mira@example.com", "checked_again")],
            "no verdict waits any more"
        );
    }
}

/// RF-33: somebody says that the refusals are real. They count no longer, who turns refused later is another matter, and the incident is
/// over without waiting for quiet.
#[tokio::test]
async fn rf_33_what_was_released_is_not_counted_any_more_and_ends_the_incident() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for person in ["jana", "piet", "lena", "tom", "ines"] {
            connect(&store, &organisation, person, &[person], T0).await;
        }
        run(&store, "UPDATE grants SET due_at = $1, refused_at = $1", &[minute(0).into()]).await;
        let held = claim(&store, &store::ids::fresh(), minute(0)).await.remove(0);
        let release = async |network: &str, at| {
            let mut tx = store.write().await.unwrap();
            let done = incidents::release(&mut tx, &organisation, network, "", minute(at)).await.unwrap();
            tx.commit().await.unwrap();
            done
        };
        let counted = async |around| store.refused(&organisation, "linkedin", "", minute(around)).await.unwrap();
        let seen = async |kind, at| store.note_health(&held, "", Seen::Trouble(kind), minute(at)).await.unwrap();
        assert!(!release("linkedin", 1).await, "nothing is held: {}", store.describe());
        seen(IncidentKind::Away, 1).await;
        assert!(!release("linkedin", 2).await, "a network that is away has no verdicts that wait");
        seen(IncidentKind::Refused, 5).await;
        assert_eq!(counted(0).await, (5, 5));
        assert!(!release("xing", 10).await && release("linkedin", 10).await && !release("linkedin", 10).await, "once");
        assert_eq!((counted(0).await, counted(10).await), ((0, 5), (0, 5)), "{}", store.describe());
        mails(&store, minute(10)).await;
        let mut tx = store.read().await.unwrap();
        let open: Vec<_> = incidents::open(&mut tx, &organisation).await.unwrap().iter().map(|at| at.incident.kind).collect();
        assert_eq!(open, [IncidentKind::Away], "that one is over: {}", store.describe());
        drop(tx);
        let turned = "UPDATE grants SET refused_at = $1 WHERE person_id IN (SELECT id FROM people WHERE network_id IN ('jana', 'piet'))";
        run(&store, turned, &[minute(12).into()]).await;
        assert_eq!(counted(12).await, (2, 5), "those who turned later, without the released: {}", store.describe());
        assert_eq!(counted(0).await, (0, 5), "nor the released with those who turned later: {}", store.describe());
        seen(IncidentKind::Refused, 13).await;
        assert!(release("linkedin", 14).await, "another incident, another word");
        assert_eq!(counted(12).await, (0, 5));
    }
}
