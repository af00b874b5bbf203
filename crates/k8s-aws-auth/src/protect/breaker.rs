use super::BreakerLimits;
use std::time::{Duration, Instant};

/// Leaves a host alone that fails, and tries it again.
///
/// It opens after so many counted failures in a row, with no answer between them. Once it was open for its time it lets one
/// call through, the probe, and no other until that one has ended: an answer closes it, a failure opens it anew, and a probe
/// that was given up makes way for the next.
#[derive(Clone, Debug)]
pub struct Breaker {
    failures_to_open: u32,
    open_for: Duration,
    state: State,
    /// Counts changes of state. What a call came to that was let through before the last change says nothing about now.
    epoch: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    /// Until then; without an end only where the clock type cannot tell it.
    Open {
        until: Option<Instant>,
    },
    Probing,
}

/// How a host did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered: also with a rejection, also that it limits requests.
    Answered,
    /// No connection or TLS session, no answer in time, or an answer that it cannot answer (5xx).
    Failed,
    /// The call was given up before anything was known.
    Unknown,
}

/// A call was let through.
#[derive(Debug, PartialEq, Eq)]
pub struct Pass {
    epoch: u64,
}

/// A breaker changed its mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// From now on nobody is let through.
    Opened,
    /// From now on everybody is let through.
    Closed,
}

impl Breaker {
    /// A closed breaker; one that opens after no failures never opens.
    pub fn new(limits: &BreakerLimits) -> Self {
        let state = State::Closed { failures: 0 };
        Self { failures_to_open: limits.failures, open_for: limits.open_for, state, epoch: 0 }
    }

    /// Whether everybody is let through.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Whether a call would be let through now.
    pub fn allows(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } => until.is_some_and(|until| until <= now),
            State::Probing => false,
        }
    }

    /// Lets a call through, if one is: the probe, where the breaker is open.
    pub fn pass(&mut self, now: Instant) -> Option<Pass> {
        if !self.allows(now) {
            return None;
        }
        if !self.is_closed() {
            self.enter(State::Probing);
        }
        Some(Pass { epoch: self.epoch })
    }

    /// Takes note of what a call came to.
    pub fn record(&mut self, pass: &Pass, health: Health, now: Instant) -> Option<Turn> {
        if pass.epoch != self.epoch {
            return None;
        }
        match (self.state, health) {
            (State::Closed { .. }, Health::Answered) => self.state = State::Closed { failures: 0 },
            (State::Closed { failures }, Health::Failed) => {
                let failures = failures.saturating_add(1);
                self.state = State::Closed { failures };
                if failures == self.failures_to_open {
                    self.enter(State::Open { until: now.checked_add(self.open_for) });
                    return Some(Turn::Opened);
                }
            }
            (State::Probing, Health::Answered) => {
                self.enter(State::Closed { failures: 0 });
                return Some(Turn::Closed);
            }
            (State::Probing, Health::Failed) => self.enter(State::Open { until: now.checked_add(self.open_for) }),
            (State::Probing, Health::Unknown) => self.enter(State::Open { until: Some(now) }),
            (State::Closed { .. }, Health::Unknown) | (State::Open { .. }, _) => {}
        }
        None
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}
