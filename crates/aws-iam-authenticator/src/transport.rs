//! The way to AWS: the same for every command.

use crate::Failure;
use bytes::Bytes;
use k8s_aws_auth::identity::StsEndpoint;
use k8s_aws_auth::protect::{LaneKind, Limits};
use k8s_aws_auth_hyper::{Builder, HttpsTransport, SetupError, TransportError};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// The longest that a call to STS may take: a review that waits for one ends within 10 s, before its API server gives up.
const STS_LIMIT: Duration = Duration::from_secs(9);

/// How long a connection to STS is kept for the next call.
const KEPT: Duration = Duration::from_secs(60);

/// HTTPS as the environment says: `HTTPS_PROXY`, `NO_PROXY`, `AWS_CA_BUNDLE`, `SSL_CERT_FILE`.
pub(crate) fn to_aws() -> Result<HttpsTransport, Failure> {
    builder()?.build().map_err(failure)
}

fn builder() -> Result<Builder, Failure> {
    choose_cryptography();
    HttpsTransport::builder().timeout(STS_LIMIT).from_env().map_err(failure)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failure(error: SetupError) -> Failure {
    Failure::new(format!("cannot set up the connection to STS: {error}"))
}

/// The way of the server to STS.
///
/// Whoever makes up tokens chooses the host, of which there are very many. So connections are kept only where somebody was let
/// in: for keys that are known, and to the host by which the last caller came in. A flood over all hosts would fill the memory.
#[derive(Clone)]
pub(crate) struct ToSts {
    pub(crate) kept: HttpsTransport,
    closed: HttpsTransport,
    usual: UsualHost,
}

/// The host of STS by which the last caller came in.
#[derive(Clone, Default)]
pub(crate) struct UsualHost(Arc<Mutex<Option<StsEndpoint>>>);

impl UsualHost {
    /// Somebody was let in by a token for this host.
    pub(crate) fn note(&self, endpoint: &StsEndpoint) {
        let mut usual = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if usual.as_ref() != Some(endpoint) {
            *usual = Some(endpoint.clone());
        }
    }

    fn is(&self, host: Option<&str>) -> bool {
        let usual = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        usual.as_ref().is_some_and(|usual| Some(usual.host()) == host)
    }
}

impl ToSts {
    /// `limits.home` is the host of the cluster's own callers, where that is configured.
    pub(crate) fn new(limits: &Limits) -> Result<Self, Failure> {
        let builder = builder()?;
        let closed = builder.clone().idle_connections(0, Duration::ZERO).build().map_err(failure)?;
        // As many as calls may be under way: with fewer, some of the calls of a busy server would take a TLS handshake each, which costs
        // more than all the rest of a login.
        let calls = limits.known.concurrency + limits.unknown.concurrency;
        let kept = builder.idle_connections(calls, KEPT).build().map_err(failure)?;
        Ok(Self { kept, closed, usual: UsualHost(Arc::new(Mutex::new(limits.home.clone()))) })
    }

    pub(crate) fn usual_host(&self) -> UsualHost {
        self.usual.clone()
    }
}

impl Service<http::Request<Bytes>> for ToSts {
    type Response = http::Response<Bytes>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        match request.extensions().get() {
            Some(LaneKind::Unknown) if !self.usual.is(request.uri().host()) => self.closed.call(request),
            _ => self.kept.call(request),
        }
    }
}

/// The same for the sources of credentials: STS, IAM Identity Center, container endpoints with HTTPS.
pub(crate) fn for_credentials() -> Result<HttpsTransport, SetupError> {
    choose_cryptography();
    HttpsTransport::builder().from_env().and_then(Builder::build)
}

/// The one place that chooses; a second choice in the same process (a test) leaves the first.
pub(crate) fn choose_cryptography() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
