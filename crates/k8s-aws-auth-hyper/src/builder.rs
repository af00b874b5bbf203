use crate::connector::{AwsConnector, ProxyConnector};
use crate::{HttpsTransport, SetupError};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{env, fs, path::PathBuf, sync::Arc, time::Duration};

/// The settings of a transport.
#[derive(Clone)]
pub struct Builder {
    connect_timeout: Duration,
    timeout: Duration,
    max_body: usize,
    idle_connections: usize,
    idle_for: Duration,
    roots: Option<Arc<RootCertStore>>,
    proxies: Option<Arc<Matcher>>,
    provider: Option<Arc<CryptoProvider>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            max_body: 64 * 1024,
            idle_connections: 32,
            idle_for: Duration::from_secs(60),
            roots: None,
            proxies: None,
            provider: None,
        }
    }
}

impl Builder {
    /// The longest that name lookup, TCP, proxy and TLS may take together. Default: 3 s.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// The longest that one exchange may take, connecting and the body included. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The most bytes of an answer's body. Default: 64 KiB.
    #[must_use]
    pub fn max_body(mut self, limit: usize) -> Self {
        self.max_body = limit;
        self
    }

    /// How many connections to each host are kept for the next request, and for how long. Default: 32, 60 s.
    ///
    /// Nothing limits how many hosts there are but who chooses the requests, and a TLS connection takes some 40 KiB.
    #[must_use]
    pub fn idle_connections(mut self, to_each_host: usize, idle_for: Duration) -> Self {
        (self.idle_connections, self.idle_for) = (to_each_host, idle_for);
        self
    }

    /// Verifies servers against these CA certificates alone.
    #[must_use]
    pub fn roots(mut self, roots: RootCertStore) -> Self {
        self.roots = Some(Arc::new(roots));
        self
    }

    /// Verifies servers against the CA certificates of a PEM text alone.
    ///
    /// # Errors
    /// [`SetupError::CaBundle`]; [`SetupError::NoRoots`] where the text has no certificate at all.
    pub fn roots_pem(self, pem: &[u8]) -> Result<Self, SetupError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| SetupError::CaBundle(error.to_string()))?;
            roots.add(certificate).map_err(|error| SetupError::CaBundle(error.to_string()))?;
        }
        if roots.is_empty() { Err(SetupError::NoRoots) } else { Ok(self.roots(roots)) }
    }

    /// Goes through this proxy (`http://[user:password@]host:port`, or `https://…`) to every host but those of
    /// `no_proxy`, a list as in the variable `NO_PROXY`.
    ///
    /// # Errors
    /// [`SetupError::Proxy`] for another kind of URL.
    pub fn proxy(mut self, url: &str, no_proxy: &str) -> Result<Self, SetupError> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(SetupError::Proxy);
        }
        self.proxies = Some(Arc::new(Matcher::builder().https(url).no(no_proxy).build()));
        Ok(self)
    }

    /// Chooses the cryptography; without this it is the process's default.
    #[must_use]
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Reads the environment: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (in capitals or not), and `AWS_CA_BUNDLE`, a PEM file
    /// that replaces the system's CA certificates, as it does for AWS's own tools.
    ///
    /// # Errors
    /// [`SetupError::CaFile`], [`SetupError::CaBundle`] or [`SetupError::NoRoots`] for a bundle that is named and no good.
    pub fn from_env(mut self) -> Result<Self, SetupError> {
        self.proxies = Some(Arc::new(Matcher::from_env()));
        match env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            None => Ok(self),
            Some(path) => {
                let path = PathBuf::from(path);
                let pem = fs::read(&path).map_err(|error| SetupError::CaFile { path, error })?;
                self.roots_pem(&pem)
            }
        }
    }

    /// Makes the transport. Where no roots were given they are the system's: those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if
    /// set, else those in the system's usual places.
    ///
    /// # Errors
    /// [`SetupError::NoCryptoProvider`], [`SetupError::NoRoots`], [`SetupError::Tls`].
    pub fn build(self) -> Result<HttpsTransport, SetupError> {
        let provider = self.provider.or_else(|| CryptoProvider::get_default().cloned());
        let provider = provider.ok_or(SetupError::NoCryptoProvider)?;
        let roots = match self.roots {
            Some(roots) => roots,
            None => Arc::new(system_roots()?),
        };
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();

        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_nodelay(true);
        let to_proxy = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(direct.clone());
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(ProxyConnector { direct, to_proxy, proxies: self.proxies });

        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.idle_for)
            .pool_max_idle_per_host(self.idle_connections)
            // Nothing is sent twice: this is about requests that never left, because a kept connection had just ended.
            .retry_canceled_requests(true)
            .http1_max_buf_size(32 * 1024)
            .build(AwsConnector { tls: connector, limit: self.connect_timeout });
        Ok(HttpsTransport { client, timeout: self.timeout, max_body: self.max_body })
    }
}

fn system_roots() -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    // One unreadable certificate among the system's many must not stop a login; none at all must.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(SetupError::NoRoots) } else { Ok(roots) }
}
