//! AWS identities as Kubernetes logins need them.
//!
//! The ground floor of the `k8s-aws-*` crates: the few AWS names that a login is made of, each as a type that can hold
//! only valid values, and the table of the hosts that may be asked who a caller is.
//!
//! * [`AccountId`], [`AccessKeyId`], [`Region`], [`Partition`], [`InstanceId`]: validated names.
//! * [`Arn`] and [`Principal`]: the ARNs of IAM and STS principals, and the canonical form that mappings are keyed by.
//! * [`CallerIdentity`]: what `sts:GetCallerIdentity` says of a caller, checked against itself.
//! * [`StsEndpoint`] and [`EndpointTable`]: the STS hosts of every partition, matched by equality.
//! * [`ClusterId`]: the value of the signed header `x-k8s-aws-id`, which binds a token to one cluster.
//! * [`AmzDate`]: the time format of Signature Version 4.
//!
//! # Guarantees
//!
//! * A value of one of these types is well-formed: its constructor checked.
//! * Hosts and regions are found by equality with tables of what AWS publishes, never by a pattern.
//! * Nothing here reads a clock, a file, a socket or the environment, and no function panics on any input.
//!
//! # Not in scope
//!
//! Tokens, signatures, HTTP, and mapping rules.
//!
//! ```
//! use k8s_aws_identity::{AccessKeyId, AccountId, CallerIdentity};
//!
//! let caller = CallerIdentity::new(
//!     "arn:aws:sts::123456789012:assumed-role/deployer/alice",
//!     "123456789012",
//!     "AROAIOSFODNN7EXAMPLE:alice",
//!     AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE")?,
//! )?;
//! assert_eq!(caller.canonical_arn(), "arn:aws:iam::123456789012:role/deployer");
//! assert_eq!(caller.session_name(), Some("alice"));
//! assert_eq!(caller.account(), AccountId::parse("123456789012")?);
//! # Ok::<(), k8s_aws_identity::IdentityError>(())
//! ```
//!
//! # Stability
//!
//! [`Arn`] and [`Principal`] are exhaustive on purpose: they are what IAM and STS have, and a rule that does not know a kind of
//! principal cannot say whom it matches.
//!
//! # Errors
//!
//! [`IdentityError`], one variant for each name and what is wrong with it. None of them repeats its input; each has a `reason()` for
//! logs, metrics and programs.

mod amz_date;
mod arn;
mod caller;
mod endpoint;
mod error;
mod names;
mod partition;

pub use amz_date::AmzDate;
pub use arn::{Arn, EC2_INSTANCE_ROLE, Principal};
pub use caller::CallerIdentity;
pub use endpoint::{EndpointKind, EndpointTable, GLOBAL_STS_HOST, StsEndpoint};
pub use error::IdentityError;
pub use names::{AccessKeyId, AccountId, ClusterId, InstanceId, MAX_CLUSTER_ID_LEN};
pub use partition::{Partition, Region};
