//! What the environment says is heard by `from_env` and by nothing else.

use k8s_aws_auth_ureq::{Builder, TransportError, UreqTransport};
use k8s_aws_fake::conformance::{Failure, Kind, Sender};

fn make(reads_env: bool) -> Result<Sender, String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = UreqTransport::builder().crypto_provider(provider.into());
    let builder = if reads_env { builder.from_env() } else { Ok(builder) };
    let transport = builder.and_then(Builder::build).map_err(|error| format!("{error:?}"))?;
    Ok(Box::new(move |request| match transport.send(request) {
        Ok(answer) => Ok(answer.map(Into::into)),
        Err(error @ TransportError::Connect(_)) => Err(Failure::of(Kind::Connect, &error)),
        Err(error) => Err(Failure::of(Kind::Broken, &error)),
    }))
}

k8s_aws_fake::transport_environment!(make);
