use k8s_aws_identity::StsEndpoint;
use std::time::Duration;

/// Everything that protects STS, and callers from each other. The defaults are those of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The host that half of every lane is kept for: that of the cluster's own region. Default: none, and then no host gets
    /// more than half of a lane.
    pub home: Option<StsEndpoint>,
    /// The lane of those who were let in recently. Default: 500 calls a second, 1,000 at once after a rest, 64 under way,
    /// 256 waiting.
    pub known: LaneLimits,
    /// The lane of everybody else. Default: 100 calls a second, 500 at once after a rest, 32 under way, 64 waiting.
    pub unknown: LaneLimits,
    /// How many access keys are known at most. Default: 16,384, in some 32 bytes each.
    pub known_keys: usize,
    /// How long a key stays known after its last login. Default: 12 h, as long as a role session may last.
    pub known_for: Duration,
    /// When a host is left alone.
    pub breaker: BreakerLimits,
    /// When a call is made again.
    pub retry: RetryLimits,
    /// How long everything about one token may take: waiting, calling, calling again. Default: 9 s, so that a review ends
    /// within 10 s.
    pub budget: Duration,
    /// The least time that a call is given: nobody waits so long, and no call is made again so late, that less would be left.
    /// Default: 4 s, one more than connecting may take.
    pub call_time: Duration,
}

/// The limits of one lane. Those of rate are for each host, the others for all hosts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Calls a second to one host; 0 for no limit.
    pub per_second: u32,
    /// Calls to one host that may be made at once after a rest; 0 is taken as 1.
    pub burst: u32,
    /// Calls under way at a time; fewer than 4 are taken as 4.
    pub concurrency: usize,
    /// Reviews that wait at a time.
    pub queue: usize,
}

/// The limits of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// So many failures in a row open it; 0 for never. Default: 5.
    pub failures: u32,
    /// How long it is open before it lets a probe through. Default: 5 s.
    pub open_for: Duration,
}

/// How often, and how soon, a call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits {
    /// So often at most. Default: 2.
    pub retries: u32,
    /// The longest pause before the first of them; it doubles with each. Default: 200 ms.
    pub first: Duration,
    /// The longest pause of all. Default: 1 s.
    pub longest: Duration,
}

/// Which of the two lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// That of access keys by which somebody was let in recently.
    Known,
    /// That of all others.
    Unknown,
}

impl LaneKind {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Known, Self::Unknown];

    /// A stable name for metrics and logs: `known` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unknown => "unknown",
        }
    }
}

impl Limits {
    /// The limits of a lane.
    pub fn lane(&self, kind: LaneKind) -> &LaneLimits {
        match kind {
            LaneKind::Known => &self.known,
            LaneKind::Unknown => &self.unknown,
        }
    }

    /// The longest that somebody waits before a call.
    pub fn longest_wait(&self) -> Duration {
        self.budget.saturating_sub(self.call_time)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            home: None,
            known: LaneLimits { per_second: 500, burst: 1000, concurrency: 64, queue: 256 },
            unknown: LaneLimits { per_second: 100, burst: 500, concurrency: 32, queue: 64 },
            known_keys: 16_384,
            known_for: Duration::from_secs(12 * 60 * 60),
            breaker: BreakerLimits { failures: 5, open_for: Duration::from_secs(5) },
            retry: RetryLimits { retries: 2, first: Duration::from_millis(200), longest: Duration::from_secs(1) },
            budget: Duration::from_secs(9),
            call_time: Duration::from_secs(4),
        }
    }
}

impl RetryLimits {
    /// How long to pause before the call is made again that was made again `made` times; `None` where that was enough.
    ///
    /// Between half of the longest pause and all of it, as `random`, which may be any number, has it: those who failed together
    /// do not come back together.
    pub fn pause(&self, made: u32, random: u64) -> Option<Duration> {
        if made >= self.retries {
            return None;
        }
        let doubled = 1_u32.checked_shl(made).map_or(Duration::MAX, |times| self.first.saturating_mul(times));
        let half = doubled.min(self.longest) / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        Some(half + Duration::from_nanos(random.checked_rem(nanos.saturating_add(1)).unwrap_or(0)))
    }
}
