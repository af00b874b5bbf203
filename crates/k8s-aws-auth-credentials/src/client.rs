//! The HTTP client under aws-config: `https` by the project's own transport, plain `http` straight to this host's helpers.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::uri::Scheme;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector as TcpConnector};
use hyper_util::rt::TokioExecutor;
use k8s_aws_auth_hyper::{HttpsTransport, SetupError, TransportError};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

type Make = dyn Fn() -> Result<HttpsTransport, SetupError> + Send + Sync;

/// Answers of metadata services have a few kilobytes.
const MAX_BODY: usize = 64 * 1024;
/// For a plain connection whose user sets no limits of its own.
const PLAIN_LIMIT: Duration = Duration::from_secs(5);

/// The transport, made when it is first used: reading the system's CA certificates takes longer than all the rest of a login
/// that needs none of them.
#[derive(Clone)]
pub(crate) struct SdkClient(Arc<Lazy>);

struct Lazy {
    make: Box<Make>,
    made: OnceLock<Result<HttpsTransport, String>>,
}

impl SdkClient {
    pub(crate) fn new(make: impl Fn() -> Result<HttpsTransport, SetupError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Lazy { make: Box::new(make), made: OnceLock::new() }))
    }

    fn transport(&self) -> Result<HttpsTransport, ConnectorError> {
        let made = self.0.made.get_or_init(|| (self.0.make)().map_err(|error| error.to_string()));
        made.clone().map_err(|error| ConnectorError::user(error.into()))
    }
}

impl fmt::Debug for SdkClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkClient")
    }
}

impl HttpClient for SdkClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { client: self.clone(), settings: settings.clone() })
    }
}

#[derive(Clone, Debug)]
struct Connector {
    client: SdkClient,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move { connector.exchange(request).await })
    }
}

impl Connector {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        // Every request of these services is a few parameters in memory.
        let body = body.bytes().ok_or_else(|| ConnectorError::user("a streamed request".into()))?;
        let body = Bytes::copy_from_slice(body);
        let request = http::Request::from_parts(head, body);
        let answer = if request.uri().scheme() == Some(&Scheme::HTTP) {
            self.plainly(request).await?
        } else {
            self.client.transport()?.send(request).await.map_err(of_transport)?
        };
        HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
    }

    /// Metadata services of instances and containers speak plain HTTP on link-local addresses. No proxy can reach those, and
    /// what they tell is for nobody else, so none is asked, whatever the environment says.
    async fn plainly(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, ConnectorError> {
        let mut tcp = TcpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.settings.connect_timeout().unwrap_or(PLAIN_LIMIT)));
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(tcp);
        let exchange = async {
            let answer = client.request(request.map(Full::new)).await.map_err(|error| {
                let timed_out = within(&error, |cause| {
                    cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
                });
                if timed_out { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await.map_err(ConnectorError::io)?;
            Ok(http::Response::from_parts(head, body.to_bytes()))
        };
        let connect = self.settings.connect_timeout().unwrap_or(PLAIN_LIMIT);
        let limit = connect + self.settings.read_timeout().unwrap_or(PLAIN_LIMIT);
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or_else(|_| Err(ConnectorError::timeout(TransportError::Timeout { limit }.into())))
    }
}

fn of_transport(error: TransportError) -> ConnectorError {
    match error {
        TransportError::Timeout { .. } => ConnectorError::timeout(error.into()),
        TransportError::BodyTooLong { .. } => ConnectorError::other(error.into(), None),
        _ => ConnectorError::io(error.into()),
    }
}

fn within(error: &(dyn std::error::Error + 'static), is: impl Fn(&(dyn std::error::Error + 'static)) -> bool) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if is(error) {
            return true;
        }
        cause = error.source();
    }
    false
}
