//! `token`: a token on standard output, and nothing else.

mod mfa;

use crate::cli::{StsEndpointChoice, TokenArgs};
use crate::config::Configuration;
use crate::{Failure, print, sts, transport};
use k8s_aws_auth::presign::{EndpointKind, PresignError, Region, presign};
use k8s_aws_auth::tokenreview::{BearerToken, ExecCredential, ExecInfo};
use k8s_aws_auth_credentials::{AssumeRole, CacheError, CredentialCache, CredentialsError, Found, Sources};
use std::env;
use std::io::{self, Write};
use std::time::SystemTime;

pub(crate) fn run(arguments: &TokenArgs, configuration: &Configuration) -> Result<(), Failure> {
    let cluster = configuration.cluster_id()?;
    let exec_info = ExecInfo::from_env_value(variable("KUBERNETES_EXEC_INFO").as_deref())
        .map_err(|error| Failure::new(&error).with_remedy(error.remedy()))?;
    let sources = sources(arguments, &exec_info)?;
    let found = credentials(&sources, arguments.cache)?;
    let endpoint = found.endpoint().map_err(|error| {
        Failure::new(format!("no STS endpoint for region {}: {error}", found.region()))
            .with_remedy("check --region, AWS_REGION, the region of the profile, and --sts-endpoint")
    })?;
    let token =
        presign(found.credentials(), &endpoint, &cluster, SystemTime::now()).map_err(|error| explain(&error))?;
    if arguments.token_only {
        return print(&format!("{}\n", token.text().expose()));
    }
    let bearer = BearerToken::new(token.text().expose()).map_err(Failure::new)?;
    let credential =
        ExecCredential::new(exec_info.version(), bearer, Some(token.expires_at())).map_err(Failure::new)?;
    print(&format!("{}\n", String::from_utf8_lossy(&credential.to_json_exposing_token())))
}

/// Where credentials come from, as the flags have it.
fn sources(arguments: &TokenArgs, exec_info: &ExecInfo) -> Result<Sources, Failure> {
    let mut sources = Sources::new(transport::for_credentials);
    if let Some(name) = given(arguments.region.as_deref()) {
        let region = Region::parse(name);
        sources = sources.region(region.map_err(|error| Failure::new(format!("--region: {error}")))?);
    }
    if let Some(choice) = arguments.sts_endpoint {
        sources = sources.endpoint_kind(match choice {
            StsEndpointChoice::Regional => EndpointKind::Regional,
            StsEndpointChoice::Global => EndpointKind::Global,
            StsEndpointChoice::Fips => EndpointKind::Fips,
            StsEndpointChoice::DualStack => EndpointKind::DualStack,
        });
    }
    if let Some(role) = role(arguments)? {
        sources = sources.role(role);
    }
    // A client that does not say is taken for one that has a user: a code can come through a pipe, too.
    Ok(if exec_info.interactive() == Some(false) { sources } else { sources.interactive(mfa::ask) })
}

/// The role to assume. What belongs to a role means nothing without one, as in the Go program.
fn role(arguments: &TokenArgs) -> Result<Option<AssumeRole>, Failure> {
    let session_name = given(arguments.session_name.as_deref());
    if arguments.forward_session_name && session_name.is_some() {
        return Err(Failure::usage("--forward-session-name and --session-name exclude each other"));
    }
    let Some(mut role) = given(arguments.role.as_deref()).map(AssumeRole::new) else { return Ok(None) };
    if let Some(id) = given(arguments.external_id.as_deref()) {
        role = role.external_id(id);
    }
    if let Some(name) = session_name {
        role = role.session_name(name);
    }
    if arguments.forward_session_name {
        role = role.forward_session_name();
    }
    Ok(Some(role))
}

/// From the environment without further ado; else from the cache, if there is to be one; else from whatever source has them.
fn credentials(sources: &Sources, cached: bool) -> Result<Found, Failure> {
    if let Some(found) = sources.in_environment().map_err(|error| failure(&error))? {
        return Ok(found);
    }
    let slot = match cached {
        true => CredentialCache::from_env().and_then(|cache| cache.slot(sources)).map_err(|error| warn(&error)).ok(),
        false => None,
    };
    if let Some(slot) = &slot {
        match slot.find() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => warn(&error),
        }
    }
    let found = sts::runtime()?.block_on(sources.load()).map_err(|error| failure(&error))?;
    if let Some(Err(error)) = slot.map(|slot| slot.keep(&found)) {
        warn(&error);
    }
    Ok(found)
}

fn failure(error: &CredentialsError) -> Failure {
    let failure = Failure::new(error);
    match error.remedy() {
        Some(remedy) => failure.with_remedy(remedy),
        None => failure,
    }
}

/// A cache that does not work is no reason not to log in.
fn warn(error: &CacheError) {
    let _ = writeln!(io::stderr(), "Warning: {error}");
}

fn explain(error: &PresignError) -> Failure {
    let failure = Failure::new(format!("cannot make a token: {error}"));
    match error {
        PresignError::AccessKeyId => {
            failure.with_remedy("check AWS_ACCESS_KEY_ID, or where else the access key is from")
        }
        PresignError::Token(_) => {
            failure.with_remedy("check AWS_SESSION_TOKEN, or where else the session token is from")
        }
        _ => failure,
    }
}

/// A flag with something in it.
fn given(flag: Option<&str>) -> Option<&str> {
    flag.filter(|value| !value.is_empty())
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
