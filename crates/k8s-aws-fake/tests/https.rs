//! What a client sees through the proxy and TLS when nothing goes wrong on purpose, and what the fake records.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests of a server, and their helpers"
)]

mod support;

use std::time::{Duration, UNIX_EPOCH};

use http::{Method, Version};
use k8s_aws_fake::{FakeAws, Identity, Outcome, samples};
use support::{HOST, Vector, ask, clock, connect, fake, identity, send, send_h2, tls, tunnel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn every_request_that_botocore_signed_is_answered_over_http_1_and_http_2() {
    let fake = fake();
    for vector in Vector::all() {
        let answer = send(&fake, vector.host(), vector.request()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.arn()), (200, identity().arn().to_owned()), "{}", vector.name);
        let answer = send_h2(&fake, vector.host(), vector.request()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.arn()), (200, identity().arn().to_owned()), "{}", vector.name);
    }
    let counts = fake.counts();
    assert_eq!(counts.calls, 2 * Vector::all().len() as u64);
    assert_eq!(counts.connects, counts.calls);
    assert_eq!(counts.calls_by_action["GetCallerIdentity"], counts.calls);
}

#[tokio::test]
async fn the_answer_is_json_or_xml_as_the_client_wants() {
    let fake = fake();
    let json = ask(&fake).await.unwrap();
    assert_eq!(json.headers["content-type"], "application/json");
    let id = json.headers["x-amzn-requestid"].to_str().unwrap();
    assert_eq!(
        json.text(),
        format!(
            r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Arn":"{}","UserId":"{}","Account":"111122223333"}},"ResponseMetadata":{{"RequestId":"{id}"}}}}}}"#,
            identity().arn(),
            identity().user_id()
        )
    );
    let mut request = Vector::presigned().request();
    request.headers_mut().remove("accept");
    let xml = send(&fake, HOST, request).await.unwrap();
    assert_eq!(xml.headers["content-type"], "text/xml");
    assert!(xml.text().starts_with("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"));
    assert!(xml.text().contains(&format!("<Arn>{}</Arn>", identity().arn())));
}

#[tokio::test]
async fn every_sample_of_the_partition_is_reported_as_it_is() {
    let fake = fake();
    for sample in samples::all().into_iter().filter(|s| s.identity.partition() == "aws") {
        fake.add(Vector::presigned().credential(), sample.identity.clone());
        let answer = ask(&fake).await.unwrap().json();
        let result = &answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
        assert_eq!(result["Arn"], sample.identity.arn());
        assert_eq!(result["UserId"], sample.identity.user_id());
        assert_eq!(result["Account"], sample.identity.account());
    }
}

#[tokio::test]
async fn credentials_come_and_go_and_expire_at_run_time() {
    let clock = clock();
    let fake = FakeAws::builder().clock(&clock).start().unwrap();
    let vector = Vector::presigned();
    let code = async || match ask(&fake).await.unwrap() {
        answer if answer.status == 200 => "accepted".to_owned(),
        answer => format!("{} {}", answer.status.as_u16(), answer.code()),
    };
    assert_eq!(code().await, "403 InvalidClientTokenId");
    fake.add(vector.credential(), identity());
    assert_eq!(code().await, "accepted");
    assert!(fake.set_expiry(&vector.access_key_id, Some(clock.now())));
    assert_eq!(code().await, "403 ExpiredToken");
    assert!(fake.set_expiry(&vector.access_key_id, None));
    assert_eq!(code().await, "accepted");
    clock.advance(Duration::from_secs(901));
    assert_eq!(code().await, "403 SignatureDoesNotMatch");
    clock.set(UNIX_EPOCH + Duration::from_secs(support::SIGNED_AT - 901));
    assert_eq!(code().await, "403 SignatureDoesNotMatch");
    assert!(fake.remove(&vector.access_key_id));
    clock.set(UNIX_EPOCH + Duration::from_secs(support::SIGNED_AT));
    assert_eq!(code().await, "403 InvalidClientTokenId");
}

#[tokio::test]
async fn issued_credentials_are_of_the_right_sort_and_differ() {
    let fake = fake();
    let user = fake.issue(Identity::user("111122223333", "/", "new"));
    let role = fake.issue(identity());
    let other = fake.issue(identity());
    assert!(user.access_key_id().starts_with("AKIA") && user.session_token().is_none());
    assert!(role.access_key_id().starts_with("ASIA") && role.session_token().is_some());
    assert_eq!((user.access_key_id().len(), role.access_key_id().len()), (20, 20));
    assert_ne!(role.access_key_id(), other.access_key_id());
    assert_eq!(
        role.env().iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    );
}

#[tokio::test]
async fn requests_that_sts_refuses_are_refused_with_its_codes() {
    let fake = fake();
    let signed = Vector::presigned();
    let cases = [
        ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15".to_owned(), "403 MissingAuthenticationToken"),
        ("GET", format!("/?{}", signed.query.replace("Action=Get", "Action=Set")), "400 InvalidAction"),
        ("GET", format!("/?{}", signed.query.replace("2011-06-15", "2011-06-16")), "400 InvalidAction"),
        ("GET", format!("/?{}", signed.query.replace("&Version=2011-06-15", "")), "400 InvalidAction"),
        ("GET", format!("/?{}&Action=GetCallerIdentity", signed.query), "404 MalformedQueryString"),
        ("GET", format!("/?{}&x=%zz", signed.query), "404 MalformedQueryString"),
        ("GET", format!("/?{}", signed.query.replace("AWS4-HMAC-SHA256", "none")), "400 IncompleteSignature"),
        ("POST", "/".to_owned(), "400 MissingAction"),
        ("POST", format!("/?{}", signed.query), "403 SignatureDoesNotMatch"),
    ];
    for (method, target, want) in cases {
        let mut request = signed.request();
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = target.parse().unwrap();
        let answer = send(&fake, HOST, request).await.unwrap();
        assert_eq!(format!("{} {}", answer.status.as_u16(), answer.code()), want, "{method} {target}");
    }
    let fits = format!("/?{}&x={}", signed.query, "x".repeat(16 * 1024 - signed.query.len() - "/?&x=".len()));
    for (target, want) in
        [(fits.clone(), 403), (format!("{fits}x"), 413), (format!("/x?{}", signed.query), 404), ("/".to_owned(), 302)]
    {
        let mut request = signed.request();
        *request.uri_mut() = target.parse().unwrap();
        let answer = send(&fake, HOST, request).await.unwrap();
        assert_eq!(answer.status.as_u16(), want, "{} bytes", target.len());
    }
    let other = send(&fake, "s3.eu-west-1.amazonaws.com", {
        let mut request = signed.request();
        request.headers_mut().insert("host", "s3.eu-west-1.amazonaws.com".parse().unwrap());
        request
    });
    assert_eq!(other.await.unwrap().status, 404, "a service that the fake does not have");
}

#[tokio::test]
async fn a_signature_is_bound_to_host_and_cluster() {
    let fake = fake();
    for (header, value) in [("x-k8s-aws-id", "dev"), ("host", "sts.us-east-1.amazonaws.com")] {
        let mut request = Vector::presigned().request();
        request.headers_mut().insert(header, value.parse().unwrap());
        assert_eq!(send(&fake, HOST, request).await.unwrap().code(), "SignatureDoesNotMatch", "{header}");
    }
    let mut request = Vector::presigned().request();
    request.headers_mut().remove("x-k8s-aws-id");
    assert_eq!(send(&fake, HOST, request).await.unwrap().code(), "SignatureDoesNotMatch");
}

#[tokio::test]
async fn the_proxy_lets_nothing_out() {
    let fake = fake();
    let authorities =
        ["example.com:443", "sts.amazonaws.com:80", "127.0.0.1:443", "sts.amazonaws.com.evil.example:443"];
    for authority in authorities {
        match tunnel(&fake, authority).await {
            Err(support::Failure::Proxy(line)) => assert_eq!(line, "HTTP/1.1 403 Forbidden", "{authority}"),
            other => panic!("{authority}: {other:?}"),
        }
    }
    let mut tcp = TcpStream::connect(fake.proxy_addr()).await.unwrap();
    tcp.write_all(b"GET http://sts.amazonaws.com/ HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "));
    let counts = fake.counts();
    assert_eq!((counts.connects, counts.connects_refused), (0, 1 + authorities.len() as u64));
}

#[tokio::test]
async fn a_proxy_client_that_speaks_tls_at_once_is_understood() {
    let fake = fake();
    // The ClientHello in one piece with the CONNECT request, as a client may send that trusts its luck.
    let mut hello = Vec::new();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = HOST.try_into().unwrap();
    rustls::ClientConnection::new(config.into(), name).unwrap().write_tls(&mut hello).unwrap();
    let mut tcp = TcpStream::connect(fake.proxy_addr()).await.unwrap();
    let head = format!("CONNECT {HOST}:443 HTTP/1.1\r\n\r\n");
    tcp.write_all(&[head.as_bytes(), &hello].concat()).await.unwrap();
    let mut answer = vec![0; "HTTP/1.1 200 Connection established\r\n\r\n".len() + 1];
    tcp.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer.last(), Some(&0x16), "a TLS handshake record follows");
}

#[tokio::test]
async fn tls_is_spoken_without_the_proxy_too() {
    let fake = fake();
    let tcp = TcpStream::connect(fake.tls_addr()).await.unwrap();
    let mut stream = tls(&fake, HOST, tcp, "http/1.1").await.unwrap();
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 302 Found\r\n"), "{answer}");
    assert_eq!(fake.counts().connects, 0);
}

#[tokio::test]
async fn a_connection_is_kept_for_more_requests() {
    let fake = fake();
    let mut stream = connect(&fake, HOST).await.unwrap();
    for _ in 0..3 {
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    }
    assert_eq!((fake.counts().connections, fake.counts().calls), (1, 3));
}

#[tokio::test]
async fn requests_are_recorded_with_what_became_of_them() {
    let fake = fake();
    ask(&fake).await.unwrap();
    let mut request = Vector::presigned().request();
    request.headers_mut().insert("x-k8s-aws-id", "dev".parse().unwrap());
    send_h2(&fake, HOST, request).await.unwrap();
    let calls = fake.calls();
    assert_eq!(calls.len(), 2);
    let first = &calls[0];
    assert_eq!((first.sni.as_deref(), first.host.as_str()), (Some(HOST), HOST));
    assert_eq!((&first.method, first.path.as_str(), first.version), (&Method::GET, "/", Version::HTTP_11));
    assert_eq!(first.query, Vector::presigned().query);
    assert_eq!(first.headers["x-k8s-aws-id"], "prod");
    assert_eq!(first.action, Some("GetCallerIdentity"));
    assert_eq!(first.outcome, Outcome::Accepted { arn: identity().arn().to_owned() });
    assert_eq!(calls[1].outcome, Outcome::Refused { status: 403, code: "SignatureDoesNotMatch" });
    assert_eq!((calls[1].version, calls[1].host.as_str()), (Version::HTTP_2, HOST));
    assert!(!format!("{calls:?}").contains("X-Amz-Signature"));
    assert_eq!(fake.counts().calls_to(HOST), 2);
    assert_eq!(fake.take_calls().len(), 2);
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn only_as_many_requests_are_kept_as_was_asked_for() {
    for (limit, want) in [(0, 0), (2, 2)] {
        let fake = FakeAws::builder().record_limit(limit).clock(&clock()).start().unwrap();
        for _ in 0..3 {
            ask(&fake).await.unwrap();
        }
        assert_eq!((fake.calls().len(), fake.counts().calls), (want, 3));
    }
}
