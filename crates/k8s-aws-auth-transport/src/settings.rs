use crate::{Proxy, SetupError};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::CertificateDer;
use std::{fmt, sync::Arc, time::Duration};

/// What a transport has to keep to. A [`Builder`](crate::Builder) makes it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The longest that name lookup, TCP, proxy and TLS may take together.
    pub connect_timeout: Duration,
    /// The longest that one exchange may take, connecting and the body included.
    pub timeout: Duration,
    /// The most bytes of an answer's body.
    pub max_body: usize,
    /// How many connections to each host are kept for the next request.
    pub idle_connections: usize,
    /// How long a connection is kept.
    pub idle_for: Duration,
    /// The proxy, if there is one, and whom not to reach through it.
    pub proxy: Option<Proxy>,
    pub(crate) roots: Option<Arc<[CertificateDer<'static>]>>,
    pub(crate) provider: Option<Arc<CryptoProvider>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            max_body: 64 * 1024,
            idle_connections: 32,
            idle_for: Duration::from_secs(60),
            proxy: None,
            roots: None,
            provider: None,
        }
    }
}

impl Settings {
    /// The cryptography that was chosen, else the process's default.
    ///
    /// # Errors
    /// [`SetupError::NoCryptoProvider`] where there is neither.
    pub fn crypto_provider(&self) -> Result<Arc<CryptoProvider>, SetupError> {
        let provider = self.provider.as_ref().or_else(|| CryptoProvider::get_default());
        provider.cloned().ok_or(SetupError::NoCryptoProvider)
    }

    /// The CA certificates to verify servers against, each of which rustls can read: those that were given, else the system's.
    ///
    /// # Errors
    /// [`SetupError::NoRoots`] where the system has none.
    pub fn root_certificates(&self) -> Result<Vec<CertificateDer<'static>>, SetupError> {
        if let Some(roots) = &self.roots {
            return Ok(roots.to_vec());
        }
        // One unreadable certificate among the system's many must not stop a login; none at all must.
        let mut roots = rustls_native_certs::load_native_certs().certs;
        roots.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        if roots.is_empty() { Err(SetupError::NoRoots) } else { Ok(roots) }
    }

    /// TLS 1.2 and 1.3 with that cryptography and those roots, without a client certificate and without ALPN.
    ///
    /// # Errors
    /// [`SetupError::NoCryptoProvider`], [`SetupError::NoRoots`]; [`SetupError::Tls`] where the cryptography does not do for TLS.
    pub fn tls(&self) -> Result<ClientConfig, SetupError> {
        let provider = self.crypto_provider()?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.root_certificates()?);
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .field("idle_connections", &self.idle_connections)
            .field("idle_for", &self.idle_for)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
