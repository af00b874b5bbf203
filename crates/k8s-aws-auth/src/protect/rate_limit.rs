use std::time::{Duration, Instant};

/// A token bucket: in any stretch of time `t` it gives at most `burst + rate * t`.
///
/// What is kept is when the bucket will be full again, and nothing else (the virtual scheduling form of the generic cell rate
/// algorithm, ITU-T I.371): no counting, no rounding that adds up.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// How long one takes to come back; zero for no limit.
    interval: Duration,
    /// How much of the bucket may be out: what comes back in this time, and one.
    tolerance: Duration,
    full_at: Option<Instant>,
}

impl RateLimit {
    /// A full bucket of `burst` (at least one), to which `per_second` come back; none a second means that there is no limit.
    pub fn new(per_second: u32, burst: u32) -> Self {
        // Rounded up: rather a billionth too slow than one too many.
        let nanos = 1_000_000_000_u64
            .checked_div(per_second.into())
            .map_or(0, |whole| whole + u64::from(!1_000_000_000_u64.is_multiple_of(per_second.into())));
        let interval = Duration::from_nanos(nanos);
        Self { interval, tolerance: interval.saturating_mul(burst.saturating_sub(1)), full_at: None }
    }

    /// When one can be had, if not at once.
    pub fn ready_at(&self, now: Instant) -> Option<Instant> {
        let out = self.full_at?.saturating_duration_since(now);
        let wait = out.checked_sub(self.tolerance).filter(|wait| !wait.is_zero())?;
        now.checked_add(wait)
    }

    /// Takes one, if it can be had at once.
    pub fn take(&mut self, now: Instant) -> bool {
        let ready = self.ready_at(now).is_none();
        if ready {
            let from = self.full_at.map_or(now, |full_at| full_at.max(now));
            self.full_at = from.checked_add(self.interval);
        }
        ready
    }
}
