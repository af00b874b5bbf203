//! `explain`: every step of a login, and where it ends.

mod caller;
mod checks;
mod text;

use crate::cli::{ExplainArgs, OutputForm};
use crate::config::Configuration;
use crate::sources::{self, Sources};
use crate::{Failure, output, print, sts};
use caller::Caller;
use checks::{Check, TokenFacts};
use k8s_aws_auth::identity::ClusterId;
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, Explanation, Outcome};
use k8s_aws_auth::sts::{Call, VerifyError};
use serde::Serialize;
use std::time::SystemTime;

/// What was found out.
#[derive(Serialize)]
struct Report {
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Token>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<Caller>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Explanation>,
    /// What somebody who reads this has to know about it.
    notes: Vec<String>,
}

/// A token, check by check.
#[derive(Serialize)]
struct Token {
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<TokenFacts>,
}

/// Where the login ends.
#[derive(Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
enum Verdict {
    /// The caller is let in.
    LetIn { username: String, groups: Vec<String> },
    /// Nothing speaks against it as far as was looked.
    NothingAgainst { message: String },
    /// The caller is turned away.
    Refused { reason: String, message: String, remedy: String },
    /// It could not be told.
    Unknown { reason: String, message: String, remedy: String },
}

pub(crate) fn run(arguments: &ExplainArgs, configuration: &Configuration) -> Result<(), Failure> {
    let sources = sources::gather(&arguments.sources, &arguments.kube, configuration)?;
    if arguments.token.is_none() && sources.is_none() {
        return Err(Failure::usage("an ARN alone says nothing: there are no mappings to look it up in")
            .with_remedy("use --config, --aws-auth, --identity-mappings, --dynamic-file or --kubeconfig"));
    }
    let report = report(arguments, configuration, sources)?;
    print(&match arguments.output {
        OutputForm::Text => text::render(&report),
        OutputForm::Json => output::json(&report)?,
        OutputForm::Yaml => output::yaml(&report)?,
    })?;
    match report.verdict {
        Verdict::LetIn { .. } | Verdict::NothingAgainst { .. } => Ok(()),
        Verdict::Refused { .. } => Err(Failure::told_no()),
        Verdict::Unknown { .. } => Err(Failure::told()),
    }
}

fn report(arguments: &ExplainArgs, configuration: &Configuration, sources: Option<Sources>) -> Result<Report, Failure> {
    let given = arguments.arn.as_deref().map(|arn| Caller::given(arn, arguments.user_id.as_deref())).transpose()?;
    let (snapshot, notes) = match sources {
        Some(Sources { snapshot, notes }) => (Some(snapshot), notes),
        None => (None, Vec::new()),
    };
    let mut report =
        Report { verdict: nothing_against("nothing was asked"), token: None, caller: given, mapping: None, notes };
    if let Some(flag) = &arguments.token
        && let Err(verdict) = token(&mut report, flag, arguments, configuration)?
    {
        report.verdict = verdict;
        return Ok(report);
    }
    let Some(caller) = &report.caller else {
        report.verdict = nothing_against("the token has the right form and age; who it belongs to, only STS can tell");
        return Ok(report);
    };
    let Some(snapshot) = snapshot else {
        report.verdict = nothing_against("STS vouches for the caller; there are no mappings to look it up in");
        return Ok(report);
    };
    let mut documents = snapshot.backends().iter().filter_map(Backend::document);
    if documents.any(Document::strict_user_ids) && !caller.has_user_id() {
        return Err(Failure::usage("entries of the dynamic file are found by user id, and none was given")
            .with_remedy("give --user-id, the unique id of the user or role (aws iam get-role, get-user)"));
    }
    let (explanation, notes) = caller.explain(&snapshot);
    report.notes.extend(notes);
    report.verdict = verdict(&explanation);
    report.mapping = Some(explanation);
    Ok(report)
}

/// The token's part: what can be told of it, and whom STS makes of it.
fn token(
    report: &mut Report,
    flag: &str,
    arguments: &ExplainArgs,
    configuration: &Configuration,
) -> Result<Result<(), Verdict>, Failure> {
    let text = sts::token(Some(flag))?;
    let verifier = sts::verifier(arguments.partition.as_deref(), configuration)?;
    let cluster = match arguments.offline {
        false => configuration.cluster_id()?,
        // Nobody is asked, so it does not matter which.
        true => ClusterId::parse("offline").map_err(Failure::new)?,
    };
    let now = SystemTime::now();
    let begun = verifier.begin(&text, &cluster, now);
    let facts = TokenFacts::of(&text, &verifier, now);
    let mut checks = checks::of(begun.as_ref().err());
    let call: Call = match begun {
        Ok(call) => call,
        Err(error) => {
            report.token = Some(Token { checks, facts });
            return Ok(Err(refused(&error)));
        }
    };
    if arguments.offline {
        checks.push(Check::not_done("sts", "STS was not asked (--offline)"));
        report.token = Some(Token { checks, facts });
        return Ok(Ok(()));
    }
    let verified = sts::ask(call)?;
    checks.push(Check::of_sts(&verified));
    report.token = Some(Token { checks, facts });
    Ok(match verified {
        Ok(caller) => {
            if report.caller.is_some() {
                report.notes.push("STS told who the caller is, so --arn does not count".to_owned());
            }
            report.caller = Some(Caller::verified(caller.identity()));
            Ok(())
        }
        Err(unverified) => Err(match unverified.error.class().is_definite() {
            true => refused(&unverified.error),
            false => Verdict::Unknown {
                reason: unverified.error.reason().to_owned(),
                message: unverified.detail.unwrap_or_else(|| unverified.error.to_string()),
                remedy: sts::remedy(&unverified.error).to_owned(),
            },
        }),
    })
}

fn refused(error: &VerifyError) -> Verdict {
    Verdict::Refused {
        reason: error.reason().to_owned(),
        message: error.to_string(),
        remedy: sts::remedy(error).to_owned(),
    }
}

fn nothing_against(message: &str) -> Verdict {
    Verdict::NothingAgainst { message: message.to_owned() }
}

fn verdict(explanation: &Explanation) -> Verdict {
    match &explanation.outcome {
        Outcome::Mapped { username, groups, .. } => {
            Verdict::LetIn { username: username.clone(), groups: groups.clone() }
        }
        Outcome::NeedsInstance { instance_id, .. } => {
            nothing_against(&format!("let in once EC2 tells the private DNS name of {instance_id}"))
        }
        Outcome::Refused { definite: true, reason, message, .. } => Verdict::Refused {
            reason: reason.as_str().to_owned(),
            message: message.clone(),
            remedy: "add or mend a rule; the entries that came near are listed".to_owned(),
        },
        Outcome::Refused { reason, message, .. } => {
            let missing: Vec<&str> = explanation.not_synced.iter().copied().map(BackendMode::as_str).collect();
            Verdict::Unknown {
                reason: reason.as_str().to_owned(),
                message: message.clone(),
                remedy: format!("give the mappings of the other backends too: {}", missing.join(", ")),
            }
        }
        _ => nothing_against("see the explanation"),
    }
}
