//! RF-15, RF-21: what was sent is waited for, whoever goes away.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use keeper::alarms::Alarm;
use lifecycle::time::Span;

use crate::house::{House, T0, eventually};

#[tokio::test]
async fn a_list_that_our_configuration_does_not_get_is_said_to_the_operator() {
    let house = House::new().await;
    *house.clock.0.lock().unwrap() = T0 + Span::minutes(1);
    house.network.closed.store(true, SeqCst);
    let life = house.start().await;
    life.keeper.check(&house.grant).await.unwrap();
    let alarms = life.alarms.all();
    let is_said = matches!(&alarms[..], [Alarm::Unlisted { title, said, .. }] if title == "Pinterest" && said.contains("not permitted"));
    assert!(is_said, "{alarms:?}");
    house.network.closed.store(false, SeqCst);
    house.pass(Span::minutes(1));
    life.keeper.check(&house.grant).await.unwrap();
    assert!(life.alarms.all().is_empty(), "over");
    life.die().await;
}

#[tokio::test]
async fn rf_21_stopping_waits_for_the_answer_and_claims_nothing_more() {
    let house = House::new().await;
    house.network.slow.store(true, SeqCst);
    let life = house.start().await;
    eventually("sent", async || house.network.seen().0 == 1).await;
    life.stop.cancel();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!life.running.is_finished(), "it waits");
    house.network.slow.store(false, SeqCst);
    house.network.open.notify_waiters();
    life.running.await.unwrap();
    assert_eq!(house.stored().await, (2, "r1".into()), "stored before the end");
}

#[tokio::test]
async fn rf_15_a_caller_who_goes_away_tears_nothing_and_stopping_waits_for_it_too() {
    let house = House::new().await;
    // Nothing is due yet: the renewal is asked for by somebody, who then hangs up.
    *house.clock.0.lock().unwrap() = T0 + Span::minutes(1);
    house.network.slow.store(true, SeqCst);
    let life = house.start().await;
    let asked = tokio::time::timeout(Duration::from_millis(300), life.keeper.renew_if(&house.grant, 1)).await;
    assert!(asked.is_err(), "the caller has gone");
    eventually("sent", async || house.network.seen().0 == 1).await;
    life.stop.cancel();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!life.running.is_finished(), "it waits");
    house.network.slow.store(false, SeqCst);
    house.network.open.notify_waiters();
    life.running.await.unwrap();
    assert_eq!(house.stored().await, (2, "r1".into()));
}
