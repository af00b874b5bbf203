//! Kubernetes authentication with AWS IAM as tower services.
//!
//! * [`Webhook`]: the `TokenReview` webhook as a `tower::Service` from `http::Request` to `http::Response`, generic over bodies;
//!   it runs under hyper, axum and whatever else speaks tower.
//! * [`BearerLayer`]: bearer authentication in front of any service, for gateways; [`impersonate`] for those that forward to an
//!   API server.
//! * [`Driver`]: the same from a token to an [`Outcome`], for services of one's own.
//!
//! * [`InstanceLookup`]: the private DNS names of EC2 instances, for mappings that ask for them; `Instances` (feature `ec2`)
//!   has them of EC2, by few calls.
//!
//! The STS transport is a `tower::Service` from `http::Request<Bytes>` to `http::Response<Bytes>` that the caller brings
//! (`k8s-aws-auth-hyper` has one), and so is the clock. Nothing here is spawned and no runtime is assumed.
//!
//! # Guarantees
//!
//! * A request that is no `TokenReview` is answered 400, 405, 413 or 415, with the reason as plain text.
//! * Every `TokenReview` is answered 200: authenticated, denied where that is definite, and with `status.error` where it is
//!   not, so that API servers, which cache denials, do not cache a hiccup.
//! * Concurrent requests about one token for one cluster share one call to STS; with an [`IdentityCache`], later ones need
//!   none. Mappings are looked up for each of them.
//! * With [`DriverBuilder::protection`], calls to STS are limited by rate and number, wait in a bounded queue, are made again
//!   after a failure that may be over, and spare hosts that fail; access keys that somebody was let in by have a lane of
//!   their own.
//! * The [`Outcome`] travels in the extensions of the response (as `Arc<Outcome>`), or [`Malformed`], for an access log
//!   around this service.
//!
//! # Not in scope
//!
//! Listening, TLS, limits on connections and time, metrics.
//!
//! ```
//! # use k8s_aws_auth::{Authenticator, mapping::Snapshot, sts::{ClusterId, Partition, Policy, Verifier}};
//! # fn example<T>(transport: T, mappings: Snapshot) -> Result<(), Box<dyn std::error::Error>>
//! # where T: k8s_aws_auth_tower::Transport {
//! use k8s_aws_auth_tower::{Driver, Webhook};
//!
//! let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
//! let driver = Driver::new(authenticator, transport, move || mappings.clone());
//! let webhook = Webhook::new(driver, ClusterId::parse("prod")?); // a tower::Service
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! The services have none of their own: [`Webhook`] answers everything, [`BearerLayer`] passes on those of the service behind it. What
//! an [`Outcome`] refuses has a `reason()`; [`impersonate`] says by [`ImpersonationError`] which user cannot be written into headers.
#![allow(clippy::disallowed_methods, reason = "the default clock is the system's, and durations are measured")]

mod bearer;
mod clock;
mod driver;
mod flights;
mod guard;
mod instances;
mod sts_call;
mod timer;
mod webhook;

pub use bearer::{AuthenticatedUser, Bearer, BearerLayer, ImpersonationError, ResponseFuture};
pub use bearer::{impersonate, strip_credentials};
pub use clock::{Clock, SystemClock};
pub use driver::{Driver, DriverBuilder, Transport};
#[cfg(feature = "ec2")]
pub use instances::{Ec2Transport, Instances, InstancesBuilder};
pub use instances::{InstanceFuture, InstanceLookup, InstanceName};
pub use k8s_aws_auth::Outcome;
pub use k8s_aws_auth::protect::{IdentityCache, Limits};
pub use timer::{Sleep, Timer};
pub use webhook::{Malformed, Webhook};
