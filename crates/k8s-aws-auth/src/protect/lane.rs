use super::share::Share;
use super::{Breaker, Health, HostId, Hosts, KeyId, LaneKind, Limits, Pass, RateLimit, Turn};
use k8s_aws_sts::TransportFailure;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Who may call which STS host, and who has to wait: one of the two lanes.
///
/// # Guarantees
///
/// * To no host more calls are admitted than its rate limit gives, those that are made again included.
/// * No more calls are under way, and no more reviews wait, than the limits say: altogether; half of it at hosts other than the
///   home host; half of that at one of those. So the home host can always have half of the lane, and a host that never
///   answers keeps at most a quarter.
/// * One access key never has more than a quarter of the places where one can wait, so that whoever floods under one key
///   leaves room for others.
/// * Those who wait for a host are admitted in the order in which they came, hosts in turn; nobody overtakes.
/// * Nobody waits for a host whose breaker is not closed, or longer than [`Limits::longest_wait`].
///
/// After each call of a method, look at [`woken`](Self::woken): those are to [`look`](Self::look) again. Beside them only the
/// first who waits for a host has to look by itself, at the time that it was told: there is one timer a host, however
/// many wait.
#[derive(Debug)]
pub struct Lane {
    hosts: Box<[Host]>,
    home: Option<HostId>,
    running: Share,
    waiting: Share,
    waiting_by_one_key: usize,
    longest_wait: Duration,
    /// The hosts that somebody waits for, in the order of their turns.
    turns: VecDeque<HostId>,
    /// Those who waited and were admitted, until they look.
    admitted: Vec<(Ticket, Place)>,
    woken: Vec<Ticket>,
    tickets: u64,
}

#[derive(Debug)]
struct Host {
    rate: RateLimit,
    breaker: Breaker,
    running: usize,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    key: KeyId,
    until: Instant,
}

/// A place among the calls under way. It is taken until it is given to [`Lane::release`].
#[derive(Debug)]
#[must_use]
pub struct Place {
    host: HostId,
    pass: Pass,
}

/// A place among those who wait. It is taken until [`Lane::look`] decides, or [`Lane::leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Ticket {
    host: HostId,
    number: u64,
}

/// What came of asking for a call.
#[derive(Debug)]
pub enum Asked {
    /// Go on.
    Admitted(Place),
    /// Wait: [`Lane::look`] now, and then when woken.
    Queued(Ticket),
    /// Not now.
    TurnedAway(TurnedAway),
}

/// What has become of somebody who waits.
#[derive(Debug)]
pub enum Look {
    /// Go on; the ticket is used up.
    Admitted(Place),
    /// Wait until woken, and where there is a time, until then at most.
    Waiting {
        /// Only for the first in a queue.
        until: Option<Instant>,
    },
    /// Not now; the ticket is used up.
    TurnedAway(TurnedAway),
}

/// Why somebody is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TurnedAway {
    /// All places where one can wait are taken, or all that one host or one access key may have.
    QueueFull,
    /// It took too long for a place to come free.
    WaitedTooLong,
    /// The host fails and is left alone.
    CircuitOpen,
}

impl TurnedAway {
    /// A stable code for metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::WaitedTooLong => "waited_too_long",
            Self::CircuitOpen => "circuit_open",
        }
    }
}

impl From<TurnedAway> for TransportFailure {
    fn from(why: TurnedAway) -> Self {
        match why {
            TurnedAway::QueueFull | TurnedAway::WaitedTooLong => Self::LimitReached,
            TurnedAway::CircuitOpen => Self::CircuitOpen,
        }
    }
}

impl Lane {
    /// A lane to these hosts, with everything free.
    pub fn new(hosts: &Hosts, limits: &Limits, kind: LaneKind) -> Self {
        let lane = limits.lane(kind);
        let host = || Host {
            rate: RateLimit::new(lane.per_second, lane.burst),
            breaker: Breaker::new(&limits.breaker),
            running: 0,
            queue: VecDeque::new(),
        };
        let has_home = hosts.home().is_some();
        Self {
            hosts: (0..hosts.len()).map(|_| host()).collect(),
            home: hosts.home(),
            running: Share::new(lane.concurrency.max(4), has_home),
            waiting: Share::new(lane.queue, has_home),
            waiting_by_one_key: lane.queue.div_ceil(4),
            longest_wait: limits.longest_wait(),
            turns: VecDeque::new(),
            admitted: Vec::new(),
            woken: Vec::new(),
            tickets: 0,
        }
    }

    /// Asks to call a host for the bearer of a token that names this access key.
    pub fn ask(&mut self, host: HostId, key: KeyId, now: Instant) -> Asked {
        let home = self.home == Some(host);
        let Some(state) = self.hosts.get_mut(host.0).filter(|state| state.breaker.allows(now)) else {
            return Asked::TurnedAway(TurnedAway::CircuitOpen);
        };
        let free = state.queue.is_empty() && self.running.fits(home, state.running);
        if free && let Some(pass) = state.begin(now) {
            self.running.take(home);
            return Asked::Admitted(Place { host, pass });
        }
        if !state.breaker.is_closed() {
            // Only the probe is let through, and a probe does not wait.
            return Asked::TurnedAway(TurnedAway::CircuitOpen);
        }
        if !self.waiting.fits(home, state.queue.len())
            || state.queue.iter().filter(|waiter| waiter.key == key).count() >= self.waiting_by_one_key
        {
            return Asked::TurnedAway(TurnedAway::QueueFull);
        }
        self.tickets += 1;
        let number = self.tickets;
        if state.queue.is_empty() {
            self.turns.push_back(host);
        }
        state.queue.push_back(Waiter { number, key, until: now.checked_add(self.longest_wait).unwrap_or(now) });
        self.waiting.take(home);
        Asked::Queued(Ticket { host, number })
    }

    /// What has become of a ticket.
    pub fn look(&mut self, ticket: Ticket, now: Instant) -> Look {
        self.admit_waiters(now);
        if let Some(place) = self.take_admitted(ticket) {
            return Look::Admitted(place);
        }
        let Some((at, state)) = self.find(ticket) else {
            // It was sent away when the breaker opened.
            return Look::TurnedAway(TurnedAway::CircuitOpen);
        };
        match state.queue.get(at) {
            Some(waiter) if waiter.until > now => {
                // Those behind the first came later, so they have to leave later; they are woken when they are the first.
                let until = state.rate.ready_at(now).map_or(waiter.until, |ready| ready.min(waiter.until));
                Look::Waiting { until: (at == 0).then_some(until) }
            }
            _ => {
                self.remove(ticket);
                Look::TurnedAway(TurnedAway::WaitedTooLong)
            }
        }
    }

    /// Somebody who waited has gone.
    pub fn leave(&mut self, ticket: Ticket, now: Instant) {
        match self.take_admitted(ticket) {
            Some(place) => self.release(place, now),
            None => self.remove(ticket),
        }
    }

    /// How the host did, once for each time that it was called.
    pub fn report(&mut self, place: &Place, health: Health, now: Instant) -> Option<Turn> {
        let state = self.hosts.get_mut(place.host.0)?;
        let turn = state.breaker.record(&place.pass, health, now);
        if turn == Some(Turn::Opened) && !state.queue.is_empty() {
            let home = self.home == Some(place.host);
            for waiter in state.queue.drain(..) {
                self.waiting.give_back(home);
                self.woken.push(Ticket { host: place.host, number: waiter.number });
            }
            self.turns.retain(|host| *host != place.host);
        }
        turn
    }

    /// Whether the host may be called again from the same place: only if nobody has to wait for that.
    pub fn again(&mut self, place: &mut Place, now: Instant) -> bool {
        let state = self.hosts.get_mut(place.host.0).filter(|state| state.breaker.is_closed());
        match state.and_then(|state| state.begin_again(now)) {
            Some(pass) => {
                place.pass = pass;
                true
            }
            None => false,
        }
    }

    /// The call is over, however it ended.
    #[expect(clippy::needless_pass_by_value, reason = "a place is given back once")]
    pub fn release(&mut self, place: Place, now: Instant) {
        if let Some(state) = self.hosts.get_mut(place.host.0) {
            // A probe that was not reported must not keep the breaker waiting for it.
            state.breaker.record(&place.pass, Health::Unknown, now);
            state.running = state.running.saturating_sub(1);
            self.running.give_back(self.home == Some(place.host));
            self.admit_waiters(now);
        }
    }

    /// Takes who is to look again.
    pub fn woken(&mut self) -> impl Iterator<Item = Ticket> + '_ {
        self.woken.drain(..)
    }

    /// How many calls are under way.
    pub fn running(&self) -> usize {
        self.running.taken()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.taken()
    }

    /// Admits from the heads of the queues, hosts in turn, as many as can be.
    fn admit_waiters(&mut self, now: Instant) {
        let mut in_vain = 0;
        while in_vain < self.turns.len()
            && let Some(host) = self.turns.pop_front()
        {
            in_vain = if self.admit_first(host, now) { 0 } else { in_vain + 1 };
            if self.hosts.get(host.0).is_some_and(|state| !state.queue.is_empty()) {
                self.turns.push_back(host);
            }
        }
    }

    fn admit_first(&mut self, host: HostId, now: Instant) -> bool {
        let home = self.home == Some(host);
        let Some(state) = self.hosts.get_mut(host.0).filter(|state| self.running.fits(home, state.running)) else {
            return false;
        };
        let Some(pass) = state.begin(now) else { return false };
        self.running.take(home);
        if let Some(first) = state.queue.pop_front() {
            let ticket = Ticket { host, number: first.number };
            self.waiting.give_back(home);
            self.admitted.push((ticket, Place { host, pass }));
            self.woken.push(ticket);
        }
        // The next has to look at the time now.
        self.woken.extend(state.queue.front().map(|next| Ticket { host, number: next.number }));
        true
    }

    fn take_admitted(&mut self, ticket: Ticket) -> Option<Place> {
        let at = self.admitted.iter().position(|(admitted, _)| *admitted == ticket)?;
        Some(self.admitted.swap_remove(at).1)
    }

    /// Where a ticket is in its queue.
    fn find(&mut self, ticket: Ticket) -> Option<(usize, &mut Host)> {
        let state = self.hosts.get_mut(ticket.host.0)?;
        let at = state.queue.binary_search_by_key(&ticket.number, |waiter| waiter.number).ok()?;
        Some((at, state))
    }

    fn remove(&mut self, ticket: Ticket) {
        let home = self.home == Some(ticket.host);
        let Some((at, state)) = self.find(ticket) else { return };
        state.queue.remove(at);
        let next = state.queue.front().map(|next| Ticket { host: ticket.host, number: next.number });
        self.waiting.give_back(home);
        match next {
            None => self.turns.retain(|host| *host != ticket.host),
            Some(next) if at == 0 => self.woken.push(next),
            Some(_) => {}
        }
    }
}

impl Host {
    /// Takes one of the rate and passes the breaker: both or neither.
    fn begin(&mut self, now: Instant) -> Option<Pass> {
        let pass = self.begin_again(now)?;
        self.running += 1;
        Some(pass)
    }

    fn begin_again(&mut self, now: Instant) -> Option<Pass> {
        if self.breaker.allows(now) && self.rate.take(now) { self.breaker.pass(now) } else { None }
    }
}
