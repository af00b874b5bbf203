//! What the environment says is heard by `from_env` and by nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../k8s-aws-auth-transport/tests/common/failure.rs"]
mod failure;

use failure::failure;
use k8s_aws_auth_hyper::{Builder, HttpsTransport};
use k8s_aws_fake::conformance::Sender;

fn make(reads_env: bool) -> Result<Sender, String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsTransport::builder().crypto_provider(provider.into());
    let builder = if reads_env { builder.from_env() } else { Ok(builder) };
    let transport = builder.and_then(Builder::build).map_err(|error| format!("{error:?}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Ok(Box::new(move |request| runtime.block_on(transport.send(request)).map_err(failure)))
}

k8s_aws_fake::transport_environment!(make);
