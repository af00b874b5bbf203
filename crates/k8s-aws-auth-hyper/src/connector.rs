//! How a connection comes about: directly or through a `CONNECT` tunnel, then TLS, all inside one time limit.

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{HttpConnector, proxy::Tunnel};
use hyper_util::client::legacy::{self, Client};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use k8s_aws_auth_transport::{Proxy, Settings, SetupError, TransportError};
use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// What carries the TLS session to AWS: TCP, or TLS to a proxy whose URL is `https://`.
pub(crate) type Carrier = MaybeHttpsStream<TokioIo<TcpStream>>;

/// The client that a transport is a shell of.
pub(crate) fn client(settings: &Settings) -> Result<Client<AwsConnector, Full<Bytes>>, SetupError> {
    let tls = settings.tls()?;
    let proxy = match &settings.proxy {
        Some(proxy) => Some((proxy.clone(), tunnel_of(proxy)?)),
        None => None,
    };
    let mut direct = HttpConnector::new();
    direct.enforce_http(false);
    direct.set_nodelay(true);
    let to_proxy = HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(direct.clone());
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .wrap_connector(ProxyConnector { direct, to_proxy, proxy });
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_for)
        .pool_max_idle_per_host(settings.idle_connections)
        // Nothing is sent twice: this is about requests that never left, because a kept connection had just ended.
        .retry_canceled_requests(true)
        .http1_max_buf_size(32 * 1024)
        .build(AwsConnector { tls: connector, limit: settings.connect_timeout }))
}

/// The proxy's address, and the header for its user and password. Whom it is for is not asked here.
fn tunnel_of(proxy: &Proxy) -> Result<Intercept, SetupError> {
    let matcher = Matcher::builder().https(proxy.url()).build();
    matcher.intercept(&Uri::from_static("https://any.example")).ok_or(SetupError::Proxy)
}

/// What it was that hyper failed of.
pub(crate) fn failure(error: legacy::Error) -> TransportError {
    let connect = error.is_connect();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(timeout) = error.downcast_ref::<ConnectTimeout>() {
            return TransportError::Timeout { limit: timeout.limit };
        }
        // TLS failures come wrapped in an io::Error, which hides its inner error from `source`.
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    if connect { TransportError::Connect(error.into()) } else { TransportError::Broken(error.into()) }
}

/// A connect took too long; travels inside hyper's error to [`failure`].
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", limit.as_secs_f32())]
struct ConnectTimeout {
    limit: Duration,
}

/// Connects to AWS within a time limit.
#[derive(Clone)]
pub(crate) struct AwsConnector {
    tls: HttpsConnector<ProxyConnector>,
    limit: Duration,
}

impl Service<Uri> for AwsConnector {
    type Response = MaybeHttpsStream<Carrier>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tls.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.tls.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(result) => result,
                Err(_) => Err(ConnectTimeout { limit }.into()),
            }
        })
    }
}

/// Connects to the host itself, or to it through the proxy that the settings name for it.
#[derive(Clone)]
pub(crate) struct ProxyConnector {
    direct: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxy: Option<(Proxy, Intercept)>,
}

impl Service<Uri> for ProxyConnector {
    type Response = Carrier;
    type Error = BoxError;
    type Future = BoxFuture<Carrier>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let proxy = self.proxy.as_ref().filter(|(proxy, _)| uri.host().is_none_or(|host| proxy.is_for(host)));
        let Some((_, proxy)) = proxy else {
            let connecting = self.direct.call(uri);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        Box::pin(async move { Ok(tunnel.call(uri).await?) })
    }
}
