//! RF-13, RF-16, RF-19, RF-20: an answer that arrived is never lost, and a spent token never sent again while it is held.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use keeper::alarms::Alarm;
use lifecycle::ledger::Ledger as _;
use lifecycle::time::Span;

use crate::house::{House, Steps, eventually};
use crate::steps::STEPS;

#[tokio::test]
async fn rf_13_a_full_disk_is_met_before_anything_is_spent() {
    let house = House::new().await;
    house.platter.full.store(true, SeqCst);
    let life = house.start().await;
    eventually("the operator is told", async || life.alarms.all().iter().any(|alarm| matches!(alarm, Alarm::NoRoom(_)))).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(house.network.seen(), (0, 0), "nothing was sent");
    house.platter.full.store(false, SeqCst);
    house.pass(Span::minutes(2));
    eventually("renewed once there is room", async || house.stored().await == (2, "r1".into())).await;
    assert!(life.alarms.all().is_empty());
    life.die().await;
}

#[tokio::test]
async fn rf_19_while_the_database_refuses_the_spent_token_is_not_sent_again() {
    let house = House::new().await;
    house.broken.store(true, SeqCst);
    let life = house.start().await;
    eventually("an answer is held", async || life.spool.held() == 1).await;
    eventually("the operator is told", async || life.alarms.all().contains(&Alarm::NotStored)).await;
    // The lease ends and the same process claims the grant again: it finds the answer, and asks nobody.
    house.pass(Span::minutes(10));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(house.network.seen(), (1, 0));
    house.broken.store(false, SeqCst);
    eventually("stored", async || house.stored().await == (2, "r1".into())).await;
    eventually("nothing is held", async || life.spool.held() == 0 && life.alarms.all().is_empty()).await;
    assert_eq!(house.network.seen(), (1, 0));
    life.die().await;
}

/// Steps that a life which goes well need not take: two servers, real use, a lease that gets old, slots that are old.
const ASIDE: [&str; 8] = ["claim", "extend", "read", "refused", "release", "remove", "rename", "see_evidence"];

/// The list of steps is learned from a life that goes well; a new one that nobody is killed at fails here.
#[tokio::test]
async fn rf_20_killed_at_every_step_the_answer_is_found_or_was_never_read() {
    let whole = Arc::new(Steps::default());
    let house = House::new().await;
    let life = house.start_with(Arc::clone(&whole)).await;
    eventually("renewed", async || house.stored().await.0 == 2 && life.spool.held() == 0).await;
    life.die().await;
    let order = ["intend", "intended", "intend", "intended", "send", "receive", "write", "commit"];
    let names = whole.names.lock().unwrap().clone();
    let names: Vec<&str> = names.into_iter().filter(|name| order.contains(name)).collect();
    assert_eq!(&names[..8], order, "the order is the promise");
    let all = whole.all();
    let tried = |step: &&&str| all.iter().any(|(name, _)| name == *step) || ASIDE.contains(*step);
    let untried: Vec<_> = STEPS.iter().filter(|step| !tried(step)).collect();
    assert!(untried.is_empty(), "nobody is killed at {untried:?}");
    for (name, nth) in all {
        let what = format!("killed at {name}, time {nth}");
        let house = House::new().await;
        let steps = Steps::dying_at(name, nth);
        let life = house.start_with(Arc::clone(&steps)).await;
        // What only follows a renewal may come too late to be killed at.
        let is_over = async || steps.is_dead() || (house.stored().await.0 == 2 && life.spool.held() == 0);
        eventually(&what, is_over).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        life.die().await;
        house.pass(Span::minutes(5));
        let life = house.start().await;
        if (name == "receive" || name == "write") && nth == 1 {
            // Between the first byte and the capture the answer died with the process: nobody could have it. It is asked again.
            eventually(&format!("{what}: asked again"), async || house.network.seen().0 > 1).await;
        } else {
            eventually(&format!("{what}: brought in"), async || house.stored().await.0 == 2 && life.spool.held() == 0).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(house.network.seen(), (1, 0), "{what}");
            assert_eq!(house.stored().await.1, house.network.current(), "{what}");
        }
        life.die().await;
    }
}

#[tokio::test]
async fn a_disk_that_fails_once_or_always_does_not_lose_the_answer() {
    for failing in [1, 2, usize::MAX] {
        let house = House::new().await;
        house.platter.failing_writes.store(failing, SeqCst);
        let life = house.start().await;
        eventually("stored", async || house.stored().await == (2, "r1".into())).await;
        assert_eq!(house.network.seen(), (1, 0));
        let told = life.alarms.all().iter().any(|alarm| matches!(alarm, Alarm::NotKept(_)));
        assert_eq!(told, failing > 1, "{:?}", life.alarms.all());
        life.die().await;
    }
}

#[tokio::test]
async fn a_slot_that_could_not_be_blanked_is_recognised_as_done() {
    let house = House::new().await;
    house.platter.failing_blanks.store(true, SeqCst);
    let life = house.start().await;
    eventually("stored", async || house.stored().await.0 == 2).await;
    life.die().await;
    house.platter.failing_blanks.store(false, SeqCst);
    let life = house.start().await;
    eventually("blank", async || life.spool.held() == 0).await;
    assert_eq!(house.stored().await, (2, "r1".into()), "not brought in twice");
    assert_eq!(house.network.seen(), (1, 0));
    life.die().await;
}

#[tokio::test]
async fn rf_09_an_answer_that_comes_after_somebody_took_over_is_still_brought_in() {
    let house = House::new().await;
    house.network.slow.store(true, SeqCst);
    let life = house.start().await;
    eventually("sent", async || house.network.seen().0 == 1).await;
    // Another node claims the grant after the lease, looks at it and gives it back unchanged.
    house.pass(Span::minutes(4));
    let other = store::ids::fresh();
    let now = *house.clock.0.lock().unwrap();
    let claim = house.store.claim(&other, &house.grant, now, Span::seconds(180)).await.unwrap().unwrap();
    house.network.slow.store(false, SeqCst);
    house.network.open.notify_waiters();
    eventually("captured", async || life.spool.loose().len() == 1).await;
    assert_eq!(house.stored().await.0, 1, "an old fence writes nothing");
    house.store.release(&claim.lease, None).await.unwrap();
    eventually("brought in", async || house.stored().await == (2, "r1".into())).await;
    assert_eq!(house.network.seen(), (1, 0));
    life.die().await;
}

#[tokio::test]
async fn rf_16_a_success_nobody_understands_is_kept_for_a_version_that_does() {
    let house = House::new().await;
    house.network.odd.store(true, SeqCst);
    let life = house.start().await;
    let aside = || house.platter.files.lock().unwrap().keys().filter(|name| name.starts_with("unread-")).count();
    eventually("put aside", async || aside() >= 1).await;
    life.die().await;
    let shown = format!(
        "{:?}",
        house.platter.files.lock().unwrap().values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect::<Vec<_>>()
    );
    assert!(!shown.contains("access_token"), "sealed");
    // A life in which the answer can be read: here the same bytes under a network that says it plainly.
    let life = house.start().await;
    eventually("read again", async || life.spool.held() == 0).await;
    life.die().await;
}

#[tokio::test]
async fn an_answer_cut_off_in_writing_is_put_aside_and_the_ladder_begins() {
    let house = House::new().await;
    house.broken.store(true, SeqCst);
    let life = house.start().await;
    eventually("held", async || life.spool.held() == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    life.die().await;
    for bytes in house.platter.files.lock().unwrap().values_mut() {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at - 20);
        bytes[end..].fill(0);
    }
    house.broken.store(false, SeqCst);
    let life = house.start().await;
    assert!(house.platter.files.lock().unwrap().keys().any(|name| name.starts_with("unreadable-")));
    eventually("asked again", async || house.network.seen().0 > 1).await;
    life.die().await;
}
