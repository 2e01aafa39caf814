//! RF-43: a disk of this machine that fails, at each step at which something is written.

use std::sync::atomic::Ordering::SeqCst;

use crate::house::{House, eventually};

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
