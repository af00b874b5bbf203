//! When to try again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The longest first pause.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause at all.
const MOST: Duration = Duration::from_secs(30);
/// What lasted so long was no part of the trouble before it.
const STEADY: Duration = Duration::from_secs(10);

/// Pauses that grow with each failure in a row, each cut by chance to between a half and the whole, so that many clients of an
/// API server that comes back do not ask it all at once.
#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
    gone: bool,
}

impl Backoff {
    /// Waits for the end of the pause.
    pub(crate) async fn wait(&mut self) {
        if let Some(until) = self.until {
            sleep_until(until).await;
            self.until = None;
        }
    }

    /// Something failed: how long to wait.
    pub(crate) fn failed(&mut self) -> Duration {
        let pause = jitter(longest(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(Instant::now() + pause);
        pause
    }

    /// Everything is well.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A connection broke off after this time.
    pub(crate) fn lasted(&mut self, time: Duration) {
        if time >= STEADY {
            self.succeeded();
        }
    }

    /// A connection ended as it should, after this time. One that ends at once is trouble all the same.
    pub(crate) fn ended(&mut self, after: Duration) {
        self.lasted(after);
        if after < STEADY {
            self.failed();
        }
    }

    /// The server has forgotten where we were. Once that is nothing special: one that comes back after an outage has forgotten
    /// everything, and is there.
    pub(crate) fn gone(&mut self) {
        if std::mem::replace(&mut self.gone, true) {
            self.failed();
        }
    }
}

fn longest(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.min(16)).min(MOST)
}

fn jitter(longest: Duration) -> Duration {
    // Each of these states is made with keys of its own, by chance: enough for this, and no dependency.
    let chance = RandomState::new().build_hasher().finish();
    let half = longest / 2;
    half + Duration::from_nanos(chance % (u64::try_from(half.as_nanos()).unwrap_or(u64::MAX) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_limit_and_are_never_nothing() {
        let mut backoff = Backoff::default();
        for failures in 0..40 {
            let (before, most) = (Instant::now(), longest(failures));
            let pause = backoff.failed();
            assert!(pause >= FIRST / 2 && pause >= most / 2 && pause <= most, "{failures}: {pause:?}");
            backoff.wait().await;
            assert!(before.elapsed() >= pause);
        }
        assert_eq!(longest(40), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_taken_up_at_once_and_what_ends_at_once_is_not() {
        let mut backoff = Backoff::default();
        backoff.failed();
        backoff.ended(STEADY);
        assert!((backoff.failures, backoff.until) == (0, None));
        backoff.ended(Duration::ZERO);
        assert!(backoff.until.is_some());
        let mut backoff = Backoff::default();
        backoff.failed();
        backoff.wait().await;
        backoff.gone();
        assert!(backoff.until.is_none(), "an outage before it makes no difference");
        backoff.gone();
        assert!(backoff.until.is_some(), "an API server that forgets everything at once is not asked in a loop");
    }
}
