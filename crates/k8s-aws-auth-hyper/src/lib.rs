//! An HTTPS transport to AWS on hyper and rustls, made for verifiers of tokens.
//!
//! [`HttpsTransport`] sends an `http::Request<Bytes>` and gives back an `http::Response<Bytes>`; it is a
//! [`tower_service::Service`] too. It knows nothing of tokens: any call to AWS may go through it.
//!
//! # Guarantees
//!
//! * What is sent is what was given; what would be altered, a user in the URL, is [refused](TransportError::Unsendable).
//! * `https` only, over TLS 1.2 or 1.3, the certificate verified against the roots it was given.
//! * No redirect is followed, nothing is sent twice, no answer is decompressed.
//! * Connecting takes at most [`Builder::connect_timeout`] (3 s), a whole exchange at most [`Builder::timeout`] (10 s), and a
//!   body at most [`Builder::max_body`] bytes (64 KiB): more is an error, never a cut-off body. ([`StreamingTransport`] leaves
//!   the limits of a body to whoever reads it.)
//! * Connections are kept and used again; `HTTPS_PROXY` is honoured by a `CONNECT` tunnel, so the proxy sees host names only.
//! * Errors name what failed and never a URL.
//!
//! # Not in scope
//!
//! Retries, limits, and judging answers. The cryptography of rustls is the program's choice: install a default
//! `rustls::crypto::CryptoProvider`, or hand one to [`Builder::crypto_provider`].
//!
//! ```no_run
//! # async fn example(request: http::Request<bytes::Bytes>) -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_aws_auth_hyper::HttpsTransport;
//!
//! // Proxy and CA bundle as the environment says: HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, SSL_CERT_FILE.
//! let transport = HttpsTransport::builder().from_env()?.build()?;
//! let answer = transport.send(request).await?;
//! println!("{}", answer.status());
//! # Ok(())
//! # }
//! ```
//!
//! Settings and errors are those of `k8s-aws-auth-transport`, the same for all transports of this family.
//!
//! # Errors
//!
//! [`TransportError`] for a request without an answer and [`SetupError`] for settings that are no good. An answer of any status is no
//! error: judging it is `k8s-aws-sts`'s and `k8s-aws-ec2`'s.

mod connector;
mod streaming;

pub use k8s_aws_auth_transport::{SetupError, TransportError};
pub use streaming::StreamingTransport;

use bytes::Bytes;
use connector::{AwsConnector, failure};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use k8s_aws_auth_transport::{Settings, sendable};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The settings of a transport, a [`k8s_aws_auth_transport::Builder`]; [`HttpsTransport::builder`] starts with the defaults.
pub type Builder = k8s_aws_auth_transport::Builder<HttpsTransport>;

/// The transport. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpsTransport {
    // It has some hundred bytes, and every call that waits has a clone of it.
    client: Arc<Client<AwsConnector, Full<Bytes>>>,
    timeout: Duration,
    max_body: usize,
}

impl HttpsTransport {
    /// Starts with the defaults: no proxy, no roots yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Sends a request and reads the whole answer, inside the time and size limits.
    ///
    /// # Errors
    /// [`TransportError`]; an answer of any status is no error.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let exchange = self.exchange(request);
        let limit = self.timeout;
        tokio::time::timeout(limit, exchange).await.map_err(|_| TransportError::Timeout { limit })?
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let (head, body) = self.head(request).await?.into_parts();
        match Limited::new(body, self.max_body).collect().await {
            Ok(body) => Ok(http::Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(TransportError::BodyTooLong { limit: self.max_body }),
            Err(error) => Err(TransportError::Broken(error)),
        }
    }

    /// Sends a request and waits for the head of the answer.
    fn head(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Incoming>, TransportError>> + use<> {
        let sendable = sendable(request.uri()).map(drop);
        let answer = sendable.map(|()| self.client.request(request.map(Full::new)));
        async { answer?.await.map_err(failure) }
    }
}

impl TryFrom<Settings> for HttpsTransport {
    type Error = SetupError;

    fn try_from(settings: Settings) -> Result<Self, SetupError> {
        let client = Arc::new(connector::client(&settings)?);
        Ok(Self { client, timeout: settings.timeout, max_body: settings.max_body })
    }
}

impl tower_service::Service<http::Request<Bytes>> for HttpsTransport {
    type Response = http::Response<Bytes>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move { transport.send(request).await })
    }
}

impl std::fmt::Debug for HttpsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsTransport").field("timeout", &self.timeout).field("max_body", &self.max_body).finish()
    }
}
