//! The mappings that are in force, and how they are replaced.

use super::metrics::Metrics;
use crate::{Level, Log};
use k8s_aws_auth::mapping::{Backend, BackendMode, Finding, Options, ServerConfig, Severity, Snapshot};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The mappings as they are now. Readers get a snapshot, which stays as it is; a change replaces the whole.
pub(super) struct Mappings {
    sso_role_match: bool,
    /// What the configuration file last said, for the lists that a newer version of it garbles.
    last: Mutex<ServerConfig>,
    current: RwLock<Snapshot>,
    metrics: Arc<Metrics>,
}

impl Mappings {
    /// The mappings of a configuration file. What is odd about them goes to the log.
    pub(super) fn new(
        config: ServerConfig,
        sso_role_match: bool,
        metrics: Arc<Metrics>,
        path: &str,
        log: &Log,
    ) -> Self {
        let current = RwLock::new(snapshot(&config, sso_role_match));
        let mappings = Self { sso_role_match, last: Mutex::new(config), current, metrics };
        mappings.report(path, log);
        mappings
    }

    /// As they are now.
    pub(super) fn snapshot(&self) -> Snapshot {
        // A snapshot is replaced in one step: there is no half of one to see, whatever panicked.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what the configuration file says now: entry by entry, and of lists that cannot be read the last good ones.
    pub(super) fn load(&self, text: &str, path: &str, log: &Log) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = ServerConfig::parse(text).keeping(&last);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot(&last, self.sso_role_match);
        drop(last);
        self.report(path, log);
    }

    fn report(&self, path: &str, log: &Log) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let findings: Vec<&Finding> = last.document.findings().iter().chain(&last.findings).collect();
        self.metrics.set_mapping_findings(findings.len());
        for finding in findings {
            write(log, path, finding);
        }
    }
}

fn snapshot(config: &ServerConfig, sso_role_match: bool) -> Snapshot {
    let options = Options { sso_role_match, reserved: config.reserved.clone() };
    Snapshot::new([Backend::synced(BackendMode::MountedFile, config.document.clone())], options)
}

fn write(log: &Log, path: &str, finding: &Finding) {
    let level = match finding.severity {
        Severity::Hint => Level::Debug,
        Severity::Warning => Level::Warning,
        _ => Level::Error,
    };
    let at = finding.span.map(|span| span.start).unwrap_or_default();
    let fields = [
        ("code", finding.code.as_str().into()),
        ("column", u64::from(at.column).into()),
        ("file", path.into()),
        ("line", u64::from(at.line).into()),
    ];
    log.write(level, &finding.message, &fields);
}
