//! A fake AWS for tests and demos: STS and EC2 that check signatures, behind TLS and a `CONNECT` proxy, on loopback.
//!
//! [`FakeAws`] runs inside the test's process, on free ports, in a thread of its own, and is gone when it is dropped.
//! Programs need no change to talk to it: [`FakeAws::env`] gives the environment (proxy and CA) that leads every AWS
//! SDK, the AWS CLI and Go programs here, while they believe that they call `https://sts.eu-west-1.amazonaws.com`.
//!
//! ```
//! use k8s_aws_fake::{FakeAws, Fault, Identity, samples};
//! use std::process::Command;
//! use std::time::Duration;
//!
//! # #[allow(clippy::disallowed_types)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeAws::start()?;
//!
//! // Ready-made principals of every kind, or one of your own.
//! let alice = samples::user();
//! assert_eq!(alice.identity.arn(), "arn:aws:iam::111122223333:user/alice");
//! let deployer = fake.issue(Identity::assumed_role("444455556666", "deployer", "ci"));
//!
//! // A program that is to believe it talks to AWS.
//! let mut program = Command::new("aws");
//! program.args(["sts", "get-caller-identity"]).envs(fake.env()).envs(deployer.env());
//!
//! // STS throttles in one region, twice.
//! let throttled = fake.inject(Fault::throttling().in_region("eu-west-1").times(2));
//!
//! // … run the program, then see what arrived.
//! assert!(fake.wait_for_calls_blocking(0, Duration::from_secs(10)));
//! assert_eq!(throttled.hits(), 0);
//! assert!(fake.calls().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # In scope
//!
//! - STS `GetCallerIdentity`, over HTTP/1.1 and HTTP/2, signed in the query string (presigned URLs) or in the
//!   `Authorization` header, answered in JSON or XML, on every host name of STS in every partition: regional, FIPS,
//!   dual-stack and global.
//! - EC2 `DescribeInstances`, by `instance-id` filter, by `InstanceId.N` or for all, in pages, on every host name of EC2. A
//!   caller sees the instances of its own account in the region of the host, if it may describe any.
//! - STS `AssumeRole`, with external id, MFA, source ARN and duration, and `AssumeRoleWithWebIdentity` ([`Role`]); the
//!   sessions are credentials that the fake knows until they expire.
//! - IAM Identity Center: `GetRoleCredentials` for a login and `CreateToken` with a refresh token.
//! - What a machine tells its programs, on a plain HTTP port of loopback: the instance metadata service, version 2, and the
//!   credentials endpoint of ECS and EKS pod identity.
//! - A check of Signature Version 4 that is its own. It rebuilds the canonical request from what arrived and shares no
//!   code with any signer. Refusals have the status, code and shape of STS's.
//! - Credentials that come, go and expire at run time ([`FakeAws::add`], [`FakeAws::remove`], [`FakeAws::set_expiry`]), and
//!   a clock that can be set ([`FakeClock`]).
//! - Faults of the service, of the HTTP stream, of TLS and of the proxy ([`Fault`]), for a host, a region, an action, a
//!   number of times.
//! - The rules that a transport to AWS has to keep, as tests to put yours through ([`conformance`]).
//! - Records and counters of all that arrived, and waiting for them without polling ([`FakeAws::wait_until`]).
//!
//! # Not in scope
//!
//! - Other actions and services: they are answered `InvalidAction` (400) and 404.
//! - Permissions, but for a switch per credential ([`FakeAws::set_may_describe_instances`]); `GetCallerIdentity` needs none.
//! - Other filters of EC2 than `instance-id`, and wildcards in it.
//! - Signature Version 4A, chunked uploads, and the rules of S3.
//! - Being reached from other machines, or reaching AWS.
//!
//! # Guarantees
//!
//! - Nothing leaves the machine: all listeners are bound to 127.0.0.1, and the proxy ends every tunnel in this process.
//!   It refuses (403) whatever is not `CONNECT` to port 443 of a host name of AWS.
//! - Nothing of the process is changed: no environment variable, no global TLS provider, no signal handler.
//! - Dropping the fake ends its threads, closes its connections, whatever they wait for, and removes its CA file.
//! - Memory is bounded: records by [`FakeAwsBuilder::record_limit`], requests by the limits of STS, host names in counters
//!   and certificates by number.
//!
//! # What is known to differ from STS
//!
//! - `X-Amz-Date` may be 15 minutes ahead, and not a second more.
//! - A parameter that counts once (`Action`, `Version`, `X-Amz-…`) and is there twice is `MalformedQueryString`; AWS does
//!   not say what it does then. A request that is signed in two places is `IncompleteSignature`.
//! - `sts.amazonaws.com` takes signatures for `us-east-1` only.
//! - Request ids count up from zero.
//!
//! # Errors
//!
//! [`StartError`], if there is no loopback, no thread or no directory for temporary files. A fake that runs has no errors of its own:
//! what clients do wrong they are told as AWS would tell them, and [`FakeAws::calls`] tells the test.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a server for tests: sockets, files, threads and the clock are its job"
)]

mod answer;
mod assume;
mod body;
mod canonical;
mod clock;
pub mod conformance;
mod date;
mod directory;
mod ec2;
mod endpoint;
mod error;
mod fake;
mod fault;
mod gzip;
mod instances;
mod issuer;
mod logins;
mod metadata;
mod proxy;
mod record;
mod reply;
mod rules;
pub mod samples;
mod server;
mod service;
mod sigv4;
mod sso;
mod sts;
mod sync;
mod tls;
mod wire;

pub use clock::FakeClock;
pub use directory::{Credential, Identity};
pub use error::StartError;
pub use fake::{FakeAws, FakeAwsBuilder};
pub use fault::Fault;
pub use instances::Instance;
pub use issuer::Role;
pub use record::{Call, Counts, Outcome};
pub use rules::Injected;
