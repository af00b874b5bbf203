use crate::{Clock, SystemClock};
use bytes::Bytes;
use k8s_aws_auth::mapping::Snapshot;
use k8s_aws_auth::sts::{ClusterId, TransportFailure};
use k8s_aws_auth::{Authenticator, CallSts, Event, LookupFailure, Observer, Outcome, Step, Verified};
use std::{error::Error, future::poll_fn, sync::Arc, time::Instant};
use tower_service::Service;

/// What carries requests to STS: a cloneable `tower::Service`. It must follow no redirects, verify TLS, and limit both the
/// time and the length of an answer.
pub trait Transport:
    Service<http::Request<Bytes>, Response = http::Response<Bytes>, Error: Error + Send + Sync + 'static, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Transport for T where
    T: Service<
            http::Request<Bytes>,
            Response = http::Response<Bytes>,
            Error: Error + Send + Sync + 'static,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// Drives logins: fetches what the state machine asks for, and gives the outcome. Cheap to clone.
pub struct Driver<T: Transport> {
    shared: Arc<Shared<T::Error>>,
    transport: T,
}

struct Shared<E> {
    authenticator: Authenticator,
    mappings: Box<dyn Fn() -> Snapshot + Send + Sync>,
    clock: Box<dyn Clock>,
    observer: Box<dyn Observer>,
    classify: fn(&E) -> TransportFailure,
}

impl<T: Transport> Driver<T> {
    /// A driver with the system's clock that nobody observes. `mappings` is called once a login, after STS answered.
    pub fn new(
        authenticator: Authenticator,
        transport: T,
        mappings: impl Fn() -> Snapshot + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            authenticator,
            mappings: Box::new(mappings),
            clock: Box::new(SystemClock),
            observer: Box::new(()),
            classify: |_| TransportFailure::Unreachable,
        };
        Self { shared: Arc::new(shared), transport }
    }

    /// Another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.change(|shared| shared.clock = Box::new(clock))
    }

    /// Somebody who wants to know.
    #[must_use]
    pub fn with_observer(self, observer: impl Observer + 'static) -> Self {
        self.change(|shared| shared.observer = Box::new(observer))
    }

    /// Tells apart the transport's errors; without this all of them are "unreachable".
    #[must_use]
    pub fn with_failures(self, classify: fn(&T::Error) -> TransportFailure) -> Self {
        self.change(|shared| shared.classify = classify)
    }

    /// The settings, before the driver was cloned; afterwards they stay as they are.
    fn change(mut self, change: impl FnOnce(&mut Shared<T::Error>)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
        self
    }

    /// Finds out who bears `token`, for the cluster that the caller speaks for.
    pub async fn authenticate(&self, token: &str, cluster: &ClusterId) -> Arc<Outcome> {
        let started = Instant::now();
        let step = self.shared.authenticator.begin(token, cluster, self.shared.clock.now());
        self.finish(step, started).await
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.shared.authenticator
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.shared.observer
    }

    pub(crate) async fn finish(&self, mut step: Step, started: Instant) -> Arc<Outcome> {
        let outcome = loop {
            step = match step {
                Step::CallSts(call) => self.call_sts(*call).await.map(&(self.shared.mappings)()),
                Step::LookUpInstance(lookup) => lookup.fail(LookupFailure::NotConfigured),
                Step::Done(outcome) => break outcome,
            };
        };
        self.observer().observe(Event::Decided { outcome: &outcome, took: started.elapsed() });
        outcome.into()
    }

    async fn call_sts(&self, call: CallSts) -> Verified {
        let request = call.request();
        let endpoint = request.endpoint().clone();
        let asked = Instant::now();
        let answer = self.send(request.into_http().map(|()| Bytes::new())).await;
        let took = asked.elapsed();
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                self.observer().observe(Event::StsAnswered { endpoint: &endpoint, status, took });
                call.answer(&answer)
            }
            Err(error) => {
                let failure = (self.shared.classify)(&error);
                self.observer().observe(Event::StsFailed { endpoint: &endpoint, failure, took });
                call.fail(failure)
            }
        }
    }

    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, T::Error> {
        let mut transport = self.transport.clone();
        poll_fn(|cx| transport.poll_ready(cx)).await?;
        transport.call(request).await
    }
}

impl<T: Transport> Clone for Driver<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), transport: self.transport.clone() }
    }
}
