//! Which path of the TLS port is answered by what.

use super::access_log;
use super::health;
use super::mappings::Mappings;
use super::metrics::{self, Metrics};
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
    pub(super) webhook: Webhook<HttpsTransport>,
    pub(super) mappings: Arc<Mappings>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: Arc<Log>,
}

impl Routes {
    /// Answers one request.
    pub(super) async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Response<Full<Bytes>> {
        let (method, path) = (request.method(), request.uri().path());
        if let Some(answer) = health::answer(method, path, &self.mappings.snapshot()) {
            return answer;
        }
        match path {
            "/authenticate" => {
                let context = access_log::Context::of(&request, client);
                let answer = self.webhook.review(request).await;
                access_log::write(&self.log, &context, &answer);
                answer
            }
            "/metrics" if *method == Method::GET => {
                let mut answer = Response::new(Full::from(self.metrics.render()));
                answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
                answer
            }
            "/metrics" => {
                let mut answer = health::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
                answer
            }
            _ => health::plain(StatusCode::NOT_FOUND, "not found\n".to_owned()),
        }
    }
}
