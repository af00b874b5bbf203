//! The transport against a fake AWS: what it sends, what it does not, its limits, and its errors.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of a transport: sockets, time")]

use bytes::Bytes;
use http::{Request, Response};
use k8s_aws_auth_hyper::{Builder, HttpsTransport, SetupError, TransportError};
use k8s_aws_fake::{FakeAws, Fault};
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

const HOST: &str = "sts.eu-west-1.amazonaws.com";
/// In every query: what no error may repeat.
const CANARY: &str = "canary7f3a9c";
const SHORT: Duration = Duration::from_millis(50);
/// For limits that are not to be reached.
const LONG: Duration = Duration::from_secs(60);

fn builder(fake: &FakeAws) -> Builder {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsTransport::builder().crypto_provider(provider.into()).connect_timeout(LONG).timeout(LONG);
    builder.roots_pem(fake.ca_pem().as_bytes()).unwrap()
}

fn proxied(fake: &FakeAws) -> Builder {
    builder(fake).proxy(&fake.proxy_url(), "").unwrap()
}

fn get(authority: &str) -> Request<Bytes> {
    let url = format!("https://{authority}/?Action=GetCallerIdentity&Version=2011-06-15&X={CANARY}");
    Request::get(url).header("accept", "application/json").body(Bytes::new()).unwrap()
}

fn body(bytes: usize) -> Fault {
    Fault::respond(Response::builder().body(vec![b' '; bytes]).unwrap())
}

/// The message of an error, of all its causes, and its `Debug`: none of them has the query.
#[track_caller]
fn told(error: &TransportError) -> String {
    let mut told = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    assert!(!told.contains(CANARY), "{told}");
    assert!(!told.contains("Action="), "{told}");
    error.to_string()
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer() {
    let fake = FakeAws::start().unwrap();
    let transport = proxied(&fake).build().unwrap();
    for status in [200, 204, 400, 403, 404, 429, 500, 503] {
        let response = Response::builder().status(status).header("x-note", "kept").body("").unwrap();
        fake.inject(Fault::respond(response).times(1));
        let answer = transport.send(get(HOST)).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-note"]), (status, &"kept".parse().unwrap()));
    }
    let call = fake.calls().pop().unwrap();
    assert_eq!((call.host.as_str(), call.sni.as_deref(), call.path.as_str()), (HOST, Some(HOST), "/"));
    assert_eq!(call.headers["accept"], "application/json");
    assert!(call.query.ends_with(CANARY));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let fake = FakeAws::start().unwrap();
    let transport = proxied(&fake).build().unwrap();
    for status in [301, 302, 303, 307, 308] {
        for location in
            ["https://sts.us-east-1.amazonaws.com/", "https://evil.example/", "http://169.254.169.254/", "/x"]
        {
            fake.inject(Fault::redirect(status, location).times(1));
            let answer = transport.send(get(HOST)).await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (status, &location.parse().unwrap()));
        }
    }
    let counts = fake.counts();
    assert_eq!((counts.calls, counts.calls_to(HOST), counts.connects_refused), (20, 20, 0));
}

#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_the_limit_and_not_one_more() {
    let fake = FakeAws::start().unwrap();
    let transport = proxied(&fake).max_body(1000).build().unwrap();
    for (fault, bytes) in [(body(0), 0), (body(1000), 1000), (Fault::huge_body(1000), 1000)] {
        fake.inject(fault.times(1));
        assert_eq!(transport.send(get(HOST)).await.unwrap().body().len(), bytes);
    }
    for fault in [body(1001), Fault::huge_body(1001), Fault::huge_body(10 << 20), Fault::endless_body()] {
        fake.inject(fault.clone().times(1));
        let error = transport.send(get(HOST)).await.unwrap_err();
        assert!(matches!(error, TransportError::BodyTooLong { limit: 1000 }), "{fault:?}: {error:?}");
        assert_eq!((error.reason(), told(&error).as_str()), ("body_too_long", "the answer is longer than 1000 bytes"));
    }
    let default = proxied(&fake).build().unwrap();
    fake.inject(Fault::huge_body(64 << 10).times(1));
    assert_eq!(default.send(get(HOST)).await.unwrap().body().len(), 64 << 10);
    fake.inject(Fault::huge_body((64 << 10) + 1).times(1));
    assert!(matches!(default.send(get(HOST)).await, Err(TransportError::BodyTooLong { limit: 65536 })));
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let fake = FakeAws::start().unwrap();
    let transport = proxied(&fake).build().unwrap();
    fake.inject(Fault::gzip_bomb(4 << 20).times(1));
    let answer = transport.send(get(HOST)).await.unwrap();
    assert_eq!(&answer.body()[..2], b"\x1f\x8b");
    assert!(fake.calls()[0].headers.get("accept-encoding").is_none());
}

#[tokio::test]
async fn the_whole_exchange_has_one_limit() {
    let fake = FakeAws::start().unwrap();
    for fault in [
        Fault::hold(),
        Fault::drip(1, Duration::from_secs(3600)),
        Fault::continue_flood(None),
        Fault::proxy_holds(),
        Fault::tls_holds(),
    ] {
        let injected = fake.inject(fault);
        let transport = proxied(&fake).timeout(SHORT).build().unwrap();
        let error = transport.send(get(HOST)).await.unwrap_err();
        assert!(matches!(error, TransportError::Timeout { limit } if limit == SHORT), "{injected:?}: {error:?}");
        assert_eq!((error.reason(), told(&error).as_str()), ("timeout", "no answer within 0.05 s"));
        injected.clear();
    }
}

#[tokio::test]
async fn connecting_has_a_limit_of_its_own() {
    let fake = FakeAws::start().unwrap();
    for fault in [Fault::proxy_holds(), Fault::tls_holds()] {
        let transport = proxied(&fake).connect_timeout(SHORT).build().unwrap();
        let injected = fake.inject(fault);
        let error = transport.send(get(HOST)).await.unwrap_err();
        assert!(matches!(error, TransportError::Timeout { limit } if limit == SHORT), "{injected:?}: {error:?}");
        told(&error);
        assert_eq!(injected.hits(), 1);
        injected.clear();
        assert_eq!(fake.counts().calls, 0);
    }
    // Once connected it does not matter any more.
    let transport = proxied(&fake).connect_timeout(Duration::from_secs(5)).build().unwrap();
    transport.send(get(HOST)).await.unwrap();
}

#[tokio::test]
async fn connections_are_used_again_by_clones_too_and_only_for_their_host() {
    let fake = FakeAws::start().unwrap();
    let transport = proxied(&fake).build().unwrap();
    for _ in 0..5 {
        transport.clone().send(get(HOST)).await.unwrap();
    }
    let counts = fake.counts();
    assert_eq!((counts.calls, counts.connections, counts.handshakes, counts.connects), (5, 1, 1, 1));
    transport.send(get("sts.eu-west-2.amazonaws.com")).await.unwrap();
    assert_eq!(fake.counts().connections, 2);
    // After an error the connection is not used again, and the next request has another.
    fake.inject(Fault::close_mid_body().times(1));
    assert!(matches!(transport.send(get(HOST)).await, Err(TransportError::Broken(_))));
    transport.send(get(HOST)).await.unwrap();
    assert_eq!(fake.counts().connections, 3);
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let fake = FakeAws::start().unwrap();
    for fault in [
        Fault::reset(),
        Fault::reset_mid_body(),
        Fault::close_mid_body(),
        Fault::raw("SSH-2.0\r\n\r\n"),
        Fault::raw(""),
    ] {
        let transport = proxied(&fake).build().unwrap();
        // On a new connection, and on one that was used before, where HTTP libraries like to try again.
        for used_before in [false, true] {
            if used_before {
                transport.send(get(HOST)).await.unwrap();
            }
            let (before, injected) = (fake.counts().calls, fake.inject(fault.clone()));
            let error = transport.send(get(HOST)).await.unwrap_err();
            assert!(matches!(error, TransportError::Broken(_)), "{injected:?}: {error:?}");
            assert_eq!(error.reason(), "connection_broken");
            told(&error);
            assert_eq!((injected.hits(), fake.counts().calls - before), (1, 1), "{injected:?}, used: {used_before}");
            injected.clear();
        }
    }
}

#[tokio::test]
async fn a_connection_that_ended_meanwhile_is_no_error() {
    let fake = FakeAws::start().unwrap();
    let transport = proxied(&fake).build().unwrap();
    for _ in 0..3 {
        let response = Response::builder().header("connection", "close").body("").unwrap();
        fake.inject(Fault::respond(response).times(1));
        transport.send(get(HOST)).await.unwrap();
    }
    assert_eq!(fake.counts().calls, 3);
}

#[tokio::test]
async fn whom_tls_cannot_prove_is_not_spoken_to() {
    let fake = FakeAws::start().unwrap();
    for (fault, message) in [
        (Fault::tls_wrong_name(), "not valid for name"),
        (Fault::tls_untrusted(), "UnknownIssuer"),
        (Fault::tls_expired(), "expired"),
        (Fault::tls_closes(), ""),
        (Fault::tls_resets(), ""),
    ] {
        let injected = fake.inject(fault);
        let error = proxied(&fake).build().unwrap().send(get(HOST)).await.unwrap_err();
        assert!(matches!(error, TransportError::Connect(_)), "{injected:?}: {error:?}");
        assert_eq!(error.reason(), "connect_failed");
        assert!(told(&error).contains(message), "{injected:?}: {error}");
        injected.clear();
    }
    // The roots are those that were given, and no others beside them.
    let other = FakeAws::start().unwrap();
    let transport = builder(&other).proxy(&fake.proxy_url(), "").unwrap().build().unwrap();
    assert!(matches!(transport.send(get(HOST)).await, Err(TransportError::Connect(_))));
    assert_eq!((fake.counts().calls, other.counts().connections), (0, 0));
}

#[tokio::test]
async fn plain_http_is_not_spoken() {
    let fake = FakeAws::start().unwrap();
    let transport = builder(&fake).build().unwrap();
    let plain = Request::get(format!("http://{}/?{CANARY}", fake.tls_addr())).body(Bytes::new()).unwrap();
    let error = transport.send(plain).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    told(&error);
    assert_eq!(fake.counts().connections, 0);
}

#[tokio::test]
async fn the_proxy_is_for_all_hosts_but_the_listed_ones() {
    let fake = FakeAws::start().unwrap();
    // The fake's proxy refuses what is not a host of AWS, and its TLS port is reached without it.
    let here = format!("localhost:{}", fake.tls_addr().port());
    for (no_proxy, direct) in
        [("", false), ("localhost", true), ("example.com, localhost", true), ("*", true), ("amazonaws.com", false)]
    {
        let before = fake.counts();
        let transport = builder(&fake).proxy(&fake.proxy_url(), no_proxy).unwrap().build().unwrap();
        let result = transport.send(get(&here)).await;
        let refused = fake.counts().connects_refused - before.connects_refused;
        assert_eq!((result.is_ok(), refused), (direct, u64::from(!direct)), "{no_proxy:?}: {result:?}");
        if let Err(error) = result {
            assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
            told(&error);
        }
    }
    let transport = builder(&fake).build().unwrap();
    transport.send(get(&here)).await.unwrap();
    assert_eq!(fake.counts().connects, 0, "no proxy unless told");
}

#[tokio::test]
async fn a_proxy_that_fails_is_a_connection_that_did_not_come_about() {
    let fake = FakeAws::start().unwrap();
    for fault in [
        Fault::proxy_refuses(403),
        Fault::proxy_refuses(407),
        Fault::proxy_refuses(502),
        Fault::proxy_closes(),
        Fault::proxy_resets(),
    ] {
        let injected = fake.inject(fault);
        let error = proxied(&fake).build().unwrap().send(get(HOST)).await.unwrap_err();
        assert!(matches!(error, TransportError::Connect(_)), "{injected:?}: {error:?}");
        told(&error);
        assert_eq!(injected.hits(), 1, "{injected:?}");
        injected.clear();
    }
}

#[tokio::test]
async fn the_proxy_gets_its_password_and_the_host_and_nothing_else() {
    let fake = FakeAws::start().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:{CANARY}%2B@{}", listener.local_addr().unwrap());
    let transport = builder(&fake).proxy(&url, "").unwrap().build().unwrap();
    let proxy = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    };
    let (head, result) = tokio::join!(proxy, transport.send(get(HOST)));
    assert!(head.starts_with(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n")), "{head}");
    // `user:canary7f3a9c+`
    assert!(head.to_lowercase().contains("proxy-authorization: basic "), "{head}");
    assert!(head.contains("dXNlcjpjYW5hcnk3ZjNhOWMr"), "{head}");
    assert!(!head.contains("Action=") && !head.contains(CANARY), "{head}");
    told(&result.unwrap_err());
}

#[tokio::test]
async fn it_is_a_tower_service() {
    let fake = FakeAws::start().unwrap();
    let mut transport = proxied(&fake).build().unwrap();
    std::future::poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
    let answer = transport.call(get(HOST)).await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(fake.counts().calls, 1);
}

#[test]
fn settings_that_are_no_good_are_told() {
    let fake = FakeAws::start().unwrap();
    for url in ["", "127.0.0.1:3128", "socks5://127.0.0.1:1080", "ftp://127.0.0.1", "HTTP//x"] {
        assert!(matches!(builder(&fake).proxy(url, ""), Err(SetupError::Proxy)), "{url}");
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
