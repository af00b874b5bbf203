//! A fake AWS for tests and demos: STS that checks signatures, behind TLS and a CONNECT proxy, on loopback.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a server for tests: sockets, files, threads and the clock are its job"
)]

mod answer;
mod body;
mod canonical;
mod clock;
mod date;
mod directory;
mod endpoint;
mod error;
mod fake;
mod fault;
mod gzip;
mod proxy;
mod record;
mod reply;
mod rules;
pub mod samples;
mod server;
mod sigv4;
mod sts;
mod sync;
mod tls;
mod wire;

pub use clock::FakeClock;
pub use directory::{Credential, Identity};
pub use error::StartError;
pub use fake::{FakeAws, FakeAwsBuilder};
pub use fault::Fault;
pub use record::{Call, Counts, Outcome};
pub use rules::Injected;
