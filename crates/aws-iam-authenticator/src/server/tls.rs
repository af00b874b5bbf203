//! The certificate that is being served, and how it is replaced while connections go on.

use super::certificate::{ServingIdentity, rfc3339};
use super::metrics::Metrics;
use crate::{Failure, Log};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_aws_auth::mapping::tree::Tree;
use rustls::client::{WebPkiServerVerifier, danger::ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, fs};
use time::{Duration, OffsetDateTime};

/// From when on the end of the certificate is worth a warning, and how often.
const WARN_AHEAD: Duration = Duration::days(30);
const WARN_EVERY: Duration = Duration::DAY;

/// The certificate that new connections get.
pub(super) struct ServingCertificate {
    current: RwLock<Arc<CertifiedKey>>,
    /// When it ends, and when to warn of that next, in Unix seconds. Looked at with each handshake: nobody else needs it.
    not_after: AtomicI64,
    warn_at: AtomicI64,
    metrics: Arc<Metrics>,
    log: Arc<Log>,
}

impl ServingCertificate {
    pub(super) fn new(
        identity: &ServingIdentity,
        metrics: &Arc<Metrics>,
        log: &Arc<Log>,
    ) -> Result<Arc<Self>, Failure> {
        let certificate = Self {
            current: RwLock::new(certified_key(identity)?),
            not_after: AtomicI64::default(),
            warn_at: AtomicI64::default(),
            metrics: metrics.clone(),
            log: log.clone(),
        };
        certificate.ends(identity.not_after());
        Ok(Arc::new(certificate))
    }

    /// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(super) fn config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// Serves another certificate from the next connection on. Those there are keep theirs.
    pub(super) fn replace(&self, identity: &ServingIdentity) -> Result<(), Failure> {
        let key = certified_key(identity)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = key;
        self.ends(identity.not_after());
        Ok(())
    }

    fn ends(&self, at: OffsetDateTime) {
        self.metrics.set_certificate_end(at.unix_timestamp());
        self.not_after.store(at.unix_timestamp(), Ordering::Relaxed);
        self.warn_at.store(at.saturating_sub(WARN_AHEAD).unix_timestamp(), Ordering::Relaxed);
        self.warn_of_end(OffsetDateTime::now_utc());
    }

    fn warn_of_end(&self, now: OffsetDateTime) {
        let (now, warn_at) = (now.unix_timestamp(), self.warn_at.load(Ordering::Relaxed));
        let next = now.saturating_add(WARN_EVERY.whole_seconds());
        let mine = || self.warn_at.compare_exchange(warn_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if now >= warn_at && mine() {
            let ends = self.not_after.load(Ordering::Relaxed);
            let shown = OffsetDateTime::from_unix_timestamp(ends).map(rfc3339).unwrap_or_default();
            let remedy =
                "give API servers a webhook kubeconfig with a new certificate, then replace cert.pem and key.pem";
            let fields = [("notAfter", shown.into()), ("remedy", remedy.into())];
            match ends < now {
                true => self.log.error("the certificate has expired", &fields),
                false => self.log.warning("the certificate is about to expire", &fields),
            }
        }
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.warn_of_end(OffsetDateTime::now_utc());
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for ServingCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServingCertificate")
    }
}

fn certified_key(identity: &ServingIdentity) -> Result<Arc<CertifiedKey>, Failure> {
    let apart = |error: rustls::Error| {
        Failure::new(format!("cert.pem and key.pem do not go together: {error}"))
            .with_remedy("put the right pair into the state directory, or remove both to have a new one made")
    };
    let provider = provider()?;
    let key = CertifiedKey::from_der(identity.chain().to_vec(), identity.key(), &provider).map_err(apart)?;
    Ok(Arc::new(key))
}

fn provider() -> Result<Arc<CryptoProvider>, Failure> {
    CryptoProvider::get_default().cloned().ok_or_else(|| Failure::new("no cryptography was chosen"))
}

/// Whether an API server that was given this webhook kubeconfig will trust the certificate, for the host name in its URL.
///
/// Go trusts a certificate that stands in the kubeconfig itself, whatever kind it is; any other has to be issued by one that
/// does.
pub(super) fn is_trusted_by(kubeconfig: &Path, identity: &ServingIdentity) -> Result<(), Failure> {
    let untrusted = |problem: String| {
        Failure::new(format!("the webhook kubeconfig {} does not trust it: {problem}", kubeconfig.display()))
            .with_remedy("give the API server a kubeconfig with the new certificate first, then replace the pair")
    };
    let text = fs::read_to_string(kubeconfig).map_err(|error| untrusted(error.to_string()))?;
    let tree = Tree::from_yaml(&text).map_err(|error| untrusted(error.to_string()))?;
    let cluster = tree.root().and_then(|root| root.get("clusters")?.as_list()?.first()?.get("cluster"));
    let field = |name: &str| cluster.and_then(|cluster| cluster.get(name)?.as_str());
    let (Some(pem), Some(url)) = (field("certificate-authority-data"), field("server")) else {
        return Err(untrusted("it names no certificate or no server".to_owned()));
    };
    let pem = STANDARD.decode(pem.trim()).map_err(|error| untrusted(error.to_string()))?;
    let trusted: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    let (Some(leaf), issuers) = (identity.chain().first(), identity.chain().get(1..).unwrap_or_default()) else {
        return Err(untrusted("there is no certificate".to_owned()));
    };
    if trusted.contains(leaf) {
        return Ok(());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()?)
        .build()
        .map_err(|error| untrusted(error.to_string()))?;
    let uri: http::Uri = url.parse().map_err(|_| untrusted("its server is no URL".to_owned()))?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host).map_err(|_| untrusted("its server has no host name".to_owned()))?;
    match verifier.verify_server_cert(leaf, issuers, &name, &[], UnixTime::now()) {
        Ok(_) => Ok(()),
        Err(error) => Err(untrusted(error.to_string())),
    }
}
