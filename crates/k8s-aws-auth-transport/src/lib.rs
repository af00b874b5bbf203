//! What HTTPS transports to AWS share, whatever HTTP stack they stand on.
//!
//! `k8s-aws-auth-hyper`, `k8s-aws-auth-reqwest` and `k8s-aws-auth-ureq` are such transports, and what programs want is one of them.
//! This crate is for whoever writes another: it has the [`Builder`] with everything that can be set, the [`Settings`] that come of
//! it, and the errors.
//!
//! # Guarantees
//!
//! * The environment is read by [`Builder::from_env`] alone. (Looking for the system's CA certificates reads `SSL_CERT_FILE` and
//!   `SSL_CERT_DIR`, where no others were given.)
//! * A proxy or a CA bundle that is named and no good is an error, and never passed over.
//! * No message and no `Debug` has a URL in it, nor a password of a proxy.
//!
//! # Not in scope
//!
//! Sending anything: no socket is opened here. `k8s_aws_fake::conformance` has the rules for that, as tests.
//!
//! ```
//! use k8s_aws_auth_transport::{Settings, SetupError, TransportError, sendable};
//!
//! /// A transport on some HTTP client.
//! pub struct MyTransport(Settings); // the client, made of the settings
//!
//! /// Its settings: `MyBuilder::default().from_env()?.build()?` makes one.
//! pub type MyBuilder = k8s_aws_auth_transport::Builder<MyTransport>;
//!
//! impl TryFrom<Settings> for MyTransport {
//!     type Error = SetupError;
//!
//!     fn try_from(settings: Settings) -> Result<Self, SetupError> {
//!         let _tls = settings.tls()?; // for clients on rustls; others take `root_certificates()`
//!         Ok(Self(settings))
//!     }
//! }
//!
//! impl MyTransport {
//!     pub fn send(&self, request: http::Request<()>) -> Result<http::Response<Vec<u8>>, TransportError> {
//!         let authority = sendable(request.uri())?;
//!         let _proxy = self.0.proxy.as_ref().filter(|proxy| proxy.is_for(authority.host()));
//!         Err(TransportError::Timeout { limit: self.0.timeout })
//!     }
//! }
//! # let provider = rustls::crypto::aws_lc_rs::default_provider();
//! # let transport = MyBuilder::default().crypto_provider(provider.into()).build()?;
//! # assert!(transport.send(http::Request::new(())).is_err());
//! # Ok::<(), SetupError>(())
//! ```
//!
//! # Errors
//!
//! [`TransportError`] for a request without an answer and [`SetupError`] for settings that are no good, each with a stable `reason()`.
#![allow(clippy::disallowed_methods, reason = "settings of transports: CA files, and the environment where it says so")]

mod builder;
mod error;
mod proxy;
mod settings;

pub use builder::Builder;
pub use error::{SetupError, TransportError};
pub use proxy::Proxy;
pub use settings::Settings;

use http::uri::{Authority, Scheme, Uri};

/// The host and port that a request is for, if it is one that may be sent: by `https`, and without a user in the URL.
///
/// # Errors
/// [`TransportError::Unsendable`]
pub fn sendable(uri: &Uri) -> Result<&Authority, TransportError> {
    if uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(TransportError::Unsendable("only https:// is spoken"));
    }
    match uri.authority() {
        None => Err(TransportError::Unsendable("the URL has no host")),
        Some(authority) if authority.as_str().contains('@') => {
            Err(TransportError::Unsendable("the URL has a user in it"))
        }
        Some(authority) => Ok(authority),
    }
}
