//! `verify`: asks STS whose a token is, and says why not.

use crate::cli::{OutputForm, VerifyArgs};
use crate::config::Configuration;
use crate::sts::{self, Unverified};
use crate::{Failure, output, print};
use k8s_aws_auth::sts::VerifiedCaller;
use serde::Serialize;
use std::time::SystemTime;

pub(crate) fn run(arguments: &VerifyArgs, configuration: &Configuration) -> Result<(), Failure> {
    let cluster = configuration.cluster_id()?;
    let verifier = sts::verifier(arguments.partition.as_deref(), configuration)?;
    let token = sts::token(arguments.token.as_deref())?;
    let call = verifier
        .begin(&token, &cluster, SystemTime::now())
        .map_err(|error| explain(&Unverified { error, detail: None }))?;
    let caller = sts::ask(call)?.map_err(|unverified| explain(&unverified))?;
    let told = Told::of(&caller);
    print(&match arguments.output {
        OutputForm::Text => told.to_text(),
        OutputForm::Json => output::json(&told)?,
        OutputForm::Yaml => output::yaml(&told)?,
    })
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

    fn to_text(&self) -> String {
        let Self { arn, canonical_arn, account_id, user_id, session_name, access_key_id, sts_endpoint } = self;
        format!(
            "ARN          {arn}\nCanonicalARN {canonical_arn}\nAccountID    {account_id}\nUserID       {user_id}\n\
             SessionName  {session_name}\nAccessKeyID  {access_key_id}\nSTSEndpoint  {sts_endpoint}\n"
        )
    }
}

fn explain(unverified: &Unverified) -> Failure {
    let error = &unverified.error;
    let detail = unverified.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    Failure::new(format!("could not verify the token: {error}{detail} ({})", error.reason()))
        .with_remedy(sts::remedy(error))
}
