//! The way to AWS: the same for every command.

use crate::Failure;
use k8s_aws_auth_hyper::{Builder, HttpsTransport, SetupError};
use std::time::Duration;

/// The longest that a call to STS may take: a review that waits for one ends within 10 s, before its API server gives up.
const STS_LIMIT: Duration = Duration::from_secs(9);

/// HTTPS as the environment says: `HTTPS_PROXY`, `NO_PROXY`, `AWS_CA_BUNDLE`, `SSL_CERT_FILE`.
pub(crate) fn to_aws() -> Result<HttpsTransport, Failure> {
    choose_cryptography();
    HttpsTransport::builder()
        .timeout(STS_LIMIT)
        .from_env()
        .and_then(Builder::build)
        .map_err(|error| Failure::new(format!("cannot set up the connection to STS: {error}")))
}

/// The same for the sources of credentials: STS, IAM Identity Center, container endpoints with HTTPS.
pub(crate) fn for_credentials() -> Result<HttpsTransport, SetupError> {
    choose_cryptography();
    HttpsTransport::builder().from_env().and_then(Builder::build)
}

/// The one place that chooses; a second choice in the same process (a test) leaves the first.
pub(crate) fn choose_cryptography() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
