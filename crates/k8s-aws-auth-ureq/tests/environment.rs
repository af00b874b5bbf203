//! What the environment says is heard by `from_env` and by nothing else.

#[path = "../../k8s-aws-auth-transport/tests/common/failure.rs"]
mod failure;

use failure::failure;
use k8s_aws_auth_ureq::{Builder, UreqTransport};
use k8s_aws_fake::conformance::Sender;

fn make(reads_env: bool) -> Result<Sender, String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = UreqTransport::builder().crypto_provider(provider.into());
    let builder = if reads_env { builder.from_env() } else { Ok(builder) };
    let transport = builder.and_then(Builder::build).map_err(|error| format!("{error:?}"))?;
    Ok(Box::new(move |request| transport.send(request).map(|answer| answer.map(Into::into)).map_err(failure)))
}

k8s_aws_fake::transport_environment!(make);
