//! Bearer authentication in front of a service that is a function, over a transport that is one too.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, Verifier};
use k8s_aws_auth::{Authenticator, Outcome};
use k8s_aws_auth_tower::{AuthenticatedUser, Bearer, BearerLayer, Driver, Malformed};
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower_layer::Layer;
use tower_service::Service;

const CONFIG: &str = "server:
  mapUsers:
  - {userarn: 'arn:aws:iam::123456789012:user/alice', username: alice, groups: [dev]}
";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

fn token() -> String {
    let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
    let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
    presign(&keys, &endpoint, &ClusterId::parse("prod").unwrap(), now()).unwrap().text().expose().to_owned()
}

/// STS: one answer for everyone.
#[derive(Clone)]
struct Sts {
    answer: (u16, String),
    asked: Arc<AtomicUsize>,
}

impl Sts {
    fn knows(user: &str) -> Self {
        let result = format!(
            r#"{{"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/{user}","UserId":"AIDAIOSFODNN7EXAMPLE"}}"#
        );
        Self::answers(200, format!(r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{result}}}}}"#))
    }

    fn answers(status: u16, body: String) -> Self {
        Self { answer: (status, body), asked: Arc::default() }
    }
}

impl Service<Request<Bytes>> for Sts {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (status, body) = self.answer.clone();
        let answer = Response::builder().status(status).header("content-type", "application/json").body(body.into());
        ready(Ok(answer.unwrap()))
    }
}

fn layer(sts: &Sts) -> BearerLayer<Sts> {
    let backend = Backend::synced(BackendMode::MountedFile, ServerConfig::parse(CONFIG).document);
    let snapshot = Snapshot::new([backend], Options::default());
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let driver = Driver::builder(authenticator, sts.clone(), move || snapshot.clone()).clock(now).build();
    BearerLayer::new(driver, ClusterId::parse("prod").unwrap())
}

/// A body of a kind that nobody else has: neither it nor its pieces are looked at.
#[derive(Debug, Default, PartialEq, Eq)]
struct Opaque(&'static str);

/// What is behind: a service that has to be asked whether it is ready before every call, and keeps the requests.
#[derive(Default)]
struct Behind {
    ready: bool,
    gate: Arc<Gate>,
    requests: Arc<Mutex<Vec<Request<Opaque>>>>,
}

/// Whether it may become ready, and how many are.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    promised: AtomicUsize,
}

impl Clone for Behind {
    /// A promise is not cloned.
    fn clone(&self) -> Self {
        Self { ready: false, gate: self.gate.clone(), requests: self.requests.clone() }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        if self.ready {
            self.gate.promised.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Service<Request<Opaque>> for Behind {
    type Response = Response<Opaque>;
    type Error = &'static str;
    type Future = Ready<Result<Response<Opaque>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if *self.gate.closed.lock().unwrap() {
            return Poll::Pending;
        }
        if !std::mem::replace(&mut self.ready, true) {
            self.gate.promised.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Opaque>) -> Self::Future {
        assert!(std::mem::replace(&mut self.ready, false), "called without being ready");
        self.gate.promised.fetch_sub(1, Ordering::SeqCst);
        let fails = request.uri().path() == "/fails";
        self.requests.lock().unwrap().push(request);
        ready(if fails { Err("it fails") } else { Ok(Response::new(Opaque("hello"))) })
    }
}

/// Everything in a row, as a server does it.
async fn ask(
    service: &mut Bearer<Behind, Sts>,
    path: &str,
    authorization: &[&str],
) -> Result<Response<Opaque>, &'static str> {
    let mut request = Request::builder().uri(path).body(Opaque("body")).unwrap();
    for value in authorization {
        request.headers_mut().append("authorization", HeaderValue::from_str(value).unwrap());
    }
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn a_known_user_gets_through_and_the_token_does_not() {
    let (sts, behind) = (Sts::knows("alice"), Behind::default());
    let mut service = layer(&sts).layer(behind.clone());
    let answer = ask(&mut service, "/", &[&format!("Bearer {}", token())]).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (StatusCode::OK, &Opaque("hello")));
    assert!(matches!(&**answer.extensions().get::<Arc<Outcome>>().unwrap(), Outcome::Authenticated(_)));
    let request = behind.requests.lock().unwrap().pop().unwrap();
    let user = request.extensions().get::<AuthenticatedUser>().unwrap();
    assert_eq!((user.user().username.as_str(), user.user().groups.as_slice()), ("alice", &["dev".to_owned()][..]));
    assert_eq!(request.body(), &Opaque("body"));
    assert!(!request.headers().contains_key("authorization"));
    assert_eq!(sts.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn everyone_else_gets_the_status_that_says_what_to_do() {
    let bearer = format!("Bearer {}", token());
    let invalid = |reason: &str| format!("Bearer error=\"invalid_token\", error_description=\"{reason}\"");
    let sts_error = |code: &str| format!(r#"{{"Error":{{"Code":"{code}","Message":"m"}}}}"#);
    let request = |reason: &str| format!("Bearer error=\"invalid_request\", error_description=\"{reason}\"");
    for (sts, authorization, status, challenge, retry, asked) in [
        (Sts::knows("alice"), vec![], 401, "Bearer".to_owned(), "", 0),
        (Sts::knows("alice"), vec!["Basic dXNlcjpwYXNz"], 401, "Bearer".to_owned(), "", 0),
        (Sts::knows("alice"), vec!["Bearer eyJhbGciOi"], 401, invalid("token_prefix"), "", 0),
        (Sts::knows("alice"), vec!["Bearer k8s-aws-v1.!"], 401, invalid("token_base64"), "", 0),
        (Sts::knows("alice"), vec!["Bearer"], 400, request("authorization_malformed"), "", 0),
        (Sts::knows("alice"), vec![&bearer, &bearer], 400, request("authorization_twice"), "", 0),
        (Sts::knows("mallory"), vec![&bearer], 401, invalid("not_mapped"), "", 1),
        (Sts::answers(403, sts_error("AccessDenied")), vec![&bearer], 401, invalid("sts_access_denied"), "", 1),
        (Sts::answers(400, sts_error("Throttling")), vec![&bearer], 503, String::new(), "1", 1),
        (Sts::answers(500, String::new()), vec![&bearer], 503, String::new(), "1", 1),
    ] {
        let case = format!("{authorization:?} {:?}", sts.answer.0);
        let behind = Behind::default();
        let mut service = layer(&sts).layer(behind.clone());
        let answer = ask(&mut service, "/", &authorization).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body()), (status, &Opaque("")), "{case}");
        assert_eq!(header(answer.headers(), "www-authenticate"), challenge, "{case}");
        assert_eq!(header(answer.headers(), "retry-after"), retry, "{case}");
        assert_eq!(sts.asked.load(Ordering::SeqCst), asked, "{case}");
        assert!(behind.requests.lock().unwrap().is_empty(), "{case}: it got through");
        let malformed = answer.extensions().get::<Malformed>().is_some();
        assert_eq!(malformed, status == 400, "{case}");
        let decided = answer.extensions().get::<Arc<Outcome>>().is_some();
        assert_eq!(
            decided,
            authorization.len() == 1 && authorization[0].contains(' ') && !authorization[0].starts_with("Basic"),
            "{case}"
        );
        // A place that was promised behind is given back.
        drop(service);
        assert_eq!(behind.gate.promised.load(Ordering::SeqCst), 0, "{case}");
    }
}

#[tokio::test]
async fn no_client_and_no_layer_in_front_brings_a_user_along() {
    let (sts, behind) = (Sts::knows("alice"), Behind::default());
    let mut service = layer(&sts).layer(behind.clone());
    let bearer = format!("Bearer {}", token());
    ask(&mut service, "/", &[&bearer]).await.unwrap();
    let brought = behind.requests.lock().unwrap()[0].extensions().get::<AuthenticatedUser>().unwrap().clone();
    // A user in the extensions counts for nothing without a token of their own.
    let mut request = Request::new(Opaque(""));
    request.extensions_mut().insert(brought);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn it_is_ready_when_the_service_behind_is_and_calls_the_one_that_was() {
    let (sts, behind) = (Sts::knows("alice"), Behind::default());
    let mut service = layer(&sts).layer(behind.clone());
    let bearer = format!("Bearer {}", token());
    *behind.gate.closed.lock().unwrap() = true;
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_pending());
    *behind.gate.closed.lock().unwrap() = false;
    // Two calls in a row, the second before the first is polled; each takes its own promise along.
    let mut futures: Vec<Pin<Box<dyn Future<Output = _>>>> = Vec::new();
    for promised in 1..=2 {
        assert!(service.poll_ready(&mut cx).is_ready());
        assert_eq!(behind.gate.promised.load(Ordering::SeqCst), promised);
        let request = Request::builder().header("authorization", &bearer).body(Opaque("")).unwrap();
        futures.push(Box::pin(service.call(request)));
    }
    for future in futures {
        assert_eq!(future.await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(behind.gate.promised.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_error_of_the_service_behind_is_passed_on() {
    let sts = Sts::knows("alice");
    let mut service = layer(&sts).layer(Behind::default());
    let bearer = format!("Bearer {}", token());
    assert_eq!(ask(&mut service, "/fails", &[&bearer]).await.unwrap_err(), "it fails");
}
