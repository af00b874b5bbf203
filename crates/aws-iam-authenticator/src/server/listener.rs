//! Connections: accepting, TLS, HTTP, and letting go.

use super::health;
use super::mappings::Mappings;
use super::routes::Routes;
use super::settings::HealthAddress;
use crate::Log;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::{conn::auto, graceful::GracefulShutdown};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake, or the headers of a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one request may take, its body and the answer included.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
/// How long requests that are under way may take to end once the program is told to stop.
const DRAIN: Duration = Duration::from_secs(15);

/// Serves until the program is told to stop, and then until the requests under way are answered.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    routes: Arc<Routes>,
    stop: impl Future<Output = &'static str>,
    log: &Arc<Log>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = Arc::new(GracefulShutdown::new());
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            signal = &mut stop => {
                log.info("shutting down", &[("signal", signal.into())]);
                break;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let (acceptor, routes, watcher) = (acceptor.clone(), routes.clone(), graceful.watcher());
                    tokio::spawn(async move { serve_connection(stream, client, acceptor, routes, watcher).await });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: the connections there are must end first.
                    log.error("cannot accept a connection", &[("error", error.to_string().into())]);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    if let Ok(graceful) = Arc::try_unwrap(graceful) {
        let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    }
}

async fn serve_connection(
    stream: TcpStream,
    client: SocketAddr,
    acceptor: TlsAcceptor,
    routes: Arc<Routes>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else {
        return;
    };
    let service = service_fn(move |request| {
        let routes = routes.clone();
        async move {
            let answer = tokio::time::timeout(REQUEST_LIMIT, routes.answer(request, client)).await;
            let late = |_| health::plain(StatusCode::REQUEST_TIMEOUT, "the request took too long\n".to_owned());
            Ok::<_, Infallible>(answer.unwrap_or_else(late))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(32 * 1024);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100).max_header_list_size(16 * 1024);
    let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await;
}

/// The port for plain `GET /healthz` that the Go program has.
const HEALTH_PORT: u16 = 21363;

/// Starts the plain health port. Where it is taken the webhook serves all the same, and says so.
pub(super) async fn spawn_health(
    address: HealthAddress,
    mappings: &Arc<Mappings>,
    log: &Arc<Log>,
) -> Option<JoinHandle<()>> {
    let bound = match address {
        HealthAddress::At(address) => TcpListener::bind(address).await,
        HealthAddress::Everywhere => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, HEALTH_PORT)).await {
            Ok(listener) => Ok(listener),
            // A host without IPv6, or a taken port, which this finds out too.
            Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, HEALTH_PORT)).await,
        },
    };
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            log.error("healthz server exited", &[("error", error.to_string().into())]);
            return None;
        }
    };
    if let Ok(address) = listener.local_addr() {
        log.info("listening", &[("address", address.to_string().into()), ("path", "/healthz".into())]);
    }
    let mappings = mappings.clone();
    Some(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mappings = mappings.clone();
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let answer = health::answer(request.method(), request.uri().path(), &mappings.snapshot());
                    let not_found = || health::plain(StatusCode::NOT_FOUND, "not found\n".to_owned());
                    std::future::ready(Ok::<_, Infallible>(answer.unwrap_or_else(not_found)))
                });
                let mut builder = hyper::server::conn::http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }))
}

/// Ends with the name of the signal that tells the program to stop. Signals are taken from this call on; one before it would
/// end the program at once, with requests under way.
pub(super) fn told_to_stop() -> impl Future<Output = &'static str> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    async move {
        #[cfg(unix)]
        if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
            return tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" };
        }
        let _ = tokio::signal::ctrl_c().await;
        "interrupt"
    }
}
