//! Which path of the TLS port is answered by what.

use super::access_log;
use super::clusters;
use super::connection::Received;
use super::connections::Connections;
use super::health;
use super::mappings::Mappings;
use super::metrics::Metrics;
use super::unsent::unsent;
use crate::Log;
use crate::transport::ToSts;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use k8s_aws_auth_tower::Webhook;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Routes {
    /// A webhook for each cluster, the first of them under `/authenticate`.
    pub(super) webhooks: Vec<Webhook<ToSts>>,
    /// The paths of the webhooks, percent-decoded; the first has two.
    pub(super) paths: Vec<String>,
    pub(super) mappings: Arc<Mappings>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) connections: Arc<Connections>,
    pub(super) log: Arc<Log>,
}

impl Routes {
    /// Answers one request, and says so where that takes too long.
    pub(super) async fn answer_in_time(
        &self,
        request: Request<Received>,
        client: SocketAddr,
        limit: Duration,
    ) -> Response<Full<Bytes>> {
        let context = access_log::Context::of(&request, client);
        match tokio::time::timeout(limit, self.answer(request, &context)).await {
            Ok(answer) => answer,
            Err(_) => {
                access_log::write_late(&self.log, &context);
                health::plain(StatusCode::REQUEST_TIMEOUT, "the request took too long\n".to_owned()).map(Full::from)
            }
        }
    }

    async fn answer(&self, request: Request<Received>, context: &access_log::Context) -> Response<Full<Bytes>> {
        let (method, path) = (request.method(), request.uri().path());
        if let Some(webhook) = self.webhook(path) {
            let answer = webhook.review(request).await;
            access_log::write(&self.log, context, &answer);
            return answer;
        }
        let answer = match path {
            "/metrics" if *method == Method::GET => self.metrics(&request),
            "/metrics" => {
                let mut answer = health::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
                answer
            }
            _ => health::answer(method, path, &self.mappings.snapshot(), &self.mappings.broken())
                .unwrap_or_else(|| health::plain(StatusCode::NOT_FOUND, "not found\n".to_owned())),
        };
        answer.map(|body| Full::from(unsent(body, request.body().connection())))
    }

    /// The webhook of a path, found by equality: no id is ever tried after another.
    fn webhook(&self, path: &str) -> Option<&Webhook<ToSts>> {
        if path == clusters::FIRST_PATH {
            return self.webhooks.first();
        }
        let path = clusters::decode(path)?;
        let at = self.paths.iter().position(|known| *known == path)?;
        self.webhooks.get(at)
    }

    fn metrics(&self, request: &Request<Received>) -> Response<Bytes> {
        self.metrics.set_connections(self.connections.count());
        let (content_type, text) = self.metrics.render(request.headers());
        let mut answer = Response::new(Bytes::from(text));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }
}
