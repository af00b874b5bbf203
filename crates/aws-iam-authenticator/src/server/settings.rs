//! The server's settings: flags over the `server` section of the configuration file over defaults.

use super::clusters;
use super::instances::Ec2Settings;
use super::protection;
use crate::Failure;
use crate::cli::ServerArgs;
use crate::config::Configuration;
use k8s_aws_auth::identity::{AccountId, ClusterId, Partition, Region};
use k8s_aws_auth::mapping::{BackendMode, parse_modes};
use k8s_aws_auth::protect::Limits;
use k8s_aws_auth::tokenreview::Audiences;
use k8s_aws_auth_kube::ApiServer;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(super) struct Settings {
    /// The clusters, the first of them under `/authenticate`.
    pub(super) clusters: Vec<ClusterId>,
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
    /// Where the backends EKSConfigMap and CRD are.
    pub(super) api_server: ApiServer,
    /// Regions newer than this build whose STS endpoints are accepted too.
    pub(super) regions: Vec<Region>,
    /// How long STS is not asked again about a token that it vouched for.
    pub(super) identity_cache_ttl: Duration,
    /// What protects STS, and callers from each other.
    pub(super) sts: Limits,
    /// How EC2 is asked.
    pub(super) ec2: Ec2Settings,
    /// The most connections to the webhook at a time.
    pub(super) max_connections: usize,
    /// What works, and is better written otherwise.
    pub(super) warnings: Vec<String>,
}

impl Settings {
    pub(super) fn gather(arguments: &ServerArgs, configuration: &Configuration) -> Result<Self, Failure> {
        SHAPES.iter().try_for_each(|(key, list)| configuration.expect(&["server", key], *list))?;
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
            clusters: clusters(configuration)?,
            partition: partition(arguments, configuration)?,
            address: text(&arguments.address, "address", "127.0.0.1"),
            hostname: text(&None, "hostname", "localhost"),
            port: port(arguments, configuration)?,
            health_address: health_address(configuration)?,
            state_dir: path(&arguments.state_dir, "stateDir", configuration.program.state_dir),
            generate_kubeconfig: path(
                &arguments.generate_kubeconfig,
                "generateKubeconfig",
                configuration.program.generate_kubeconfig,
            ),
            kubeconfig_pregenerated: match arguments.kubeconfig_pregenerated {
                Some(flag) => flag,
                None => boolean(configuration, "kubeconfigPregenerated")?,
            },
            scrubbed_accounts: scrubbed_accounts(configuration)?,
            audiences: Audiences::new(configuration.texts(&["server", "audiences"])),
            api_server: api_server(arguments, configuration),
            regions: regions(configuration)?,
            identity_cache_ttl: identity_cache_ttl(configuration)?,
            sts: protection::limits(configuration, partition(arguments, configuration)?, &regions(configuration)?)?,
            ec2: Ec2Settings::gather(arguments, configuration)?,
            max_connections: max_connections(configuration)?,
            warnings: deprecated_modes(&mode_names(arguments, configuration)),
        })
    }

    /// Where the API servers of a cluster reach the webhook.
    pub(super) fn url(&self, port: u16, position: usize, cluster: &ClusterId) -> String {
        let path = clusters::url_path(position, cluster);
        match self.hostname.contains(':') {
            true => format!("https://[{}]:{port}{path}", self.hostname),
            false => format!("https://{}:{port}{path}", self.hostname),
        }
    }

    /// The webhook kubeconfigs: of each cluster one, and the URL in it.
    pub(super) fn kubeconfigs(&self, port: u16) -> impl Iterator<Item = (PathBuf, String)> + '_ {
        let clusters = self.clusters.iter().enumerate();
        clusters.map(move |(position, cluster)| {
            let path = clusters::kubeconfig(&self.generate_kubeconfig, position, cluster);
            (path, self.url(port, position, cluster))
        })
    }
}

/// The keys of single values, and those of lists. What is wrong with the others, the mappings say.
const SHAPES: &[(&str, bool)] = &[
    ("partition", false),
    ("port", false),
    ("address", false),
    ("hostname", false),
    ("stateDir", false),
    ("generateKubeconfig", false),
    ("kubeconfigPregenerated", false),
    ("kubeconfig", false),
    ("master", false),
    ("backendMode", true),
    ("ec2DescribeInstancesRoleARN", false),
    ("sourceARN", false),
    ("ec2DescribeInstancesQps", false),
    ("ec2DescribeInstancesBurst", false),
    ("scrubbedAccounts", true),
    ("dynamicfilepath", false),
    ("dynamicfileUserIDStrict", false),
    ("dynamicBackendModePath", false),
    ("audiences", true),
    ("healthAddress", false),
    ("identityCacheSeconds", false),
    ("maxConnections", false),
    ("stsRegions", true),
];

fn clusters(configuration: &Configuration) -> Result<Vec<ClusterId>, Failure> {
    configuration.expect(&["clusterID"], false)?;
    configuration.expect(&["clusterIDs"], true)?;
    let ids = configuration.cluster_ids()?;
    clusters::check(&ids)?;
    Ok(ids)
}

fn partition(arguments: &ServerArgs, configuration: &Configuration) -> Result<Partition, Failure> {
    const KEYS: &[&str] = &["server", "partition"];
    let remedy = || format!("partitions: {}", Partition::ALL.map(|partition| partition.as_str()).join(", "));
    match (&arguments.partition, configuration.text(KEYS)) {
        (Some(flag), _) => {
            Partition::parse(flag).map_err(|error| Failure::new(format!("--partition: {error}")).with_remedy(remedy()))
        }
        (None, Some(text)) => {
            Partition::parse(text).map_err(|error| configuration.misfit(KEYS, &error.to_string()).with_remedy(remedy()))
        }
        (None, None) => Ok(Partition::Aws),
    }
}

/// So many that the connections of the busiest cluster's API servers fit several times, and so few that all of them together take
/// some 6 MiB (`docs/operations.md`, "Memory").
const MAX_CONNECTIONS: usize = 128;

fn max_connections(configuration: &Configuration) -> Result<usize, Failure> {
    const KEYS: &[&str] = &["server", "maxConnections"];
    match configuration.node(KEYS).filter(|node| !node.is_null()) {
        None => Ok(MAX_CONNECTIONS),
        Some(node) => node.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(|| {
            configuration
                .misfit(KEYS, "not a number of connections from 1 on")
                .with_remedy(format!("remove the key to have the default, {MAX_CONNECTIONS}"))
        }),
    }
}

fn port(arguments: &ServerArgs, configuration: &Configuration) -> Result<u16, Failure> {
    const KEYS: &[&str] = &["server", "port"];
    match (arguments.port, configuration.node(KEYS).filter(|node| !node.is_null())) {
        (Some(flag), _) => Ok(flag),
        (None, None) => Ok(21362),
        (None, Some(node)) => node
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| configuration.misfit(KEYS, "not a port number").with_remedy("ports go up to 65535")),
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
            .map_err(|_| configuration.misfit(KEYS, "not an address and port").with_remedy("such as 127.0.0.1:21363")),
    }
}

fn regions(configuration: &Configuration) -> Result<Vec<Region>, Failure> {
    const KEYS: &[&str] = &["server", "stsRegions"];
    let parse = |name: &String| {
        Region::parse(name).map_err(|error| {
            configuration.misfit(KEYS, &error.to_string()).with_remedy("name regions as AWS does, such as eu-central-1")
        })
    };
    configuration.texts(KEYS).iter().map(parse).collect()
}

fn identity_cache_ttl(configuration: &Configuration) -> Result<Duration, Failure> {
    const KEYS: &[&str] = &["server", "identityCacheSeconds"];
    match configuration.node(KEYS).filter(|node| !node.is_null()) {
        None => Ok(Duration::from_secs(60)),
        Some(node) => node.as_u64().map(Duration::from_secs).ok_or_else(|| {
            let misfit = configuration.misfit(KEYS, "not a whole number of seconds");
            misfit.with_remedy("0 switches the cache off, without the key it is 60")
        }),
    }
}

fn boolean(configuration: &Configuration, key: &str) -> Result<bool, Failure> {
    let keys = ["server", key];
    match configuration.node(&keys).filter(|node| !node.is_null()) {
        None => Ok(false),
        Some(node) => node.as_bool().ok_or_else(|| {
            configuration
                .misfit(&keys, "neither true nor false")
                .with_remedy("write true or false; without the key it is false")
        }),
    }
}

fn scrubbed_accounts(configuration: &Configuration) -> Result<Vec<AccountId>, Failure> {
    const KEYS: &[&str] = &["server", "scrubbedAccounts"];
    let accounts = configuration.texts(KEYS);
    let parse = |account: &String| {
        AccountId::parse(account).map_err(|error| {
            configuration
                .misfit(KEYS, &error.to_string())
                .with_remedy("quote account ids, as other tools drop leading zeros")
        })
    };
    accounts.iter().map(parse).collect()
}

/// The names of the backends as they are written, in the order in which they are asked.
fn mode_names(arguments: &ServerArgs, configuration: &Configuration) -> Vec<String> {
    let names = match arguments.backend_mode.is_empty() {
        true => configuration.texts(&["server", "backendMode"]),
        false => arguments.backend_mode.iter().map(|name| name.trim().to_owned()).collect(),
    };
    if names.is_empty() { vec![BackendMode::MountedFile.to_string()] } else { names }
}

fn backend_modes(arguments: &ServerArgs, configuration: &Configuration) -> Result<Vec<BackendMode>, Failure> {
    const KEYS: &[&str] = &["server", "backendMode"];
    let refused = |problem: String| match arguments.backend_mode.is_empty() {
        true => configuration.misfit(KEYS, &problem),
        false => Failure::new(format!("--backend-mode: {problem}")),
    };
    let modes = parse_modes(mode_names(arguments, configuration).iter().map(String::as_str)).map_err(|error| {
        let modes = BackendMode::ALL.map(BackendMode::as_str).join(", ");
        refused(error.to_string()).with_remedy(format!("backend modes, each once at most: {modes}"))
    })?;
    Ok(modes)
}

/// Of what is not said, the Go program takes the service account of the pod, and never the kubeconfig of whoever starts it.
fn api_server(arguments: &ServerArgs, configuration: &Configuration) -> ApiServer {
    let text = |key: &str| configuration.text(&["server", key]);
    let kubeconfig = arguments.kubeconfig.clone().or_else(|| text("kubeconfig").map(PathBuf::from));
    let master = arguments.master.clone().or_else(|| text("master").map(str::to_owned));
    ApiServer {
        kubeconfig: kubeconfig.filter(|path| !path.as_os_str().is_empty()),
        master: master.filter(|url| !url.is_empty()),
        context: None,
        in_cluster: true,
    }
}

fn deprecated_modes(names: &[String]) -> Vec<String> {
    let deprecated = names.iter().filter_map(|name| Some((name, BackendMode::replacement(name)?)));
    deprecated.map(|(name, now)| format!("backend mode {name} is an old name; use {now} instead")).collect()
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
