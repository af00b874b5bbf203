use crate::Outcome;
use crate::protect::{LaneKind, Turn, TurnedAway};
#[cfg(feature = "ec2")]
use k8s_aws_ec2::{Ec2Endpoint, Ec2Error};
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
    /// An answer of STS said that it limits requests; once for each such answer, also where the call is made again.
    StsThrottled {
        /// Who was asked.
        endpoint: &'a StsEndpoint,
    },
    /// STS was not asked: a limit or a breaker of ours is in force.
    StsTurnedAway {
        /// Who would have been asked.
        endpoint: &'a StsEndpoint,
        /// The lane of the token's access key.
        lane: LaneKind,
        /// Which limit.
        why: TurnedAway,
    },
    /// STS is asked again, after a failure that may be over.
    StsRetried {
        /// Who is asked.
        endpoint: &'a StsEndpoint,
        /// Which time this is: 1 for the first.
        retry: u32,
    },
    /// A breaker opened or closed.
    StsCircuit {
        /// The host that is left alone, or asked again.
        endpoint: &'a StsEndpoint,
        /// The lane; each has a breaker of its own.
        lane: LaneKind,
        /// Which way it turned.
        turn: Turn,
    },
    /// A call of EC2's `DescribeInstances` was made, and this came of it.
    #[cfg(feature = "ec2")]
    InstancesDescribed {
        /// Who was asked.
        endpoint: &'a Ec2Endpoint,
        /// How many instances it was about.
        instances: usize,
        /// Why there was no answer that can be used.
        failure: Option<&'a Ec2Error>,
        /// How long it took.
        took: Duration,
    },
    /// There were no credentials to ask EC2 with.
    #[cfg(feature = "ec2")]
    CredentialsMissing {
        /// What whoever was to get them says; it names no secrets.
        error: &'a (dyn std::error::Error + 'static),
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
