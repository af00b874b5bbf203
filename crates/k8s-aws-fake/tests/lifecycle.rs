//! Where a fake can be started, and that nothing is left of it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests of a server, and their helpers"
)]

mod support;

use std::time::Duration;

use k8s_aws_fake::{FakeAws, Fault};
use support::{HOST, Vector, ask, clock, connect, fake, identity, send};
use tokio::io::AsyncReadExt;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn blocking_code_can_use_it() {
    let fake = fake();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(ask(&fake)).unwrap();
        });
        assert!(fake.wait_for_calls_blocking(1, LONG));
    });
    assert!(!fake.wait_for_calls_blocking(2, Duration::ZERO), "there was one call only");
    assert!(fake.wait_until_blocking(|counts| counts.calls_to(HOST) == 1, Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn async_code_on_threads_can_use_it() {
    let fake = fake();
    assert_eq!(ask(&fake).await.unwrap().arn(), identity().arn());
}

#[tokio::test]
async fn dropping_it_ends_whatever_waits() {
    let fake = fake();
    fake.inject(Fault::hold().times(1));
    fake.inject(Fault::slow(Duration::from_secs(3600)).times(1));
    fake.inject(Fault::endless_body().times(1));
    fake.inject(Fault::tls_holds().on_host("sts.amazonaws.com"));
    fake.inject(Fault::proxy_holds().on_host("sts.us-west-2.api.aws"));
    let mut clients = Vec::new();
    for i in 0..3 {
        let mut stream = connect(&fake, HOST).await.unwrap();
        let request = format!("GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        fake.wait_for_calls(i + 1).await;
        clients.push(stream);
    }
    let held = {
        let (tls_addr, proxy_addr) = (fake.tls_addr(), fake.proxy_addr());
        let mut proxy = tokio::net::TcpStream::connect(proxy_addr).await.unwrap();
        let connect = b"CONNECT sts.us-west-2.api.aws:443 HTTP/1.1\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut proxy, connect).await.unwrap();
        let idle = tokio::net::TcpStream::connect(tls_addr).await.unwrap();
        fake.wait_until(|counts| counts.faults == 4 && counts.connections == 5).await;
        [proxy, idle]
    };
    drop(fake);
    for mut client in clients {
        assert!(tokio::io::copy(&mut client, &mut tokio::io::sink()).await.is_err(), "cut off");
    }
    for mut client in held {
        let end = client.read_u8().await.unwrap_err().kind();
        assert!(matches!(end, std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset), "{end:?}");
    }
}

#[test]
fn threads_and_files_are_gone_after_it() {
    for threads in [1, 3] {
        let fake = FakeAws::builder().worker_threads(threads).start().unwrap();
        let ca = fake.ca_file();
        assert_eq!(std::fs::read_to_string(&ca).unwrap(), fake.ca_pem());
        drop(fake);
        assert!(!ca.parent().unwrap().exists());
    }
}

#[tokio::test]
async fn several_run_side_by_side_and_know_nothing_of_each_other() {
    let (one, two) = (fake(), FakeAws::builder().clock(&clock()).without_samples().start().unwrap());
    assert_ne!(one.proxy_url(), two.proxy_url());
    assert_ne!(one.ca_pem(), two.ca_pem());
    assert_eq!(ask(&one).await.unwrap().status, 200);
    assert_eq!(ask(&two).await.unwrap().status, 403);
    assert_eq!((one.counts().calls, two.counts().calls), (1, 1));
}

#[tokio::test]
async fn counters_tell_when_connections_open_and_close() {
    let fake = fake();
    let stream = connect(&fake, HOST).await.unwrap();
    fake.wait_until(|counts| counts.handshakes == 1).await;
    assert_eq!(fake.counts().connections_open(), 1);
    drop(stream);
    fake.wait_until(|counts| counts.connections_open() == 0).await;
    assert_eq!((fake.counts().connections, fake.counts().connections_closed), (1, 1));
}

#[tokio::test]
async fn without_http_2_clients_get_http_1() {
    let fake = FakeAws::builder().http1_only().clock(&clock()).start().unwrap();
    let tcp = support::tunnel(&fake, &format!("{HOST}:443")).await.unwrap();
    assert!(support::tls(&fake, HOST, tcp, "h2").await.is_err(), "a client that wants nothing else");
    assert_eq!(send(&fake, HOST, Vector::presigned().request()).await.unwrap().status, 403);
}

#[tokio::test]
async fn the_environment_leads_to_the_fake() {
    let fake = fake();
    let env = fake.env();
    let get = |wanted: &str| env.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!(get("HTTPS_PROXY"), fake.proxy_url());
    assert_eq!(get("https_proxy"), format!("http://{}", fake.proxy_addr()));
    assert_eq!((get("NO_PROXY"), get("no_proxy")), ("", ""));
    assert_eq!(std::fs::read_to_string(get("AWS_CA_BUNDLE")).unwrap(), fake.ca_pem());
    assert_eq!(get("SSL_CERT_FILE"), get("AWS_CA_BUNDLE"));
    assert_eq!(get("AWS_EC2_METADATA_DISABLED"), "true");
    for file in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        assert_eq!(std::fs::read_to_string(get(file)).unwrap(), "");
    }
}
