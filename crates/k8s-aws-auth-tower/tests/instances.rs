//! Look-ups in EC2 under a simulated clock: many share few calls, nobody fails another, and time is kept.
#![cfg(feature = "ec2")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use k8s_aws_auth::ec2::{
    Ec2Endpoint, Ec2Error, EndpointKind, InstanceId, LookupLimits, Partition, Region, TransportFailure,
};
use k8s_aws_auth::{Event, LookupFailure, Observer};
use k8s_aws_auth_tower::{InstanceLookup, InstanceName, Instances, Sleep, Timer};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(8);

/// Tokio's simulated time.
struct Simulated;

impl Timer for Simulated {
    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// What EC2 is to do with a call.
#[derive(Clone, Copy)]
enum Fate {
    Answer,
    Throttle,
    Hang,
    HangMidBody,
    BreakMidBody,
}

/// EC2: it knows every instance, by the name `ip-<id>`, but those that are taken away; each call takes 100 ms.
#[derive(Clone, Default)]
struct Ec2 {
    /// The ids that each call was about.
    calls: Arc<Mutex<Vec<BTreeSet<String>>>>,
    fates: Arc<Mutex<Vec<Fate>>>,
    missing: Arc<Mutex<BTreeSet<String>>>,
}

impl Ec2 {
    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// What becomes of the next calls; all others are answered.
    fn fated<const N: usize>(fates: [Fate; N]) -> Self {
        let ec2 = Self::default();
        ec2.fates.lock().unwrap().extend(fates.into_iter().rev());
        ec2
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

impl Service<http::Request<Bytes>> for Ec2 {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        assert_eq!(request.uri(), "https://ec2.eu-west-1.amazonaws.com/");
        assert!(request.headers()["authorization"].to_str().unwrap().contains("/eu-west-1/ec2/aws4_request"));
        let form = std::str::from_utf8(request.body()).unwrap();
        let values = form.split('&').filter(|pair| pair.starts_with("Filter.1.Value."));
        let ids: BTreeSet<String> = values.map(|pair| pair.split_once('=').unwrap().1.to_owned()).collect();
        self.calls.lock().unwrap().push(ids.clone());
        let fate = self.fates.lock().unwrap().pop().unwrap_or(Fate::Answer);
        let missing = self.missing.clone();
        Box::pin(async move {
            tokio::time::sleep(SECOND / 10).await;
            Ok(answer(fate, &ids, &missing.lock().unwrap()))
        })
    }
}

fn answer(fate: Fate, ids: &BTreeSet<String>, missing: &BTreeSet<String>) -> http::Response<Body> {
    let item =
        |id: &String| format!("<item><instanceId>{id}</instanceId><privateDnsName>ip-{id}</privateDnsName></item>");
    let items: String = ids.difference(missing).map(item).collect();
    let document = format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet><item>\
         <ownerId>111122223333</ownerId><instancesSet>{items}</instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    );
    let error = "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>".to_owned();
    let (status, document) = if matches!(fate, Fate::Throttle) { (503, error) } else { (200, document) };
    let half = document.len() / 2;
    let frame = |piece: &str| Ok(http_body::Frame::data(Bytes::copy_from_slice(piece.as_bytes())));
    let pieces = futures_util::stream::unfold(0, move |n| {
        let next = match (n, fate) {
            (0, _) => Some(frame(&document[..half])),
            (1, Fate::BreakMidBody) => Some(Err(io::Error::other("broken"))),
            (1, _) => Some(frame(&document[half..])),
            _ => None,
        };
        async move {
            if matches!((n, fate), (0, Fate::Hang) | (1, Fate::HangMidBody)) {
                std::future::pending::<()>().await;
            }
            next.map(|piece| (piece, n + 1))
        }
    });
    let body = UnsyncBoxBody::new(StreamBody::new(pieces).boxed_unsync());
    http::Response::builder().status(status).header("content-type", "text/xml;charset=UTF-8").body(body).unwrap()
}

/// What was observed, as text.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Observer for Seen {
    fn observe(&self, event: Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::InstancesDescribed { endpoint, instances, failure, took } => {
                let failure = failure.map_or("ok", |failure| failure.reason());
                format!("{} {instances} {failure} {}", endpoint.region(), took.as_millis())
            }
            Event::CredentialsMissing { error } => format!("no credentials: {error}"),
            other => panic!("{other:?}"),
        });
    }
}

fn setup(ec2: &Ec2, credentials: impl ProvideCredentials + 'static) -> (Instances, Seen) {
    let endpoint = Ec2Endpoint::new(Partition::Aws, &Region::parse("eu-west-1").unwrap(), EndpointKind::Regional);
    let seen = Seen::default();
    let mut limits = LookupLimits::default();
    (limits.calls_per_second, limits.burst) = (100, 100);
    let credentials = SharedCredentialsProvider::new(credentials);
    let builder = Instances::builder(ec2.clone(), endpoint.unwrap(), credentials, Simulated);
    let (instances, worker) = builder.limits(limits).observer(seen.clone()).build();
    tokio::spawn(worker);
    (instances, seen)
}

fn keys() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test")
}

fn id(number: usize) -> InstanceId {
    InstanceId::parse(&format!("i-{number:08x}")).unwrap()
}

#[track_caller]
fn assert_named(id: &InstanceId, told: &Result<InstanceName, LookupFailure>) {
    let told = told.as_ref().unwrap();
    assert_eq!(
        (told.private_dns_name.as_str(), told.owner.to_string().as_str()),
        (&*format!("ip-{id}"), "111122223333")
    );
}

#[tokio::test(start_paused = true)]
async fn a_storm_shares_few_calls_and_everyone_gets_their_own_name() {
    let ec2 = Ec2::default();
    let (instances, seen) = setup(&ec2, keys());
    let asking = (0..5000).map(|number| {
        let (id, instances) = (id(number), instances.clone());
        tokio::spawn(async move { (instances.look_up(&id, PATIENCE).await, id) })
    });
    let started = tokio::time::Instant::now();
    for told in join_all(asking.collect::<Vec<_>>()).await {
        let (told, id) = told.unwrap();
        assert_named(&id, &told);
    }
    assert!((25..=26).contains(&ec2.calls()), "{}", ec2.calls());
    assert_eq!(seen.0.lock().unwrap().len(), ec2.calls());
    assert!(started.elapsed() < SECOND, "{:?}", started.elapsed());
    // And each of them is remembered.
    assert_named(&id(4999), &instances.look_up(&id(4999), PATIENCE).await);
    assert!(ec2.calls() <= 26);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_one_instance_share_a_call_and_who_gives_up_fails_no_other() {
    let ec2 = Ec2::default();
    let (instances, _) = setup(&ec2, keys());
    let mut asking: Vec<_> = (0..10).map(|_| tokio::spawn(instances.look_up(&id(1), PATIENCE))).collect();
    tokio::time::sleep(SECOND / 20).await;
    // The first one, for whom the call was begun.
    asking.remove(0).abort();
    for told in join_all(asking).await {
        assert_named(&id(1), &told.unwrap());
    }
    assert_eq!(ec2.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_for_those_who_gave_up() {
    let ec2 = Ec2::default();
    let (instances, _) = setup(&ec2, keys());
    let first = tokio::spawn(instances.look_up(&id(1), PATIENCE));
    tokio::time::sleep(SECOND / 100).await;
    // These two have to wait for company; one of them does not.
    let (gone, stays) = (tokio::spawn(instances.look_up(&id(2), PATIENCE)), instances.look_up(&id(3), PATIENCE));
    tokio::task::yield_now().await;
    gone.abort();
    assert_named(&id(3), &stays.await);
    assert_named(&id(1), &first.await.unwrap());
    let asked: Vec<Vec<String>> = ec2.calls.lock().unwrap().iter().map(|ids| ids.iter().cloned().collect()).collect();
    assert_eq!(asked, [[id(1).to_string()], [id(3).to_string()]]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_not_known_yet_is_found_a_moment_later() {
    let ec2 = Ec2::default();
    ec2.missing.lock().unwrap().insert(id(1).to_string());
    let (instances, _) = setup(&ec2, keys());
    assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::UnknownInstance));
    ec2.missing.lock().unwrap().clear();
    tokio::time::sleep(SECOND).await;
    assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::UnknownInstance));
    assert_eq!(ec2.calls(), 1, "what is not known is remembered for a moment");
    tokio::time::sleep(SECOND).await;
    assert_named(&id(1), &instances.look_up(&id(1), PATIENCE).await);
    assert_eq!(ec2.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_what_takes_too_long_is_given_up() {
    for (fates, want) in [
        (vec![Fate::Throttle, Fate::Throttle], "eu-west-1 1 ec2_throttled 100"),
        (vec![Fate::BreakMidBody], "eu-west-1 1 ec2_unreachable 100"),
    ] {
        let ec2 = Ec2::default();
        *ec2.fates.lock().unwrap() = fates.clone();
        let (instances, seen) = setup(&ec2, keys());
        assert_named(&id(1), &instances.look_up(&id(1), PATIENCE).await);
        let seen = seen.0.lock().unwrap();
        assert_eq!((seen[0].as_str(), seen.len()), (want, fates.len() + 1));
    }
    for fate in [Fate::Hang, Fate::HangMidBody] {
        let ec2 = Ec2::fated([fate]);
        let (instances, seen) = setup(&ec2, keys());
        let started = tokio::time::Instant::now();
        assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::Unavailable));
        assert_eq!(started.elapsed(), 5 * SECOND, "the limit of a call");
        assert_eq!(*seen.0.lock().unwrap(), ["eu-west-1 1 ec2_timeout 5000"]);
        // A call that hangs holds nobody up, and nobody waits longer than they want to.
        let ec2 = Ec2::fated([fate]);
        let (instances, _) = setup(&ec2, keys());
        let hanging = tokio::spawn(instances.look_up(&id(1), 2 * SECOND));
        tokio::time::sleep(SECOND).await;
        assert_named(&id(2), &instances.look_up(&id(2), PATIENCE).await);
        assert_eq!(hanging.await.unwrap(), Err(LookupFailure::Unavailable));
    }
    let ec2 = Ec2::fated([Fate::Throttle; 4]);
    let (instances, _) = setup(&ec2, keys());
    assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::Throttled));
    assert_eq!(ec2.calls(), 4);
}

#[derive(Debug)]
struct NoKeys;

impl ProvideCredentials for NoKeys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nowhere")))
    }
}

#[derive(Debug)]
struct SlowKeys;

impl ProvideCredentials for SlowKeys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_is_asked_and_it_is_told() {
    let ec2 = Ec2::default();
    let (instances, seen) = setup(&ec2, NoKeys);
    assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::Unauthorized));
    let said = seen.0.lock().unwrap().join("\n");
    assert!(said.starts_with("no credentials: ") && !said.contains('\n'), "{said}");
    let (instances, seen) = setup(&ec2, SlowKeys);
    assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::Unauthorized));
    assert_eq!((seen.0.lock().unwrap().len(), ec2.calls()), (1, 0));
}

#[test]
fn every_error_of_ec2_has_its_place_among_the_failures() {
    let transport = |failure| Ec2Error::Transport { failure };
    for (error, want) in [
        (Ec2Error::Throttled { status: 503, code: None }, LookupFailure::Throttled),
        (transport(TransportFailure::NotAsked), LookupFailure::Throttled),
        (transport(TransportFailure::Timeout), LookupFailure::Unavailable),
        (Ec2Error::Unavailable { status: 500, code: None }, LookupFailure::Unavailable),
        (Ec2Error::Rejected { status: 400, code: "InvalidFilter" }, LookupFailure::Unavailable),
        (Ec2Error::AnswerTooLong, LookupFailure::Unavailable),
        (Ec2Error::Clock, LookupFailure::Unavailable),
        (Ec2Error::Unauthorized { status: 403, code: "UnauthorizedOperation" }, LookupFailure::Unauthorized),
        (Ec2Error::CredentialsExpired { ago: SECOND }, LookupFailure::Unauthorized),
        (Ec2Error::NoCredentials, LookupFailure::Unauthorized),
    ] {
        assert_eq!(LookupFailure::from(&error), want, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_worker_ends_with_the_last_who_could_ask_and_waits_for_nothing_meanwhile() {
    /// A timer that nobody may use.
    struct Never;
    impl Timer for Never {
        fn sleep(&self, _: Duration) -> Sleep {
            panic!("an idle worker sets no timer")
        }
    }
    let endpoint = Ec2Endpoint::new(Partition::Aws, &Region::US_EAST_1, EndpointKind::Regional).unwrap();
    let credentials = SharedCredentialsProvider::new(keys());
    let (instances, worker) = Instances::builder(Ec2::default(), endpoint, credentials, Never).build();
    let worker = tokio::spawn(worker);
    tokio::time::sleep(100 * SECOND).await;
    assert!(!worker.is_finished());
    drop(instances);
    worker.await.unwrap();

    let ec2 = Ec2::default();
    let (instances, _) = setup(&ec2, keys());
    let (other, last) = (instances.clone(), instances.look_up(&id(1), PATIENCE));
    drop((instances, other));
    assert_named(&id(1), &last.await);
}

#[tokio::test(start_paused = true)]
async fn without_a_worker_nobody_waits() {
    let endpoint = Ec2Endpoint::new(Partition::Aws, &Region::US_EAST_1, EndpointKind::Regional).unwrap();
    let credentials = SharedCredentialsProvider::new(keys());
    let (instances, worker) = Instances::builder(Ec2::default(), endpoint, credentials, Simulated).build();
    drop(worker);
    let started = tokio::time::Instant::now();
    assert_eq!(instances.look_up(&id(1), PATIENCE).await, Err(LookupFailure::Unavailable));
    assert!(started.elapsed().is_zero());
}
