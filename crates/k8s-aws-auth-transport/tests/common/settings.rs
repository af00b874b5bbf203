//! The settings that the rules that all transports keep want to have.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use k8s_aws_auth_transport::Builder;
use k8s_aws_fake::conformance::Settings;

pub(crate) fn with<T>(settings: &Settings) -> Builder<T> {
    let builder = Builder::default()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        .max_body(settings.max_body)
        .roots_pem(settings.ca_pem.as_bytes())
        .unwrap();
    match &settings.proxy {
        Some(url) => builder.proxy(url, &settings.no_proxy).unwrap(),
        None => builder,
    }
}
