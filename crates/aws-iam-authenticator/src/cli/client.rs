//! The flags of the client's commands that change nothing.

use super::values::{FailOn, LintForm, OutputForm, StsEndpointChoice, VersionForm, boolean};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # What kubectl runs: credentials from the environment, profiles, SSO, web identity, ECS or EC2
  aws-iam-authenticator token -i production

  # Under a role
  aws-iam-authenticator token -i production --role arn:aws:iam::123456789012:role/admin

  # With curl
  curl -H \"Authorization: Bearer $(aws-iam-authenticator token -i production --token-only)\" ...

A token is good for 15 minutes, for this cluster alone. Whoever has it is you: do not log it.")]
pub(crate) struct TokenArgs {
    /// The region whose STS endpoint the token is for
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Assume this role before signing
    #[arg(long, short = 'r', value_name = "ARN", env = "DEFAULT_ROLE")]
    pub(crate) role: Option<String>,
    /// The external id that the role asks for
    #[arg(long, short = 'e', value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// The name of the role session
    #[arg(long, short = 's', value_name = "NAME")]
    pub(crate) session_name: Option<String>,
    /// Give the role session the name of the session that assumes it
    // An explicit `false` goes with a session name, so this is no matter for the parser.
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "false", default_missing_value = "true", hide_default_value = true)]
    pub(crate) forward_session_name: bool,
    /// Print the token alone
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "false", default_missing_value = "true", hide_default_value = true)]
    pub(crate) token_only: bool,
    /// Keep the credentials in a file until they end
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "false", default_missing_value = "true", hide_default_value = true)]
    pub(crate) cache: bool,
    /// The kind of STS endpoint that the token is for
    /// [default: regional, or what AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT and the profile say]
    #[arg(long, value_name = "KIND", value_enum)]
    pub(crate) sts_endpoint: Option<StsEndpointChoice>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # Whose is it? From standard input, where no process list shows it
  aws-iam-authenticator token -i production --token-only |
    aws-iam-authenticator verify -i production -t -

`explain` tells more: every check of the token, and what the mappings make of its caller.")]
pub(crate) struct VerifyArgs {
    /// The token; - reads it from standard input
    #[arg(long, short = 't', allow_hyphen_values = true)]
    pub(crate) token: Option<String>,
    /// The form of the answer
    #[arg(long, short = 'o', value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: OutputForm,
    /// The AWS partition of the caller [default: aws]
    #[arg(long)]
    pub(crate) partition: Option<String>,
}

/// Where mappings are read from.
#[derive(Debug, Default, Args)]
pub(crate) struct SourceArgs {
    /// A manifest of the ConfigMap aws-auth: kubectl -n kube-system get configmap aws-auth -o yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) aws_auth: Option<PathBuf>,
    /// Manifests of IAMIdentityMapping objects: kubectl get iamidentitymappings -o yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_mappings: Option<PathBuf>,
    /// A dynamic file
    #[arg(long, value_name = "FILE")]
    pub(crate) dynamic_file: Option<PathBuf>,
    /// The backends in their order, where the configuration file does not say
    #[arg(long, value_delimiter = ',', value_name = "BACKENDS")]
    pub(crate) backend_mode: Vec<String>,
}

/// Which API server, and how to get at it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KubeArgs {
    /// The kubeconfig by which the API server is reached [default: KUBECONFIG, ~/.kube/config]
    #[arg(long, global = true, help_heading = "API server", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context in it [default: its current context]
    #[arg(long, global = true, help_heading = "API server", value_name = "NAME")]
    pub(crate) kubeconfig_context: Option<String>,
    /// The API server's URL, over the one in the kubeconfig
    #[arg(long, global = true, help_heading = "API server", value_name = "URL")]
    pub(crate) master_url: Option<String>,
}

impl KubeArgs {
    /// Whether anything was said about an API server.
    pub(crate) fn given(&self) -> bool {
        self.kubeconfig.is_some() || self.kubeconfig_context.is_some() || self.master_url.is_some()
    }
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # \"Unauthorized\": what does the server make of my token? It asks STS, as the server does
  aws-iam-authenticator token -i production --token-only |
    aws-iam-authenticator explain -i production --token - --config server.yaml

  # Who would this role be? Nothing but files is needed
  aws-iam-authenticator explain --arn arn:aws:iam::123456789012:role/dev --aws-auth aws-auth.yaml

  # The same by what the cluster has now
  aws-iam-authenticator explain --arn arn:aws:iam::123456789012:user/ann \\
    --kubeconfig ~/.kube/config

Exit code 3: the caller would not be let in.")]
#[command(group(clap::ArgGroup::new("whom").required(true).multiple(true).args(["token", "arn"])))]
pub(crate) struct ExplainArgs {
    /// The token; - reads it from standard input. It is never shown
    #[arg(long, short = 't', allow_hyphen_values = true)]
    pub(crate) token: Option<String>,
    /// The ARN of a user, role or session: whom the mappings are asked about, unless STS tells it of a token
    #[arg(long)]
    pub(crate) arn: Option<String>,
    /// The unique id behind --arn (AIDA..., AROA...), for dynamic files with strict user ids
    #[arg(long, value_name = "ID", requires = "arn")]
    pub(crate) user_id: Option<String>,
    /// Do not ask STS
    #[arg(long)]
    pub(crate) offline: bool,
    /// The AWS partition of the server [default: that of the configuration file, aws]
    #[arg(long)]
    pub(crate) partition: Option<String>,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) kube: KubeArgs,
    /// The form of the answer
    #[arg(long, short = 'o', value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: OutputForm,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
What a file is, is told by what is in it: a server configuration, a ConfigMap aws-auth or IAMIdentityMapping objects as
kubectl prints them (lists too), a dynamic file, a backend-mode file.

Examples:
  # In a pipeline
  aws-iam-authenticator lint config.yaml aws-auth.yaml --fail-on warning

  # What the cluster has now
  aws-iam-authenticator lint --kubeconfig ~/.kube/config

  # For a code scanner
  aws-iam-authenticator lint -o sarif config.yaml > findings.sarif

Exit code 3: there are findings that count by --fail-on.")]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["files", "kubeconfig", "kubeconfig_context", "master_url"])))]
pub(crate) struct LintArgs {
    /// What to look at; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) kube: KubeArgs,
    /// From which severity on findings are a failure
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t)]
    pub(crate) fail_on: FailOn,
    /// The AWS partition of the server [default: that of the configuration file]
    #[arg(long)]
    pub(crate) partition: Option<String>,
    /// The form of the findings
    #[arg(long, short = 'o', value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: LintForm,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print the version number alone
    #[arg(long, short = 's', num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "false", default_missing_value = "true", hide_default_value = true)]
    pub(crate) short: bool,
    /// The form
    #[arg(long, short = 'o', value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: VersionForm,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  source <(aws-iam-authenticator completions bash)
  aws-iam-authenticator completions zsh > \"${fpath[1]}/_aws-iam-authenticator\"
  aws-iam-authenticator completions fish > ~/.config/fish/completions/aws-iam-authenticator.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aws-iam-authenticator man | man -l -
  aws-iam-authenticator man add role > aws-iam-authenticator-add-role.1")]
pub(crate) struct ManArgs {
    /// The command
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
