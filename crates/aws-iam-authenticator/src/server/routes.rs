//! Which path is answered by what.

use super::access_log;
use crate::Log;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_auth_tower::Webhook;
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) struct Routes {
    webhook: Webhook<HttpsTransport>,
    log: Arc<Log>,
}

impl Routes {
    pub(super) fn new(webhook: Webhook<HttpsTransport>, log: Arc<Log>) -> Self {
        Self { webhook, log }
    }

    /// Answers one request of the TLS port.
    pub(super) async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/authenticate" => {
                let context = access_log::Context::of(&request, client);
                let answer = self.webhook.review(request).await;
                access_log::write(&self.log, &context, &answer);
                answer
            }
            "/healthz" => health(request.method()),
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }
}

/// `ok`, as probes of the Go program expect it.
pub(super) fn health(method: &Method) -> Response<Full<Bytes>> {
    match *method {
        Method::GET | Method::HEAD => text(StatusCode::OK, "ok"),
        _ => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
    }
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer
}
