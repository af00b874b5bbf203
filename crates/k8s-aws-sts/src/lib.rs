//! Verifies `k8s-aws-v1.` bearer tokens: the STS request to send, and its answer read strictly.
//!
//! ```text
//! token text + cluster + now ──begin──▶ Call ──request──▶ (your HTTP stack) ──finish──▶ VerifiedCaller
//! ```
//!
//! # Guarantees
//!
//! * A token that breaks a rule is refused by [`Verifier::begin`], before any request exists.
//! * The request is composed here: a host out of the endpoint table, `/`, fixed `Action` and `Version`, and the token's
//!   validated parameters. It carries `x-k8s-aws-id` with the cluster id **of the caller of `begin`**: that header, not the
//!   token, says which cluster is asked for. Never try one cluster id after another: that would be the replay the id exists
//!   to stop.
//! * [`VerifiedCaller`] has no constructor but [`Call::finish`]. Holding one means: STS accepted this token for this
//!   cluster, and its answer is well-formed and coherent.
//! * Every failure has a [class](ErrorClass) that says whether it is definite. Only definite ones may be cached as a denial.
//! * No error, and no `Debug` of ours, shows a token, a URL, a signature or the body of an answer.
//!
//! # Not in scope
//!
//! Sending the request. Whoever does must **follow no redirects**, verify TLS, give up after some seconds, and read at
//! most [`MAX_ANSWER_LEN`] bytes. Mapping the caller to Kubernetes is `k8s-aws-mapping`.
//!
//! ```
//! use k8s_aws_sts::{ClusterId, Partition, Policy, Verifier};
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! let verifier = Verifier::new(Policy::new(Partition::Aws));
//! let cluster = ClusterId::parse("prod")?;
//! # let table = k8s_aws_token::EndpointTable::standard();
//! # let url = "https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
//! #     &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20200107%2Fus-east-1%2Fsts%2Faws4_request\
//! #     &X-Amz-Date=20200107T080923Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
//! #     &X-Amz-Signature=5620996acc3da79b78b445c95d1326e466f552e3347d7f92a14e037092b37f06";
//! # let token = k8s_aws_token::Token::from_url(url, &table)?.to_text();
//! # let now = UNIX_EPOCH + Duration::from_secs(1_578_384_563);
//! let call = verifier.begin(token.expose(), &cluster, now)?;
//! let request = call.request().into_http(); // send it with any HTTP client
//! assert_eq!(request.uri().host(), Some("sts.amazonaws.com"));
//!
//! let answer = http::Response::builder().header("content-type", "application/json").body(
//!     r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012",
//!         "Arn":"arn:aws:iam::123456789012:user/alice","UserId":"AIDAIOSFODNN7EXAMPLE"}}}"#,
//! )?;
//! let caller = call.finish(&answer)?;
//! assert_eq!(caller.arn(), "arn:aws:iam::123456789012:user/alice");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors
//!
//! [`VerifyError`], with a `reason()` such as `token_expired` or `sts_throttled`, and a [class](VerifyError::class): refused here,
//! rejected by STS, throttled, unavailable, or malformed. The first two are definite.

mod answer;
mod call;
mod code;
mod error;
mod json;
mod policy;

pub use answer::answer_error;
pub use call::{Call, StsRequest, TokenKey, VerifiedCaller};
pub use code::Rejection;
pub use error::{ErrorClass, TransportFailure, VerifyError};
pub use k8s_aws_identity::{CallerIdentity, ClusterId, Partition, Region, StsEndpoint};
pub use k8s_aws_token::TokenError;
pub use policy::{Policy, Verifier};

use std::time::Duration;

/// The longest STS answer that is looked at, in bytes. Real ones have a few hundred.
pub const MAX_ANSWER_LEN: usize = 64 * 1024;

/// How far ahead of our clock a token's date may be, unless [`Policy::with_max_skew`] narrows it. STS allows as much.
pub const MAX_SKEW: Duration = Duration::from_secs(15 * 60);
