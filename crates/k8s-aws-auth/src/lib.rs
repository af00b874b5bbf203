//! Kubernetes authentication with AWS IAM as one sans-IO state machine.
//!
//! The facade over the `k8s-aws-*` crates: from a bearer token, or a whole `TokenReview`, to a Kubernetes user. It opens no
//! socket and reads no clock: [`Authenticator::begin`] gives a [`Step`] that says what to fetch, and takes the answer.
//!
//! | feature | what it adds |
//! |---|---|
//! | `verify` (default) | [`sts`]: is this token good, and whose is it; [`protect`]. No signer, no YAML. |
//! | `mapping` | the machine below, `mapping` and `tokenreview`: who is that to Kubernetes |
//! | `ec2` | `ec2`: looking up the private DNS names of instances, for rules that ask for them |
//! | `mint` | `presign`: making tokens |
//!
//! # Guarantees
//!
//! * Nothing is asked of anybody before the token's every byte was checked.
//! * A state is consumed by its answer: nothing is answered twice, and no answer to one token decides about another
//!   (see [`CallSts::resume`]).
//! * Mapping is done afresh for every login, by the rules as they are when STS's answer is in.
//! * A refusal says why, by a stable [`reason`](Refused::reason), and whether it is [definite](Refused::is_definite).
//!   Only definite refusals become denials, which API servers cache.
//!
//! # Not in scope
//!
//! Sending requests (`k8s-aws-auth-hyper` and its siblings), serving (`k8s-aws-auth-tower`), getting credentials.
//!
//! # Drivers
//!
//! With a function that sends a request, blocking or not, over whatever HTTP stack there is:
//!
//! | call | what it does |
//! |---|---|
//! | [`verify`], [`verify_blocking`] | whose token is it? |
//! | `drive`, `drive_blocking` | the same, and who is that to Kubernetes? |
//! | `look_up_instance`, `look_up_instance_blocking` | what `drive` wants to know of EC2 |
//! | `mint` | a token, with no more than names; nothing is sent |
//!
//! ```
//! # #[cfg(feature = "mapping")] {
//! use k8s_aws_auth::{Authenticator, LookupFailure, Outcome, drive_blocking, mapping::Snapshot};
//! use k8s_aws_auth::sts::{ClusterId, StsRequest, TransportFailure};
//! use std::time::SystemTime;
//!
//! fn log_in(
//!     authenticator: &Authenticator,
//!     mappings: &Snapshot,
//!     (token, cluster, now): (&str, &ClusterId, SystemTime),
//!     send: impl Fn(StsRequest) -> Result<http::Response<Vec<u8>>, TransportFailure>,
//! ) -> Box<Outcome> {
//!     let step = authenticator.begin(token, cluster, now); // refused here: nothing is sent
//!     drive_blocking(step, || mappings.clone(), send, |_| Err(LookupFailure::NotConfigured))
//! }
//! # }
//! ```
//!
//! # Stability
//!
//! Enums that have to be handled to the last case are exhaustive on purpose: [`Step`], [`Outcome`], and in [`protect`] what becomes of
//! somebody who asks for a call. A case more is a breaking change, for a driver that did not know it could not finish a login. `Review`
//! is a step and who answers, nothing else; [`protect::LaneLimits`], [`protect::BreakerLimits`] and [`protect::RetryLimits`] are numbers
//! that make no sense one without the other, so a new one is to be seen by whoever sets them. All else may grow.
//!
//! # Errors
//!
//! [`sts::VerifyError`] where there is no mapping, [`Refused`] where there is, `MintError`, and `tokenreview::TokenReviewError` for
//! what is no `TokenReview`. Each has a `reason()` for logs, metrics and programs.

pub use k8s_aws_identity as identity;
pub use k8s_aws_token as token;

#[cfg(feature = "ec2")]
pub use k8s_aws_ec2 as ec2;
#[cfg(feature = "mapping")]
pub use k8s_aws_mapping as mapping;
#[cfg(feature = "mint")]
pub use k8s_aws_presign as presign;
#[cfg(feature = "verify")]
pub use k8s_aws_sts as sts;
#[cfg(feature = "mapping")]
pub use k8s_aws_tokenreview as tokenreview;

#[cfg(feature = "verify")]
pub mod protect;

#[cfg(feature = "verify")]
mod drive;
#[cfg(feature = "mapping")]
mod event;
#[cfg(feature = "ec2")]
mod instances;
#[cfg(feature = "mint")]
mod mint;
#[cfg(feature = "mapping")]
mod outcome;
#[cfg(feature = "mapping")]
mod review;
#[cfg(feature = "mapping")]
mod step;

#[cfg(feature = "mapping")]
pub use drive::{drive, drive_blocking};
#[cfg(feature = "verify")]
pub use drive::{verify, verify_blocking};
#[cfg(feature = "mapping")]
pub use event::{Event, Observer};
#[cfg(feature = "ec2")]
pub use instances::{look_up_instance, look_up_instance_blocking};
#[cfg(feature = "mint")]
pub use mint::{MintError, mint};
#[cfg(feature = "mapping")]
pub use outcome::{Authenticated, LookupFailure, Outcome, Refused, Why};
#[cfg(feature = "mapping")]
pub use review::{Reply, Review};
#[cfg(feature = "mapping")]
pub use step::{Authenticator, CallSts, LookUpInstance, Step, Verified};
