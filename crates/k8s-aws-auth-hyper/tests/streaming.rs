//! Bodies that are read as they come: of any length, by whoever limits them, and over a connection that ends with them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use k8s_aws_auth_hyper::{HttpsTransport, StreamingTransport, TransportError};
use k8s_aws_fake::{FakeAws, Fault};
use std::time::Duration;
use tower_service::Service;

const PATIENCE: Duration = Duration::from_secs(60);

fn transport(fake: &FakeAws, timeout: Duration) -> StreamingTransport {
    let builder = HttpsTransport::builder()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .timeout(timeout)
        .max_body(1)
        .roots_pem(fake.ca_pem().as_bytes())
        .and_then(|builder| builder.proxy(&fake.proxy_url(), ""));
    builder.unwrap().build().unwrap().streaming()
}

async fn ask(transport: &StreamingTransport) -> Result<Response<Incoming>, TransportError> {
    let request = Request::get("https://sts.eu-west-1.amazonaws.com/").body(Bytes::new()).unwrap();
    transport.clone().call(request).await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_body_has_no_limit_but_its_readers_and_ends_its_connection_when_it_is_dropped() {
    let fake = FakeAws::start().unwrap();
    let transport = transport(&fake, PATIENCE);
    let endless = fake.inject(Fault::endless_body());
    runtime().block_on(async {
        let mut body = ask(&transport).await.unwrap().into_body();
        let mut len = 0;
        while len < 1 << 20 {
            len += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
        assert!(fake.counts().connections_open() > 0);
        drop(body);
        // The proxy's side of it and the service's.
        fake.wait_until(|counts| counts.connections_open() == 0).await;
        // The next one is read to its end.
        endless.clear();
        fake.inject(Fault::huge_body(3 << 20).times(1));
        let whole = ask(&transport).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(whole.len(), 3 << 20);
    });
}

#[test]
fn the_head_of_an_answer_comes_in_time() {
    let fake = FakeAws::start().unwrap();
    fake.inject(Fault::hold());
    let limit = Duration::from_millis(50);
    let result = runtime().block_on(ask(&transport(&fake, limit)));
    assert!(matches!(result, Err(TransportError::Timeout { limit: of }) if of == limit));
    fake.clear_faults();
}

#[test]
fn a_failure_to_connect_is_told_as_one() {
    let fake = FakeAws::start().unwrap();
    fake.inject(Fault::proxy_refuses(403));
    let result = runtime().block_on(ask(&transport(&fake, PATIENCE)));
    assert!(matches!(result, Err(TransportError::Connect(_))));
}
