//! Drivers for any HTTP stack: give a function that sends a request, and get the result.
//!
//! Each comes twice, for functions that give futures and for functions that block. Nothing is spawned, no runtime is needed and no
//! clock is read. What is *not* here either: caches, sharing of calls, limits. `k8s-aws-auth-tower` has them.
//!
//! Whoever sends must follow **no redirects**, verify TLS, give up after some seconds, and read a bounded answer; the transports of
//! this family do, and `k8s_aws_fake::transport_conformance!` checks yours.

use k8s_aws_identity::ClusterId;
use k8s_aws_sts::{StsRequest, TransportFailure, VerifiedCaller, Verifier, VerifyError};
use std::time::SystemTime;

/// Whose token is it? Asks STS by `send`, once, if the token passes the gate.
///
/// `cluster` is the cluster that the caller of this function speaks for; never try a second one when the first fails.
///
/// ```
/// # use k8s_aws_auth::sts::{ClusterId, StsRequest, TransportFailure, VerifiedCaller, Verifier, VerifyError};
/// # struct Client;
/// # impl Client { async fn send(&self, _: http::Request<()>) -> Result<http::Response<Vec<u8>>, ()> { Err(()) } }
/// async fn who(verifier: &Verifier, client: &Client, token: &str, cluster: &ClusterId) -> Result<VerifiedCaller, VerifyError> {
///     let now = std::time::SystemTime::now();
///     k8s_aws_auth::verify(verifier, token, cluster, now, async |request: StsRequest| {
///         client.send(request.into_http()).await.map_err(|_| TransportFailure::Unreachable)
///     })
///     .await
/// }
/// ```
///
/// # Errors
/// A [`VerifyError`]; its [class](VerifyError::class) says whether asking again can help.
pub async fn verify<A, F>(
    verifier: &Verifier,
    token: impl AsRef<[u8]>,
    cluster: &ClusterId,
    now: SystemTime,
    send: impl FnOnce(StsRequest) -> F,
) -> Result<VerifiedCaller, VerifyError>
where
    A: AsRef<[u8]>,
    F: Future<Output = Result<http::Response<A>, TransportFailure>>,
{
    let call = verifier.begin(token, cluster, now)?;
    match send(call.request()).await {
        Ok(answer) => call.finish(&answer),
        Err(failure) => Err(VerifyError::Transport { failure }),
    }
}

/// [`verify`] with a function that blocks.
///
/// # Errors
/// As [`verify`].
pub fn verify_blocking<A: AsRef<[u8]>>(
    verifier: &Verifier,
    token: impl AsRef<[u8]>,
    cluster: &ClusterId,
    now: SystemTime,
    send: impl FnOnce(StsRequest) -> Result<http::Response<A>, TransportFailure>,
) -> Result<VerifiedCaller, VerifyError> {
    let call = verifier.begin(token, cluster, now)?;
    match send(call.request()) {
        Ok(answer) => call.finish(&answer),
        Err(failure) => Err(VerifyError::Transport { failure }),
    }
}

#[cfg(feature = "mapping")]
pub use steps::{drive, drive_blocking};

#[cfg(feature = "mapping")]
mod steps {
    use super::{StsRequest, TransportFailure};
    use crate::{LookupFailure, Outcome, Step};
    use k8s_aws_identity::{AccountId, InstanceId};
    use k8s_aws_mapping::Snapshot;

    /// Takes a login from a [`Step`] to its outcome.
    ///
    /// `send` asks STS; `look_up` tells an instance's owner and private DNS name, which only rules with `{{EC2PrivateDNSName}}`
    /// need: without a way to ask EC2 it gives [`LookupFailure::NotConfigured`]. `mappings` is called when STS's answer is in, for
    /// the rules as they are then.
    ///
    /// ```
    /// # use k8s_aws_auth::{Authenticator, LookupFailure, Outcome, mapping::Snapshot};
    /// # use k8s_aws_auth::sts::{ClusterId, StsRequest, TransportFailure};
    /// # struct Client;
    /// # impl Client { async fn send(&self, _: http::Request<()>) -> Result<http::Response<Vec<u8>>, ()> { Err(()) } }
    /// async fn log_in(
    ///     (authenticator, rules): (&Authenticator, &Snapshot),
    ///     client: &Client,
    ///     (token, cluster): (&str, &ClusterId),
    /// ) -> Box<Outcome> {
    ///     k8s_aws_auth::drive(
    ///         authenticator.begin(token, cluster, std::time::SystemTime::now()),
    ///         || rules.clone(),
    ///         async |request: StsRequest| {
    ///             client.send(request.into_http()).await.map_err(|_| TransportFailure::Unreachable)
    ///         },
    ///         async |_| Err(LookupFailure::NotConfigured),
    ///     )
    ///     .await
    /// }
    /// ```
    pub async fn drive<A, F, G>(
        mut step: Step,
        mappings: impl Fn() -> Snapshot,
        mut send: impl FnMut(StsRequest) -> F,
        mut look_up: impl FnMut(InstanceId) -> G,
    ) -> Box<Outcome>
    where
        A: AsRef<[u8]>,
        F: Future<Output = Result<http::Response<A>, TransportFailure>>,
        G: Future<Output = Result<(AccountId, String), LookupFailure>>,
    {
        loop {
            step = match step {
                Step::CallSts(call) => {
                    let verified = match send(call.request()).await {
                        Ok(answer) => call.answer(&answer),
                        Err(failure) => call.fail(failure),
                    };
                    verified.map(&mappings())
                }
                Step::LookUpInstance(lookup) => match look_up(lookup.lookup().instance_id().clone()).await {
                    Ok((owner, private_dns_name)) => lookup.answer(owner, &private_dns_name),
                    Err(failure) => lookup.fail(failure),
                },
                Step::Done(outcome) => return outcome,
            };
        }
    }

    /// [`drive`] with functions that block.
    pub fn drive_blocking<A: AsRef<[u8]>>(
        mut step: Step,
        mappings: impl Fn() -> Snapshot,
        mut send: impl FnMut(StsRequest) -> Result<http::Response<A>, TransportFailure>,
        mut look_up: impl FnMut(InstanceId) -> Result<(AccountId, String), LookupFailure>,
    ) -> Box<Outcome> {
        loop {
            step = match step {
                Step::CallSts(call) => {
                    let verified = match send(call.request()) {
                        Ok(answer) => call.answer(&answer),
                        Err(failure) => call.fail(failure),
                    };
                    verified.map(&mappings())
                }
                Step::LookUpInstance(lookup) => match look_up(lookup.lookup().instance_id().clone()) {
                    Ok((owner, private_dns_name)) => lookup.answer(owner, &private_dns_name),
                    Err(failure) => lookup.fail(failure),
                },
                Step::Done(outcome) => return outcome,
            };
        }
    }
}
