use std::time::{Duration, Instant};

/// A token bucket: in any time `t` it lets through at most `burst + t × calls_per_second` calls.
///
/// It is kept as the time by which everything that was let through would have been, had it been let through evenly (the
/// "generic cell rate algorithm"), so there is no fraction of a token to lose.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Nothing where there is no limit.
    interval: Option<Duration>,
    /// How far ahead of the clock that time may be before a call.
    ahead: Duration,
    even: Option<Instant>,
}

impl Bucket {
    /// A full bucket; no limit for 0 calls a second.
    pub(super) fn new(calls_per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(calls_per_second);
        let ahead = interval.unwrap_or_default().saturating_mul(burst.max(1) - 1);
        Self { interval, ahead, even: None }
    }

    /// How long it is until a call may be made.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let over = self.even.map(|even| even.saturating_duration_since(now)).unwrap_or_default();
        over.saturating_sub(self.ahead)
    }

    /// A call is made.
    pub(super) fn take(&mut self, now: Instant) {
        if let Some(interval) = self.interval {
            self.even = self.even.map_or(now, |even| even.max(now)).checked_add(interval);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "an instant to start from")]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// How many calls are let through at a time.
    fn drain(bucket: &mut Bucket, now: Instant) -> usize {
        (0..1000).take_while(|_| bucket.wait(now).is_zero().then(|| bucket.take(now)).is_some()).count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (mut bucket, start) = (Bucket::new(10, 5), Instant::now());
        assert_eq!(drain(&mut bucket, start), 5);
        assert_eq!(bucket.wait(start), 100 * MILLI);
        assert_eq!(drain(&mut bucket, start + 99 * MILLI), 0);
        assert_eq!(drain(&mut bucket, start + 100 * MILLI), 1);
        assert_eq!(drain(&mut bucket, start + 350 * MILLI), 2);
        assert_eq!(drain(&mut bucket, start + 3600 * 1000 * MILLI), 5, "a quiet hour saves up no more than a burst");
    }

    #[test]
    fn zero_a_second_is_no_limit_and_a_burst_of_zero_is_one() {
        let start = Instant::now();
        assert_eq!(drain(&mut Bucket::new(0, 0), start), 1000);
        assert_eq!(drain(&mut Bucket::new(1, 0), start), 1);
    }
}
