//! STS's protection as a server has it, in simulated time: rubbish and dead hosts on the one side, callers on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{Request, Response, header::CONTENT_TYPE};
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
use k8s_aws_auth::protect::LaneLimits;
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, TransportFailure, Verifier};
use k8s_aws_auth::{Authenticator, Event, Observer, Outcome};
use k8s_aws_auth_tower::{Driver, Limits, Sleep, Timer};
use serde_json::json;
use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};
use tower_service::Service;

const HOME: &str = "eu-west-1";
const DEAD: &str = "us-west-2";
const ALICE: &str = "AKIAALICE";
const BOB: &str = "AKIABOB00";
const RUBBISH: &str = "AKIARUBBI";

const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

// ---- what the driver is given ----

/// What a host does with a call.
#[derive(Clone, Copy, Debug)]
enum Host {
    /// Knows Alice and Bob, and rejects everybody else.
    Answers,
    Status(u16),
    Throttles,
    Fails(TransportFailure),
    /// Never answers, and the transport has no limit of its own.
    Silent,
}

/// STS: what its hosts do, and what they were asked.
#[derive(Clone, Default)]
struct Sts(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    /// By region; a host with nothing here answers after 50 ms.
    now: HashMap<&'static str, Host>,
    /// What the next calls come to before that.
    next: Vec<Host>,
    calls: Vec<(String, Instant)>,
    under_way: usize,
    most_under_way: usize,
}

#[derive(Clone, Copy, Debug)]
struct Gone(TransportFailure);

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

/// A call under way, however it ends.
struct UnderWay(Sts);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().under_way -= 1;
    }
}

impl Sts {
    fn set(&self, region: &'static str, host: Host) {
        self.0.lock().unwrap().now.insert(region, host);
    }

    fn next(&self, hosts: &[Host]) {
        self.0.lock().unwrap().next = hosts.iter().rev().copied().collect();
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().calls.len()
    }

    /// When those were asked about whose keys begin so.
    fn calls_of(&self, keys: &str) -> Vec<Instant> {
        let world = self.0.lock().unwrap();
        world.calls.iter().filter(|(uri, _)| uri.contains(keys)).map(|(_, at)| *at).collect()
    }
}

impl Service<Request<Bytes>> for Sts {
    type Response = Response<Bytes>;
    type Error = Gone;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Gone>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let uri = request.uri().to_string();
        let mut world = self.0.lock().unwrap();
        let at_region = world.now.iter().find(|(region, _)| uri.contains(**region)).map(|(_, host)| *host);
        let host = world.next.pop().or(at_region).unwrap_or(Host::Answers);
        world.calls.push((uri.clone(), Instant::now()));
        world.under_way += 1;
        world.most_under_way = world.most_under_way.max(world.under_way);
        let under_way = UnderWay(self.clone());
        Box::pin(async move {
            let _under_way = under_way;
            match host {
                Host::Silent => pending().await,
                _ => sleep(millis(50)).await,
            }
            match host {
                Host::Fails(failure) => Err(Gone(failure)),
                Host::Status(status) => Ok(page(status, &json!({"Error": {"Code": "Broken", "Message": "m"}}))),
                Host::Throttles => Ok(page(400, &json!({"Error": {"Code": "Throttling", "Message": "m"}}))),
                Host::Silent | Host::Answers => Ok(answer(&uri)),
            }
        })
    }
}

fn page(status: u16, body: &serde_json::Value) -> Response<Bytes> {
    let builder = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    builder.body(body.to_string().into()).unwrap()
}

fn answer(uri: &str) -> Response<Bytes> {
    let name = match () {
        () if uri.contains(ALICE) => "alice",
        () if uri.contains(BOB) => "bob",
        () => return page(403, &json!({"Error": {"Code": "InvalidClientTokenId", "Message": "m"}})),
    };
    let arn = format!("arn:aws:iam::123456789012:user/{name}");
    let result = json!({"Account": "123456789012", "Arn": arn, "UserId": "AIDAIOSFODNN7EXAMPLE"});
    page(200, &json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}))
}

/// Simulated time, and how many wait for it.
#[derive(Clone, Default)]
struct Simulated(Arc<AtomicUsize>);

struct Counted<F>(F, Arc<AtomicUsize>);

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<F> Drop for Counted<F> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Timer for Simulated {
    fn sleep(&self, time: Duration) -> Sleep {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(Counted(Box::pin(sleep(time)), self.0.clone()))
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// Writes down in short what it saw of STS.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Observer for Seen {
    fn observe(&self, event: Event<'_>) {
        let region = |endpoint: &StsEndpoint| endpoint.region().to_string();
        self.0.lock().unwrap().push(match event {
            Event::StsAnswered { status, .. } => format!("answered {status}"),
            Event::StsThrottled { .. } => "throttled".to_owned(),
            Event::StsFailed { failure, .. } => format!("failed {failure:?}"),
            Event::StsTurnedAway { endpoint, lane, why } => {
                format!("turned away from {}, {}: {}", region(endpoint), lane.as_str(), why.reason())
            }
            Event::StsRetried { retry, .. } => format!("retry {retry}"),
            Event::StsCircuit { endpoint, lane, turn } => {
                format!("{turn:?} {} for {}", region(endpoint), lane.as_str())
            }
            _ => return,
        });
    }
}

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A driver, and everything around it.
struct Bench {
    driver: Driver<Sts>,
    sts: Sts,
    seen: Seen,
    timer: Simulated,
    tokens: AtomicUsize,
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

fn endpoint(region: &str) -> StsEndpoint {
    StsEndpoint::in_region(&Region::parse(region).unwrap(), EndpointKind::Regional).unwrap()
}

fn cluster() -> ClusterId {
    ClusterId::parse("prod").unwrap()
}

/// Limits that are reached soon.
fn tight() -> Limits {
    let mut limits = Limits::default();
    limits.home = Some(endpoint(HOME));
    limits.unknown = LaneLimits { per_second: 20, burst: 10, concurrency: 4, queue: 8 };
    limits
}

fn bench(limits: Limits) -> Bench {
    let (sts, seen, timer) = (Sts::default(), Seen::default(), Simulated::default());
    let mappings = "server:\n  mapUsers:\n  - {userarn: 'arn:aws:iam::123456789012:user/alice', username: alice}\n";
    let document = ServerConfig::parse(mappings).document;
    let snapshot = Snapshot::new([Backend::synced(BackendMode::MountedFile, document)], Options::default());
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let driver = Driver::builder(authenticator, sts.clone(), move || snapshot.clone())
        .clock(now)
        .observer(seen.clone())
        .failures(|gone| gone.0)
        .protection(limits, timer.clone(), || 7)
        .build();
    Bench { driver, sts, seen, timer, tokens: AtomicUsize::new(0) }
}

impl Bench {
    /// A token that nobody has shown before, of one of somebody's keys.
    fn token(&self, whose: &str, key: usize, region: &str) -> String {
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let keys = Credentials::new(format!("{whose}{key:07}"), format!("secret {number}"), None, None, "test");
        presign(&keys, &endpoint(region), &cluster(), now()).unwrap().text().expose().to_owned()
    }

    fn log_in(&self, whose: &str, key: usize, region: &str) -> JoinHandle<Arc<Outcome>> {
        self.show(self.token(whose, key, region))
    }

    fn show(&self, token: String) -> JoinHandle<Arc<Outcome>> {
        let driver = self.driver.clone();
        tokio::spawn(async move { driver.authenticate(&token, &cluster()).await })
    }

    async fn reason(&self, whose: &str, key: usize, region: &str) -> &'static str {
        self.log_in(whose, key, region).await.unwrap().reason()
    }
}

/// Lets everybody go as far as they can without time passing.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// A denial, which an API server would remember.
fn is_denial(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refused) if refused.is_definite())
}

// ---- the rules ----

#[tokio::test(start_paused = true)]
async fn a_flood_of_rubbish_and_a_host_that_never_answers_keep_nobody_out_who_is_known() {
    let mut limits = tight();
    (limits.budget, limits.call_time, limits.breaker.failures) = (millis(1000), millis(500), 2);
    let bench = bench(limits.clone());
    bench.sts.set(DEAD, Host::Silent);
    for key in 0..10 {
        assert_eq!(bench.reason(ALICE, key, HOME).await, "granted");
        sleep(millis(100)).await;
    }

    let started = Instant::now();
    let (mut rubbish, mut known, mut first_time) = (Vec::new(), Vec::new(), Vec::new());
    // 6 s of 400 pieces of rubbish a second, each with a key of its own, half of it for the dead host.
    for step in 0..600_usize {
        for region in [HOME, DEAD] {
            rubbish.extend([0, 1].map(|n| bench.log_in(RUBBISH, 2 * step + n, region)));
        }
        if step % 5 == 0 {
            known.push(bench.log_in(ALICE, step / 5 % 10, HOME));
            first_time.push(bench.log_in(ALICE, 1000 + step, HOME));
        }
        sleep(millis(10)).await;
    }
    for login in known {
        assert_eq!(login.await.unwrap().reason(), "granted", "a known caller");
    }
    let mut reasons: HashMap<&str, usize> = HashMap::new();
    for login in rubbish {
        let outcome = login.await.unwrap();
        *reasons.entry(outcome.reason()).or_default() += 1;
        assert_eq!(is_denial(&outcome), outcome.reason() == "sts_unknown_key", "{}", outcome.reason());
    }
    for reason in ["sts_unknown_key", "sts_limit_reached", "sts_timeout", "sts_circuit_open"] {
        assert!(reasons.remove(reason).is_some_and(|times| times > 0), "{reason}");
    }
    assert!(reasons.is_empty(), "{reasons:?}");
    // Somebody new may be told to come again, but never that they are nobody.
    let mut let_in = 0;
    for login in first_time {
        let outcome = login.await.unwrap();
        assert!(!is_denial(&outcome), "{}", outcome.reason());
        let_in += usize::from(outcome.reason() == "granted");
    }
    assert!(let_in > 0, "what is left is shared");

    let calls = bench.sts.calls_of(RUBBISH);
    let seconds = (Instant::now() - started).as_secs_f64();
    let most = 2.0 * (f64::from(limits.unknown.burst) + f64::from(limits.unknown.per_second) * seconds);
    assert!((calls.len() as f64) < most, "{} calls for rubbish", calls.len());
    assert_eq!(bench.sts.0.lock().unwrap().under_way, 0);
    // When it is over, everybody is welcome.
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.reason(ALICE, 99_999, HOME).await, "granted");
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_for_those_who_were_let_in_and_not_for_those_whom_sts_knows() {
    let mut limits = tight();
    limits.unknown = LaneLimits { per_second: 1, burst: 2, concurrency: 4, queue: 0 };
    let bench = bench(limits);
    assert_eq!(bench.reason(ALICE, 0, HOME).await, "granted");
    assert_eq!(bench.reason(BOB, 0, HOME).await, "not_mapped");
    assert_eq!(bench.reason(BOB, 0, HOME).await, "sts_limit_reached", "nobody here, whatever STS says of them");
    assert_eq!(bench.reason(ALICE, 1, HOME).await, "sts_limit_reached", "another key is another matter");
    assert_eq!(bench.reason(ALICE, 0, HOME).await, "granted");
    let away = format!("turned away from {HOME}, unknown: queue_full");
    assert_eq!(bench.seen.take().iter().filter(|event| **event == away).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_reviews_of_one_token_are_one_call_and_one_place() {
    let mut limits = tight();
    limits.unknown = LaneLimits { per_second: 1, burst: 1, concurrency: 4, queue: 0 };
    let bench = bench(limits);
    let token = bench.token(ALICE, 0, HOME);
    let reviews: Vec<_> = (0..1000).map(|_| bench.show(token.clone())).collect();
    for review in reviews {
        assert_eq!(review.await.unwrap().reason(), "granted");
    }
    assert_eq!(bench.sts.asked(), 1);
    assert_eq!(bench.seen.take(), ["answered 200"]);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_over_in_a_moment_is_asked_again_and_nothing_else_is() {
    use Host::{Answers, Fails, Status, Throttles};
    let unreachable = Fails(TransportFailure::Unreachable);
    for (hosts, reason, calls) in [
        (&[Status(503), Answers][..], "granted", 2),
        (&[Throttles, Throttles, Answers], "granted", 3),
        (&[unreachable, Status(500), Answers], "granted", 3),
        (&[unreachable, unreachable, unreachable, Answers], "sts_unreachable", 3),
        (&[Throttles, Throttles, Throttles, Answers], "sts_throttled", 3),
        (&[Fails(TransportFailure::Timeout), Answers], "sts_timeout", 1),
        (&[Fails(TransportFailure::AnswerTooLong), Answers], "sts_answer_too_long", 1),
        (&[Fails(TransportFailure::NotAsked), Answers], "sts_not_asked", 1),
        (&[Status(403), Answers], "sts_answer_malformed", 1),
        (&[Status(302), Answers], "sts_answer_malformed", 1),
    ] {
        let bench = bench(tight());
        bench.sts.next(hosts);
        let started = Instant::now();
        assert_eq!(bench.reason(ALICE, 0, HOME).await, reason, "{hosts:?}");
        assert_eq!(bench.sts.asked(), calls, "{hosts:?}");
        let seen = bench.seen.take();
        let count = |what: &str| seen.iter().filter(|event| event.starts_with(what)).count();
        assert_eq!(count("retry"), calls - 1, "{hosts:?}");
        let throttles = hosts[..calls].iter().filter(|host| matches!(host, Throttles)).count();
        assert_eq!(count("throttled"), throttles, "{hosts:?}: each answer counts, also if the call is made again");
        // Pauses of 100 and 200 ms at least, and twice that at most.
        let calls = u32::try_from(calls).unwrap();
        let pauses = (Instant::now() - started).saturating_sub(millis(50) * calls);
        let least = millis(100) * [0, 1, 3][calls as usize - 1];
        assert!(least <= pauses && pauses <= 2 * least + millis(10), "{hosts:?}: {pauses:?}");
    }
    let bench = bench(tight());
    assert_eq!(bench.reason(RUBBISH, 0, HOME).await, "sts_unknown_key");
    assert_eq!(bench.sts.asked(), 1, "a rejection is an answer");
}

#[tokio::test(start_paused = true)]
async fn everything_about_a_token_ends_in_the_time_for_it() {
    let mut limits = tight();
    limits.breaker.failures = 0;
    let bench = bench(limits);
    bench.sts.set(HOME, Host::Silent);
    let started = Instant::now();
    let calling: Vec<_> = (0..4).map(|key| bench.log_in(ALICE, key, HOME)).collect();
    settle().await;
    let waiting: Vec<_> = (4..12).map(|key| bench.log_in(ALICE, key, HOME)).collect();
    settle().await;
    assert_eq!(bench.reason(ALICE, 12, HOME).await, "sts_limit_reached", "no place to wait");
    assert_eq!(Instant::now(), started, "at once");
    for login in waiting {
        assert_eq!(login.await.unwrap().reason(), "sts_limit_reached");
    }
    let waited = Instant::now() - started;
    assert!(millis(5000) <= waited && waited < millis(5010), "a wait leaves a call its least time: {waited:?}");
    for login in calling {
        assert_eq!(login.await.unwrap().reason(), "sts_timeout");
    }
    let took = Instant::now() - started;
    assert!(millis(9000) <= took && took < millis(9010), "{took:?}");
    assert_eq!((bench.sts.asked(), bench.sts.0.lock().unwrap().under_way), (4, 0), "nothing goes on");
    let away = |why: &str| format!("turned away from {HOME}, unknown: {why}");
    let mut wanted = vec![away("queue_full")];
    wanted.extend(vec![away("waited_too_long"); 8]);
    wanted.extend(vec!["failed Timeout".to_owned(); 4]);
    assert_eq!(bench.seen.take(), wanted);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_have_one_timer_among_them_and_are_let_in_as_they_came() {
    let mut limits = tight();
    limits.unknown = LaneLimits { per_second: 10, burst: 4, concurrency: 8, queue: 64 };
    let bench = bench(limits);
    let started = Instant::now();
    let logins: Vec<_> = (0..44).map(|key| bench.log_in(ALICE, key, HOME)).collect();
    settle().await;
    assert_eq!(bench.sts.asked(), 4, "the burst");
    assert_eq!(bench.timer.0.load(Ordering::SeqCst), 4 + 1, "one for each call, and one for all who wait");
    for login in logins {
        assert_eq!(login.await.unwrap().reason(), "granted");
    }
    let calls = bench.sts.0.lock().unwrap().calls.clone();
    for (number, (uri, at)) in calls.iter().enumerate() {
        assert!(uri.contains(&format!("{ALICE}{number:07}")), "{number}: in the order in which they came");
        let due = millis(100) * u32::try_from(number.saturating_sub(3)).unwrap();
        assert!(due <= *at - started && *at - started < due + millis(10), "{number} at {:?}", *at - started);
    }
    assert_eq!(bench.timer.0.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_makes_room() {
    let mut limits = tight();
    limits.unknown = LaneLimits { per_second: 0, burst: 0, concurrency: 4, queue: 2 };
    let bench = bench(limits);
    bench.sts.set(HOME, Host::Silent);
    let calling: Vec<_> = (0..4).map(|key| bench.log_in(ALICE, key, HOME)).collect();
    settle().await;
    let (first, second) = (bench.log_in(ALICE, 4, HOME), bench.log_in(ALICE, 5, HOME));
    settle().await;
    assert_eq!(bench.reason(ALICE, 6, HOME).await, "sts_limit_reached");
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = bench.log_in(ALICE, 6, HOME);
    settle().await;
    bench.sts.set(HOME, Host::Answers);
    // A call that is given up gives its place to the next.
    for login in calling {
        login.abort();
        assert!(login.await.unwrap_err().is_cancelled());
    }
    for login in [second, third] {
        assert_eq!(login.await.unwrap().reason(), "granted");
    }
    assert_eq!((bench.sts.asked(), bench.timer.0.load(Ordering::SeqCst)), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_is_left_alone_and_probed_and_others_are_asked_meanwhile() {
    let mut limits = tight();
    limits.retry.retries = 0;
    let bench = bench(limits);
    bench.sts.set(DEAD, Host::Status(503));
    for key in 0..5 {
        assert_eq!(bench.reason(ALICE, key, DEAD).await, "sts_unavailable");
    }
    assert_eq!(bench.reason(ALICE, 5, DEAD).await, "sts_circuit_open");
    assert_eq!(bench.reason(ALICE, 5, HOME).await, "granted");
    assert_eq!(bench.sts.asked(), 6);
    // One probe, which fails; then one that does not.
    sleep(Duration::from_secs(5)).await;
    let probes = [6, 7].map(|key| bench.log_in(ALICE, key, DEAD));
    let mut reasons = Vec::new();
    for probe in probes {
        reasons.push(probe.await.unwrap().reason());
    }
    assert_eq!(reasons, ["sts_unavailable", "sts_circuit_open"]);
    assert_eq!(bench.reason(ALICE, 8, DEAD).await, "sts_circuit_open");
    sleep(Duration::from_secs(5)).await;
    bench.sts.set(DEAD, Host::Answers);
    assert_eq!(bench.reason(ALICE, 9, DEAD).await, "granted");
    assert_eq!(bench.reason(ALICE, 10, DEAD).await, "granted");
    assert_eq!(bench.sts.asked(), 9);
    let turns: Vec<_> = bench.seen.take().into_iter().filter(|event| event.contains(" for ")).collect();
    assert_eq!(turns, [format!("Opened {DEAD} for unknown"), format!("Closed {DEAD} for unknown")]);
}

#[tokio::test(start_paused = true)]
async fn rejections_and_throttling_open_no_breaker() {
    let mut limits = tight();
    limits.retry.retries = 0;
    limits.unknown.per_second = 0;
    let bench = bench(limits);
    for key in 0..50 {
        assert_eq!(bench.reason(RUBBISH, key, HOME).await, "sts_unknown_key");
    }
    bench.sts.set(HOME, Host::Throttles);
    for key in 0..50 {
        assert_eq!(bench.reason(RUBBISH, key, HOME).await, "sts_throttled");
    }
    assert_eq!(bench.sts.asked(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_strangers_bring_a_host_to_is_not_held_against_those_who_are_known() {
    let bench = bench(tight());
    assert_eq!(bench.reason(ALICE, 0, HOME).await, "granted");
    // Somebody found a request that STS cannot answer.
    bench.sts.set(HOME, Host::Status(500));
    for key in 0..5 {
        bench.reason(RUBBISH, key, HOME).await;
    }
    bench.sts.set(HOME, Host::Answers);
    assert_eq!(bench.reason(RUBBISH, 9, HOME).await, "sts_circuit_open");
    assert_eq!(bench.reason(ALICE, 0, HOME).await, "granted");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_while_it_probes_leaves_the_probe_to_the_next() {
    let mut limits = tight();
    limits.retry.retries = 0;
    limits.breaker.failures = 1;
    let bench = bench(limits);
    bench.sts.next(&[Host::Status(503), Host::Silent]);
    assert_eq!(bench.reason(ALICE, 0, HOME).await, "sts_unavailable");
    sleep(Duration::from_secs(5)).await;
    let token = bench.token(ALICE, 1, HOME);
    let cluster = cluster();
    let mut probe = Box::pin(bench.driver.authenticate(&token, &cluster));
    assert!(poll_fn(|cx| Poll::Ready(probe.as_mut().poll(cx))).await.is_pending());
    assert_eq!(bench.reason(ALICE, 2, HOME).await, "sts_circuit_open");
    drop(probe);
    assert_eq!(bench.reason(ALICE, 2, HOME).await, "granted");
}
