use crate::{Proxy, Settings, SetupError};
use rustls::{RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{env, fmt, fs, marker::PhantomData, path::PathBuf, sync::Arc, time::Duration};

/// The settings of a transport before it is made. `T` is the transport.
pub struct Builder<T> {
    settings: Settings,
    makes: PhantomData<fn() -> T>,
}

impl<T> Default for Builder<T> {
    fn default() -> Self {
        Self { settings: Settings::default(), makes: PhantomData }
    }
}

impl<T> Clone for Builder<T> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), makes: PhantomData }
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl<T> Builder<T> {
    /// The longest that name lookup, TCP, proxy and TLS may take together. Default: 3 s.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.settings.connect_timeout = limit;
        self
    }

    /// The longest that one exchange may take, connecting and the body included. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = limit;
        self
    }

    /// The most bytes of an answer's body. Default: 64 KiB, which is what STS needs; EC2 needs `k8s_aws_ec2::MAX_ANSWER_LEN`.
    #[must_use]
    pub fn max_body(mut self, limit: usize) -> Self {
        self.settings.max_body = limit;
        self
    }

    /// How many connections to each host are kept for the next request, and for how long. Default: 32, 60 s.
    ///
    /// Nothing limits how many hosts there are but who chooses the requests, and a TLS connection takes some 40 KiB.
    #[must_use]
    pub fn idle_connections(mut self, to_each_host: usize, idle_for: Duration) -> Self {
        (self.settings.idle_connections, self.settings.idle_for) = (to_each_host, idle_for);
        self
    }

    /// Verifies servers against these CA certificates alone.
    ///
    /// # Errors
    /// [`SetupError::CaBundle`] for what is no certificate; [`SetupError::NoRoots`] where there is none.
    pub fn roots<'a>(mut self, certificates: impl IntoIterator<Item = CertificateDer<'a>>) -> Result<Self, SetupError> {
        let roots: Vec<_> = certificates.into_iter().map(CertificateDer::into_owned).collect();
        for certificate in &roots {
            let read = RootCertStore::empty().add(certificate.clone());
            read.map_err(|error| SetupError::CaBundle(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(SetupError::NoRoots);
        }
        self.settings.roots = Some(roots.into());
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
    /// `no_proxy`, a list as in the variable `NO_PROXY`: see [`Proxy`].
    ///
    /// # Errors
    /// [`SetupError::Proxy`] for another kind of URL.
    pub fn proxy(mut self, url: &str, no_proxy: &str) -> Result<Self, SetupError> {
        self.settings.proxy = Some(Proxy::parse(url, no_proxy)?);
        Ok(self)
    }

    /// Chooses the cryptography; without this it is the process's default.
    #[must_use]
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.settings.provider = Some(provider);
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
}

impl<T: TryFrom<Settings, Error = SetupError>> Builder<T> {
    /// Makes the transport. Where no roots were given they are the system's: those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if
    /// set, else those in the system's usual places.
    ///
    /// # Errors
    /// [`SetupError::NoCryptoProvider`], [`SetupError::NoRoots`]; [`SetupError::Tls`] and [`SetupError::Client`] where the libraries
    /// below refuse what was set.
    pub fn build(self) -> Result<T, SetupError> {
        T::try_from(self.settings)
    }
}

fn first_of(names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty())
}
