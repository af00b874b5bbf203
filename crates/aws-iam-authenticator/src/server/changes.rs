//! How long changes of the files that other programs write for this one take to arrive: `dynamic_e2e_latency_seconds`.

use super::metrics::Metrics;
use crate::Log;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One of those files.
pub(super) struct Changes {
    /// The Go program's word for it.
    kind: &'static str,
    metrics: Arc<Metrics>,
    /// Whether it was read before. What it says at the start was written at any time.
    seen: AtomicBool,
}

impl Changes {
    pub(super) fn new(kind: &'static str, metrics: &Arc<Metrics>) -> Self {
        Self { kind, metrics: metrics.clone(), seen: AtomicBool::new(false) }
    }

    /// A version of the file took effect; `last_updated` is when it was made, in Unix seconds.
    pub(super) fn took_effect(&self, version: Option<&str>, last_updated: Option<&str>, log: &Log) {
        if !self.seen.swap(true, Ordering::Relaxed) {
            return;
        }
        let made = last_updated.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?)));
        // A time to come, or none, says nothing.
        if let Some(latency) = made.and_then(|made| SystemTime::now().duration_since(made).ok()) {
            let latency = Duration::from_secs(latency.as_secs());
            self.metrics.observe_change(self.kind, latency);
            let (kind, version) = (self.kind.into(), version.unwrap_or_default().into());
            let fields = [("Latency", latency.as_secs().into()), ("Type", kind), ("Version", version)];
            log.info("logging latency metric", &fields);
        }
    }
}
