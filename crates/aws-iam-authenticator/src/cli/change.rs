//! The flags of the commands that change something: the ConfigMap `aws-auth`, a kubeconfig.

use super::client::KubeArgs;
use super::values::{InteractiveMode, boolean};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aws-iam-authenticator add role --rolearn arn:aws:iam::123456789012:role/dev \\
    --username dev:{{SessionName}} --groups developers
  aws-iam-authenticator add role --sso permissionSetName=Ops,accountID=123456789012 \\
    --username ops --groups ops --dry-run

What is in the ConfigMap stays as it is, comments and order included.")]
pub(crate) struct AddArgs {
    #[command(subcommand)]
    pub(crate) command: AddCommand,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Give an entry that is there already this username and these groups instead of refusing
    #[arg(long, global = true)]
    pub(crate) upsert: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddCommand {
    /// Add a user
    User {
        /// The user's ARN
        #[arg(long, value_name = "ARN")]
        userarn: String,
        #[command(flatten)]
        entry: EntryArgs,
    },
    /// Add a role, or the roles of a permission set
    Role {
        #[command(flatten)]
        role: RoleEntry,
        #[command(flatten)]
        entry: EntryArgs,
    },
}

/// Who an entry makes of its caller.
#[derive(Clone, Debug, Args)]
pub(crate) struct EntryArgs {
    /// The username; {{SessionName}} and its like are filled in at login
    #[arg(long)]
    pub(crate) username: String,
    /// The groups, separated by commas; an empty text for none
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) groups: Vec<String>,
}

/// Whom an entry of `mapRoles` is for.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RoleEntry {
    /// The role's ARN
    #[arg(long, value_name = "ARN")]
    pub(crate) rolearn: Option<String>,
    /// A permission set of IAM Identity Center: permissionSetName=NAME,accountID=ID[,partition=PARTITION]
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    pub(crate) sso: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aws-iam-authenticator remove role --rolearn arn:aws:iam::123456789012:role/dev
  aws-iam-authenticator remove user --userarn arn:aws:iam::123456789012:user/ann --prompt=false")]
pub(crate) struct RemoveArgs {
    #[command(subcommand)]
    pub(crate) command: RemoveCommand,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RemoveCommand {
    /// Remove a user
    User {
        /// The user's ARN
        #[arg(long, value_name = "ARN")]
        userarn: String,
    },
    /// Remove a role, or a permission set
    Role {
        #[command(flatten)]
        role: RoleEntry,
    },
}

/// How a change of the ConfigMap is made.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Ask before the change
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "true", default_missing_value = "true")]
    pub(crate) prompt: bool,
    /// Show the change and make none
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) kube: KubeArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # Into ~/.kube/config, and make it the current context
  aws-iam-authenticator kubeconfig -i production --server https://api.example:6443 \\
    --certificate-authority ca.pem --use-context

  # Under a role; show what would change
  aws-iam-authenticator kubeconfig -i production --server https://api.example:6443 \\
    --certificate-authority ca.pem --role arn:aws:iam::123456789012:role/admin \\
    --name admin@production --dry-run

Entries of other names stay as they are. One that has the name but is something else is only overwritten with --force.")]
pub(crate) struct KubeconfigArgs {
    /// The API server's URL
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    /// The file with the certificates (PEM) by which the API server is trusted [default: those of the system]
    #[arg(long, value_name = "FILE", conflicts_with = "certificate_authority_data")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// The same certificates, as base64
    #[arg(long, value_name = "BASE64")]
    pub(crate) certificate_authority_data: Option<String>,
    /// Put the path of --certificate-authority into the kubeconfig, not what the file holds
    #[arg(long, requires = "certificate_authority")]
    pub(crate) keep_certificate_path: bool,
    /// The name of cluster, user and context [default: the cluster's id]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The name of the user, where it is another one
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// The name of the context, where it is another one
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The namespace of the context
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// Assume this role before signing
    #[arg(long, short = 'r', value_name = "ARN")]
    pub(crate) role: Option<String>,
    /// The region whose STS endpoint tokens are for
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The AWS profile that credentials come from
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// A variable for the environment of the plugin; may stand more than once
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub(crate) environment: Vec<String>,
    /// Another argument for `token`; may stand more than once
    #[arg(long = "arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
    /// The program that kubectl runs [default: the name by which this one was called]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) command: Option<String>,
    /// Whether the plugin may ask, as for an MFA code
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub(crate) interactive_mode: InteractiveMode,
    /// Make the context the current one
    #[arg(long)]
    pub(crate) use_context: bool,
    /// The file to write [default: the first of KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Overwrite entries of these names whatever they are
    #[arg(long)]
    pub(crate) force: bool,
    /// Show the change and make none
    #[arg(long)]
    pub(crate) dry_run: bool,
}
