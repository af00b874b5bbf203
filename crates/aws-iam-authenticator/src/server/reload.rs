//! Taking over files as they change while the server runs: the mappings of the configuration file, the dynamic file, the
//! backend-mode file, and the certificate.
//!
//! What cannot be taken over changes nothing: the last good state stays, and the log says so.

use super::certificate;
use super::mappings::Mappings;
use super::settings::Settings;
use super::tls::{ServingCertificate, is_trusted_by};
use super::watch::Watch;
use crate::Log;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

/// Files whose changes are taken over together, and what was last read of them.
struct Source {
    what: What,
    files: Vec<PathBuf>,
    /// The [`hash`] of the contents that are in force: one of the files is a key, which has no business in memory here.
    in_force: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Config,
    DynamicFile,
    BackendModes,
    Certificate,
}

pub(super) struct Reload {
    sources: Vec<Source>,
    settings: Arc<Settings>,
    mappings: Arc<Mappings>,
    certificate: Arc<ServingCertificate>,
    log: Arc<Log>,
    /// Listened for from the start: until then SIGHUP would end the program.
    hang_up: HangUp,
}

impl Reload {
    /// `config_file` comes with the [`hash`] of what was read when the program started. The dynamic file and the backend-mode
    /// file are read here for the first time.
    pub(super) fn new(
        config_file: Option<(PathBuf, u64)>,
        settings: &Arc<Settings>,
        mappings: &Arc<Mappings>,
        certificate: &Arc<ServingCertificate>,
        log: &Arc<Log>,
    ) -> Self {
        let mut sources = Vec::new();
        let mut add = |what, files, in_force| sources.push(Source { what, files, in_force });
        if let Some((path, loaded)) = config_file {
            add(What::Config, vec![path], Some(loaded));
        }
        if let Some(path) = &settings.dynamic_file {
            add(What::DynamicFile, vec![path.clone()], None);
        }
        if let Some(path) = &settings.backend_mode_file {
            add(What::BackendModes, vec![path.clone()], None);
        }
        let pair = certificate::paths(settings).to_vec();
        let served = hash(&read(&pair));
        add(What::Certificate, pair, Some(served));
        let mut reload = Self {
            sources,
            settings: settings.clone(),
            mappings: mappings.clone(),
            certificate: certificate.clone(),
            log: log.clone(),
            hang_up: HangUp::new(),
        };
        // Before the first login is answered: what is there counts from the start.
        reload.look();
        reload
    }

    /// Runs for ever: looks at the files when something happened near them, and when told to by SIGHUP.
    pub(super) async fn run(mut self) {
        let files = self.sources.iter().flat_map(|source| source.files.clone()).collect();
        let mut watch = match Watch::new(files) {
            Ok(watch) => Some(watch),
            Err(error) => {
                let fields = [("error", error.to_string().into()), ("remedy", "send SIGHUP after a change".into())];
                self.log.warning("cannot watch files for changes", &fields);
                None
            }
        };
        loop {
            // Before there was a watch something may have changed already.
            self.look();
            let changed = async {
                match &mut watch {
                    Some(watch) => watch.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = self.hang_up.received() => {
                    self.log.info("reloading", &[("signal", "SIGHUP".into())]);
                    self.sources.iter_mut().for_each(|source| source.in_force = None);
                }
            }
        }
    }

    /// Takes over what is other than it was.
    fn look(&mut self) {
        let mut sources = std::mem::take(&mut self.sources);
        for source in &mut sources {
            let mut contents = read(&source.files);
            let found = hash(&contents);
            // A dynamic file that was never there is not read yet, rather than one that maps nobody.
            let awaited = source.what == What::DynamicFile && source.in_force.is_none() && contents == [None];
            if source.in_force != Some(found) && !awaited {
                source.in_force = Some(found);
                let content = contents.swap_remove(0);
                match source.what {
                    What::Certificate => self.take_certificate(),
                    what => self.take_document(what, &source.files[0].display().to_string(), content),
                }
            }
        }
        self.sources = sources;
    }

    fn take_document(&self, what: What, path: &str, content: Option<Vec<u8>>) {
        let file = [("file", path.into())];
        let Ok(text) = content.map(String::from_utf8).transpose() else {
            return self.log.error("the file is not UTF-8; what it last said stays", &file);
        };
        match (what, text) {
            (What::Config, None) => {
                self.log.error("the configuration file cannot be read; its last mappings stay", &file);
            }
            // Somebody is about to write it, or has lost it; nobody removes every mapping in this way.
            (What::Config, Some(text)) if text.trim().is_empty() => {
                self.log.error("the configuration file is empty; its last mappings stay", &file);
            }
            (What::Config, Some(text)) => {
                self.mappings.load_config(&text, path, &self.log);
                self.log.info("reloaded the mappings of the configuration file", &file);
            }
            (What::DynamicFile, text) => {
                self.mappings.load_dynamic_file(text.as_deref(), path, &self.log);
                let there = text.is_some();
                self.log.info(if there { "loaded the dynamic file" } else { "the dynamic file was deleted" }, &file);
            }
            (_, text) => match self.mappings.load_backend_modes(text.as_deref(), &self.log) {
                Ok(modes) => {
                    let modes: Vec<String> = modes.iter().map(ToString::to_string).collect();
                    self.log.info("backend modes", &[("file", path.into()), ("modes", modes.as_slice().into())]);
                }
                Err(failure) => {
                    let fields = [("error", failure.to_string().into()), ("file", path.into())];
                    self.log.error("the backend-mode file is not used; the backends stay as they are", &fields);
                }
            },
        }
    }

    fn take_certificate(&self) {
        let replaced = certificate::load(&self.settings).and_then(|identity| {
            for (position, (kubeconfig, _)) in self.settings.kubeconfigs(self.settings.port).enumerate() {
                // Those of further clusters that somebody else made may be anywhere.
                if position == 0 || !self.settings.kubeconfig_pregenerated || kubeconfig.exists() {
                    is_trusted_by(&kubeconfig, &identity)?;
                }
            }
            self.certificate.replace(&identity)
        });
        match replaced {
            Ok(()) => self.log.info("reloaded the certificate", &[]),
            // The other half of the pair may be on its way; then the next event takes both.
            Err(failure) => {
                let fields = [("error", failure.to_string().into())];
                self.log.error("the certificate is not taken over; the last one stays", &fields);
            }
        }
    }
}

/// The contents of files; nothing for one that is not there.
fn read(files: &[PathBuf]) -> Vec<Option<Vec<u8>>> {
    files.iter().map(|path| fs::read(path).ok()).collect()
}

/// Tells contents apart; nobody gains by making two of them alike.
pub(super) fn hash(contents: &[Option<Vec<u8>>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    hasher.finish()
}

/// SIGHUP, where there is such a thing.
struct HangUp {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl HangUp {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
