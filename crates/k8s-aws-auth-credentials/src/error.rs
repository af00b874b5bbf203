use std::fmt;
use std::io;

/// The longest text of somebody else that a message repeats, in characters.
const MOST_FOREIGN: usize = 400;

/// A place that credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    Environment,
    /// A web identity token, as EKS mounts it for a service account: `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`.
    WebIdentity,
    /// A profile of the configuration and credentials files, by its name.
    Profile(String),
    /// The endpoint of ECS, or of EKS pod identity: `AWS_CONTAINER_CREDENTIALS_…_URI`.
    Container,
    /// The instance metadata service of EC2, version 2.
    InstanceMetadata,
    /// A role that is assumed with the credentials of another source, by its ARN.
    Role(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::WebIdentity => f.write_str("web identity"),
            Self::Profile(name) => write!(f, "profile {}", printable(name)),
            Self::Container => f.write_str("container endpoint"),
            Self::InstanceMetadata => f.write_str("instance metadata"),
            Self::Role(arn) => write!(f, "role {}", printable(arn)),
        }
    }
}

/// A source that was asked and has no credentials, and why not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The source.
    pub source: Source,
    /// Why it has none: no secrets, no line breaks, not more than 400 characters.
    pub why: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.why)
    }
}

/// Why there are no credentials. No message has a secret in it; what a service or a file says is cut short and made printable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// No source is set up.
    #[error("no AWS credentials{}", list(.tried))]
    NotFound {
        /// The sources in the order in which they were asked.
        tried: Vec<Attempt>,
    },
    /// A source is set up, and something is wrong with it. Those behind it are not asked: they would be another identity than
    /// the one that was meant.
    #[error("{}: {}{}", .failed.source, .failed.why, list(.tried))]
    Source {
        /// The source and what is wrong.
        failed: Attempt,
        /// What to do about it.
        remedy: Option<String>,
        /// Those that were asked before, and had none.
        tried: Vec<Attempt>,
    },
    /// There is no login to IAM Identity Center, or it has ended.
    #[error("{}: {}", .failed.source, .failed.why)]
    SsoLogin {
        /// The profile, and what is missing.
        failed: Attempt,
        /// The command that logs in.
        command: String,
    },
    /// STS does not give the session of a role.
    #[error("{}: {}", .failed.source, .failed.why)]
    Role {
        /// The role and what STS says.
        failed: Attempt,
        /// The error code of STS, where it answered.
        code: Option<String>,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// A role asks for a code of an MFA device, and nobody can be asked for it.
    #[error("{role}: the code of the MFA device {} is needed, and this is not interactive", printable(.serial))]
    MfaNotInteractive {
        /// The role.
        role: Source,
        /// The device's serial number or ARN.
        serial: String,
    },
    /// A code of an MFA device was asked for and did not come.
    #[error("no code of the MFA device {} came: {error}", printable(.serial))]
    Mfa {
        /// The device's serial number or ARN.
        serial: String,
        /// Why not.
        error: io::Error,
    },
    /// The source gave credentials whose time is over.
    #[error("{origin}: the credentials have expired")]
    Expired {
        /// The source.
        origin: Source,
    },
}

impl CredentialsError {
    /// A stable code for logs and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "credentials_not_found",
            Self::Source { .. } => "credentials_source_failed",
            Self::SsoLogin { .. } => "sso_login_needed",
            Self::Role { .. } => "assume_role_failed",
            Self::MfaNotInteractive { .. } | Self::Mfa { .. } => "mfa_code_needed",
            Self::Expired { .. } => "credentials_expired",
        }
    }

    /// What to do next, where that is known: a sentence or a command.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => "set AWS_PROFILE to a profile of `aws configure list-profiles`, or make one with \
                 `aws configure sso` or `aws configure`"
                .to_owned(),
            Self::Source { remedy, .. } | Self::Role { remedy, .. } => return remedy.clone(),
            Self::SsoLogin { command, .. } => format!("log in: {command}"),
            Self::MfaNotInteractive { .. } => {
                "run the command in a terminal, or set `interactiveMode: IfAvailable` for \
                 the user in the kubeconfig; with --cache the code is asked for once a session"
                    .to_owned()
            }
            Self::Mfa { .. } => "type the code, or pipe it to standard input".to_owned(),
            Self::Expired { origin: Source::Environment } => {
                "set the AWS_… variables anew; AWS_CREDENTIAL_EXPIRATION says that these are over".to_owned()
            }
            Self::Expired { .. } => "check the clock of this machine, then the source".to_owned(),
        })
    }

    pub(crate) fn source(source: Source, why: impl fmt::Display) -> Self {
        Self::Source { failed: Attempt { source, why: printable(&why.to_string()) }, remedy: None, tried: Vec::new() }
    }

    pub(crate) fn with_remedy(mut self, text: impl Into<String>) -> Self {
        if let Self::Source { remedy, .. } | Self::Role { remedy, .. } = &mut self {
            *remedy = Some(text.into());
        }
        self
    }

    /// The sources that were asked in vain before this failure.
    pub(crate) fn after(mut self, attempts: Vec<Attempt>) -> Self {
        if let Self::Source { tried, .. } = &mut self {
            *tried = attempts;
        }
        self
    }
}

/// The messages of an error and its causes. `Debug` would show whole answers, secrets and all, so it is never used.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    printable(&texts.join(": "))
}

/// A text of somebody else, on one line and not too long.
pub(crate) fn printable(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.trim().chars().map(blank).take(MOST_FOREIGN).collect();
    if line.chars().count() < text.trim().chars().count() { format!("{line}…") } else { line }
}

fn list(tried: &[Attempt]) -> String {
    tried.iter().map(|attempt| format!("\n  tried {attempt}")).collect()
}
