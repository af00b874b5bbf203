use std::{error::Error, io, path::PathBuf, time::Duration};

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request got no answer. None of the messages has a URL in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The request cannot be sent as it is; nothing was sent. No request of the `k8s-aws-*` crates is such a one.
    #[error("the request cannot be sent exactly: {0}")]
    Unsendable(&'static str),
    /// The name did not resolve, or no connection, tunnel or TLS session came about.
    #[error("cannot connect: {}", causes(.0))]
    Connect(#[source] BoxError),
    /// Connecting, or the whole exchange, took too long.
    #[error("no answer within {} s", limit.as_secs_f32())]
    Timeout {
        /// The limit that was reached.
        limit: Duration,
    },
    /// The answer has more bytes than allowed.
    #[error("the answer is longer than {limit} bytes")]
    BodyTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("the connection broke: {}", causes(.0))]
    Broken(#[source] BoxError),
}

impl TransportError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unsendable(_) => "request_unsendable",
            Self::Connect(_) => "connect_failed",
            Self::Timeout { .. } => "timeout",
            Self::BodyTooLong { .. } => "body_too_long",
            Self::Broken(_) => "connection_broken",
        }
    }
}

/// Why no transport could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No cryptography was chosen.
    #[error("no rustls crypto provider; call `Builder::crypto_provider` or install a process default")]
    NoCryptoProvider,
    /// There is no CA certificate to verify anybody with.
    #[error("no CA certificates found; install the ca-certificates package or set AWS_CA_BUNDLE to a PEM file")]
    NoRoots,
    /// The CA bundle cannot be read.
    #[error("cannot read the CA bundle {}: {error}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The CA bundle is no PEM, or has a certificate that is none.
    #[error("the CA bundle is not a PEM file of certificates: {0}")]
    CaBundle(String),
    /// The proxy's URL is not one that a tunnel can go through.
    #[error("HTTPS_PROXY is neither an http:// nor an https:// URL")]
    Proxy,
    /// rustls refused the settings.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// reqwest refused the settings: most likely it was built with another version of rustls than this crate.
    #[error("reqwest refused the settings: {}", causes(.0))]
    Client(#[source] BoxError),
}

impl SetupError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCryptoProvider => "no_crypto_provider",
            Self::NoRoots => "no_ca_certificates",
            Self::CaFile { .. } => "ca_file_unreadable",
            Self::CaBundle(_) => "ca_bundle_malformed",
            Self::Proxy => "proxy_unsupported",
            Self::Tls(_) => "tls_settings_refused",
            Self::Client(_) => "client_settings_refused",
        }
    }
}

/// The innermost messages say what happened ("connection refused"); the outer ones only "error sending request".
fn causes(error: &BoxError) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.ends_with(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts.join(": ")
}
