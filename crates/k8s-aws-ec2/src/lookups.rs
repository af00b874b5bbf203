//! When EC2 is asked, and about which instances at once: pure state, with `now` as an argument.

mod bucket;
mod names;

use crate::{Ec2Error, ErrorClass, Instance, InstanceId, MAX_INSTANCES, Progress, Query, TransportFailure};
use bucket::Bucket;
use names::Names;
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// A batch that is not full waits until this long after the batch before it…
const SPACING: Duration = Duration::from_millis(200);

/// …or until no instance came for this long, whichever is sooner.
const LULL: Duration = Duration::from_millis(50);

/// How long it is remembered that an instance is not known, or has no name. EC2 tells both of new ones, some seconds late.
const NEGATIVE_TTL: Duration = Duration::from_secs(2);

/// How many such instances are remembered.
const MAX_UNNAMED: usize = 1024;

/// How often a call is made again after a failure.
const MAX_RETRIES: u32 = 3;

/// The longest that a call waits before it is made again.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// How much EC2 is asked, and how much is remembered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LookupLimits {
    /// Calls of `DescribeInstances` a second, pages and retries included; 0 is no limit. Default: 15, the Go program's.
    pub calls_per_second: u32,
    /// How many calls may be made at once after a quiet time; 0 counts as 1. Default: 5, the Go program's.
    pub burst: u32,
    /// How many calls may be under way; 0 counts as 1. Default: 8.
    pub calls_at_once: usize,
    /// How many instances may wait for a call. Default: 10,000.
    pub max_waiting: usize,
    /// How many instances are remembered with their names, about 300 bytes each; the oldest goes first. Default: 10,000.
    pub max_names: usize,
    /// How long a name is remembered. It does not change while the instance lives. Default: one hour.
    pub name_ttl: Duration,
    /// How long after an instance was asked about a call may be made again. Default: 5 s.
    pub retry_budget: Duration,
}

impl Default for LookupLimits {
    fn default() -> Self {
        Self {
            calls_per_second: 15,
            burst: 5,
            calls_at_once: 8,
            max_waiting: 10_000,
            max_names: 10_000,
            name_ttl: Duration::from_secs(60 * 60),
            retry_budget: Duration::from_secs(5),
        }
    }
}

/// What is known of an instance: nothing where EC2 knows no such instance, or not yet.
pub type LookupAnswer = Result<Option<Instance>, Ec2Error>;

/// Look-ups of many instances by few calls, for one endpoint.
///
/// Whoever owns it tells what happened, does what [`next`](Self::next) says, and keeps those who wait. Nothing here polls:
/// while nobody waits, there is nothing to do and no time to do it at.
///
/// * **An instance is asked about once** by all who want to know at the same time, and then remembered: for
///   [`LookupLimits::name_ttl`] with a name, for 2 s without one, and not at all after an error. What is remembered is the
///   instance with its owner; whose it may be is for the caller to compare, each time.
/// * **When a batch goes**: at once where none went within the last 200 ms, so that a single login waits for nothing; at once
///   with 200 instances; otherwise when none came for 50 ms, at the latest 200 ms after the batch before. A storm of any size
///   so takes its number of full batches, and few more: one for its first instance, one for its end, and one for each lull.
/// * **The limiter is on calls**: the next page and the next attempt count as the first one does. While it holds batches up
///   they fill.
/// * **A failure that may pass** is met with another attempt, later and later, with jitter. An answer that is too long is asked
///   for in two halves. Every other failure is that of everyone in the batch.
#[derive(Debug)]
pub struct Lookups {
    limits: LookupLimits,
    bucket: Bucket,
    named: Names,
    unnamed: Names,
    /// Those that wait for a call, and since when; in the order in which they came.
    queue: VecDeque<(InstanceId, Instant)>,
    /// Those that wait, for a call or for its end.
    waiting: HashSet<InstanceId>,
    /// Calls that go on: next pages, other attempts, halves; and from when on.
    due: VecDeque<(Instant, LookupCall)>,
    under_way: usize,
    last_batch: Option<Instant>,
    last_came: Option<Instant>,
}

/// What is to be done now.
#[derive(Debug)]
#[must_use]
pub enum NextCall {
    /// Send this call's request, and tell [`Lookups::finish`] what came of it.
    Send(LookupCall),
    /// Ask again after this time, or after anything else happened.
    Wait(Duration),
    /// Ask again after anything happened.
    Idle,
}

/// A call that is to be made.
#[derive(Debug)]
pub struct LookupCall {
    query: Query,
    attempt: u32,
    /// Since when the first of its instances has waited.
    since: Instant,
}

impl LookupCall {
    /// What is asked.
    pub fn query(&self) -> &Query {
        &self.query
    }
}

impl Lookups {
    /// Nobody waits and nothing is known.
    pub fn new(limits: LookupLimits) -> Self {
        Self {
            bucket: Bucket::new(limits.calls_per_second, limits.burst),
            named: Names::new(limits.name_ttl, limits.max_names),
            unnamed: Names::new(NEGATIVE_TTL, MAX_UNNAMED),
            queue: VecDeque::new(),
            waiting: HashSet::new(),
            due: VecDeque::new(),
            under_way: 0,
            last_batch: None,
            last_came: None,
            limits,
        }
    }

    /// Asks about an instance: what is remembered, or nothing where its answer will come out of [`finish`](Self::finish).
    ///
    /// [`TransportFailure::NotAsked`] where too many wait already.
    pub fn ask(&mut self, id: &InstanceId, now: Instant) -> Option<LookupAnswer> {
        if let Some(remembered) = self.named.get(id, now).or_else(|| self.unnamed.get(id, now)) {
            return Some(Ok(remembered));
        }
        if self.waiting.contains(id) {
            return None;
        }
        if self.queue.len() >= self.limits.max_waiting {
            return Some(Err(Ec2Error::Transport { failure: TransportFailure::NotAsked }));
        }
        self.waiting.insert(id.clone());
        self.queue.push_back((id.clone(), now));
        self.last_came = Some(now);
        None
    }

    /// What is to be done now. `wanted` says of an instance whether anybody still waits for it: about others nobody is asked.
    pub fn next(&mut self, now: Instant, mut wanted: impl FnMut(&InstanceId) -> bool) -> NextCall {
        loop {
            if self.under_way >= self.limits.calls_at_once.max(1) {
                return NextCall::Idle;
            }
            let due = self.due.iter().enumerate().min_by_key(|(_, (at, _))| *at).map(|(place, (at, _))| (place, *at));
            let times = [due.map(|(_, at)| at), self.batch_time()];
            let Some(at) = times.into_iter().flatten().min() else {
                return NextCall::Idle;
            };
            let wait = at.saturating_duration_since(now).max(self.bucket.wait(now));
            if !wait.is_zero() {
                return NextCall::Wait(wait);
            }
            let call = match due.filter(|(_, at)| *at <= now) {
                Some((place, _)) => self.due.remove(place).map(|(_, call)| call),
                None => self.batch(now, &mut wanted),
            };
            // Of a batch that nobody wants any more nothing is left.
            if let Some(call) = call {
                self.bucket.take(now);
                self.under_way += 1;
                return NextCall::Send(call);
            }
        }
    }

    /// Tells what came of a call, and gives the answers to those who wait. `random` is any number, for the jitter.
    pub fn finish(
        &mut self,
        call: LookupCall,
        result: Result<Progress, Ec2Error>,
        now: Instant,
        random: u32,
    ) -> Vec<(InstanceId, LookupAnswer)> {
        self.under_way = self.under_way.saturating_sub(1);
        let since = call.since;
        let error = match result {
            Ok(Progress::Done(instances)) => {
                let answers = instances.iter().map(|(id, instance)| (id.clone(), Ok(instance.cloned()))).collect();
                return self.settle(answers, now);
            }
            Ok(Progress::NextPage(query)) => {
                self.due.push_back((now, LookupCall { query, attempt: 0, since }));
                return Vec::new();
            }
            Err(error) => error,
        };
        if is_too_long(&error)
            && let Some(halves) = call.query.halves()
        {
            self.due.extend(halves.map(|query| (now, LookupCall { query, attempt: 0, since })));
            return Vec::new();
        }
        let again = later(now, backoff(&error, call.attempt, random));
        let may_pass = error.class().is_retryable() && call.attempt < MAX_RETRIES;
        if may_pass && again.saturating_duration_since(since) < self.limits.retry_budget {
            self.due.push_back((again, LookupCall { attempt: call.attempt + 1, ..call }));
            return Vec::new();
        }
        self.settle(call.query.ids().iter().map(|id| (id.clone(), Err(error.clone()))).collect(), now)
    }

    /// How many instances are waited for.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many calls are under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    fn settle(&mut self, answers: Vec<(InstanceId, LookupAnswer)>, now: Instant) -> Vec<(InstanceId, LookupAnswer)> {
        for (id, answer) in &answers {
            self.waiting.remove(id);
            if let Ok(instance) = answer {
                let has_name = instance.as_ref().is_some_and(|instance| !instance.private_dns_name().is_empty());
                let names = if has_name { &mut self.named } else { &mut self.unnamed };
                names.put(id, instance.clone(), now);
            }
        }
        answers
    }

    /// From when on a batch may go; nothing where nobody waits for one.
    fn batch_time(&self) -> Option<Instant> {
        let (_, since) = self.queue.front()?;
        match (self.last_batch, self.last_came) {
            (Some(last), Some(came)) if self.queue.len() < MAX_INSTANCES && *since < later(last, SPACING) => {
                Some(later(last, SPACING).min(later(came, LULL)))
            }
            _ => Some(*since),
        }
    }

    fn batch(&mut self, now: Instant, wanted: &mut impl FnMut(&InstanceId) -> bool) -> Option<LookupCall> {
        let (mut ids, mut oldest) = (Vec::new(), now);
        while ids.len() < MAX_INSTANCES
            && let Some((id, since)) = self.queue.pop_front()
        {
            if wanted(&id) {
                oldest = oldest.min(since);
                ids.push(id);
            } else {
                self.waiting.remove(&id);
            }
        }
        let query = Query::new(ids).ok()?;
        self.last_batch = Some(now);
        Some(LookupCall { query, attempt: 0, since: oldest })
    }
}

/// At the end of all time there is no later.
fn later(time: Instant, by: Duration) -> Instant {
    time.checked_add(by).unwrap_or(time)
}

fn is_too_long(error: &Ec2Error) -> bool {
    matches!(error, Ec2Error::AnswerTooLong | Ec2Error::Transport { failure: TransportFailure::AnswerTooLong })
}

/// Longer with each attempt, longer where EC2 asks for it, and in the upper half anywhere.
fn backoff(error: &Ec2Error, attempt: u32, random: u32) -> Duration {
    let base = if error.class() == ErrorClass::Throttled { 400 } else { 100 };
    let longest = Duration::from_millis(base << attempt.min(8)).min(MAX_BACKOFF);
    longest / 2 + (longest / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}
