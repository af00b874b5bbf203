//! The serving certificate: loaded from the state directory, or made on the first start.

use super::files;
use super::settings::Settings;
use super::validity::validity;
use crate::{Failure, Log};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// How long a certificate is good for. The API server pins it by the webhook kubeconfig, so nothing gets better by its
/// ending; something ends badly when it does.
const LIFETIME: Duration = Duration::days(100 * 365);
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

/// A certificate chain with its key.
pub(super) struct ServingIdentity {
    certificate_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    validity: RangeInclusive<OffsetDateTime>,
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

    /// The last moment at which the first certificate is good.
    pub(super) fn not_after(&self) -> OffsetDateTime {
        *self.validity.end()
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
        _ => Err(Failure::new(format!("{} or {} is missing", certificate.display(), key.display()))
            .with_remedy("put both files of the pair there")),
    }
}

/// The key pair of the state directory; a new one where there is none. Half a pair is never completed: the missing half may
/// be on its way, or somebody's API server trusts the half that is there.
pub(super) fn load_or_create(settings: &Settings, log: &Log) -> Result<ServingIdentity, Failure> {
    let [certificate, key] = paths(settings);
    let fields =
        [("certPath", certificate.display().to_string().into()), ("keyPath", key.display().to_string().into())];
    let there = || Ok([files::read_if_there(&certificate)?, files::read_if_there(&key)?]);
    let mut pair = there()?;
    let mut _lock = None;
    if pair.iter().any(Option::is_none) {
        files::create_directory(&settings.state_dir)?;
        // Another process of ours may be at it.
        _lock = files::lock(&settings.state_dir);
        pair = there()?;
    }
    if let [None, None] = pair {
        let (certificate_pem, key_pem) = generate(settings)?;
        // The key first: a certificate without its key is the half that somebody would hand out.
        let files =
            [(&*key, key_pem.as_bytes(), KEY_MODE), (&*certificate, certificate_pem.as_bytes(), CERTIFICATE_MODE)];
        files::create_together(&files)?;
        log.info("saving new key and certificate", &fields);
        return parse(certificate_pem.as_bytes(), key_pem.as_bytes(), &settings.state_dir);
    }
    // The program was killed while it made the pair.
    let (certificate_missing, key_missing) = (pair[0].is_none(), pair[1].is_none());
    if (certificate_missing && files::finish(&certificate, CERTIFICATE_MODE)?)
        || (key_missing && files::finish(&key, KEY_MODE)?)
    {
        pair = there()?;
    }
    if pair.iter().all(Option::is_some) {
        // Of a start that was interrupted at its very end; one of them holds a key.
        [&certificate, &key].into_iter().for_each(|path| files::forget_draft(path));
    }
    match pair {
        [Some(certificate), Some(key_pem)] => {
            log.info("loaded existing keypair", &fields);
            warn_if_readable(&key, log);
            parse(&certificate, &key_pem, &settings.state_dir)
        }
        [there, _] => {
            let (there, missing) = if there.is_some() { (certificate, key) } else { (key, certificate) };
            Err(Failure::new(format!("there is {} but no {}", there.display(), missing.display()))
                .with_remedy("put the missing file back, or remove the other one to have a new pair made"))
        }
    }
}

fn parse(certificate: &[u8], key: &[u8], directory: &Path) -> Result<ServingIdentity, Failure> {
    let broken = |file: &str, problem: &str| {
        Failure::new(format!("{}: {problem}", directory.join(file).display()))
            .with_remedy("put the right pair into the state directory, or remove both files to have a new one made")
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| broken("cert.pem", "not a PEM file of certificates"))?;
    if chain.is_empty() {
        return Err(broken("cert.pem", "no certificate in it"));
    }
    // The message of the PEM reader is left out: it may quote what it read.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| broken("key.pem", "not a PEM file with a private key"))?;
    let validity = chain.first().and_then(|leaf| validity(leaf));
    let validity = validity.ok_or_else(|| broken("cert.pem", "the first certificate is no X.509 certificate"))?;
    if *validity.end() < OffsetDateTime::now_utc() {
        let ended = format!("the certificate expired at {}", rfc3339(*validity.end()));
        return Err(broken("cert.pem", &ended).with_remedy(
            "put a new pair into the state directory, or remove both files to have one made; then give API servers the \
             webhook kubeconfig that goes with it",
        ));
    }
    Ok(ServingIdentity { certificate_pem: String::from_utf8_lossy(certificate).into_owned(), chain, key, validity })
}

/// A time as logs and errors write it.
pub(super) fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
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
