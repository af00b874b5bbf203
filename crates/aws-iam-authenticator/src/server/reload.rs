//! Taking over changed files while the server runs: the mappings of the configuration file, and the certificate.
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

pub(super) struct Reload {
    pub(super) config_file: Option<PathBuf>,
    /// The [`hash`] of the configuration file as it was when the program started.
    pub(super) loaded: Option<u64>,
    pub(super) settings: Arc<Settings>,
    pub(super) mappings: Arc<Mappings>,
    pub(super) certificate: Arc<ServingCertificate>,
    pub(super) log: Arc<Log>,
}

/// What was last read, so that an event that changed nothing does nothing. Hashes of it: one of the files is a key.
#[derive(Default)]
struct Seen {
    config: Option<u64>,
    pair: Option<u64>,
}

impl Reload {
    /// Runs for ever: looks at the files when something happened near them, and when told to by SIGHUP.
    pub(super) async fn run(self) {
        let [certificate, key] = certificate::paths(&self.settings);
        let files = self.config_file.iter().cloned().chain([certificate, key]).collect();
        let mut seen = Seen { config: self.loaded, pair: Some(hash(&self.read_pair())) };
        let mut watch = match Watch::new(files) {
            Ok(watch) => Some(watch),
            Err(error) => {
                let fields = [("error", error.to_string().into()), ("remedy", "send SIGHUP after a change".into())];
                self.log.warning("cannot watch files for changes", &fields);
                None
            }
        };
        // Before there was a watch something may have changed already.
        self.look(&mut seen);
        let mut hang_up = HangUp::new();
        loop {
            tokio::select! {
                () = async { match &mut watch { Some(watch) => watch.changed().await, None => std::future::pending().await } } => {}
                () = hang_up.received() => {
                    self.log.info("reloading", &[("signal", "SIGHUP".into())]);
                    seen = Seen::default();
                }
            }
            self.look(&mut seen);
        }
    }

    /// Takes over what is other than it was.
    fn look(&self, seen: &mut Seen) {
        if let Some(path) = &self.config_file {
            let config = fs::read(path).ok();
            if seen.config.replace(hash(&config)) != Some(hash(&config)) {
                self.take_config(&path.display().to_string(), config.as_deref());
            }
        }
        let pair = hash(&self.read_pair());
        if seen.pair.replace(pair) != Some(pair) {
            self.take_certificate();
        }
    }

    fn read_pair(&self) -> [Option<Vec<u8>>; 2] {
        certificate::paths(&self.settings).map(|path| fs::read(path).ok())
    }

    fn take_config(&self, path: &str, content: Option<&[u8]>) {
        let file = [("file", path.into())];
        match content.map(std::str::from_utf8) {
            Some(Ok(text)) => {
                self.mappings.load(text, path, &self.log);
                self.log.info("reloaded the mappings of the configuration file", &file);
            }
            Some(Err(_)) => self.log.error("the configuration file is not UTF-8; its last mappings stay", &file),
            None => self.log.error("the configuration file cannot be read; its last mappings stay", &file),
        }
    }

    fn take_certificate(&self) {
        let replaced = certificate::load(&self.settings).and_then(|identity| {
            is_trusted_by(&self.settings.generate_kubeconfig, &identity)?;
            self.certificate.replace(&identity)
        });
        match replaced {
            Ok(()) => self.log.info("reloaded the certificate", &[]),
            // The other half of the pair may be on its way; then the next event takes both.
            Err(failure) => {
                self.log.error(
                    "the certificate is not taken over; the last one stays",
                    &[("error", failure.to_string().into())],
                );
            }
        }
    }
}

/// Tells contents apart; nobody gains by making two of them alike.
pub(super) fn hash(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
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
        std::future::pending().await
    }
}
