//! The transport against a fake AWS: the rules that all transports keep, and what is this one's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, reason = "tests of a transport: sockets")]

use http::Request;
use k8s_aws_auth_ureq::{Builder, SetupError, TransportError, UreqTransport};
use k8s_aws_fake::conformance::{Failure, Kind, Sender, Settings};
use k8s_aws_fake::{FakeAws, Fault};
use std::sync::Mutex;

fn builder(settings: &Settings) -> Builder {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = UreqTransport::builder()
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

fn make(settings: &Settings) -> Sender {
    let transport = builder(settings).build().unwrap();
    Box::new(move |request| match transport.send(request) {
        Ok(answer) => Ok(answer.map(Into::into)),
        Err(error) => {
            let (kind, reason) = match error {
                TransportError::Unsendable(_) => (Kind::Unsendable, "request_unsendable"),
                TransportError::Connect(_) => (Kind::Connect, "connect_failed"),
                TransportError::Timeout { limit } => (Kind::Timeout { limit }, "timeout"),
                TransportError::BodyTooLong { limit } => (Kind::BodyTooLong { limit }, "body_too_long"),
                _ => (Kind::Broken, "connection_broken"),
            };
            assert_eq!(error.reason(), reason);
            Err(Failure::of(kind, &error))
        }
    })
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
fn a_port_that_nobody_listens_on_is_a_connection_that_did_not_come_about() {
    let fake = FakeAws::start().unwrap();
    let transport = builder(&Settings::direct(&fake)).build().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = transport.send(Request::get(format!("https://{free}/")).body([]).unwrap()).unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
}

#[test]
fn settings_that_are_no_good_are_told() {
    let fake = FakeAws::start().unwrap();
    for url in ["", "127.0.0.1:3128", "socks5://127.0.0.1:1080", "ftp://127.0.0.1", "HTTP//x", "http://"] {
        assert!(matches!(UreqTransport::builder().proxy(url, ""), Err(SetupError::Proxy)), "{url}");
    }
    let pem = |text: &str| UreqTransport::builder().roots_pem(text.as_bytes()).map(drop);
    assert!(matches!(pem(""), Err(SetupError::NoRoots)));
    assert!(matches!(pem("no PEM at all"), Err(SetupError::NoRoots)));
    for broken in ["!", "AAAA"] {
        let text = format!("-----BEGIN CERTIFICATE-----\n{broken}\n-----END CERTIFICATE-----\n");
        assert!(matches!(pem(&text), Err(SetupError::CaBundle(_))), "{broken}");
    }
    // No test of this program installs a default.
    let none = UreqTransport::builder().roots_pem(fake.ca_pem().as_bytes()).unwrap().build();
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
fn nothing_of_the_query_is_logged_at_debug() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let fake = FakeAws::start().unwrap();
    let send = make(&Settings::proxied(&fake));
    let request = || Request::get("https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=logged5e1fca7");
    // A word of this test's own: others log at the same time.
    send(request().body(bytes::Bytes::new()).unwrap()).unwrap();
    fake.inject(Fault::reset());
    send(request().body(bytes::Bytes::new()).unwrap()).unwrap_err();
    let log = LOG.0.lock().unwrap();
    assert!(log.contains("sts.eu-west-1.amazonaws.com"), "{log}");
    assert!(!log.contains("logged5e1fca7"), "{log}");
}
