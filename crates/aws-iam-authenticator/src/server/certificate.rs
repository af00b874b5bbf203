//! The serving certificate: loaded from the state directory, or made on the first start.

use super::files;
use super::settings::Settings;
use crate::{Failure, Log};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// How long a certificate is good for. The API server pins it by the webhook kubeconfig, so nothing gets better by its
/// ending; something ends badly when it does.
const LIFETIME: Duration = Duration::days(100 * 365);

/// A certificate chain with its key.
pub(super) struct ServingIdentity {
    certificate_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ServingIdentity {
    /// What the webhook kubeconfig gives the API server to trust.
    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The certificate and those that issued it.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key of the first certificate.
    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// Where the certificate and its key are.
pub(super) fn paths(settings: &Settings) -> [PathBuf; 2] {
    [settings.state_dir.join("cert.pem"), settings.state_dir.join("key.pem")]
}

/// The key pair of the state directory, which must be there.
pub(super) fn load(settings: &Settings) -> Result<ServingIdentity, Failure> {
    let [certificate, key] = paths(settings);
    match (files::read_if_there(&certificate)?, files::read_if_there(&key)?) {
        (Some(certificate), Some(key)) => parse(&certificate, &key, &settings.state_dir),
        _ => Err(Failure::new(format!("{} or {} is missing", certificate.display(), key.display()))),
    }
}

/// The key pair of the state directory; a new one where there is none. Half a pair is never completed: the missing half may
/// be on its way, or somebody's API server trusts the half that is there.
pub(super) fn load_or_create(settings: &Settings, log: &Log) -> Result<ServingIdentity, Failure> {
    let [certificate_path, key_path] = paths(settings);
    let paths = [
        ("certPath", certificate_path.display().to_string().into()),
        ("keyPath", key_path.display().to_string().into()),
    ];
    let (certificate, key) = (files::read_if_there(&certificate_path)?, files::read_if_there(&key_path)?);
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            log.info("loaded existing keypair", &paths);
            warn_if_readable(&key_path, log);
            parse(&certificate, &key, &settings.state_dir)
        }
        (None, None) => {
            let (certificate, key) = generate(settings)?;
            files::create_directory(&settings.state_dir)?;
            // The key first: a certificate without its key is the half that somebody would hand out.
            files::create_new(&key_path, key.as_bytes(), 0o600)?;
            files::create_new(&certificate_path, certificate.as_bytes(), 0o644).inspect_err(|_| {
                // Half a pair would be refused at the next start, for a reason that is not the real one.
                let _ = std::fs::remove_file(&key_path);
            })?;
            log.info("saving new key and certificate", &paths);
            parse(certificate.as_bytes(), key.as_bytes(), &settings.state_dir)
        }
        (certificate, _) => {
            let (there, missing) =
                if certificate.is_some() { (certificate_path, key_path) } else { (key_path, certificate_path) };
            Err(Failure::new(format!("there is {} but no {}", there.display(), missing.display()))
                .with_remedy("put the missing file back, or remove the other one to have a new pair made"))
        }
    }
}

fn parse(certificate: &[u8], key: &[u8], directory: &Path) -> Result<ServingIdentity, Failure> {
    let broken = |file: &str, problem: &str| Failure::new(format!("{}: {problem}", directory.join(file).display()));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| broken("cert.pem", "not a PEM file of certificates"))?;
    if chain.is_empty() {
        return Err(broken("cert.pem", "no certificate in it"));
    }
    // The message of the PEM reader is left out: it may quote what it read.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| broken("key.pem", "not a PEM file with a private key"))?;
    Ok(ServingIdentity { certificate_pem: String::from_utf8_lossy(certificate).into_owned(), chain, key })
}

/// A self-signed ECDSA P-256 certificate that is no CA, for the host name and the address.
fn generate(settings: &Settings) -> Result<(String, String), Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "aws-iam-authenticator");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // An hour back, for a peer whose clock is behind.
    params.not_before = OffsetDateTime::now_utc() - Duration::HOUR;
    params.not_after = OffsetDateTime::now_utc() + LIFETIME;
    let cannot = |error: rcgen::Error| Failure::new(format!("cannot make a certificate: {error}"));
    let address = settings.address.parse::<IpAddr>().ok().filter(|ip| !ip.is_unspecified());
    let mut names = vec![settings.hostname.clone()];
    names.extend(address.map(|ip| ip.to_string()).filter(|ip| *ip != settings.hostname));
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(ip) => rcgen::SanType::IpAddress(ip),
            Err(_) => rcgen::SanType::DnsName(name.try_into().map_err(cannot)?),
        });
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(cannot)?;
    let certificate = params.self_signed(&key).map_err(cannot)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Installers copy keys with whatever mode they have; that is worth a word, but no reason to lock everybody out.
fn warn_if_readable(key: &Path, log: &Log) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(key) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            log.warning(
                "the private key can be read by other users",
                &[
                    ("keyPath", key.display().to_string().into()),
                    ("mode", format!("{mode:04o}").into()),
                    ("remedy", "chmod 0600".into()),
                ],
            );
        }
    }
    #[cfg(not(unix))]
    let _ = (key, log);
}
