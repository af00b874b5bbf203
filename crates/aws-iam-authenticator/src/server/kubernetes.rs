//! The backends that an API server holds: `EKSConfigMap` and `CRD`. Each follows its objects in a task of its own, as long as
//! it is in the chain.

use super::mappings::{Mappings, report};
use super::metrics::Metrics;
use super::settings::Settings;
use crate::{Failure, Field, Level, Log};
use k8s_aws_auth::mapping::{BackendMode, Document, Finding};
use k8s_aws_auth_kube::{ApiServer, Source, Update, WriteFailure};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the findings of a backend are about; none for a backend that is a file.
pub(super) fn objects_of(mode: BackendMode) -> Option<&'static str> {
    match mode {
        BackendMode::EksConfigMap => Some("configmap/aws-auth"),
        BackendMode::Crd => Some("iamidentitymappings"),
        _ => None,
    }
}

/// Whether there is what it takes to ask an API server. Nothing is sent.
///
/// # Errors
/// If a backend of the chain needs one, and there is no kubeconfig that can be read and no service account of a pod.
pub(super) async fn check(settings: &Settings) -> Result<(), Failure> {
    let Some(mode) = settings.backend_modes.iter().find(|mode| objects_of(**mode).is_some()) else { return Ok(()) };
    settings.api_server.client().await.map(drop).map_err(|error| {
        Failure::new(format!("backend mode {mode}: {error}"))
            .with_remedy("use --kubeconfig, or run in a pod with a service account")
    })
}

/// Follows the chain of backends as it is switched.
pub(super) struct Kubernetes {
    server: ApiServer,
    mappings: Arc<Mappings>,
    metrics: Arc<Metrics>,
    log: Arc<Log>,
}

impl Kubernetes {
    pub(super) fn new(settings: &Settings, mappings: &Arc<Mappings>, metrics: &Arc<Metrics>, log: &Arc<Log>) -> Self {
        let server = settings.api_server.clone();
        Self { server, mappings: mappings.clone(), metrics: metrics.clone(), log: log.clone() }
    }

    /// Runs for ever.
    pub(super) async fn run(self, mut modes: watch::Receiver<Vec<BackendMode>>) {
        let mut following: Vec<(BackendMode, JoinSet<()>)> = Vec::new();
        loop {
            let wanted = modes.borrow_and_update().clone();
            for (mode, mut tasks) in following.extract_if(.., |(mode, _)| !wanted.contains(mode)) {
                // First its end, so that nothing is loaded any more. What is not followed is not known: when it is switched on
                // again, it is as on the first day.
                tasks.shutdown().await;
                self.mappings.forget(mode);
            }
            for mode in wanted.into_iter().filter(|mode| objects_of(*mode).is_some()) {
                if following.iter().all(|(followed, _)| *followed != mode) {
                    following.push((mode, self.follow(mode)));
                }
            }
            if modes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn follow(&self, mode: BackendMode) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let source = if mode == BackendMode::Crd {
            let (source, controller) = Source::identity_mappings(self.server.clone());
            let log = self.log.clone();
            tasks.spawn(controller.run(move |failure| not_written(&failure, &log)));
            source
        } else {
            Source::aws_auth(self.server.clone())
        };
        let (mappings, metrics, log) = (self.mappings.clone(), self.metrics.clone(), self.log.clone());
        let follower = Follower { mode, mappings, metrics, log, synced: false, reported: Vec::new() };
        tasks.spawn(follower.run(source));
        tasks
    }
}

/// One backend.
struct Follower {
    mode: BackendMode,
    mappings: Arc<Mappings>,
    metrics: Arc<Metrics>,
    log: Arc<Log>,
    synced: bool,
    /// The findings of the last document, which are not said again.
    reported: Vec<Finding>,
}

impl Follower {
    async fn run(mut self, mut source: Source) {
        loop {
            match source.next().await {
                Update::Mappings(document) => self.load(document, source.broken_objects()),
                Update::Recovered => self.log.info("the API server answers again", &[self.backend()]),
                Update::Failed { error, retry_in } => {
                    if self.mode == BackendMode::EksConfigMap {
                        self.metrics.count_configmap_watch_failure();
                    }
                    let message = match self.synced {
                        true => "the API server cannot be asked; its last mappings stay",
                        false => "the API server cannot be asked; its mappings are not known yet",
                    };
                    let retry = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                    let (error, reason) = (("error", error.to_string().into()), ("reason", error.reason().into()));
                    self.log.error(message, &[self.backend(), error, reason, ("retry_ms", retry.into())]);
                }
                _ => {}
            }
        }
    }

    fn load(&mut self, document: Document, broken: Vec<Finding>) {
        let objects = objects_of(self.mode).unwrap_or_default();
        // Of ten thousand objects one changes, and what is odd about the others was said.
        let same = |a: &Finding, b: &Finding| (a.code, &a.message, &a.object) == (b.code, &b.message, &b.object);
        let said = |finding: &Finding| self.reported.iter().any(|reported| same(reported, finding));
        let findings = || document.findings().iter().chain(&broken);
        report(findings().filter(|finding| !said(finding)), objects, &self.log);
        self.reported = findings().cloned().collect();
        let rules = u64::try_from(document.rules().count()).unwrap_or(u64::MAX);
        self.mappings.load(self.mode, document, broken);
        self.synced = true;
        self.log.info("loaded the mappings of the API server", &[self.backend(), ("rules", rules.into())]);
    }

    fn backend(&self) -> Field<'static> {
        ("backend", self.mode.as_str().into())
    }
}

fn not_written(failure: &WriteFailure, log: &Log) {
    let (level, message, name, error) = match failure {
        WriteFailure::Status { name, error } => (Level::Warning, "cannot write the status of a mapping", name, error),
        // Nobody's login depends on it, and the example RBAC rules of the Go program do not allow it.
        WriteFailure::Event { name, error } => (Level::Debug, "cannot write the event about a mapping", name, error),
        _ => return,
    };
    let fields = [("error", error.to_string().into()), ("name", name.as_str().into())];
    log.write(level, message, &fields);
}
