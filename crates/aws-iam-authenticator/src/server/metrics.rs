//! The metrics, in the names and labels of the Go program, for which dashboards exist; and some that it lacks.
//!
//! Every label value is one of a list that is known beforehand: no client can add one.

use k8s_aws_auth::identity::{EndpointKind, StsEndpoint};
use k8s_aws_auth::sts::{ErrorClass, TransportFailure, VerifyError};
use k8s_aws_auth::{Event, Observer, Outcome, Why};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::Registry;
use std::time::Duration;

/// The content type of what [`Metrics::render`] gives.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Those of the Go client library, which the Go program uses.
const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

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
    dynamic_file_enabled: Gauge,
    dynamic_file_only: Gauge,
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
            dynamic_file_enabled: Gauge::default(),
            dynamic_file_only: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        // The library adds `_total` to the name of a counter.
        registry.register("authenticate_latency_seconds", "How long logins took", metrics.latency.clone());
        registry.register(
            "sts_connection_failures",
            "Calls to STS without an answer",
            metrics.sts_connection_failures.clone(),
        );
        registry.register("sts_responses", "Answers of STS by HTTP status", metrics.sts_responses.clone());
        registry.register("sts_throttling", "Calls that STS throttled", metrics.sts_throttling.clone());
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
            "dynamic_file_enabled",
            "Whether the dynamic file is one of several backends",
            metrics.dynamic_file_enabled.clone(),
        );
        registry.register(
            "dynamic_file_only",
            "Whether the dynamic file is the only backend",
            metrics.dynamic_file_only.clone(),
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

    pub(super) fn count_dynamic_file_failure(&self) {
        self.dynamic_file_failures.inc();
    }

    /// All of them, as text.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
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
            Event::IdentityRemembered { .. } => {
                self.identities_remembered.inc();
            }
            Event::Malformed { reason, took, .. } => self.decided("malformed_request", reason, took),
            Event::StsThrottled { endpoint } => {
                let labels = StsRegion { StsRegion: region(endpoint) };
                self.sts_throttling.get_or_create(&labels).inc();
            }
            Event::Decided { outcome, took } => self.decided(result(outcome), outcome.reason(), took),
            _ => {}
        }
    }
}

/// The Go program's word for where an endpoint is.
fn region(endpoint: &StsEndpoint) -> String {
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
