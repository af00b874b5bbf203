use super::*;
use std::borrow::Borrow;
use std::collections::VecDeque;
use tokio::time::sleep;

const MOMENT: Duration = Duration::from_millis(1);

fn at(due: Due) -> Duration {
    match due {
        Due::At(at) => at.duration_since(Instant::now()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_so_long_for_what_it_is_about() {
    let all = Connections::new(2);
    let connection = Arc::new(all.admit().await);
    assert_eq!(at(connection.due(false)), IDLE_LIMIT);
    sleep(MOMENT).await;
    assert_eq!(at(connection.due(false)), IDLE_LIMIT - MOMENT);
    connection.heard();
    assert_eq!((at(connection.due(false)), at(connection.due(true))), (HEAD_LIMIT, IDLE_LIMIT - MOMENT));
    sleep(MOMENT).await;
    // More of the same is no reason to wait for longer.
    connection.heard();
    assert_eq!(at(connection.due(false)), HEAD_LIMIT - MOMENT);
    let request = connection.request();
    assert_eq!(connection.due(false), Due::Never);
    drop(request);
    assert_eq!(at(connection.due(false)), IDLE_LIMIT);
    all.stop();
    assert_eq!(at(connection.due(false)), LINGER);
    let request = connection.request();
    assert_eq!(connection.due(false), Due::Never);
    drop(request);
    assert_eq!(at(connection.due(true)), LINGER);
}

#[tokio::test(start_paused = true)]
async fn room_is_made_by_who_was_of_no_use_for_the_longest() {
    let all = Connections::new(3);
    let first = Arc::new(all.admit().await);
    let (second, third) = (all.admit().await, Arc::new(all.admit().await));
    drop(first.request());
    let answered = third.request();
    answered.complete();
    sleep(SETTLE).await;
    let fourth = replaced(&all, second).await;
    assert_ne!(first.due(false), Due::Now);
    sleep(SETTLE).await;
    let fifth = replaced(&all, first).await;
    // What is being answered stays, though it is older than the two.
    assert_eq!((third.due(false), all.count()), (Due::Never, (3, 2)));
    drop((fourth, fifth));
    assert_eq!(all.count().0, 1);
}

/// The connection that gets the room that another is told to make.
async fn replaced(all: &Arc<Connections>, going: impl Borrow<Connection>) -> Connection {
    let (new, ()) = tokio::join!(all.admit(), async {
        going.borrow().told().await;
        drop(going);
    });
    new
}

#[tokio::test(start_paused = true)]
async fn who_had_an_answer_stays_however_many_come_however_fast() {
    let all = Connections::new(4);
    let proven = [all.admit().await, all.admit().await, all.admit().await].map(Arc::new);
    for connection in &proven {
        connection.request().complete();
    }
    let mut new = VecDeque::from([all.admit().await]);
    // They get half of the room at once, also who is slow to ask, and from then on wait for each other.
    sleep(SETTLE).await;
    let begun = Instant::now();
    let [first, others @ ..] = proven;
    new.push_back(replaced(&all, first).await);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    for number in 1_u32..100 {
        let going = new.pop_front().unwrap();
        new.push_back(replaced(&all, going).await);
        assert_eq!(begun.elapsed(), SETTLE * (number / 2), "{number}");
    }
    assert!(others.iter().all(|connection| connection.due(false) != Due::Now));
    // What was asked without a body, or broke off in the middle of it, is no answer to a review.
    let (asked, broken) = (Arc::new(new.pop_front().unwrap()), Arc::new(new.pop_front().unwrap()));
    drop(asked.request());
    broken.request().received(1);
    for going in [asked, broken] {
        new.push_back(replaced(&all, going).await);
    }
    assert!(others.iter().all(|connection| connection.due(false) != Due::Now));
}

#[tokio::test(start_paused = true)]
async fn nobody_goes_before_there_was_time_to_ask() {
    let all = Connections::new(1);
    let (first, begun) = (all.admit().await, Instant::now());
    let (_second, ()) = tokio::join!(all.admit(), async {
        first.told().await;
        assert_eq!(begun.elapsed(), SETTLE);
        drop(first);
    });
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_gets_it_when_an_answer_is_given() {
    let all = Connections::new(1);
    let first = Arc::new(all.admit().await);
    let request = first.request();
    request.complete();
    sleep(SETTLE).await;
    let (_second, ()) = tokio::join!(all.admit(), async {
        sleep(MOMENT).await;
        assert_eq!(first.due(false), Due::Never);
        drop(request);
        first.told().await;
        drop(first);
    });
}

#[tokio::test(start_paused = true)]
async fn of_those_who_send_too_much_at_a_time_the_one_with_the_most_goes() {
    let all = Connections::new(3);
    let (small, large) = (Arc::new(all.admit().await), Arc::new(all.admit().await));
    let (little, much) = (small.request(), large.request());
    little.received(MOST_BODY_BYTES / 4);
    much.received(MOST_BODY_BYTES / 2);
    // What is complete does not count.
    let complete = small.request();
    complete.received(MOST_BODY_BYTES / 4);
    complete.complete();
    little.received(MOST_BODY_BYTES / 4);
    assert_eq!(all.count().1, 0);
    much.received(1);
    assert_eq!((small.due(false), large.due(false)), (Due::Never, Due::Now));
    // It takes a moment to go, and nobody else has to meanwhile.
    little.received(1);
    assert_eq!((small.due(false), all.count().1), (Due::Never, 1));
    drop((little, much, complete));
    assert_eq!(all.state().body_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_the_last() {
    let all = Connections::new(2);
    let connection = all.admit().await;
    all.stop();
    tokio::join!(all.closed(Duration::from_secs(60)), async {
        sleep(MOMENT).await;
        drop(connection);
    });
    assert_eq!(all.count().0, 0);
}
