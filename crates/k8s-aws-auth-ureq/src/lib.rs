//! A blocking HTTPS transport to AWS on ureq, made for verifiers of tokens in programs without a runtime.
//!
//! [`UreqTransport`] sends an `http::Request` and gives back an `http::Response<Vec<u8>>`. It knows nothing of tokens: any call to
//! AWS may go through it.
//!
//! # Guarantees
//!
//! * No runtime is started. (While a name is looked up there is a thread, so that the look-up can be given up.)
//! * What is sent is what was given, byte for byte; what ureq would change, a user in the URL, is
//!   [refused](TransportError::Unsendable).
//! * `https` only, over TLS 1.2 or 1.3, the certificate verified against the roots it was given.
//! * No redirect is followed, nothing is sent twice, no answer is decompressed and no cookie is kept. (The last two only as long as
//!   nobody in the program switches on ureq's features `gzip`, `brotli` and `cookies`: no setting takes them back. The limit on the
//!   body holds for what was decompressed.)
//! * Connecting takes at most [`Builder::connect_timeout`] (3 s; looking up the name has as much again), a whole exchange at most
//!   [`Builder::timeout`] (10 s), and a body at most [`Builder::max_body`] bytes (64 KiB): more is an error, never a cut-off body.
//! * Connections are kept and used again; a proxy is gone through by a `CONNECT` tunnel, so it sees host names only.
//! * Errors name what failed and never a URL.
//!
//! **At the log level TRACE, ureq logs whole URLs**, which are bearer secrets. At DEBUG it does not. Keep the target `ureq` at DEBUG
//! or above, whatever the rest of the program logs.
//!
//! # Not in scope
//!
//! Retries, limits, and judging answers. A `ureq::Agent` of your own is not taken: it may follow redirects. The cryptography of
//! rustls is the program's choice: install a default `rustls::crypto::CryptoProvider`, or hand one to
//! [`Builder::crypto_provider`].
//!
//! ```no_run
//! # fn example(request: http::Request<()>) -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_aws_auth_ureq::UreqTransport;
//!
//! // Proxy and CA bundle as the environment says: HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, SSL_CERT_FILE.
//! let transport = UreqTransport::builder().from_env()?.build()?;
//! let answer = transport.send(request.map(|()| []))?;
//! println!("{}", answer.status());
//! # Ok(())
//! # }
//! ```
//!
//! Settings and errors are those of `k8s-aws-auth-transport`, the same for all transports of this family.
//!
//! # Errors
//!
//! [`TransportError`] for a request without an answer and [`SetupError`] for settings that are no good. An answer of any status is no
//! error: judging it is `k8s-aws-sts`'s and `k8s-aws-ec2`'s.

mod agent;
mod error;

pub use k8s_aws_auth_transport::{SetupError, TransportError};

use k8s_aws_auth_transport::{Proxy, Settings, sendable};
use std::{io::Read, time::Duration};
use ureq::Agent;

/// The settings of a transport, a [`k8s_aws_auth_transport::Builder`]; [`UreqTransport::builder`] starts with the defaults.
///
/// Here `connect_timeout` is for TCP, proxy and TLS together, and for looking up the name by itself; of idle connections no more than
/// 64 are kept to all hosts together.
pub type Builder = k8s_aws_auth_transport::Builder<UreqTransport>;

/// The transport. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct UreqTransport {
    direct: Agent,
    proxied: Option<(Agent, Proxy)>,
    limits: Limits,
}

/// Which limits are in force, to tell which one was reached.
#[derive(Clone, Copy)]
struct Limits {
    connect_timeout: Duration,
    timeout: Duration,
    max_body: usize,
}

impl UreqTransport {
    /// Starts with the defaults: no proxy, no roots yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Sends a request and reads the whole answer, inside the time and size limits. Blocks the thread meanwhile.
    ///
    /// # Errors
    /// [`TransportError`]; an answer of any status is no error.
    pub fn send(&self, request: http::Request<impl AsRef<[u8]>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        let agent = self.agent_for(request.uri())?;
        let (head, body) = request.into_parts();
        let answer = match body.as_ref() {
            // An empty body of a GET is none at all.
            [] => agent.run(http::Request::from_parts(head, ())),
            body => agent.run(http::Request::from_parts(head, body)),
        };
        let (head, body) = answer.map_err(|error| self.limits.failure(error))?.into_parts();
        let mut bytes = Vec::new();
        // One more than allowed, to tell a body that ends there from one that goes on.
        let limit = u64::try_from(self.limits.max_body).unwrap_or(u64::MAX).saturating_add(1);
        let read = body.into_reader().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| self.limits.failure(error.into()))?;
        match bytes.len() > self.limits.max_body {
            true => Err(TransportError::BodyTooLong { limit: self.limits.max_body }),
            false => Ok(http::Response::from_parts(head, bytes)),
        }
    }

    fn agent_for(&self, uri: &http::Uri) -> Result<&Agent, TransportError> {
        let host = sendable(uri)?.host();
        Ok(match &self.proxied {
            Some((agent, proxy)) if proxy.is_for(host) => agent,
            _ => &self.direct,
        })
    }
}

impl TryFrom<Settings> for UreqTransport {
    type Error = SetupError;

    fn try_from(settings: Settings) -> Result<Self, SetupError> {
        let (direct, proxied) = agent::agents(&settings)?;
        let Settings { connect_timeout, timeout, max_body, .. } = settings;
        Ok(Self { direct, proxied, limits: Limits { connect_timeout, timeout, max_body } })
    }
}

impl std::fmt::Debug for UreqTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UreqTransport")
            .field("timeout", &self.limits.timeout)
            .field("max_body", &self.limits.max_body)
            .finish()
    }
}
