//! A client as plain as can be: `CONNECT`, TLS, one HTTP request; and requests that botocore signed to send with it.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_aws_fake::{Credential, FakeAws, FakeClock, Identity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// When the vectors were signed: 2026-03-01T23:59:59Z.
pub(crate) const SIGNED_AT: u64 = 1_772_409_599;
pub(crate) const HOST: &str = "sts.eu-west-1.amazonaws.com";
const MAX_BODY: usize = 16 * 1024 * 1024;

#[derive(Clone, Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Vector {
    pub(crate) fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../data/botocore_vectors.json")).unwrap()
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::all().into_iter().find(|v| v.name == name).unwrap()
    }

    /// A presigned request to [`HOST`].
    pub(crate) fn presigned() -> Self {
        Self::named("presigned temporary sts.eu-west-1.amazonaws.com prod")
    }

    pub(crate) fn host(&self) -> &str {
        &self.headers.iter().find(|(name, _)| name == "host").unwrap().1
    }

    pub(crate) fn credential(&self) -> Credential {
        match &self.session_token {
            None => Credential::permanent(&self.access_key_id, &self.secret_access_key),
            Some(token) => Credential::temporary(&self.access_key_id, &self.secret_access_key, token),
        }
    }

    /// The request, with `Accept: application/json`.
    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        let target = if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) };
        let mut request = Request::builder().method(self.method.as_str()).uri(target);
        for (name, value) in self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
            request = request.header(name, value);
        }
        request.header("accept", "application/json").body(Full::new(self.body.clone().into())).unwrap()
    }
}

pub(crate) fn clock() -> FakeClock {
    FakeClock::fixed(UNIX_EPOCH + Duration::from_secs(SIGNED_AT))
}

/// A fake at the time of the vectors that knows their credentials.
pub(crate) fn fake() -> FakeAws {
    let fake = FakeAws::builder().clock(&clock()).start().unwrap();
    for vector in Vector::all() {
        fake.add(vector.credential(), identity());
    }
    fake
}

pub(crate) fn identity() -> Identity {
    Identity::assumed_role("111122223333", "developer", "me")
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn arn(&self) -> String {
        self.json()["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"].as_str().unwrap().to_owned()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["Error"]["Code"].as_str().unwrap().to_owned()
    }
}

/// Where a client failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Proxy(String),
    Connect(io::Error),
    Tls(io::Error),
    /// Before the answer's headers.
    Headers(hyper::Error),
    Body(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    /// The kind of the error of the connection that is behind it.
    pub(crate) fn kind(&self) -> Option<io::ErrorKind> {
        let mut error: &(dyn std::error::Error + 'static) = match self {
            Self::Proxy(_) => return None,
            Self::Connect(e) | Self::Tls(e) => return Some(e.kind()),
            Self::Headers(e) => e,
            Self::Body(e) => e.as_ref(),
        };
        loop {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return Some(io.kind());
            }
            error = error.source()?;
        }
    }
}

pub(crate) async fn tunnel(fake: &FakeAws, authority: &str) -> Result<TcpStream, Failure> {
    let mut tcp = TcpStream::connect(fake.proxy_addr()).await.map_err(Failure::Connect)?;
    let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    tcp.write_all(head.as_bytes()).await.map_err(Failure::Connect)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        match tcp.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(e) => return Err(Failure::Connect(e)),
        }
    }
    let line = String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned();
    if line.starts_with("HTTP/1.1 200 ") { Ok(tcp) } else { Err(Failure::Proxy(line)) }
}

pub(crate) async fn tls(
    fake: &FakeAws,
    host: &str,
    tcp: TcpStream,
    alpn: &str,
) -> Result<TlsStream<TcpStream>, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(fake.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(Failure::Tls)
}

pub(crate) async fn connect(fake: &FakeAws, host: &str) -> Result<TlsStream<TcpStream>, Failure> {
    let tcp = tunnel(fake, &format!("{host}:443")).await?;
    tls(fake, host, tcp, "http/1.1").await
}

/// One request over HTTP/1.1 through the proxy.
pub(crate) async fn send(fake: &FakeAws, host: &str, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
    let stream = connect(fake, host).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Headers)?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    let answer = read(answer).await;
    driver.abort();
    answer
}

/// One request over HTTP/2 through the proxy.
pub(crate) async fn send_h2(fake: &FakeAws, host: &str, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
    let tcp = tunnel(fake, &format!("{host}:443")).await?;
    let stream = tls(fake, host, tcp, "h2").await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(Failure::Headers)?;
    let driver = tokio::spawn(connection);
    request.headers_mut().remove("host");
    *request.uri_mut() = format!("https://{host}{}", request.uri()).parse().unwrap();
    let answer = sender.send_request(request).await;
    let answer = read(answer).await;
    driver.abort();
    answer
}

async fn read(answer: hyper::Result<Response<hyper::body::Incoming>>) -> Result<Answer, Failure> {
    let (parts, body) = answer.map_err(Failure::Headers)?.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(Failure::Body)?.to_bytes();
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

/// The presigned request, sent over HTTP/1.1.
pub(crate) async fn ask(fake: &FakeAws) -> Result<Answer, Failure> {
    send(fake, HOST, Vector::presigned().request()).await
}
