use crate::{Instance, InstanceId};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Instances that EC2 told of a while ago, or told that it does not know.
///
/// Holds at most `capacity` of them; the oldest goes first. Every operation takes constant time.
#[derive(Debug)]
pub(super) struct Names {
    time_to_live: Duration,
    capacity: usize,
    by_id: HashMap<InstanceId, Entry>,
    /// In the order of insertion, which is that in which they end.
    order: VecDeque<(u64, InstanceId)>,
    inserted: u64,
}

#[derive(Debug)]
struct Entry {
    instance: Option<Instance>,
    /// When it was told.
    since: Instant,
    number: u64,
}

impl Names {
    pub(super) fn new(time_to_live: Duration, capacity: usize) -> Self {
        Self { time_to_live, capacity, by_id: HashMap::new(), order: VecDeque::new(), inserted: 0 }
    }

    pub(super) fn get(&self, id: &InstanceId, now: Instant) -> Option<Option<Instance>> {
        self.by_id.get(id).filter(|entry| self.counts(entry, now)).map(|entry| entry.instance.clone())
    }

    pub(super) fn put(&mut self, id: &InstanceId, instance: Option<Instance>, now: Instant) {
        if self.capacity == 0 || self.time_to_live.is_zero() {
            return;
        }
        self.inserted += 1;
        let entry = Entry { instance, since: now, number: self.inserted };
        self.order.push_back((entry.number, id.clone()));
        self.by_id.insert(id.clone(), entry);
        while let Some((number, id)) = self.order.front() {
            // An entry that was replaced has left its place in the order behind.
            let current = self.by_id.get(id).filter(|entry| entry.number == *number);
            if current.is_some_and(|entry| self.counts(entry, now)) && self.by_id.len() <= self.capacity {
                break;
            }
            if current.is_some() {
                self.by_id.remove(id);
            }
            self.order.pop_front();
        }
    }

    fn counts(&self, entry: &Entry, now: Instant) -> bool {
        now.saturating_duration_since(entry.since) < self.time_to_live
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "an instant to start from")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(number: u32) -> InstanceId {
        InstanceId::parse(&format!("i-{number:08x}")).unwrap()
    }

    #[test]
    fn an_entry_ends_with_its_time() {
        let (mut names, start) = (Names::new(2 * SECOND, 10), Instant::now());
        names.put(&id(1), None, start);
        assert_eq!(names.get(&id(1), start), Some(None));
        assert_eq!(names.get(&id(1), start + 2 * SECOND - Duration::from_nanos(1)), Some(None));
        assert_eq!(names.get(&id(1), start + 2 * SECOND), None);
        assert_eq!(names.get(&id(2), start), None);
    }

    #[test]
    fn the_capacity_holds_and_the_oldest_goes_first() {
        let (mut names, start) = (Names::new(3600 * SECOND, 3), Instant::now());
        for number in 0..100 {
            names.put(&id(number), None, start);
            names.put(&id(number), None, start);
            assert!(names.by_id.len() <= 3 && names.order.len() <= 6);
        }
        let known: Vec<u32> = (0..100).filter(|number| names.get(&id(*number), start).is_some()).collect();
        assert_eq!(known, [97, 98, 99]);
        // What has ended goes when another comes.
        names.put(&id(200), None, start + 3600 * SECOND);
        assert_eq!((names.by_id.len(), names.order.len()), (1, 1));
    }

    #[test]
    fn zero_remembers_nothing() {
        for (time_to_live, capacity) in [(Duration::ZERO, 10), (SECOND, 0)] {
            let mut names = Names::new(time_to_live, capacity);
            names.put(&id(1), None, Instant::now());
            assert!(names.by_id.is_empty() && names.order.is_empty());
        }
    }
}
