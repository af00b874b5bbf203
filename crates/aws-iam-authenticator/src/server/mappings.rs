//! The mappings that are in force, and how they are replaced.

use super::changes::Changes;
use super::metrics::Metrics;
use crate::{Failure, Level, Log};
use k8s_aws_auth::mapping::{
    BackendMode, BackendModeFile, Document, DynamicFile, Engine, Finding, Options, ServerConfig, Severity, Snapshot,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;

/// The mappings as they are now. Readers get a snapshot, which stays as it is; a change replaces the whole.
pub(super) struct Mappings {
    sso_role_match: bool,
    strict_user_ids: bool,
    /// The chain of backends as it is configured.
    configured: Vec<BackendMode>,
    state: Mutex<State>,
    current: RwLock<Snapshot>,
    metrics: Arc<Metrics>,
    dynamic_file: Changes,
    backend_modes: Changes,
    /// Tells the chain of backends as it is switched.
    chain: watch::Sender<Vec<BackendMode>>,
}

struct State {
    engine: Engine,
    /// What the configuration file last said, for what a newer version of it garbles.
    config: ServerConfig,
    modes: Vec<BackendMode>,
    /// What is wrong with objects of the API server that cannot be read.
    broken: Arc<[(BackendMode, Finding)]>,
}

impl Mappings {
    /// The mappings of a configuration file; other backends have not told theirs yet.
    pub(super) fn new(
        config: ServerConfig,
        configured: Vec<BackendMode>,
        (sso_role_match, strict_user_ids): (bool, bool),
        metrics: Arc<Metrics>,
    ) -> Self {
        let mut engine = Engine::new(configured.clone(), options(&config, sso_role_match));
        engine.load(BackendMode::MountedFile, config.document.clone());
        let current = RwLock::new(engine.snapshot());
        let state = Mutex::new(State { engine, config, modes: configured.clone(), broken: Arc::default() });
        let chain = watch::Sender::new(configured.clone());
        let dynamic_file = Changes::new("dynamic_file", &metrics);
        let backend_modes = Changes::new("dynamic_backend_mode", &metrics);
        let mappings = Self {
            sso_role_match,
            strict_user_ids,
            configured,
            state,
            current,
            metrics,
            dynamic_file,
            backend_modes,
            chain,
        };
        mappings.publish(&mappings.state());
        mappings
    }

    /// As they are now.
    pub(super) fn snapshot(&self) -> Snapshot {
        // A snapshot is replaced in one step: there is no half of one to see, whatever panicked.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is odd about the configuration file goes to the log. Gives how many entries are ignored.
    pub(super) fn report_config(&self, path: &str, log: &Log) -> usize {
        let state = self.state();
        report(state.config.document.findings().iter().chain(&state.config.findings), path, log)
    }

    /// Takes over what the configuration file says now: entry by entry, and of lists that cannot be read the last good ones.
    pub(super) fn load_config(&self, text: &str, path: &str, log: &Log) {
        let mut state = self.state();
        state.config = ServerConfig::parse(text).keeping(&state.config);
        let (options, document) = (options(&state.config, self.sso_role_match), state.config.document.clone());
        state.engine.set_options(options);
        state.engine.load(BackendMode::MountedFile, document);
        self.publish(&state);
        drop(state);
        self.report_config(path, log);
    }

    /// Takes over what the dynamic file says now; a file that was deleted maps nobody. Gives how many entries are ignored.
    pub(super) fn load_dynamic_file(&self, text: Option<&str>, path: &str, log: &Log) -> usize {
        let mut ignored = 0;
        let file = text.map(|text| DynamicFile::parse(text, self.strict_user_ids));
        if let Some(file) = &file {
            ignored = report(file.document.findings().iter(), path, log);
            if file.document.unreadable_lists().next().is_some() {
                self.metrics.count_dynamic_file_failure();
            }
        }
        let mut state = self.state();
        let document = file.as_ref().map_or_else(Document::empty, |file| file.document.clone());
        state.engine.load(BackendMode::DynamicFile, document);
        self.publish(&state);
        if let Some(file) = file.filter(|file| file.document.unreadable_lists().next().is_none()) {
            self.dynamic_file.took_effect(file.version.as_deref(), file.last_updated.as_deref(), log);
        }
        ignored
    }

    /// Switches the chain of backends to what the backend-mode file says, or back to the configured one where there is none.
    ///
    /// # Errors
    /// Where the file is not to be used; the chain stays as it is.
    pub(super) fn load_backend_modes(&self, text: Option<&str>, log: &Log) -> Result<Vec<BackendMode>, Failure> {
        let file = text.map(BackendModeFile::parse).transpose().map_err(Failure::new)?;
        let modes = file.as_ref().map_or_else(|| self.configured.clone(), |file| file.modes.clone());
        let mut state = self.state();
        state.engine.set_modes(modes.iter().copied());
        state.modes.clone_from(&modes);
        self.chain.send_replace(modes.clone());
        self.publish(&state);
        if let Some(file) = file {
            self.backend_modes.took_effect(file.version.as_deref(), file.last_updated.as_deref(), log);
        }
        Ok(modes)
    }

    /// Takes over what a backend that is no file says now, and what is wrong with objects of it that cannot be read.
    pub(super) fn load(&self, mode: BackendMode, document: Document, broken: Vec<Finding>) {
        let mut state = self.state();
        state.engine.load(mode, document);
        state.replace_broken(mode, broken);
        self.publish(&state);
    }

    /// What is wrong with objects of the API server that cannot be read.
    pub(super) fn broken(&self) -> Arc<[(BackendMode, Finding)]> {
        self.state().broken.clone()
    }

    /// The backend counts as not read.
    pub(super) fn forget(&self, mode: BackendMode) {
        let mut state = self.state();
        state.engine.forget(mode);
        state.replace_broken(mode, Vec::new());
        self.publish(&state);
    }

    /// The chain of backends, and how it is switched.
    pub(super) fn chain(&self) -> watch::Receiver<Vec<BackendMode>> {
        self.chain.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, state: &State) {
        let snapshot = state.engine.snapshot();
        let others = state.config.findings.len() + state.broken.len();
        self.metrics.set_mapping_findings(snapshot.findings().count() + others);
        let dynamic = state.modes.contains(&BackendMode::DynamicFile);
        self.metrics.set_dynamic_file(dynamic && state.modes.len() > 1, dynamic && state.modes.len() == 1);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl State {
    fn replace_broken(&mut self, mode: BackendMode, broken: Vec<Finding>) {
        let others = self.broken.iter().filter(|(of, _)| *of != mode).cloned();
        self.broken = others.chain(broken.into_iter().map(|finding| (mode, finding))).collect();
    }
}

fn options(config: &ServerConfig, sso_role_match: bool) -> Options {
    Options { sso_role_match, reserved: config.reserved.clone() }
}

/// Writes findings to the log; gives how many of them say that something is ignored.
pub(super) fn report<'a>(findings: impl Iterator<Item = &'a Finding>, path: &str, log: &Log) -> usize {
    let mut errors = 0;
    for finding in findings {
        errors += usize::from(finding.severity == Severity::Error);
        let level = match finding.severity {
            Severity::Hint => Level::Debug,
            Severity::Warning => Level::Warning,
            _ => Level::Error,
        };
        let mut fields = vec![("code", finding.code.as_str().into())];
        if let Some(span) = finding.span {
            fields.push(("column", u64::from(span.start.column).into()));
            fields.push(("line", u64::from(span.start.line).into()));
        }
        fields.push(("file", path.into()));
        fields.extend(finding.object.as_deref().map(|object| ("object", object.into())));
        log.write(level, &finding.message, &fields);
    }
    errors
}
