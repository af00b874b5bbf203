use super::authorization::{Shown, shown};
use super::future::ResponseFuture;
use crate::{Driver, Malformed, Transport};
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use k8s_aws_auth::sts::ClusterId;
use k8s_aws_auth::{Authenticated, Event, Outcome};
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower_service::Service;

/// When to ask again, in seconds, where nothing definite could be said.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Lets nobody through to `S` who does not bear a token of a known user. See [`BearerLayer`](super::BearerLayer).
pub struct Bearer<S, T: Transport> {
    inner: S,
    driver: Driver<T>,
    cluster: ClusterId,
}

impl<S, T: Transport> Bearer<S, T> {
    /// Puts itself in front of a service.
    pub fn new(inner: S, driver: Driver<T>, cluster: ClusterId) -> Self {
        Self { inner, driver, cluster }
    }
}

/// Whose token a request bore. In the extensions of the requests that [`Bearer`] lets through; nobody else can make one.
#[derive(Clone, Debug)]
pub struct AuthenticatedUser(Arc<Authenticated>);

impl Deref for AuthenticatedUser {
    type Target = Authenticated;

    fn deref(&self) -> &Authenticated {
        &self.0
    }
}

impl<S, T, B, R> Service<Request<B>> for Bearer<S, T>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    T: Transport,
    B: Send + 'static,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready goes along; what stays has to become so anew.
        let unready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, unready);
        let (driver, cluster) = (self.driver.clone(), self.cluster.clone());
        ResponseFuture(Box::pin(async move {
            let outcome = match shown(request.headers()) {
                Shown::Bearer(token) => driver.authenticate(token, &cluster).await,
                Shown::Nothing => return Ok(refused(StatusCode::UNAUTHORIZED, "Bearer")),
                Shown::Malformed(reason) => {
                    let status = StatusCode::BAD_REQUEST;
                    let took = Instant::now().elapsed();
                    driver.observer().observe(Event::Malformed { status: status.as_u16(), reason, took });
                    let mut answer = refused(status, &challenge("invalid_request", reason));
                    answer.extensions_mut().insert(Malformed { reason });
                    return Ok(answer);
                }
            };
            let mut answer = match &*outcome {
                Outcome::Authenticated(granted) => {
                    request.headers_mut().remove(AUTHORIZATION);
                    request.extensions_mut().insert(AuthenticatedUser(Arc::new(granted.clone())));
                    inner.call(request).await?
                }
                Outcome::Refused(why) if why.is_definite() => {
                    refused(StatusCode::UNAUTHORIZED, &challenge("invalid_token", why.reason()))
                }
                Outcome::Refused(_) => {
                    let mut answer = Response::new(R::default());
                    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
                    answer
                }
            };
            answer.extensions_mut().insert(outcome);
            Ok(answer)
        }))
    }
}

impl<S: Clone, T: Transport> Clone for Bearer<S, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), driver: self.driver.clone(), cluster: self.cluster.clone() }
    }
}

/// RFC 6750, section 3. Both are codes of ours, so nothing in them needs quoting.
fn challenge(error: &'static str, reason: &'static str) -> String {
    format!("Bearer error=\"{error}\", error_description=\"{reason}\"")
}

fn refused<R: Default>(status: StatusCode, challenge: &str) -> Response<R> {
    let mut answer = Response::new(R::default());
    *answer.status_mut() = status;
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}
