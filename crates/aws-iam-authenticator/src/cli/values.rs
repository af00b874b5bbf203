//! Values that a flag may have.

use clap::ValueEnum;

/// The STS endpoint that a token is signed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StsEndpointChoice {
    /// That of the region
    #[default]
    Regional,
    /// sts.amazonaws.com: for servers of version 0.3.0 and before, which know no other
    Global,
    /// The region's FIPS 140 endpoint
    Fips,
    /// The region's endpoint for IPv4 and IPv6
    DualStack,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// For people
    #[default]
    #[value(alias = "")]
    Text,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
}

/// The form of what `version` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VersionForm {
    /// One line of JSON
    #[default]
    Json,
    /// YAML
    Yaml,
}

/// The form of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintForm {
    /// Source excerpts with carets
    #[default]
    Text,
    /// A JSON list
    Json,
    /// SARIF 2.1.0, which code scanners read
    Sarif,
    /// Workflow commands, which GitHub shows beside the changed lines
    Github,
}

/// From which severity on a finding makes `lint` fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Something is ignored
    #[default]
    Error,
    /// It probably does not mean what it was written for
    Warning,
    /// There is a better way
    Hint,
    /// Nothing does
    Never,
}

/// Whether the credential plugin may ask the user (client.authentication.k8s.io/v1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum InteractiveMode {
    /// It asks where there is a terminal, as for an MFA code
    #[default]
    #[value(name = "IfAvailable")]
    IfAvailable,
    /// It never asks
    #[value(name = "Never")]
    Never,
    /// kubectl refuses to run it without a terminal
    #[value(name = "Always")]
    Always,
}

/// The spellings of Go's `strconv.ParseBool`.
pub(crate) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("neither true nor false"),
    }
}
