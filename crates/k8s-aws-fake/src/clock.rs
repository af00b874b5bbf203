//! The clock that the fake judges signatures and expiries by.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::sync::lock;

/// A settable clock. Clones share the time: keep one and give the other to
/// [`FakeAwsBuilder::clock`](crate::FakeAwsBuilder::clock).
///
/// ```
/// use k8s_aws_fake::FakeClock;
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let clock = FakeClock::fixed(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
/// let same = clock.clone();
/// clock.advance(Duration::from_secs(900));
/// assert_eq!(same.now(), UNIX_EPOCH + Duration::from_secs(1_700_000_900));
/// ```
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<Mutex<Mode>>);

#[derive(Clone, Copy, Debug)]
enum Mode {
    Fixed(SystemTime),
    /// The system's time, plus the first, minus the second.
    Running(Duration, Duration),
}

impl FakeClock {
    /// The system's clock. [`advance`](Self::advance) and [`rewind`](Self::rewind) make it go ahead or behind.
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(Mode::Running(Duration::ZERO, Duration::ZERO))))
    }

    /// A clock that stands still at `time`.
    pub fn fixed(time: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Mode::Fixed(time))))
    }

    /// The time it shows.
    pub fn now(&self) -> SystemTime {
        match *lock(&self.0) {
            Mode::Fixed(time) => time,
            Mode::Running(plus, minus) => SystemTime::now() + plus - minus,
        }
    }

    /// Makes it stand still at `time`.
    pub fn set(&self, time: SystemTime) {
        *lock(&self.0) = Mode::Fixed(time);
    }

    /// Makes it follow the system's clock again, without offset.
    pub fn follow_system(&self) {
        *lock(&self.0) = Mode::Running(Duration::ZERO, Duration::ZERO);
    }

    /// Moves it forward by `by`; a running clock keeps running.
    pub fn advance(&self, by: Duration) {
        match &mut *lock(&self.0) {
            Mode::Fixed(time) => *time += by,
            Mode::Running(plus, _) => *plus += by,
        }
    }

    /// Moves it back by `by`; a running clock keeps running.
    pub fn rewind(&self, by: Duration) {
        match &mut *lock(&self.0) {
            Mode::Fixed(time) => *time -= by,
            Mode::Running(_, minus) => *minus += by,
        }
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::system()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_clock_keeps_its_skew() {
        let clock = FakeClock::system();
        clock.advance(Duration::from_secs(7200));
        assert!(clock.now() > SystemTime::now() + Duration::from_secs(7000));
        clock.rewind(Duration::from_secs(14400));
        assert!(clock.now() < SystemTime::now() - Duration::from_secs(7000));
        clock.follow_system();
        assert!(clock.now() >= SystemTime::now() - Duration::from_secs(60));
    }

    #[test]
    fn a_fixed_clock_stands_still() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let clock = FakeClock::system();
        clock.set(time);
        assert_eq!((clock.now(), clock.now()), (time, time));
        clock.rewind(Duration::from_secs(1));
        assert_eq!(clock.now(), time - Duration::from_secs(1));
    }
}
