//! What makes the calls: one future, which owns all that is known of them.

use super::exchange::{Ec2Transport, Exchange};
use crate::timer::Sleep;
use futures_channel::mpsc::UnboundedReceiver;
use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use k8s_aws_auth::ec2::{Ec2Error, InstanceId, LookupAnswer, LookupCall, LookupLimits, Lookups, NextCall, Progress};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::future::{Future, poll_fn};
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Somebody wants to know of an instance.
pub(super) struct Order {
    pub(super) id: InstanceId,
    pub(super) answer: oneshot::Sender<LookupAnswer>,
}

/// What came of a call.
pub(super) type Returned = (LookupCall, Result<Progress, Ec2Error>);

pub(super) struct Worker<S> {
    orders: UnboundedReceiver<Order>,
    lookups: Lookups,
    waiting: HashMap<InstanceId, Vec<oneshot::Sender<LookupAnswer>>>,
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = Returned> + Send>>>,
    alarm: Option<Alarm>,
    exchange: Arc<Exchange<S>>,
}

/// The time at which there is something to do.
struct Alarm {
    at: Instant,
    sleep: Sleep,
}

enum Happened {
    Ordered(Order),
    Returned(Returned),
    Time,
    /// Nobody can order any more.
    Closed,
}

impl<S: Ec2Transport> Worker<S> {
    pub(super) fn new(orders: UnboundedReceiver<Order>, exchange: Exchange<S>, limits: LookupLimits) -> Self {
        Self {
            orders,
            lookups: Lookups::new(limits),
            waiting: HashMap::new(),
            calls: FuturesUnordered::new(),
            alarm: None,
            exchange: Arc::new(exchange),
        }
    }

    pub(super) async fn run(mut self) {
        let mut closed = false;
        while !closed || self.lookups.waiting() > 0 {
            self.make_calls();
            match self.happened(closed).await {
                Happened::Ordered(order) => self.take(order),
                Happened::Returned((call, result)) => self.finish(call, result),
                Happened::Time => self.alarm = None,
                Happened::Closed => closed = true,
            }
        }
    }

    /// Makes the calls that may be made, and sets the alarm for the next one.
    fn make_calls(&mut self) {
        let now = self.exchange.timer.now();
        let waiting = &mut self.waiting;
        let mut wanted = |id: &InstanceId| {
            let someone = waiting.get(id).is_some_and(|answers| answers.iter().any(|answer| !answer.is_canceled()));
            if !someone {
                waiting.remove(id);
            }
            someone
        };
        loop {
            match self.lookups.next(now, &mut wanted) {
                NextCall::Send(call) => self.calls.push(Box::pin(Exchange::make(self.exchange.clone(), call))),
                NextCall::Wait(time) => return self.set_alarm(now, time),
                // Nothing ticks while there is nothing to do.
                NextCall::Idle => return self.alarm = None,
            }
        }
    }

    /// An alarm that is set for a sooner time is left as it is: each who comes may put the time off a little, and it is cheaper
    /// to look again.
    fn set_alarm(&mut self, now: Instant, time: Duration) {
        let at = now + time;
        if self.alarm.as_ref().is_none_or(|alarm| at < alarm.at) {
            self.alarm = Some(Alarm { at, sleep: self.exchange.timer.sleep(time) });
        }
    }

    /// The next thing that happens. Those who come are taken in first, so that they find room in the next batch.
    async fn happened(&mut self, closed: bool) -> Happened {
        let Self { orders, calls, alarm, .. } = self;
        poll_fn(|cx| {
            if !closed && let Poll::Ready(order) = orders.poll_next_unpin(cx) {
                return Poll::Ready(order.map_or(Happened::Closed, Happened::Ordered));
            }
            if let Poll::Ready(Some(returned)) = calls.poll_next_unpin(cx) {
                return Poll::Ready(Happened::Returned(returned));
            }
            match alarm {
                Some(alarm) => alarm.sleep.as_mut().poll(cx).map(|()| Happened::Time),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn take(&mut self, order: Order) {
        match self.lookups.ask(&order.id, self.exchange.timer.now()) {
            // Whoever asked may be gone.
            Some(answer) => drop(order.answer.send(answer)),
            None => self.waiting.entry(order.id).or_default().push(order.answer),
        }
    }

    fn finish(&mut self, call: LookupCall, result: Result<Progress, Ec2Error>) {
        // The keys of the standard library's hash maps are random, which is all that jitter needs.
        let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
        for (id, answer) in self.lookups.finish(call, result, self.exchange.timer.now(), random) {
            for waiting in self.waiting.remove(&id).unwrap_or_default() {
                let _ = waiting.send(answer.clone());
            }
        }
    }
}
