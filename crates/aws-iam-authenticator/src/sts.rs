//! Asking STS whose a token is, as the server does, once.

use crate::config::Configuration;
use crate::{Failure, server, transport};
use bytes::Bytes;
use k8s_aws_auth::identity::{Partition, Region};
use k8s_aws_auth::sts::{Call, ErrorClass, Policy, VerifiedCaller, Verifier, VerifyError};
use std::io::{self, Read};

/// More than any token has; the gate says so, and how long the text was.
const MOST_INPUT: u64 = 64 * 1024;

/// A token out of a flag; `-` is standard input, where it is in no process list and no shell history.
pub(crate) fn token(flag: Option<&str>) -> Result<String, Failure> {
    let token = match flag {
        Some("-") => {
            let mut token = String::new();
            io::stdin()
                .take(MOST_INPUT)
                .read_to_string(&mut token)
                .map_err(|error| Failure::new(format!("cannot read a token from standard input: {error}")))?;
            token
        }
        flag => flag.unwrap_or_default().to_owned(),
    };
    match token.trim() {
        "" => Err(Failure::new("no token was given").with_remedy("use --token TOKEN, or --token - to read one")),
        token => Ok(token.to_owned()),
    }
}

/// The verifier of a server of this configuration.
pub(crate) fn verifier(partition: Option<&str>, configuration: &Configuration) -> Result<Verifier, Failure> {
    let partition = partition.or_else(|| configuration.text(&["server", "partition"])).unwrap_or("aws");
    let mut policy = Policy::new(Partition::parse(partition).map_err(Failure::new)?);
    for name in configuration.texts(&["server", "stsRegions"]) {
        let region = Region::parse(&name).and_then(|region| policy.clone().with_region(&region));
        policy = region.map_err(|error| configuration.misfit(&["server", "stsRegions"], &error.to_string()))?;
    }
    Ok(Verifier::new(policy))
}

/// Why STS did not vouch for a token.
pub(crate) struct Unverified {
    pub(crate) error: VerifyError,
    /// What the transport has to say, where no answer came.
    pub(crate) detail: Option<String>,
}

/// Sends the one request and reads its answer.
pub(crate) fn ask(call: Call) -> Result<Result<VerifiedCaller, Unverified>, Failure> {
    let transport = transport::to_aws()?;
    let runtime = runtime()?;
    let request = call.request().into_http().map(|()| Bytes::new());
    Ok(match runtime.block_on(transport.send(request)) {
        Ok(answer) => call.finish(&answer).map_err(|error| Unverified { error, detail: None }),
        Err(error) => Err(Unverified {
            error: VerifyError::Transport { failure: server::classify(&error) },
            detail: Some(error.to_string()),
        }),
    })
}

/// One thread: a command does one thing after another.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
}

/// What to do about a token that was not verified.
pub(crate) fn remedy(error: &VerifyError) -> &'static str {
    match (error.reason(), error.class()) {
        ("token_expired" | "token_not_yet_valid" | "sts_request_expired", _) => {
            "compare the clock here and that of the machine that made the token with a time server, and get a new token"
        }
        ("token_host_unknown", _) => {
            "sign for a region that this build knows, or name the region under server.stsRegions in the configuration"
        }
        ("token_wrong_partition", _) => "give the callers' partition with --partition or server.partition",
        ("token_cluster_unsigned" | "token_signed_headers", _) => {
            "make the token with `aws-iam-authenticator token -i CLUSTER` or `aws eks get-token --cluster-name CLUSTER`"
        }
        ("token_prefix", _) => {
            "check that this is a token of aws-iam-authenticator and not of a service account or OIDC"
        }
        ("sts_signature_mismatch", _) => {
            "compare the cluster id here with the one that the token was made with, and the secret key with its access key"
        }
        ("sts_unknown_key", _) => {
            "check `aws sts get-caller-identity` with the same credentials, and that the region is enabled in the account"
        }
        ("sts_credentials_expired", _) => "log in to AWS anew (`aws sso login`), and get a new token",
        ("sts_region_disabled", _) => "sign for another region: --region",
        ("sts_access_denied", _) => {
            "look for a service control policy or permission boundary that denies this in the account"
        }
        (_, ErrorClass::Throttled | ErrorClass::Unavailable) => "try again in a while",
        (_, ErrorClass::Malformed) => "check what stands between here and STS: HTTPS_PROXY, AWS_CA_BUNDLE",
        _ => "get a new token; it was cut off or altered on its way, or is none",
    }
}
