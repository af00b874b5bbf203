//! The test CA and the certificates that it issues for whatever server name a client asks for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::StartError;
use crate::sync::{read, write};

/// Server names that certificates are kept for; a client that goes through more makes the fake sign again.
const MAX_LEAVES: usize = 4096;

/// The TLS settings for a handshake as it should be, and for those that should fail.
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    pub(crate) good: Arc<ServerConfig>,
    pub(crate) wrong_name: Arc<ServerConfig>,
    pub(crate) untrusted: Arc<ServerConfig>,
    pub(crate) expired: Arc<ServerConfig>,
}

/// How a certificate is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    OtherName,
    Expired,
}

impl Tls {
    pub(crate) fn new(http2: bool) -> Result<Self, StartError> {
        Self::make(http2).map_err(StartError::Certificate)
    }

    fn make(http2: bool) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let ours = Arc::new(authority("k8s-aws-fake test CA")?);
        let theirs = Arc::new(authority("k8s-aws-fake untrusted CA")?);
        let config = |ca: &Arc<Authority>, flaw: Flaw| config(ca, flaw, &provider, http2);
        Ok(Self {
            ca_pem: ours.pem(),
            good: config(&ours, Flaw::None)?,
            wrong_name: config(&ours, Flaw::OtherName)?,
            untrusted: config(&theirs, Flaw::None)?,
            expired: config(&ours, Flaw::Expired)?,
        })
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Result<Authority, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1));
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn config(
    ca: &Arc<Authority>,
    flaw: Flaw,
    provider: &Arc<CryptoProvider>,
    http2: bool,
) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let key = KeyPair::generate()?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signing_key = provider.key_provider.load_private_key(der)?;
    let resolver = Leaves { ca: ca.clone(), key, signing_key, flaw, made: RwLock::default() };
    // Each has a session store of its own: a session of the good one must not let a client skip the bad certificate.
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if http2 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    Ok(Arc::new(config))
}

/// Issues a certificate for each server name when it is first asked for.
struct Leaves {
    ca: Arc<Authority>,
    key: KeyPair,
    signing_key: Arc<dyn rustls::sign::SigningKey>,
    flaw: Flaw,
    made: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl Leaves {
    fn issue(&self, name: &str) -> Result<CertifiedKey, rcgen::Error> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, "k8s-aws-fake");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let end = if self.flaw == Flaw::Expired { 2021 } else { 2120 };
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(end, 1, 1));
        let leaf = params.signed_by(&self.key, &self.ca)?;
        Ok(CertifiedKey::new(vec![leaf.der().clone()], self.signing_key.clone()))
    }
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = match self.flaw {
            Flaw::OtherName => "wrong-host.invalid",
            // A client that connects to an address sends no name.
            Flaw::None | Flaw::Expired => hello.server_name().unwrap_or("localhost"),
        };
        if let Some(leaf) = read(&self.made).get(name) {
            return Some(leaf.clone());
        }
        let leaf = Arc::new(self.issue(name).ok()?);
        let mut made = write(&self.made);
        if made.len() >= MAX_LEAVES {
            made.clear();
        }
        made.insert(name.to_owned(), leaf.clone());
        Some(leaf)
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leaves")
    }
}
