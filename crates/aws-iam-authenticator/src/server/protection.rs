//! `server.sts`: what protects STS, and callers from each other. Its settings, its metrics and its lines in the log.

use super::metrics::region;
use crate::config::Configuration;
use crate::{Failure, Level, Log};
use k8s_aws_auth::identity::{EndpointKind, Partition, Region, StsEndpoint};
use k8s_aws_auth::mapping::suggest::nearest;
use k8s_aws_auth::mapping::tree::{Field, Node, Tree};
use k8s_aws_auth::mapping::{Code, Finding};
use k8s_aws_auth::protect::{LaneLimits, Limits, Turn};
use k8s_aws_auth::sts::Policy;
use k8s_aws_auth::{Event, Observer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::Registry;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The keys under `server.sts`.
const KEYS: [&str; 12] = [
    "ownHost",
    "known",
    "unknown",
    "knownKeys",
    "knownKeySeconds",
    "breakerFailures",
    "breakerSeconds",
    "retries",
    "retryMilliseconds",
    "retryLongestMilliseconds",
    "budgetMilliseconds",
    "callMilliseconds",
];
/// The keys under `server.sts.known` and `server.sts.unknown`.
const LANE_KEYS: [&str; 4] = ["perSecond", "burst", "concurrency", "queue"];

/// More of anything would be no limit.
const MOST: u64 = 1_000_000;
/// In milliseconds. A review ends within 10 s, EC2 and the answer included.
const LONGEST_BUDGET: u64 = 9_000;

/// The limits as they are configured.
pub(super) fn limits(
    configuration: &Configuration,
    partition: Partition,
    regions: &[Region],
) -> Result<Limits, Failure> {
    for keys in [&["server", "sts"][..], &["server", "sts", "known"], &["server", "sts", "unknown"]] {
        if configuration.node(keys).is_some_and(|node| !node.is_null() && node.as_map().is_none()) {
            return Err(configuration.misfit(keys, "this has to be a map of limits"));
        }
    }
    let number = |key, default, range| number(configuration, &["server", "sts", key], default, range);
    let millis = |key, default: Duration, range| {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        number(key, default, range).map(Duration::from_millis)
    };
    let mut limits = Limits::default();
    // A region of another partition is refused where the policy is made.
    let policy = regions
        .iter()
        .fold(Policy::new(partition), |policy, region| policy.clone().with_region(region).unwrap_or(policy));
    limits.home = own_host(configuration, &policy)?;
    limits.known = lane(configuration, "known", limits.known)?;
    limits.unknown = lane(configuration, "unknown", limits.unknown)?;
    limits.known_keys = size(number("knownKeys", from_size(limits.known_keys), (0, MOST))?);
    limits.known_for = Duration::from_secs(number("knownKeySeconds", limits.known_for.as_secs(), (1, 7 * 24 * 3600))?);
    limits.breaker.failures = small(number("breakerFailures", limits.breaker.failures.into(), (0, MOST))?);
    limits.breaker.open_for =
        Duration::from_secs(number("breakerSeconds", limits.breaker.open_for.as_secs(), (1, 3600))?);
    limits.retry.retries = small(number("retries", limits.retry.retries.into(), (0, 10))?);
    limits.retry.first = millis("retryMilliseconds", limits.retry.first, (1, LONGEST_BUDGET))?;
    limits.retry.longest = millis("retryLongestMilliseconds", limits.retry.longest, (1, LONGEST_BUDGET))?;
    limits.budget = millis("budgetMilliseconds", limits.budget, (100, LONGEST_BUDGET))?;
    limits.call_time = millis("callMilliseconds", limits.call_time, (1, LONGEST_BUDGET))?;
    if limits.call_time > limits.budget {
        let problem = "a call cannot have more time than everything together (budgetMilliseconds)";
        return Err(configuration.misfit(&["server", "sts", "callMilliseconds"], problem));
    }
    Ok(limits)
}

fn lane(configuration: &Configuration, name: &str, defaults: LaneLimits) -> Result<LaneLimits, Failure> {
    let number = |key, default, range| number(configuration, &["server", "sts", name, key], default, range);
    Ok(LaneLimits {
        per_second: small(number("perSecond", defaults.per_second.into(), (0, MOST))?),
        burst: small(number("burst", defaults.burst.into(), (1, MOST))?),
        concurrency: size(number("concurrency", from_size(defaults.concurrency), (4, MOST))?),
        queue: size(number("queue", from_size(defaults.queue), (0, MOST))?),
    })
}

/// The host that half of each lane is kept for: as configured, else that of the region that the environment names.
fn own_host(configuration: &Configuration, policy: &Policy) -> Result<Option<StsEndpoint>, Failure> {
    const KEYS: &[&str] = &["server", "sts", "ownHost"];
    if let Some(host) = configuration.text(KEYS) {
        let endpoint = policy.endpoints().find(host).filter(|endpoint| endpoint.partition() == policy.partition());
        return match endpoint {
            Some(endpoint) => Ok(Some(endpoint.clone())),
            None => Err(configuration.misfit(KEYS, "not an STS host of this server's partition").with_remedy(
                "hosts look like sts.eu-west-1.amazonaws.com; new regions belong under server.stsRegions",
            )),
        };
    }
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| env::var(name).ok());
    let region = region.and_then(|region| Region::parse(&region).ok());
    let host = |region| StsEndpoint::in_partition(policy.partition(), &region, EndpointKind::Regional).ok();
    Ok(region.and_then(host).filter(|endpoint| policy.endpoints().find(endpoint.host()).is_some()))
}

fn number(
    configuration: &Configuration,
    keys: &[&str],
    default: u64,
    (least, most): (u64, u64),
) -> Result<u64, Failure> {
    match configuration.node(keys).filter(|node| !node.is_null()) {
        None => Ok(default),
        Some(node) => node.as_u64().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            configuration
                .misfit(keys, &format!("not a whole number from {least} to {most}"))
                .with_remedy(format!("remove the key to have the default, {default}"))
        }),
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn from_size(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The keys of the section that mean nothing.
pub(super) fn unknown_keys(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let section = |keys: &[&str]| tree.root().and_then(|root| root.path_ignore_case(keys)).and_then(Node::as_map);
    let sections: [(&[&str], &[&str]); 3] = [
        (&["server", "sts"], &KEYS),
        (&["server", "sts", "known"], &LANE_KEYS),
        (&["server", "sts", "unknown"], &LANE_KEYS),
    ];
    for (keys, known) in sections {
        let fields = section(keys).unwrap_or_default().iter();
        let odd = fields.filter(|field| !known.iter().any(|key| key.eq_ignore_ascii_case(&field.key)));
        findings.extend(odd.map(|field| unknown_key(field, known)));
    }
    findings
}

fn unknown_key(field: &Field, known: &[&str]) -> Finding {
    let hint = nearest(&field.key, known.iter().copied()).map(|key| format!("; did you mean `{key}`?"));
    Finding {
        severity: Code::UnknownKey.severity(),
        code: Code::UnknownKey,
        message: format!(
            "the key `{}` means nothing here and is ignored{}",
            field.key.escape_default(),
            hint.unwrap_or_default()
        ),
        list: None,
        index: None,
        object: None,
        span: Some(field.key_span),
        fix: None,
    }
}

/// Numbers by which the pauses before calls that are made again are spread. Nobody has to be unable to guess them.
pub(super) fn random() -> impl Fn() -> u64 + Send + Sync + 'static {
    let (state, drawn) = (RandomState::new(), AtomicU64::new(0));
    move || state.hash_one(drawn.fetch_add(1, Ordering::Relaxed))
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the Go program's label")]
struct TurnedAway {
    StsRegion: String,
    lane: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the Go program's label")]
struct Lane {
    StsRegion: String,
    lane: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the Go program's label")]
struct StsRegion {
    StsRegion: String,
}

/// What was protected from whom.
#[derive(Default)]
pub(super) struct ProtectionMetrics {
    turned_away: Family<TurnedAway, Counter>,
    retries: Family<StsRegion, Counter>,
    circuits_open: Family<Lane, Gauge>,
}

impl ProtectionMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("sts_turned_away", "Logins for which STS was not asked", self.turned_away.clone());
        registry.register("sts_retries", "Calls to STS that were made again", self.retries.clone());
        registry.register("sts_circuits_open", "STS hosts that are left alone", self.circuits_open.clone());
    }
}

impl Observer for ProtectionMetrics {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::StsTurnedAway { endpoint, lane, why } => {
                let labels = TurnedAway { StsRegion: region(endpoint), lane: lane.as_str(), reason: why.reason() };
                self.turned_away.get_or_create(&labels).inc();
            }
            Event::StsRetried { endpoint, .. } => {
                self.retries.get_or_create(&StsRegion { StsRegion: region(endpoint) }).inc();
            }
            Event::StsCircuit { endpoint, lane, turn } => {
                let gauge =
                    self.circuits_open.get_or_create(&Lane { StsRegion: region(endpoint), lane: lane.as_str() });
                match turn {
                    Turn::Opened => gauge.inc(),
                    Turn::Closed => gauge.dec(),
                };
            }
            _ => {}
        }
    }
}

/// Writes what somebody has to know: that a host is left alone, and that it is asked again.
pub(super) fn write(log: &Log, event: &Event<'_>) {
    match event {
        Event::StsCircuit { endpoint, lane, turn } => {
            let (level, message) = match turn {
                Turn::Opened => (Level::Warning, "STS fails and is left alone"),
                Turn::Closed => (Level::Info, "STS answers again"),
            };
            log.write(level, message, &[("lane", lane.as_str().into()), ("stsendpoint", endpoint.host().into())]);
        }
        Event::StsRetried { endpoint, retry } => {
            let fields = [("retry", u64::from(*retry).into()), ("stsendpoint", endpoint.host().into())];
            log.write(Level::Debug, "STS is asked again", &fields);
        }
        _ => {}
    }
}
