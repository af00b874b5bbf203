//! Requests to the API server: one exchange, its time limit, and when the client is made anew.

use super::Access;
use crate::KubeError;
use crate::config::in_safe_words;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::{Client, client::Body};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer may take to begin, and a whole answer that is no watch.
const LIMIT: Duration = Duration::from_secs(30);
/// The largest answer that is read as a whole: a page of objects. One ConfigMap has at most 1 MiB, several times that as JSON.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
const MAX_STATUS_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_BYTES: usize = 512;

pub(crate) struct Connection {
    access: Access,
    client: Option<Client>,
}

impl Connection {
    pub(crate) fn new(access: Access) -> Self {
        Self { access, client: None }
    }

    /// Sends a request; gives an answer of success, whose body is not read yet.
    pub(crate) async fn send(&mut self, request: Request<Vec<u8>>) -> Result<Response<Body>, KubeError> {
        let used = self.client.is_some();
        match self.exchange(request.clone()).await {
            // The credentials may have been replaced since they were read.
            Err(KubeError::Refused { status: 401, .. }) if used && self.client.is_none() => {
                self.exchange(request).await
            }
            answer => answer,
        }
    }

    /// Sends a request; gives the whole body of an answer of success.
    pub(crate) async fn fetch(&mut self, request: Request<Vec<u8>>) -> Result<Vec<u8>, KubeError> {
        let body = self.send(request).await?.into_body();
        let body = whole(body, MAX_ANSWER_BYTES).await;
        self.judge(body)
    }

    async fn exchange(&mut self, request: Request<Vec<u8>>) -> Result<Response<Body>, KubeError> {
        let client = self.client().await?;
        let mut request = request.map(Body::from);
        let agent = concat!("k8s-aws-auth-kube/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(agent));
        let answer = match timeout(LIMIT, client.send(request)).await {
            Err(_) => Err(KubeError::Timeout { limit: LIMIT }),
            Ok(Err(error)) => Err(KubeError::Unreachable { problem: in_safe_words(&error) }),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(answer),
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                let body = whole(answer.into_body(), MAX_STATUS_BYTES).await.unwrap_or_default();
                Err(refused(status, &body))
            }
        };
        self.judge(answer)
    }

    async fn client(&mut self) -> Result<Client, KubeError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = match &self.access {
            Access::Client(client) => client.clone(),
            Access::Server(server) => server.client().await?,
        };
        Ok(self.client.insert(client).clone())
    }

    /// After a failure that other credentials or CA certificates may mend, they are read anew.
    pub(crate) fn judge<T>(&mut self, result: Result<T, KubeError>) -> Result<T, KubeError> {
        if let Err(KubeError::Refused { status: 401, .. } | KubeError::Unreachable { .. } | KubeError::Timeout { .. }) =
            &result
            && matches!(self.access, Access::Server(_))
        {
            self.client = None;
        }
        result
    }
}

async fn whole(body: Body, limit: usize) -> Result<Vec<u8>, KubeError> {
    match timeout(LIMIT, Limited::new(body, limit).collect()).await {
        Err(_) => Err(KubeError::Timeout { limit: LIMIT }),
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(KubeError::Malformed { problem: "it is too long" }),
        Ok(Err(error)) => Err(KubeError::Unreachable { problem: error.to_string() }),
    }
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: u16,
}

/// What a `Status` object says; the HTTP status counts where it is none.
pub(crate) fn refused(status: u16, body: &[u8]) -> KubeError {
    let Status { mut message, code } = serde_json::from_slice(body).unwrap_or_default();
    message.retain(|c| !c.is_control());
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    KubeError::Refused { status: if status == 200 { code } else { status }, message }
}
