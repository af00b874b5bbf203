//! `verify`: asks STS whose a token is, and says why not.

use crate::cli::VerifyArgs;
use crate::config::Configuration;
use crate::{Failure, print, transport};
use bytes::Bytes;
use k8s_aws_auth::identity::Partition;
use k8s_aws_auth::sts::{ErrorClass, Policy, VerifiedCaller, Verifier, VerifyError};
use std::io::{self, Read};
use std::time::SystemTime;

/// More than any token has; the gate says so, and how long the text was.
const MOST_INPUT: u64 = 64 * 1024;

pub(crate) fn run(arguments: &VerifyArgs, configuration: &Configuration) -> Result<(), Failure> {
    let render = match arguments.output.as_deref() {
        None | Some("" | "text") => text,
        Some("json") => json,
        Some("yaml") => yaml,
        Some(_) => return Err(Failure::new("no such output format").with_remedy("formats: text, json, yaml")),
    };
    let cluster = configuration.cluster_id()?;
    let partition = Partition::parse(arguments.partition.as_deref().unwrap_or("aws")).map_err(Failure::new)?;
    let token = match arguments.token.as_deref() {
        Some("-") => read_token()?,
        Some(token) if !token.is_empty() => token.to_owned(),
        _ => return Err(Failure::new("no token was given").with_remedy("use --token TOKEN, or --token - to read one")),
    };
    let verifier = Verifier::new(Policy::new(partition));
    let call = verifier.begin(token.trim(), &cluster, SystemTime::now()).map_err(|error| explain(&error))?;

    let transport = transport::to_aws()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let request = call.request().into_http().map(|()| Bytes::new());
    let answer = runtime
        .block_on(transport.send(request))
        .map_err(|error| Failure::new(format!("could not verify the token: STS did not answer: {error}")))?;
    let caller = call.finish(&answer).map_err(|error| explain(&error))?;
    print(&render(&fields(&caller)))
}

/// The Go program's names, in its order.
fn fields(caller: &VerifiedCaller) -> [(&'static str, String); 7] {
    [
        ("ARN", caller.arn().to_owned()),
        ("CanonicalARN", caller.canonical_arn().to_owned()),
        ("AccountID", caller.account().to_string()),
        ("UserID", caller.user_id().to_owned()),
        ("SessionName", caller.session_name().unwrap_or_default().to_owned()),
        ("AccessKeyID", caller.access_key_id().to_string()),
        ("STSEndpoint", caller.endpoint().host().to_owned()),
    ]
}

fn text(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
}

fn yaml(fields: &[(&str, String)]) -> String {
    // A JSON string is a YAML string, whatever is in it.
    fields.iter().map(|(name, value)| format!("{name}: {}\n", serde_json::Value::from(value.as_str()))).collect()
}

fn json(fields: &[(&str, String)]) -> String {
    let member =
        |(name, value): &(&str, String)| format!("    \"{name}\": {}", serde_json::Value::from(value.as_str()));
    let members: Vec<String> = fields.iter().map(member).collect();
    format!("{{\n{}\n}}\n", members.join(",\n"))
}

/// A token on standard input is in no process list and no shell history.
fn read_token() -> Result<String, Failure> {
    let mut token = String::new();
    io::stdin()
        .take(MOST_INPUT)
        .read_to_string(&mut token)
        .map_err(|error| Failure::new(format!("cannot read a token from standard input: {error}")))?;
    Ok(token)
}

fn explain(error: &VerifyError) -> Failure {
    let failure = Failure::new(format!("could not verify the token: {} ({})", error, error.reason()));
    match error.class() {
        ErrorClass::Throttled | ErrorClass::Unavailable => failure.with_remedy("try again in a while"),
        ErrorClass::Malformed => {
            failure.with_remedy("check what stands between here and STS: HTTPS_PROXY, AWS_CA_BUNDLE")
        }
        _ => failure,
    }
}
