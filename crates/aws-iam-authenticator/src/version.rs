//! `version`: which build this is.
//!
//! A build knows of its commit and date what its environment tells: `AWS_IAM_AUTHENTICATOR_COMMIT` and
//! `AWS_IAM_AUTHENTICATOR_DATE`. It asks neither git nor the clock, so that the same sources give the same program.

use crate::cli::{VersionArgs, VersionForm};
use crate::{Failure, output, print};
use serde::Serialize;

/// What is told of a build that was told nothing.
const UNKNOWN: &str = "unknown";

const VERSION: &str = env!("CARGO_PKG_VERSION");
const COMMIT: &str = told(option_env!("AWS_IAM_AUTHENTICATOR_COMMIT"));
const DATE: &str = told(option_env!("AWS_IAM_AUTHENTICATOR_DATE"));

const fn told(value: Option<&'static str>) -> &'static str {
    match value {
        Some(value) if !value.is_empty() => value,
        _ => UNKNOWN,
    }
}

/// The Go program's names in JSON.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Json {
    version: &'static str,
    commit: &'static str,
    date: &'static str,
}

/// The Go program's names in YAML, which are others.
#[derive(Serialize)]
struct Yaml {
    version: &'static str,
    commit: &'static str,
    date: &'static str,
}

pub(crate) fn run(arguments: &VersionArgs) -> Result<(), Failure> {
    let (version, commit, date) = (VERSION, COMMIT, DATE);
    print(&match (arguments.short, arguments.output) {
        (true, _) => format!("{version}\n"),
        (false, VersionForm::Json) => {
            let json = serde_json::to_string(&Json { version, commit, date }).map_err(Failure::new)?;
            format!("{json}\n")
        }
        (false, VersionForm::Yaml) => output::yaml(&Yaml { version, commit, date })?,
    })
}
