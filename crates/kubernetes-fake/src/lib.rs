//! A small fake Kubernetes API server for tests: in process, on a free port of the loopback interface.
//!
//! It stores objects of any kind it is told about (at first ConfigMaps, events and `IAMIdentityMapping`s) and answers get, list,
//! watch, create, update, patch and delete as an API server does where clients can tell the difference: one resource version for
//! everything, 409 for a stale one, watches that resume, end in 410 or bring the objects first, bookmarks, pages, the status
//! subresource, updates that change nothing. The test holds the other end: it edits objects as an administrator would, ends
//! watches, takes the server down, injects faults, and reads what was asked.
//!
//! ```
//! use kubernetes_fake::{FakeKubernetes, aws_auth};
//!
//! let fake = FakeKubernetes::start();
//! fake.apply(aws_auth([("mapRoles", "- rolearn: arn:aws:iam::123456789012:role/dev\n  username: dev\n")]));
//! assert_eq!(fake.object("ConfigMap", "kube-system", "aws-auth").unwrap()["metadata"]["resourceVersion"], "1");
//! assert!(fake.kubeconfig().contains(&fake.url()));
//! ```
//!
//! [`RealKubernetes`] is the real one, where its programs are at hand, for tests that show that both do the same.
//!
//! Not in scope: authorization (a test looks at [`Recorded::verb`] instead), admission, schemas, strategic merges (a patch is
//! merged as JSON), label selectors, discovery.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "servers for tests: on loopback, in a thread or a process of their own"
)]

mod answer;
mod fake;
mod fault;
mod kubeconfig;
mod process;
mod real;
mod record;
mod resource;
mod samples;
mod server;
mod store;
mod tls;
mod watch;

pub use fake::{Builder, FakeKubernetes};
pub use fault::Fault;
pub use real::RealKubernetes;
pub use record::Recorded;
pub use resource::Resource;
pub use samples::{aws_auth, identity_mapping};
