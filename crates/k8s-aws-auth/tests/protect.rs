//! The laws of what protects STS, in simulated time: rate limit, breaker, known keys, pauses. Those of the lanes are in
//! `lanes.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "simulated time begins somewhere")]

use k8s_aws_auth::identity::AccessKeyId;
use k8s_aws_auth::protect::{
    Breaker, BreakerLimits, Health, KnownKeys, LaneKind, Limits, Pass, RateLimit, RetryLimits, Turn,
};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

proptest! {
    #[test]
    fn a_rate_limit_never_gives_more_than_burst_and_rate_in_any_stretch_of_time(
        per_second in 1_u32..2000,
        burst in 0_u32..50,
        steps in prop::collection::vec((0_u64..2_000_000_000, 1_usize..15), 1..40),
    ) {
        let (mut limit, mut now, mut given) = (RateLimit::new(per_second, burst), Instant::now(), Vec::new());
        for (nanos, wanted) in steps {
            now += Duration::from_nanos(nanos % 50_000_000);
            for _ in 0..wanted {
                let ready = limit.ready_at(now);
                prop_assert_eq!(limit.take(now), ready.is_none());
                match ready {
                    None => given.push(now),
                    Some(ready) => {
                        // What it says of the time is exact.
                        prop_assert!(ready > now);
                        prop_assert!(!limit.clone().take(ready - Duration::from_nanos(1)));
                        prop_assert!(limit.clone().take(ready));
                    }
                }
            }
        }
        for (from, first) in given.iter().enumerate() {
            for (to, last) in given.iter().enumerate().skip(from) {
                let most = f64::from(burst.max(1)) + f64::from(per_second) * (*last - *first).as_secs_f64();
                prop_assert!((to - from + 1) as f64 <= most + 1e-6, "{} in {:?}", to - from + 1, *last - *first);
            }
        }
    }

    #[test]
    fn a_rate_limit_gives_its_rate_to_those_who_always_want(per_second in 1_u32..2000, burst in 1_u32..50) {
        let (mut limit, start) = (RateLimit::new(per_second, burst), Instant::now());
        let (mut now, mut given) = (start, 0_u32);
        while now <= start + Duration::from_secs(2) {
            given += u32::from(limit.take(now));
            now = limit.ready_at(now).unwrap_or(now);
        }
        // Rounding may cost one.
        prop_assert!((burst + 2 * per_second - 1..=burst + 2 * per_second).contains(&given), "{given}");
    }

    #[test]
    fn a_breaker_opens_after_so_many_failures_in_a_row_and_always_probes_again(
        failures in 1_u32..6,
        steps in prop::collection::vec((0_u8..9, 0_u64..400, any::<prop::sample::Index>()), 1..200),
    ) {
        let limits = BreakerLimits { failures, open_for: millis(1000) };
        let (mut breaker, mut now) = (Breaker::new(&limits), Instant::now());
        // Calls under way; whether they began since the breaker turned last; whether they are its probe.
        let mut calls: VecDeque<(Pass, bool, bool)> = VecDeque::new();
        let (mut in_a_row, mut probes_from) = (0, None);
        for (step, advance, which) in steps {
            now += millis(advance);
            let probing = calls.iter().any(|(_, current, probe)| *current && *probe);
            if step < 4 || calls.is_empty() {
                let closed = breaker.is_closed();
                prop_assert_eq!(closed, probes_from.is_none());
                let pass = breaker.pass(now);
                prop_assert_eq!(pass.is_some(), probes_from.is_none_or(|from| from <= now && !probing));
                if pass.is_some() && !closed {
                    calls.iter_mut().for_each(|(_, current, _)| *current = false);
                }
                calls.extend(pass.map(|pass| (pass, true, !closed)));
                continue;
            }
            let (pass, current, probe) = calls.remove(which.index(calls.len())).unwrap();
            let health = match step {
                4 => Health::Answered,
                5 => Health::Unknown,
                _ => Health::Failed,
            };
            let turned = breaker.record(&pass, health, now);
            // What began before the last turn says nothing.
            let wanted = match (current, probe, health) {
                (true, true, Health::Answered) => Some(Turn::Closed),
                (true, false, Health::Failed) if in_a_row + 1 == failures => Some(Turn::Opened),
                _ => None,
            };
            prop_assert_eq!(turned, wanted);
            if wanted.is_some() || (current && probe) {
                calls.iter_mut().for_each(|(_, current, _)| *current = false);
                in_a_row = 0;
                probes_from = match health {
                    Health::Answered => None,
                    Health::Failed => Some(now + limits.open_for),
                    Health::Unknown => Some(now),
                };
            } else if current {
                in_a_row = match health {
                    Health::Answered => 0,
                    Health::Failed => in_a_row + 1,
                    Health::Unknown => in_a_row,
                };
            }
        }
        // Whatever was lost on the way: without a probe under way, the time alone lets one through.
        if !calls.iter().any(|(_, current, probe)| *current && *probe) {
            prop_assert!(breaker.pass(now + limits.open_for).is_some());
        }
    }

    #[test]
    fn a_known_key_is_known_for_its_time_and_the_number_of_keys_is_bounded(
        capacity in 0_usize..8,
        steps in prop::collection::vec((0_u8..20, 0_u64..700), 1..200),
    ) {
        let keep = millis(1000);
        let (mut known, mut now) = (KnownKeys::new(capacity, keep), Instant::now());
        let mut logins: Vec<(u8, Instant)> = Vec::new();
        for (key, advance) in steps {
            now += millis(advance);
            for other in 0..20_u8 {
                let last = logins.iter().rposition(|(number, _)| *number == other);
                let lane = known.lane(known.id(&key_number(other)), now);
                let Some(at) = last else {
                    prop_assert_eq!(lane, LaneKind::Unknown, "nobody is known without a login");
                    continue;
                };
                let mut since: Vec<u8> = logins[at + 1..].iter().map(|(number, _)| *number).collect();
                since.sort_unstable();
                since.dedup();
                let age = now - logins[at].1;
                if age < keep && since.len() < capacity {
                    prop_assert_eq!(lane, LaneKind::Known, "{:?} old, {} since", age, since.len());
                }
                if age >= keep * 2 || capacity == 0 {
                    prop_assert_eq!(lane, LaneKind::Unknown, "{:?} old", age);
                }
            }
            known.insert(known.id(&key_number(key)), now);
            logins.push((key, now));
            prop_assert!(known.len() <= 2 * capacity);
        }
    }

    #[test]
    fn a_pause_grows_and_never_leaves_its_bounds(first in 0_u64..5000, longest in 0_u64..5000, random: u64) {
        let retry = RetryLimits { retries: 40, first: millis(first), longest: millis(longest) };
        for made in 0..40 {
            let whole = Duration::from_millis(first.saturating_mul(1 << made.min(30))).min(retry.longest);
            let pause = retry.pause(made, random).unwrap();
            prop_assert!(whole / 2 <= pause && pause <= whole, "{pause:?} of {whole:?}");
        }
        prop_assert_eq!(retry.pause(40, random), None);
    }
}

fn key_number(number: u8) -> AccessKeyId {
    AccessKeyId::parse(&format!("AKIAIOSFODNN{number:08}")).unwrap()
}

#[test]
fn no_calls_a_second_means_no_limit_and_no_failures_mean_no_breaker() {
    let (mut limit, now) = (RateLimit::new(0, 1), Instant::now());
    assert!((0..100_000).all(|_| limit.take(now)));
    let mut breaker = Breaker::new(&BreakerLimits { failures: 0, open_for: millis(1) });
    for _ in 0..1000 {
        let pass = breaker.pass(now).unwrap();
        assert_eq!(breaker.record(&pass, Health::Failed, now), None);
    }
}

#[test]
fn limits_beyond_all_time_are_limits_still() {
    let now = Instant::now();
    let mut limit = RateLimit::new(1, u32::MAX);
    assert!((0..1000).all(|_| limit.take(now)));
    let mut breaker = Breaker::new(&BreakerLimits { failures: 1, open_for: Duration::MAX });
    let pass = breaker.pass(now).unwrap();
    assert_eq!(breaker.record(&pass, Health::Failed, now), Some(Turn::Opened));
    assert!(breaker.pass(now + Duration::from_secs(1 << 40)).is_none());
    let mut known = KnownKeys::new(1, Duration::MAX);
    let key = known.id(&key_number(1));
    known.insert(key, now);
    known.insert(key, now + Duration::from_secs(1 << 40));
    assert_eq!(known.lane(key, now + Duration::from_secs(1 << 40)), LaneKind::Known);
    assert_eq!(
        RetryLimits { retries: 9, first: Duration::MAX, longest: Duration::MAX }.pause(8, 7).unwrap().as_nanos(),
        Duration::MAX.as_nanos() / 2 + 7
    );
}

#[test]
fn the_defaults_leave_a_call_more_time_than_connecting_may_take_and_end_within_a_reviews_ten_seconds() {
    let limits = Limits::default();
    assert!(limits.call_time > Duration::from_secs(3) && limits.budget < Duration::from_secs(10));
    assert_eq!(limits.longest_wait(), Duration::from_secs(5));
}
