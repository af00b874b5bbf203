use super::LaneKind;
use k8s_aws_identity::AccessKeyId;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// The access keys by which somebody was let in recently.
///
/// Put in only what belongs to a caller whom STS vouched for *and* whom the mappings let in: whoever has an AWS account of
/// their own makes as many keys that STS knows as they like.
///
/// The last `capacity` keys are there, and none for longer than twice the time that it is to be kept; at most two times
/// `capacity` are held, each in some 16 bytes. Every operation takes constant time.
#[derive(Debug)]
pub struct KnownKeys {
    capacity: usize,
    keep: Duration,
    hasher: RandomState,
    /// Two generations: keys are put into the young one, and the old one is dropped as a whole.
    young: HashSet<KeyId>,
    old: HashSet<KeyId>,
    /// When the young generation began.
    since: Option<Instant>,
}

/// An access key, as a hash under a key that is this process's own: nobody can make up another with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(u64);

impl KnownKeys {
    /// Keeps each key for `keep` after its last login, unless `capacity` others came after it.
    pub fn new(capacity: usize, keep: Duration) -> Self {
        let (young, old) = (HashSet::new(), HashSet::new());
        Self { capacity, keep, hasher: RandomState::new(), young, old, since: None }
    }

    /// What a key is called here.
    pub fn id(&self, key: &AccessKeyId) -> KeyId {
        KeyId(self.hasher.hash_one(key))
    }

    /// The lane of a key.
    pub fn lane(&self, key: KeyId, now: Instant) -> LaneKind {
        let age = self.since.map_or(Duration::MAX, |since| now.saturating_duration_since(since));
        let young = age < self.keep.saturating_mul(2) && self.young.contains(&key);
        let old = age < self.keep && self.old.contains(&key);
        if young || old { LaneKind::Known } else { LaneKind::Unknown }
    }

    /// Somebody was let in by this key.
    pub fn insert(&mut self, key: KeyId, now: Instant) {
        if self.capacity == 0 {
            return;
        }
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= self.keep.saturating_mul(2) {
            self.young.clear();
            self.old.clear();
            self.since = Some(now);
        } else if age >= self.keep {
            // As if it had been noticed at once.
            self.old = std::mem::take(&mut self.young);
            self.since = since.checked_add(self.keep);
        }
        if self.young.len() >= self.capacity && !self.young.contains(&key) {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
        self.young.insert(key);
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
