//! RF-43: a disk of this machine that fails, at each step at which something is written.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::StreamExt as _;
use lifecycle::time::Span;

use crate::house::{House, Steps, eventually};
use crate::steps::{POLLED, Trouble};

#[tokio::test]
async fn rf_43_a_ledger_that_fails_for_good_leaves_the_answer_in_the_spool_and_ends_the_process() {
    let house = House::new().await;
    house.broken.store(true, SeqCst);
    house.for_good.store(true, SeqCst);
    let life = house.start().await;
    eventually("the process is told to end", async || life.fault.is_cancelled()).await;
    // It ends by itself, and waits for no database.
    let ended = tokio::time::timeout(std::time::Duration::from_secs(15), life.running).await;
    assert!(ended.is_ok(), "the keeper has stopped");
    assert_eq!((house.stored().await.0, life.spool.held()), (1, 1));
    house.broken.store(false, SeqCst);
    let next = house.start().await;
    eventually("brought in", async || house.stored().await == (2, "r1".into())).await;
    eventually("blank again", async || next.spool.held() == 0).await;
    assert_eq!(house.network.seen(), (1, 0), "nothing was sent a second time");
    assert!(!next.fault.is_cancelled());
    next.die().await;
}

#[tokio::test]
async fn rf_43_where_neither_takes_it_the_answer_is_written_until_one_does() {
    let house = House::new().await;
    house.broken.store(true, SeqCst);
    house.for_good.store(true, SeqCst);
    // The first slot, the second, and two more tries.
    house.platter.failing_writes.store(4, SeqCst);
    let life = house.start().await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(15), life.running).await;
    assert!(ended.is_ok(), "the keeper has stopped");
    house.broken.store(false, SeqCst);
    let next = house.start().await;
    eventually("brought in", async || house.stored().await == (2, "r1".into())).await;
    assert_eq!(house.network.seen(), (1, 0));
    next.die().await;
}

#[tokio::test]
async fn rf_43_a_spool_that_fails_ends_the_process_after_the_answer_is_stored() {
    for failing in [1, 2, usize::MAX] {
        let house = House::new().await;
        house.platter.failing_writes.store(failing, SeqCst);
        let life = house.start().await;
        eventually("the process is told to end", async || life.fault.is_cancelled()).await;
        assert_eq!(house.stored().await, (2, "r1".into()), "stored before");
        let ended = tokio::time::timeout(std::time::Duration::from_secs(15), life.running).await;
        assert!(ended.is_ok(), "the keeper has stopped");
        house.platter.failing_writes.store(0, SeqCst);
        let next = house.start().await;
        eventually("nothing is left to bring in", async || next.spool.held() == 0).await;
        assert_eq!((house.stored().await, house.network.seen()), ((2, "r1".into()), (1, 0)));
        next.die().await;
    }
}

#[tokio::test]
async fn a_full_disk_and_a_ledger_that_is_away_end_nothing() {
    let house = House::new().await;
    house.broken.store(true, SeqCst);
    let life = house.start().await;
    // The slots are there; there is no room for more.
    house.platter.full.store(true, SeqCst);
    eventually("a renewed token set waits", async || life.spool.held() == 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(!life.fault.is_cancelled() && !life.running.is_finished());
    house.broken.store(false, SeqCst);
    eventually("stored", async || house.stored().await == (2, "r1".into())).await;
    life.die().await;
}

#[tokio::test]
async fn a_database_that_was_away_before_anything_was_sent_costs_no_lease() {
    let house = House::new().await;
    let steps = Steps::failing_at("intend", 1, Trouble::Full);
    let life = house.start_with(Arc::clone(&steps)).await;
    // The clock stands still: the lease of three minutes does not end by itself.
    eventually("renewed under the next lease", async || house.stored().await.0 == 2).await;
    assert!(steps.has_failed.load(SeqCst));
    assert_eq!(house.network.seen(), (1, 0));
    life.die().await;
}

/// What a life does until its token set is renewed, by how often it touches a disk for it. What is done over and over is tried once.
async fn touched() -> Vec<(&'static str, usize)> {
    let steps = Arc::new(Steps::default());
    let house = House::new().await;
    let life = house.start_with(Arc::clone(&steps)).await;
    eventually("renewed", async || house.stored().await.0 == 2 && life.spool.held() == 0).await;
    let all = steps.touched.lock().unwrap().clone();
    life.die().await;
    all.into_iter().flat_map(|(name, count)| (1..=if POLLED.contains(&name) { 1 } else { count }).map(move |nth| (name, nth))).collect()
}

/// One life in which the disk fails at that step, and as many more as it takes.
async fn survives(name: &'static str, nth: usize, trouble: Trouble) {
    let what = format!("{trouble:?} at {name}, time {nth}");
    let house = House::new().await;
    let steps = Steps::failing_at(name, nth, trouble);
    let mut life = house.start_with(Arc::clone(&steps)).await;
    // What only now and then follows a renewal may not come a second time.
    eventually(&what, async || steps.has_failed.load(SeqCst) || (house.stored().await.0 == 2 && life.spool.held() == 0)).await;
    let began = std::time::Instant::now();
    while house.stored().await.0 < 2 || life.spool.held() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: not renewed; {:?}", life.alarms.lines());
        if life.running.is_finished() {
            // It ended itself; the service manager starts it again.
            life.die().await;
            life = house.start().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        house.pass(Span::seconds(20));
    }
    let (presented, stale) = house.network.seen();
    assert_eq!((presented, stale), (1, 0), "{what}: how often a token was shown, and how often a spent one");
    assert_eq!(house.stored().await, (2, house.network.current()), "{what}");
    life.die().await;
}

/// The list of steps is learned from a life that goes well: a new one is tried without being named here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_or_is_full_or_read_only_at_any_step_costs_no_token() {
    let touched = touched().await;
    let names: Vec<&str> = touched.iter().map(|(name, _)| *name).collect();
    for name in ["allocate", "intend", "intended", "write", "commit", "committed", "blank"] {
        assert!(names.contains(&name), "{name} is a step of every renewal: {names:?}");
    }
    let tries = touched.into_iter().flat_map(|(name, nth)| Trouble::ALL.map(|trouble| (name, nth, trouble)));
    futures_util::stream::iter(tries).for_each_concurrent(8, |(name, nth, trouble)| survives(name, nth, trouble)).await;
}
