//! AWS credentials from every usual source, on aws-config.
//!
//! [`Sources`] finds credentials for one start of a program, and says what it tried where there are none;
//! [`default_provider`] and [`Sources::into_provider`] are providers for programs that go on running; [`CredentialCache`] keeps
//! sessions on disk between starts.
//!
//! # In scope
//!
//! In this order, which is that of aws-sdk-go-v2, so that a machine is the same identity here as for the Go program:
//!
//! 1. The environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, and `AWS_CREDENTIAL_EXPIRATION`.
//! 2. Web identity: `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`, `AWS_ROLE_SESSION_NAME`.
//! 3. The profile of `AWS_PROFILE`, or `default`: roles over `source_profile` and `credential_source`, with `external_id`,
//!    `duration_seconds` and `mfa_serial`; keys; web identity; IAM Identity Center in both styles, whose logins are renewed;
//!    `credential_process`.
//! 4. The container endpoint of ECS and EKS pod identity: `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI`.
//! 5. The instance metadata service, version 2; one attempt of at most a second or two.
//!
//! On top of them a role ([`AssumeRole`]). Region and kind of STS endpoint are found on the way ([`Found`]).
//!
//! # Not in scope
//!
//! Logging in (`aws sso login`), credentials of `aws login`, SAML, and tokens: those are `k8s-aws-presign`'s.
//!
//! # Guarantees
//!
//! * HTTPS goes through [`k8s_aws_auth_hyper::HttpsTransport`], with its proxy, CA bundle and limits; it is made when the first
//!   request needs it. Plain HTTP is for the services of this machine, and no proxy is asked for it.
//! * A source that is set up and does not work is an error and not passed over: the next one would be somebody else.
//! * No error and no `Debug` has a secret in it. aws-config and the SDK under it write answers with secrets into `tracing` at
//!   their most verbose levels: a program that subscribes to that has to cap the targets `aws_*`.
//! * Nobody is asked for an MFA code unless there is a prompt, and nothing is ever written to standard output.
//!
//! # Errors
//!
//! [`CredentialsError`], with a `reason()` such as `credentials_not_found`, what was tried before, and where it is known what to do.
//!
//! The environment and the files that it names are read by [`Sources::load`], [`Sources::in_environment`] and
//! [`CredentialCache::from_env`].
//!
//! ```no_run
//! use k8s_aws_auth_credentials::{AssumeRole, Sources};
//! use k8s_aws_auth_hyper::HttpsTransport;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sources = Sources::new(|| HttpsTransport::builder().from_env()?.build())
//!     .role(AssumeRole::new("arn:aws:iam::111122223333:role/admin").session_name("me"));
//! let found = sources.load().await?;
//! println!("{} at {}", found.credentials().access_key_id(), found.endpoint()?.host());
//! # Ok(())
//! # }
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "credentials are in files, variables and services"
)]

mod cache;
mod client;
mod environment;
mod error;
mod fingerprint;
mod loading;
mod process;
mod profile;
mod refreshing;
mod role;
mod sources;

pub use cache::{CACHE_MARGIN, CacheError, CacheSlot, CredentialCache};
pub use error::{Attempt, CredentialsError, Source};
pub use refreshing::default_provider;
pub use role::{AssumeRole, MfaPrompt};
pub use sources::{Found, Sources};
