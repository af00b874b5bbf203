//! The token on every request.

use super::tokens::{State, Tokens};
use aws_credential_types::provider::SharedCredentialsProvider;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use k8s_aws_presign::{ClusterId, StsEndpoint};
use kube::client::Body;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;
use tokio::sync::Mutex;
use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;

/// A layer for [`kube::client::ClientBuilder`] that puts a token of its own on every request.
///
/// The token is minted at the first request and again a minute before its end, which is 14 minutes after signing or the end
/// of the credentials. Clones, and the services that they make, share it.
#[derive(Clone)]
pub struct TokenLayer {
    tokens: Arc<Tokens>,
}

impl TokenLayer {
    /// Mints tokens for a cluster with these credentials, to be checked at this STS endpoint. Takes the system's clock.
    pub fn new(credentials: SharedCredentialsProvider, endpoint: StsEndpoint, cluster: ClusterId) -> Self {
        Self::with_clock(credentials, endpoint, cluster, SystemTime::now)
    }

    /// The same with another clock.
    pub fn with_clock(
        credentials: SharedCredentialsProvider,
        endpoint: StsEndpoint,
        cluster: ClusterId,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State::default());
        Self { tokens: Arc::new(Tokens { credentials, endpoint, cluster, clock: Arc::new(clock), state }) }
    }
}

impl fmt::Debug for TokenLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenLayer")
    }
}

impl<S> Layer<S> for TokenLayer {
    type Service = TokenService<S>;

    fn layer(&self, inner: S) -> TokenService<S> {
        TokenService { tokens: self.tokens.clone(), inner: Arc::new(Mutex::new(inner)) }
    }
}

/// The service of a [`TokenLayer`].
pub struct TokenService<S> {
    tokens: Arc<Tokens>,
    /// Locked while a request is handed over, never while it is answered: kube's own service cannot be cloned.
    inner: Arc<Mutex<S>>,
}

impl<S, B> Service<Request<Body>> for TokenService<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send> + Send + 'static,
    B: Send,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (tokens, inner) = (self.tokens.clone(), self.inner.clone());
        Box::pin(async move {
            let header = tokens.header().await?;
            request.headers_mut().insert(AUTHORIZATION, header.clone());
            let answer = {
                let mut inner = inner.lock().await;
                poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
                inner.call(request)
            };
            let answer = answer.await.map_err(Into::into)?;
            if answer.status() == StatusCode::UNAUTHORIZED {
                tokens.refused(&header).await;
            }
            Ok(answer)
        })
    }
}
