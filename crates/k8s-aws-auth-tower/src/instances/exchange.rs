//! One call: credentials, request, answer.

use super::worker::Returned;
use crate::{Clock, Timer};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use bytes::{Buf, Bytes};
use futures_util::future::{Either, select};
use http_body::Body;
use http_body_util::BodyExt;
use k8s_aws_auth::ec2::{Ec2Endpoint, Ec2Error, LookupCall, Progress, Query, TransportFailure};
use k8s_aws_auth::{Event, Observer};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service;

/// The longest that getting credentials, and that one call with its whole answer, may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What carries requests to EC2: a cloneable `tower::Service` whose answers have bodies that are read as they come. It must
/// follow no redirects and verify TLS. The time and the length of an answer are limited here.
pub trait Ec2Transport:
    Service<
        http::Request<Bytes>,
        Response = http::Response<Self::Body>,
        Error: Error + Send + Sync + 'static,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of an answer.
    type Body: Body<Data: Send> + Send;
}

impl<T, B> Ec2Transport for T
where
    T: Service<http::Request<Bytes>, Response = http::Response<B>, Error: Error + Send + Sync + 'static, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data: Send> + Send,
{
    type Body = B;
}

pub(super) struct Exchange<S> {
    pub(super) transport: S,
    pub(super) endpoint: Ec2Endpoint,
    pub(super) credentials: SharedCredentialsProvider,
    pub(super) clock: Box<dyn Clock>,
    pub(super) observer: Box<dyn Observer>,
    pub(super) timer: Arc<dyn Timer>,
}

impl<S: Ec2Transport> Exchange<S> {
    /// Makes a call.
    pub(super) async fn make(self: Arc<Self>, call: LookupCall) -> Returned {
        let credentials = match self.credentials().await {
            Ok(credentials) => credentials,
            Err(error) => return (call, Err(error)),
        };
        let asked = self.timer.now();
        let result = self.within(self.ask(call.query(), &credentials)).await.unwrap_or_else(|| {
            let failure = TransportFailure::Timeout;
            Err(Ec2Error::Transport { failure })
        });
        self.observer.observe(Event::InstancesDescribed {
            endpoint: &self.endpoint,
            instances: call.query().ids().len(),
            failure: result.as_ref().err(),
            took: self.timer.now().saturating_duration_since(asked),
        });
        (call, result)
    }

    async fn credentials(&self) -> Result<Credentials, Ec2Error> {
        let late = Ec2Error::Transport { failure: TransportFailure::Timeout };
        let provided = self.within(self.credentials.provide_credentials()).await;
        let error: &(dyn Error + 'static) = match &provided {
            Some(Ok(credentials)) => return Ok(credentials.clone()),
            Some(Err(error)) => error,
            None => &late,
        };
        self.observer.observe(Event::CredentialsMissing { error });
        Err(Ec2Error::NoCredentials)
    }

    async fn ask(&self, query: &Query, credentials: &Credentials) -> Result<Progress, Ec2Error> {
        let request = query.request(credentials, &self.endpoint, self.clock.now())?.into_http().map(Bytes::from);
        let unreachable = || Ec2Error::Transport { failure: TransportFailure::Unreachable };
        let mut transport = self.transport.clone();
        poll_fn(|cx| transport.poll_ready(cx)).await.map_err(|_| unreachable())?;
        let (head, body) = transport.call(request).await.map_err(|_| unreachable())?.into_parts();
        // The answer is read as it comes: its megabytes are never in memory at once.
        let mut reader = query.reader(head.status, &head.headers);
        let mut body = pin!(body);
        while let Some(frame) = body.frame().await {
            if let Ok(mut data) = frame.map_err(|_| unreachable())?.into_data() {
                while data.has_remaining() {
                    let piece = data.chunk();
                    reader.push(piece)?;
                    let len = piece.len();
                    data.advance(len);
                }
            }
        }
        reader.finish()
    }

    /// What comes of it, if it does in time.
    async fn within<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        match select(pin!(what), self.timer.sleep(LIMIT)).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }
}
