//! The listener, and the way of a request through the fake.

use crate::answer::{answer, refuse};
use crate::fault::{Fault, Faults};
use crate::record::{Journal, Recorded};
use crate::resource::Target;
use crate::store::{Refusal, Store};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

/// The largest request body: what etcd takes, doubled.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// Knows who the bearer of a token is: a `UserInfo`. No token is asked about as none.
pub(crate) type Authenticate = Box<dyn Fn(Option<&str>) -> Option<Value> + Send + Sync>;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) store: Mutex<Store>,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) down: AtomicBool,
    /// Objects changed.
    pub(crate) changed: watch::Sender<()>,
    /// Watches are to end.
    pub(crate) watches_end: watch::Sender<()>,
    /// Connections are to break.
    pub(crate) breaks: watch::Sender<()>,
    pub(crate) authenticate: RwLock<Authenticate>,
}

impl Shared {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn authenticate(&self, token: Option<&str>) -> Option<Value> {
        (self.authenticate.read().unwrap_or_else(PoisonError::into_inner))(token)
    }
}

/// Lets everybody in who has one of these tokens; with no tokens, everybody.
pub(crate) fn by_tokens(tokens: Vec<String>) -> Authenticate {
    let user = |name: &str| json!({"username": name, "groups": ["system:authenticated"]});
    Box::new(move |token| match token {
        _ if tokens.is_empty() => Some(user("anybody")),
        Some(token) if tokens.iter().any(|t| t == token) => Some(user("bearer")),
        _ => None,
    })
}

pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                if shared.down.load(Ordering::SeqCst) {
                    continue;
                }
                let _ = tcp.set_nodelay(true);
                tokio::spawn(connection(shared.clone(), tcp, tls.clone()));
            }
            // A client that left, or no file descriptors: then trying again at once would only burn the processor.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn connection(shared: Arc<Shared>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
    match tls {
        None => serve(shared, tcp).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(tcp).await {
                serve(shared, stream).await;
            }
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let mut breaks = shared.breaks.subscribe();
    // A fault that closes the connection says so here.
    let (close, mut closed) = mpsc::channel(1);
    let service = service_fn(move |request| handle(shared.clone(), close.clone(), request));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // How it ends is of no interest to anybody.
    tokio::select! { _ = serving => {}, _ = breaks.changed() => {}, _ = closed.recv() => {} }
}

async fn handle(
    shared: Arc<Shared>,
    close: mpsc::Sender<()>,
    request: Request<Incoming>,
) -> Result<Response<FakeBody>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map(http_body_util::Collected::to_bytes);
    let (target, request) = {
        let store = shared.store();
        let target = Target::parse(head.uri.path(), &store.resources);
        let content = body.as_ref().cloned().unwrap_or_default();
        let request = Recorded::of(&head, content, target.as_ref(), &store.resources);
        (target, request)
    };
    shared.journal.add(request.clone());
    match shared.faults.of(&request) {
        None if body.is_err() => Ok(refuse(&Refusal::new(413, "the body is too large"))),
        None => Ok(answer(&shared, &request, target)),
        Some((Fault::Status(code), _)) => Ok(refuse(&Refusal::new(code, "a fault of the fake"))),
        Some((Fault::Body(text), _)) => Ok(Response::new(FakeBody::Whole(Some(text.into())))),
        Some((Fault::Hang, mut cleared)) => {
            let _ = cleared.changed().await;
            hang_up(&close).await
        }
        Some((Fault::Close, _)) => hang_up(&close).await,
    }
}

/// Ends the connection without an answer.
async fn hang_up<T>(close: &mpsc::Sender<()>) -> T {
    let _ = close.send(()).await;
    std::future::pending().await
}

/// The body of an answer.
pub(crate) enum FakeBody {
    Whole(Option<Bytes>),
    /// The lines of a watch; it ends when nobody sends any more.
    Watch(mpsc::Receiver<Bytes>),
}

impl Body for FakeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Watch(lines) => lines.poll_recv(cx).map(|line| line.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }
}
