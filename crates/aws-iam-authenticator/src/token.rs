//! `token`: a token on standard output, and nothing else.

use crate::cli::TokenArgs;
use crate::config::Configuration;
use crate::{Failure, print};
use aws_credential_types::Credentials;
use k8s_aws_auth::presign::{EndpointKind, PresignError, Region, StsEndpoint, presign};
use k8s_aws_auth::tokenreview::{BearerToken, ExecCredential, ExecInfo};
use std::env;
use std::time::SystemTime;

pub(crate) fn run(arguments: &TokenArgs, configuration: &Configuration) -> Result<(), Failure> {
    let cluster = configuration.cluster_id()?;
    let exec_info = ExecInfo::from_env_value(variable("KUBERNETES_EXEC_INFO").as_deref())
        .map_err(|error| Failure::new(&error).with_remedy(error.remedy()))?;
    let credentials = from_environment()?;
    let endpoint = endpoint(arguments.region.as_deref())?;
    let token = presign(&credentials, &endpoint, &cluster, SystemTime::now()).map_err(|error| explain(&error))?;
    if arguments.token_only {
        return print(&format!("{}\n", token.text().expose()));
    }
    let bearer = BearerToken::new(token.text().expose()).map_err(Failure::new)?;
    let credential =
        ExecCredential::new(exec_info.version(), bearer, Some(token.expires_at())).map_err(Failure::new)?;
    print(&format!("{}\n", String::from_utf8_lossy(&credential.to_json_exposing_token())))
}

/// The variables that every AWS SDK reads.
fn from_environment() -> Result<Credentials, Failure> {
    let missing = |name| {
        Failure::new(format!("no AWS credentials: {name} is not set"))
            .with_remedy("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary ones")
    };
    let key = variable("AWS_ACCESS_KEY_ID").ok_or_else(|| missing("AWS_ACCESS_KEY_ID"))?;
    let secret = variable("AWS_SECRET_ACCESS_KEY").ok_or_else(|| missing("AWS_SECRET_ACCESS_KEY"))?;
    Ok(Credentials::new(key, secret, variable("AWS_SESSION_TOKEN"), None, "environment"))
}

/// The regional endpoint; without any region that of `us-east-1`, as the Go program has it.
fn endpoint(flag: Option<&str>) -> Result<StsEndpoint, Failure> {
    let name = flag.map(str::to_owned).or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = name.map_or(Ok(Region::US_EAST_1), |name| Region::parse(&name)).map_err(Failure::new)?;
    StsEndpoint::in_region(&region, EndpointKind::Regional).map_err(Failure::new)
}

fn explain(error: &PresignError) -> Failure {
    let failure = Failure::new(format!("cannot make a token: {error}"));
    match error {
        PresignError::AccessKeyId => failure.with_remedy("check AWS_ACCESS_KEY_ID"),
        PresignError::Token(_) => failure.with_remedy("check AWS_SESSION_TOKEN"),
        _ => failure,
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
