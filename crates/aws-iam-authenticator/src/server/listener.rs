//! Connections: accepting, TLS, and letting go.

use super::connection::{self, Received};
use super::connections::{Connection, Connections};
use super::health;
use super::mappings::Mappings;
use super::routes::Routes;
use super::settings::HealthAddress;
use super::unsent::unsent;
use crate::Log;
use http::{Request, StatusCode};
use http_body_util::Full;
use rustls::ServerConfig;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long one request may take, its body and the answer included.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
/// How long requests that are under way may take to end once the program is told to stop.
const DRAIN: Duration = Duration::from_secs(15);
/// The most connections to the plain health port: probes open one at a time.
const MOST_PROBES: usize = 16;

/// Serves until the program is told to stop, and then until the requests under way are answered.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    routes: Arc<Routes>,
    connections: &Arc<Connections>,
    stop: impl Future<Output = &'static str>,
    log: &Arc<Log>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let serve = |accepted: Accepted, connection| {
        tokio::spawn(serve_connection(accepted, acceptor.clone(), routes.clone(), connection))
    };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            signal = &mut stop => {
                log.info("shutting down", &[("signal", signal.into())]);
                break;
            }
            accepted = listener.accept() => match accepted {
                Ok(accepted) => drop(serve(accepted, connections.admit().await)),
                Err(error) => no_room(&error, connections, log).await,
            }
        }
    }
    // Those who have connected already are served, too.
    while let Some(accepted) = accept_if_there(&listener).await {
        serve(accepted, connections.admit().await);
    }
    drop(listener);
    connections.stop();
    connections.closed(DRAIN).await;
}

type Accepted = (TcpStream, SocketAddr);

async fn accept_if_there(listener: &TcpListener) -> Option<Accepted> {
    poll_fn(|cx| match listener.poll_accept(cx) {
        Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Out of file descriptors, most likely: one that is of no use makes room.
async fn no_room(error: &io::Error, connections: &Connections, log: &Log) {
    log.error("cannot accept a connection", &[("error", error.to_string().into())]);
    connections.make_room();
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn serve_connection(
    (stream, client): Accepted,
    acceptor: TlsAcceptor,
    routes: Arc<Routes>,
    connection: Connection,
) {
    let _ = stream.set_nodelay(true);
    let stream = tokio::select! {
        stream = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)) => stream,
        () = connection.told() => return,
    };
    let Ok(Ok(stream)) = stream else { return };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let answer = move |request: Request<Received>| {
        let routes = routes.clone();
        async move { routes.answer_in_time(request, client, REQUEST_LIMIT).await }
    };
    connection::serve(stream, http2, &Arc::new(connection), answer).await;
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
    Some(tokio::spawn(serve_probes(listener, mappings.clone(), log.clone())))
}

async fn serve_probes(listener: TcpListener, mappings: Arc<Mappings>, log: Arc<Log>) {
    let connections = Connections::new(MOST_PROBES);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                no_room(&error, &connections, &log).await;
                continue;
            }
        };
        let (connection, mappings) = (Arc::new(connections.admit().await), mappings.clone());
        tokio::spawn(async move {
            let answer = move |request: Request<Received>| {
                let (method, path) = (request.method(), request.uri().path());
                let answer = health::answer(method, path, &mappings.snapshot(), &mappings.broken());
                let not_found = || health::plain(StatusCode::NOT_FOUND, "not found\n".to_owned());
                let answer = answer.unwrap_or_else(not_found);
                std::future::ready(answer.map(|body| Full::from(unsent(body, request.body().connection()))))
            };
            connection::serve(stream, false, &connection, answer).await;
        });
    }
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
