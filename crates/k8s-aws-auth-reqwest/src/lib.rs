//! An HTTPS transport to AWS on reqwest, made for verifiers of tokens in programs that have reqwest already.
//!
//! [`ReqwestTransport`] sends an `http::Request<Bytes>` and gives back an `http::Response<Bytes>`; it is a
//! [`tower_service::Service`] too. It knows nothing of tokens: any call to AWS may go through it.
//!
//! # Guarantees
//!
//! * **What is sent is what was given, byte for byte, or nothing.** reqwest reads every URL with the `url` crate, which rewrites
//!   some: an apostrophe in a query, dots in a path, capitals in a host. A request that would come out otherwise than it went in is
//!   [refused](TransportError::Unsendable) before anything is connected. No request of the `k8s-aws-*` crates is such a one.
//! * `https` only, over TLS 1.2 or 1.3, the certificate verified against the roots it was given.
//! * No redirect is followed, nothing is sent twice, no answer is decompressed, no cookie is kept: whatever features of reqwest the
//!   rest of the program switches on.
//! * Connecting takes at most [`Builder::connect_timeout`] (3 s), a whole exchange at most [`Builder::timeout`] (10 s), and a
//!   body at most [`Builder::max_body`] bytes (64 KiB): more is an error, never a cut-off body.
//! * Connections are kept and used again; a proxy is gone through by a `CONNECT` tunnel, so it sees host names only.
//! * Errors name what failed and never a URL; nothing of the URL but its host is logged, at any level.
//!
//! The headers are those of the request, and `accept: */*` where it has no `accept`.
//!
//! # Not in scope
//!
//! Retries, limits, and judging answers. A `reqwest::Client` of your own cannot be looked into, so none is taken: it may follow
//! redirects. The cryptography of rustls is the program's choice: install a default `rustls::crypto::CryptoProvider`, or hand one
//! to [`Builder::crypto_provider`]. Timers are tokio's.
//!
//! ```no_run
//! # async fn example(request: http::Request<bytes::Bytes>) -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_aws_auth_reqwest::ReqwestTransport;
//!
//! // Proxy and CA bundle as the environment says: HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, SSL_CERT_FILE.
//! let transport = ReqwestTransport::builder().from_env()?.build()?;
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

mod client;

pub use k8s_aws_auth_transport::{SetupError, TransportError};

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use k8s_aws_auth_transport::{Settings, sendable};
use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// The settings of a transport, a [`k8s_aws_auth_transport::Builder`]; [`ReqwestTransport::builder`] starts with the defaults.
pub type Builder = k8s_aws_auth_transport::Builder<ReqwestTransport>;

/// The transport. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    connect_timeout: Duration,
    timeout: Duration,
    max_body: usize,
}

impl ReqwestTransport {
    /// Starts with the defaults: no proxy, no roots yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Sends a request and reads the whole answer, inside the time and size limits.
    ///
    /// # Errors
    /// [`TransportError`]; an answer of any status is no error.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let mut answer = self.client.execute(exactly(request)?).await.map_err(|error| self.failure(error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failure(error))? {
            if chunk.len() > self.max_body - body.len() {
                return Err(TransportError::BodyTooLong { limit: self.max_body });
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = http::Response::new(body.freeze());
        (*response.status_mut(), *response.version_mut()) = (answer.status(), answer.version());
        *response.headers_mut() = mem::take(answer.headers_mut());
        Ok(response)
    }

    fn failure(&self, error: reqwest::Error) -> TransportError {
        // What reqwest says of the URL is a bearer secret.
        let error = error.without_url();
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => TransportError::Timeout { limit: self.connect_timeout },
            (true, false) => TransportError::Timeout { limit: self.timeout },
            (false, true) => TransportError::Connect(error.into()),
            (false, false) => TransportError::Broken(error.into()),
        }
    }
}

/// The request as reqwest has it, if it is still the same: the host, the path and the query are compared with what went in.
fn exactly(request: http::Request<Bytes>) -> Result<reqwest::Request, TransportError> {
    let uri = request.uri().clone();
    let (authority, path_and_query) = (sendable(&uri)?, uri.path_and_query().map_or("", PathAndQuery::as_str));
    let altered = TransportError::Unsendable("reqwest would send another URL than this");
    let Ok(request) = reqwest::Request::try_from(request) else {
        return Err(altered);
    };
    let same = request
        .url()
        .as_str()
        .strip_prefix("https://")
        .and_then(|rest| rest.strip_prefix(authority.as_str()))
        .is_some_and(|rest| rest == path_and_query);
    if same { Ok(request) } else { Err(altered) }
}

impl TryFrom<Settings> for ReqwestTransport {
    type Error = SetupError;

    fn try_from(settings: Settings) -> Result<Self, SetupError> {
        let client = client::client(&settings)?;
        let Settings { connect_timeout, timeout, max_body, .. } = settings;
        Ok(Self { client, connect_timeout, timeout, max_body })
    }
}

impl tower_service::Service<http::Request<Bytes>> for ReqwestTransport {
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

impl std::fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReqwestTransport").field("timeout", &self.timeout).field("max_body", &self.max_body).finish()
    }
}
