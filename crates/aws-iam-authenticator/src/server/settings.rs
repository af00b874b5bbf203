//! The server's settings: flags over the `server` section of the configuration file over defaults.

use super::mappings;
use crate::Failure;
use crate::cli::ServerArgs;
use crate::config::Configuration;
use k8s_aws_auth::identity::{AccountId, ClusterId, Partition, Region};
use k8s_aws_auth::mapping::{BackendMode, parse_modes};
use k8s_aws_auth::tokenreview::Audiences;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(super) struct Settings {
    pub(super) cluster_id: ClusterId,
    pub(super) partition: Partition,
    pub(super) address: String,
    pub(super) hostname: String,
    pub(super) port: u16,
    /// Where plain `GET /healthz` is answered.
    pub(super) health_address: HealthAddress,
    pub(super) state_dir: PathBuf,
    pub(super) generate_kubeconfig: PathBuf,
    pub(super) kubeconfig_pregenerated: bool,
    pub(super) scrubbed_accounts: Vec<AccountId>,
    pub(super) audiences: Audiences,
    /// The chain of backends.
    pub(super) backend_modes: Vec<BackendMode>,
    /// The file of the backend `DynamicFile`.
    pub(super) dynamic_file: Option<PathBuf>,
    /// Whether entries of the dynamic file are found by user id.
    pub(super) strict_user_ids: bool,
    /// The file that switches the chain of backends at run time.
    pub(super) backend_mode_file: Option<PathBuf>,
    /// Regions newer than this build whose STS endpoints are accepted too.
    pub(super) regions: Vec<Region>,
    /// How long STS is not asked again about a token that it vouched for.
    pub(super) identity_cache_ttl: Duration,
}

impl Settings {
    pub(super) fn gather(arguments: &ServerArgs, configuration: &Configuration) -> Result<Self, Failure> {
        let text = |flag: &Option<String>, key: &str, default: &str| {
            flag.as_deref().or_else(|| configuration.text(&["server", key])).unwrap_or(default).to_owned()
        };
        let path = |flag: &Option<PathBuf>, key: &str, default: &str| {
            let configured = || configuration.text(&["server", key]).map(PathBuf::from);
            flag.clone().or_else(configured).unwrap_or_else(|| default.into())
        };
        let backend_modes = backend_modes(arguments, configuration)?;
        Ok(Self {
            dynamic_file: dynamic_file(configuration, &backend_modes)?,
            strict_user_ids: boolean(configuration, "dynamicfileUserIDStrict")?,
            backend_mode_file: configuration.text(&["server", "dynamicBackendModePath"]).map(PathBuf::from),
            backend_modes,
            cluster_id: configuration.cluster_id()?,
            partition: Partition::parse(&text(&arguments.partition, "partition", "aws")).map_err(Failure::new)?,
            address: text(&arguments.address, "address", "127.0.0.1"),
            hostname: text(&None, "hostname", "localhost"),
            port: port(arguments, configuration)?,
            health_address: health_address(configuration)?,
            state_dir: path(&arguments.state_dir, "stateDir", "/var/aws-iam-authenticator"),
            generate_kubeconfig: path(
                &arguments.generate_kubeconfig,
                "generateKubeconfig",
                "/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml",
            ),
            kubeconfig_pregenerated: match arguments.kubeconfig_pregenerated {
                Some(flag) => flag,
                None => boolean(configuration, "kubeconfigPregenerated")?,
            },
            scrubbed_accounts: scrubbed_accounts(configuration)?,
            audiences: Audiences::new(configuration.texts(&["server", "audiences"])),
            regions: regions(configuration)?,
            identity_cache_ttl: identity_cache_ttl(configuration)?,
        })
    }

    /// Where API servers reach the webhook.
    pub(super) fn url(&self, port: u16) -> String {
        match self.hostname.contains(':') {
            true => format!("https://[{}]:{port}/authenticate", self.hostname),
            false => format!("https://{}:{port}/authenticate", self.hostname),
        }
    }
}

fn port(arguments: &ServerArgs, configuration: &Configuration) -> Result<u16, Failure> {
    const KEYS: &[&str] = &["server", "port"];
    match (arguments.port, configuration.node(KEYS)) {
        (Some(flag), _) => Ok(flag),
        (None, None) => Ok(21362),
        (None, Some(node)) => node
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| configuration.misfit(KEYS, "not a port number")),
    }
}

/// Where the plain health port listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HealthAddress {
    /// Port 21363 of every interface, where the Go program has it and kubelets' probes look for it.
    Everywhere,
    /// Somewhere narrower: `healthAddress` in the configuration.
    At(SocketAddr),
}

fn health_address(configuration: &Configuration) -> Result<HealthAddress, Failure> {
    const KEYS: &[&str] = &["server", "healthAddress"];
    match configuration.text(KEYS) {
        None => Ok(HealthAddress::Everywhere),
        Some(text) => text
            .parse()
            .map(HealthAddress::At)
            .map_err(|_| configuration.misfit(KEYS, "not an address and port, such as 127.0.0.1:21363")),
    }
}

fn regions(configuration: &Configuration) -> Result<Vec<Region>, Failure> {
    const KEYS: &[&str] = &["server", "stsRegions"];
    let parse = |name: &String| Region::parse(name).map_err(|error| configuration.misfit(KEYS, &error.to_string()));
    configuration.texts(KEYS).iter().map(parse).collect()
}

fn identity_cache_ttl(configuration: &Configuration) -> Result<Duration, Failure> {
    const KEYS: &[&str] = &["server", "identityCacheSeconds"];
    match configuration.node(KEYS).filter(|node| !node.is_null()) {
        None => Ok(Duration::from_secs(60)),
        Some(node) => node
            .as_u64()
            .map(Duration::from_secs)
            .ok_or_else(|| configuration.misfit(KEYS, "not a whole number of seconds; 0 switches the cache off")),
    }
}

fn boolean(configuration: &Configuration, key: &str) -> Result<bool, Failure> {
    let keys = ["server", key];
    match configuration.node(&keys).filter(|node| !node.is_null()) {
        None => Ok(false),
        Some(node) => node.as_bool().ok_or_else(|| configuration.misfit(&keys, "neither true nor false")),
    }
}

fn scrubbed_accounts(configuration: &Configuration) -> Result<Vec<AccountId>, Failure> {
    const KEYS: &[&str] = &["server", "scrubbedAccounts"];
    let accounts = configuration.texts(KEYS);
    let parse =
        |account: &String| AccountId::parse(account).map_err(|error| configuration.misfit(KEYS, &error.to_string()));
    accounts.iter().map(parse).collect()
}

/// The chain of backends, in the order in which they are asked.
fn backend_modes(arguments: &ServerArgs, configuration: &Configuration) -> Result<Vec<BackendMode>, Failure> {
    let mut modes = match arguments.backend_mode.is_empty() {
        true => configuration.texts(&["server", "backendMode"]),
        false => arguments.backend_mode.clone(),
    };
    if modes.is_empty() {
        modes.push(BackendMode::MountedFile.to_string());
    }
    let modes = parse_modes(modes.iter().map(|mode| mode.trim())).map_err(Failure::new)?;
    match modes.iter().find(|mode| !mappings::available(**mode)) {
        None => Ok(modes),
        Some(mode) => Err(Failure::new(format!("backend mode {mode} is not available in this version"))
            .with_remedy("use --backend-mode MountedFile, with mapRoles and mapUsers in the configuration file")),
    }
}

/// The file of the backend `DynamicFile`: the one is of no use without the other.
fn dynamic_file(configuration: &Configuration, modes: &[BackendMode]) -> Result<Option<PathBuf>, Failure> {
    let path = configuration.text(&["server", "dynamicfilepath"]).map(PathBuf::from);
    match (modes.contains(&BackendMode::DynamicFile), path) {
        (true, None) => Err(Failure::new("the backend DynamicFile has no file")
            .with_remedy("set server.dynamicfilepath in the configuration file")),
        (false, Some(_)) => Err(Failure::new("server.dynamicfilepath is set, but DynamicFile is no backend")
            .with_remedy("add DynamicFile to --backend-mode, or remove dynamicfilepath")),
        (_, path) => Ok(path),
    }
}
