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
    /// The connection broke, or what came is no HTTP. (With ureq, which does not tell at which point it broke, a proxy or a server
    /// that hangs up in the middle of a handshake is here too.)
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
    /// The HTTP library refused the settings: most likely it was built with another version of rustls than this crate.
    #[error("the HTTP library refused the settings: {}", causes(.0))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn a_message_has_every_cause_once() {
        let refused = || Some(Box::new(Layer("connection refused", None)));
        for (error, message) in [
            (Layer("client error", refused()), "cannot connect: client error: connection refused"),
            (Layer("io: connection refused", refused()), "cannot connect: io: connection refused"),
        ] {
            assert_eq!(TransportError::Connect(error.into()).to_string(), message);
        }
    }

    #[test]
    fn every_failure_has_a_reason_of_its_own() {
        let boxed = || -> BoxError { "x".into() };
        let transport = [
            TransportError::Unsendable(""),
            TransportError::Connect(boxed()),
            TransportError::Timeout { limit: Duration::ZERO },
            TransportError::BodyTooLong { limit: 0 },
            TransportError::Broken(boxed()),
        ];
        let setup = [
            SetupError::NoCryptoProvider,
            SetupError::NoRoots,
            SetupError::CaFile { path: PathBuf::new(), error: io::ErrorKind::NotFound.into() },
            SetupError::CaBundle(String::new()),
            SetupError::Proxy,
            SetupError::Tls(rustls::Error::DecryptError),
            SetupError::Client(boxed()),
        ];
        assert_eq!(
            transport.map(|error| error.reason()),
            ["request_unsendable", "connect_failed", "timeout", "body_too_long", "connection_broken"]
        );
        assert_eq!(
            setup.map(|error| error.reason()),
            [
                "no_crypto_provider",
                "no_ca_certificates",
                "ca_file_unreadable",
                "ca_bundle_malformed",
                "proxy_unsupported",
                "tls_settings_refused",
                "client_settings_refused"
            ]
        );
    }
}
