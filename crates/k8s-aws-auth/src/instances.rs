//! Looking up instances by any HTTP stack: what [`drive`](crate::drive) wants of its last argument.

use crate::LookupFailure;
use aws_credential_types::Credentials;
use k8s_aws_ec2::{Ec2Endpoint, Ec2Error, Ec2Request, Instances, Progress, Query, TransportFailure};
use k8s_aws_identity::{AccountId, InstanceId};
use std::time::SystemTime;

/// Asks EC2 by `send` who owns an instance and what its private DNS name is: one call, for EC2 tells of one instance on one page.
///
/// The credentials are the program's own; they need the permission `ec2:DescribeInstances`. For many instances at a time make a
/// [`Query`] of them, or let `k8s-aws-auth-tower` collect them.
///
/// # Errors
/// A [`LookupFailure`], none of which API servers may cache; [`LookupFailure::UnknownInstance`] where EC2 knows none of that id yet.
pub async fn look_up_instance<A, F>(
    id: &InstanceId,
    credentials: &Credentials,
    endpoint: &Ec2Endpoint,
    now: SystemTime,
    mut send: impl FnMut(Ec2Request) -> F,
) -> Result<(AccountId, String), LookupFailure>
where
    A: AsRef<[u8]>,
    F: Future<Output = Result<http::Response<A>, TransportFailure>>,
{
    let mut query = Query::new([id.clone()]).map_err(failed)?;
    loop {
        let answer = send(query.request(credentials, endpoint, now).map_err(failed)?).await;
        query = match answered(&query, answer)? {
            Progress::Done(instances) => return of(&instances, id),
            Progress::NextPage(next) => next,
        };
    }
}

/// [`look_up_instance`] with a function that blocks.
///
/// # Errors
/// As [`look_up_instance`].
pub fn look_up_instance_blocking<A: AsRef<[u8]>>(
    id: &InstanceId,
    credentials: &Credentials,
    endpoint: &Ec2Endpoint,
    now: SystemTime,
    mut send: impl FnMut(Ec2Request) -> Result<http::Response<A>, TransportFailure>,
) -> Result<(AccountId, String), LookupFailure> {
    let mut query = Query::new([id.clone()]).map_err(failed)?;
    loop {
        let answer = send(query.request(credentials, endpoint, now).map_err(failed)?);
        query = match answered(&query, answer)? {
            Progress::Done(instances) => return of(&instances, id),
            Progress::NextPage(next) => next,
        };
    }
}

fn answered<A: AsRef<[u8]>>(
    query: &Query,
    answer: Result<http::Response<A>, TransportFailure>,
) -> Result<Progress, LookupFailure> {
    let answer = answer.map_err(|failure| failed(Ec2Error::Transport { failure }))?;
    query.read(&answer).map_err(failed)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: Ec2Error) -> LookupFailure {
    LookupFailure::from(&error)
}

fn of(instances: &Instances, id: &InstanceId) -> Result<(AccountId, String), LookupFailure> {
    let instance = instances.get(id).ok_or(LookupFailure::UnknownInstance)?;
    Ok((instance.owner(), instance.private_dns_name().to_owned()))
}
