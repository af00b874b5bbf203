use crate::Outcome;
use k8s_aws_identity::StsEndpoint;
use k8s_aws_sts::{TransportFailure, VerifiedCaller};
use std::time::Duration;

/// What a driver saw, for logs and metrics. No event carries a secret.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// STS gave an answer, of whatever kind.
    StsAnswered {
        /// Who was asked.
        endpoint: &'a StsEndpoint,
        /// The HTTP status.
        status: u16,
        /// How long it took.
        took: Duration,
    },
    /// STS gave no answer.
    StsFailed {
        /// Who was asked.
        endpoint: &'a StsEndpoint,
        /// What happened instead.
        failure: TransportFailure,
        /// How long it took.
        took: Duration,
    },
    /// A login came to nothing because STS limits requests.
    StsThrottled {
        /// Who was asked.
        endpoint: &'a StsEndpoint,
    },
    /// STS was not asked: it vouched for this caller a moment ago.
    IdentityRemembered {
        /// The caller.
        caller: &'a VerifiedCaller,
    },
    /// A request was no `TokenReview`; there was nothing to decide about.
    Malformed {
        /// The HTTP status that it was answered with.
        status: u16,
        /// Why, as a stable code.
        reason: &'static str,
        /// How long it took to find out.
        took: Duration,
    },
    /// A token was decided about.
    Decided {
        /// What it came to.
        outcome: &'a Outcome,
        /// How long it took altogether.
        took: Duration,
    },
}

/// Whoever wants to know. It is called in the middle of a login: it must be quick and must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: Event<'_>);
}

/// Nobody wants to know.
impl Observer for () {
    fn observe(&self, _: Event<'_>) {}
}

impl<T: Observer + ?Sized> Observer for std::sync::Arc<T> {
    fn observe(&self, event: Event<'_>) {
        (**self).observe(event);
    }
}
