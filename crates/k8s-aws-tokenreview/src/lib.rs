//! The documents that Kubernetes exchanges with whoever authenticates its users, as Rust values.
//!
//! * [`TokenReviewRequest`] and [`TokenReviewResponse`]: what an API server posts to a webhook token authenticator
//!   (`authentication.k8s.io/v1` and `v1beta1`), and what the webhook answers. [`Audiences`] are the audience rules
//!   between the two.
//! * [`ExecInfo`] and [`ExecCredential`]: what a client hands to its credential plugin in `KUBERNETES_EXEC_INFO`, and
//!   what the plugin prints (`client.authentication.k8s.io/v1`, `v1beta1` and `v1alpha1`).
//!
//! # Not in scope
//!
//! What a token means, who its user is, HTTP, reading the environment. Nothing here reads a clock, a file, a socket or the
//! environment.
//!
//! # Guarantees
//!
//! * **One reading.** Kubernetes' readers disagree about JSON: Go's `encoding/json` matches member names in any letter
//!   case and lets the last of several win, `sigs.k8s.io/json` is case-sensitive. A document in which a member that is
//!   read here occurs twice, or in other letter case, is refused. Members that are not known are skipped, so that newer
//!   clients are understood.
//! * **Bounded.** No document over [`MAX_DOCUMENT_BYTES`] is looked at, none nested deeper than [`MAX_NESTING`] is
//!   accepted, and what is skipped is not stored.
//! * **Quiet.** Errors carry positions, member names of ours and numbers, never a byte of the input. A token is a
//!   [`BearerToken`]: zeroized on drop, fixed text in `Debug`. It leaves through two methods whose names end in
//!   `exposing_token`, and through [`BearerToken::expose`]. The bytes handed in and the bytes returned are the caller's
//!   to wipe; and of a token that was written with JSON escapes, which no token for AWS is, the parser keeps a copy
//!   until it is done, which is freed without being wiped.
//! * **Deterministic.** The same value always gives the same bytes, members in the order in which Go programs write them.
//!
//! # Example
//!
//! ```
//! use k8s_aws_tokenreview::{AudienceMatch, Audiences, TokenReviewRequest, TokenReviewResponse, UserInfo};
//!
//! let body = br#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"t0ken"}}"#;
//! let request = TokenReviewRequest::from_slice(body)?;
//! assert_eq!(request.token().expose(), "t0ken");
//!
//! let answer = match Audiences::unaware().check(request.audiences()) {
//!     AudienceMatch::Mismatch => TokenReviewResponse::denied(request.version()),
//!     AudienceMatch::Compatible(audiences) => {
//!         let user = UserInfo { username: "alice".to_owned(), ..UserInfo::default() };
//!         TokenReviewResponse::authenticated(request.version(), user, audiences)
//!     }
//! };
//! assert_eq!(
//!     String::from_utf8_lossy(&answer.to_json()),
//!     concat!(
//!         r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","#,
//!         r#""status":{"authenticated":true,"user":{"username":"alice"}}}"#,
//!     )
//! );
//! # Ok::<(), k8s_aws_tokenreview::TokenReviewError>(())
//! ```
//!
//! # Stability
//!
//! [`UserInfo`], [`ReviewOutcome`] and [`AudienceMatch`] are exhaustive on purpose: they are what `authentication.k8s.io/v1` has, and
//! whoever answers has to know every case.
//!
//! # Errors
//!
//! [`TokenReviewError`], with a `reason()`, the HTTP status to answer with, and a remedy for people. Nothing of the document is in it.

mod audience;
mod encode;
mod envelope;
mod error;
mod exec_credential;
mod exec_info;
mod request;
mod response;
mod secret;
mod strict;
mod timestamp;
mod version;

pub use audience::{AudienceMatch, Audiences};
pub use error::{Document, TokenReviewError};
pub use exec_credential::ExecCredential;
pub use exec_info::ExecInfo;
pub use request::{MAX_AUDIENCES, TokenReviewRequest};
pub use response::{ReviewOutcome, TokenReviewResponse, UserInfo};
pub use secret::BearerToken;
pub use strict::{MAX_DOCUMENT_BYTES, MAX_NESTING};
pub use version::{ExecCredentialVersion, TokenReviewVersion};
