//! The metrics, in the names and labels of the Go program, for which dashboards exist; and some that it lacks.
//!
//! Every label value is one of a list that is known beforehand: no client can add one.

use super::protection::ProtectionMetrics;
use http::{HeaderMap, header};
use k8s_aws_auth::identity::{EndpointKind, StsEndpoint};
use k8s_aws_auth::sts::{ErrorClass, TransportFailure, VerifyError};
use k8s_aws_auth::{Event, Observer, Outcome, Why};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::Registry;
use std::sync::atomic::Ordering;
use std::time::Duration;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What every scraper reads, and the Go program answers to those that do not ask for another form.
const PLAIN_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Those of the Go client library, which the Go program uses.
const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Those of the Go program for how long changes of files take.
const END_TO_END_BUCKETS: [f64; 8] = [1.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Changed {
    r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the Go program's label")]
struct StsRegion {
    StsRegion: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the Go program's labels")]
struct StsResponse {
    ResponseCode: u16,
    StsRegion: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

pub(super) struct Metrics {
    registry: Registry,
    latency: Family<Result, Histogram, fn() -> Histogram>,
    sts_connection_failures: Family<StsRegion, Counter>,
    sts_responses: Family<StsResponse, Counter>,
    sts_throttling: Family<StsRegion, Counter>,
    decisions: Family<Reason, Counter>,
    identities_remembered: Counter,
    mapping_findings: Gauge,
    dynamic_file_failures: Counter,
    configmap_watch_failures: Counter,
    dynamic_file_enabled: Gauge,
    dynamic_file_only: Gauge,
    describe_instances_calls: Counter,
    end_to_end: Family<Changed, Histogram, fn() -> Histogram>,
    certificate_end: Gauge,
    connections: Gauge,
    connections_closed_for_room: Counter,
    protection: ProtectionMetrics,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("aws_iam_authenticator"),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            sts_connection_failures: Family::default(),
            sts_responses: Family::default(),
            sts_throttling: Family::default(),
            decisions: Family::default(),
            identities_remembered: Counter::default(),
            mapping_findings: Gauge::default(),
            dynamic_file_failures: Counter::default(),
            configmap_watch_failures: Counter::default(),
            dynamic_file_enabled: Gauge::default(),
            dynamic_file_only: Gauge::default(),
            describe_instances_calls: Counter::default(),
            end_to_end: Family::new_with_constructor(|| Histogram::new(END_TO_END_BUCKETS)),
            certificate_end: Gauge::default(),
            connections: Gauge::default(),
            connections_closed_for_room: Counter::default(),
            protection: ProtectionMetrics::default(),
        };
        let registry = &mut metrics.registry;
        metrics.protection.register(registry);
        // The library adds `_total` to the name of a counter.
        registry.register("authenticate_latency_seconds", "How long logins took", metrics.latency.clone());
        registry.register(
            "sts_connection_failures",
            "Calls to STS without an answer",
            metrics.sts_connection_failures.clone(),
        );
        registry.register("sts_responses", "Answers of STS by HTTP status", metrics.sts_responses.clone());
        registry.register("sts_throttling", "Answers of STS that throttle", metrics.sts_throttling.clone());
        registry.register("decisions", "Logins by the reason code of their decision", metrics.decisions.clone());
        registry.register(
            "identities_remembered",
            "Logins for which STS was not asked again",
            metrics.identities_remembered.clone(),
        );
        registry.register(
            "mapping_findings",
            "Entries of the mappings that are ignored or doubtful",
            metrics.mapping_findings.clone(),
        );
        registry.register(
            "dynamicfile_failures",
            "Versions of the dynamic file that cannot be read",
            metrics.dynamic_file_failures.clone(),
        );
        registry.register(
            "configmap_watch_failures",
            "Attempts to read or to watch the ConfigMap aws-auth that failed",
            metrics.configmap_watch_failures.clone(),
        );
        registry.register(
            "dynamic_file_enabled",
            "Whether the dynamic file is one of several backends",
            metrics.dynamic_file_enabled.clone(),
        );
        registry.register(
            "dynamic_file_only",
            "Whether the dynamic file is the only backend",
            metrics.dynamic_file_only.clone(),
        );
        registry.register(
            "ec2_describe_instances_calls",
            "Calls of DescribeInstances",
            metrics.describe_instances_calls.clone(),
        );
        registry.register(
            "dynamic_e2e_latency_seconds",
            "How long after a file was written its change took effect",
            metrics.end_to_end.clone(),
        );
        registry.register(
            "certificate_not_after_timestamp_seconds",
            "When the serving certificate ends, in Unix seconds",
            metrics.certificate_end.clone(),
        );
        registry.register("connections", "Connections to the webhook", metrics.connections.clone());
        registry.register(
            "connections_closed_for_room",
            "Connections of no use that were closed for others",
            metrics.connections_closed_for_room.clone(),
        );
        metrics
    }

    pub(super) fn set_mapping_findings(&self, findings: usize) {
        self.mapping_findings.set(i64::try_from(findings).unwrap_or(i64::MAX));
    }

    pub(super) fn set_dynamic_file(&self, enabled: bool, only: bool) {
        self.dynamic_file_enabled.set(enabled.into());
        self.dynamic_file_only.set(only.into());
    }

    pub(super) fn count_configmap_watch_failure(&self) {
        self.configmap_watch_failures.inc();
    }

    pub(super) fn count_dynamic_file_failure(&self) {
        self.dynamic_file_failures.inc();
    }

    /// A file of this kind (`dynamic_file`, `dynamic_backend_mode`) was made so long before it took effect.
    pub(super) fn observe_change(&self, kind: &'static str, latency: Duration) {
        self.end_to_end.get_or_create(&Changed { r#type: kind }).observe(latency.as_secs_f64());
    }

    /// When the serving certificate ends, in Unix seconds.
    pub(super) fn set_certificate_end(&self, at: i64) {
        self.certificate_end.set(at);
    }

    /// How many connections are open, and how many were closed to make room for others since the start.
    pub(super) fn set_connections(&self, (open, closed): (usize, u64)) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.connections_closed_for_room.inner().store(closed, Ordering::Relaxed);
    }

    /// All of them, with their content type: OpenMetrics for a scraper that asks for it, as Prometheus does.
    pub(super) fn render(&self, request: &HeaderMap) -> (&'static str, String) {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        let accepted = request.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        match accepted
            .flat_map(|value| value.split(','))
            .any(|kind| kind.trim().starts_with("application/openmetrics-text"))
        {
            true => (OPENMETRICS, text),
            false => (PLAIN_TEXT, plain_text(&text)),
        }
    }

    fn decided(&self, result: &'static str, reason: &'static str, took: Duration) {
        self.latency.get_or_create(&Result { result }).observe(took.as_secs_f64());
        self.decisions.get_or_create(&Reason { reason }).inc();
    }
}

impl Observer for Metrics {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::StsAnswered { endpoint, status, .. } => {
                let labels = StsResponse { ResponseCode: status, StsRegion: region(endpoint) };
                self.sts_responses.get_or_create(&labels).inc();
            }
            Event::StsFailed { endpoint, failure, .. } if failure != TransportFailure::NotAsked => {
                let labels = StsRegion { StsRegion: region(endpoint) };
                self.sts_connection_failures.get_or_create(&labels).inc();
            }
            Event::InstancesDescribed { .. } => {
                self.describe_instances_calls.inc();
            }
            Event::IdentityRemembered { .. } => {
                self.identities_remembered.inc();
            }
            Event::Malformed { reason, took, .. } => self.decided("malformed_request", reason, took),
            Event::StsThrottled { endpoint } => {
                let labels = StsRegion { StsRegion: region(endpoint) };
                self.sts_throttling.get_or_create(&labels).inc();
            }
            Event::Decided { outcome, took } => self.decided(result(outcome), outcome.reason(), took),
            other => self.protection.observe(other),
        }
    }
}

/// OpenMetrics in the older form, in which a counter's family is called as its samples.
fn plain_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let total = if kind == "counter" { "_total" } else { "" };
            text.push_str(&format!("# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}\n"));
        } else {
            // The bounds of buckets as the Go client library writes them: `1`, and not `1.0`.
            match line.split_once("le=\"").and_then(|(before, rest)| Some((before, rest.split_once(".0\"")?))) {
                Some((before, (bound, after))) if !bound.contains('"') => {
                    text.push_str(&format!("{before}le=\"{bound}\"{after}\n"));
                }
                _ => text.push_str(&format!("{line}\n")),
            }
        }
    }
    text
}

/// The Go program's word for where an endpoint is.
pub(super) fn region(endpoint: &StsEndpoint) -> String {
    match endpoint.kind() {
        EndpointKind::Global => "global".to_owned(),
        _ => endpoint.region().to_string(),
    }
}

/// The Go program's word for an outcome.
fn result(outcome: &Outcome) -> &'static str {
    let refused = match outcome {
        Outcome::Authenticated(_) => return "success",
        Outcome::Refused(refused) => refused,
    };
    match refused.why() {
        Why::Verify(VerifyError::Token(_)) | Why::Audience => "invalid_token",
        Why::Verify(error) => match error.class() {
            ErrorClass::Refused => "invalid_token",
            ErrorClass::Throttled => "sts_throttling",
            _ => "sts_error",
        },
        // The Go program's spelling, which dashboards have.
        _ => "uknown_user",
    }
}
