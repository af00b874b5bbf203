//! Everyone who waits gets the answer about their own instance, by few calls, and no limit is exceeded: simulated, second by
//! second, with instances that come whenever they like.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "an instant to start from; time itself is simulated")]

use k8s_aws_ec2::{
    Ec2Error, InstanceId, LookupAnswer, LookupCall, LookupLimits, Lookups, NextCall, Progress, Query, TransportFailure,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

/// The same for the whole process.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn id(number: u32) -> InstanceId {
    InstanceId::parse(&format!("i-{number:08x}")).unwrap()
}

/// What EC2 says of these instances: those whose number is divisible by seven it does not know, those divisible by five have
/// no name.
fn page(query: &Query) -> Result<Progress, Ec2Error> {
    let item = |id: &InstanceId| match number(id) {
        n if n.is_multiple_of(7) => String::new(),
        n if n.is_multiple_of(5) => format!("<item><instanceId>{id}</instanceId><privateDnsName/></item>"),
        n => format!("<item><instanceId>{id}</instanceId><privateDnsName>ip-{n}</privateDnsName></item>"),
    };
    let items: String = query.ids().iter().map(item).collect();
    let body = format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet><item>\
         <ownerId>111122223333</ownerId><instancesSet>{items}</instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    );
    query.read(&http::Response::builder().header("content-type", "text/xml").body(body).unwrap())
}

fn number(id: &InstanceId) -> u32 {
    u32::from_str_radix(&id.as_str()[2..], 16).unwrap()
}

#[track_caller]
fn assert_truth(id: &InstanceId, answer: &LookupAnswer) {
    let told = answer.as_ref().unwrap().as_ref().map(|instance| instance.private_dns_name().to_owned());
    let truth = match number(id) {
        n if n.is_multiple_of(7) => None,
        n if n.is_multiple_of(5) => Some(String::new()),
        n => Some(format!("ip-{n}")),
    };
    assert_eq!(told, truth, "{id}");
}

fn throttled() -> Ec2Error {
    Ec2Error::Throttled { status: 503, code: Some("RequestLimitExceeded") }
}

/// Which calls fail, and how.
type Fails = dyn FnMut(&LookupCall) -> Option<Ec2Error>;

/// EC2 and those who ask, in simulated time.
struct World {
    lookups: Lookups,
    now: Instant,
    under_way: Vec<(Instant, LookupCall)>,
    waiting: BTreeMap<InstanceId, usize>,
    answered: usize,
    /// When each call was made, and about how many instances.
    calls: Vec<(Instant, usize)>,
    call_takes: Duration,
    fails: Box<Fails>,
}

impl World {
    fn new(limits: LookupLimits, call_takes: Duration) -> Self {
        Self {
            lookups: Lookups::new(limits),
            now: start(),
            under_way: Vec::new(),
            waiting: BTreeMap::new(),
            answered: 0,
            calls: Vec::new(),
            call_takes,
            fails: Box::new(|_| None),
        }
    }

    fn ask(&mut self, id: &InstanceId) {
        match self.lookups.ask(id, self.now) {
            Some(answer) => {
                assert_truth(id, &answer);
                self.answered += 1;
            }
            None => *self.waiting.entry(id.clone()).or_default() += 1,
        }
        self.send();
    }

    fn send(&mut self) -> Option<Duration> {
        loop {
            match self.lookups.next(self.now, |_| true) {
                NextCall::Send(call) => {
                    self.calls.push((self.now, call.query().ids().len()));
                    self.under_way.push((self.now + self.call_takes, call));
                }
                NextCall::Wait(time) => {
                    assert!(!time.is_zero());
                    return Some(time);
                }
                NextCall::Idle => return None,
            }
        }
    }

    /// Goes on until `until`, or until nothing is left to do.
    fn run(&mut self, until: Option<Instant>) {
        loop {
            let wake = self.send().map(|time| self.now + time);
            let ends = self.under_way.iter().map(|(at, _)| *at).min();
            let next = [wake, ends].into_iter().flatten().min();
            match (next, until) {
                (None, None) => return,
                (None, Some(until)) => return self.now = until,
                (Some(next), Some(until)) if next > until => return self.now = until,
                (Some(next), _) => self.now = next,
            }
            let now = self.now;
            for (_, call) in self.under_way.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
                let result = (self.fails)(&call).map_or_else(|| page(call.query()), Err);
                for (id, answer) in self.lookups.finish(call, result, now, 0x8000_0000) {
                    assert_truth(&id, &answer);
                    self.answered += self.waiting.remove(&id).expect("somebody waits for it");
                }
            }
        }
    }
}

/// At most `burst + t × rate` calls in any time `t`.
fn assert_limited(calls: &[(Instant, usize)], rate: u32, burst: u32) {
    for (first, (from, _)) in calls.iter().enumerate() {
        for (more, (to, _)) in calls[first..].iter().enumerate() {
            let most = f64::from(burst) + to.duration_since(*from).as_secs_f64() * f64::from(rate);
            assert!((more + 1) as f64 <= most + 1e-6, "{} calls, {most} allowed", more + 1);
        }
    }
}

proptest! {
    #[test]
    fn everyone_gets_the_answer_about_their_instance_within_the_limits(
        arrivals in prop::collection::vec((0_u64..120, 0_u32..400), 1..600),
        call_takes in 1_u64..900,
        rate in 1_u32..40,
        burst in 1_u32..8,
        at_once in 1_usize..6,
    ) {
        let mut limits = LookupLimits::default();
        (limits.calls_per_second, limits.burst, limits.calls_at_once) = (rate, burst, at_once);
        let mut world = World::new(limits, MILLI * u32::try_from(call_takes).unwrap());
        let mut lulls = 0;
        for (gap, number) in &arrivals {
            // Most come close together.
            let gap = if *gap < 100 { 0 } else { *gap };
            lulls += usize::from(gap > 0);
            world.run(Some(world.now + MILLI * u32::try_from(gap).unwrap()));
            world.ask(&id(*number));
            prop_assert!(world.lookups.under_way() <= at_once);
        }
        world.run(None);
        prop_assert_eq!(world.answered, arrivals.len());
        prop_assert!(world.waiting.is_empty() && world.lookups.waiting() == 0 && world.lookups.under_way() == 0);
        assert_limited(&world.calls, rate, burst);
        // Nobody waits: nothing is to be done, and no time is waited for.
        prop_assert!(matches!(world.lookups.next(world.now, |_| true), NextCall::Idle));
        // A batch goes full, or spaced, or after a lull; or as the first, or as the last.
        let took = world.now.duration_since(start()).as_millis() as usize;
        let full = world.calls.iter().filter(|(_, ids)| *ids == 200).count();
        prop_assert!(world.calls.len() - full <= 2 + lulls + took / 200);
    }
}

#[test]
fn a_storm_of_five_thousand_takes_at_most_thirty_calls() {
    // Between 1,500 and 20,000 logins a second, at an EC2 that is near and at one that is slow.
    for gap_micros in [660, 200, 100, 50] {
        for call_takes in [20, 150, 600] {
            let mut limits = LookupLimits::default();
            (limits.calls_per_second, limits.burst) = (1000, 1000);
            let mut world = World::new(limits, MILLI * call_takes);
            for number in 1..=5000 {
                world.run(Some(world.now + Duration::from_micros(gap_micros)));
                world.ask(&id(number));
            }
            let last_came = world.now;
            world.run(None);
            assert_eq!(world.answered, 5000);
            assert!(world.calls.len() <= 30, "{} calls at a gap of {gap_micros} µs", world.calls.len());
            let after = world.now.duration_since(last_came);
            assert!(after <= MILLI * (50 + 4 * call_takes), "{after:?} at a gap of {gap_micros} µs");
        }
    }
}

#[test]
fn a_storm_at_the_default_limits_fills_its_batches() {
    let mut world = World::new(LookupLimits::default(), MILLI * 150);
    for number in 1..=5000 {
        world.ask(&id(number));
    }
    world.run(None);
    assert_eq!((world.answered, world.calls.len()), (5000, 26));
    assert_limited(&world.calls, 15, 5);
}

#[test]
fn one_login_waits_for_nothing_and_the_next_one_for_little() {
    let mut world = World::new(LookupLimits::default(), MILLI * 100);
    world.ask(&id(1));
    assert_eq!(world.calls, [(start(), 1)]);
    // While the first is under way a second and a third come; nobody follows them.
    world.run(Some(start() + MILLI * 10));
    world.ask(&id(2));
    world.run(Some(start() + MILLI * 20));
    world.ask(&id(3));
    world.run(None);
    assert_eq!(world.calls[1..], [(start() + MILLI * 70, 2)]);
    // A call that does not end holds up nobody.
    world.call_takes = MILLI * 60_000;
    world.now += MILLI * 1000;
    let now = world.now;
    world.ask(&id(4));
    world.run(Some(now + MILLI * 500));
    world.ask(&id(6));
    assert_eq!(world.calls[2..], [(now, 1), (now + MILLI * 500, 1)]);
}

#[test]
fn names_are_remembered_and_what_has_none_only_for_a_moment() {
    let mut world = World::new(LookupLimits::default(), MILLI);
    // A name, an empty one, none at all.
    for (number, ttl) in [(1, 3600), (5, 2), (7, 2)] {
        world.ask(&id(number));
        world.run(None);
        let (told, calls) = (world.now, world.calls.len());
        world.now = told + Duration::from_secs(ttl) - MILLI;
        world.ask(&id(number));
        assert_eq!(world.calls.len(), calls, "{number} is remembered");
        world.now = told + Duration::from_secs(ttl);
        world.ask(&id(number));
        world.run(None);
        assert_eq!(world.calls.len(), calls + 1, "{number} is not remembered any more");
    }
}

#[test]
fn a_failure_that_may_pass_is_met_with_other_attempts_inside_the_budget() {
    let mut world = World::new(LookupLimits::default(), MILLI * 10);
    let mut left = 2;
    world.fails = Box::new(move |_| {
        (left > 0).then(|| {
            left -= 1;
            throttled()
        })
    });
    world.ask(&id(1));
    world.run(None);
    assert_eq!((world.answered, world.calls.len()), (1, 3));
    let gaps: Vec<_> = world.calls.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    assert!(gaps[0] > MILLI * 200 && gaps[0] < gaps[1], "{gaps:?}");
}

/// What comes of a single call.
fn fate(lookups: &mut Lookups, error: &Ec2Error) -> (usize, Vec<(InstanceId, LookupAnswer)>) {
    let (mut now, mut calls) = (start(), 0);
    assert!(lookups.ask(&id(1), now).is_none());
    loop {
        match lookups.next(now, |_| true) {
            NextCall::Send(call) => {
                calls += 1;
                let answers = lookups.finish(call, Err(error.clone()), now, u32::MAX);
                if !answers.is_empty() {
                    return (calls, answers);
                }
            }
            NextCall::Wait(time) => now += time,
            NextCall::Idle => panic!("nobody was answered"),
        }
    }
}

#[test]
fn a_failure_that_does_not_pass_is_everybodys_and_is_not_remembered() {
    let unauthorized = Ec2Error::Unauthorized { status: 403, code: "UnauthorizedOperation" };
    let unreachable = Ec2Error::Transport { failure: TransportFailure::Unreachable };
    let mut impatient = LookupLimits::default();
    impatient.retry_budget = MILLI;
    for (limits, error, calls) in [
        (LookupLimits::default(), unauthorized, 1),
        (LookupLimits::default(), Ec2Error::AnswerTooLong, 1),
        (LookupLimits::default(), throttled(), 4),
        (LookupLimits::default(), unreachable.clone(), 4),
        (impatient, unreachable, 1),
    ] {
        let mut lookups = Lookups::new(limits);
        assert_eq!(fate(&mut lookups, &error), (calls, vec![(id(1), Err(error.clone()))]));
        assert_eq!(lookups.waiting(), 0);
        assert!(lookups.ask(&id(1), start() + MILLI * 10_000).is_none(), "asked again");
    }
}

#[test]
fn an_answer_that_is_too_long_is_asked_for_in_halves() {
    let mut limits = LookupLimits::default();
    limits.calls_per_second = 0;
    let mut world = World::new(limits, MILLI);
    world.fails = Box::new(|call| (call.query().ids().len() > 60).then_some(Ec2Error::AnswerTooLong));
    for number in 1..=201 {
        world.ask(&id(number));
    }
    world.run(None);
    assert_eq!(world.answered, 201);
    let sizes: Vec<_> = world.calls.iter().map(|(_, ids)| *ids).collect();
    assert_eq!(sizes, [1, 200, 100, 100, 50, 50, 50, 50]);
}

#[test]
fn nobody_is_asked_about_an_instance_that_nobody_waits_for() {
    let mut lookups = Lookups::new(LookupLimits::default());
    for number in 1..=3 {
        assert!(lookups.ask(&id(number), start()).is_none());
    }
    let NextCall::Send(call) = lookups.next(start(), |wanted| *wanted != id(2)) else { panic!("a call") };
    assert_eq!(call.query().ids(), [id(1), id(3)]);
    assert_eq!(lookups.waiting(), 2);
    assert!(lookups.ask(&id(2), start()).is_none(), "it may be asked about again");
    let NextCall::Wait(time) = lookups.next(start(), |_| false) else { panic!("a wait") };
    assert!(matches!(lookups.next(start() + time, |_| false), NextCall::Idle));
}

#[test]
fn no_more_wait_than_may_and_the_others_are_told_at_once() {
    let mut limits = LookupLimits::default();
    limits.max_waiting = 3;
    let mut lookups = Lookups::new(limits);
    let refused: HashSet<u32> = (0..5).filter(|number| lookups.ask(&id(*number), start()).is_some()).collect();
    assert_eq!(refused, HashSet::from([3, 4]));
    let failure = TransportFailure::NotAsked;
    assert_eq!(lookups.ask(&id(9), start()), Some(Err(Ec2Error::Transport { failure })));
    assert!(lookups.ask(&id(1), start()).is_none(), "who waits already may be joined");
}
