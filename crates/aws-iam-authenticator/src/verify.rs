//! `verify`: asks STS whose a token is, and says why not.

use crate::cli::VerifyArgs;
use crate::config::Configuration;
use crate::{Failure, print, transport};
use bytes::Bytes;
use k8s_aws_auth::identity::Partition;
use k8s_aws_auth::sts::{ErrorClass, Policy, VerifiedCaller, Verifier, VerifyError};
use serde::Serialize;
use std::io::{self, Read};
use std::time::SystemTime;

/// More than any token has; the gate says so, and how long the text was.
const MOST_INPUT: u64 = 64 * 1024;

pub(crate) fn run(arguments: &VerifyArgs, configuration: &Configuration) -> Result<(), Failure> {
    let form = match arguments.output.as_deref() {
        None | Some("" | "text") => Form::Text,
        Some("json") => Form::Json,
        Some("yaml") => Form::Yaml,
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
    print(&form.render(&Told::of(&caller))?)
}

/// What is told of a caller: the Go program's names, in its order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told<'a> {
    #[serde(rename = "ARN")]
    arn: &'a str,
    #[serde(rename = "CanonicalARN")]
    canonical_arn: &'a str,
    #[serde(rename = "AccountID")]
    account_id: String,
    #[serde(rename = "UserID")]
    user_id: &'a str,
    session_name: &'a str,
    #[serde(rename = "AccessKeyID")]
    access_key_id: &'a str,
    #[serde(rename = "STSEndpoint")]
    sts_endpoint: &'a str,
}

impl<'a> Told<'a> {
    fn of(caller: &'a VerifiedCaller) -> Self {
        Self {
            arn: caller.arn(),
            canonical_arn: caller.canonical_arn(),
            account_id: caller.account().to_string(),
            user_id: caller.user_id(),
            session_name: caller.session_name().unwrap_or_default(),
            access_key_id: caller.access_key_id().as_str(),
            sts_endpoint: caller.endpoint().host(),
        }
    }
}

#[derive(Clone, Copy)]
enum Form {
    Text,
    Json,
    Yaml,
}

impl Form {
    fn render(self, told: &Told<'_>) -> Result<String, Failure> {
        match self {
            Self::Text => Ok(format!(
                "ARN          {}\nCanonicalARN {}\nAccountID    {}\nUserID       {}\nSessionName  {}\nAccessKeyID  {}\n\
                 STSEndpoint  {}\n",
                told.arn,
                told.canonical_arn,
                told.account_id,
                told.user_id,
                told.session_name,
                told.access_key_id,
                told.sts_endpoint
            )),
            Self::Json => {
                let mut text = Vec::new();
                let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
                told.serialize(&mut serde_json::Serializer::with_formatter(&mut text, indent)).map_err(Failure::new)?;
                Ok(format!("{}\n", String::from_utf8_lossy(&text)))
            }
            Self::Yaml => serde_yaml::to_string(told).map_err(Failure::new),
        }
    }
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
