//! The transport against a fake AWS: the rules that all transports keep, and what is this one's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::Request;
use k8s_aws_auth_reqwest::{Builder, ReqwestTransport, SetupError, TransportError};
use k8s_aws_fake::FakeAws;
use k8s_aws_fake::conformance::{Failure, Kind, Sender, Settings};
use std::sync::Mutex;
use tower_service::Service;

fn builder(settings: &Settings) -> Builder {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = ReqwestTransport::builder()
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
        runtime.block_on(transport.send(request)).map_err(|error| {
            let (kind, reason) = match error {
                TransportError::Unsendable(_) => (Kind::Unsendable, "request_unsendable"),
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

fn request(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).unwrap()
}

#[test]
fn a_url_that_the_library_would_rewrite_is_refused_before_anything_is_connected() {
    let fake = FakeAws::start().unwrap();
    let (runtime, transport) = (runtime(), builder(&Settings::proxied(&fake)).build().unwrap());
    for uri in [
        "https://sts.eu-west-1.amazonaws.com/?a='b'",
        "https://sts.eu-west-1.amazonaws.com/a/../b",
        "https://sts.eu-west-1.amazonaws.com/%2e%2e/b",
        "https://STS.eu-west-1.amazonaws.com/",
        "https://sts.eu-west-1.amazonaws.com:443/",
        "https://0177.0.0.1/",
        "https://user@sts.eu-west-1.amazonaws.com/",
        "http://sts.eu-west-1.amazonaws.com/",
        "/?a=b",
    ] {
        let error = runtime.block_on(transport.send(request(uri))).unwrap_err();
        assert!(matches!(error, TransportError::Unsendable(_)), "{uri}: {error:?}");
        assert_eq!(error.reason(), "request_unsendable");
    }
    assert_eq!(fake.counts().connections, 0);
}

#[test]
fn it_is_a_tower_service() {
    let fake = FakeAws::start().unwrap();
    let mut transport = builder(&Settings::proxied(&fake)).build().unwrap();
    let answer = runtime().block_on(async {
        std::future::poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
        transport.call(request("https://sts.eu-west-1.amazonaws.com/")).await.unwrap()
    });
    assert_eq!((answer.status().as_u16(), fake.counts().calls), (302, 1));
}

#[test]
fn settings_that_are_no_good_are_told() {
    let fake = FakeAws::start().unwrap();
    for url in ["", "127.0.0.1:3128", "socks5://127.0.0.1:1080", "ftp://127.0.0.1", "HTTP//x", "http://"] {
        let refused = ReqwestTransport::builder().proxy(url, "");
        assert!(matches!(refused, Err(SetupError::Proxy)), "{url}");
    }
    let pem = |text: &str| ReqwestTransport::builder().roots_pem(text.as_bytes()).map(drop);
    assert!(matches!(pem(""), Err(SetupError::NoRoots)));
    assert!(matches!(pem("no PEM at all"), Err(SetupError::NoRoots)));
    assert!(matches!(pem("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), Err(SetupError::CaBundle(_))));
    // No test of this program installs a default.
    let none = ReqwestTransport::builder().roots_pem(fake.ca_pem().as_bytes()).unwrap().build();
    assert!(matches!(none, Err(SetupError::NoCryptoProvider)));
}

static LOG: Log = Log(Mutex::new(String::new()));

struct Log(Mutex<String>);

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn nothing_of_the_query_is_logged_at_any_level() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let fake = FakeAws::start().unwrap();
    let send = make(&Settings::proxied(&fake));
    // A word of this test's own: others log at the same time.
    send(request("https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=logged5e1fca7")).unwrap();
    fake.inject(k8s_aws_fake::Fault::reset());
    send(request("https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=logged5e1fca7")).unwrap_err();
    let log = LOG.0.lock().unwrap();
    assert!(log.contains("sts.eu-west-1.amazonaws.com"), "{log}");
    assert!(!log.contains("logged5e1fca7"), "{log}");
}
