//! Every fault, as a client sees it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests of a server, and their helpers"
)]

mod support;

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use k8s_aws_fake::{FakeAws, Fault, Outcome};
use support::{Answer, Failure, HOST, Vector, ask, connect, fake, identity, send, send_h2};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOUR: Duration = Duration::from_secs(3600);

/// What a client gets while the fault is in force; checks that it ends when it is cleared.
async fn under(fake: &FakeAws, fault: Fault) -> Result<Answer, Failure> {
    let name = fault.name();
    let before = fake.counts();
    let injected = fake.inject(fault);
    let seen = ask(fake).await;
    assert_eq!(injected.hits(), 1, "{name}");
    assert_eq!(fake.counts().faults, before.faults + 1, "{name}");
    if fake.counts().calls > before.calls {
        let call = fake.calls().pop().unwrap();
        assert_eq!(call.fault, Some(name));
        assert_eq!(call.outcome, Outcome::Accepted { arn: identity().arn().into() }, "{name}: what it would have been");
    }
    injected.clear();
    assert_eq!(ask(fake).await.unwrap().arn(), identity().arn(), "after {name}");
    assert_eq!(injected.hits(), 1, "{name}");
    seen
}

#[tokio::test]
async fn errors_come_with_status_and_code() {
    let fake = fake();
    for (fault, status, code) in [
        (Fault::throttling(), 400, "Throttling"),
        (Fault::too_many_requests(), 429, "TooManyRequestsException"),
        (Fault::slow_down(), 503, "SlowDown"),
        (Fault::server_error(500), 500, "InternalFailure"),
        (Fault::server_error(503), 503, "ServiceUnavailable"),
        (Fault::error(403, "AccessDenied", "no"), 403, "AccessDenied"),
        (Fault::ok_with_error(), 200, "AccessDenied"),
    ] {
        let answer = under(&fake, fault).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
    }
    for status in [501, 502, 504, 599] {
        let answer = under(&fake, Fault::server_error(status)).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (status, &"text/html".parse().unwrap()));
    }
}

#[tokio::test]
async fn answers_are_replaced() {
    let fake = fake();
    for status in [301, 302, 303, 307, 308] {
        let answer = under(&fake, Fault::redirect(status, "https://evil.example/")).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["location"]),
            (status, &"https://evil.example/".parse().unwrap())
        );
    }
    let answer = under(&fake, Fault::no_content()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert!(std::str::from_utf8(&under(&fake, Fault::garbage()).await.unwrap().body).is_err());
    let scripted = http::Response::builder().status(418).header("x-own", "1").body("teapot").unwrap();
    let answer = under(&fake, Fault::respond(scripted)).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["x-own"], answer.text().as_str()),
        (418, &"1".parse().unwrap(), "teapot")
    );
}

#[tokio::test]
async fn answers_are_spoilt() {
    let fake = fake();
    let good = ask(&fake).await.unwrap().text();
    let answer = under(&fake, Fault::xml()).await.unwrap();
    assert!(answer.text().starts_with("<GetCallerIdentityResponse"));
    let answer = under(&fake, Fault::content_type(Some("text/plain"))).await.unwrap();
    assert_eq!(
        (&answer.headers["content-type"], answer.arn().as_str()),
        (&"text/plain".parse().unwrap(), identity().arn())
    );
    let answer = under(&fake, Fault::content_type(None)).await.unwrap();
    assert!(!answer.headers.contains_key("content-type"));
    let answer = under(&fake, Fault::json_after_json()).await.unwrap();
    assert_eq!(answer.text().len(), good.len() + 2);
    assert!(answer.text().ends_with("}{}"));
    let answer = under(&fake, Fault::append("\n")).await.unwrap();
    assert!(answer.text().ends_with("}\n"));
    let answer = under(&fake, Fault::truncate()).await.unwrap();
    assert_eq!(answer.body.len(), good.len() / 2);
    let answer = under(&fake, Fault::duplicate_keys()).await.unwrap();
    for key in ["\"Arn\":", "\"UserId\":", "\"Account\":"] {
        assert_eq!(answer.text().matches(key).count(), 2, "{key}");
    }
    assert_eq!(answer.arn(), identity().arn(), "the last one is the true one");
    for fault in [Fault::gzip(), Fault::gzip_bomb(1_000_000)] {
        let answer = under(&fake, fault).await.unwrap();
        assert_eq!(answer.headers["content-encoding"], "gzip");
        assert_eq!(answer.body[..3], [0x1f, 0x8b, 8]);
        assert!(answer.body.len() < 10_000);
    }
}

#[tokio::test]
async fn bodies_are_huge_or_endless() {
    let fake = fake();
    for bytes in [0, 5, 10 * 1024 * 1024] {
        let answer = under(&fake, Fault::huge_body(bytes)).await.unwrap();
        assert_eq!(answer.headers["content-length"], bytes.to_string());
        assert_eq!(answer.body.len() as u64, bytes);
    }
    match under(&fake, Fault::endless_body()).await {
        Err(Failure::Body(error)) => assert!(error.is::<http_body_util::LengthLimitError>(), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reset_is_one_and_comes_before_the_headers() {
    let fake = fake();
    match under(&fake, Fault::reset()).await.unwrap_err() {
        failure @ Failure::Headers(_) => assert_eq!(failure.kind(), Some(ErrorKind::ConnectionReset)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bodies_break_off_with_a_reset_or_an_end() {
    let fake = fake();
    let cases =
        [(Fault::reset_mid_body(), ErrorKind::ConnectionReset), (Fault::close_mid_body(), ErrorKind::UnexpectedEof)];
    for (fault, want) in cases {
        let injected = fake.inject(fault);
        let mut stream = connect(&fake, HOST).await.unwrap();
        stream.write_all(&on_the_wire()).await.unwrap();
        let mut answer = Vec::new();
        let error = stream.read_to_end(&mut answer).await.unwrap_err();
        assert_eq!(error.kind(), want);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
        injected.clear();
    }
}

#[tokio::test]
async fn http_2_connections_break_too() {
    let fake = fake();
    for fault in [Fault::reset(), Fault::reset_mid_body(), Fault::close_mid_body(), Fault::raw("x")] {
        let (name, injected) = (fault.name(), fake.inject(fault));
        assert!(send_h2(&fake, HOST, Vector::presigned().request()).await.is_err(), "{name}");
        assert_eq!(injected.hits(), 1, "{name}");
        injected.clear();
    }
    let answer = send_h2(&fake, HOST, Vector::presigned().request()).await.unwrap();
    assert_eq!(answer.arn(), identity().arn());
}

#[tokio::test]
async fn an_answer_that_is_held_comes_when_the_fault_is_cleared() {
    let fake = fake();
    let injected = fake.inject(Fault::hold().times(1));
    let (held, ()) = tokio::join!(ask(&fake), async {
        fake.wait_for_calls(1).await;
        // The fault is used up: others are served while this one waits.
        assert_eq!(ask(&fake).await.unwrap().status, 200);
        injected.clear();
    });
    assert_eq!(held.unwrap().arn(), identity().arn());
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_held_answer_is_let_go() {
    let fake = fake();
    fake.inject(Fault::hold());
    tokio::select! {
        answer = ask(&fake) => panic!("{answer:?}"),
        () = fake.wait_for_calls(1) => {}
    }
    fake.wait_until(|counts| counts.connections_open() == 0).await;
}

#[tokio::test]
async fn a_slow_answer_comes_late_or_never() {
    let fake = fake();
    assert_eq!(under(&fake, Fault::slow(Duration::from_millis(1))).await.unwrap().arn(), identity().arn());
    fake.inject(Fault::slow(HOUR));
    tokio::select! {
        answer = ask(&fake) => panic!("{answer:?}"),
        () = fake.wait_for_calls(3) => {}
    }
}

#[tokio::test]
async fn a_dripping_body_comes_in_pieces() {
    let fake = fake();
    assert_eq!(under(&fake, Fault::drip(7, Duration::from_millis(1))).await.unwrap().arn(), identity().arn());
    fake.inject(Fault::drip(16, HOUR));
    let stream = connect(&fake, HOST).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut body = sender.send_request(Vector::presigned().request()).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first.len(), 16);
    driver.abort();
}

#[tokio::test]
async fn a_flood_of_continues_comes_before_the_answer_or_never_ends() {
    let fake = fake();
    assert_eq!(under(&fake, Fault::continue_flood(Some(50))).await.unwrap().arn(), identity().arn());
    let unit = "HTTP/1.1 100 Continue\r\n\r\n";
    fake.inject(Fault::continue_flood(Some(3)).times(1));
    fake.inject(Fault::continue_flood(None).times(1));
    for (units, then) in [(3, "HTTP/1.1 200 OK\r\n"), (20_000, unit)] {
        let mut stream = connect(&fake, HOST).await.unwrap();
        stream.write_all(&on_the_wire()).await.unwrap();
        let mut answer = vec![0; units * unit.len() + then.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), unit.repeat(units) + then);
    }
}

#[tokio::test]
async fn raw_bytes_are_all_there_is() {
    let fake = fake();
    fake.inject(Fault::raw("HTP/1.1 2x0\r\n\r\n"));
    assert!(matches!(ask(&fake).await, Err(Failure::Headers(e)) if e.is_parse()));
    let mut stream = connect(&fake, HOST).await.unwrap();
    stream.write_all(&on_the_wire()).await.unwrap();
    let mut answer = Vec::new();
    assert_eq!(stream.read_to_end(&mut answer).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(answer, b"HTP/1.1 2x0\r\n\r\n");
}

#[tokio::test]
async fn handshakes_fail_in_every_way() {
    let fake = fake();
    let kind = async |fault: Fault| match under(&fake, fault).await.unwrap_err() {
        Failure::Tls(error) => (error.kind(), error.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(Fault::tls_closes()).await.0, ErrorKind::UnexpectedEof);
    assert_eq!(kind(Fault::tls_resets()).await.0, ErrorKind::ConnectionReset);
    for (fault, want) in [
        (Fault::tls_wrong_name(), "not valid for name"),
        (Fault::tls_untrusted(), "UnknownIssuer"),
        (Fault::tls_expired(), "expired"),
    ] {
        let (_, message) = kind(fault).await;
        assert!(message.contains(want), "{message}");
    }
    fake.wait_until(|counts| counts.handshakes_failed == 5).await;
}

#[tokio::test]
async fn a_session_of_before_does_not_save_a_client_from_a_bad_certificate() {
    let fake = fake();
    let mut roots = rustls::RootCertStore::empty();
    let ca = rustls::pki_types::pem::PemObject::from_pem_slice(fake.ca_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let exchange = async || {
        let tcp = support::tunnel(&fake, &format!("{HOST}:443")).await.unwrap();
        let mut stream = connector.connect(HOST.try_into().unwrap(), tcp).await?;
        stream.write_all(&on_the_wire()).await.unwrap();
        // With an answer comes the ticket by which the session could be taken up again.
        stream.read_u8().await.map(|_| stream.get_ref().1.handshake_kind())
    };
    exchange().await.unwrap();
    assert_eq!(exchange().await.unwrap(), Some(rustls::HandshakeKind::Resumed));
    fake.inject(Fault::tls_wrong_name());
    assert_eq!(exchange().await.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn the_proxy_fails_in_every_way() {
    let fake = fake();
    for (status, want) in [(403, "403 Forbidden"), (407, "407 Proxy Authentication Required"), (502, "502 Bad Gateway")]
    {
        match under(&fake, Fault::proxy_refuses(status)).await.unwrap_err() {
            Failure::Proxy(line) => assert_eq!(line, format!("HTTP/1.1 {want}")),
            other => panic!("{other:?}"),
        }
    }
    let cases =
        [(Fault::proxy_closes(), ErrorKind::UnexpectedEof), (Fault::proxy_resets(), ErrorKind::ConnectionReset)];
    for (fault, want) in cases {
        match under(&fake, fault).await.unwrap_err() {
            Failure::Connect(error) => assert_eq!(error.kind(), want),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fake.counts().connects_refused, 5);
}

#[tokio::test]
async fn a_tunnel_or_handshake_that_is_held_goes_on_when_the_fault_is_cleared() {
    let fake = fake();
    for (i, fault) in [Fault::proxy_holds(), Fault::tls_holds()].into_iter().enumerate() {
        let injected = fake.inject(fault);
        let (held, ()) = tokio::join!(ask(&fake), async {
            fake.wait_until(|counts| counts.faults == i as u64 + 1).await;
            injected.clear();
        });
        assert_eq!(held.unwrap().arn(), identity().arn());
    }
}

#[tokio::test]
async fn a_fault_applies_where_it_was_put_and_as_often() {
    let fake = fake();
    let status = async |host: &str| {
        let vector = Vector::named(&format!("presigned permanent {host} prod"));
        send(&fake, host, vector.request()).await.unwrap().status.as_u16()
    };
    let (global, regional, dual) = ("sts.amazonaws.com", HOST, "sts.us-west-2.api.aws");

    fake.inject(Fault::slow_down().on_host("STS.eu-west-1.amazonaws.com"));
    assert_eq!((status(regional).await, status(global).await, status(dual).await), (503, 200, 200));
    fake.clear_faults();

    fake.inject(Fault::slow_down().in_region("us-west-2"));
    fake.inject(Fault::throttling().in_region("us-east-1"));
    assert_eq!((status(regional).await, status(global).await, status(dual).await), (200, 400, 503));
    fake.clear_faults();

    fake.inject(Fault::slow_down().on_action("AssumeRole"));
    assert_eq!(status(global).await, 200);
    fake.inject(Fault::slow_down().on_action("GetCallerIdentity"));
    assert_eq!(status(global).await, 503);
    fake.clear_faults();

    // One after the other, in the order in which they were put in force.
    let first = fake.inject(Fault::throttling().times(2));
    let second = fake.inject(Fault::server_error(502).times(1));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(status(regional).await);
    }
    assert_eq!(seen, [400, 400, 502, 200]);
    assert_eq!((first.hits(), second.hits()), (2, 1));
}

/// The presigned request as HTTP/1.1 has it.
fn on_the_wire() -> Bytes {
    let request = Vector::presigned().request();
    let mut text = format!("GET {} HTTP/1.1\r\n", request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    Bytes::from(text + "\r\n")
}
