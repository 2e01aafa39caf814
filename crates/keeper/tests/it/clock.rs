//! G28: a clock that is set by a day while the server runs.

use std::time::Duration;

use keeper::alarms::Alarm;
use lifecycle::time::Span;

use crate::house::{House, T0, eventually};

#[tokio::test]
async fn g28_a_clock_that_is_set_before_the_first_pass_is_noticed() {
    let house = House::new().await;
    let (clock, counter) = (&house.clock.0, &house.clock.1);
    let now = T0 + Span::minutes(1);
    (*clock.lock().unwrap(), *counter.lock().unwrap()) = (now, Some(T0));
    let life = house.start().await;
    // On the one thread of this test the keeper has not had its turn yet.
    *clock.lock().unwrap() = now + Span::days(1);
    eventually("the operator is told", async || life.alarms.all() == [Alarm::ClockSet(Span::days(1))]).await;
    assert_eq!((house.stored().await, house.network.seen()), ((1, "r0".into()), (0, 0)), "nothing was done by it");
    life.die().await;
}

#[tokio::test]
async fn g28_a_clock_set_by_a_day_renews_nothing_calls_nobody_and_is_said_in_one_line() {
    let house = House::new().await;
    let (clock, counter) = (&house.clock.0, &house.clock.1);
    // Nothing is due for most of an hour.
    let now = T0 + Span::minutes(1);
    (*clock.lock().unwrap(), *counter.lock().unwrap()) = (now, Some(T0));
    let life = house.start().await;
    let mut passes = life.keeper.passes();
    passes.changed().await.unwrap();
    for day in [Span::days(1), Span::ZERO - Span::days(1)] {
        *clock.lock().unwrap() = now + day;
        eventually("the operator is told", async || life.alarms.all() == [Alarm::ClockSet(day)]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!((house.stored().await, house.network.seen()), ((1, "r0".into()), (0, 0)), "nothing was done by it");
        *clock.lock().unwrap() = now;
        eventually("over", async || life.alarms.all().is_empty()).await;
    }
    // Who leaves it there for an hour means it.
    *clock.lock().unwrap() = now + Span::days(1);
    eventually("doubted", async || !life.alarms.all().is_empty()).await;
    *clock.lock().unwrap() = now + Span::days(1) + Span::hours(1);
    *counter.lock().unwrap() = Some(T0 + Span::hours(1));
    eventually("renewed", async || house.stored().await == (2, "r1".into())).await;
    assert!(life.alarms.all().is_empty());
    assert_eq!(house.network.seen(), (1, 0));
    life.die().await;
}
