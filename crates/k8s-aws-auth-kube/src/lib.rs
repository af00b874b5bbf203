//! The Kubernetes side of IAM authentication, on `kube`: mappings that an API server holds, and signing in to EKS in process.
//!
//! | feature | what |
//! |---|---|
//! | (always) | [`ApiServer`]: from `--kubeconfig`, context and `--master`, or the pod, to a [`kube::Client`] |
//! | `sources` | [`Source`]: the ConfigMap `aws-auth` and `IAMIdentityMapping` objects as documents of the mapping engine, as they change; [`Controller`]: what is written back |
//! | `client-auth` | [`TokenLayer`] and [`EksCluster`]: a `kube::Client` that mints its own tokens and refreshes them |
//!
//! # Sources
//!
//! ```no_run
//! # #[cfg(feature = "sources")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_aws_auth_kube::{ApiServer, Source, Update};
//! use k8s_aws_mapping::{BackendMode, Engine, Options};
//!
//! let mut engine = Engine::new([BackendMode::EksConfigMap], Options::default());
//! let mut source = Source::aws_auth(ApiServer::default());
//! loop {
//!     match source.next().await {
//!         Update::Mappings(document) => engine.load(BackendMode::EksConfigMap, document),
//!         Update::Failed { error, retry_in } => eprintln!("{error}; next try in {retry_in:?}"),
//!         _ => {}
//!     }
//!     let snapshot = engine.snapshot(); // to whoever answers logins
//!     # drop(snapshot);
//! }
//! # }
//! ```
//!
//! Guarantees:
//!
//! * Only what is needed is asked for: the one ConfigMap by its name, with the verbs `list` and `watch`.
//! * An object that was deleted counts as deleted, also if that happened while the API server could not be reached.
//! * An API server that cannot be reached, refuses, or answers nonsense takes nothing away: [`Update::Failed`] changes no mapping.
//! * An object that cannot be read costs itself only.
//! * After a failure there is a pause, which grows from 0.2 s to 30 s and is cut by chance; there is no busy loop.
//! * After an answer 401 and after broken connections, credentials and CA certificates are read again from where they came.
//! * A connection that died without a word is found out after at most 165 s.
//! * Memory: what the mappings are made of is kept, not the objects. An answer or an event of more than 16 MiB is refused.
//!
//! The resource behind `IAMIdentityMapping` is in `manifests/iamidentitymapping.yaml` of this crate.
//!
//! # Not in scope
//!
//! What mappings mean (`k8s-aws-mapping`), editing the ConfigMap, leader election (each replica reads for itself, and what they
//! write is the same).
//!
//! # Errors
//!
//! [`KubeError`], with a `reason()` such as `api_server_unreachable`; a [`Source`] has none, but tells them as [`Update::Failed`].
//!
//! # Stability
//!
//! Some types may be written and matched as they are. `ApiServer` is which API server is meant, and there is no more to that than a
//! kubeconfig, a context and a URL; how it is spoken to is a matter of the [`kube::Config`] that it gives. `EksCluster` has what a
//! login takes, all of it needed; what may be chosen beyond that is chosen with `TokenLayer`. `Access` has both ways to have a client.
//!
//! The cryptography of rustls is the program's choice: install a default `rustls::crypto::CryptoProvider` before a client is made.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "an adapter: reads the clock")]

#[cfg(feature = "client-auth")]
mod client_auth;
mod config;
mod error;
#[cfg(feature = "sources")]
mod sources;

#[cfg(feature = "client-auth")]
pub use client_auth::{EksCluster, TokenLayer, TokenService};
pub use config::ApiServer;
pub use error::KubeError;
#[cfg(feature = "client-auth")]
pub use k8s_aws_presign::{ClusterId, EndpointKind, Region, StsEndpoint};
#[cfg(feature = "sources")]
pub use sources::{Access, Controller, Source, Update, WriteFailure};
