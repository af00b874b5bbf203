use crate::{Limits, TransportError};
use std::io;
use ureq::Timeout;

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
