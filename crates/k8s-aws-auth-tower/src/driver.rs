use crate::flights::{Flight, Flights};
use crate::guard::Guard;
use crate::sts_call::StsCall;
use crate::{Clock, InstanceLookup, SystemClock, Timer};
use bytes::Bytes;
use k8s_aws_auth::identity::AccessKeyId;
use k8s_aws_auth::mapping::Snapshot;
use k8s_aws_auth::protect::{IdentityCache, Limits};
use k8s_aws_auth::sts::{ClusterId, TokenKey, TransportFailure, VerifiedCaller, VerifyError};
use k8s_aws_auth::{
    Authenticator, CallSts, Event, LookUpInstance, LookupFailure, Observer, Outcome, Step, Verified, Why,
};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tower_service::Service;

/// By when a review has to be over: API servers wait for 10 s.
const REVIEW_BUDGET: Duration = Duration::from_secs(9);

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
    instances: Option<Box<dyn InstanceLookup>>,
    flights: Flights,
    guard: Option<Arc<Guard>>,
    mappings: Box<dyn Fn() -> Snapshot + Send + Sync>,
    clock: Box<dyn Clock>,
    observer: Arc<dyn Observer>,
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
            instances: None,
            flights: Flights::default(),
            guard: None,
            mappings: Box::new(mappings),
            clock: Box::new(SystemClock),
            observer: Arc::new(()),
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
                Step::LookUpInstance(lookup) => self.look_up(*lookup, started).await,
                Step::Done(outcome) => break outcome,
            };
        };
        if let (Some(guard), Some(key)) = (&self.shared.guard, let_in(&outcome)) {
            guard.remember(key);
        }
        self.observer().observe(Event::Decided { outcome: &outcome, took: started.elapsed() });
        outcome.into()
    }

    async fn look_up(&self, lookup: LookUpInstance, started: Instant) -> Step {
        let Some(instances) = &self.shared.instances else {
            return lookup.fail(LookupFailure::NotConfigured);
        };
        let within = REVIEW_BUDGET.saturating_sub(started.elapsed());
        match instances.look_up(lookup.lookup().instance_id(), within).await {
            Ok(instance) => lookup.answer(instance.owner, &instance.private_dns_name),
            Err(failure) => lookup.fail(failure),
        }
    }

    async fn call_sts(&self, call: CallSts) -> Verified {
        let key = call.key().clone();
        let mut remembered = None;
        // Whoever is remembered is so before the call is over that found out, so there is no moment for a second one.
        let boarded = self.shared.flights.board(&key, || {
            remembered = self.remembered(&key);
            if remembered.is_none() { Some(self.ask(&call)) } else { None }
        });
        let Some(boarded) = boarded.await else {
            let caller = remembered.ok_or(VerifyError::Transport { failure: TransportFailure::NotAsked });
            let remembered = call.resume(caller);
            if let Ok(caller) = remembered.result() {
                self.observer().observe(Event::IdentityRemembered { caller });
            }
            return remembered;
        };
        let verified = match &*boarded.landed {
            Ok(answer) => call.answer(answer),
            Err(failure) => call.fail(*failure),
        };
        if let (Ok(caller), Some(identities)) = (verified.result(), &self.shared.identities) {
            lock(identities).put(caller, self.clock().now());
        }
        verified
    }

    fn remembered(&self, key: &TokenKey) -> Option<VerifiedCaller> {
        lock(self.shared.identities.as_ref()?).get(key, self.clock().now())
    }

    /// The call itself. It owns all it needs, for whoever began it may be gone before it ends.
    fn ask(&self, call: &CallSts) -> Flight {
        let shared = &self.shared;
        let call = StsCall {
            transport: self.transport.clone(),
            request: call.request(),
            key: call.call().token().access_key_id().clone(),
            guard: shared.guard.clone(),
            observer: shared.observer.clone(),
            classify: shared.classify,
        };
        Box::pin(call.make())
    }
}

/// The access key of a caller whom STS vouched for and whom a mapping lets in, or would but for a name that is still missing.
fn let_in(outcome: &Outcome) -> Option<&AccessKeyId> {
    let caller = match outcome {
        Outcome::Authenticated(granted) => Some(granted.caller()),
        Outcome::Refused(refused) if refused.is_definite() => None,
        Outcome::Refused(refused) => refused.caller().filter(|_| matches!(refused.why(), Why::Lookup(_))),
    };
    caller.map(|caller| caller.access_key_id())
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
        self.shared.observer = Arc::new(observer);
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

    /// Who is asked for the names of instances; without this, mappings that need one let nobody in.
    pub fn instances(mut self, instances: impl InstanceLookup) -> Self {
        self.shared.instances = Some(Box::new(instances));
        self
    }

    /// Protects STS, and callers from each other, by these limits; without this there are none, and no call is made again.
    ///
    /// `timer` makes those wait who have to. `random` gives any numbers; the pauses before calls that are made again are
    /// spread by them. Requests have the [`LaneKind`](k8s_aws_auth::protect::LaneKind) they come from in their extensions, for
    /// transports that keep connections apart.
    pub fn protection(
        mut self,
        limits: Limits,
        timer: impl Timer,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let policy = self.shared.authenticator.verifier().policy();
        // Nobody is let through to a host of another partition.
        let endpoints = policy.endpoints().iter().filter(|endpoint| endpoint.partition() == policy.partition());
        let guard = Guard::new(limits, endpoints.cloned(), timer, random);
        self.shared.guard = Some(Arc::new(guard));
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
