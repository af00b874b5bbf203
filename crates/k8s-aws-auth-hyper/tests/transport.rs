//! The transport against a fake AWS: the rules that all transports keep, and what is this one's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::Request;
use k8s_aws_auth_hyper::{Builder, HttpsTransport, SetupError, TransportError};
use k8s_aws_fake::conformance::{Failure, Kind, Sender, Settings};
use k8s_aws_fake::{FakeAws, Fault};
use tower_service::Service;

fn builder(settings: &Settings) -> Builder {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsTransport::builder()
        .crypto_provider(provider.into())
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        .max_body(settings.max_body)
        .roots_pem(settings.ca_pem.as_bytes())
        .unwrap();
    match &settings.proxy {
        Some(url) => builder.proxy(url, &settings.no_proxy).unwrap(),
        None => builder,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn make(settings: &Settings) -> Sender {
    let (runtime, transport) = (runtime(), builder(settings).build().unwrap());
    Box::new(move |request| {
        // By a clone each time: clones share their connections.
        runtime.block_on(transport.clone().send(request)).map_err(|error| {
            let (kind, reason) = match error {
                TransportError::Connect(_) => (Kind::Connect, "connect_failed"),
                TransportError::Timeout { limit } => (Kind::Timeout { limit }, "timeout"),
                TransportError::BodyTooLong { limit } => (Kind::BodyTooLong { limit }, "body_too_long"),
                _ => (Kind::Broken, "connection_broken"),
            };
            assert_eq!(error.reason(), reason);
            Failure::of(kind, &error)
        })
    })
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
fn it_is_a_tower_service() {
    let fake = FakeAws::start().unwrap();
    let mut transport = builder(&Settings::proxied(&fake)).build().unwrap();
    let answer = runtime().block_on(async {
        std::future::poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
        transport.call(get()).await.unwrap()
    });
    assert_eq!((answer.status().as_u16(), fake.counts().calls), (302, 1));
}

#[test]
fn settings_that_are_no_good_are_told() {
    let fake = FakeAws::start().unwrap();
    for url in ["", "127.0.0.1:3128", "socks5://127.0.0.1:1080", "ftp://127.0.0.1", "HTTP//x"] {
        assert!(matches!(HttpsTransport::builder().proxy(url, ""), Err(SetupError::Proxy)), "{url}");
    }
    let pem = |text: &str| HttpsTransport::builder().roots_pem(text.as_bytes()).map(drop);
    assert!(matches!(pem(""), Err(SetupError::NoRoots)));
    assert!(matches!(pem("no PEM at all"), Err(SetupError::NoRoots)));
    assert!(matches!(pem("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), Err(SetupError::CaBundle(_))));
    assert!(matches!(
        pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        Err(SetupError::CaBundle(_))
    ));
    let cut_off = &fake.ca_pem()[..fake.ca_pem().len() / 2];
    assert!(matches!(pem(cut_off), Err(SetupError::NoRoots | SetupError::CaBundle(_))));
    // No test of this program installs a default.
    let none = HttpsTransport::builder().roots_pem(fake.ca_pem().as_bytes()).unwrap().build();
    assert!(matches!(none, Err(SetupError::NoCryptoProvider)));
}
