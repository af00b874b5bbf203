use k8s_aws_sts::{TokenKey, VerifiedCaller};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

/// Callers whom STS vouched for a moment ago.
///
/// A client shows one token many times; within the time to live STS is asked once. An entry is about one token for one
/// cluster, and never outlives the token. What is cached is who the caller *is*: who that is to Kubernetes is looked up
/// afresh for every login.
///
/// Holds at most `capacity` callers (about 1 KiB each); the oldest goes first. Every operation takes constant time.
#[derive(Debug)]
pub struct IdentityCache {
    time_to_live: Duration,
    capacity: usize,
    callers: HashMap<TokenKey, Entry>,
    /// In the order of insertion, which is the order in which entries end, tokens that end sooner aside.
    order: VecDeque<(u64, TokenKey)>,
    inserted: u64,
}

#[derive(Debug)]
struct Entry {
    caller: VerifiedCaller,
    /// When the entry was made; a clock that was set back must not lengthen its life.
    since: SystemTime,
    until: SystemTime,
    number: u64,
}

impl IdentityCache {
    /// A cache that remembers a caller for at most `time_to_live`. A capacity or time of zero remembers nobody.
    pub fn new(time_to_live: Duration, capacity: usize) -> Self {
        Self { time_to_live, capacity, callers: HashMap::new(), order: VecDeque::new(), inserted: 0 }
    }

    /// The caller that STS vouched for under this key, if that still counts.
    pub fn get(&mut self, key: &TokenKey, now: SystemTime) -> Option<VerifiedCaller> {
        let entry = self.callers.get(key)?;
        if entry.since <= now && now < entry.until {
            return Some(entry.caller.clone());
        }
        self.callers.remove(key);
        None
    }

    /// Remembers a caller.
    pub fn put(&mut self, caller: &VerifiedCaller, now: SystemTime) {
        let token_ends = caller.token_expires_at();
        // A time to live beyond what the clock type can tell is beyond the token's own end too.
        let until = now.checked_add(self.time_to_live).map_or(token_ends, |until| until.min(token_ends));
        if until <= now || self.capacity == 0 {
            return;
        }
        self.inserted += 1;
        let entry = Entry { caller: caller.clone(), since: now, until, number: self.inserted };
        self.order.push_back((entry.number, caller.key().clone()));
        self.callers.insert(caller.key().clone(), entry);
        while let Some((number, key)) = self.order.front() {
            // An entry that was replaced or removed has left its place in the order behind.
            let current = self.callers.get(key).filter(|entry| entry.number == *number);
            let over = current.is_none_or(|entry| entry.until <= now) || self.callers.len() > self.capacity;
            if !over {
                break;
            }
            if current.is_some() {
                self.callers.remove(key);
            }
            self.order.pop_front();
        }
    }

    /// How many callers are remembered, those that have ended and were not met since included.
    pub fn len(&self) -> usize {
        self.callers.len()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use k8s_aws_presign::{ClusterId, EndpointKind, Region, StsEndpoint, presign};
    use k8s_aws_sts::{Partition, Policy, Verifier};
    use std::time::UNIX_EPOCH;

    const MINUTE: Duration = Duration::from_secs(60);

    fn start() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_781_526_896)
    }

    /// A caller whose token was signed at `signed_at`; every number makes another token.
    fn caller(number: u32, cluster: &str, signed_at: SystemTime) -> VerifiedCaller {
        let keys = Credentials::new(format!("AKIAIOSFODNN{number:08}"), "secret", None, None, "test");
        let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
        let cluster = ClusterId::parse(cluster).unwrap();
        let token = presign(&keys, &endpoint, &cluster, signed_at).unwrap();
        let verifier = Verifier::new(Policy::new(Partition::Aws));
        let call = verifier.begin(token.text().expose(), &cluster, signed_at).unwrap();
        let answer = http::Response::builder()
            .header("content-type", "application/json")
            .body(
                r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012",
                    "Arn":"arn:aws:iam::123456789012:user/alice","UserId":"AIDAIOSFODNN7EXAMPLE"}}}"#,
            )
            .unwrap();
        call.finish(&answer).unwrap()
    }

    #[test]
    fn a_caller_is_remembered_for_the_time_to_live() {
        let mut cache = IdentityCache::new(MINUTE, 10);
        let alice = caller(1, "a", start());
        assert!(cache.get(alice.key(), start()).is_none());
        cache.put(&alice, start());
        let found = cache.get(alice.key(), start() + MINUTE - Duration::from_nanos(1)).unwrap();
        assert_eq!((found.arn(), found.key()), (alice.arn(), alice.key()));
        assert!(cache.get(alice.key(), start() + MINUTE).is_none());
        assert!(cache.is_empty(), "what has ended is dropped when it is met");
    }

    #[test]
    fn nobody_is_remembered_beyond_the_end_of_their_token() {
        let mut cache = IdentityCache::new(60 * MINUTE, 10);
        let alice = caller(1, "a", start());
        cache.put(&alice, start() + 14 * MINUTE);
        assert!(cache.get(alice.key(), start() + 15 * MINUTE - Duration::from_secs(1)).is_some());
        assert!(cache.get(alice.key(), start() + 15 * MINUTE).is_none());
        cache.put(&alice, start() + 15 * MINUTE);
        assert!(cache.is_empty());
    }

    #[test]
    fn a_time_to_live_beyond_all_time_ends_with_the_token() {
        let mut cache = IdentityCache::new(Duration::MAX, 10);
        let alice = caller(1, "a", start());
        cache.put(&alice, start());
        assert!(cache.get(alice.key(), start() + 15 * MINUTE - Duration::from_secs(1)).is_some());
        assert!(cache.get(alice.key(), start() + 15 * MINUTE).is_none());
    }

    #[test]
    fn another_token_and_another_cluster_are_other_callers() {
        let mut cache = IdentityCache::new(MINUTE, 10);
        cache.put(&caller(1, "a", start()), start());
        assert!(cache.get(caller(2, "a", start()).key(), start()).is_none());
        assert!(cache.get(caller(1, "b", start()).key(), start()).is_none());
        assert!(cache.get(caller(1, "a", start() + Duration::from_secs(1)).key(), start()).is_none());
    }

    #[test]
    fn a_clock_that_is_set_back_lengthens_no_life() {
        let mut cache = IdentityCache::new(MINUTE, 10);
        let alice = caller(1, "a", start());
        cache.put(&alice, start());
        assert!(cache.get(alice.key(), start() - Duration::from_secs(1)).is_none());
        assert!(cache.get(alice.key(), start()).is_none());
    }

    #[test]
    fn the_capacity_holds_and_the_oldest_goes_first() {
        let mut cache = IdentityCache::new(MINUTE, 3);
        let callers: Vec<_> = (0..5).map(|number| caller(number, "a", start())).collect();
        for caller in &callers {
            cache.put(caller, start());
            assert!(cache.len() <= 3 && cache.order.len() <= 4);
        }
        let known: Vec<_> = callers.iter().map(|caller| cache.get(caller.key(), start()).is_some()).collect();
        assert_eq!(known, [false, false, true, true, true]);
    }

    #[test]
    fn putting_the_same_caller_again_and_again_does_not_grow() {
        let mut cache = IdentityCache::new(MINUTE, 3);
        let alice = caller(1, "a", start());
        for second in 0..500 {
            cache.put(&alice, start() + Duration::from_secs(second));
            assert!(cache.len() == 1 && cache.order.len() <= 61, "{}", cache.order.len());
        }
        // The newest entry counts, not the ones that it replaced.
        assert!(cache.get(alice.key(), start() + Duration::from_secs(499 + 59)).is_some());
    }

    #[test]
    fn zero_remembers_nobody() {
        for (time_to_live, capacity) in [(Duration::ZERO, 10), (MINUTE, 0)] {
            let mut cache = IdentityCache::new(time_to_live, capacity);
            cache.put(&caller(1, "a", start()), start());
            assert!(cache.is_empty() && cache.order.is_empty());
        }
    }
}
