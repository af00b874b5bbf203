//! Waiting until something may have happened to some files.

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long nothing must happen before a change counts as complete.
const PAUSE: Duration = Duration::from_millis(100);
/// How often something may happen within that time before a look is taken all the same.
const MOST_PAUSES: usize = 20;

/// Watches the directories that files are in, not the files: a file that is replaced by rename or, as mounted ConfigMaps are,
/// by swapping a symbolic link above it is another file afterwards. An event says only that it is worth a look; whoever waits
/// compares contents.
pub(super) struct Watch {
    files: Vec<PathBuf>,
    watched: BTreeSet<PathBuf>,
    watcher: RecommendedWatcher,
    events: mpsc::Receiver<()>,
}

impl Watch {
    pub(super) fn new(files: Vec<PathBuf>) -> notify::Result<Self> {
        // One event waits at most: a second one says nothing that the first does not.
        let (happened, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and our own reading must not wake us up.
            if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
                let _ = happened.try_send(());
            }
        })?;
        let mut watch = Self { files, watched: BTreeSet::new(), watcher, events };
        watch.follow();
        Ok(watch)
    }

    /// Waits until one of the files may have changed, and whoever changes it has come to rest.
    pub(super) async fn changed(&mut self) {
        if self.events.recv().await.is_none() {
            // The watcher is gone, and with it the only thing to wait for.
            std::future::pending::<()>().await;
        }
        // A file that is written in place is empty first, and half written next: neither is what its writer means.
        for _ in 0..MOST_PAUSES {
            if tokio::time::timeout(PAUSE, self.events.recv()).await.is_err() {
                break;
            }
        }
        self.follow();
    }

    /// Watches the directories in which the files are now: that of each path, and where symbolic links lead, that too.
    fn follow(&mut self) {
        let mut wanted = BTreeSet::new();
        for file in &self.files {
            wanted.extend(directory(file));
            wanted.extend(fs::canonicalize(file).ok().as_deref().and_then(directory));
        }
        // Those that are watched already too: a directory that was made anew is another one.
        for directory in &wanted {
            // One that is not there cannot be watched, and the one above it is not ours to watch: then SIGHUP is left.
            let _ = self.watcher.watch(directory, RecursiveMode::NonRecursive);
        }
        for directory in self.watched.difference(&wanted) {
            let _ = self.watcher.unwatch(directory);
        }
        self.watched = wanted;
    }
}

fn directory(file: &Path) -> Option<PathBuf> {
    file.parent().map(|parent| if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}
