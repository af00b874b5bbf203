//! What an API server does: reads the webhook kubeconfig, trusts the certificate in it, and posts.

use super::{PATIENCE, lock};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Version, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_aws_auth::mapping::tree::Tree;
use k8s_aws_auth_hyper::HttpsTransport;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

pub(crate) struct Http {
    runtime: Runtime,
    transport: HttpsTransport,
    certificate: Vec<u8>,
    pub(crate) url: String,
    bodies: Mutex<Vec<Bytes>>,
}

pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

fn secured(config: Arc<ClientConfig>, tcp: TcpStream) -> TlsStream {
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap(), tcp)
}

fn connect(config: Arc<ClientConfig>, address: SocketAddr, request: &[u8]) -> TlsStream {
    let mut stream = secured(config, TcpStream::connect(address).unwrap());
    // A server that answers early closes before it has read everything; what it said still counts.
    let _ = stream.write_all(request).and_then(|()| stream.flush());
    stream
}

/// Trusts one certificate.
#[derive(Debug)]
struct Pinned(CertificateDer<'static>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        assert_eq!(*end_entity, self.0, "the server has another certificate");
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &aws_lc_rs::default_provider().signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &aws_lc_rs::default_provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Http {
    pub(crate) fn from_kubeconfig(path: &Path) -> Self {
        let tree = Tree::from_yaml(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cluster = tree.root().and_then(|root| root.get("clusters")?.as_list()?.first()?.get("cluster")).unwrap();
        let value = |key| cluster.get(key).and_then(|node| node.as_str()).unwrap();
        Self::new(&STANDARD.decode(value("certificate-authority-data")).unwrap(), value("server"))
    }

    /// Trusts this certificate alone.
    pub(crate) fn new(certificate: &[u8], url: &str) -> Self {
        // Several tests of one process do this; the first choice stays.
        let _ = aws_lc_rs::default_provider().install_default();
        let transport = HttpsTransport::builder().roots_pem(certificate).unwrap();
        let transport = transport.connect_timeout(PATIENCE).timeout(PATIENCE).max_body(1 << 20).build().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let bodies = Mutex::default();
        Self { runtime, transport, certificate: certificate.to_vec(), url: url.to_owned(), bodies }
    }

    /// Another client that trusts the same.
    pub(crate) fn another(&self) -> Self {
        Self::new(&self.certificate, &self.url)
    }

    pub(crate) fn post(&self, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(&self.url).header(CONTENT_TYPE, "application/json").body(body.into()).unwrap();
        self.send(request)
    }

    /// A request without a body to another path of the server.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Answer {
        let url = self.url.replace("/authenticate", path);
        self.send(Request::builder().method(method).uri(url).body(Bytes::new()).unwrap())
    }

    pub(crate) fn send(&self, request: Request<Bytes>) -> Answer {
        self.try_send(request).expect("an answer of the server")
    }

    /// None where the server cannot be reached.
    pub(crate) fn try_send(&self, request: Request<Bytes>) -> Option<Answer> {
        let (head, body) = self.runtime.block_on(self.transport.send(request)).ok()?.into_parts();
        // Once the runtime's one thread has nothing before this to do, the connection is there for the next request. Otherwise that
        // would open another one, on a busy machine, and connections are what some tests count.
        self.runtime.block_on(self.runtime.spawn(async {})).ok()?;
        lock(&self.bodies).push(body.clone());
        Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Every body that was answered.
    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        lock(&self.bodies).clone()
    }

    /// A client's settings that trust the server.
    pub(crate) fn tls(&self, alpn: &[&[u8]]) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder().with_root_certificates(self.roots()).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// A connection with one of these versions of TLS, over which one of these protocols is offered.
    pub(crate) fn open_with(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> TlsStream {
        let mut config = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        connect(Arc::new(config), address, b"")
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.certificate) {
            roots.add(certificate.unwrap()).unwrap();
        }
        roots
    }

    /// Bytes as they are over TLS, and the connection that they went over.
    pub(crate) fn open(&self, address: SocketAddr, request: &[u8]) -> TlsStream {
        connect(self.tls(&[]), address, request)
    }

    /// A connection of which next to nothing is on its way: what is written was read, or is about to be.
    pub(crate) fn open_without_room(&self, address: SocketAddr) -> TlsStream {
        let tcp = self.runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_send_buffer_size(4096).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        });
        tcp.set_nonblocking(false).unwrap();
        secured(self.tls(&[]), tcp)
    }

    /// Bytes as they are over TLS, and what comes back until the server closes.
    pub(crate) fn raw(&self, address: SocketAddr, request: &[u8]) -> String {
        self.read(self.open(address, request))
    }

    fn read(&self, mut stream: TlsStream) -> String {
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(n) = stream.read(&mut chunk) {
            if n == 0 {
                break;
            }
            answer.extend_from_slice(&chunk[..n]);
        }
        lock(&self.bodies).push(answer.clone().into());
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Posts over TLS that trusts the one certificate itself, be it a CA's or not, as Go programs do.
    pub(crate) fn post_pinned(&self, address: SocketAddr, body: &str) -> String {
        let pinned = CertificateDer::pem_slice_iter(&self.certificate).next().unwrap().unwrap();
        let config = ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(Pinned(pinned)));
        let head = format!(
            "POST /authenticate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let stream = connect(Arc::new(config.with_no_client_auth()), address, format!("{head}{body}").as_bytes());
        self.read(stream)
    }

    /// Posts over HTTP/2, which API servers choose where they can.
    pub(crate) fn post_over_http2(&self, address: SocketAddr, body: String) -> (Version, u16, Bytes) {
        let tls = TlsConnector::from(self.tls(&[b"h2"]));
        self.runtime.block_on(async {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            let stream = TokioIo::new(tls.connect("localhost".try_into().unwrap(), tcp).await.unwrap());
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            let request = Request::post(&self.url).header(CONTENT_TYPE, "application/json");
            let answer = sender.send_request(request.body(Full::<Bytes>::from(body)).unwrap()).await.unwrap();
            let (head, body) = answer.into_parts();
            (head.version, head.status.as_u16(), body.collect().await.unwrap().to_bytes())
        })
    }
}
