//! The transport against a fake AWS: the rules that all transports keep, and what is this one's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../k8s-aws-auth-transport/tests/common/failure.rs"]
mod failure;
#[path = "../../k8s-aws-auth-transport/tests/common/settings.rs"]
mod settings;

use bytes::Bytes;
use failure::failure;
use http::Request;
use k8s_aws_auth_hyper::{Builder, HttpsTransport, TransportError};
use k8s_aws_fake::conformance::{Sender, Settings};
use k8s_aws_fake::{FakeAws, Fault};
use std::time::Duration;
use tower_service::Service;

fn builder(settings: &Settings) -> Builder {
    settings::with(settings)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn make(settings: &Settings) -> Sender {
    let (runtime, transport) = (runtime(), builder(settings).build().unwrap());
    // By a clone each time: clones share their connections.
    Box::new(move |request| runtime.block_on(transport.clone().send(request)).map_err(failure))
}

k8s_aws_fake::transport_conformance!(make);

fn get() -> Request<Bytes> {
    Request::get("https://sts.eu-west-1.amazonaws.com/").body(Bytes::new()).unwrap()
}

#[test]
fn the_limits_are_those_of_the_documentation_unless_told() {
    let fake = FakeAws::start().unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsTransport::builder().crypto_provider(provider.into());
    let builder = builder.roots_pem(fake.ca_pem().as_bytes()).unwrap().proxy(&fake.proxy_url(), "").unwrap();
    let (runtime, transport) = (runtime(), builder.build().unwrap());
    fake.inject(Fault::huge_body(64 << 10).times(1));
    assert_eq!(runtime.block_on(transport.send(get())).unwrap().body().len(), 64 << 10);
    fake.inject(Fault::huge_body((64 << 10) + 1).times(1));
    let error = runtime.block_on(transport.send(get())).unwrap_err();
    assert!(matches!(error, TransportError::BodyTooLong { limit: 65536 }));
    assert!(format!("{transport:?}").contains("timeout: 10s"));
}

#[test]
fn a_handshake_that_breaks_off_is_a_connection_that_did_not_come_about() {
    let fake = FakeAws::start().unwrap();
    let send = |settings| runtime().block_on(builder(&settings).build().unwrap().send(get()));
    for fault in [Fault::tls_closes(), Fault::tls_resets(), Fault::proxy_closes(), Fault::proxy_resets()] {
        let injected = fake.inject(fault);
        let error = send(Settings::proxied(&fake)).unwrap_err();
        assert!(matches!(error, TransportError::Connect(_)), "{injected:?}: {error:?}");
        injected.clear();
    }
}

#[test]
fn no_connection_is_kept_where_none_is_wanted() {
    let fake = FakeAws::start().unwrap();
    for (kept, connects) in [(1, 1), (0, 2)] {
        let before = fake.counts().connects;
        let builder = builder(&Settings::proxied(&fake)).idle_connections(kept, Duration::from_secs(60));
        let (runtime, transport) = (runtime(), builder.build().unwrap());
        for _ in 0..2 {
            runtime.block_on(transport.send(get())).unwrap();
        }
        assert_eq!(fake.counts().connects - before, connects);
    }
}

#[test]
fn it_is_a_tower_service() {
    let fake = FakeAws::start().unwrap();
    let mut transport = builder(&Settings::proxied(&fake)).build().unwrap();
    let answer = runtime().block_on(async {
        std::future::poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
        transport.call(get()).await.unwrap()
    });
    assert_eq!((answer.status().as_u16(), fake.counts().calls), (302, 1));
}
