use crate::{ReqwestTransport, SetupError};
use reqwest::{NoProxy, Proxy, redirect, retry};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{env, fs, path::PathBuf, sync::Arc, time::Duration};

/// The settings of a transport.
#[derive(Clone)]
pub struct Builder {
    connect_timeout: Duration,
    timeout: Duration,
    max_body: usize,
    roots: Option<Arc<RootCertStore>>,
    proxy: Option<Proxy>,
    provider: Option<Arc<CryptoProvider>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            max_body: 64 * 1024,
            roots: None,
            proxy: None,
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

    /// The most bytes of an answer's body. Default: 64 KiB, which is what STS needs; EC2 needs `k8s_aws_ec2::MAX_ANSWER_LEN`.
    #[must_use]
    pub fn max_body(mut self, limit: usize) -> Self {
        self.max_body = limit;
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
        // The error would repeat the URL, which may have a password in it.
        let proxy = Proxy::https(url).map_err(|_| SetupError::Proxy)?;
        self.proxy = Some(proxy.no_proxy(NoProxy::from_string(no_proxy)));
        Ok(self)
    }

    /// Chooses the cryptography; without this it is the process's default.
    #[must_use]
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Reads the environment: `HTTPS_PROXY`, else `ALL_PROXY`, and `NO_PROXY` (in capitals or not), and `AWS_CA_BUNDLE`, a PEM file
    /// that replaces the system's CA certificates, as it does for AWS's own tools.
    ///
    /// # Errors
    /// [`SetupError::Proxy`] for a proxy of another kind; [`SetupError::CaFile`], [`SetupError::CaBundle`] or
    /// [`SetupError::NoRoots`] for a bundle that is named and no good.
    pub fn from_env(mut self) -> Result<Self, SetupError> {
        if let Some(url) = first_of(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
            let url = if url.contains("://") { url } else { format!("http://{url}") };
            self = self.proxy(&url, &first_of(&["NO_PROXY", "no_proxy"]).unwrap_or_default())?;
        }
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
    /// [`SetupError::NoCryptoProvider`], [`SetupError::NoRoots`], [`SetupError::Tls`], [`SetupError::Client`].
    pub fn build(self) -> Result<ReqwestTransport, SetupError> {
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

        // Each of these is said, though most are reqwest's defaults: its features are switched on by anybody in the program.
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .no_hickory_dns()
            .connection_verbose(false)
            .tcp_nodelay(true)
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(32)
            // The environment and the system's settings are looked at by `from_env` alone.
            .no_proxy();
        let client = match self.proxy {
            Some(proxy) => client.proxy(proxy),
            None => client,
        };
        Ok(ReqwestTransport {
            client: client.build().map_err(|error| SetupError::Client(error.into()))?,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            max_body: self.max_body,
        })
    }
}

fn first_of(names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty())
}

fn system_roots() -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    // One unreadable certificate among the system's many must not stop a login; none at all must.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(SetupError::NoRoots) } else { Ok(roots) }
}
