//! The laws of a lane, in simulated time, driven as a server drives it: nobody looks but those who are woken and those whose
//! time has come.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "simulated time begins somewhere")]

use k8s_aws_auth::identity::{AccessKeyId, EndpointKind, Region, StsEndpoint};
use k8s_aws_auth::protect::{
    Asked, Health, HostId, Hosts, KeyId, KnownKeys, Lane, LaneKind, LaneLimits, Limits, Look, Place, Ticket, TurnedAway,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const REGIONS: [&str; 5] = ["eu-west-1", "eu-west-2", "us-east-1", "us-west-2", "ap-south-1"];

const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn endpoint(region: usize) -> StsEndpoint {
    StsEndpoint::in_region(&Region::parse(REGIONS[region]).unwrap(), EndpointKind::Regional).unwrap()
}

/// A lane in a world of its own.
struct World {
    lane: Lane,
    limits: Limits,
    hosts: Vec<HostId>,
    has_home: bool,
    keys: Vec<KeyId>,
    now: Instant,
    /// Calls under way, with the number of their host.
    running: Vec<(usize, Place)>,
    /// Those who wait: host, key, since when, and until when they sleep if they do.
    waiting: HashMap<Ticket, Waiter>,
    arrivals: u64,
    /// When each host was called.
    calls: Vec<Vec<Instant>>,
}

#[derive(Clone, Copy)]
struct Waiter {
    host: usize,
    key: usize,
    number: u64,
    since: Instant,
    sleeps_until: Option<Instant>,
}

impl World {
    fn new(limits: Limits, has_home: bool) -> Self {
        let home = has_home.then(|| endpoint(0));
        let table = Hosts::new((0..REGIONS.len()).map(endpoint), home.as_ref());
        let hosts = (0..REGIONS.len()).map(|region| table.find(&endpoint(region)).unwrap()).collect();
        let known = KnownKeys::new(1, millis(1));
        let key = |number| known.id(&AccessKeyId::parse(&format!("AKIAIOSFODNN{number:08}")).unwrap());
        Self {
            lane: Lane::new(&table, &limits, LaneKind::Known),
            limits,
            hosts,
            has_home,
            keys: (0..6).map(key).collect(),
            now: Instant::now(),
            running: Vec::new(),
            waiting: HashMap::new(),
            arrivals: 0,
            calls: vec![Vec::new(); REGIONS.len()],
        }
    }

    fn ask(&mut self, host: usize, key: usize) -> Option<TurnedAway> {
        let answer = match self.lane.ask(self.hosts[host], self.keys[key], self.now) {
            Asked::Admitted(place) => {
                assert!(self.waiting.values().all(|waiter| waiter.host != host), "nobody overtakes");
                self.begin(host, place);
                None
            }
            Asked::Queued(ticket) => {
                self.arrivals += 1;
                let waiter = Waiter { host, key, number: self.arrivals, since: self.now, sleeps_until: None };
                self.waiting.insert(ticket, waiter);
                self.look(ticket);
                None
            }
            Asked::TurnedAway(why) => Some(why),
        };
        self.settle();
        answer
    }

    fn begin(&mut self, host: usize, place: Place) {
        self.calls[host].push(self.now);
        self.running.push((host, place));
    }

    fn look(&mut self, ticket: Ticket) {
        let Some(waiter) = self.waiting.get(&ticket).copied() else { return };
        match self.lane.look(ticket, self.now) {
            Look::Admitted(place) => {
                self.waiting.remove(&ticket);
                let ahead = self.waiting.values().filter(|other| other.host == waiter.host);
                // Those who came earlier and are not admitted yet were admitted, too, and look after this one.
                assert!(
                    ahead.filter(|other| other.number < waiter.number).count() + self.running.len()
                        < self.concurrency()
                );
                self.begin(waiter.host, place);
            }
            Look::Waiting { until } => {
                assert!(until.is_none_or(|until| until > self.now), "a time to come");
                self.waiting.get_mut(&ticket).unwrap().sleeps_until = until;
            }
            Look::TurnedAway(why) => {
                self.waiting.remove(&ticket);
                let late = self.now >= waiter.since + self.limits.longest_wait();
                assert!(why == TurnedAway::CircuitOpen || (why == TurnedAway::WaitedTooLong && late), "{why:?}");
            }
        }
    }

    /// Whoever is woken looks.
    fn settle(&mut self) {
        loop {
            let woken: Vec<Ticket> = self.lane.woken().collect();
            if woken.is_empty() {
                break;
            }
            woken.into_iter().for_each(|ticket| self.look(ticket));
        }
        self.check();
    }

    fn finish(&mut self, which: usize, health: Option<Health>, retry: bool) {
        let (host, mut place) = self.running.swap_remove(which);
        if let Some(health) = health {
            self.lane.report(&place, health, self.now);
        }
        if retry && self.lane.again(&mut place, self.now) {
            self.begin(host, place);
        } else {
            self.lane.release(place, self.now);
        }
        self.settle();
    }

    fn leave(&mut self, which: usize) {
        let mut tickets: Vec<_> = self.waiting.iter().map(|(ticket, waiter)| (waiter.number, *ticket)).collect();
        tickets.sort_unstable_by_key(|(number, _)| *number);
        let (_, ticket) = tickets[which];
        self.waiting.remove(&ticket);
        self.lane.leave(ticket, self.now);
        self.settle();
    }

    /// Time passes; who sleeps until then looks.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((ticket, at)) = self
            .waiting
            .iter()
            .filter_map(|(ticket, waiter)| Some((*ticket, waiter.sleeps_until?)))
            .filter(|(_, at)| *at <= end)
            .min_by_key(|(_, at)| *at)
        {
            self.now = at;
            self.look(ticket);
            self.settle();
        }
        self.now = end;
    }

    fn concurrency(&self) -> usize {
        self.limits.known.concurrency.max(4)
    }

    /// What holds at any time.
    fn check(&self) {
        let (running, waiting) = (self.running.len(), self.waiting.len());
        assert_eq!((self.lane.running(), self.lane.waiting()), (running, waiting), "no place is lost or found");
        let hosts_of_waiters = || self.waiting.values().map(|waiter| waiter.host);
        self.check_share(self.concurrency(), &self.running.iter().map(|(host, _)| *host).collect::<Vec<_>>());
        self.check_share(self.limits.known.queue, &hosts_of_waiters().collect::<Vec<_>>());
        for key in 0..self.keys.len() {
            for host in 0..self.hosts.len() {
                let of_key = self.waiting.values().filter(|waiter| (waiter.key, waiter.host) == (key, host)).count();
                assert!(of_key <= self.limits.known.queue.div_ceil(4), "one key has {of_key} places");
            }
        }
        for host in 0..self.hosts.len() {
            let sleepers = self.waiting.values().filter(|waiter| waiter.host == host && waiter.sleeps_until.is_some());
            let waits = hosts_of_waiters().any(|other| other == host);
            assert_eq!(sleepers.count(), usize::from(waits), "one timer a host, where anybody waits");
        }
        for waiter in self.waiting.values() {
            assert!(self.now <= waiter.since + self.limits.longest_wait(), "nobody waits too long");
        }
    }

    fn check_share(&self, places: usize, hosts: &[usize]) {
        let away = if self.has_home { places / 2 } else { places };
        let not_home = hosts.iter().filter(|host| !self.has_home || **host != 0);
        assert!(hosts.len() <= places && not_home.count() <= away, "{} of {places}", hosts.len());
        for host in usize::from(self.has_home)..REGIONS.len() {
            let of_host = hosts.iter().filter(|other| **other == host).count();
            assert!(of_host <= away.div_ceil(2), "host {host} has {of_host} of {places}");
        }
    }

    fn check_rates(&self) {
        let limit = self.limits.known;
        for calls in self.calls.iter().filter(|_| limit.per_second > 0) {
            for (from, first) in calls.iter().enumerate() {
                for (to, last) in calls.iter().enumerate().skip(from) {
                    let most =
                        f64::from(limit.burst.max(1)) + f64::from(limit.per_second) * (*last - *first).as_secs_f64();
                    assert!((to - from + 1) as f64 <= most + 1e-6, "{} in {:?}", to - from + 1, *last - *first);
                }
            }
        }
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    (prop_oneof![Just(0_u32), 1_u32..30], 0_u32..6, 0_usize..24, 0_usize..24, 0_u32..5).prop_map(
        |(per_second, burst, concurrency, queue, failures)| {
            let mut limits = Limits::default();
            limits.known = LaneLimits { per_second, burst, concurrency, queue };
            limits.breaker.failures = failures;
            limits.breaker.open_for = millis(500);
            limits
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_limit_is_exceeded_nobody_is_forgotten_and_no_place_is_lost(
        limits in limits(),
        has_home: bool,
        steps in prop::collection::vec((0_u8..12, 0_usize..5, 0_usize..6, 0_u64..300), 1..250),
    ) {
        let mut world = World::new(limits, has_home);
        for (step, host, key, time) in steps {
            let (running, waiting) = (world.running.len(), world.waiting.len());
            match step {
                0..=5 => drop(world.ask(host, key)),
                6 if running > 0 => world.finish(key % running, Some(Health::Failed), host % 2 == 0),
                7 | 8 if running > 0 => world.finish(key % running, Some(Health::Answered), host == 0),
                9 if running > 0 => world.finish(key % running, None, false),
                10 if waiting > 0 => world.leave(key % waiting),
                _ => world.pass(millis(time)),
            }
        }
        world.check_rates();
        // Whoever still waits is decided about in time, woken or by the one timer of each host.
        world.pass(world.limits.longest_wait());
        prop_assert_eq!(world.waiting.len(), 0);
        while !world.running.is_empty() {
            world.finish(0, None, false);
        }
        world.check_rates();
    }

    #[test]
    fn the_home_host_has_its_half_whatever_goes_on_at_others(
        concurrency in 4_usize..24,
        queue in 0_usize..24,
        steps in prop::collection::vec((0_u8..4, 1_usize..5, 0_usize..6, 0_u64..300), 1..150),
    ) {
        let mut limits = Limits::default();
        limits.known = LaneLimits { per_second: 0, burst: 0, concurrency, queue };
        let mut world = World::new(limits, true);
        for (step, host, key, time) in steps {
            match step {
                0..=2 => drop(world.ask(host, key)),
                _ if !world.running.is_empty() => {
                    let which = key % world.running.len();
                    world.finish(which, Some(Health::Failed), false);
                }
                _ => world.pass(millis(time)),
            }
        }
        for number in 0..concurrency - concurrency / 2 {
            let before = world.running.len();
            prop_assert_eq!(world.ask(0, 0), None);
            prop_assert_eq!(world.running.len(), before + 1, "call {} of the home host", number);
        }
        // As many more as it may have altogether are in force or wait; half of the queue is its own too.
        let free = concurrency - world.running.len();
        for _ in 0..free {
            prop_assert_eq!(world.ask(0, 0), None);
        }
        let mut keys = (0..6).cycle();
        for _ in 0..queue - queue / 2 {
            prop_assert_eq!(world.ask(0, keys.next().unwrap()), None, "a place to wait");
        }
    }
}

/// A lane in which one call at a time is under way at each of the hosts that are not home, and which has no rate limit.
fn narrow(queue: usize, failures: u32) -> World {
    let mut limits = Limits::default();
    limits.known = LaneLimits { per_second: 0, burst: 0, concurrency: 4, queue };
    limits.breaker.failures = failures;
    limits.breaker.open_for = millis(500);
    World::new(limits, true)
}

#[test]
fn an_open_breaker_sends_away_who_waits_and_lets_one_probe_through() {
    let mut world = narrow(16, 1);
    for key in 0..3 {
        assert_eq!(world.ask(1, key), None);
    }
    assert_eq!((world.running.len(), world.waiting.len()), (1, 2));
    world.finish(0, Some(Health::Failed), true);
    assert_eq!((world.running.len(), world.waiting.len()), (0, 0), "nobody waits for a host that fails");
    assert_eq!(world.ask(1, 0), Some(TurnedAway::CircuitOpen));
    assert_eq!(world.ask(2, 0), None, "another host is another matter");
    world.pass(millis(499));
    assert_eq!(world.ask(1, 0), Some(TurnedAway::CircuitOpen));
    world.pass(millis(1));
    assert_eq!(world.ask(1, 0), None, "the probe");
    assert_eq!(world.ask(1, 1), Some(TurnedAway::CircuitOpen), "one at a time");
    // A probe that is given up makes way for the next, at once.
    world.finish(1, None, false);
    assert_eq!(world.ask(1, 1), None);
    world.finish(1, Some(Health::Answered), false);
    assert_eq!((world.ask(1, 2), world.ask(1, 3)), (None, None));
    assert_eq!(world.waiting.len(), 1, "everybody again, and the queue too");
}

#[test]
fn one_access_key_never_fills_a_queue() {
    let mut world = narrow(16, 0);
    assert_eq!(world.ask(0, 0), None);
    let mut turned_away = 0;
    for _ in 0..50 {
        turned_away += usize::from(world.ask(0, 0) == Some(TurnedAway::QueueFull));
    }
    // Three more calls under way, and a quarter of the queue.
    assert_eq!((turned_away, world.waiting.len()), (50 - 3 - 4, 4));
    assert_eq!(world.ask(0, 1), None, "another key has room");
    assert_eq!(world.waiting.len(), 5);
}

#[test]
fn hosts_have_their_turns() {
    let mut limits = Limits::default();
    // Two places for the others altogether, one for each of them.
    limits.known = LaneLimits { per_second: 0, burst: 0, concurrency: 4, queue: 16 };
    let mut world = World::new(limits, true);
    for host in [1, 2, 1, 1, 3, 2] {
        assert_eq!(world.ask(host, 0), None);
    }
    let running = |world: &World| -> Vec<usize> { world.running.iter().map(|(host, _)| *host).collect() };
    assert_eq!((running(&world), world.waiting.len()), (vec![1, 2], 4));
    let mut order = Vec::new();
    while !world.running.is_empty() {
        world.finish(0, Some(Health::Answered), false);
        order.push(running(&world));
    }
    let served: Vec<usize> = order.iter().flatten().copied().collect();
    assert!(served.contains(&3), "the host that waits beside others gets its turn: {order:?}");
    assert_eq!(world.waiting.len(), 0);
}

#[test]
fn a_call_is_made_again_only_where_nobody_has_to_wait_for_it() {
    let mut limits = Limits::default();
    limits.known = LaneLimits { per_second: 1, burst: 2, concurrency: 4, queue: 4 };
    let mut world = World::new(limits, true);
    assert_eq!(world.ask(0, 0), None);
    world.finish(0, Some(Health::Failed), true);
    assert_eq!(world.running.len(), 1, "the second of the burst");
    world.finish(0, Some(Health::Failed), true);
    assert_eq!(world.running.len(), 0, "the rate gives no third");
    world.check_rates();
}
