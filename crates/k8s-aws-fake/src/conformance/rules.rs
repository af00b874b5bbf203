//! The rules, one function each. They panic where a transport breaks them, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "assertions of tests")]

use super::{Failure, Kind, Sender, Settings};
use crate::{FakeAws, Fault};
use bytes::Bytes;
use http::{Request, Response};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

type Make<'a> = &'a dyn Fn(&Settings) -> Sender;

const HOST: &str = "sts.eu-west-1.amazonaws.com";
/// In every query: what no error may repeat.
const CANARY: &str = "canary7f3a9c";
const SHORT: Duration = Duration::from_millis(50);

fn get(authority: &str) -> Request<Bytes> {
    let url = format!("https://{authority}/?Action=GetCallerIdentity&Version=2011-06-15&X={CANARY}");
    Request::get(url).header("accept", "application/json").body(Bytes::new()).unwrap()
}

fn start() -> FakeAws {
    FakeAws::start().unwrap()
}

fn body(bytes: usize) -> Fault {
    Fault::respond(Response::builder().body(vec![b' '; bytes]).unwrap())
}

/// The request fails in one of these ways, and nothing of the query is told.
#[track_caller]
fn fails(result: Result<Response<Bytes>, Failure>, kinds: &[Kind], case: &dyn std::fmt::Debug) -> Failure {
    let failure = result.expect_err("there is an answer");
    assert!(kinds.contains(&failure.kind), "{case:?}: {failure:?}");
    for secret in [CANARY, "Action="] {
        assert!(!failure.told.contains(secret), "{case:?}: {failure:?}");
    }
    failure
}

/// Status and headers come as they were sent; only the transport can fail.
pub fn an_answer_of_any_status_is_an_answer(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::proxied(&fake));
    for status in [200, 204, 400, 403, 404, 429, 500, 503] {
        let response = Response::builder().status(status).header("x-note", "kept").body("").unwrap();
        fake.inject(Fault::respond(response).times(1));
        let answer = send(get(HOST)).unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-note"]), (status, &"kept".parse().unwrap()));
    }
    assert_eq!(fake.counts().calls, 8);
}

/// The request line, the headers and the body arrive byte for byte, or the transport refuses before it connects.
pub fn what_arrives_is_what_was_given_or_nothing(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::proxied(&fake));
    let must = [
        "/".to_owned(),
        format!(
            "/?Action=GetCallerIdentity&X-Amz-Credential=AKIA%2F20200107%2Fsts&X-Amz-Date=20200107T080923Z&X={CANARY}"
        ),
        "/?X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=&a=-._~%2B%2F%3D%25%20".to_owned(),
        format!("/?X-Amz-Security-Token={}", "A%2B%2f".repeat(2000)),
    ];
    for path_and_query in must {
        let request = Request::get(format!("https://{HOST}{path_and_query}")).header("x-k8s-aws-id", "a cluster");
        send(request.body(Bytes::new()).unwrap()).unwrap();
        let call = fake.take_calls().pop().unwrap();
        let target = if call.query.is_empty() { call.path } else { format!("{}?{}", call.path, call.query) };
        assert_eq!((call.method.as_str(), target.as_str()), ("GET", path_and_query.as_str()));
        assert_eq!((call.host.as_str(), call.sni.as_deref(), call.body.len()), (HOST, Some(HOST), 0));
        assert_eq!(call.headers["x-k8s-aws-id"], "a cluster");
        for name in ["authorization", "cookie", "referer", "accept-encoding", "content-length", "expect"] {
            assert!(!call.headers.contains_key(name), "{name}");
        }
    }
    let posted = "Action=DescribeInstances&Filter.1.Value.1=i-0123456789abcdef0";
    let request = Request::post(format!("https://{HOST}/")).header("authorization", "AWS4-HMAC-SHA256 x");
    let request = request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    send(request.body(posted.into()).unwrap()).unwrap();
    let call = fake.take_calls().pop().unwrap();
    assert_eq!((call.method.as_str(), &*call.body), ("POST", posted.as_bytes()));
    assert_eq!(call.headers["authorization"], "AWS4-HMAC-SHA256 x");
    assert_eq!(call.headers["content-type"], "application/x-www-form-urlencoded; charset=utf-8");

    // What libraries for URLs like to repair: none of it is ever in a request of ours.
    for (authority, path_and_query) in [
        (HOST, "/?a='b'"),
        (HOST, "/a/../b"),
        (HOST, "/%2e%2e/b"),
        (HOST, "/a//b/./c"),
        (HOST, "/?a={b}|c`d^e"),
        (HOST, "/?"),
        ("STS.eu-west-1.amazonaws.com", "/"),
        ("sts.eu-west-1.amazonaws.com:443", "/"),
        ("user:password@sts.eu-west-1.amazonaws.com", "/"),
    ] {
        let Ok(request) = Request::get(format!("https://{authority}{path_and_query}")).body(Bytes::new()) else {
            continue;
        };
        let connects = fake.counts().connects;
        match send(request) {
            Ok(_) => {
                let call = fake.take_calls().pop().unwrap();
                let target = match path_and_query.split_once('?') {
                    Some((path, query)) => (path, query),
                    None => (path_and_query, ""),
                };
                assert_eq!((call.path.as_str(), call.query.as_str()), target, "{authority}");
                assert!(!call.headers.contains_key("authorization"), "{authority}");
            }
            Err(failure) => {
                assert_eq!((failure.kind, fake.counts().connects), (Kind::Unsendable, connects), "{failure:?}");
                assert!(!failure.told.contains("amazonaws") && !failure.told.contains("password"), "{failure:?}");
            }
        }
    }
}

/// Of no kind, to nowhere.
pub fn a_redirect_is_an_answer_and_is_not_followed(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::proxied(&fake));
    for status in [301, 302, 303, 307, 308] {
        for location in
            ["https://sts.us-east-1.amazonaws.com/", "https://evil.example/", "http://169.254.169.254/", "/x"]
        {
            fake.inject(Fault::redirect(status, location).times(1));
            let answer = send(get(HOST)).unwrap();
            assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (status, &location.parse().unwrap()));
        }
    }
    let counts = fake.counts();
    assert_eq!((counts.calls, counts.calls_to(HOST), counts.connects_refused), (20, 20, 0));
}

/// A body that is too long is an error, and never cut off.
pub fn a_body_may_have_as_many_bytes_as_the_limit_and_not_one_more(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings { max_body: 1000, ..Settings::proxied(&fake) });
    for (fault, bytes) in [(body(0), 0), (body(1000), 1000), (Fault::huge_body(1000), 1000)] {
        fake.inject(fault.times(1));
        assert_eq!(send(get(HOST)).unwrap().body().len(), bytes);
    }
    for fault in [body(1001), Fault::huge_body(1001), Fault::huge_body(10 << 20), Fault::endless_body()] {
        fake.inject(fault.clone().times(1));
        let failure = fails(send(get(HOST)), &[Kind::BodyTooLong { limit: 1000 }], &fault);
        assert_eq!(failure.message, "the answer is longer than 1000 bytes");
    }
}

/// No `Accept-Encoding` is sent, what is compressed stays so, and no cookie comes back.
pub fn nothing_is_decompressed_or_remembered(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::proxied(&fake));
    fake.inject(Fault::gzip_bomb(4 << 20).times(1));
    let answer = send(get(HOST)).unwrap();
    assert_eq!(&answer.body()[..2], b"\x1f\x8b");
    let cookie = Response::builder().header("set-cookie", "a=b; Path=/; Secure").body("").unwrap();
    fake.inject(Fault::respond(cookie).times(1));
    send(get(HOST)).unwrap();
    send(get(HOST)).unwrap();
    for call in fake.calls() {
        assert!(!call.headers.contains_key("accept-encoding") && !call.headers.contains_key("cookie"), "{call:?}");
    }
}

/// Wherever the time goes: the proxy, TLS, the head or the body of the answer.
pub fn the_whole_exchange_has_one_limit(make: Make<'_>) {
    let fake = start();
    for fault in [
        Fault::hold(),
        Fault::drip(1, Duration::from_secs(3600)),
        Fault::continue_flood(None),
        Fault::proxy_holds(),
        Fault::tls_holds(),
    ] {
        let injected = fake.inject(fault);
        let send = make(&Settings { timeout: SHORT, ..Settings::proxied(&fake) });
        let failure = fails(send(get(HOST)), &[Kind::Timeout { limit: SHORT }], &injected);
        assert_eq!(failure.message, "no answer within 0.05 s");
        injected.clear();
    }
}

/// A black hole costs the short limit, not the long one.
pub fn connecting_has_a_limit_of_its_own(make: Make<'_>) {
    let fake = start();
    for fault in [Fault::proxy_holds(), Fault::tls_holds()] {
        let send = make(&Settings { connect_timeout: SHORT, ..Settings::proxied(&fake) });
        let injected = fake.inject(fault);
        fails(send(get(HOST)), &[Kind::Timeout { limit: SHORT }], &injected);
        assert_eq!((injected.hits(), fake.counts().calls), (1, 0));
        injected.clear();
    }
}

/// One connection for many requests to one host; another host has another; a broken one is not used again.
pub fn connections_are_used_again_and_only_for_their_host(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::proxied(&fake));
    for _ in 0..5 {
        send(get(HOST)).unwrap();
    }
    let counts = fake.counts();
    assert_eq!((counts.calls, counts.connections, counts.handshakes, counts.connects), (5, 1, 1, 1));
    send(get("sts.eu-west-2.amazonaws.com")).unwrap();
    assert_eq!(fake.counts().connections, 2);
    fake.inject(Fault::close_mid_body().times(1));
    fails(send(get(HOST)), &[Kind::Broken], &"close_mid_body");
    send(get(HOST)).unwrap();
    assert_eq!(fake.counts().connections, 3);
}

/// On a new connection, and on one that was used before, where HTTP libraries like to try again.
pub fn a_request_that_was_sent_is_not_sent_again(make: Make<'_>) {
    let fake = start();
    for fault in [
        Fault::reset(),
        Fault::reset_mid_body(),
        Fault::close_mid_body(),
        Fault::raw("SSH-2.0\r\n\r\n"),
        Fault::raw(""),
    ] {
        let send = make(&Settings::proxied(&fake));
        for used_before in [false, true] {
            if used_before {
                send(get(HOST)).unwrap();
            }
            let (before, injected) = (fake.counts().calls, fake.inject(fault.clone()));
            fails(send(get(HOST)), &[Kind::Broken], &injected);
            assert_eq!((injected.hits(), fake.counts().calls - before), (1, 1), "{injected:?}, used: {used_before}");
            injected.clear();
        }
    }
}

/// It is told apart from one that breaks: the next request has a new connection.
pub fn a_connection_that_ended_meanwhile_is_no_error(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::proxied(&fake));
    for _ in 0..3 {
        let response = Response::builder().header("connection", "close").body("").unwrap();
        fake.inject(Fault::respond(response).times(1));
        send(get(HOST)).unwrap();
    }
    assert_eq!(fake.counts().calls, 3);
}

/// The certificate has to be the host's, of the given CA, and in force.
pub fn whom_tls_cannot_prove_is_not_spoken_to(make: Make<'_>) {
    let fake = start();
    let proven = [Kind::Connect].as_slice();
    // Not every library tells a handshake that broke off from a connection that broke later.
    let broken_off = [Kind::Connect, Kind::Broken].as_slice();
    for (fault, kinds, message) in [
        (Fault::tls_wrong_name(), proven, "not valid for name"),
        (Fault::tls_untrusted(), proven, "UnknownIssuer"),
        (Fault::tls_expired(), proven, "expired"),
        (Fault::tls_closes(), broken_off, ""),
        (Fault::tls_resets(), broken_off, ""),
    ] {
        let injected = fake.inject(fault);
        let failure = fails(make(&Settings::proxied(&fake))(get(HOST)), kinds, &injected);
        assert!(failure.message.contains(message), "{injected:?}: {failure:?}");
        injected.clear();
    }
    // The roots are those that were given, and no others beside them.
    let other = start();
    let send = make(&Settings { proxy: Some(fake.proxy_url()), ..Settings::direct(&other) });
    fails(send(get(HOST)), proven, &"another CA");
    assert_eq!((fake.counts().calls, other.counts().connections), (0, 0));
}

/// Not even to loopback.
pub fn plain_http_is_not_spoken(make: Make<'_>) {
    let fake = start();
    let send = make(&Settings::direct(&fake));
    let plain = Request::get(format!("http://{}/?{CANARY}", fake.tls_addr())).body(Bytes::new()).unwrap();
    fails(send(plain), &[Kind::Connect, Kind::Unsendable], &"http");
    assert_eq!(fake.counts().connections, 0);
}

/// A listed name stands for itself and for what is under it.
pub fn the_proxy_is_for_all_hosts_but_the_listed_ones(make: Make<'_>) {
    let fake = start();
    // The fake's proxy refuses what is not a host of AWS, and its TLS port is reached without it.
    let here = format!("localhost:{}", fake.tls_addr().port());
    for (no_proxy, direct) in
        [("", false), ("localhost", true), ("example.com, localhost", true), ("*", true), ("amazonaws.com", false)]
    {
        let before = fake.counts();
        let send = make(&Settings { no_proxy: no_proxy.to_owned(), ..Settings::proxied(&fake) });
        let result = send(get(&here));
        let refused = fake.counts().connects_refused - before.connects_refused;
        assert_eq!((result.is_ok(), refused), (direct, u64::from(!direct)), "{no_proxy:?}: {result:?}");
        if !direct {
            fails(result, &[Kind::Connect], &no_proxy);
        }
    }
    make(&Settings::direct(&fake))(get(&here)).unwrap();
    assert_eq!(fake.counts().connects, 0, "no proxy unless told");
}

/// And not a reason to go around it.
pub fn a_proxy_that_fails_is_a_connection_that_did_not_come_about(make: Make<'_>) {
    let fake = start();
    let refused = [Kind::Connect].as_slice();
    let broken_off = [Kind::Connect, Kind::Broken].as_slice();
    for (fault, kinds) in [
        (Fault::proxy_refuses(403), refused),
        (Fault::proxy_refuses(407), refused),
        (Fault::proxy_refuses(502), refused),
        (Fault::proxy_closes(), broken_off),
        (Fault::proxy_resets(), broken_off),
    ] {
        let injected = fake.inject(fault);
        fails(make(&Settings::proxied(&fake))(get(HOST)), kinds, &injected);
        assert_eq!((injected.hits(), fake.counts().calls), (1, 0), "{injected:?}");
        injected.clear();
    }
}

/// `CONNECT` has the host's name and the proxy's own credentials; the request stays inside TLS.
pub fn the_proxy_gets_its_password_and_the_host_and_nothing_else(make: Make<'_>) {
    let fake = start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://user:{CANARY}%2B@{}", listener.local_addr().unwrap());
    let proxy = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    let send = make(&Settings { proxy: Some(url), ..Settings::direct(&fake) });
    fails(send(get(HOST)), &[Kind::Connect], &"407");
    let head = proxy.join().unwrap();
    assert!(head.starts_with(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n")), "{head}");
    // `user:canary7f3a9c+`
    assert!(head.to_lowercase().contains("proxy-authorization: basic "), "{head}");
    assert!(head.contains("dXNlcjpjYW5hcnk3ZjNhOWMr"), "{head}");
    assert!(!head.contains("Action=") && !head.contains(CANARY), "{head}");
}
