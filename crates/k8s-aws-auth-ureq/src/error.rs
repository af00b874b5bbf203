use std::{error::Error, io, path::PathBuf, time::Duration};
use ureq::Timeout;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request got no answer. None of the messages has a URL in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The request cannot be sent as it is; nothing was sent. No request of the `k8s-aws-*` crates is such a one.
    #[error("the request cannot be sent exactly: {0}")]
    Unsendable(&'static str),
    /// The name did not resolve, or no connection, tunnel or TLS session came about.
    #[error("cannot connect: {0}")]
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
    /// The connection broke, or what came is no HTTP. ureq does not tell at which point it broke: a proxy or a server that hangs up
    /// in the middle of a handshake is here too.
    #[error("the connection broke: {0}")]
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

/// Which limits are in force, to tell which one was reached.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_body: usize,
}

impl Limits {
    pub(crate) fn failure(&self, error: ureq::Error) -> TransportError {
        use ureq::Error as E;
        match error {
            E::Timeout(Timeout::Resolve | Timeout::Connect) => TransportError::Timeout { limit: self.connect_timeout },
            E::Timeout(_) => TransportError::Timeout { limit: self.timeout },
            // These have the URL in them, so they are not kept.
            E::BadUri(_) | E::RequireHttpsOnly(_) | E::Http(_) => {
                TransportError::Unsendable("ureq refused the request")
            }
            E::Io(error) if broke(&error) => TransportError::Broken(error.into()),
            E::Io(error) => TransportError::Connect(error.into()),
            E::HostNotFound
            | E::ConnectionFailed
            | E::ConnectProxyFailed(_)
            | E::InvalidProxyUrl
            | E::Tls(_)
            | E::Pem(_)
            | E::Rustls(_)
            | E::TlsRequired => TransportError::Connect(error.into()),
            _ => TransportError::Broken(error.into()),
        }
    }
}

/// Whether there was a connection that broke: what rustls says is about the handshake, and other kinds are about connecting.
fn broke(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    let of_tls = matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>());
    let kinds =
        [K::UnexpectedEof, K::ConnectionReset, K::ConnectionAborted, K::BrokenPipe, K::InvalidData, K::WriteZero];
    !of_tls && kinds.contains(&error.kind())
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
        }
    }
}
