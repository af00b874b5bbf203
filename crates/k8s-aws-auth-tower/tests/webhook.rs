//! The webhook over a transport that is a function: no socket, no clock but the test's.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{Method, Request, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, TransportFailure, Verifier};
use k8s_aws_auth::tokenreview::{Audiences, MAX_DOCUMENT_BYTES};
use k8s_aws_auth::{Authenticator, Event, Observer, Outcome};
use k8s_aws_auth_tower::{Driver, IdentityCache, Malformed, Webhook};
use serde_json::{Value, json};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower_service::Service;

const V1: &str = "authentication.k8s.io/v1";
const CONFIG: &str = "server:
  mapUsers:
  - {userarn: 'arn:aws:iam::123456789012:user/alice', username: alice, groups: [dev]}
  mapRoles:
  - {rolearn: 'arn:aws:iam::123456789012:role/node', username: 'system:node:{{EC2PrivateDNSName}}'}
";

// ---- what the webhook is given ----

type Answer = Result<Response<Bytes>, Gone>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The transport's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gone(TransportFailure);

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

/// STS as a function, and what it was asked.
#[derive(Clone)]
struct Sts {
    answer: Arc<dyn Fn() -> Answering + Send + Sync>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    not_ready: bool,
}

impl Sts {
    fn new(answer: impl Fn() -> Answering + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), requests: Arc::default(), not_ready: false }
    }

    fn answering(answer: Answer) -> Self {
        Self::new(move || Box::pin(ready(answer.clone())))
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

impl Service<Request<Bytes>> for Sts {
    type Response = Response<Bytes>;
    type Error = Gone;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(if self.not_ready { Err(Gone(TransportFailure::NotAsked)) } else { Ok(()) })
    }

    fn call(&mut self, request: Request<Bytes>) -> Answering {
        self.requests.lock().unwrap().push(request);
        (self.answer)()
    }
}

fn identity(arn: &str, user_id: &str) -> Answer {
    let result = json!({"Account": "123456789012", "Arn": arn, "UserId": user_id});
    page(200, json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}).to_string())
}

fn alice() -> Answer {
    identity("arn:aws:iam::123456789012:user/alice", "AIDAIOSFODNN7EXAMPLE")
}

fn page(status: u16, body: String) -> Answer {
    Ok(Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(body.into()).unwrap())
}

fn sts_error(status: u16, code: &str) -> Answer {
    page(status, json!({"Error": {"Code": code, "Message": "m"}}).to_string())
}

/// Writes down in short what it saw.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Observer for Seen {
    fn observe(&self, event: Event<'_>) {
        let text = match event {
            Event::StsAnswered { endpoint, status, .. } => format!("answered {status} by {}", endpoint.host()),
            Event::StsFailed { endpoint, failure, .. } => format!("failed {failure:?} at {}", endpoint.host()),
            Event::IdentityRemembered { caller } => format!("remembered {}", caller.arn()),
            Event::StsThrottled { endpoint } => format!("throttled by {}", endpoint.host()),
            Event::Malformed { status, reason, .. } => format!("malformed {status} {reason}"),
            Event::Decided { outcome, .. } => format!("decided {}", outcome.reason()),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(text);
    }
}

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

fn cluster() -> ClusterId {
    ClusterId::parse("prod").unwrap()
}

fn token() -> String {
    token_at(now())
}

fn token_at(at: SystemTime) -> String {
    let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
    let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
    presign(&keys, &endpoint, &cluster(), at).unwrap().text().expose().to_owned()
}

fn snapshot(config: &str) -> Snapshot {
    let document = ServerConfig::parse(config).document;
    Snapshot::new([Backend::synced(BackendMode::MountedFile, document)], Options::default())
}

fn driver(sts: &Sts, seen: &Seen) -> Driver<Sts> {
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    Driver::builder(authenticator, sts.clone(), || snapshot(CONFIG))
        .clock(now)
        .observer(seen.clone())
        .failures(|gone| gone.0)
        .build()
}

fn webhook(sts: &Sts, seen: &Seen) -> Webhook<Sts> {
    Webhook::new(driver(sts, seen), cluster())
}

fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/authenticate").header(CONTENT_TYPE, "application/json").body(Full::from(body.into())).unwrap()
}

fn review(api_version: &str, token: &str, audiences: &[&str]) -> Request<Full<Bytes>> {
    let mut spec = json!({"token": token});
    if !audiences.is_empty() {
        spec["audiences"] = json!(audiences);
    }
    post(json!({"kind": "TokenReview", "apiVersion": api_version, "spec": spec}).to_string())
}

async fn json_of(answer: Response<Full<Bytes>>) -> Value {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

// ---- the rules ----

#[tokio::test]
async fn a_good_token_is_answered_with_its_user_in_the_version_of_the_request() {
    for api_version in [V1, "authentication.k8s.io/v1beta1"] {
        let (sts, seen) = (Sts::answering(alice()), Seen::default());
        let answer = webhook(&sts, &seen).review(review(api_version, &token(), &[])).await;
        let outcome = answer.extensions().get::<Arc<Outcome>>().unwrap().clone();
        assert_eq!(outcome.reason(), "granted");
        let json = json_of(answer).await;
        assert_eq!((&json["kind"], &json["apiVersion"]), (&json!("TokenReview"), &json!(api_version)));
        assert_eq!(json["status"]["authenticated"], true);
        assert_eq!(json["status"]["user"]["username"], "alice");
        assert_eq!(json["status"]["user"]["groups"], json!(["dev"]));
        let host = "sts.eu-west-1.amazonaws.com";
        assert_eq!(seen.take(), [format!("answered 200 by {host}"), "decided granted".into()]);
        let requests = sts.requests.lock().unwrap();
        let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
        assert_eq!((request.method(), request.uri().host(), request.uri().path()), (&Method::GET, Some(host), "/"));
        assert_eq!(request.uri().scheme_str(), Some("https"));
        assert_eq!(request.headers()["x-k8s-aws-id"], "prod");
        assert!(request.body().is_empty());
    }
}

#[tokio::test]
async fn what_is_no_token_review_is_told_why_and_nobody_is_asked() {
    let (sts, seen) = (Sts::answering(alice()), Seen::default());
    let webhook = webhook(&sts, &seen);
    let with = |change: &dyn Fn(&mut Request<Full<Bytes>>)| {
        let mut request = review(V1, &token(), &[]);
        change(&mut request);
        request
    };
    let content_type = |value: &'static str| {
        with(&move |request| drop(request.headers_mut().insert(CONTENT_TYPE, value.parse().unwrap())))
    };
    for (request, status, reason) in [
        (with(&|request| *request.method_mut() = Method::GET), 405, "method_not_allowed"),
        (with(&|request| *request.method_mut() = Method::PUT), 405, "method_not_allowed"),
        (with(&|request| drop(request.headers_mut().remove(CONTENT_TYPE))), 415, "content_type_unsupported"),
        (content_type("text/json"), 415, "content_type_unsupported"),
        (content_type("application/json-patch+json"), 415, "content_type_unsupported"),
        (post(vec![b' '; MAX_DOCUMENT_BYTES + 1]), 413, "body_too_large"),
        (post(""), 400, "body_not_json"),
        (post("{}"), 400, "field_missing"),
        (review("authentication.k8s.io/v2", &token(), &[]), 400, "api_version_unsupported"),
        (review(V1, "", &[]), 400, "token_empty"),
        (review(V1, &token(), &["x"; 65]), 400, "audiences_too_many"),
    ] {
        let answer = webhook.review(request).await;
        assert_eq!(answer.status(), status, "{reason}");
        assert_eq!(answer.extensions().get::<Malformed>().unwrap().reason, reason);
        assert_eq!(answer.headers().get("allow").is_some(), status == 405, "{reason}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(format!("{reason}: ").as_bytes()), "{body:?}");
        assert_eq!(seen.take(), [format!("malformed {status} {reason}")]);
    }
    assert_eq!(sts.asked(), 0);
    let answer = webhook.review(content_type("Application/Json ; charset=utf-8")).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn audiences_are_refused_before_sts_is_asked_and_answered_where_they_fit() {
    let yes = |audiences: Option<&[&str]>| (true, audiences.map(|list| json!(list)).unwrap_or_default());
    let no = || (false, Value::Null);
    for (ours, asked_for, want) in [
        (&[][..], &[][..], yes(None)),
        (&[], &["vault"], yes(None)),
        (&["api"], &[], yes(None)),
        (&["api"], &["api"], yes(Some(&["api"]))),
        (&["api", "vault"], &["other", "vault", "api"], yes(Some(&["api", "vault"]))),
        (&["api"], &["vault"], no()),
        (&["api"], &["API"], no()),
    ] {
        let (sts, seen) = (Sts::answering(alice()), Seen::default());
        let webhook = webhook(&sts, &seen).with_audiences(Audiences::new(ours.iter().copied()));
        let json = json_of(webhook.review(review(V1, &token(), asked_for)).await).await;
        let status = &json["status"];
        let got = (status["authenticated"] == true, status.get("audiences").cloned().unwrap_or_default());
        assert_eq!(got, want, "{ours:?} {asked_for:?}");
        if !want.0 {
            assert_eq!(*status, json!({"authenticated": false}));
            assert_eq!((sts.asked(), seen.take()), (0, vec!["decided audience_mismatch".to_owned()]));
        }
    }
}

#[tokio::test]
async fn an_error_names_the_audiences_too() {
    let (sts, seen) = (Sts::answering(sts_error(400, "Throttling")), Seen::default());
    let webhook = webhook(&sts, &seen).with_audiences(Audiences::new(["api"]));
    let json = json_of(webhook.review(review(V1, &token(), &["api"])).await).await;
    // Without them an API server would take the error for a denial, and remember it.
    assert_eq!(json["status"]["audiences"], json!(["api"]));
    assert!(json["status"]["error"].as_str().unwrap().starts_with("sts_throttled: "), "{json}");
}

#[tokio::test]
async fn each_outcome_is_seen_in_order_and_is_a_denial_only_where_it_is_definite() {
    let host = "sts.eu-west-1.amazonaws.com";
    let answered =
        |status: u16, reason: &str| vec![format!("answered {status} by {host}"), format!("decided {reason}")];
    let failed = |failure: &str, reason: &str| vec![format!("failed {failure} at {host}"), format!("decided {reason}")];
    let mut throttled = answered(400, "sts_throttled");
    throttled.insert(1, format!("throttled by {host}"));
    let node = identity(
        "arn:aws:sts::123456789012:assumed-role/node/i-0123456789abcdef0",
        "AROAEXAMPLEEXAMPLE000:i-0123456789abcdef0",
    );
    let person = identity("arn:aws:sts::123456789012:assumed-role/node/bob", "AROAEXAMPLEEXAMPLE000:bob");
    let bob = identity("arn:aws:iam::123456789012:user/bob", "AIDAIOSFODNN7EXAMPLE");
    for (answer, events, definite) in [
        (sts_error(403, "InvalidClientTokenId"), answered(403, "sts_unknown_key"), true),
        (sts_error(403, "SignatureDoesNotMatch"), answered(403, "sts_signature_mismatch"), true),
        (sts_error(400, "Throttling"), throttled, false),
        (sts_error(503, "ServiceUnavailable"), answered(503, "sts_unavailable"), false),
        (page(200, "{}".into()), answered(200, "sts_answer_malformed"), false),
        (bob, answered(200, "not_mapped"), true),
        (node, answered(200, "instance_lookup_not_configured"), false),
        (person, answered(200, "session_not_an_instance"), true),
        (Err(Gone(TransportFailure::Timeout)), failed("Timeout", "sts_timeout"), false),
        (Err(Gone(TransportFailure::Unreachable)), failed("Unreachable", "sts_unreachable"), false),
        (Err(Gone(TransportFailure::AnswerTooLong)), failed("AnswerTooLong", "sts_answer_too_long"), false),
        (Err(Gone(TransportFailure::NotAsked)), failed("NotAsked", "sts_not_asked"), false),
    ] {
        let (sts, seen) = (Sts::answering(answer), Seen::default());
        let answer = webhook(&sts, &seen).review(review(V1, &token(), &[])).await;
        let outcome = answer.extensions().get::<Arc<Outcome>>().unwrap().clone();
        assert_eq!(seen.take(), events);
        assert!(events[events.len() - 1].ends_with(outcome.reason()), "{events:?}");
        let json = json_of(answer).await;
        assert_ne!(json["status"]["authenticated"], true, "{events:?}");
        assert_eq!(json["status"].get("error").is_none(), definite, "{events:?}: {json}");
        assert_eq!(sts.asked(), 1, "{events:?}: asked once");
    }
}

#[tokio::test]
async fn what_the_gate_refuses_is_denied_and_nobody_is_asked() {
    let (sts, seen) = (Sts::answering(alice()), Seen::default());
    let webhook = webhook(&sts, &seen);
    for (token, reason) in [
        ("k8s-aws-v1.".to_owned(), "token_base64"),
        ("something else".to_owned(), "token_prefix"),
        (token_at(now() - Duration::from_secs(901)), "token_expired"),
        (token_at(now() + Duration::from_secs(901)), "token_not_yet_valid"),
    ] {
        let json = json_of(webhook.review(review(V1, &token, &[])).await).await;
        assert_eq!(json["status"], json!({"authenticated": false}), "{reason}");
        assert_eq!(seen.take(), [format!("decided {reason}")]);
    }
    assert_eq!(sts.asked(), 0);
    for age in [900, 0] {
        let answer = webhook.review(review(V1, &token_at(now() - Duration::from_secs(age)), &[])).await;
        assert_eq!(json_of(answer).await["status"]["authenticated"], true, "{age} s old");
    }
}

#[tokio::test]
async fn a_transport_that_is_not_ready_is_not_called() {
    let (mut sts, seen) = (Sts::answering(alice()), Seen::default());
    sts.not_ready = true;
    let json = json_of(webhook(&sts, &seen).review(review(V1, &token(), &[])).await).await;
    assert!(json["status"]["error"].as_str().unwrap().starts_with("sts_not_asked: "), "{json}");
    assert_eq!(sts.asked(), 0);
}

#[tokio::test]
async fn an_error_that_nobody_classifies_is_unreachable() {
    let (sts, seen) = (Sts::answering(Err(Gone(TransportFailure::Timeout))), Seen::default());
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let driver = Driver::builder(authenticator, sts, || snapshot(CONFIG)).clock(now).observer(seen.clone()).build();
    let outcome = driver.authenticate(&token(), &cluster()).await;
    assert_eq!(outcome.reason(), "sts_unreachable");
    assert_eq!(seen.take(), ["failed Unreachable at sts.eu-west-1.amazonaws.com", "decided sts_unreachable"]);
}

#[tokio::test]
async fn mappings_are_looked_up_afresh_even_for_a_remembered_caller() {
    let (sts, seen) = (Sts::answering(alice()), Seen::default());
    let config = Arc::new(Mutex::new(CONFIG.to_owned()));
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let current = config.clone();
    let driver = Driver::builder(authenticator, sts.clone(), move || snapshot(&current.lock().unwrap()))
        .clock(now)
        .identity_cache(IdentityCache::new(Duration::from_secs(60), 10))
        .observer(seen.clone())
        .build();
    let log_in = async || driver.authenticate(&token(), &cluster()).await.reason();
    assert_eq!(log_in().await, "granted");
    *config.lock().unwrap() = CONFIG.replace("user/alice", "user/somebody");
    assert_eq!(log_in().await, "not_mapped", "a removal takes effect at once");
    *config.lock().unwrap() = CONFIG.to_owned();
    assert_eq!(log_in().await, "granted");
    assert_eq!(sts.asked(), 1);
    let remembered = "remembered arn:aws:iam::123456789012:user/alice";
    let events = seen.take();
    assert_eq!(events[2..], [remembered, "decided not_mapped", remembered, "decided granted"]);
    // A token for another cluster is another token, whatever is remembered.
    let other = driver.authenticate(&token(), &ClusterId::parse("other").unwrap()).await;
    assert_eq!((other.reason(), sts.asked()), ("granted", 2));
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

#[tokio::test]
async fn a_review_that_is_given_up_leaves_nothing_behind() {
    let under_way = Arc::new(());
    let (guard, seen) = (under_way.clone(), Seen::default());
    let sts = Sts::new(move || {
        let guard = guard.clone();
        Box::pin(async move {
            let _guard = guard;
            pending().await
        })
    });
    let webhook = webhook(&sts, &seen);
    let mut review_future = Box::pin(webhook.review(review(V1, &token(), &[])));
    assert!(poll_once(&mut review_future).await.is_pending());
    // The test's, the closure's, and that of the call.
    assert_eq!((sts.asked(), Arc::strong_count(&under_way)), (1, 3));
    drop(review_future);
    assert_eq!(Arc::strong_count(&under_way), 2, "the call to STS is gone with it");
    assert_eq!(seen.take(), Vec::<String>::new(), "nothing was decided");
    // The next one makes a call of its own.
    let mut again = Box::pin(webhook.review(review(V1, &token(), &[])));
    assert!(poll_once(&mut again).await.is_pending());
    assert_eq!((sts.asked(), Arc::strong_count(&under_way)), (2, 3));
}

#[tokio::test]
async fn one_who_gives_up_fails_nobody_who_waits_for_the_same_call() {
    let (land, seen) = (Arc::new(tokio::sync::Notify::new()), Seen::default());
    let landing = land.clone();
    let sts = Sts::new(move || {
        let landing = landing.clone();
        Box::pin(async move {
            landing.notified().await;
            alice()
        })
    });
    let webhook = webhook(&sts, &seen);
    let mut first = Box::pin(webhook.review(review(V1, &token(), &[])));
    let mut second = Box::pin(webhook.review(review("authentication.k8s.io/v1beta1", &token(), &[])));
    assert!(poll_once(&mut first).await.is_pending());
    assert!(poll_once(&mut second).await.is_pending());
    drop(first);
    land.notify_one();
    let json = json_of(second.await).await;
    assert_eq!(json["apiVersion"], "authentication.k8s.io/v1beta1", "each is answered in its own version");
    assert_eq!(json["status"]["user"]["username"], "alice");
    assert_eq!(sts.asked(), 1);
}

/// A body that never ends and counts what was taken, or that breaks off.
struct Endless {
    breaks_off: bool,
    taken: Arc<Mutex<usize>>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let mut taken = self.taken.lock().unwrap();
        if self.breaks_off && *taken > 0 {
            return Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())));
        }
        *taken += 1024;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))))
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_no_further() {
    let (sts, seen) = (Sts::answering(alice()), Seen::default());
    for (breaks_off, status, reason) in [(false, 413, "body_too_large"), (true, 400, "body_cut_off")] {
        let taken = Arc::new(Mutex::new(0));
        let body = Endless { breaks_off, taken: taken.clone() };
        let request = Request::post("/").header(CONTENT_TYPE, "application/json").body(body).unwrap();
        let mut service = webhook(&sts, &seen);
        poll_fn(|cx| Service::<Request<Endless>>::poll_ready(&mut service, cx)).await.unwrap();
        let answer = service.call(request).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.extensions().get::<Malformed>().unwrap().reason),
            (status, reason)
        );
        assert!(*taken.lock().unwrap() <= MAX_DOCUMENT_BYTES + 1024, "{reason}");
    }
}
