//! `credential_process`: a program that prints credentials.
//!
//! Ours, because aws-config's gives the program no standard input and keeps its standard error to itself; programs that ask for
//! a password or an MFA code need both, and have them in the Go program and the AWS CLI.

use crate::error::{CredentialsError, Source};
use aws_credential_types::Credentials;
use serde::Deserialize;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

/// As long as the Go SDK waits: enough for somebody to type a code.
const LIMIT: Duration = Duration::from_secs(60);
/// Far more than any credentials have.
const MOST_OUTPUT: u64 = 64 * 1024;

/// What the program prints, by its specification: "Sourcing credentials with an external process", AWS SDKs reference guide.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Runs the command of a profile in the shell. What it says on standard error is shown as it comes, and is in no error here.
pub(crate) async fn credentials(
    profile: &str,
    command: &str,
    interactive: bool,
) -> Result<Credentials, CredentialsError> {
    let failed = |why: String| {
        CredentialsError::source(Source::Profile(profile.to_owned()), format!("its credential_process {why}"))
    };
    let remedy = "run the command of credential_process by itself: it has to print JSON with Version 1 and exit with 0";
    let mut shell = shell(command);
    shell.stdin(if interactive { Stdio::inherit() } else { Stdio::null() });
    shell.stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let running = async {
        let mut child = shell.spawn()?;
        let mut printed = Zeroizing::new(Vec::new());
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MOST_OUTPUT).read_to_end(&mut printed).await?;
        }
        Ok((child.wait().await?, printed))
    };
    let ran = tokio::time::timeout(LIMIT, running).await;
    let ran = ran.map_err(|_| failed(format!("did not end within {} s", LIMIT.as_secs())).with_remedy(remedy))?;
    let (status, printed) =
        ran.map_err(|error: std::io::Error| failed(format!("cannot be run: {error}")).with_remedy(remedy))?;
    if !status.success() {
        return Err(failed(format!("failed ({status})")).with_remedy(remedy));
    }
    // The message of a parser would repeat what it could not read.
    let output: Output = serde_json::from_slice(&printed)
        .map_err(|_| failed("printed no credentials".to_owned()).with_remedy(remedy))?;
    if output.version != 1 {
        return Err(failed("printed credentials of a version that is not 1".to_owned()).with_remedy(remedy));
    }
    let expiry = match output.expiration.as_deref() {
        None => None,
        Some(text) => Some(
            parse_time(text)
                .ok_or_else(|| failed("printed an Expiration that is no time".to_owned()).with_remedy(remedy))?,
        ),
    };
    let session_token = output.session_token.filter(|token| !token.is_empty());
    Ok(Credentials::new(output.access_key_id, output.secret_access_key, session_token, expiry, "CredentialProcess"))
}

/// A time as RFC 3339 has it.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text.trim(), &Rfc3339).ok().map(SystemTime::from)
}

#[cfg(not(windows))]
fn shell(command: &str) -> tokio::process::Command {
    let mut shell = tokio::process::Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

/// `cmd.exe` takes what is between the outermost quotes as it stands; the quoting of Rust's `arg` it does not understand.
#[cfg(windows)]
fn shell(command: &str) -> tokio::process::Command {
    let mut shell = tokio::process::Command::new("cmd.exe");
    shell.arg("/C").raw_arg(format!("\"{command}\""));
    shell
}
