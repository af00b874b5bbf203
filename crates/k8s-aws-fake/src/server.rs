//! The TLS listener and what is behind it: the handshake, HTTP, and the way of a request through the fake.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::answer::answer;
use crate::body::FakeBody;
use crate::clock::FakeClock;
use crate::directory::Directory;
use crate::fault::TlsFault;
use crate::instances::Instances;
use crate::issuer::Issuer;
use crate::record::{Call, Journal, Outcome};
use crate::reply::Verdict;
use crate::rules::Rules;
use crate::service::{self, Decision};
use crate::sigv4::Received;

use crate::tls::Tls;
use crate::wire::{Control, Socket, Tap};

/// The body of the largest request that AWS's front end reads here.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) tls: Tls,
    pub(crate) directory: Directory,
    pub(crate) instances: Instances,
    pub(crate) issuer: Issuer,
    pub(crate) rules: Arc<Rules>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) clock: FakeClock,
    pub(crate) requests: AtomicU64,
}

/// Accepts connections for ever and gives each a task of its own.
pub(crate) async fn accept<F, Fut>(listener: TcpListener, shared: Arc<Shared>, serve: F)
where
    F: Fn(Arc<Shared>, TcpStream) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                shared.journal.count(|c| c.connections += 1);
                // Without it answers would wait for the client's acknowledgements.
                let _ = tcp.set_nodelay(true);
                tokio::spawn(serve(shared.clone(), tcp));
            }
            // A client that left, or no file descriptors: then trying again at once would only burn the processor.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Serves a connection that began at the TLS listener.
pub(crate) async fn serve_tcp(shared: Arc<Shared>, tcp: TcpStream) {
    let (control, journal) = (Arc::default(), shared.journal.clone());
    serve(shared, Socket { tcp, prefix: Bytes::new(), control, journal }).await;
}

/// Serves a connection on which the client is about to start TLS. How it ends is of no interest to anybody.
pub(crate) async fn serve(shared: Arc<Shared>, socket: Socket) {
    let control = socket.control.clone();
    match handshake(&shared, socket).await {
        Ok(stream) => {
            shared.journal.count(|c| c.handshakes += 1);
            serve_http(shared, stream, control).await;
        }
        Err(_) => shared.journal.count(|c| c.handshakes_failed += 1),
    }
}

async fn handshake(shared: &Shared, socket: Socket) -> io::Result<TlsStream<Socket>> {
    let control = socket.control.clone();
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket).await?;
    let fault = shared.rules.on_handshake(start.client_hello().server_name().unwrap_or_default());
    let config = match fault {
        None => &shared.tls.good,
        Some((_, TlsFault::WrongName)) => &shared.tls.wrong_name,
        Some((_, TlsFault::Untrusted)) => &shared.tls.untrusted,
        Some((_, TlsFault::Expired)) => &shared.tls.expired,
        Some((rule, TlsFault::Hold)) => {
            rule.cleared().await;
            &shared.tls.good
        }
        Some((_, fault @ (TlsFault::Close | TlsFault::Reset))) => {
            control.set_reset(matches!(fault, TlsFault::Reset));
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    };
    start.into_stream(config.clone()).await
}

async fn serve_http(shared: Arc<Shared>, stream: TlsStream<Socket>, control: Arc<Control>) {
    let session = stream.get_ref().1;
    let http2 = session.alpn_protocol() == Some(b"h2");
    let sni: Option<Arc<str>> = session.server_name().map(Arc::from);
    let io = TokioIo::new(Tap { inner: stream, control: control.clone() });
    let service = {
        let control = control.clone();
        service_fn(move |request| handle(shared.clone(), control.clone(), sni.clone(), request))
    };
    // An error here is a client that left or a fault that did what it should.
    if http2 {
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service);
        tokio::select! { biased; _ = connection => {}, () = control.killed() => {} }
    } else {
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
        tokio::select! { biased; _ = connection => {}, () = control.killed() => {} }
    }
}

async fn handle(
    shared: Arc<Shared>,
    control: Arc<Control>,
    sni: Option<Arc<str>>,
    request: Request<Incoming>,
) -> Result<Response<FakeBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = if body.is_end_stream() {
        Some(Bytes::new())
    } else {
        Limited::new(body, MAX_BODY_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
    };
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = parts.headers.get(header::HOST).and_then(|h| h.to_str().ok()).or(authority).unwrap_or_default();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let decision = match &body {
        Some(body) => {
            let (method, headers) = (parts.method.as_str(), &parts.headers);
            let received = Received { method, path, query, host, headers, body };
            service::dispatch(&received, &shared.directory, &shared.instances, &shared.issuer, shared.clock.now())
        }
        None => Decision::too_large(),
    };
    let Decision { action, caller, verdict, format } = decision;
    let fault = shared.rules.on_answer(host, action);
    let call = shared.journal.keeps_calls().then(|| Call {
        sni: sni.as_deref().map(str::to_owned),
        host: host.to_owned(),
        method: parts.method.clone(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parts.headers.clone(),
        body: body.unwrap_or_default(),
        version: parts.version,
        action,
        outcome: outcome(caller, &verdict),
        fault: fault.as_ref().map(|(rule, _)| rule.fault.name()),
    });
    shared.journal.call(call, |counts| counts.call(host, action, fault.is_some()));
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("00000000-0000-4000-8000-{number:012x}");
    answer(verdict, format, &request_id, fault, &control).await
}

fn outcome(caller: Option<String>, verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Answer(_) | Verdict::Document(_) | Verdict::Json(_) => {
            Outcome::Accepted { arn: caller.unwrap_or_default() }
        }
        Verdict::Refusal(refusal) => Outcome::Refused { status: refusal.status, code: refusal.code },
        Verdict::FrontEnd(status, ..) => Outcome::FrontEnd { status: *status },
    }
}
