//! A layer in front of a service that somebody else wrote and that knows nothing of AWS: no socket, no web framework, just tower.
//!
//! The service behind has room for one request at a time, to show that its back-pressure comes through.
//! `cargo run --example somebody_elses_router`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program: it reads the clock and prints")]

use aws_credential_types::Credentials;
use http::{Request, Response, StatusCode};
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, Options, Snapshot};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, Verifier};
use k8s_aws_auth::{Authenticator, mint};
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_auth_tower::{AuthenticatedUser, BearerLayer, Driver};
use k8s_aws_fake::{FakeAws, Fault, samples};
use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::SystemTime;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Somebody else's router.
async fn router(request: Request<String>) -> Result<Response<String>, Infallible> {
    let name = request.extensions().get::<AuthenticatedUser>().map(|user| user.user().username.clone());
    Ok(match (request.uri().path(), name) {
        ("/whoami", Some(name)) => Response::new(name),
        _ => {
            let mut answer = Response::new(String::new());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            answer
        }
    })
}

const RULES: &str = "[{userarn: 'arn:aws:iam::111122223333:user/alice', username: alice, groups: []}]";

fn main() -> Result<(), Box<dyn Error>> {
    let aws = FakeAws::start()?;
    let transport = HttpsTransport::builder()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .roots_pem(aws.ca_pem().as_bytes())?
        .proxy(&aws.proxy_url(), "")?
        .build()?;
    let document = Document::from_aws_auth([("mapUsers", RULES)]);
    let rules = Snapshot::new([Backend::synced(BackendMode::EksConfigMap, document)], Options::default());
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let driver = Driver::new(authenticator, transport, move || rules.clone());

    let mut service = ServiceBuilder::new()
        .layer(BearerLayer::new(driver, ClusterId::parse("production")?))
        .concurrency_limit(1)
        .service(service_fn(router));

    let key = samples::user().credential;
    let key = Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "example");
    let token = mint(&key, "eu-central-1", "production", SystemTime::now())?;
    let ask = |path: &str, token: &str| {
        Request::get(path).header("authorization", format!("Bearer {token}")).body(String::new())
    };

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = service.ready().await?.call(ask("/whoami", token.text().expose())?).await?;
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "alice"));
        println!("{} came through", answer.body());

        let refused = service.ready().await?.call(ask("/whoami", "k8s-aws-v1.aHR0cHM6Ly9ldmlsLmV4YW1wbGUv")?).await?;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        println!("a token for another host did not: {:?}", refused.headers()["www-authenticate"]);

        // While a request is under way the service behind has no room, and so the layer has none.
        let held = aws.inject(Fault::hold());
        let mut second = service.clone();
        let first = service.ready().await?.call(ask("/whoami", token.text().expose())?);
        let mut first = Box::pin(first);
        assert!(pending(first.as_mut()));
        assert!(pending(pin!(second.ready())));
        held.clear();
        assert_eq!(first.await?.status(), StatusCode::OK);
        second.ready().await?;
        println!("and its back-pressure is that of the service behind");
        Ok(())
    })
}

/// Polls once.
fn pending(future: Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
