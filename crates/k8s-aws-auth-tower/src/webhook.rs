use crate::{Driver, Transport};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use k8s_aws_auth::sts::ClusterId;
use k8s_aws_auth::tokenreview::{Audiences, MAX_DOCUMENT_BYTES};
use k8s_aws_auth::{Event, Review};
use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};
use tower_service::Service;

/// The `TokenReview` webhook for one cluster.
///
/// It looks at method, content type and body; which path it is under is the caller's choice. Every cluster of a server has
/// a webhook of its own: a token is never tried for a second one.
pub struct Webhook<T: Transport> {
    driver: Driver<T>,
    cluster: ClusterId,
    audiences: Audiences,
}

impl<T: Transport> Webhook<T> {
    /// A webhook that knows nothing of audiences.
    pub fn new(driver: Driver<T>, cluster: ClusterId) -> Self {
        Self { driver, cluster, audiences: Audiences::unaware() }
    }

    /// Answers for these audiences.
    #[must_use]
    pub fn with_audiences(mut self, audiences: Audiences) -> Self {
        self.audiences = audiences;
        self
    }

    /// Answers one request.
    pub async fn review<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let started = Instant::now();
        if request.method() != Method::POST {
            let problem = "a TokenReview comes by POST";
            let mut answer = self.refuse(started, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", problem);
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return answer;
        }
        if !is_json(request.headers()) {
            let problem = "the content type of a TokenReview is application/json";
            return self.refuse(started, StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unsupported", problem);
        }
        let body = match Limited::new(request.into_body(), MAX_DOCUMENT_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let problem = format!("a TokenReview has at most {MAX_DOCUMENT_BYTES} bytes");
                return self.refuse(started, StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", &problem);
            }
            Err(_) => return self.refuse(started, StatusCode::BAD_REQUEST, "body_cut_off", "the body broke off"),
        };
        let driver = &self.driver;
        let review = Review::begin(driver.authenticator(), &self.audiences, &body, &self.cluster, driver.clock().now());
        // It may be much larger than the token in it, and STS may take its time.
        drop(body);
        match review {
            Err(error) => {
                let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
                self.refuse(started, status, error.reason(), &error.to_string())
            }
            Ok(review) => {
                let outcome = driver.finish(review.step, started).await;
                let mut answer = Response::new(Full::from(review.reply.answer(&outcome).to_json()));
                answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                answer.extensions_mut().insert(outcome);
                answer
            }
        }
    }

    /// Answers what is no `TokenReview`.
    fn refuse(
        &self,
        started: Instant,
        status: StatusCode,
        reason: &'static str,
        problem: &str,
    ) -> Response<Full<Bytes>> {
        let took = started.elapsed();
        self.driver.observer().observe(Event::Malformed { status: status.as_u16(), reason, took });
        let mut answer = Response::new(Full::from(format!("{reason}: {problem}\n")));
        *answer.status_mut() = status;
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        answer.extensions_mut().insert(Malformed { reason });
        answer
    }
}

/// In the extensions of an answer to a request that was no `TokenReview`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Malformed {
    /// Why, as a stable code.
    pub reason: &'static str,
}

impl<T, B> Service<Request<B>> for Webhook<T>
where
    T: Transport,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let webhook = self.clone();
        Box::pin(async move { Ok(webhook.review(request).await) })
    }
}

impl<T: Transport> Clone for Webhook<T> {
    fn clone(&self) -> Self {
        Self { driver: self.driver.clone(), cluster: self.cluster.clone(), audiences: self.audiences.clone() }
    }
}

/// `application/json`, with parameters or without.
fn is_json(headers: &http::HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}
