//! The private DNS names of EC2 instances, for mappings with `{{EC2PrivateDNSName}}`.

use super::metrics::Metrics;
use super::region;
use crate::cli::ServerArgs;
use crate::config::Configuration;
use crate::{Failure, Level, Log, transport};
use k8s_aws_auth::ec2::{Ec2Endpoint, EndpointKind, InstanceId, LookupLimits};
use k8s_aws_auth::identity::{AccountId, Arn, EndpointKind as StsEndpointKind, Partition};
use k8s_aws_auth::{Event, LookupFailure, Observer};
use k8s_aws_auth_credentials::{AssumeRole, Found, Sources};
use k8s_aws_auth_hyper::{HttpsTransport, StreamingTransport};
use k8s_aws_auth_tower::{InstanceFuture, InstanceLookup, Instances};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// How EC2 is asked: flags over the configuration over the Go program's defaults.
#[derive(Clone, Debug)]
pub(super) struct Ec2Settings {
    limits: LookupLimits,
    role: Option<AssumeRole>,
    role_arn: Option<String>,
}

impl Ec2Settings {
    pub(super) fn gather(arguments: &ServerArgs, configuration: &Configuration) -> Result<Self, Failure> {
        let mut limits = LookupLimits::default();
        let (qps, burst) = (arguments.ec2_describe_instances_qps, arguments.ec2_describe_instances_burst);
        limits.calls_per_second = number(configuration, qps, "ec2DescribeInstancesQps", limits.calls_per_second)?;
        limits.burst = number(configuration, burst, "ec2DescribeInstancesBurst", limits.burst)?;
        let role_arn = role_arn(configuration)?;
        let role = match (&role_arn, source_arn(configuration)?) {
            (Some(role), Some(source)) => Some(AssumeRole::new(role).source_arn(source)),
            (Some(role), None) => Some(AssumeRole::new(role)),
            (None, _) => None,
        };
        Ok(Self { limits, role, role_arn })
    }
}

fn number(configuration: &Configuration, flag: Option<u32>, key: &str, default: u32) -> Result<u32, Failure> {
    let keys = ["server", key];
    match (flag, configuration.node(&keys).filter(|node| !node.is_null())) {
        (Some(flag), _) => Ok(flag),
        (None, None) => Ok(default),
        (None, Some(node)) => node.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| {
            configuration
                .misfit(&keys, "not a number of calls")
                .with_remedy(format!("remove the key to have the default, {default}"))
        }),
    }
}

fn role_arn(configuration: &Configuration) -> Result<Option<String>, Failure> {
    const KEYS: &[&str] = &["server", "ec2DescribeInstancesRoleARN"];
    match configuration.text(KEYS) {
        Some(text) if Arn::parse(text).is_err() => Err(configuration
            .misfit(KEYS, "not the ARN of a role")
            .with_remedy("a role is named by its ARN: arn:aws:iam::ACCOUNT:role/NAME")),
        text => Ok(text.map(str::to_owned)),
    }
}

/// Any resource may be the source; what is sent of it besides is its account.
fn source_arn(configuration: &Configuration) -> Result<Option<&str>, Failure> {
    const KEYS: &[&str] = &["server", "sourceARN"];
    let has_account = |arn: &str| {
        let mut parts = arn.split(':');
        parts.next() == Some("arn") && parts.nth(3).is_some_and(|account| AccountId::parse(account).is_ok())
    };
    match configuration.text(KEYS) {
        Some(text) if !has_account(text) => Err(configuration
            .misfit(KEYS, "not an ARN with an account")
            .with_remedy("an ARN with an account looks like arn:aws:eks:REGION:ACCOUNT:cluster/NAME")),
        text => Ok(text),
    }
}

/// Looks names of instances up. Nothing of it is there before the first mapping asks: neither credentials nor a region are looked
/// for, and no worker waits.
pub(super) struct Ec2Names {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Ec2Settings,
    partition: Partition,
    transport: StreamingTransport,
    observer: Arc<Ec2Observer>,
    instances: OnceCell<Instances>,
}

impl Ec2Names {
    pub(super) fn new(
        settings: &Ec2Settings,
        partition: Partition,
        transport: &HttpsTransport,
        metrics: Arc<Metrics>,
        log: Arc<Log>,
    ) -> Self {
        let observer = Arc::new(Ec2Observer { log, metrics });
        let (settings, transport) = (settings.clone(), transport.streaming());
        Self { shared: Arc::new(Shared { settings, partition, transport, observer, instances: OnceCell::new() }) }
    }
}

impl InstanceLookup for Ec2Names {
    fn look_up(&self, id: &InstanceId, within: Duration) -> InstanceFuture {
        let (shared, id, asked) = (self.shared.clone(), id.clone(), Instant::now());
        Box::pin(async move {
            // Where the first one gives up, the next one of those who wait goes on.
            let starting = shared.instances.get_or_try_init(|| shared.start());
            let instances = tokio::time::timeout(within, starting).await.map_err(|_| LookupFailure::Unavailable)??;
            instances.look_up(&id, within.saturating_sub(asked.elapsed())).await
        })
    }
}

impl Shared {
    async fn start(&self) -> Result<Instances, LookupFailure> {
        let log = &self.observer.log;
        let sources = Sources::new(transport::for_credentials);
        // It may be known by the instance's own word, though the credentials are not the instance's.
        let sources = match region::of_this_server().await {
            Some(region) => sources.region(region),
            None => sources,
        };
        let found = sources.load().await.map_err(|error| {
            log.error("no credentials to ask EC2 with", &[("error", error.to_string().into())]);
            LookupFailure::Unauthorized
        })?;
        let endpoint = Ec2Endpoint::new(self.partition, &found.region(), kind(&found)).map_err(|error| {
            log.error("no region to ask EC2 in", &[("error", error.to_string().into())]);
            LookupFailure::NotConfigured
        })?;
        if let Some(role) = &self.settings.role_arn {
            log.info("Using assumed role for EC2 API", &[("roleARN", role.as_str().into())]);
        }
        log.info("names of instances are looked up", &[("host", endpoint.host().into())]);
        let sources = match &self.settings.role {
            Some(role) => sources.role(role.clone()),
            None => sources,
        };
        let (instances, worker) =
            Instances::builder(self.transport.clone(), endpoint, sources.into_provider(), tokio::time::sleep)
                .limits(self.settings.limits.clone())
                .observer(self.observer.clone())
                .build();
        tokio::spawn(worker);
        Ok(instances)
    }
}

/// The environment's choice of endpoints, as it is for STS.
fn kind(found: &Found) -> EndpointKind {
    match found.endpoint().map(|endpoint| endpoint.kind()) {
        Ok(StsEndpointKind::Fips) => EndpointKind::Fips,
        Ok(StsEndpointKind::DualStack) => EndpointKind::DualStack,
        Ok(StsEndpointKind::FipsDualStack) => EndpointKind::FipsDualStack,
        _ => EndpointKind::Regional,
    }
}

/// Counts the calls, and writes what came of them.
struct Ec2Observer {
    log: Arc<Log>,
    metrics: Arc<Metrics>,
}

impl Observer for Ec2Observer {
    fn observe(&self, event: Event<'_>) {
        self.metrics.observe(event);
        match event {
            Event::InstancesDescribed { endpoint, instances, failure, took } => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                let mut fields = vec![
                    ("host", endpoint.host().into()),
                    ("instances", u64::try_from(instances).unwrap_or(u64::MAX).into()),
                    ("duration_us", micros.into()),
                ];
                match failure {
                    None => self.log.write(Level::Debug, "EC2 described instances", &fields),
                    Some(error) => {
                        fields.extend([("error", error.to_string().into()), ("reason", error.reason().into())]);
                        self.log.write(Level::Warning, "EC2 did not describe instances", &fields);
                    }
                }
            }
            Event::CredentialsMissing { error } => {
                self.log.error("no credentials to ask EC2 with", &[("error", causes(error).into())]);
            }
            _ => {}
        }
    }
}

/// The innermost messages say what happened.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
