//! The lanes of [`protect`](k8s_aws_auth::protect) for futures: waiting, waking, and giving back what was taken, however a
//! future ends.

use crate::Timer;
use crate::timer::Sleep;
use k8s_aws_auth::identity::{AccessKeyId, StsEndpoint};
use k8s_aws_auth::protect::{
    self, Asked, Health, Hosts, KnownKeys, Lane, LaneKind, Limits, Look, Ticket, Turn, TurnedAway,
};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Lets calls to STS through, one place each.
pub(crate) struct Guard {
    pub(crate) limits: Limits,
    pub(crate) timer: Box<dyn Timer>,
    pub(crate) random: Box<dyn Fn() -> u64 + Send + Sync>,
    hosts: Hosts,
    known_keys: Mutex<KnownKeys>,
    /// In the order of [`LaneKind::ALL`]. Each behind a lock of its own: strangers do not even wait for those.
    lanes: [Mutex<Waiters>; 2],
}

/// A lane, and how to wake who waits there.
struct Waiters {
    lane: Lane,
    wakers: HashMap<Ticket, Waker>,
}

/// A place among the calls under way, given back when it is dropped.
pub(crate) struct Place {
    guard: Arc<Guard>,
    pub(crate) lane: LaneKind,
    /// Taken only by `drop`.
    place: Option<protect::Place>,
}

impl Guard {
    pub(crate) fn new(
        limits: Limits,
        endpoints: impl IntoIterator<Item = StsEndpoint>,
        timer: impl Timer,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let hosts = Hosts::new(endpoints, limits.home.as_ref());
        let known_keys = Mutex::new(KnownKeys::new(limits.known_keys, limits.known_for));
        let waiters = |kind| Mutex::new(Waiters { lane: Lane::new(&hosts, &limits, kind), wakers: HashMap::new() });
        let lanes = LaneKind::ALL.map(waiters);
        Self { timer: Box::new(timer), random: Box::new(random), hosts, known_keys, lanes, limits }
    }

    /// Waits for a place; where there is none, in which lane and why.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        endpoint: &StsEndpoint,
        key: &AccessKeyId,
    ) -> Result<Place, (LaneKind, TurnedAway)> {
        let now = self.timer.now();
        let (key, lane) = {
            let known_keys = lock(&self.known_keys);
            let key = known_keys.id(key);
            (key, known_keys.lane(key, now))
        };
        // The endpoints are those that the verifier lets through, so there is none that is not found.
        let host = self.hosts.find(endpoint).ok_or((lane, TurnedAway::QueueFull))?;
        let asked = self.with(lane, |waiters, now| waiters.lane.ask(host, key, now));
        let decided = match asked {
            Asked::Admitted(place) => Ok(place),
            Asked::TurnedAway(why) => Err(why),
            Asked::Queued(ticket) => Waiting { guard: self, lane, ticket: Some(ticket), alarm: None }.await,
        };
        match decided {
            Ok(place) => Ok(Place { guard: self.clone(), lane, place: Some(place) }),
            Err(why) => Err((lane, why)),
        }
    }

    /// Somebody was let in by this key.
    pub(crate) fn remember(&self, key: &AccessKeyId) {
        let mut known_keys = lock(&self.known_keys);
        let key = known_keys.id(key);
        known_keys.insert(key, self.timer.now());
    }

    /// Does something with a lane, and wakes those whom that concerns.
    fn with<R>(&self, lane: LaneKind, act: impl FnOnce(&mut Waiters, Instant) -> R) -> R {
        let index = usize::from(lane == LaneKind::Unknown);
        let (result, woken) = {
            let mut waiters = lock(&self.lanes[index]);
            let result = act(&mut waiters, self.timer.now());
            let Waiters { lane, wakers } = &mut *waiters;
            // Allocates only where somebody is woken.
            (result, lane.woken().filter_map(|ticket| wakers.remove(&ticket)).collect::<Vec<_>>())
        };
        woken.into_iter().for_each(Waker::wake);
        result
    }
}

impl Place {
    /// How the host did, once for each call.
    pub(crate) fn report(&self, health: Health) -> Option<Turn> {
        let place = self.place.as_ref()?;
        self.guard.with(self.lane, |waiters, now| waiters.lane.report(place, health, now))
    }

    /// Whether the host may be called again, now.
    pub(crate) fn again(&mut self) -> bool {
        let Some(place) = &mut self.place else { return false };
        self.guard.with(self.lane, |waiters, now| waiters.lane.again(place, now))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.guard.with(self.lane, |waiters, now| waiters.lane.release(place, now));
        }
    }
}

/// Waits in a lane. Only the first in a queue has a timer; all others are woken.
struct Waiting<'a> {
    guard: &'a Guard,
    lane: LaneKind,
    /// Until it is used up.
    ticket: Option<Ticket>,
    alarm: Option<(Instant, Sleep)>,
}

impl Future for Waiting<'_> {
    type Output = Result<protect::Place, TurnedAway>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(ticket) = this.ticket else { return Poll::Pending };
        loop {
            // Whatever hangs on an earlier waker goes once the lock is free.
            let (look, now, _earlier) = this.guard.with(this.lane, |waiters, now| {
                let look = waiters.lane.look(ticket, now);
                let earlier = match look {
                    Look::Waiting { .. } => waiters.wakers.insert(ticket, context.waker().clone()),
                    _ => waiters.wakers.remove(&ticket),
                };
                (look, now, earlier)
            });
            let until = match look {
                Look::Admitted(place) => {
                    this.ticket = None;
                    return Poll::Ready(Ok(place));
                }
                Look::TurnedAway(why) => {
                    this.ticket = None;
                    return Poll::Ready(Err(why));
                }
                Look::Waiting { until: None } => {
                    this.alarm = None;
                    return Poll::Pending;
                }
                Look::Waiting { until: Some(until) } => until,
            };
            let (at, sleep) = this.alarm.get_or_insert_with(|| (until, this.guard.timer.sleep(until - now)));
            if *at != until {
                (*at, *sleep) = (until, this.guard.timer.sleep(until - now));
            }
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            // The time has come: look again.
            this.alarm = None;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let _waker = self.guard.with(self.lane, |waiters, now| {
                waiters.lane.leave(ticket, now);
                waiters.wakers.remove(&ticket)
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics with one of these locks held; if it did, numbers that are off by one are better than no logins.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
