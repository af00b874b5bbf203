//! What API servers do to a webhook, as fast or as often as told.

use super::process::{Result, Server, Usage};
use super::tokens::Bearer;
use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::UnixTime;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How the requests reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// HTTP/1.1, each worker keeps its connection.
    KeepAlive,
    /// HTTP/1.1, a connection and a TLS handshake for each request.
    New,
    /// HTTP/2, all workers share so many connections, as API servers do.
    Http2(usize),
}

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each worker sends as soon as it has the last answer, for this long.
    Saturate(Duration),
    /// So many a second, for this long, whether answers come or not.
    Rate(f64, Duration),
    /// Each token once, all at once; again after a second where it was not let in, [`ATTEMPTS`] times at most.
    Once,
}

const ATTEMPTS: usize = 60;

/// A load.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) connections: Connections,
    pub(crate) pace: Pace,
    /// Requests that may be under way at the same time.
    pub(crate) workers: usize,
    pub(crate) tokens: Arc<Vec<Bearer>>,
}

/// What came of a load.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Answers that were the right ones.
    pub(crate) right: usize,
    /// Answers that were not, and requests without one.
    pub(crate) wrong: usize,
    /// Requests that were made once more.
    pub(crate) again: usize,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// How long each answer took, sorted, in microseconds.
    pub(crate) latencies: Vec<u32>,
    /// The server's processor time for the load.
    pub(crate) cpu: Duration,
    /// The server at the end of it.
    pub(crate) usage: Usage,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.right as f64 / self.took.as_secs_f64()
    }

    /// The server's processor time for each review, in microseconds.
    pub(crate) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.right.max(1) as f64
    }

    /// The latency that this share of the answers did not exceed, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(index.saturating_sub(1)).map_or(f64::NAN, |&micros| f64::from(micros) / 1e3)
    }
}

/// Puts `load` on `server`.
pub(crate) async fn run(load: &Load, server: &Server) -> Result<Measured> {
    let target = Arc::new(Target::new(server, matches!(load.connections, Connections::Http2(_)))?);
    let shared = match load.connections {
        Connections::Http2(connections) => {
            let mut senders = Vec::new();
            for _ in 0..connections {
                senders.push(target.http2().await?);
            }
            senders
        }
        _ => Vec::new(),
    };
    server.reset_peak()?;
    let before = server.usage()?;
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let workers: Vec<_> = (0..load.workers)
        .map(|n| {
            let worker = Worker { target: target.clone(), load: load.clone(), next: next.clone(), started };
            let shared = shared.get(n % shared.len().max(1)).cloned();
            tokio::spawn(worker.work(shared))
        })
        .collect();
    let (mut right, mut wrong, mut again, mut latencies) = (0, 0, 0, Vec::new());
    for worker in workers {
        let done = worker.await?;
        right += done.latencies.len();
        wrong += done.wrong;
        again += done.again;
        latencies.extend(done.latencies);
    }
    let took = started.elapsed();
    let usage = server.usage()?;
    latencies.sort_unstable();
    Ok(Measured { right, wrong, again, took, latencies, cpu: usage.cpu - before.cpu, usage })
}

#[derive(Default)]
struct Done {
    latencies: Vec<u32>,
    wrong: usize,
    again: usize,
}

struct Worker {
    target: Arc<Target>,
    load: Load,
    next: Arc<AtomicUsize>,
    started: Instant,
}

/// A connection that requests can be sent over.
enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Worker {
    async fn work(self, shared: Option<http2::SendRequest<Full<Bytes>>>) -> Done {
        let attempts = if matches!(self.load.pace, Pace::Once) { ATTEMPTS } else { 1 };
        let mut done = Done::default();
        let mut connection = shared.clone().map(Connection::Http2);
        while let Some(turn) = self.turn().await {
            let Bearer { token, let_in: wanted } = &self.load.tokens[turn % self.load.tokens.len()];
            let sent = Instant::now();
            let mut answer = self.ask(&mut connection, token).await;
            for _ in 1..attempts {
                if matches!(answer, Ok(let_in) if let_in == *wanted) {
                    break;
                }
                done.again += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
                answer = self.ask(&mut connection, token).await;
            }
            match answer {
                Ok(let_in) if let_in == *wanted => {
                    done.latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                _ => {
                    done.wrong += 1;
                    connection = shared.clone().map(Connection::Http2);
                }
            }
            if self.load.connections == Connections::New {
                connection = None;
            }
        }
        done
    }

    /// Waits for the next request's time; nothing once there is no more to do.
    async fn turn(&self) -> Option<usize> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        match self.load.pace {
            Pace::Saturate(duration) => (self.started.elapsed() < duration).then_some(turn),
            Pace::Once => (turn < self.load.tokens.len()).then_some(turn),
            Pace::Rate(per_second, duration) => {
                let due = Duration::from_secs_f64(turn as f64 / per_second);
                tokio::time::sleep_until((self.started + due).into()).await;
                (due < duration).then_some(turn)
            }
        }
    }

    /// Posts one review: whether the bearer was let in.
    async fn ask(&self, connection: &mut Option<Connection>, token: &str) -> Result<bool> {
        if connection.is_none() {
            *connection = Some(Connection::Http1(self.target.http1().await?));
        }
        let review = format!(
            r#"{{"apiVersion":"authentication.k8s.io/v1beta1","kind":"TokenReview","spec":{{"token":"{token}"}}}}"#
        );
        let request = Request::post(&self.target.uri)
            .header(http::header::HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(review)))?;
        let answer = match connection {
            Some(Connection::Http1(sender)) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Some(Connection::Http2(sender)) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            None => return Err("no connection".into()),
        };
        let body = answer.into_body().collect().await?.to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body)?;
        Ok(body["status"]["authenticated"] == true)
    }
}

/// Where the server is, and what its clients trust.
struct Target {
    port: u16,
    uri: String,
    tls: TlsConnector,
}

impl Target {
    fn new(server: &Server, http2: bool) -> Result<Self> {
        let certificate = CertificateDer::from_pem_slice(&server.certificate()?)?;
        let provider = CryptoProvider::get_default().cloned().ok_or("no TLS provider is chosen")?;
        let pinned = Arc::new(Pinned { certificate, provider });
        let mut config =
            ClientConfig::builder().dangerous().with_custom_certificate_verifier(pinned).with_no_client_auth();
        config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        // A new connection is to be a whole handshake.
        config.resumption = rustls::client::Resumption::disabled();
        let path = if http2 { format!("https://localhost:{}", server.port) } else { String::new() };
        Ok(Self { port: server.port, uri: format!("{path}/authenticate"), tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn connect(&self) -> Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(TokioIo::new(self.tls.connect(ServerName::try_from("localhost")?, tcp).await?))
    }

    async fn http1(&self) -> Result<http1::SendRequest<Full<Bytes>>> {
        let (sender, connection) = http1::handshake(self.connect().await?).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn http2(&self) -> Result<http2::SendRequest<Full<Bytes>>> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), self.connect().await?).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Trusts the one certificate of the server. The Go program's is a CA's, which no verifier of rustls takes for a server's.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, TlsError> {
        match *shown == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(TlsError::General("another certificate".to_owned())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
