use crate::{NoProxy, SetupError, UreqTransport, error::Limits};
use rustls::{RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{env, fs, path::PathBuf, sync::Arc, time::Duration};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Proxy};

/// The settings of a transport.
#[derive(Clone)]
pub struct Builder {
    limits: Limits,
    roots: Option<RootCerts>,
    proxy: Option<(Proxy, NoProxy)>,
    provider: Option<Arc<CryptoProvider>>,
}

impl Default for Builder {
    fn default() -> Self {
        let limits =
            Limits { connect_timeout: Duration::from_secs(3), timeout: Duration::from_secs(10), max_body: 64 * 1024 };
        Self { limits, roots: None, proxy: None, provider: None }
    }
}

impl Builder {
    /// The longest that TCP, proxy and TLS may take together, and name lookup by itself. Default: 3 s.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.limits.connect_timeout = limit;
        self
    }

    /// The longest that one exchange may take, connecting and the body included. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limits.timeout = limit;
        self
    }

    /// The most bytes of an answer's body. Default: 64 KiB, which is what STS needs; EC2 needs `k8s_aws_ec2::MAX_ANSWER_LEN`.
    #[must_use]
    pub fn max_body(mut self, limit: usize) -> Self {
        self.limits.max_body = limit;
        self
    }

    /// Verifies servers against these CA certificates alone.
    ///
    /// # Errors
    /// [`SetupError::CaBundle`] for what is no certificate; [`SetupError::NoRoots`] where there is none.
    pub fn roots<'a>(mut self, certificates: impl IntoIterator<Item = CertificateDer<'a>>) -> Result<Self, SetupError> {
        // ureq passes over what it cannot read; that a bundle is good is found out here.
        let mut readable = RootCertStore::empty();
        let mut roots = Vec::new();
        for certificate in certificates {
            roots.push(Certificate::from_der(&certificate).to_owned());
            readable.add(certificate).map_err(|error| SetupError::CaBundle(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(SetupError::NoRoots);
        }
        self.roots = Some(RootCerts::new_with_certs(&roots));
        Ok(self)
    }

    /// Verifies servers against the CA certificates of a PEM text alone.
    ///
    /// # Errors
    /// [`SetupError::CaBundle`]; [`SetupError::NoRoots`] where the text has no certificate at all.
    pub fn roots_pem(self, pem: &[u8]) -> Result<Self, SetupError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        self.roots(certificates.map_err(|error| SetupError::CaBundle(error.to_string()))?)
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
        let proxy = Proxy::new(url).map_err(|_| SetupError::Proxy)?;
        self.proxy = Some((proxy, NoProxy::parse(no_proxy)));
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
    /// [`SetupError::NoCryptoProvider`], [`SetupError::NoRoots`].
    pub fn build(self) -> Result<UreqTransport, SetupError> {
        let provider = self.provider.or_else(|| CryptoProvider::get_default().cloned());
        let provider = provider.ok_or(SetupError::NoCryptoProvider)?;
        let roots = match self.roots {
            Some(roots) => roots,
            None => system_roots()?,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(roots)
            .build();
        let agent = |proxy: Option<Proxy>| -> Agent {
            Agent::config_builder()
                .tls_config(tls.clone())
                // ureq looks for a proxy in the environment unless told; here `from_env` alone does.
                .proxy(proxy)
                .https_only(true)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .user_agent("")
                .accept("")
                .accept_encoding("")
                .no_delay(true)
                .timeout_resolve(Some(self.limits.connect_timeout))
                .timeout_connect(Some(self.limits.connect_timeout))
                .timeout_global(Some(self.limits.timeout))
                .max_idle_connections(64)
                .max_idle_connections_per_host(32)
                .max_idle_age(Duration::from_secs(60))
                .build()
                .into()
        };
        Ok(UreqTransport {
            direct: agent(None),
            proxied: self.proxy.map(|(proxy, no_proxy)| (agent(Some(proxy)), no_proxy)),
            limits: self.limits,
        })
    }
}

fn first_of(names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty())
}

fn system_roots() -> Result<RootCerts, SetupError> {
    // One unreadable certificate among the system's many must not stop a login; none at all must.
    let certificates = rustls_native_certs::load_native_certs().certs;
    let readable = |certificate: &&CertificateDer<'_>| RootCertStore::empty().add((*certificate).clone()).is_ok();
    let roots: Vec<_> =
        certificates.iter().filter(readable).map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    if roots.is_empty() { Err(SetupError::NoRoots) } else { Ok(RootCerts::new_with_certs(&roots)) }
}
