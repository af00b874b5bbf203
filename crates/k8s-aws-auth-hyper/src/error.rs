use std::{error::Error, io, path::PathBuf, time::Duration};

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request got no answer. None of the messages has a URL in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
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

/// A connect took too long; travels inside hyper's error to [`TransportError::of_client`].
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", limit.as_secs_f32())]
pub(crate) struct ConnectTimeout {
    pub(crate) limit: Duration,
}

impl TransportError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect_failed",
            Self::Timeout { .. } => "timeout",
            Self::BodyTooLong { .. } => "body_too_long",
            Self::Broken(_) => "connection_broken",
        }
    }

    pub(crate) fn of_client(error: hyper_util::client::legacy::Error) -> Self {
        let connect = error.is_connect();
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if let Some(timeout) = error.downcast_ref::<ConnectTimeout>() {
                return Self::Timeout { limit: timeout.limit };
            }
            // TLS failures come wrapped in an io::Error, which hides its inner error from `source`.
            cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        if connect { Self::Connect(error.into()) } else { Self::Broken(error.into()) }
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
}

/// The innermost messages say what happened ("connection refused"); the outer ones only "client error".
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
