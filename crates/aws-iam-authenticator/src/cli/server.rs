//! The flags of the server's commands.

use super::values::boolean;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The host name by which API servers reach the webhook [default: localhost]
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// The address that the server will listen on [default: 127.0.0.1]
    #[arg(long)]
    pub(crate) address: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(after_long_help = "\
Examples:
  # The mappings are in the configuration file
  aws-iam-authenticator server --config config.yaml

  # Look at everything that a start would look at, and say what is wrong
  aws-iam-authenticator server --config config.yaml --check-config

  # As on EKS: the ConfigMap aws-auth, found by the pod's service account
  aws-iam-authenticator server -i production --backend-mode EKSConfigMap")]
pub(crate) struct ServerArgs {
    /// The AWS partition of the callers [default: aws]
    #[arg(long)]
    pub(crate) partition: Option<String>,
    /// Where to write the kubeconfig for the API server's --authentication-token-webhook-config-file
    /// [default: /etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml]
    #[arg(long, value_name = "PATH")]
    pub(crate) generate_kubeconfig: Option<PathBuf>,
    /// The webhook kubeconfig is there already; do not write one
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_missing_value = "true")]
    pub(crate) kubeconfig_pregenerated: Option<bool>,
    /// Where the certificate and its key are kept [default: /var/aws-iam-authenticator]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The kubeconfig by which the backends EKSConfigMap and CRD reach the API server [default: the pod's service account]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The URL of that API server, over the one in the kubeconfig
    #[arg(long, value_name = "URL")]
    pub(crate) master: Option<String>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 21362]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// How many DescribeInstances requests a second EC2 is asked for names of instances [default: 15]
    #[arg(long = "ec2-describeInstances-qps", value_name = "N")]
    pub(crate) ec2_describe_instances_qps: Option<u32>,
    /// How many of them at once after a quiet time [default: 5]
    #[arg(long = "ec2-describeInstances-burst", value_name = "N")]
    pub(crate) ec2_describe_instances_burst: Option<u32>,
    /// Refuse to start where the configuration file has a key that means nothing
    #[arg(long)]
    pub(crate) strict_config: bool,
    /// Check configuration, mappings, certificate and the way to STS; do not listen. Fails on anything that is ignored
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Where mappings come from, in order: MountedFile, EKSConfigMap, CRD, DynamicFile [default: MountedFile]
    #[arg(long, value_delimiter = ',', value_name = "BACKENDS")]
    pub(crate) backend_mode: Vec<String>,
}
