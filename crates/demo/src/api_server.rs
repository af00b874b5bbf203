//! What an API server does: reads the webhook kubeconfig, trusts the certificate in it, and posts a `TokenReview`.

use crate::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use k8s_aws_auth::mapping::tree::Tree;
use k8s_aws_auth::tokenreview::{BearerToken, TokenReviewRequest, TokenReviewResponse, TokenReviewVersion};
use k8s_aws_auth_hyper::HttpsTransport;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub(crate) struct ApiServer {
    runtime: Runtime,
    transport: HttpsTransport,
    url: String,
}

/// What came back, and how long it took.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) review: TokenReviewResponse,
    pub(crate) took: Duration,
}

impl ApiServer {
    pub(crate) fn from_kubeconfig(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let tree = Tree::from_yaml(&text)?;
        let cluster = tree
            .root()
            .and_then(|root| root.get("clusters")?.as_list()?.first()?.get("cluster"))
            .ok_or("the webhook kubeconfig has no cluster")?;
        let value = |key| cluster.get(key).and_then(|node| node.as_str()).ok_or("the webhook kubeconfig is incomplete");
        let trusted = STANDARD.decode(value("certificate-authority-data")?)?;
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            transport: HttpsTransport::builder().roots_pem(&trusted)?.build()?,
            url: value("server")?.to_owned(),
        })
    }

    pub(crate) fn review(&self, token: &str) -> Result<Answer> {
        let review = TokenReviewRequest::new(TokenReviewVersion::V1, BearerToken::new(token)?, Vec::new());
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(review.to_json_exposing_token()))?;
        let started = Instant::now();
        let answer = self.runtime.block_on(self.transport.send(request))?;
        let took = started.elapsed();
        Ok(Answer { status: answer.status().as_u16(), review: TokenReviewResponse::from_slice(answer.body())?, took })
    }
}
