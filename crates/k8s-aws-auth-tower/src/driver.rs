use crate::flights::{Flight, Flights};
use crate::{Clock, SystemClock};
use bytes::Bytes;
use k8s_aws_auth::mapping::Snapshot;
use k8s_aws_auth::protect::IdentityCache;
use k8s_aws_auth::sts::{ClusterId, StsRequest, TokenKey, TransportFailure, VerifiedCaller, VerifyError};
use k8s_aws_auth::{Authenticator, CallSts, Event, LookupFailure, Observer, Outcome, Step, Verified};
use std::error::Error;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
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

/// Drives logins: fetches what the state machine asks for, and gives the outcome. Cheap to clone; clones share everything.
///
/// Those who ask about one token at the same time share one call to STS. Who gives up waiting fails no other.
pub struct Driver<T: Transport> {
    shared: Arc<Shared<T::Error>>,
    transport: T,
}

struct Shared<E> {
    authenticator: Authenticator,
    identities: Option<Mutex<IdentityCache>>,
    flights: Flights,
    mappings: Box<dyn Fn() -> Snapshot + Send + Sync>,
    clock: Box<dyn Clock>,
    observer: Box<dyn Observer>,
    classify: fn(&E) -> TransportFailure,
}

impl<T: Transport> Driver<T> {
    /// A driver with the system's clock, no cache, and nobody who observes it. See [`Driver::builder`].
    pub fn new(
        authenticator: Authenticator,
        transport: T,
        mappings: impl Fn() -> Snapshot + Send + Sync + 'static,
    ) -> Self {
        Self::builder(authenticator, transport, mappings).build()
    }

    /// Starts to set up a driver. `mappings` is called once a login, after STS answered.
    pub fn builder(
        authenticator: Authenticator,
        transport: T,
        mappings: impl Fn() -> Snapshot + Send + Sync + 'static,
    ) -> DriverBuilder<T> {
        let shared = Shared {
            authenticator,
            identities: None,
            flights: Flights::default(),
            mappings: Box::new(mappings),
            clock: Box::new(SystemClock),
            observer: Box::new(()),
            classify: |_| TransportFailure::Unreachable,
        };
        DriverBuilder { shared, transport }
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
        if let Some(caller) = self.remembered(call.key()) {
            self.observer().observe(Event::IdentityRemembered { caller: &caller });
            return call.resume(Ok(caller));
        }
        let (key, endpoint) = (call.key().clone(), call.call().token().endpoint().clone());
        let landed = self.shared.flights.board(&key, || self.ask(call.request())).await;
        let verified = match &*landed {
            Ok(answer) => call.answer(answer),
            Err(failure) => call.fail(*failure),
        };
        match (verified.result(), &self.shared.identities) {
            (Ok(caller), Some(identities)) => lock(identities).put(caller, self.clock().now()),
            (Err(VerifyError::Throttled { .. }), _) => {
                self.observer().observe(Event::StsThrottled { endpoint: &endpoint });
            }
            _ => {}
        }
        verified
    }

    fn remembered(&self, key: &TokenKey) -> Option<VerifiedCaller> {
        lock(self.shared.identities.as_ref()?).get(key, self.clock().now())
    }

    /// The call itself. It owns all it needs, for whoever began it may be gone before it ends.
    fn ask(&self, request: StsRequest) -> Flight {
        let (shared, mut transport) = (self.shared.clone(), self.transport.clone());
        Box::pin(async move {
            let endpoint = request.endpoint().clone();
            let asked = Instant::now();
            let answer = match poll_fn(|cx| transport.poll_ready(cx)).await {
                Ok(()) => transport.call(request.into_http().map(|()| Bytes::new())).await,
                Err(error) => Err(error),
            };
            let took = asked.elapsed();
            let observer = &shared.observer;
            Arc::new(match answer {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    observer.observe(Event::StsAnswered { endpoint: &endpoint, status, took });
                    Ok(answer)
                }
                Err(error) => {
                    let failure = (shared.classify)(&error);
                    observer.observe(Event::StsFailed { endpoint: &endpoint, failure, took });
                    Err(failure)
                }
            })
        })
    }
}

fn lock(identities: &Mutex<IdentityCache>) -> MutexGuard<'_, IdentityCache> {
    // Nothing in there panics; if it did, a cache with an entry too few or too many is still a cache.
    identities.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets up a [`Driver`].
#[must_use]
pub struct DriverBuilder<T: Transport> {
    shared: Shared<T::Error>,
    transport: T,
}

impl<T: Transport> DriverBuilder<T> {
    /// Another clock than the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.shared.clock = Box::new(clock);
        self
    }

    /// Somebody who wants to know.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.shared.observer = Box::new(observer);
        self
    }

    /// Tells apart the transport's errors; without this all of them are "unreachable".
    pub fn failures(mut self, classify: fn(&T::Error) -> TransportFailure) -> Self {
        self.shared.classify = classify;
        self
    }

    /// Remembers verified callers, so that a token shown many times is asked about once in a while.
    pub fn identity_cache(mut self, cache: IdentityCache) -> Self {
        self.shared.identities = Some(Mutex::new(cache));
        self
    }

    /// The driver.
    pub fn build(self) -> Driver<T> {
        Driver { shared: Arc::new(self.shared), transport: self.transport }
    }
}

impl<T: Transport> Clone for Driver<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), transport: self.transport.clone() }
    }
}
