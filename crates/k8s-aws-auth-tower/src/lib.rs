//! Kubernetes authentication with AWS IAM as tower services.
//!
//! * [`Webhook`]: the `TokenReview` webhook as a `tower::Service` from `http::Request` to `http::Response`, generic over bodies;
//!   it runs under hyper, axum and whatever else speaks tower.
//! * [`Driver`]: the same from a token to an [`Outcome`], for services of one's own.
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
#![allow(clippy::disallowed_methods, reason = "the default clock is the system's, and durations are measured")]

mod clock;
mod driver;
mod flights;
mod webhook;

pub use clock::{Clock, SystemClock};
pub use driver::{Driver, DriverBuilder, Transport};
pub use k8s_aws_auth::Outcome;
pub use k8s_aws_auth::protect::IdentityCache;
pub use webhook::{Malformed, Webhook};
