//! A test that uses the fake in place of AWS: a function that asks STS is the program under test, and each promise of it is checked
//! with an answer that AWS gives only on a bad day.
//!
//! `cargo run --example in_place_of_aws`, or in a test of yours the same without `main`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program: it reads the clock and prints")]

use aws_credential_types::Credentials;
use bytes::Bytes;
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, StsRequest, TransportFailure, Verifier};
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_fake::{FakeAws, Fault, Identity, Outcome};
use std::error::Error;
use std::time::{Duration, SystemTime};

/// The program under test: who bears the token, or a stable code that says why that is not known.
async fn who(transport: &HttpsTransport, token: &str) -> Result<String, &'static str> {
    let verifier = Verifier::new(Policy::new(Partition::Aws));
    let cluster = ClusterId::parse("production").map_err(|error| error.reason())?;
    k8s_aws_auth::verify(&verifier, token, &cluster, SystemTime::now(), async |request: StsRequest| {
        let answer = transport.send(request.into_http().map(|()| Bytes::new())).await;
        answer.map_err(|_| TransportFailure::Unreachable)
    })
    .await
    .map(|caller| caller.arn().to_owned())
    .map_err(|error| error.reason())
}

fn transport_to(aws: &FakeAws) -> Result<HttpsTransport, Box<dyn Error>> {
    let builder = HttpsTransport::builder().crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into());
    Ok(builder.roots_pem(aws.ca_pem().as_bytes())?.proxy(&aws.proxy_url(), "")?.build()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    // A fake AWS, a principal in it, and a key of that principal.
    let aws = FakeAws::start()?;
    let deployer = aws.issue(Identity::assumed_role("444455556666", "deployer", "ci"));
    let session_token = deployer.session_token().map(str::to_owned);
    let key = Credentials::new(deployer.access_key_id(), deployer.secret_access_key(), session_token, None, "a test");
    let token = k8s_aws_auth::mint(&key, "eu-west-1", "production", SystemTime::now())?.text().expose().to_owned();

    // The program is told where AWS is as it would be told of a proxy; nothing else of it is different.
    let transport = transport_to(&aws)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let who = |token: &str| runtime.block_on(who(&transport, token));

    // A good day.
    assert_eq!(who(&token), Ok("arn:aws:sts::444455556666:assumed-role/deployer/ci".to_owned()));
    let call = aws.take_calls().pop().ok_or("nobody called")?;
    assert_eq!(call.host, "sts.eu-west-1.amazonaws.com");
    assert_eq!(call.headers["x-k8s-aws-id"], "production");
    assert!(matches!(call.outcome, Outcome::Accepted { .. }));

    // Bad days, one at a time.
    for (fault, reason) in [
        (Fault::throttling(), "sts_throttled"),
        (Fault::server_error(503), "sts_unavailable"),
        (Fault::reset(), "sts_unreachable"),
        (Fault::tls_untrusted(), "sts_unreachable"),
        (Fault::redirect(302, "https://evil.example/"), "sts_answer_malformed"),
        (Fault::garbage(), "sts_answer_malformed"),
        (Fault::endless_body(), "sts_unreachable"),
    ] {
        let injected = aws.inject(fault);
        // A connection that is kept would not see a fault of TLS.
        let fresh = transport_to(&aws)?;
        assert_eq!(runtime.block_on(self::who(&fresh, &token)), Err(reason), "{injected:?}");
        assert_eq!(injected.hits(), 1);
        injected.clear();
    }

    // The session ends, and then the key is gone.
    aws.set_expiry(deployer.access_key_id(), Some(SystemTime::now() - Duration::from_secs(1)));
    assert_eq!(who(&token), Err("sts_credentials_expired"));
    aws.remove(deployer.access_key_id());
    assert_eq!(who(&token), Err("sts_unknown_key"));
    println!("{} calls arrived, none of them left this machine", aws.counts().calls);
    Ok(())
}
