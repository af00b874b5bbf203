//! Private DNS names of EC2 instances: the signed `DescribeInstances` request, and its answer read strictly.
//!
//! ```text
//! instance ids ──new──▶ Query ──request──▶ (your HTTP stack) ──read──▶ Done(Instances)
//!                         ▲                                        └──▶ NextPage(Query) ──┐
//!                         └───────────────────────────────────────────────────────────────┘
//! ```
//!
//! # Guarantees
//!
//! * The request asks for the given instances and nothing else, of the EC2 host of a region that the operator or the
//!   instance we run on names; nothing of it comes from a client but instance ids, whose form [`InstanceId`] guarantees.
//! * Only instances that were asked for come out, each with its owner. **Compare the owner with the caller's account**: an
//!   instance of another account is not the caller, whatever its id.
//! * An instance that EC2 does not know is told apart from one that has no name yet. Neither is a denial: EC2 is eventually
//!   consistent, so both may be different a second later.
//! * The loop over pages ends: a page token that was there before is an error, and so are more pages than the instances
//!   could fill.
//! * Every failure has a [class](ErrorClass) that says what may be done about it, and keeps the code that EC2 gave where
//!   that is a known one.
//! * An answer may be read [in pieces](Query::reader), so that its megabytes need not be in memory.
//! * Nothing is logged. No error, and no `Debug` of ours, shows a signature, a session token, a page token or the body of
//!   an answer. (The signing key passes through `aws-sigv4`, whose own buffers are not zeroized.)
//!
//! # Not in scope
//!
//! Sending the request. Whoever does must **follow no redirects**, verify TLS, give up after some seconds, and read at
//! most [`MAX_ANSWER_LEN`] bytes. Which instances are asked about at once, when, how often, and what is remembered, is for
//! [`Lookups`] to say; those who wait, and time itself, are `k8s-aws-auth-tower`'s.
//!
//! ```
//! use aws_credential_types::Credentials;
//! use k8s_aws_ec2::{AccountId, Ec2Endpoint, EndpointKind, InstanceId, Partition, Progress, Query, Region};
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "example");
//! let endpoint = Ec2Endpoint::new(Partition::Aws, &Region::parse("us-west-2")?, EndpointKind::Regional)?;
//! let now = UNIX_EPOCH + Duration::from_secs(1_781_526_896);
//!
//! let (node, new) = (InstanceId::parse("i-0123456789abcdef0")?, InstanceId::parse("i-0123456789abcdef1")?);
//! let query = Query::new([node.clone(), new.clone()])?;
//! let request = query.request(&keys, &endpoint, now)?.into_http(); // send it with any HTTP client
//! assert_eq!(request.uri(), "https://ec2.us-west-2.amazonaws.com/");
//!
//! let answer = http::Response::builder().header("content-type", "text/xml;charset=UTF-8").body(
//!     r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
//!         <ownerId>111122223333</ownerId><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId>
//!         <privateDnsName>ip-10-0-0-1.us-west-2.compute.internal</privateDnsName></item></instancesSet>
//!     </item></reservationSet></DescribeInstancesResponse>"#,
//! )?;
//! let Progress::Done(instances) = query.read(&answer)? else { panic!("one page is all") };
//! let instance = instances.get(&node).expect("EC2 knows it");
//! assert_eq!(instance.owner(), AccountId::parse("111122223333")?);
//! assert_eq!(instance.private_dns_name(), "ip-10-0-0-1.us-west-2.compute.internal");
//! assert!(instances.get(&new).is_none()); // not known, or not yet
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Stability
//!
//! [`Progress`] and [`NextCall`] are exhaustive on purpose: a driver that does not know a case cannot go on.
//!
//! # Errors
//!
//! [`Ec2Error`], with a `reason()` such as `ec2_throttled`, a [class](Ec2Error::class), and EC2's own code where it is a known one.
//! None of them is a reason to turn a caller away for good.

mod answer;
mod code;
mod document;
mod endpoint;
mod error;
mod lookups;
mod query;
mod request;
mod xml;

pub use endpoint::{Ec2Endpoint, EndpointKind};
pub use error::{Ec2Error, ErrorClass, TransportFailure};
pub use k8s_aws_identity::{AccountId, InstanceId, Partition, Region};
pub use lookups::{LookupAnswer, LookupCall, LookupLimits, Lookups, NextCall};
pub use query::{AnswerReader, Instance, Instances, Progress, Query};
pub use request::Ec2Request;

/// How many instances one query may ask for: as many values as EC2 takes in a filter ("List and filter using the CLI and
/// API" in the EC2 user guide).
pub const MAX_INSTANCES: usize = 200;

/// `MaxResults` of the request: the most that EC2 takes, so that there are as few pages as it can make. Without it a request
/// counts as unpaginated, which EC2 throttles sooner ("Pagination in the Amazon EC2 API" in the EC2 developer guide).
pub const MAX_RESULTS: u16 = 1000;

/// The longest answer that is looked at, in bytes: 16 MiB.
///
/// A small instance takes about 6 KiB of it, so 200 take 1.2 MiB. But each address of each network interface takes about 280
/// bytes more, and the Kubernetes CNI plug-in for VPCs attaches as many as fit: 240 to an `m5.4xlarge`, which makes 72 KiB of
/// it and 14 MiB of 200.
pub const MAX_ANSWER_LEN: usize = 16 * 1024 * 1024;

/// How deep the elements of an answer may be nested. EC2's own go to 11, as `DescribeInstancesResponse`, `reservationSet`,
/// `item`, `instancesSet`, `item`, `networkInterfaceSet`, `item`, `privateIpAddressesSet`, `item`, `association`, `publicIp`.
pub const MAX_DEPTH: usize = 32;
