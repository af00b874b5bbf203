//! Who bears this token? A verifier without a runtime: one blocking call, on whatever thread there is.
//!
//! The client and AWS are made up here (`k8s-aws-fake`), so that it runs anywhere: `cargo run --example blocking_verifier`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program: it reads the clock and prints")]

use aws_credential_types::Credentials;
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, TransportFailure, VerifiedCaller, Verifier, VerifyError};
use k8s_aws_auth_ureq::{TransportError, UreqTransport};
use k8s_aws_fake::{FakeAws, Fault, samples};
use std::error::Error;
use std::time::SystemTime;

/// All that a program needs.
struct Who {
    verifier: Verifier,
    cluster: ClusterId,
    transport: UreqTransport,
}

impl Who {
    fn bears(&self, token: &str) -> Result<VerifiedCaller, VerifyError> {
        k8s_aws_auth::verify_blocking(&self.verifier, token, &self.cluster, SystemTime::now(), |request| {
            let answer = self.transport.send(request.into_http().map(|()| []));
            answer.map_err(|error| match error {
                TransportError::Timeout { .. } => TransportFailure::Timeout,
                TransportError::BodyTooLong { .. } => TransportFailure::AnswerTooLong,
                _ => TransportFailure::Unreachable,
            })
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let aws = FakeAws::start()?;
    // With the real AWS: `UreqTransport::builder().from_env()?`.
    let transport = UreqTransport::builder()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .roots_pem(aws.ca_pem().as_bytes())?
        .proxy(&aws.proxy_url(), "")?
        .build()?;
    let verifier = Verifier::new(Policy::new(Partition::Aws));
    let who = Who { verifier, cluster: ClusterId::parse("production")?, transport };

    let (alice, token_for) = (samples::user(), |cluster| {
        let key = samples::user().credential;
        let key = Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "example");
        k8s_aws_auth::mint(&key, "eu-central-1", cluster, SystemTime::now())
    });

    let caller = who.bears(token_for("production")?.text().expose())?;
    assert_eq!(caller.arn(), alice.identity.arn());
    println!("{} bears the first token", caller.arn());

    // A token of another cluster: STS finds that the signature is about another header.
    let refused = who.bears(token_for("staging")?.text().expose()).err().ok_or("let in")?;
    assert_eq!((refused.reason(), refused.class().is_definite()), ("sts_signature_mismatch", true));
    println!("the second token is refused: {refused}");

    // What is no token is refused before anybody is asked.
    let asked = aws.counts().calls;
    let refused = who.bears("k8s-aws-v1.aHR0cHM6Ly9ldmlsLmV4YW1wbGUv").err().ok_or("let in")?;
    assert_eq!((refused.reason(), aws.counts().calls), ("token_host_unknown", asked));
    println!("the third token is refused, and nobody was asked: {refused}");

    // A hiccup is no refusal: ask again later.
    aws.inject(Fault::throttling());
    let failed = who.bears(token_for("production")?.text().expose()).err().ok_or("let in")?;
    assert!(!failed.class().is_definite());
    println!("of the fourth token nothing is known: {failed}");
    Ok(())
}
