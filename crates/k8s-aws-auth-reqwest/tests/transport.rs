//! The transport against a fake AWS: the rules that all transports keep, and what is this one's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../k8s-aws-auth-transport/tests/common/failure.rs"]
mod failure;
#[path = "../../k8s-aws-auth-transport/tests/common/log.rs"]
mod heard;
#[path = "../../k8s-aws-auth-transport/tests/common/settings.rs"]
mod settings;

use bytes::Bytes;
use failure::failure;
use http::Request;
use k8s_aws_auth_reqwest::{Builder, TransportError};
use k8s_aws_fake::FakeAws;
use k8s_aws_fake::conformance::{Sender, Settings};
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
    Box::new(move |request| runtime.block_on(transport.send(request)).map_err(failure))
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
    }
    assert_eq!(fake.counts().connections, 0);
}

#[test]
fn no_connection_is_kept_where_none_is_wanted() {
    let fake = FakeAws::start().unwrap();
    for (kept, connects) in [(1, 1), (0, 2)] {
        let before = fake.counts().connects;
        let builder = builder(&Settings::proxied(&fake)).idle_connections(kept, Duration::from_secs(60));
        let (runtime, transport) = (runtime(), builder.build().unwrap());
        for _ in 0..2 {
            runtime.block_on(transport.send(request("https://sts.eu-west-1.amazonaws.com/"))).unwrap();
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
        transport.call(request("https://sts.eu-west-1.amazonaws.com/")).await.unwrap()
    });
    assert_eq!((answer.status().as_u16(), fake.counts().calls), (302, 1));
}

#[test]
fn nothing_of_the_query_is_logged_at_any_level() {
    heard::listen(log::LevelFilter::Trace);
    let fake = FakeAws::start().unwrap();
    let send = make(&Settings::proxied(&fake));
    // A word of this test's own: others log at the same time.
    send(request("https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=logged5e1fca7")).unwrap();
    fake.inject(k8s_aws_fake::Fault::reset());
    send(request("https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=logged5e1fca7")).unwrap_err();
    let log = heard::log();
    assert!(log.contains("sts.eu-west-1.amazonaws.com"), "{log}");
    assert!(!log.contains("logged5e1fca7"), "{log}");
}
