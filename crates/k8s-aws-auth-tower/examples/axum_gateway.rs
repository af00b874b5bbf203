//! A gateway in front of a Kubernetes API server, on axum: whoever bears a `k8s-aws-v1.` token of a mapped user is let through, and
//! the request goes on as that user by impersonation headers, whatever headers the client sent.
//!
//! AWS, the API server and the clients, honest and hostile, are made up here, so that it runs anywhere:
//! `cargo run --example axum_gateway`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a program: sockets, the clock and its output are its job"
)]

use aws_credential_types::Credentials;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use axum::{Extension, Router};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, Options, Snapshot};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, Verifier};
use k8s_aws_auth::{Authenticator, mint};
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_auth_tower::{AuthenticatedUser, BearerLayer, Driver, IdentityCache, impersonate};
use k8s_aws_fake::{FakeAws, samples};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

type AnyError = Box<dyn Error + Send + Sync>;

/// Where requests go on to, and as whom the gateway itself speaks there: it needs the verb `impersonate`, and nothing else.
#[derive(Clone)]
struct Upstream {
    authority: String,
    own_token: HeaderValue,
    client: Client<HttpConnector, Body>,
}

/// The gateway: the layer lets users through, the handler sends their requests on.
fn gateway(aws: HttpsTransport, rules: Snapshot, upstream: Upstream) -> Result<Router, AnyError> {
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let driver = Driver::builder(authenticator, aws, move || rules.clone())
        .identity_cache(IdentityCache::new(Duration::from_secs(60), 1000))
        .build();
    let bearer = BearerLayer::new(driver, ClusterId::parse("production")?);
    Ok(Router::new().fallback(forward).layer(bearer).with_state(upstream))
}

async fn forward(
    State(upstream): State<Upstream>,
    Extension(user): Extension<AuthenticatedUser>,
    mut request: Request<Body>,
) -> Response<Body> {
    // Everything goes by which the client could say who it is; then the user is written.
    if impersonate(request.headers_mut(), user.user()).is_err() {
        return status(StatusCode::FORBIDDEN);
    }
    request.headers_mut().insert(header::AUTHORIZATION, upstream.own_token.clone());
    request.headers_mut().remove(header::HOST);
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let Ok(uri) = format!("http://{}{target}", upstream.authority).parse::<Uri>() else {
        return status(StatusCode::BAD_REQUEST);
    };
    *request.uri_mut() = uri;
    match upstream.client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => status(StatusCode::BAD_GATEWAY),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

const RULES: &str =
    "[{rolearn: 'arn:aws:iam::111122223333:role/developer', username: 'dev:{{SessionName}}', groups: [developers]}]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let aws = FakeAws::start()?;
    let transport = HttpsTransport::builder()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .roots_pem(aws.ca_pem().as_bytes())?
        .proxy(&aws.proxy_url(), "")?
        .build()?;
    let document = Document::from_aws_auth([("mapRoles", RULES)]);
    let rules = Snapshot::new([Backend::synced(BackendMode::EksConfigMap, document)], Options::default());

    // In the place of the API server: it notes what arrives.
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let notes = seen.clone();
    let api_server = Router::new().fallback(async move |headers: HeaderMap| {
        if let Ok(mut notes) = notes.lock() {
            notes.push(headers);
        }
        "pods"
    });
    let upstream = Upstream {
        authority: serve(api_server).await?.to_string(),
        own_token: HeaderValue::from_static("Bearer of-the-gateway"),
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    // With TLS in the real world: a bearer token is good for whoever sees it.
    let gateway = serve(gateway(transport, rules, upstream)?).await?;

    // An honest client.
    let token_of = |sample: samples::Sample| {
        let key = &sample.credential;
        let session_token = key.session_token().map(str::to_owned);
        let key = Credentials::new(key.access_key_id(), key.secret_access_key(), session_token, None, "example");
        mint(&key, "eu-central-1", "production", SystemTime::now()).map(|token| token.text().expose().to_owned())
    };
    let carol = token_of(samples::assumed_role())?;
    let (code, body) = get(gateway, &[("authorization", &format!("Bearer {carol}"))]).await?;
    assert_eq!((code, body.as_str()), (200, "pods"));
    let headers = last(&seen)?;
    assert_eq!(headers["impersonate-user"], "dev:carol-example.com");
    assert_eq!(headers["impersonate-group"], "developers");
    // An API server puts names of headers into lower case, so the capital of `canonicalArn` is escaped.
    assert_eq!(headers["impersonate-extra-canonical%41rn"], "arn:aws:iam::111122223333:role/developer");
    assert_eq!(headers["authorization"], "Bearer of-the-gateway");
    println!("carol came through as {:?}", headers["impersonate-user"]);

    // A hostile client that is carol, and would like to be more.
    let hostile = [
        ("authorization", format!("Bearer {carol}")),
        ("impersonate-user", "system:admin".to_owned()),
        ("Impersonate-Group", "system:masters".to_owned()),
        ("impersonate-uid", "0".to_owned()),
        ("impersonate-extra-scopes", "everything".to_owned()),
        ("x-remote-user", "system:admin".to_owned()),
        ("X-Remote-Group", "system:masters".to_owned()),
        ("connection", "impersonate-user, impersonate-group, authorization".to_owned()),
        ("sec-websocket-protocol", "base64url.bearer.authorization.k8s.io.eA, v4.channel.k8s.io".to_owned()),
    ];
    let hostile: Vec<(&str, &str)> = hostile.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(get(gateway, &hostile).await?.0, 200);
    let headers = last(&seen)?;
    assert_eq!(headers.get_all("impersonate-user").iter().collect::<Vec<_>>(), ["dev:carol-example.com"]);
    assert_eq!(headers.get_all("impersonate-group").iter().collect::<Vec<_>>(), ["developers"]);
    for absent in ["impersonate-extra-scopes", "x-remote-user", "x-remote-group"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
    assert_ne!(headers["impersonate-uid"], "0");
    assert!(headers.get("connection").is_none_or(|value| !format!("{value:?}").contains("impersonate")));
    assert_eq!(headers["sec-websocket-protocol"], "v4.channel.k8s.io");
    println!("and no header of hers made her anybody else");

    // Those who are nobody here do not reach the API server at all.
    let before = seen.lock().map_or(0, |seen| seen.len());
    let root = format!("Bearer {}", token_of(samples::root())?);
    let cut_off = format!("Bearer {}", &carol[..carol.len() - 1]);
    for (headers, expected) in [
        (vec![], 401),
        (vec![("impersonate-user", "system:admin")], 401),
        (vec![("authorization", "Basic YTpi")], 401),
        (vec![("authorization", cut_off.as_str())], 401),
        (vec![("authorization", root.as_str())], 401),
        (vec![("authorization", root.as_str()), ("authorization", root.as_str())], 400),
    ] {
        assert_eq!(get(gateway, &headers).await?.0, expected, "{} headers", headers.len());
    }
    assert_eq!(seen.lock().map_or(0, |seen| seen.len()), before);
    println!("and six who are nobody here were turned away; STS was asked {} times", aws.counts().calls);
    Ok(())
}

fn last(seen: &Mutex<Vec<HeaderMap>>) -> Result<HeaderMap, AnyError> {
    let seen = seen.lock().map_err(|_| "a handler panicked")?;
    seen.last().cloned().ok_or_else(|| "nothing arrived".into())
}

async fn serve(router: Router) -> Result<SocketAddr, AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn get(gateway: SocketAddr, headers: &[(&str, &str)]) -> Result<(u16, String), AnyError> {
    let client: Client<_, Full<&[u8]>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::get(format!("http://{gateway}/api/v1/pods"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(Full::default())?).await?;
    let code = answer.status().as_u16();
    Ok((code, String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?))
}
