//! The transport against a fake AWS: the rules that all transports keep, and what is this one's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, reason = "tests of a transport: sockets")]

#[path = "../../k8s-aws-auth-transport/tests/common/failure.rs"]
mod failure;
#[path = "../../k8s-aws-auth-transport/tests/common/log.rs"]
mod heard;
#[path = "../../k8s-aws-auth-transport/tests/common/settings.rs"]
mod settings;

use failure::failure;
use http::Request;
use k8s_aws_auth_ureq::{Builder, TransportError};
use k8s_aws_fake::conformance::{Sender, Settings};
use k8s_aws_fake::{FakeAws, Fault};
use std::time::Duration;

fn builder(settings: &Settings) -> Builder {
    settings::with(settings)
}

fn make(settings: &Settings) -> Sender {
    let transport = builder(settings).build().unwrap();
    Box::new(move |request| transport.send(request).map(|answer| answer.map(Into::into)).map_err(failure))
}

k8s_aws_fake::transport_conformance!(make);

#[test]
fn no_header_is_added_but_the_host() {
    let fake = FakeAws::start().unwrap();
    let transport = builder(&Settings::proxied(&fake)).build().unwrap();
    let request = Request::get("https://sts.eu-west-1.amazonaws.com/").header("x-k8s-aws-id", "prod");
    transport.send(request.body([]).unwrap()).unwrap();
    let headers = fake.calls().pop().unwrap().headers;
    let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["host", "x-k8s-aws-id"]);
}

#[test]
fn what_would_be_altered_is_refused_before_anything_is_connected() {
    let fake = FakeAws::start().unwrap();
    let transport = builder(&Settings::proxied(&fake)).build().unwrap();
    for uri in ["https://user@sts.eu-west-1.amazonaws.com/", "http://sts.eu-west-1.amazonaws.com/", "/?a=b"] {
        let error = transport.send(Request::get(uri).body([]).unwrap()).unwrap_err();
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
        let transport = builder.build().unwrap();
        for _ in 0..2 {
            transport.send(Request::get("https://sts.eu-west-1.amazonaws.com/").body([]).unwrap()).unwrap();
        }
        assert_eq!(fake.counts().connects - before, connects);
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_a_connection_that_did_not_come_about() {
    let fake = FakeAws::start().unwrap();
    let transport = builder(&Settings::direct(&fake)).build().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = transport.send(Request::get(format!("https://{free}/")).body([]).unwrap()).unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
}

#[test]
fn nothing_of_the_query_is_logged_at_debug() {
    heard::listen(log::LevelFilter::Debug);
    let fake = FakeAws::start().unwrap();
    let send = make(&Settings::proxied(&fake));
    let request = || Request::get("https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=logged5e1fca7");
    // A word of this test's own: others log at the same time.
    send(request().body(bytes::Bytes::new()).unwrap()).unwrap();
    fake.inject(Fault::reset());
    send(request().body(bytes::Bytes::new()).unwrap()).unwrap_err();
    let log = heard::log();
    assert!(log.contains("sts.eu-west-1.amazonaws.com"), "{log}");
    assert!(!log.contains("logged5e1fca7"), "{log}");
}
